//! What differs between operating systems: error numbers, waiting, evidence. The only unsafe code.
//!
//! One folder per platform, all with the same functions, so that nothing above asks which platform it is on.

#[cfg(unix)]
mod unix;
#[cfg(unix)]
pub(crate) use unix::*;

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
pub(crate) use linux::*;

/// How often to look for an acknowledgement where nothing can wake us for it: out of descriptors, for example.
pub(crate) const LOOK_AGAIN: std::time::Duration = std::time::Duration::from_millis(10);
