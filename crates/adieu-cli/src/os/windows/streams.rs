//! Writing without waiting, to what others share with us.
//!
//! A file is written to at once. A pipe that is full and a console whose text is being selected hold up whoever writes to
//! them, and no call tells before, so both are left to a thread that may wait.

use crate::os::Stream;
use std::fs::File;
use std::io::{self, Write};
use std::os::windows::io::{AsRawHandle, RawHandle};
use std::path::Path;
use windows_sys::Win32::Storage::FileSystem::{FILE_TYPE_DISK, GetFileType};

fn is_disk(handle: RawHandle) -> bool {
    #[expect(unsafe_code, reason = "GetFileType has no safe wrapper")]
    // SAFETY: any value may be asked for; the handle is borrowed for the call.
    unsafe {
        GetFileType(handle) == FILE_TYPE_DISK
    }
}

/// Writes what takes no waiting, at least a byte. `WouldBlock`: it would wait, or nobody can tell.
pub(crate) fn write_now(to: Stream<'_>, bytes: &[u8]) -> io::Result<usize> {
    let (is_disk, written) = match to {
        Stream::Stderr if is_disk(io::stderr().as_raw_handle()) => (true, io::stderr().write(bytes)),
        Stream::File(mut file) if is_disk(file.as_raw_handle()) => (true, file.write(bytes)),
        _ => (false, Err(io::ErrorKind::WouldBlock.into())),
    };
    match written {
        Ok(0) if is_disk => Err(io::ErrorKind::WriteZero.into()),
        other => other,
    }
}

/// Writes all, however long it takes.
pub(crate) fn write_waiting(to: Stream<'_>, bytes: &[u8]) -> io::Result<()> {
    match to {
        Stream::Stderr => io::stderr().write_all(bytes),
        Stream::File(mut file) => file.write_all(bytes),
    }
}

/// Opens a file for our lines, anew or to go on at its end. `None` is for systems with FIFOs in their file system.
#[expect(clippy::unnecessary_wraps, reason = "elsewhere it may be none")]
pub(crate) fn open_for_lines(path: &Path, append: bool) -> io::Result<Option<File>> {
    if append {
        return File::options().append(true).create(true).open(path).map(Some);
    }
    File::create(path).map(Some)
}
