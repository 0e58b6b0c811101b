//! The methods of a connection that never wait: one list for both faces, before and after the half-close, so that no type lacks one.

/// Gives a type whose link stands at a path of its fields the methods that never wait.
macro_rules! methods_of_a_connection {
    ($type:ty: $($link:ident).+) => {
        impl $type {
            /// The connection's number: no other connection of this process has it, whichever face made it. The spans of the feature
            /// `tracing` and [`EndingHandle::id`](crate::EndingHandle::id) have the same.
            pub fn id(&self) -> u64 {
                self.$($link).+.id()
            }

            /// Puts the interrupt off: until `limit` has passed it does not end this connection, half-closed or not.
            ///
            /// It is for a program that gets a signal when its work is done and that only has to tell the peer so. The other
            /// timers go on.
            pub fn defer_interrupt(&mut self, limit: std::time::Duration) {
                self.$($link).+.defer_interrupt(limit);
            }

            /// Closes abortively: the peer sees a reset, and what it has not received is lost.
            ///
            /// # RFC
            ///
            /// RFC 9293, section 3.6 (ABORT call); socket(7), SO_LINGER.
            pub fn abort(mut self) -> crate::Report {
                self.$($link).+.abort()
            }

            /// Closes abortively because the client cannot be served: no upstream can be reached, for example. With TLS on an
            /// accepted connection it first sends the fatal alert `internal_error`, so that the client can tell this from a network
            /// that fails; without, it is [`abort`](Self::abort).
            ///
            /// There is no alert in the middle of a handshake, nor with a configuration of rustls that the program has built, unless its
            /// `enable_secret_extraction` is set. It is not waited for: if our system cannot send it at once, only the reset goes.
            ///
            /// # RFC
            ///
            /// RFC 8446, section 6.2; RFC 5246, section 7.2.2.
            pub fn refuse(mut self) -> crate::Report {
                self.$($link).+.refuse_service()
            }

            /// Closes abortively, and sends these octets right before the reset, as far as our system takes them at once: what a
            /// protocol says to a client that it turns away. They go on the wire as they are, also with TLS, and no report counts them.
            pub fn abort_with(mut self, last_words: impl Into<Box<[u8]>>) -> crate::Report {
                self.$($link).+.abort_with(last_words.into())
            }

            /// What the TLS handshake has agreed on so far. `None`: the connection speaks no TLS.
            pub fn tls(&self) -> Option<crate::tls::Negotiated<'_>> {
                self.$($link).+.facts.tls.as_deref().map(crate::tls::TlsFacts::negotiated)
            }

            /// A handle that gives the report however this connection ends: closed, dropped, aborted, or by a timer while other
            /// code holds it. The connection may be given away afterwards.
            ///
            /// It costs an allocation when it is asked for, and nothing otherwise.
            pub fn ending_handle(&self) -> crate::EndingHandle {
                self.$($link).+.ending_handle()
            }

            /// Notes that the program has seen the end mark of the peer's stream; see
            /// [`expect_end_mark`](crate::ConnectOptions::expect_end_mark).
            pub fn mark_end(&mut self) {
                self.$($link).+.core.handle_end_mark();
            }

            /// The socket, for calls that this type does not have. Do not read or write through it: the report would be untrue.
            ///
            /// `None`: the connection has ended (a timer, a reset, the interrupt) and is closed.
            pub fn socket(&self) -> Option<crate::os::Pollable<'_>> {
                self.$($link).+.handle.as_ref().map(crate::handle::Handle::pollable)
            }

            /// The transport: `tcp`, `mptcp` or `unix`.
            pub fn transport(&self) -> crate::Transport {
                self.$($link).+.facts.transport.unwrap_or(crate::Transport::Tcp)
            }

            /// Our address. `None`: it has none, or the system did not say.
            pub fn local_address(&self) -> Option<&crate::Address> {
                self.$($link).+.facts.local_address.as_ref()
            }

            /// The peer's address. `None`: it has none, or the system did not say.
            pub fn peer_address(&self) -> Option<&crate::Address> {
                self.$($link).+.facts.peer_address.as_ref()
            }

            /// Our IP address and port. `None`: a Unix socket has none, or the system did not say. Once connected it stays,
            /// also after the end.
            pub fn local_addr(&self) -> Option<std::net::SocketAddr> {
                self.local_address().and_then(crate::Address::socket_addr)
            }

            /// The peer's IP address and port: through a proxy, the proxy's. `None`: a Unix socket has none, or the system did
            /// not say. Once connected it stays, also after the end.
            pub fn peer_addr(&self) -> Option<std::net::SocketAddr> {
                self.peer_address().and_then(crate::Address::socket_addr)
            }

            /// How many bytes have been read, accepted, received and so on so far.
            pub fn counts(&self) -> adieu_proto::Counts {
                self.$($link).+.core.counts()
            }
        }
    };
}

pub(crate) use methods_of_a_connection;
