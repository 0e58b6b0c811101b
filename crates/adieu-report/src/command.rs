//! The end of a command whose standard input and output were the two directions of a connection.

use std::fmt;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CommandEnd {
    /// It exited.
    Exited {
        /// With this code.
        code: i32,
    },
    /// A signal ended it.
    Signalled {
        /// The signal's number.
        signal: i32,
    },
}

impl CommandEnd {
    /// The exit code. `None`: a signal ended it.
    pub const fn code(self) -> Option<i32> {
        match self {
            Self::Exited { code } => Some(code),
            Self::Signalled { .. } => None,
        }
    }

    /// The signal that ended it. `None`: it exited.
    pub const fn signal(self) -> Option<i32> {
        match self {
            Self::Exited { .. } => None,
            Self::Signalled { signal } => Some(signal),
        }
    }
}

impl fmt::Display for CommandEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited { code } => write!(f, "the command exited with {code}"),
            Self::Signalled { signal } => write!(f, "the command was ended by signal {signal}"),
        }
    }
}
