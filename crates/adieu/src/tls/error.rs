//! Why a handshake failed. The sentences are made where the handshakes are; here is what holds one.

use super::Failure;
use crate::{SystemError, Words};
use std::{fmt, io};

/// A TLS handshake failed: what happened, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandshakeError {
    failure: Failure,
    // In boxes, so that what may fail by it stays small.
    what: Box<Words>,
    /// What the system said, if a system call broke the handshake off.
    pub(super) source: Option<Box<SystemError>>,
}

impl HandshakeError {
    pub(crate) fn new(failure: Failure, what: impl Into<Words>) -> Self {
        Self { failure, what: Box::new(what.into()), source: None }
    }

    /// What kind of failure it was.
    pub fn failure(&self) -> Failure {
        self.failure
    }

    /// The sentence, with the settings that it names.
    pub fn words(&self) -> Words {
        Words::from("the TLS handshake failed: ") + (*self.what).clone()
    }
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.words().fmt(f)
    }
}

/// Its source is what the system said, if a system call broke the handshake off.
impl std::error::Error for HandshakeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|error| error as _)
    }
}

impl From<HandshakeError> for io::Error {
    fn from(error: HandshakeError) -> Self {
        let kind = match error.failure() {
            Failure::Reset => io::ErrorKind::ConnectionReset,
            Failure::Eof | Failure::NotBegun => io::ErrorKind::UnexpectedEof,
            _ => io::ErrorKind::InvalidData,
        };
        Self::new(kind, error)
    }
}
