//! What systems know of a socket, and no safe call tells: the only unsafe code of the peers.

#[cfg(unix)]
mod unix;
#[cfg(all(unix, feature = "tls"))]
pub(crate) use unix::with_resets;
#[cfg(unix)]
pub use unix::{TABLE_OF_TCP, TELLS_UNACKNOWLEDGED, is_wine, unacknowledged};
#[cfg(unix)]
pub(crate) use unix::{be_brief, is_readable_within, is_without_family, look, receive, send, unread};

#[cfg(windows)]
mod windows;
#[cfg(all(windows, feature = "tls"))]
pub(crate) use windows::with_resets;
#[cfg(windows)]
pub use windows::{TABLE_OF_TCP, TELLS_UNACKNOWLEDGED, is_wine, unacknowledged};
#[cfg(windows)]
pub(crate) use windows::{be_brief, is_readable_within, is_without_family, look, receive, send, unread};

/// What is known of a socket without a call that takes something from it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Looked {
    /// An error is pending.
    pub(crate) error: bool,
    /// Both directions are over.
    pub(crate) hung_up: bool,
}
