//! The standard handles as the shell gave them.

use crate::os::Standard;
use std::fs::File;
use std::io;
use std::os::windows::io::{AsHandle, AsRawHandle, BorrowedHandle};
use std::path::Path;
use windows_sys::Win32::Foundation::{ERROR_INVALID_HANDLE, INVALID_HANDLE_VALUE};
use windows_sys::Win32::Storage::FileSystem::{
    BY_HANDLE_FILE_INFORMATION, FILE_TYPE_DISK, GetFileInformationByHandle, GetFileType,
};

/// Fails if there was none when we started.
///
/// Source: "Console Handles", GetStdHandle: a process without one has NULL.
pub(crate) fn check_standard(which: Standard) -> io::Result<()> {
    let handle = match which {
        Standard::Input => io::stdin().as_handle().as_raw_handle(),
        Standard::Output => io::stdout().as_handle().as_raw_handle(),
    };
    if handle.is_null() || handle == INVALID_HANDLE_VALUE {
        return Err(io::Error::from_raw_os_error(ERROR_INVALID_HANDLE.cast_signed()));
    }
    Ok(())
}

/// Standard output as a file of its own. A console gets the bytes as they are, and shows them in its own code page.
pub(crate) fn stdout_file() -> io::Result<File> {
    Ok(File::from(io::stdout().as_handle().try_clone_to_owned()?))
}

/// Which of stdin and stdout is this regular file, so that creating it anew would empty what is read, or written.
pub(crate) fn that_is_file(path: &Path) -> Option<&'static str> {
    // A file that cannot be looked at is none that we have open, or creating it will say why.
    let file = identity(File::open(path).ok()?.as_handle())?;
    let is_it = |handle: BorrowedHandle<'_>| identity(handle) == Some(file);
    if is_it(io::stdin().as_handle()) {
        Some("stdin")
    } else if is_it(io::stdout().as_handle()) {
        Some("stdout")
    } else {
        None
    }
}

/// The volume and the file's number on it.
fn identity(handle: BorrowedHandle<'_>) -> Option<(u32, u32, u32)> {
    let mut about = BY_HANDLE_FILE_INFORMATION::default();
    #[expect(unsafe_code, reason = "neither call has a safe wrapper")]
    // SAFETY: the handle is borrowed for the calls, and what is written has its place.
    let known = unsafe {
        GetFileType(handle.as_raw_handle()) == FILE_TYPE_DISK
            && GetFileInformationByHandle(handle.as_raw_handle(), &raw mut about) != 0
    };
    known.then_some((about.dwVolumeSerialNumber, about.nFileIndexHigh, about.nFileIndexLow))
}
