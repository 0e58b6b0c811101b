//! What a file has besides its content: permission bits, and holes.

#![allow(clippy::useless_conversion, reason = "mode_t has 32 bits on Linux, and 16 on macOS and FreeBSD")]

use rustix::fs::{FlockOperation, Mode};
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;

/// The nine permission bits.
pub(crate) fn permissions(there: &Metadata) -> u16 {
    u16::try_from(there.mode() & 0o777).unwrap_or(0o600)
}

/// When the inode was last changed, in seconds and nanoseconds.
#[expect(clippy::unnecessary_wraps, reason = "elsewhere it is not told")]
pub(crate) fn inode_changed(there: &Metadata) -> Option<(i64, i64)> {
    Some((there.ctime(), there.ctime_nsec()))
}

/// Takes back the permission to write that a file had only while it was written.
pub(crate) fn settle_mode(file: &File, mode: u16) -> io::Result<()> {
    if mode & 0o600 == 0o600 {
        return Ok(());
    }
    let wanted = Mode::from_raw_mode((mode & 0o777).into());
    let now = Mode::from_raw_mode(rustix::fs::fstat(file)?.st_mode & 0o777);
    Ok(rustix::fs::fchmod(file, now & wanted)?)
}

/// Gives it exactly these nine bits.
pub(crate) fn set_mode(file: &File, mode: u16) -> io::Result<()> {
    let wanted = Mode::from_raw_mode(mode.into());
    if rustix::fs::fstat(file)?.st_mode & 0o7777 == wanted.as_raw_mode() {
        return Ok(());
    }
    Ok(rustix::fs::fchmod(file, wanted)?)
}

/// Whether a file has these bits or can be given them, alone: it is ours, and has no other name.
pub(crate) fn can_have_mode(there: &Metadata, mode: u16) -> bool {
    has_mode(there, mode) || can_be_changed(there)
}

/// Whether the bits and times of a file can be changed, and no other name's: it is ours, and has none.
pub(crate) fn can_be_changed(there: &Metadata) -> bool {
    let user = rustix::process::geteuid();
    there.nlink() == 1 && (user.is_root() || user.as_raw() == there.uid())
}

/// Whether a file has exactly these bits.
pub(crate) fn has_mode(there: &Metadata, mode: u16) -> bool {
    there.mode() & 0o7777 == u32::from(mode)
}

/// Gives a lock back, also if a copy of the descriptor is still open.
pub(crate) fn unlock(file: &File) {
    // It can fail only where there are no locks.
    let _ = rustix::fs::flock(file, FlockOperation::Unlock);
}

/// Whether it may have holes.
pub(crate) fn is_sparse(there: &Metadata) -> bool {
    there.blocks() * 512 < there.len()
}

/// From a hole's or data's beginning in a file of this size: how long the hole is, and where the data after it ends. What
/// is read next is that data.
#[cfg(not(any(target_os = "netbsd", target_os = "openbsd")))]
pub(crate) fn next_data(file: &mut File, size: u64, at: u64) -> (u64, u64) {
    use rustix::io::Errno;
    use std::io::{Seek, SeekFrom};

    let data = match rustix::fs::seek(&*file, rustix::fs::SeekFrom::Data(at)) {
        Ok(data) => data.min(size),
        // Nothing but a hole up to the end.
        Err(Errno::NXIO) => size,
        // It cannot be told here: all of it is data.
        Err(_) => at,
    };
    let end = match rustix::fs::seek(&*file, rustix::fs::SeekFrom::Hole(data)) {
        Ok(end) if data < size => end.clamp(data, size),
        _ => size,
    };
    // Those seeks have moved the place from which is read.
    let _ = file.seek(SeekFrom::Start(data));
    (data - at, if end == data { size } else { end })
}

/// All of it is data: these systems do not tell of holes.
#[cfg(any(target_os = "netbsd", target_os = "openbsd"))]
pub(crate) fn next_data(_: &mut File, size: u64, _: u64) -> (u64, u64) {
    (0, size)
}
