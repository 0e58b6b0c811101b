//! What a report says of TLS, besides the core's part.

use super::Trust;
use adieu_proto::Time;

/// It is filled in as a connection goes on.
#[derive(Debug, Clone, Default)]
pub(crate) struct TlsFacts {
    pub(crate) version: Option<String>,
    pub(crate) suite: Option<String>,
    pub(crate) alpn: Option<String>,
    pub(crate) trust: Option<Trust>,
    pub(crate) peer_subject: Option<String>,
    pub(crate) peer_not_after: Option<String>,
    pub(crate) peer_sha256: Option<String>,
    pub(crate) alert: Option<String>,
    pub(crate) failure: Option<&'static str>,
    pub(crate) error: Option<String>,
    pub(crate) close_notify_sent: bool,
    pub(crate) close_notify_received: bool,
    /// The peer's EOF came within a record.
    pub(crate) cut_record: bool,
    /// When the handshake was done.
    pub(crate) secured: Option<Time>,
}
