//! The socket options that a user can ask for. `apply` sets them.

use crate::os::{AsPollable, Pollable};
use socket2::Socket;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io};

/// Which IP a connection may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IpVersion {
    /// IPv4 alone.
    V4,
    /// IPv6 alone.
    V6,
}

impl IpVersion {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        }
    }

    pub(crate) const fn of(address: &SocketAddr) -> Self {
        if address.is_ipv4() { Self::V4 } else { Self::V6 }
    }
}

/// Whether a silent peer's system is asked if it lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeepAlive {
    Off,
    /// After so much silence.
    After(Duration),
}

/// What is asked of a socket. Nothing, by default.
///
/// Each option is set before connecting, or on the listening socket, whose connections inherit it; if it cannot be, that is an
/// [`OptionError`](crate::OptionError) and nothing is connected. They mean nothing for a Unix socket, but for the buffers.
///
/// # Examples
///
/// ```
/// use adieu::{ConnectOptions, SocketOptions};
///
/// let options = ConnectOptions::new().socket(SocketOptions::new().no_delay(false).ttl(5));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use]
pub struct SocketOptions {
    pub(crate) source: Option<SocketAddr>,
    pub(crate) interface: Option<String>,
    pub(crate) ip_version: Option<IpVersion>,
    pub(crate) keep_alive: Option<KeepAlive>,
    /// See [`ConnectOptions::for_relay`](crate::ConnectOptions::for_relay).
    pub(crate) is_for_relay: bool,
    pub(crate) user_timeout: Option<Duration>,
    pub(crate) no_delay: Option<bool>,
    pub(crate) send_buffer: Option<usize>,
    pub(crate) receive_buffer: Option<usize>,
    pub(crate) tos: Option<u8>,
    pub(crate) ttl: Option<u8>,
    pub(crate) mptcp: bool,
    pub(crate) fast_open: Option<u32>,
    pub(crate) broadcast: bool,
    pub(crate) prepare: Option<Prepare>,
}

/// What a program does itself with each socket that is opened.
#[derive(Clone)]
pub(crate) struct Prepare(Arc<dyn Fn(Pollable<'_>) -> io::Result<()> + Send + Sync>);

impl Prepare {
    pub(super) fn run(&self, socket: &Socket) -> io::Result<()> {
        (self.0)(socket.as_pollable())
    }
}

impl PartialEq for Prepare {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Prepare {}

impl fmt::Debug for Prepare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Prepare")
    }
}

impl SocketOptions {
    /// Nothing: the defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Goes through this network interface alone, such as `eth0`.
    ///
    /// # Platforms
    ///
    /// Linux. socket(7), SO_BINDTODEVICE.
    pub fn interface(mut self, name: impl Into<String>) -> Self {
        self.interface = Some(name.into());
        self
    }

    /// Uses only addresses of this IP version. `None`, the default: both. A listener on `::` for IPv6 alone takes no clients
    /// over IPv4.
    pub fn ip_version(mut self, version: impl Into<Option<IpVersion>>) -> Self {
        self.ip_version = version.into();
        self
    }

    /// Sends TCP keep-alive probes when the peer has been silent for this long, in whole seconds. `None`: never. Default: 30 s.
    ///
    /// The connection is given up after thirteen unanswered probes, 10 s apart, so it survives an outage of two minutes. With a
    /// shorter time than the default there are six probes, at most 10 s apart.
    ///
    /// # RFC
    ///
    /// RFC 9293, section 3.8.4; tcp(7), TCP_KEEPIDLE.
    pub fn keep_alive(mut self, after: impl Into<Option<Duration>>) -> Self {
        self.keep_alive = Some(after.into().map_or(KeepAlive::Off, KeepAlive::After));
        self
    }

    /// Lets the kernel give the connection up when sent bytes have been unacknowledged for this long.
    ///
    /// On Linux it also ends a connection whose living peer keeps its window closed; see
    /// [`idle_timeout`](crate::Limits::idle_timeout) for a time limit that knows the difference. If this time is longer than adieu
    /// takes to notice a dead peer, noticing it is left to the kernel.
    ///
    /// # Platforms
    ///
    /// Linux. RFC 5482; tcp(7), TCP_USER_TIMEOUT.
    pub fn user_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.user_timeout = timeout.into();
        self
    }

    /// Whether small pieces are sent at once, without Nagle's algorithm. Default: yes.
    ///
    /// # RFC
    ///
    /// RFC 9293, section 3.7.4; tcp(7), TCP_NODELAY.
    pub fn no_delay(mut self, on: bool) -> Self {
        self.no_delay = Some(on);
        self
    }

    /// The size of our kernel's send buffer in bytes. `None`, the default: as the system tunes it.
    ///
    /// A system that makes it smaller than asked for refuses it.
    pub fn send_buffer(mut self, size: impl Into<Option<usize>>) -> Self {
        self.send_buffer = size.into();
        self
    }

    /// The size of our kernel's receive buffer in bytes. `None`, the default: as the system tunes it.
    ///
    /// A system that makes it smaller than asked for refuses it.
    pub fn receive_buffer(mut self, size: impl Into<Option<usize>>) -> Self {
        self.receive_buffer = size.into();
        self
    }

    /// The type-of-service byte of our packets (IPv6: the traffic class). A DSCP is its upper six bits; the lower two are
    /// ECN's, and not to be set.
    ///
    /// # Platforms
    ///
    /// Unix. RFC 2474; ip(7), IP_TOS.
    pub fn tos(mut self, tos: impl Into<Option<u8>>) -> Self {
        self.tos = tos.into();
        self
    }

    /// How many hops our packets may take, from 1 to 255. `None`, the default: as the system has it.
    pub fn ttl(mut self, hops: impl Into<Option<u8>>) -> Self {
        self.ttl = hops.into();
        self
    }

    /// Speaks Multipath TCP with a peer that speaks it too, and plain TCP otherwise. The report's transport says which it
    /// was: `mptcp` or `tcp`.
    ///
    /// # Platforms
    ///
    /// Linux. RFC 8684; it must be on (`net.mptcp.enabled`).
    pub fn mptcp(mut self, on: bool) -> Self {
        self.mptcp = on;
        self
    }

    /// Allows datagrams of UDP to the broadcast address of a network, which the system otherwise refuses to send. Answers come from
    /// the addresses of those who got them, so an exchange with one peer takes none of them. It means nothing for a stream.
    ///
    /// # RFC
    ///
    /// RFC 919; socket(7), SO_BROADCAST.
    pub fn broadcast(mut self, on: bool) -> Self {
        self.broadcast = on;
        self
    }

    /// Calls `prepare` with each socket that is opened, before it is bound or connected: for an option that has no method here. A
    /// listener's own socket is one, and what it accepts has the options from it.
    ///
    /// If it fails, that is the system's failure to give a socket: this address is not connected to, or not listened on.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(target_os = "linux")]
    /// # fn main() -> std::io::Result<()> {
    /// use adieu::{ConnectOptions, SocketOptions};
    /// use socket2::SockRef;
    ///
    /// let asked = SocketOptions::new().prepare(|socket| SockRef::from(&socket).set_mark(7));
    /// let options = ConnectOptions::new().socket(asked);
    /// # Ok(())
    /// # }
    /// # #[cfg(not(target_os = "linux"))]
    /// # fn main() {}
    /// ```
    pub fn prepare(
        mut self,
        prepare: impl Fn(Pollable<'_>) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        self.prepare = Some(Prepare(Arc::new(prepare)));
        self
    }
}
