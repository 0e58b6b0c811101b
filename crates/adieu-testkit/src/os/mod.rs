//! What differs between operating systems, and what no safe call tells: the only unsafe code of the test kit.

#[cfg(unix)]
mod unix;
#[cfg(unix)]
pub(crate) use unix::*;

#[cfg(windows)]
mod windows;
#[cfg(windows)]
pub(crate) use windows::*;

/// What is known of a socket without a call that takes something from it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Looked {
    /// An error is pending.
    pub(crate) error: bool,
    /// Both directions are over.
    pub(crate) hung_up: bool,
}
