//! What differs between operating systems: error numbers, waiting, evidence. The only unsafe code.
//!
//! One file per platform, all with the same functions, so that nothing above asks which platform it is on.

#[cfg(unix)]
mod unix;
#[cfg(unix)]
pub(crate) use unix::*;

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
pub(crate) use linux::*;

#[cfg(all(unix, not(target_os = "linux")))]
mod portable;
#[cfg(all(unix, not(target_os = "linux")))]
pub(crate) use portable::*;
