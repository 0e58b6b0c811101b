//! What can fail: one enum or struct per operation, the system's error kept.

use crate::connecting::resolve::UnknownZone;
use crate::{Address, Endpoint, OptionError, ProxyError, Report, describe_error, os};
use adieu_proto::Ending;
use std::{fmt, io};

/// There is no connection, and why: what the resolver or every address said.
///
/// It carries the [`Report`] that the connection would have had.
#[derive(Debug, thiserror::Error)]
#[error("cannot connect to {endpoint}: {cause}")]
pub struct ConnectError {
    endpoint: Endpoint,
    cause: ConnectCause,
    report: Box<Report>,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectCause {
    /// The name could not be resolved: there is none, or the name server gave no answer, or our own system failed.
    #[error("{}", unresolved(.0))]
    Resolve(#[source] io::Error),
    /// The host has addresses, and none of the IP version that was asked for, or that our source address is of.
    #[error("{0}")]
    Unsuited(#[source] io::Error),
    /// Every address was tried.
    #[error("{}", list_or_one(.0))]
    Attempts(Vec<Attempt>),
    /// There was a connection, and the TLS handshake on it failed.
    #[error("{0}")]
    Tls(#[source] crate::tls::HandshakeError),
    /// A socket could not be made, or the endpoint cannot be used on this platform.
    #[error("{}", describe_error(.0))]
    Local(#[source] io::Error),
    /// A socket option that was asked for cannot be had.
    #[error("{0}")]
    Option(#[source] OptionError),
    /// The proxy that was to be connected through said no, or cannot be reached.
    #[error("the proxy {proxy} {error}")]
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

impl Tried {
    pub(crate) fn into_address(self) -> Option<Address> {
        if let Self::Address(address) = self { Some(address) } else { None }
    }
}

/// One address that was tried and not connected to.
#[derive(Debug)]
pub struct Attempt {
    /// What was tried.
    pub tried: Tried,
    /// What the system said; where it said nothing in time, an error of the kind `TimedOut` without a number, "no answer".
    pub error: io::Error,
}

impl Attempt {
    /// One that has just begun, and has no answer so far.
    pub(crate) fn begun(address: Address) -> Self {
        Self { tried: Tried::Address(address), error: io::Error::new(io::ErrorKind::TimedOut, "no answer") }
    }
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.tried, describe_error(&self.error))
    }
}

/// What a resolver's error says about the name, which is nothing if it was not the name server that said it.
fn unresolved(error: &io::Error) -> String {
    if error.get_ref().and_then(|error| error.downcast_ref::<UnknownZone>()).is_some() {
        return error.to_string();
    }
    let what = if os::is_unanswered(error) {
        "the name server gave no answer, so whether there is such a name is not known"
    } else if os::is_unknown_name(error) || error.kind() == io::ErrorKind::NotFound {
        "the name was not found"
    } else {
        "the name could not be resolved"
    };
    format!("{what}: {}", describe_error(error))
}

pub(crate) fn list(attempts: &[Attempt]) -> String {
    attempts.iter().map(Attempt::to_string).collect::<Vec<_>>().join("; ")
}

/// The one address of an endpoint without a choice need not be said twice.
fn list_or_one(attempts: &[Attempt]) -> String {
    match attempts {
        [one] => describe_error(&one.error),
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
        Self { endpoint, cause, report: Box::new(report) }
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

/// A listener could not be made, or could not accept.
#[derive(Debug, thiserror::Error)]
#[error("cannot {operation} {endpoint}: {}", describe_error(source))]
pub struct ListenError {
    /// What failed: `listen on`, `accept on`, `resolve`.
    pub(crate) operation: &'static str,
    pub(crate) endpoint: Endpoint,
    #[source]
    pub(crate) source: io::Error,
}

impl ListenError {
    /// The system's error.
    pub fn io_error(&self) -> &io::Error {
        &self.source
    }
}

/// The system's number of an error, also of one that we explain.
pub(crate) fn os_code(error: &io::Error) -> Option<i32> {
    os::os_code(error).or_else(|| OptionError::in_io(error)?.code())
}

/// `shutdown` failed. The socket is closed, nothing is held, and this is the connection's report.
///
/// It is the error path of the Winsock page: report the error, close the socket, clean up.
#[derive(Debug, thiserror::Error)]
#[error("shutdown failed: {}{report}", number_and_name(report))]
pub struct ShutdownError {
    pub(crate) report: Box<Report>,
    pub(crate) received: Vec<u8>,
}

/// As WSAGetLastError's callers print it: the number, then its name.
fn number_and_name(report: &Report) -> String {
    match (report.error_code(), report.error_name()) {
        (Some(code), Some(name)) => format!("{code} {name}: "),
        (Some(code), None) => format!("{code}: "),
        (None, _) => String::new(),
    }
}

impl ShutdownError {
    /// What the peer had said and nobody had received yet: at most what our kernel's receive buffer held.
    pub fn received(&self) -> &[u8] {
        &self.received
    }

    /// The report of the closed connection.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// The report of the closed connection, to keep.
    pub fn into_report(self) -> Report {
        *self.report
    }

    /// The error of the system call that told the fault. `None`: a timer or the interrupt ended it.
    pub fn io_error(&self) -> Option<io::Error> {
        self.report.error_code().map(io::Error::from_raw_os_error)
    }
}

/// The error inside the [`io::Error`] of a read or write on a connection that has ended otherwise than by EOF.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the connection has ended: {}", ending.name())]
pub struct Ended {
    /// How it ended.
    pub ending: Ending,
}
