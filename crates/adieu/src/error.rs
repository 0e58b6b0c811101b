//! What can fail: one enum or struct per operation, the system's error kept.
//!
//! Each says by its variant what failed, so nothing is guessed from an error's number or text.

mod ended;

pub use ended::{Ended, ShutdownError};

use crate::options::{OptionError, UnsuitedError};
use crate::os::{LookUpError, PassedSocketError};
use crate::{Address, Endpoint, ProxyError, Report, SystemError, Words, system_error};
use std::net::Ipv6Addr;
use std::{fmt, io};

/// There is no connection, and why: what the resolver or every address said.
///
/// It carries the [`Report`] that the connection would have had.
#[derive(Clone, PartialEq, Eq)]
pub struct ConnectError {
    endpoint: Endpoint,
    cause: Box<ConnectCause>,
    report: Box<Report>,
}

/// Why there is no connection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectCause {
    /// The name could not be resolved: there is none, or the name server gave no answer, or our own system failed.
    #[error("{0}")]
    Resolve(#[source] ResolveError),
    /// The host has addresses, and none of the IP version that was asked for, or that our source address is of.
    #[error("{0}")]
    Unsuited(#[source] UnsuitedError),
    /// Every address was tried.
    #[error("{}", list_or_one(.0))]
    Attempts(Vec<Attempt>),
    /// There was a connection, and the TLS handshake on it failed.
    #[error("{0}")]
    Tls(#[source] crate::tls::HandshakeError),
    /// TLS cannot be used as configured.
    #[error("{0}")]
    TlsSetup(#[source] TlsSetupError),
    /// The endpoint is one that cannot be connected to.
    #[error("{0}")]
    Endpoint(#[source] EndpointError),
    /// Our own system failed: it gave no socket, or could not wait.
    #[error("{0}")]
    System(#[source] SystemError),
    /// A socket option that was asked for cannot be had.
    #[error("{0}")]
    Option(#[source] OptionError),
    /// There is no connection to the proxy itself.
    #[error("{}", unreachable(proxy, cause))]
    ProxyUnreachable {
        /// The proxy, without user and password.
        proxy: String,
        /// Why.
        #[source]
        cause: Box<ConnectCause>,
    },
    /// The proxy that was to be connected through said no, or failed us.
    #[error("{}", refused(proxy, error))]
    Proxy {
        /// The proxy, without user and password.
        proxy: String,
        /// What it said.
        #[source]
        error: ProxyError,
    },
    /// The connect timeout or the deadline passed, or in a TLS handshake the idle timeout; the attempts that had begun by
    /// then, those without an answer too.
    #[error("{}", in_time(.0))]
    TimedOut(Vec<Attempt>),
    /// The interrupt was raised.
    #[error("interrupted")]
    Interrupted,
}

impl ConnectCause {
    /// The sentence, with the settings that it names.
    pub fn words(&self) -> Words {
        match self {
            Self::Tls(error) => error.words(),
            Self::Option(error) => error.words(),
            Self::ProxyUnreachable { proxy, cause } => unreachable(proxy, cause),
            Self::Proxy { proxy, error } => refused(proxy, error),
            other => other.to_string().into(),
        }
    }
}

fn unreachable(proxy: &str, cause: &ConnectCause) -> Words {
    Words::from(format!("the proxy {proxy} cannot be reached: ")) + cause.words()
}

fn refused(proxy: &str, error: &ProxyError) -> Words {
    Words::from(format!("the proxy {proxy} ")) + error.words()
}

/// What an attempt was made at.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Tried {
    /// An address.
    Address(Address),
    /// A proxy that was connected to; without user and password.
    Proxy(String),
}

impl fmt::Display for Tried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Proxy(proxy) => f.write_str(proxy),
        }
    }
}

/// One address that was tried and not connected to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// What was tried.
    pub tried: Tried,
    /// What became of it.
    pub error: AttemptError,
}

/// What became of an attempt to connect to one address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AttemptError {
    /// Nothing answered in time.
    #[error("no answer")]
    NoAnswer,
    /// A proxy was connected to, and did not answer in time.
    #[error("connected to, and it did not answer our request")]
    ProxySilent,
    /// Our own system gives us no socket, and says that we may not have one: a sandbox.
    #[error("a socket is forbidden here: {0}")]
    Forbidden(#[source] SystemError),
    /// Our own system has no descriptors or no memory left.
    #[error("{0}")]
    Exhausted(#[source] SystemError),
    /// The system's answer about this address.
    #[error("{0}")]
    Failed(#[source] SystemError),
}

impl AttemptError {
    /// What the system said of the address, or of the socket for it.
    pub(crate) fn of(error: &io::Error) -> Self {
        let error = system_error::of(error);
        if system_error::is_exhausted(&error) { Self::Exhausted(error) } else { Self::Failed(error) }
    }

    /// What the system said instead of giving a socket. The same number from `connect` is about the address.
    pub(crate) fn of_socket(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::PermissionDenied => Self::Forbidden(system_error::of(error)),
            _ => Self::of(error),
        }
    }

    /// What the system said. `None`: nothing.
    pub fn system(&self) -> Option<&SystemError> {
        match self {
            Self::NoAnswer | Self::ProxySilent => None,
            Self::Forbidden(error) | Self::Exhausted(error) | Self::Failed(error) => Some(error),
        }
    }

    /// Its kind, as the standard library sorts errors.
    pub fn kind(&self) -> io::ErrorKind {
        self.system().map_or(io::ErrorKind::TimedOut, system_error::kind)
    }
}

impl Attempt {
    /// One that has just begun, and has no answer so far.
    pub(crate) fn begun(address: Address) -> Self {
        Self { tried: Tried::Address(address), error: AttemptError::NoAnswer }
    }
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.tried, self.error)
    }
}

/// Why a name has no address for us.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResolveError {
    /// It is an address, and this machine has no network interface of its zone's name.
    #[error("the zone '{zone}' is not a network interface of this machine{}", in_a_url(zone))]
    UnknownZone {
        /// The zone.
        zone: String,
    },
    /// There is no such name.
    #[error("the name was not found: {0}")]
    NotFound(#[source] SystemError),
    /// There is such a name, and it has no address.
    #[error("the name was not found: the name has no address")]
    NoAddress,
    /// The name server could not be asked, or gave no answer.
    #[error("the name server gave no answer, so whether there is such a name is not known: {0}")]
    Unanswered(#[source] SystemError),
    /// Our own system has no descriptors or no memory left.
    #[error("the name could not be resolved: {0}")]
    Exhausted(#[source] SystemError),
    /// Our own system failed otherwise.
    #[error("the name could not be resolved: {0}")]
    Failed(#[source] SystemError),
    /// The thread that asked the resolver has died.
    #[error("the name could not be resolved: the resolver's thread has died")]
    ThreadDied,
}

impl ResolveError {
    /// What looking up a host failed of.
    pub(crate) fn of(host: &str, error: LookUpError) -> Self {
        match error {
            LookUpError::UnknownName(error) => match zone_of(host) {
                Some(zone) => Self::UnknownZone { zone: zone.to_owned() },
                None => Self::NotFound(system_error::of_resolver(error)),
            },
            LookUpError::Unanswered(error) => Self::Unanswered(system_error::of_resolver(error)),
            LookUpError::Resolver(error) => Self::Failed(system_error::of_resolver(error)),
            LookUpError::System(error) => Self::of_system(&error),
        }
    }

    /// What a system call said that comes before the resolver's answer.
    pub(crate) fn of_system(error: &io::Error) -> Self {
        let told = system_error::of(error);
        match error.kind() {
            io::ErrorKind::NotFound => Self::NotFound(told),
            _ if system_error::is_exhausted(&told) => Self::Exhausted(told),
            _ => Self::Failed(told),
        }
    }

    /// What the system said. `None`: it said nothing.
    pub fn system(&self) -> Option<&SystemError> {
        match self {
            Self::UnknownZone { .. } | Self::NoAddress | Self::ThreadDied => None,
            Self::NotFound(error)
            | Self::Unanswered(error)
            | Self::Exhausted(error)
            | Self::Failed(error) => Some(error),
        }
    }

    /// What was told, without what it says about the name.
    fn told(&self) -> String {
        match self {
            Self::NoAddress => "the name has no address".to_owned(),
            other => other.system().map_or_else(|| other.to_string(), ToString::to_string),
        }
    }
}

/// The zone of a host that is an address with one.
fn zone_of(host: &str) -> Option<&str> {
    let (address, zone) = host.split_once('%')?;
    address.parse::<Ipv6Addr>().ok().map(|_| zone)
}

/// RFC 6874, section 2: in a URL the sign before the zone is itself written as %25.
fn in_a_url(zone: &str) -> String {
    match zone.strip_prefix("25") {
        Some(zone) if !zone.is_empty() => format!(": %25 is how a URL has it, write %{zone}"),
        _ => String::new(),
    }
}

/// What is wrong with an endpoint, whatever the network is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// Port 0 is no port.
    #[error("port 0 cannot be connected to")]
    PortZero,
    /// Every address of this machine: it can be listened on, and not connected to.
    #[error("there is no host to connect to")]
    NoHost,
    /// The path or the name of a Unix socket is not one that a socket can have: it is too long, or this system has no
    /// such names.
    #[error("{0}")]
    UnixName(#[source] SystemError),
    /// tokio has Unix sockets on Unix alone.
    #[error("tokio has Unix sockets on Unix alone")]
    NoUnixSockets,
    /// UDP has no connections: the module [`datagram`](crate::datagram) speaks it.
    #[error("UDP carries datagrams, and neither a connection nor a stream")]
    Datagrams,
    /// A path cannot be the name of a socket of UDP.
    #[error("a socket of UDP has an address for its name, and no path")]
    NoPath,
    /// It is no endpoint of datagrams: [`connect`](crate::connect()) and [`Listener`](crate::Listener) are for it.
    #[error("TCP and TLS carry streams, and no datagrams")]
    Streams,
    /// A socket that the service manager passes listens: it cannot be connected to.
    #[error("a socket that the service manager passed is only for listening")]
    OnlyListens,
}

/// Why TLS cannot be used as configured.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TlsSetupError {
    /// The endpoint asks for TLS, and this build has none.
    #[error("this build speaks no TLS")]
    NotBuilt,
    /// A listener is to speak TLS, and has no certificate.
    #[error("TLS needs a certificate: give ListenOptions::tls a tls::Server")]
    NoCertificate,
    /// The configuration that is used if none is given cannot be had: no roots of the platform can be read.
    #[error("{0}")]
    NoDefault(String),
}

pub(crate) fn list(attempts: &[Attempt]) -> String {
    attempts.iter().map(Attempt::to_string).collect::<Vec<_>>().join("; ")
}

/// The one address of an endpoint without a choice need not be said twice.
fn list_or_one(attempts: &[Attempt]) -> String {
    match attempts {
        [one] => one.error.to_string(),
        more => list(more),
    }
}

fn in_time(attempts: &[Attempt]) -> String {
    match attempts {
        [] => "nothing answered in time".to_owned(),
        some => format!("no connection in time ({})", list(some)),
    }
}

impl ConnectError {
    pub(crate) fn new(endpoint: Endpoint, cause: ConnectCause, report: Report) -> Self {
        Self { endpoint, cause: Box::new(cause), report: Box::new(report) }
    }

    /// What was to be connected to.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Why it could not be.
    pub fn cause(&self) -> &ConnectCause {
        &self.cause
    }

    /// The report of the connection that never was.
    pub fn report(&self) -> &Report {
        &self.report
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot connect to {}: {}", self.endpoint, self.cause)
    }
}

/// Its source is the [`ConnectCause`] itself, and not the box that it is in.
impl std::error::Error for ConnectError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.cause)
    }
}

/// Short: the report has everything.
impl fmt::Debug for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ConnectError({self})")
    }
}

/// Why a socket that somebody else has connected cannot be taken over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AdoptError {
    /// It is a file, a pipe or another descriptor that is not a socket.
    #[error("it is not a socket")]
    NotASocket,
    /// It is a socket of datagrams, or of another kind that has no stream; or its stream is neither TCP's nor a Unix socket's.
    #[error("it is not a stream socket of TCP or a Unix socket")]
    NotAStream,
    /// It has never had a peer: it listens, its connecting has not ended or has failed, or it was never connected.
    #[error("it is not connected")]
    NotConnected,
    /// This program has shut down the receiving side itself (`SHUT_RD`), so that every receive says EOF. How the peer ends
    /// cannot be seen any more. Told on Linux and of TCP alone; elsewhere it looks like the peer's EOF.
    #[error("its receiving side was shut down here, so how the peer ends cannot be seen")]
    ReceivingShut,
    /// The TLS handshake of the program's own session is not over, so there are no streams yet.
    #[error("its TLS handshake is not over, so there is nothing to go on with or to finish")]
    Handshaking,
    /// It was given as two halves, and they are those of two different streams.
    #[error("its halves belong to different streams")]
    NotOneStream,
    /// A socket option that was asked for cannot be had.
    #[error("{0}")]
    Option(#[from] OptionError),
    /// Our own system failed.
    #[error("{0}")]
    System(#[source] SystemError),
}

impl From<std::convert::Infallible> for AdoptError {
    fn from(never: std::convert::Infallible) -> Self {
        match never {}
    }
}

impl From<io::Error> for AdoptError {
    fn from(error: io::Error) -> Self {
        Self::System(system_error::of(&error))
    }
}

/// A listener could not be made, or could not accept.
#[derive(Clone, PartialEq, Eq)]
pub struct ListenError {
    endpoint: Endpoint,
    cause: Box<ListenCause>,
}

/// Why a listener could not be made, or could not accept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ListenCause {
    /// The name could not be resolved.
    #[error("{}", .0.told())]
    Resolve(#[source] ResolveError),
    /// The host has addresses, and none of the IP version that was asked for.
    #[error("{0}")]
    Unsuited(#[source] UnsuitedError),
    /// A socket option that was asked for cannot be had.
    #[error("{0}")]
    Option(#[source] OptionError),
    /// TLS cannot be used as configured.
    #[error("{0}")]
    TlsSetup(#[source] TlsSetupError),
    /// The endpoint is one that cannot be listened on.
    #[error("{0}")]
    Endpoint(#[source] EndpointError),
    /// Our system gave no socket, did not bind it, or cannot use the one that it was given.
    #[error("{0}")]
    Listen(#[source] SystemError),
    /// What was given to listen on is not a socket.
    #[error("it is not a socket")]
    NotASocket,
    /// What was given to listen on is not a stream socket (it is a datagram socket, for example), or neither one of TCP nor a
    /// Unix socket.
    #[error("it is not a stream socket of TCP or a Unix socket")]
    NotAStream,
    /// What was given to listen on is a socket that does not listen: it is connected, or nobody has called `listen`.
    #[error("the socket does not listen")]
    NotListening,
    /// The service manager passed no such socket.
    #[error("{0}")]
    Passed(#[source] PassedSocketError),
    /// Our system did not accept: it has no descriptors left, for example.
    #[error("{0}")]
    Accept(#[source] SystemError),
    /// The interrupt was raised while a connection was waited for; on tokio, or while the host's name was looked up.
    #[error("operation interrupted")]
    Interrupted,
}

impl ListenCause {
    fn operation(&self) -> &'static str {
        match self {
            Self::Resolve(_) => "resolve",
            Self::Accept(_) | Self::Interrupted => "accept on",
            _ => "listen on",
        }
    }
}

impl ListenError {
    pub(crate) fn new(endpoint: &Endpoint, cause: ListenCause) -> Self {
        Self { endpoint: endpoint.clone(), cause: Box::new(cause) }
    }

    /// What was to be listened on.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Why it could not be.
    pub fn cause(&self) -> &ListenCause {
        &self.cause
    }

    /// What the system said. `None`: it said nothing.
    pub fn system(&self) -> Option<&SystemError> {
        match &*self.cause {
            ListenCause::Resolve(error) => error.system(),
            ListenCause::Option(OptionError::Refused { source, .. }) => Some(source),
            ListenCause::Listen(error) | ListenCause::Accept(error) => Some(error),
            _ => None,
        }
    }

    /// Its kind, as the standard library sorts errors.
    pub fn kind(&self) -> io::ErrorKind {
        match &*self.cause {
            ListenCause::Interrupted => io::ErrorKind::Interrupted,
            _ => self.system().map_or(io::ErrorKind::Other, system_error::kind),
        }
    }

    /// Whether our own system had no descriptors or no memory left, so that it may be tried again when it has.
    pub fn is_for_want_of_resources(&self) -> bool {
        match &*self.cause {
            ListenCause::Resolve(error) => matches!(error, ResolveError::Exhausted(_)),
            ListenCause::Listen(error) | ListenCause::Accept(error) => system_error::is_exhausted(error),
            _ => false,
        }
    }

    /// Whether the fault is that of our own system, whatever the endpoint: it refuses an option, or it has no descriptors or
    /// no memory left.
    pub(crate) fn is_ours(&self) -> bool {
        match &*self.cause {
            ListenCause::Option(_) | ListenCause::Resolve(ResolveError::Exhausted(_)) => true,
            ListenCause::Listen(error) | ListenCause::Accept(error) => system_error::is_exhausted(error),
            _ => false,
        }
    }
}

impl fmt::Display for ListenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {} {}: {}", self.cause.operation(), self.endpoint, self.cause)
    }
}

/// Its source is the [`ListenCause`] itself, and not the box that it is in.
impl std::error::Error for ListenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.cause)
    }
}

/// Short: the sentence says it all.
impl fmt::Debug for ListenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ListenError({self})")
    }
}
