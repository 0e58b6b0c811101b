//! The error of a call on a connection that has ended, with the report of that connection.

use crate::Report;
use adieu_proto::Ending;
use std::{fmt, io};

/// `shutdown` failed. The socket is closed, nothing is held, and this is the connection's report.
///
/// It is the error path of the Winsock page: report the error, close the socket, clean up.
///
/// The peer may have answered before it broke off, such as an HTTP server that refuses a large upload.
/// [`into_parts`](Self::into_parts) gives what of its answer nobody had received yet. The crate's
/// documentation says [how to go on](crate#a-peer-that-answers-early).
#[derive(Clone, PartialEq, Eq)]
pub struct ShutdownError {
    pub(crate) report: Box<Report>,
    pub(crate) received: Vec<u8>,
}

impl fmt::Display for ShutdownError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "shutdown failed: {}{}", number_and_name(&self.report), self.report)
    }
}

/// Its source is what the system said.
impl std::error::Error for ShutdownError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.report.error.as_ref().map(|error| error as _)
    }
}

/// Short: the report has everything.
impl fmt::Debug for ShutdownError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ShutdownError({self})")
    }
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

    /// What the peer had said and nobody had received yet, and the report of the closed connection, both to keep.
    pub fn into_parts(self) -> (Vec<u8>, Report) {
        (self.received, *self.report)
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
