//! The standard handles as the shell gave them.

use crate::os::Standard;
use std::fs::File;
use std::io::{self, Seek};
use std::os::windows::io::{AsHandle, AsRawHandle, BorrowedHandle};
use std::path::Path;
use windows_sys::Win32::Foundation::{ERROR_BROKEN_PIPE, ERROR_INVALID_HANDLE, INVALID_HANDLE_VALUE};
use windows_sys::Win32::Storage::FileSystem::{
    BY_HANDLE_FILE_INFORMATION, FILE_TYPE_DISK, GetFileInformationByHandle, GetFileType,
};
use windows_sys::Win32::System::Pipes::PeekNamedPipe;

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

/// Whether stdin has bytes that only the first who reads them gets: a file that is not at its end.
pub(crate) fn stdin_is_a_file_with_bytes() -> bool {
    let Ok(stdin) = io::stdin().as_handle().try_clone_to_owned() else { return false };
    let mut stdin = File::from(stdin);
    identity(stdin.as_handle()).is_some()
        && stdin.metadata().is_ok_and(|about| stdin.stream_position().is_ok_and(|at| at < about.len()))
}

/// Whether stdin has bytes that nobody has read yet. It is asked after a SIGHUP, which does not come here.
pub(crate) fn stdin_has_bytes() -> bool {
    true
}

/// Whether stdin will give no byte any more, to nobody: a pipe that its writer has closed.
///
/// Source: PeekNamedPipe.
pub(crate) fn stdin_is_spent() -> bool {
    let null = std::ptr::null_mut();
    #[expect(unsafe_code, reason = "PeekNamedPipe has no safe wrapper")]
    // SAFETY: the handle is borrowed for the call, which writes nothing: every place for an answer is null.
    let is_open = unsafe {
        PeekNamedPipe(io::stdin().as_raw_handle(), null, 0, null.cast(), null.cast(), null.cast()) != 0
    };
    !is_open && io::Error::last_os_error().raw_os_error() == Some(ERROR_BROKEN_PIPE.cast_signed())
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
