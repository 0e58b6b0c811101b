//! What can fail with more to say than an error number: looking up a host, listening at a path, and taking a socket that the
//! service manager passed.
//!
//! Each says by its variant what failed, and keeps the system's error. What that means for a user is said by `adieu`, in its
//! own enums.

use crate::{describe_error, describe_resolver_code, error_name, resolver_code_is_unique};
use std::io;

/// Why the addresses of a host are not known.
#[derive(Debug, thiserror::Error)]
pub enum LookUpError {
    /// There is no such name, or it has no address.
    #[error("{0}")]
    UnknownName(#[source] ResolverError),
    /// The name server could not be asked, or gave no answer.
    #[error("{0}")]
    Unanswered(#[source] ResolverError),
    /// The resolver failed otherwise.
    #[error("{0}")]
    Resolver(#[source] ResolverError),
    /// A system call failed.
    #[error("{}", describe_error(.0))]
    System(#[from] io::Error),
}

impl LookUpError {
    /// The system's own words, without name and number: to stand in the midst of a sentence.
    pub fn words(&self) -> String {
        match self {
            Self::UnknownName(error) | Self::Unanswered(error) | Self::Resolver(error) => error.words(),
            Self::System(error) => crate::error_words(error),
        }
    }
}

/// An error number of the resolver, which has its own on Unix, and one of the system's on Windows.
///
/// Source: getaddrinfo(3), "RETURN VALUE"; Winsock's getaddrinfo, "Return value".
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}", describe_resolver_code(*.0))]
pub struct ResolverError(pub(crate) i32);

impl ResolverError {
    /// The resolver's own words, without name and number: to stand in the midst of a sentence.
    pub fn words(self) -> String {
        crate::resolver_words(self.0)
    }

    /// The number. `None`: the number would be taken for that of a system call.
    pub fn code(self) -> Option<i32> {
        Some(self.0).filter(|code| resolver_code_is_unique(*code))
    }
}

/// Why nothing listens at the path of a Unix socket.
#[derive(Debug, thiserror::Error)]
pub enum ListenAtError {
    /// Another process has a socket there.
    #[error("something is listening there{}", in_brackets(.0))]
    Taken(#[source] io::Error),
    /// A file of another kind is there.
    #[error("a file that is not a socket is there{}", in_brackets(.0))]
    NotASocket(#[source] io::Error),
    /// A socket is there, and whether a process has it could not be asked.
    #[error(
        "a socket is there, and it cannot be seen whether anybody listens: {}{}",
        describe_error(unasked),
        in_brackets(in_use)
    )]
    PerhapsTaken {
        /// What the system said of our socket.
        #[source]
        in_use: io::Error,
        /// Why nobody could be asked.
        unasked: io::Error,
    },
    /// A system call failed.
    #[error("{}", describe_error(.0))]
    System(#[from] io::Error),
}

impl ListenAtError {
    /// What the system said of our socket.
    pub fn system(&self) -> &io::Error {
        match self {
            Self::Taken(error) | Self::NotASocket(error) | Self::System(error) => error,
            Self::PerhapsTaken { in_use, .. } => in_use,
        }
    }
}

/// Why there is no socket that the service manager passed under a name.
///
/// Source: sd_listen_fds(3).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PassedSocketError {
    /// The process was not started with sockets: LISTEN_FDS or LISTEN_PID is not set, or this system has no such thing.
    #[error("the service manager passed no sockets to this process{}", why_none())]
    NothingPassed,
    /// The variables were inherited from a process that sockets were passed to.
    #[error("the service manager passed its sockets to process {to} (LISTEN_PID), and this is process {us}")]
    PassedToAnother {
        /// Whom they were passed to.
        to: u32,
        /// This process.
        us: u32,
    },
    /// A variable is not what it should be.
    #[error("the variable {variable} makes no sense: '{value}'")]
    Malformed {
        /// Its name, such as `LISTEN_FDS`.
        variable: &'static str,
        /// Its value, with signs in the place of what is not text.
        value: String,
    },
    /// LISTEN_FDS counts a descriptor that is not open.
    #[error("descriptor {descriptor} was to be passed by the service manager, and is not open")]
    NotOpen {
        /// Its number.
        descriptor: i32,
    },
    /// No socket of this name or number was passed.
    #[error("the service manager passed no socket '{name}', only {}", .passed.join(", "))]
    Unknown {
        /// What was asked for.
        name: String,
        /// The sockets that were passed: each as its number and its name.
        passed: Vec<String>,
    },
    /// Every socket of this name or number was taken before.
    #[error("the socket '{name}' of the service manager is taken already")]
    Taken {
        /// What was asked for.
        name: String,
    },
}

fn why_none() -> &'static str {
    if cfg!(unix) {
        " (LISTEN_FDS and LISTEN_PID are not set)"
    } else {
        ": this system has no socket activation"
    }
}

fn in_brackets(source: &io::Error) -> String {
    let Some(code) = source.raw_os_error() else { return String::new() };
    error_name(code).map_or_else(|| format!(" (error {code})"), |name| format!(" ({name} {code})"))
}
