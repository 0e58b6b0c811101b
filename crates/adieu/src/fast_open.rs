//! TCP Fast Open for the side that connects: the first bytes go with the SYN.
//!
//! With `TCP_FASTOPEN_CONNECT`, Linux claims a connection before the peer has answered. `sendto` with `MSG_FASTOPEN`
//! does not: it sends the SYN at once and says how many bytes went along, and the socket is writable when the peer has
//! answered, as after `connect`. So everything above stays as it is; only these rules are added:
//!
//! - Bytes go with a SYN only while no other attempt is under way, and until it is answered no other begins. The same
//!   bytes are so never with two peers at once. Without a cookie nothing goes along, and then it is a race as ever.
//! - After an answer that is no connection, the next address is tried, with the bytes. After silence none is: the
//!   peer's program may have them.

use crate::carrier::Carrier;
use crate::connecting::{connect_with, write_rest};
use crate::error::ConnectCause;
use crate::handle::Handle;
use crate::link::Link;
use crate::{ConnectError, ConnectOptions, Connection, Endpoint, Event, FastOpen, OptionError, Options, os};
use adieu_proto::{FaultKind, Time};
use socket2::{SockAddr, Socket};
use std::io;

/// What may go with a SYN, and what has gone.
#[derive(Default)]
pub(crate) struct Syn {
    data: Vec<u8>,
    /// How much of it went with the SYN that is not answered yet, or that the connection began with, and when.
    gone: Option<(usize, Time)>,
    /// The session whose first flight the data is.
    pub(crate) session: Option<crate::tls::Session>,
}

/// Connects as [`connect`](crate::connect()) does, by TCP Fast Open: `first` is sent, and as much of it as the peer's
/// cookie and the network allow goes with the SYN. That saves a round trip.
///
/// All of `first` is accepted by our kernel when this returns, as after `write_all`, and counted as what the program
/// wrote; if that fails, the next call on the connection tells. The connection is there only once the peer has answered. The
/// first connection to a peer asks it for a cookie, so Fast Open begins with the second. With TLS it is the ClientHello
/// that goes with the SYN, and `first` follows the handshake. The report's `fastopen` says what it came to.
///
/// # Twice
///
/// If the network duplicates the SYN, the peer's program may receive what went with it twice, on two connections. Use this
/// only where that does no harm. An address that refused is followed by the next, which is sent the same bytes; one that
/// was silent is not, because its program may have them.
///
/// # Errors
///
/// As of [`connect`](crate::connect()); and [`ConnectOptions::check_fast_open`].
///
/// # Platforms
///
/// Linux. Where `net.ipv4.tcp_fastopen` does not allow it to clients, this is an ordinary connect, and the report says so.
///
/// # RFC
///
/// RFC 7413, sections 2.1 and 4.2; tcp(7), `MSG_FASTOPEN` in `Documentation/networking/ip-sysctl.rst`.
pub fn fast_open(
    endpoint: &Endpoint,
    options: &ConnectOptions,
    first: &[u8],
) -> Result<Connection, ConnectError> {
    let mut connection = Connection::new(connect_with(endpoint, &options.0, Some(first))?);
    write_rest(&mut connection, first);
    Ok(connection)
}

impl ConnectOptions {
    /// Whether [`fast_open`](crate::fast_open()) can be had for this endpoint, on this system and with these options.
    ///
    /// It asks this first; it is for telling a mistake from a failure.
    ///
    /// # Errors
    ///
    /// [`OptionError`]: a Unix socket, a system other than Linux, or a proxy.
    pub fn check_fast_open(&self, endpoint: &Endpoint) -> Result<(), OptionError> {
        self.0.check_fast_open(endpoint)
    }
}

impl Options {
    fn check_fast_open(&self, endpoint: &Endpoint) -> Result<(), OptionError> {
        let option = "fastopen";
        match endpoint {
            Endpoint::Unix { .. } | Endpoint::UnixAbstract { .. } => Err(OptionError::Meaningless { option }),
            _ if !cfg!(target_os = "linux") => Err(OptionError::Unavailable { option }),
            _ if self.proxy.is_some() => Err(OptionError::ThroughProxy { option }),
            _ => Ok(()),
        }
    }
}

impl<H: Handle> Link<H> {
    /// The connection is to begin with these bytes.
    pub(crate) fn offer(&mut self, endpoint: &Endpoint, first: &[u8]) -> Result<(), ConnectCause> {
        self.core.handle_input(first.len() as u64);
        self.options.check_fast_open(endpoint).map_err(ConnectCause::Option)?;
        let mut syn = Syn { data: first.to_vec(), ..Syn::default() };
        if let Some(tls) = &self.options.tls {
            // A session that cannot be had is told when there is a connection, as without Fast Open.
            syn.session = tls.session(endpoint.host()).ok();
            syn.data = syn.session.as_mut().map_or_else(Vec::new, |session| {
                session.handshake();
                session.unsent().to_vec()
            });
        }
        self.facts.fast_open = Some(if syn.data.is_empty() { FastOpen::Unused } else { FastOpen::NotSent });
        self.syn = Some(Box::new(syn));
        Ok(())
    }

    /// Connects by a SYN that takes bytes along, if there are any and our system allows it. False: it has to be connected
    /// in the ordinary way.
    pub(crate) fn send_with_syn(&mut self, socket: &Socket, address: &SockAddr) -> io::Result<bool> {
        let at = self.now();
        let Some(syn) = self.syn.as_mut().filter(|syn| !syn.data.is_empty()) else { return Ok(false) };
        let taken = os::send_with_syn(socket, address, &syn.data)?;
        syn.gone = taken.filter(|taken| *taken > 0).map(|taken| (taken, at));
        self.facts.fast_open = Some(match taken {
            None => FastOpen::Unavailable,
            Some(0) => FastOpen::NotSent,
            Some(taken) => FastOpen::Unanswered { bytes: taken as u64 },
        });
        Ok(taken.is_some())
    }

    /// Whether bytes went with a SYN that is not answered yet.
    pub(crate) fn syn_is_out(&self) -> bool {
        self.syn.as_ref().is_some_and(|syn| syn.gone.is_some())
    }

    /// An attempt has failed. True: the peer's program may have the bytes all the same, so no other may be sent them.
    pub(crate) fn is_last_attempt(&mut self, error: &io::Error) -> bool {
        let Some((bytes, _)) = self.syn.as_mut().and_then(|syn| syn.gone.take()) else { return false };
        if os::fault_kind(error) == FaultKind::TimedOut {
            return true;
        }
        self.facts.fast_open = Some(FastOpen::NotAcknowledged { bytes: bytes as u64 });
        false
    }

    /// The peer has answered: what of our SYN's bytes it acknowledged. Gives how many had gone, and when.
    pub(crate) fn note_fast_open(&mut self) -> Option<(usize, Time)> {
        let gone = self.syn.as_ref().and_then(|syn| syn.gone);
        let outcome = match gone.map(|(bytes, _)| bytes as u64) {
            None => self.facts.fast_open?,
            Some(bytes) if self.handle.as_ref().is_some_and(|h| os::syn_data_acknowledged(&h.socket())) => {
                FastOpen::Acknowledged { bytes }
            }
            Some(bytes) => FastOpen::NotAcknowledged { bytes },
        };
        self.facts.fast_open = Some(outcome);
        self.observe(&Event::FastOpen { outcome });
        gone
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Proxy;

    #[test]
    fn what_cannot_have_fast_open_is_told_before_anything_is_done() {
        let options = ConnectOptions::new();
        let said = |options: &ConnectOptions, endpoint: &Endpoint| {
            options.check_fast_open(endpoint).err().map(|error| error.to_string()).unwrap_or_default()
        };
        let tcp = Endpoint::tcp("127.0.0.1", 1);
        assert!(said(&options, &Endpoint::unix("x")).contains("fastopen means nothing for a Unix socket"));
        let proxy: Proxy = "socks5://127.0.0.1:1".parse().expect("a proxy");
        let through = said(&options.clone().proxy(proxy), &tcp);
        if cfg!(target_os = "linux") {
            assert_eq!(said(&options, &tcp), "");
            assert!(through.contains("fastopen cannot be had through a proxy"), "{through}");
        } else {
            assert!(through.contains("not available"), "{through}");
        }
    }
}
