//! An error that a system told, so that it can be kept, compared and read on another system.

use crate::Words;
use std::borrow::Cow;
use std::fmt;

/// An error that a system told: its number, its name, and its words.
///
/// It is what is left of a [`std::io::Error`], which is neither `Clone` nor meant for another system.
#[derive(Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct SystemError {
    /// The system's number. `None`: no system call told it.
    pub code: Option<i32>,
    /// The number's symbolic name, such as `ECONNRESET`. `None`: not one that connections meet.
    pub name: Option<Cow<'static, str>>,
    /// In words, with the name and the number if there are any.
    pub words: Words,
}

impl SystemError {
    /// An error from its three parts.
    pub fn new(code: Option<i32>, name: Option<&'static str>, words: impl Into<Words>) -> Self {
        Self { code, name: name.map(Cow::Borrowed), words: words.into() }
    }

    /// What the error's name means. `None`: it has none, or nothing that a hint could be given for.
    pub fn meaning(&self) -> Option<ErrorMeaning> {
        ErrorMeaning::of(self.name.as_deref()?)
    }
}

/// Short: the name and the number say it all.
impl fmt::Debug for SystemError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.name, self.code) {
            (Some(name), Some(code)) => write!(f, "SystemError({name} {code})"),
            (None, Some(code)) => write!(f, "SystemError({code})"),
            _ => write!(f, "SystemError({:?})", self.words),
        }
    }
}

impl fmt::Display for SystemError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}

impl std::error::Error for SystemError {}

/// What the name of a system error means, whatever the system calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorMeaning {
    /// Nothing listens at the address.
    Refused,
    /// There is no route.
    Unreachable,
    /// An argument makes no sense to the system.
    InvalidArgument,
    /// There is no such file.
    NoSuchFile,
    /// A part of the path is not a directory.
    NotADirectory,
    /// It is a directory.
    IsADirectory,
    /// A permission or a firewall rule forbids it.
    Forbidden,
    /// A privilege is missing, or a firewall rule forbids it.
    NotPermitted,
    /// The file system can only be read.
    ReadOnly,
    /// The system has no sockets of this kind.
    NoSuchFamily,
    /// The name server gave no answer.
    NameServerSilent,
    /// There is no such name.
    NoSuchName,
    /// The descriptor is closed, or not open for this.
    BadDescriptor,
    /// Whoever read has gone.
    BrokenPipe,
    /// Something listens there already.
    AddressInUse,
    /// This machine does not have the address.
    AddressNotAvailable,
}

impl ErrorMeaning {
    /// What an error's symbolic name means. Names: errno(3), gai_strerror(3), Winsock's and Windows' error codes.
    pub fn of(name: &str) -> Option<Self> {
        Some(match name {
            "ECONNREFUSED" | "WSAECONNREFUSED" => Self::Refused,
            "EHOSTUNREACH" | "ENETUNREACH" | "WSAEHOSTUNREACH" | "WSAENETUNREACH" => Self::Unreachable,
            "EINVAL" => Self::InvalidArgument,
            "ENOENT" => Self::NoSuchFile,
            "ENOTDIR" => Self::NotADirectory,
            "EISDIR" => Self::IsADirectory,
            "EACCES" | "WSAEACCES" => Self::Forbidden,
            "EPERM" => Self::NotPermitted,
            "EROFS" => Self::ReadOnly,
            "WSAEAFNOSUPPORT" => Self::NoSuchFamily,
            "EAI_AGAIN" | "EAI_FAIL" | "WSATRY_AGAIN" | "WSANO_RECOVERY" => Self::NameServerSilent,
            "EAI_NONAME" | "EAI_NODATA" | "EAI_FAMILY" | "WSAHOST_NOT_FOUND" | "WSANO_DATA" => {
                Self::NoSuchName
            }
            "EBADF" | "ERROR_INVALID_HANDLE" => Self::BadDescriptor,
            "EPIPE" | "ERROR_NO_DATA" | "ERROR_BROKEN_PIPE" => Self::BrokenPipe,
            "EADDRINUSE" | "WSAEADDRINUSE" => Self::AddressInUse,
            "EADDRNOTAVAIL" | "WSAEADDRNOTAVAIL" => Self::AddressNotAvailable,
            _ => return None,
        })
    }
}
