//! The refusals of a proxy, in its own words where it has any.
//!
//! A proxy that cannot be reached has refused nothing: that is
//! [`ConnectCause::ProxyUnreachable`](crate::ConnectCause::ProxyUnreachable).

use crate::{SystemError, Words};
use adieu_proto::Call;

/// What went wrong at a proxy that is connected to. As text it goes on after the proxy's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyError {
    /// It said no: the name of its reply code, or its status line and the beginning of its page; where it was sent a password,
    /// its status code and our own words, since its may repeat the password.
    #[error("refuses: {answer}")]
    Refused {
        /// What it said, on one line, bounded.
        answer: String,
    },
    /// Its answer is not of its protocol.
    #[error("does not speak {protocol}: {what}")]
    Protocol {
        /// The protocol.
        protocol: &'static str,
        /// What was seen in its place.
        what: String,
    },
    /// The TLS handshake with it failed, or the session broke before there was a connection.
    #[error("{}", unspeakable(.0))]
    Tls(#[source] crate::tls::HandshakeError),
    /// The head of its answer is longer than we take.
    #[error("gave an answer whose head is above our limit of {limit} {unit}")]
    TooLong {
        /// How much is taken.
        limit: usize,
        /// Of what.
        unit: &'static str,
    },
    /// It closed the connection before its answer was whole.
    #[error("closed the connection before its answer was whole")]
    CutShort,
    /// Its protocol cannot say what we want.
    #[error("cannot be asked: {what}")]
    Inexpressible {
        /// Why.
        what: &'static str,
    },
    /// The connection to it failed in the middle of the handshake.
    #[error("failed us: {error}")]
    Io {
        /// The call that told it.
        call: Call,
        /// What the system said.
        #[source]
        error: SystemError,
    },
}

impl ProxyError {
    /// The sentence, with the settings that it names.
    pub fn words(&self) -> Words {
        match self {
            Self::Tls(error) => unspeakable(error),
            other => other.to_string().into(),
        }
    }
}

fn unspeakable(error: &crate::tls::HandshakeError) -> Words {
    Words::from("cannot be spoken to: ") + error.words()
}
