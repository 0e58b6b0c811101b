//! What a call gives back: zero, or why it could not do what it was asked for.

use adieu::AdoptError;
use adieu_os::Found;
use std::ffi::{CStr, c_char, c_int};

/// What `adieu_finisher_advance` returns while the connection is not finished. In C it has parentheses, so it stands in
/// cbindgen.toml.
pub(crate) const ADIEU_WAITING: i32 = -1;

/// What a function returns: 0, or why it could not do what it was asked for. More may be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub enum adieu_error {
    /// No error. Of a function that finishes: the report is true, and the socket is closed.
    None = 0,
    /// A pointer that may not be NULL is NULL, a struct has no size (use its _INIT), or an option
    /// has a value that does not exist.
    InvalidArgument = 1,
    /// The descriptor is not open (EBADF), or it is INVALID_SOCKET. It is the one error after which
    /// nothing was closed.
    NotOpen = 2,
    /// It is a file, a pipe or something else that is not a socket. Windows has the same error for
    /// a handle that is not open.
    NotASocket = 3,
    /// It is a socket of datagrams, or of another kind that has no stream; or its stream is neither
    /// TCP's nor a Unix socket's.
    NotAStream = 4,
    /// It has no peer: it was never connected, it listens, or its connecting has not ended or has
    /// failed.
    NotConnected = 5,
    /// The program itself has shut down the receiving side (SHUT_RD), so how the peer ends cannot
    /// be seen. Linux, TCP.
    ReceivingShut = 6,
    /// This system or transport does not tell, or an option is set that only a newer library has.
    Unsupported = 7,
    /// The system refused a call, for example because it has no memory or no descriptors left.
    System = 8,
    /// A bug in adieu. The socket may be closed or not.
    Bug = 9,
}

impl adieu_error {
    const ALL: &[Self] = &[
        Self::None,
        Self::InvalidArgument,
        Self::NotOpen,
        Self::NotASocket,
        Self::NotAStream,
        Self::NotConnected,
        Self::ReceivingShut,
        Self::Unsupported,
        Self::System,
        Self::Bug,
    ];

    pub(crate) fn code(self) -> c_int {
        self as c_int
    }

    pub(crate) fn of(code: c_int) -> Option<Self> {
        Self::ALL.iter().copied().find(|error| error.code() == code)
    }

    /// Why a socket cannot be finished.
    pub(crate) fn of_refused(error: &AdoptError) -> Self {
        match error {
            AdoptError::NotASocket => Self::NotASocket,
            AdoptError::NotAStream => Self::NotAStream,
            AdoptError::NotConnected => Self::NotConnected,
            AdoptError::ReceivingShut => Self::ReceivingShut,
            _ => Self::System,
        }
    }

    /// Why a socket cannot be finished. `None`: it can.
    pub(crate) fn of_found(found: Found) -> Self {
        match found {
            Found::NotASocket => Self::NotASocket,
            Found::NotAStream => Self::NotAStream,
            Found::NotConnected => Self::NotConnected,
            Found::ReceivingShut => Self::ReceivingShut,
            Found::Connected => Self::None,
        }
    }

    /// In a sentence on the socket, if a socket is what it is about.
    pub(crate) fn words(self) -> Option<String> {
        Some(match self {
            Self::NotOpen => "it is not open".to_owned(),
            Self::InvalidArgument => "the program gave an argument that makes no sense".to_owned(),
            Self::NotASocket => AdoptError::NotASocket.to_string(),
            Self::NotAStream => AdoptError::NotAStream.to_string(),
            Self::NotConnected => AdoptError::NotConnected.to_string(),
            Self::ReceivingShut => AdoptError::ReceivingShut.to_string(),
            Self::Bug => "there is a bug in adieu".to_owned(),
            Self::Unsupported => "an option is set that this version does not have".to_owned(),
            Self::None | Self::System => return None,
        })
    }

    fn name(self) -> &'static CStr {
        match self {
            Self::None => c"none",
            Self::InvalidArgument => c"invalid_argument",
            Self::NotOpen => c"not_open",
            Self::NotASocket => c"not_a_socket",
            Self::NotAStream => c"not_a_stream",
            Self::NotConnected => c"not_connected",
            Self::ReceivingShut => c"receiving_shut",
            Self::Unsupported => c"unsupported",
            Self::System => c"system",
            Self::Bug => c"bug",
        }
    }
}

/// The name of an enum adieu_error: "none", "not_connected", "not_a_socket" and so on; "unknown"
/// for any other number.
///
/// The text is constant and never freed. Threads: any. Platforms: all.
#[unsafe(no_mangle)]
pub extern "C" fn adieu_error_name(error: c_int) -> *const c_char {
    adieu_error::of(error).map_or(c"unknown", adieu_error::name).as_ptr()
}

/// The version of the library that is linked, such as "0.1.0". ADIEU_VERSION is that of the header.
///
/// The text is constant and never freed. Threads: any. Platforms: all.
#[unsafe(no_mangle)]
pub extern "C" fn adieu_version() -> *const c_char {
    const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");
    VERSION.as_ptr().cast()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_has_one_name() {
        let names: std::collections::BTreeSet<_> =
            adieu_error::ALL.iter().map(|error| error.name()).collect();
        assert_eq!(names.len(), adieu_error::ALL.len());
        assert!(adieu_error::ALL.iter().enumerate().all(|(n, error)| c_int::try_from(n) == Ok(error.code())));
        assert_eq!(adieu_error::of(-1), None);
    }
}
