//! System errors that can be kept: what an [`io::Error`] becomes, and what the system knows of its number.

use crate::os::{self, ListenAtError, ResolverError};
use crate::{SystemError, error_name};
use adieu_proto::{Call, Fault};
use std::io;

/// What is left of an I/O error.
pub(crate) fn of(error: &io::Error) -> SystemError {
    new(error.raw_os_error(), crate::describe_error(error))
}

/// What is left of an error of the resolver.
pub(crate) fn of_resolver(error: ResolverError) -> SystemError {
    new(error.code(), error.to_string())
}

/// What is left of an error of listening at a path: its words say what is there, its number is the system's.
pub(crate) fn of_listen_at(error: &ListenAtError) -> SystemError {
    new(error.system().raw_os_error(), error.to_string())
}

fn new(code: Option<i32>, words: String) -> SystemError {
    SystemError::new(code, code.and_then(error_name), words)
}

/// The same as an I/O error, for what the system knows about its number.
fn as_io(error: &SystemError) -> io::Error {
    error.code.map_or_else(|| io::ErrorKind::Other.into(), io::Error::from_raw_os_error)
}

/// The kind of an error, as std sorts them.
pub(crate) fn kind(error: &SystemError) -> io::ErrorKind {
    as_io(error).kind()
}

/// What an error that `call` told means for a connection.
pub(crate) fn fault(call: Call, error: &SystemError) -> Fault {
    Fault { call, kind: os::fault_kind(&as_io(error)), code: error.code }
}

/// Whether an error says that our system has no descriptors or no memory left.
pub(crate) fn is_exhausted(error: &SystemError) -> bool {
    os::is_exhausted(&as_io(error))
}
