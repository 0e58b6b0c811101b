//! The options of a connection: for connecting, for listening, its time limits, and the options of its socket.
//!
//! A user writes [`ConnectOptions`] or [`ListenOptions`]. Each has only the options that mean something for its side. Inside,
//! both become [`Options`], the options of one connection.

mod apply;
mod exchange;
mod limits;
mod socket;

use crate::handle::Handle;
use crate::{Endpoint, Event, Interrupt, Proxy, Role, TlsSetupError, tls};
pub(crate) use apply::{OpenError, Purpose, set_options};
pub use apply::{OptionError, UnsuitedError};
pub(crate) use exchange::Tap;
pub use exchange::{AtInputEnd, ExchangeOptions, Way};
pub use limits::Limits;
pub(crate) use socket::KeepAlive;
pub use socket::{IpVersion, SocketOptions};
use std::net::{IpAddr, SocketAddr};
use std::ops::{Deref, DerefMut};
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
    /// The fastest way for the two ends from the first byte on. The async face refuses it with
    /// [`OptionError::NotOnTokio`]: it moves bytes through a buffer, whatever they go to.
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

/// How a connection is made that this side begins. The same for the blocking and the async face.
///
/// # Examples
///
/// ```
/// use adieu::{ConnectOptions, Limits};
/// use std::time::Duration;
///
/// let options = ConnectOptions::new().limits(Limits::new().deadline(Duration::from_secs(60)));
/// ```
#[derive(Clone, Default)]
#[must_use]
pub struct ConnectOptions(pub(crate) Options);

impl ConnectOptions {
    /// Speaks TLS on the connection. [`connect`](crate::connect()) makes the handshake, within the connect timeout.
    ///
    /// The configuration of a listener does not fit:
    ///
    /// ```compile_fail,E0308
    /// let server = adieu::tls::Server::self_signed().build()?;
    /// let options = adieu::ConnectOptions::new().tls(server);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg_attr(docsrs, doc(cfg(feature = "tls-core")))]
    pub fn tls(mut self, tls: crate::tls::ClientConfig) -> Self {
        self.0.tls = Some(tls.into());
        self
    }

    /// The connection is for a [relay](crate::tokio::relay()), of which most are over in no time. The default of
    /// [`SocketOptions::keep_alive`] is left to the relay, which sets it once it has lasted for a second. And a connection that is there
    /// as soon as it was asked for, as on the loopback interface, is not waited for. All connections with these options are to this
    /// endpoint: what follows from it is known once for all of them. What is asked of the socket, and the proxy, come before.
    #[doc(hidden)]
    pub fn for_relay(mut self, endpoint: &Endpoint) -> Self {
        self.0.socket.is_for_relay = true;
        self.0.only_to = Some(Arc::new(OnlyTo {
            text: endpoint.to_string().into(),
            ip: endpoint.host().and_then(|host| host.parse().ok()),
            suits_socket: self.0.check_socket(endpoint).is_ok(),
        }));
        self
    }

    /// The first bytes follow as soon as there is a connection. So the acknowledgement of the peer's SYN waits for them: that spares a
    /// packet, and the peer a program that is woken for a connection without anything to read. Through a proxy, and with TLS, whose
    /// handshakes speak first, nothing is different.
    ///
    /// # Platforms
    ///
    /// Linux: tcp(7), TCP_QUICKACK; `tcp_rcv_synsent_state_process`, which waits 200 ms at most.
    #[doc(hidden)]
    pub fn speaking_at_once(mut self) -> Self {
        self.0.speaks_at_once = true;
        self
    }

    /// Connects through this proxy. The report names it, and its address is then the peer's.
    ///
    /// Its handshake counts as connecting, so the connect timeout bounds it, and its refusal is a
    /// [`ConnectCause::Proxy`](crate::ConnectCause::Proxy). What it sends after its reply is the stream's.
    pub fn proxy(mut self, proxy: impl Into<Option<Proxy>>) -> Self {
        self.0.proxy = proxy.into().map(Arc::new);
        self
    }

    /// Tries these addresses instead of resolving the name of the endpoint's host. The endpoint says the port, and still the name
    /// that a certificate must be for. Connecting to many ports of one host then resolves its name once.
    ///
    /// Without any address the name is resolved, as by default. For a Unix socket it means nothing. A proxy that resolves names
    /// itself is still told the name.
    pub fn addresses(mut self, addresses: impl Into<Arc<[SocketAddr]>>) -> Self {
        self.0.addresses =
            Some(addresses.into()).filter(|addresses: &Arc<[SocketAddr]>| !addresses.is_empty());
        self
    }

    /// Connects from this address of ours, and from this port; 0 lets the system choose.
    ///
    /// A link-local address needs its zone, the scope of a [`SocketAddrV6`](std::net::SocketAddrV6).
    ///
    /// Only peers of the same IP version can then be connected to. `0.0.0.0` and `::` are any address of ours. An address
    /// that the system takes and then replaces (a network's broadcast address on Linux) is refused. `SO_REUSEADDR` is set for a port: it may still be in
    /// TIME-WAIT.
    pub fn source(mut self, address: impl Into<SocketAddr>) -> Self {
        self.0.socket.source = Some(address.into());
        self
    }

    /// Sends these octets first: before a TLS handshake, and before anything of the stream, which they are no part of. The report
    /// counts none of them. A header of the PROXY protocol is an example.
    ///
    /// They are sent by one call when the connection is there, so they have to fit into the socket's send buffer; a few kilobytes
    /// always do. Nothing goes with a SYN then.
    pub fn preface(mut self, octets: impl Into<Arc<[u8]>>) -> Self {
        self.0.preface = Some(octets.into()).filter(|octets: &Arc<[u8]>| !octets.is_empty());
        self
    }

    /// Whether [`fast_open`](crate::fast_open()) can be had for this endpoint, on this system and with these options.
    ///
    /// `fast_open` checks this first; ask for it yourself to tell a mistake of the user from a failure.
    ///
    /// # Errors
    ///
    /// [`OptionError`]: a Unix socket, a system other than Linux, or a proxy.
    pub fn check_fast_open(&self, endpoint: &Endpoint) -> Result<(), OptionError> {
        self.0.check_fast_open(endpoint)
    }
}

/// How connections are made that other sides begin: what a listener has, and each connection that it accepts. The same for the
/// blocking and the async face.
///
/// # Examples
///
/// ```
/// use adieu::{Limits, ListenOptions};
/// use std::time::Duration;
///
/// let options = ListenOptions::new().limits(Limits::new().first_byte_timeout(Duration::from_secs(60)));
/// ```
#[derive(Clone, Default)]
#[must_use]
pub struct ListenOptions(pub(crate) Options);

impl ListenOptions {
    /// Speaks TLS on every connection.
    ///
    /// A [`Listener`](crate::Listener) does not wait for the handshake: the first call on the connection that it gives
    /// makes it, so a slow client holds up nobody else. It has the connect timeout for that, counted from when it was
    /// accepted.
    ///
    /// The configuration of a client does not fit:
    ///
    /// ```compile_fail,E0308
    /// let client = adieu::tls::Client::new().insecure().build()?;
    /// let options = adieu::ListenOptions::new().tls(client);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg_attr(docsrs, doc(cfg(feature = "tls-core")))]
    pub fn tls(mut self, tls: crate::tls::ServerConfig) -> Self {
        self.0.tls = Some(tls.into());
        self
    }

    /// Lets a listener take data that comes with a client's SYN (TCP Fast Open). `queue` limits how many such clients may have
    /// an unfinished TCP handshake at the same time.
    ///
    /// # Platforms
    ///
    /// Linux, where `net.ipv4.tcp_fastopen` allows it to servers. RFC 7413; tcp(7), TCP_FASTOPEN.
    pub fn fast_open_queue(mut self, queue: impl Into<Option<u32>>) -> Self {
        self.0.socket.fast_open = queue.into();
        self
    }
}

/// What the options of both sides have: written once.
macro_rules! common_options {
    ($side:ident) => {
        impl $side {
            /// The defaults: those of [`Limits`] and [`SocketOptions`], and nobody who watches.
            pub fn new() -> Self {
                Self::default()
            }

            /// What bounds each connection in time.
            pub fn limits(mut self, limits: Limits) -> Self {
                let end_mark = self.0.timers.end_mark;
                self.0.timers = adieu_proto::Config { end_mark, ..limits.timers };
                self.0.deadline_at = limits.deadline_at;
                self
            }

            /// What is asked of the socket.
            pub fn socket(mut self, asked: SocketOptions) -> Self {
                let SocketOptions { source, fast_open, is_for_relay, .. } = self.0.socket;
                self.0.socket = SocketOptions { source, fast_open, is_for_relay, ..asked };
                self
            }

            /// The stream has an end mark of its own; an EOF before
            /// [`mark_end`](crate::HalfClosed::mark_end) is [`Truncated`](crate::Ending::Truncated).
            pub fn expect_end_mark(mut self) -> Self {
                self.0.timers.end_mark = true;
                self
            }

            /// Calls `observer` with each step and the time since the start, on the thread that makes the step. If it panics,
            /// so does the call that made the step; but while the connection is dropped, it is closed and told all the same.
            pub fn observer(
                mut self,
                observer: impl Fn(Duration, &Event<'_>) + Send + Sync + 'static,
            ) -> Self {
                self.0.observer = Some(Arc::new(observer));
                self
            }

            /// How an [exchange](crate::exchange()) moves bytes. Default: [`DataPath::Auto`].
            pub fn data_path(mut self, path: DataPath) -> Self {
                self.0.data_path = path;
                self
            }

            /// Lets `interrupt` stop the connection in whatever it waits for.
            pub fn interrupt(mut self, interrupt: &Interrupt) -> Self {
                self.0.interrupt = Some(interrupt.clone());
                self
            }

            /// Checks that these options make sense for this endpoint on this system. Connecting and binding check this first;
            /// ask for it yourself to tell a mistake of the user from a failure.
            ///
            /// # Errors
            ///
            /// [`OptionError`] names the option.
            pub fn check(&self, endpoint: &Endpoint) -> Result<(), OptionError> {
                self.0.check(endpoint)
            }
        }

        impl fmt::Debug for $side {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_tuple(stringify!($side)).field(&self.0).finish()
            }
        }
    };
}

common_options!(ConnectOptions);
common_options!(ListenOptions);

/// The options of either side: which one it is follows from their type.
pub trait SideOptions: sealed::Side {}

impl SideOptions for ConnectOptions {}
impl SideOptions for ListenOptions {}

pub(crate) mod sealed {
    use super::{ConnectOptions, ListenOptions, Options};
    use crate::Role;

    pub trait Side {
        fn side(&self) -> (Role, &Options);
    }

    impl Side for ConnectOptions {
        fn side(&self) -> (Role, &Options) {
            (Role::Connect, &self.0)
        }
    }

    impl Side for ListenOptions {
        fn side(&self) -> (Role, &Options) {
            (Role::Listen, &self.0)
        }
    }
}

/// What one connection has, whichever side it is. A service has thousands of connections with the same options, so clones share
/// them, and one that is changed is a copy from then on.
#[derive(Clone, Default)]
pub struct Options(Arc<Asked>);

/// What options are asked for.
#[derive(Clone, Default)]
pub struct Asked {
    pub(crate) timers: adieu_proto::Config,
    pub(crate) deadline_at: Option<Instant>,
    pub(crate) observer: Option<Observer>,
    pub(crate) interrupt: Option<Interrupt>,
    pub(crate) data_path: DataPath,
    pub(crate) tls: Option<crate::tls::Config>,
    pub(crate) socket: SocketOptions,
    pub(crate) proxy: Option<Arc<Proxy>>,
    /// Those of the endpoint's host, if its name is not to be resolved. Their ports count for nothing.
    pub(crate) addresses: Option<Arc<[SocketAddr]>>,
    /// What is sent before TLS, and before the stream.
    pub(crate) preface: Option<Arc<[u8]>>,
    /// See [`ConnectOptions::speaking_at_once`].
    pub(crate) speaks_at_once: bool,
    /// The one endpoint that these options are for, if they are for one.
    pub(crate) only_to: Option<Arc<OnlyTo>>,
}

/// An endpoint that many connections are made to.
pub(crate) struct OnlyTo {
    pub(crate) text: Arc<str>,
    /// Its host, if that is an address.
    pub(crate) ip: Option<IpAddr>,
    /// Nothing is known to be wrong with what is asked of a socket that leads to it.
    suits_socket: bool,
}

impl Deref for Options {
    type Target = Asked;

    fn deref(&self) -> &Asked {
        &self.0
    }
}

impl DerefMut for Options {
    fn deref_mut(&mut self) -> &mut Asked {
        Arc::make_mut(&mut self.0)
    }
}

impl Options {
    /// Whether it is bytes of the program's that are sent first, and at once.
    pub(crate) fn program_speaks_at_once(&self) -> bool {
        self.speaks_at_once && self.tls.is_none() && self.proxy.is_none()
    }

    /// The addresses of the endpoint's host that are tried in the place of its name, with this port.
    pub(crate) fn addresses_with(&self, port: u16) -> Option<Vec<SocketAddr>> {
        let mut addresses = self.addresses.as_ref()?.to_vec();
        for address in &mut addresses {
            address.set_port(port);
        }
        Some(addresses)
    }

    /// Of a connection that begins at `start`: its deadline, if [`deadline_at`](Limits::deadline_at) is the earlier.
    pub(crate) fn begin(&mut self, start: Instant) {
        let Some(moment) = self.deadline_at else { return };
        let left = moment.saturating_duration_since(start);
        self.timers.deadline = Some(self.timers.deadline.map_or(left, |deadline| deadline.min(left)));
    }

    /// What the core is told.
    pub(crate) fn core_config(&self, role: Option<Role>) -> adieu_proto::Config {
        let mut config = self.timers.clone();
        // Who wants the kernel to try for longer wants us to let it.
        if self.socket.user_timeout > config.dead_peer {
            config.dead_peer = None;
        }
        // Where only the way to a proxy is secured, its end is all there is.
        let is_secure = |proxy: &Arc<Proxy>| role == Some(Role::Connect) && proxy.is_secure();
        let end_mark = match &self.tls {
            Some(tls) => tls.eof() == crate::tls::Eof::Require,
            None => self.proxy.as_ref().is_some_and(is_secure),
        };
        let is_carried = self.tls.is_some() || self.proxy.as_ref().is_some_and(is_secure);
        adieu_proto::Config {
            end_mark: config.end_mark || end_mark,
            end_hold: is_carried.then_some(adieu_proto::Config::END_HOLD),
            ..config
        }
    }

    /// See [`ConnectOptions::check`].
    pub(crate) fn check(&self, endpoint: &Endpoint) -> Result<(), OptionError> {
        if matches!(endpoint, Endpoint::Udp { .. }) {
            return self.check_for_datagrams(endpoint);
        }
        if endpoint.host().is_none() && self.tls.as_ref().is_some_and(crate::tls::Config::needs_host) {
            return Err(OptionError::NoServerName);
        }
        if self.preface.is_some() && self.proxy.is_some() {
            return Err(OptionError::ThroughProxy { option: "preface" });
        }
        if self.only_to.as_ref().is_some_and(|only_to| only_to.suits_socket) {
            return Ok(());
        }
        self.check_socket(endpoint)
    }

    fn check_socket(&self, endpoint: &Endpoint) -> Result<(), OptionError> {
        self.socket.check_for_streams()?;
        // Of a proxy, it is the way to the proxy that they are for.
        let host = self.proxy.as_ref().map(|proxy| proxy.host()).or(endpoint.host());
        self.socket.check(endpoint, host)
    }

    /// Whether all of them can be heeded where there are datagrams and no connection.
    pub(crate) fn check_for_datagrams(&self, endpoint: &Endpoint) -> Result<(), OptionError> {
        let of_streams = [
            ("tls", self.tls.is_some()),
            ("proxy", self.proxy.is_some()),
            ("end-mark", self.timers.end_mark),
            ("preface", self.preface.is_some()),
        ];
        match of_streams.into_iter().find(|(_, is_asked)| *is_asked) {
            Some((option, _)) => Err(OptionError::NotForDatagrams { option }),
            None => self.socket.check_for_datagrams(endpoint),
        }
    }

    /// Whether the face whose handle this is heeds all of them.
    pub(crate) fn check_face<H: Handle>(&self) -> Result<(), OptionError> {
        match self.data_path {
            DataPath::Direct if !H::HAS_DIRECT_WAYS => {
                Err(OptionError::NotOnTokio { option: "data-path direct" })
            }
            _ => Ok(()),
        }
    }

    /// Whether a socket that is connected already can heed all of them.
    pub(crate) fn check_connected(&self) -> Result<(), OptionError> {
        self.socket.check_for_streams()?;
        let SocketOptions { source, ip_version, mptcp, fast_open, prepare, .. } = &self.socket;
        let asked = [
            ("source", source.is_some()),
            ("ip-version", ip_version.is_some()),
            ("mptcp", *mptcp),
            ("fastopen", fast_open.is_some()),
            ("prepare", prepare.is_some()),
            ("proxy", self.proxy.is_some()),
            ("preface", self.preface.is_some()),
        ];
        match asked.into_iter().find(|(_, is_asked)| *is_asked) {
            Some((option, _)) => Err(OptionError::ConnectedAlready { option }),
            None => Ok(()),
        }
    }

    /// See [`ConnectOptions::check_fast_open`].
    pub(crate) fn check_fast_open(&self, endpoint: &Endpoint) -> Result<(), OptionError> {
        let option = "fastopen";
        if endpoint.is_unix() {
            Err(OptionError::Meaningless { option })
        } else if !cfg!(any(target_os = "linux", target_os = "android")) {
            Err(OptionError::Unavailable { option })
        } else if self.proxy.is_some() {
            Err(OptionError::ThroughProxy { option })
        } else {
            Ok(())
        }
    }

    /// The options of a connection to this endpoint: `tls://` asks for TLS, with the platform's roots if nothing else is
    /// said. Nothing is read for an endpoint that does not ask for it.
    pub(crate) fn with_tls_for(mut self, endpoint: &Endpoint) -> (Self, Result<(), TlsSetupError>) {
        if self.tls.is_some() || !matches!(endpoint, Endpoint::Tls { .. }) {
            return (self, Ok(()));
        }
        if !tls::IS_BUILT {
            return (self, Err(TlsSetupError::NotBuilt));
        }
        match tls::ClientConfig::of_platform() {
            Ok(config) => {
                self.tls = Some(config.into());
                (self, Ok(()))
            }
            Err(why) => (self, Err(TlsSetupError::NoDefault(why))),
        }
    }

    /// Whether an endpoint can be listened on so: a `tls://` endpoint never speaks plainly.
    pub(crate) fn check_tls_of_listener(&self, endpoint: &Endpoint) -> Result<(), TlsSetupError> {
        if self.tls.is_some() || !matches!(endpoint, Endpoint::Tls { .. }) {
            return Ok(());
        }
        Err(if tls::IS_BUILT { TlsSetupError::NoCertificate } else { TlsSetupError::NotBuilt })
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
        let dead_peer =
            |socket| ConnectOptions::new().socket(socket).0.core_config(Some(Role::Connect)).dead_peer;
        let short = SocketOptions::new().user_timeout(Duration::from_secs(30));
        let long = SocketOptions::new().user_timeout(Config::DEAD_PEER * 2);
        assert_eq!(dead_peer(SocketOptions::new()), Some(Config::DEAD_PEER));
        assert_eq!((dead_peer(short), dead_peer(long)), (Some(Config::DEAD_PEER), None));
    }

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
        if cfg!(any(target_os = "linux", target_os = "android")) {
            assert_eq!(said(&options, &tcp), "");
            assert!(through.contains("fastopen cannot be had through a proxy"), "{through}");
        } else {
            assert!(through.contains("not available"), "{through}");
        }
    }
}
