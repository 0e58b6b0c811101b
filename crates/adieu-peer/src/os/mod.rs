//! What systems know of a socket, and no safe call tells: the only unsafe code of the peers.

#[cfg(unix)]
mod unix;
#[cfg(unix)]
pub use unix::{TABLE_OF_TCP, TELLS_UNACKNOWLEDGED, is_wine, unacknowledged};
#[cfg(unix)]
pub(crate) use unix::{be_brief, is_readable_within, look, receive, send, unread, with_resets};

#[cfg(windows)]
mod windows;
#[cfg(windows)]
pub use windows::{TABLE_OF_TCP, TELLS_UNACKNOWLEDGED, is_wine, unacknowledged};
#[cfg(windows)]
pub(crate) use windows::{be_brief, is_readable_within, look, receive, send, unread, with_resets};

/// What is known of a socket without a call that takes something from it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Looked {
    /// An error is pending.
    pub(crate) error: bool,
    /// Both directions are over.
    pub(crate) hung_up: bool,
}
