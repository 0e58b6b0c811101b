//! System errors that can be kept: what an [`io::Error`] becomes, and what the system knows of its number.

use crate::{SystemError, error_name, os};
use adieu_proto::{Call, Fault};
use std::io;

/// What is left of an I/O error.
pub(crate) fn of(error: &io::Error) -> SystemError {
    let code = os::os_code(error);
    SystemError::new(code, code.and_then(error_name), crate::describe_error(error))
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
