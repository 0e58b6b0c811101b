//! Transfers in this process and in processes that are killed: what both sides say must be true, and the target must be
//! the old file or the whole new one.

mod cancelling;
// What it tests is the same everywhere, and proptest takes long to build.
#[cfg(unix)]
mod codec;
#[cfg(target_os = "linux")]
mod exfat;
mod faults;
mod kills;
mod library;
mod memory;
mod names;
mod no_clobber;
#[cfg(unix)]
mod offers;
mod ordinary;
#[cfg(unix)]
mod preserve;
#[cfg(unix)]
mod processes;
#[cfg(unix)]
mod sources;
#[cfg(unix)]
mod storage;
mod support;
#[cfg(unix)]
mod unix;
#[cfg(unix)]
mod versions;
#[cfg(windows)]
mod windows;
