//! What bounds a connection, who watches it and what may interrupt it.

use crate::socket_options::{KeepAlive, SocketOptions};
use crate::{Endpoint, Event, Interrupt, IpVersion, OptionError, Proxy};
use adieu_proto::{InputGrace, InputSilence};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use std::{fmt, sync::Arc};

/// How an [exchange](crate::exchange()) moves bytes. It changes the speed and nothing else: counts, timers and endings
/// are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum DataPath {
    /// The fastest way for the two ends, once there are more than a few bytes.
    #[default]
    Auto,
    /// Reading and writing through a buffer, everywhere.
    Portable,
    /// The fastest way for the two ends from the first byte on.
    Direct,
}

impl DataPath {
    /// From how many bytes on a direct way is taken. `None`: never.
    pub(crate) const fn direct_from(self) -> Option<u64> {
        match self {
            // Setting it up costs a few system calls, which a tiny exchange does not pay for.
            Self::Auto => Some(64 * 1024),
            Self::Portable => None,
            Self::Direct => Some(0),
        }
    }
}

type Observer = Arc<dyn Fn(Duration, &Event<'_>) + Send + Sync>;

/// How a connection is made and bounded. The same for the blocking and the async driver.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// let options = adieu::Options::new().idle_timeout(Duration::from_secs(10)).deadline(Duration::from_secs(60));
/// ```
#[derive(Clone, Default)]
pub struct Options {
    pub(crate) timers: adieu_proto::Config,
    pub(crate) deadline_at: Option<Instant>,
    pub(crate) observer: Option<Observer>,
    pub(crate) interrupt: Option<Interrupt>,
    pub(crate) data_path: DataPath,
    pub(crate) tls: Option<crate::tls::Config>,
    pub(crate) socket: SocketOptions,
    pub(crate) proxy: Option<Arc<Proxy>>,
}

impl Options {
    /// The defaults: 30 s to connect, a dead peer noticed within about two and a half minutes, and no other time limit: no
    /// idle timeout, no deadline, and a silent input is waited for.
    pub fn new() -> Self {
        Self::default()
    }

    /// Bounds connecting, name resolution and TLS handshake included; of a connection that a
    /// [`Listener`](crate::Listener) accepted, the TLS handshake alone. `None`: as long as the system takes, and a
    /// handshake for ever. Default: 30 s.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.timers.connect_timeout = timeout.into();
        self
    }

    /// Ends the connection when the peer sent nothing, took nothing and acknowledged nothing for this long
    /// while we waited for it, in a TLS handshake too. Our own silent input or blocked output does not count.
    ///
    /// What is to be sent counts by itself: a peer that takes and acknowledges nothing of it for this long ends the connection,
    /// although it may go on talking. But it may be silent for as long as it takes or acknowledges something.
    /// Default: none.
    #[must_use]
    pub fn idle_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.timers.idle_timeout = timeout.into();
        self
    }

    /// Ends the connection when so much time has passed since connecting began, whatever happens. Default: none.
    #[must_use]
    pub fn deadline(mut self, deadline: impl Into<Option<Duration>>) -> Self {
        self.timers.deadline = deadline.into();
        self
    }

    /// Ends every connection at this moment, however late it began, whatever happens: one deadline for several. A wait between
    /// them, such as [`Listener::accept`](crate::Listener::accept), is not bounded by it. The earlier of this and [`deadline`](Self::deadline) counts. Default: none.
    #[must_use]
    pub fn deadline_at(mut self, moment: impl Into<Option<Instant>>) -> Self {
        self.deadline_at = moment.into();
        self
    }

    /// In an [exchange](crate::exchange()), once the peer has ended its side: an input that is silent for this long counts
    /// as ended. `None`: its own end is waited for. Default: none.
    ///
    /// Ask for it only if the silence means that there is nothing more to send: the ending is then
    /// [`Graceful`](crate::Ending::Graceful), and [`Report::input_abandoned`](crate::Report::input_abandoned) says so.
    #[must_use]
    pub fn input_grace(mut self, grace: impl Into<Option<Duration>>) -> Self {
        self.timers.input_grace = grace.into().map(InputGrace::ends);
        self
    }

    /// In an [exchange](crate::exchange()), once the peer has ended its side: an input that is silent for this long is given
    /// up. The peer sees a reset, after what was sent is delivered, and the ending is
    /// [`Indeterminate`](crate::Ending::Indeterminate): nobody knows what the input would have given. `None`: its own end is
    /// waited for. Default: none. It replaces [`input_grace`](Self::input_grace).
    #[must_use]
    pub fn give_up_input_after(mut self, silence: impl Into<Option<Duration>>) -> Self {
        self.timers.input_grace = silence.into().map(InputGrace::gives_up);
        self
    }

    /// In an [exchange](crate::exchange()) whose input ends without a byte: our sending side stays open until the peer has
    /// ended its own, or has sent nothing for this long. So a peer that stops at our FIN is not cut, and our FIN says that its
    /// bytes were taken. `None`: it is shut down at the input's end. Default: none.
    #[must_use]
    pub fn peer_grace(mut self, silence: impl Into<Option<Duration>>) -> Self {
        self.timers.peer_grace = silence.into();
        self
    }

    /// Ends the connection if no byte has passed in either direction for this long since it was there: whoever connects and
    /// says nothing holds no place of a service. Default: none.
    #[must_use]
    pub fn first_byte_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.timers.first_byte_timeout = timeout.into();
        self
    }

    /// In an [exchange](crate::exchange()), whose silence it is, for the [idle timeout](Self::idle_timeout), if the input and
    /// the peer both say nothing. Default: [`InputSilence::Ours`].
    #[must_use]
    pub fn input_silence(mut self, whose: InputSilence) -> Self {
        self.timers.input_silence = whose;
        self
    }

    /// The stream has an end mark of its own; an EOF before
    /// [`mark_end`](crate::HalfClosed::mark_end) is [`Truncated`](crate::Ending::Truncated).
    #[must_use]
    pub fn expect_end_mark(mut self) -> Self {
        self.timers.end_mark = true;
        self
    }

    /// Calls `observer` with each step and the time since the start, on the thread that makes the step.
    #[must_use]
    pub fn observer(mut self, observer: impl Fn(Duration, &Event<'_>) + Send + Sync + 'static) -> Self {
        self.observer = Some(Arc::new(observer));
        self
    }

    /// How an [exchange](crate::exchange()) moves bytes. Default: [`DataPath::Auto`].
    #[must_use]
    pub fn data_path(mut self, path: DataPath) -> Self {
        self.data_path = path;
        self
    }

    /// Speaks TLS on every connection, as the connecting or the listening side.
    ///
    /// [`connect`](crate::connect()) makes the handshake, within the connect timeout. A [`Listener`](crate::Listener)
    /// does not wait for it: the first call on the connection that it gives makes it, so a slow client holds up nobody
    /// else. It has the connect timeout for that, counted from when it was accepted.
    #[must_use]
    pub fn tls(mut self, tls: impl Into<crate::tls::Config>) -> Self {
        self.tls = Some(tls.into());
        self
    }

    /// Of a connection that begins at `start`: its deadline, if [`deadline_at`](Self::deadline_at) is the earlier.
    pub(crate) fn begin(&mut self, start: Instant) {
        let left = self.deadline_at.map(|moment| moment.saturating_duration_since(start));
        self.timers.deadline = [self.timers.deadline, left].into_iter().flatten().min();
    }

    /// What the core is told.
    pub(crate) fn core_config(&self, role: crate::Role) -> adieu_proto::Config {
        let mut config = self.timers.clone();
        // Who wants the kernel to try for longer wants us to let it.
        if self.socket.user_timeout > config.dead_peer {
            config.dead_peer = None;
        }
        // Where only the way to a proxy is secured, its end is all there is.
        let is_secure = |proxy: &Arc<Proxy>| role == crate::Role::Connect && proxy.is_secure();
        let end_mark = match &self.tls {
            Some(tls) => tls.eof() == crate::tls::Eof::Require,
            None => self.proxy.as_ref().is_some_and(is_secure),
        };
        adieu_proto::Config { end_mark: config.end_mark || end_mark, ..config }
    }

    /// Lets `interrupt` stop the connection in whatever it waits for.
    #[must_use]
    pub fn interrupt(mut self, interrupt: &Interrupt) -> Self {
        self.interrupt = Some(interrupt.clone());
        self
    }
}

impl Options {
    /// Connects through this proxy. The report names it, and its address is then the peer's. Nothing for a listener.
    ///
    /// Its handshake counts as connecting, so the connect timeout bounds it, and its refusal is a
    /// [`ConnectCause::Proxy`](crate::ConnectCause::Proxy). What it sends after its reply is the stream's.
    #[must_use]
    pub fn proxy(mut self, proxy: impl Into<Option<Proxy>>) -> Self {
        self.proxy = proxy.into().map(Arc::new);
        self
    }
}

/// What is asked of the socket. Each is set before connecting, or on the listening socket, whose connections inherit it; if
/// it cannot be, that is an [`OptionError`] and nothing is connected. They mean nothing for a Unix socket, but for the
/// buffers.
impl Options {
    /// Connects from this address of ours, and from this port; 0 lets the system choose. Nothing for a listener.
    ///
    /// A link-local address needs its zone, the scope of a [`SocketAddrV6`](std::net::SocketAddrV6).
    ///
    /// Only peers of the same IP version can then be connected to. `0.0.0.0` and `::` are any address of ours. An address
    /// that the system takes and then replaces (a network's broadcast address on Linux) is refused. `SO_REUSEADDR` is set for a port: it may still be in
    /// TIME-WAIT.
    #[must_use]
    pub fn source(mut self, address: impl Into<SocketAddr>) -> Self {
        self.socket.source = Some(address.into());
        self
    }

    /// Goes through this network interface alone, such as `eth0`.
    ///
    /// # Platforms
    ///
    /// Linux. socket(7), SO_BINDTODEVICE.
    #[must_use]
    pub fn interface(mut self, name: impl Into<String>) -> Self {
        self.socket.interface = Some(name.into());
        self
    }

    /// Uses only addresses of this IP version. `None`, the default: both. A listener on `::` for IPv6 alone takes no clients
    /// over IPv4.
    #[must_use]
    pub fn ip_version(mut self, version: impl Into<Option<IpVersion>>) -> Self {
        self.socket.ip_version = version.into();
        self
    }

    /// Asks the peer's system whether it lives after so much silence, in whole seconds; `None`: never. Default: 30 s.
    ///
    /// It is asked thirteen times, 10 s apart, before the connection is given up, so that an outage of two minutes is survived.
    /// After less silence than by default it is asked six times, at most 10 s apart.
    ///
    /// # RFC
    ///
    /// RFC 9293, section 3.8.4; tcp(7), TCP_KEEPIDLE.
    #[must_use]
    pub fn keep_alive(mut self, after: impl Into<Option<Duration>>) -> Self {
        self.socket.keep_alive = Some(after.into().map_or(KeepAlive::Off, KeepAlive::After));
        self
    }

    /// Lets the kernel give the connection up when the peer has acknowledged nothing for so long while something was
    /// outstanding.
    ///
    /// On Linux it also ends a connection whose living peer keeps its window closed; see
    /// [`idle_timeout`](Self::idle_timeout) for a time limit that knows the difference. One that is longer than it takes to
    /// notice a dead peer leaves noticing it to the kernel.
    ///
    /// # Platforms
    ///
    /// Linux. RFC 5482; tcp(7), TCP_USER_TIMEOUT.
    #[must_use]
    pub fn user_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.socket.user_timeout = timeout.into();
        self
    }

    /// Whether small pieces are sent at once, without Nagle's algorithm. Default: yes.
    ///
    /// # RFC
    ///
    /// RFC 9293, section 3.7.4; tcp(7), TCP_NODELAY.
    #[must_use]
    pub fn no_delay(mut self, on: bool) -> Self {
        self.socket.no_delay = Some(on);
        self
    }

    /// The size of our kernel's send buffer in bytes. `None`, the default: as the system tunes it.
    ///
    /// A system that makes it smaller than asked for refuses it.
    #[must_use]
    pub fn send_buffer(mut self, size: impl Into<Option<usize>>) -> Self {
        self.socket.send_buffer = size.into();
        self
    }

    /// The size of our kernel's receive buffer in bytes. `None`, the default: as the system tunes it.
    ///
    /// A system that makes it smaller than asked for refuses it.
    #[must_use]
    pub fn receive_buffer(mut self, size: impl Into<Option<usize>>) -> Self {
        self.socket.receive_buffer = size.into();
        self
    }

    /// The type-of-service byte of our packets (IPv6: the traffic class). A DSCP is its upper six bits; the lower two are
    /// ECN's, and not to be set.
    ///
    /// # Platforms
    ///
    /// Unix. RFC 2474; ip(7), IP_TOS.
    #[must_use]
    pub fn tos(mut self, tos: impl Into<Option<u8>>) -> Self {
        self.socket.tos = tos.into();
        self
    }

    /// How many hops our packets may take, from 1 to 255. `None`, the default: as the system has it.
    #[must_use]
    pub fn ttl(mut self, hops: impl Into<Option<u8>>) -> Self {
        self.socket.ttl = hops.into();
        self
    }

    /// Speaks Multipath TCP with a peer that speaks it too, and plain TCP otherwise. The report's transport says which it
    /// was: `mptcp` or `tcp`.
    ///
    /// # Platforms
    ///
    /// Linux. RFC 8684; it must be on (`net.mptcp.enabled`).
    #[must_use]
    pub fn mptcp(mut self, on: bool) -> Self {
        self.socket.mptcp = on;
        self
    }

    /// Lets a listener take data that comes with a client's SYN (TCP Fast Open), from so many clients at a time that have
    /// not finished their handshake. Nothing for connecting, which has [`fast_open`](crate::fast_open()).
    ///
    /// # Platforms
    ///
    /// Linux, where `net.ipv4.tcp_fastopen` allows it to servers. RFC 7413; tcp(7), TCP_FASTOPEN.
    #[must_use]
    pub fn fast_open(mut self, queue: impl Into<Option<u32>>) -> Self {
        self.socket.fast_open = queue.into();
        self
    }

    /// Whether what was asked for can mean anything for this endpoint on this system.
    ///
    /// [`connect`](crate::connect()) and [`Listener::bind`](crate::Listener::bind) ask it first; it is for telling a
    /// mistake from a failure.
    ///
    /// # Errors
    ///
    /// [`OptionError`] names the option.
    pub fn check(&self, endpoint: &Endpoint) -> Result<(), OptionError> {
        if endpoint.host().is_none() && self.tls.as_ref().is_some_and(crate::tls::Config::needs_host) {
            return Err(OptionError::NoServerName);
        }
        // Of a proxy, it is the way to the proxy that they are for.
        let host = self.proxy.as_ref().map(|proxy| proxy.host()).or(endpoint.host());
        self.socket.check(endpoint, host)
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("timers", &self.timers)
            .field("socket", &self.socket)
            .field("proxy", &self.proxy)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use adieu_proto::Config;

    #[test]
    fn a_long_user_timeout_leaves_a_dead_peer_to_the_kernel() {
        let dead_peer = |options: Options| options.core_config(crate::Role::Connect).dead_peer;
        let short = Options::new().user_timeout(Duration::from_secs(30));
        let long = Options::new().user_timeout(Config::DEAD_PEER * 2);
        assert_eq!(dead_peer(Options::new()), Some(Config::DEAD_PEER));
        assert_eq!((dead_peer(short), dead_peer(long)), (Some(Config::DEAD_PEER), None));
    }
}
