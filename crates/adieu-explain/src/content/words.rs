//! What a conversation told, in words.

use serde::Serialize;

/// The TLS version that was agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub enum TlsVersion {
    /// The connection does not carry TLS.
    #[serde(rename = "-")]
    NotTls,
    /// SSL 3.0.
    #[serde(rename = "ssl3")]
    Ssl3,
    /// TLS 1.0.
    #[serde(rename = "1.0")]
    Tls10,
    /// TLS 1.1.
    #[serde(rename = "1.1")]
    Tls11,
    /// TLS 1.2.
    #[serde(rename = "1.2")]
    Tls12,
    /// TLS 1.3.
    #[serde(rename = "1.3")]
    Tls13,
}

/// Which protocol a connection carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// Its first octets were not captured, or there were none but too few.
    #[default]
    Unseen,
    /// None that is known here.
    Other,
    Tls,
    Http1,
}

/// What is missing of an HTTP/1 message (RFC 9112, 8). Octets are those that were sent, also where the capture missed them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "missing", rename_all = "snake_case")]
pub enum Shortfall {
    /// The head has no end.
    Head,
    /// The body is shorter than its Content-Length.
    Body {
        /// Octets of the body.
        sent: u64,
        /// The Content-Length.
        promised: u64,
    },
    /// The chunked body has no last chunk.
    LastChunk {
        /// Octets in chunks.
        sent: u64,
    },
}

/// What a TLS side said at its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Notified {
    /// No close_notify.
    #[default]
    No,
    /// A record that was, or by its length may have been, close_notify.
    Yes,
    /// The records were lost sight of.
    Unknown,
}

/// What a conversation told. Arrays have one element for each side, 0 and 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) protocol: Protocol,
    pub(crate) version: Option<TlsVersion>,
    pub(crate) notified: [Notified; 2],
    /// The alerts are encrypted: `notified` rests on types and lengths of records.
    pub(crate) encrypted: bool,
    /// The fatal alert by which a side broke the handshake off, in the clear.
    pub(crate) broke_off: [Option<u8>; 2],
    /// All records of both sides were followed.
    pub(crate) complete: bool,
    /// The side sent application data, or handshake, after the other's close_notify.
    pub(crate) spoke_after: [bool; 2],
    /// What is missing of the side's last HTTP message.
    pub(crate) short: [Option<Shortfall>; 2],
    /// A whole head of HTTP/1 was read.
    pub(crate) is_http: bool,
}
