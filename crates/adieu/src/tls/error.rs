//! Why a handshake failed. The sentences are made where the handshakes are; here is what holds one.

use super::Failure;
use crate::Words;
use std::{fmt, io};

/// A TLS handshake failed: what happened, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandshakeError {
    failure: Failure,
    what: Words,
}

impl HandshakeError {
    pub(crate) fn new(failure: Failure, what: impl Into<Words>) -> Self {
        Self { failure, what: what.into() }
    }

    /// What kind of failure it was.
    pub fn failure(&self) -> Failure {
        self.failure
    }

    /// The sentence, with the settings that it names.
    pub fn words(&self) -> Words {
        Words::from("the TLS handshake failed: ") + self.what.clone()
    }
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.words().fmt(f)
    }
}

impl std::error::Error for HandshakeError {}

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
