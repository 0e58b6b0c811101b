//! How far a peer is, and whether it may go: what its thread and its owner share.

use crate::progress::Progress;
use std::sync::OnceLock;
use std::time::Instant;

/// What the peer's thread and its owner tell each other.
#[derive(Debug, Default)]
pub(crate) struct Control {
    /// Number of the step being performed, from 0; the script's length when it has ended.
    pub(crate) step: Progress,
    /// 1: the script has ended, in whatever way.
    pub(crate) ended: Progress,
    /// 1: the program has exited; waits end.
    pub(crate) released: Progress,
    /// When that was.
    pub(crate) released_at: OnceLock<Instant>,
}
