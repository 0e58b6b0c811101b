//! What is known of our standard handles without reading or writing them.
//!
//! Whether one was closed when the program began is not told here: only the program itself can look before its runtime does.

use super::files::{FileIdentity, is_on_disk};
use std::fs::File;
use std::io::{self, Seek};
use std::os::windows::io::{AsHandle, AsRawHandle, BorrowedHandle};
use std::path::Path;
use windows_sys::Win32::Foundation::ERROR_BROKEN_PIPE;
use windows_sys::Win32::System::Pipes::PeekNamedPipe;

/// Standard output as a file of its own. A console gets the bytes as they are, and shows them in its own code page.
pub fn stdout_file() -> io::Result<File> {
    Ok(File::from(io::stdout().as_handle().try_clone_to_owned()?))
}

/// Whether stdin has bytes that only the first who reads them gets: a file that is not at its end.
pub fn stdin_is_a_file_with_bytes() -> bool {
    let Ok(stdin) = io::stdin().as_handle().try_clone_to_owned() else { return false };
    let mut stdin = File::from(stdin);
    is_on_disk(&stdin)
        && stdin.metadata().is_ok_and(|about| stdin.stream_position().is_ok_and(|at| at < about.len()))
}

/// Whether stdin has bytes that nobody has read yet. It is asked after a SIGHUP, which does not come here.
pub fn stdin_has_bytes() -> bool {
    true
}

/// Whether stdin will give no byte any more, to nobody: a pipe that its writer has closed.
///
/// Source: PeekNamedPipe.
pub fn stdin_is_spent() -> bool {
    let null = std::ptr::null_mut();
    #[expect(unsafe_code, reason = "PeekNamedPipe has no safe wrapper")]
    // SAFETY: the handle is borrowed for the call, which writes nothing: every place for an answer is null.
    let is_open = unsafe {
        PeekNamedPipe(io::stdin().as_raw_handle(), null, 0, null.cast(), null.cast(), null.cast()) != 0
    };
    !is_open && io::Error::last_os_error().raw_os_error() == Some(ERROR_BROKEN_PIPE.cast_signed())
}

/// Which of stdin and stdout is this regular file, so that creating it anew would empty what is read, or written.
pub fn that_is_file(path: &Path) -> Option<&'static str> {
    // A file that cannot be looked at is none that we have open, or creating it will say why.
    let file = identity(&File::open(path).ok()?)?;
    let is_it = |handle: BorrowedHandle<'_>| identity(&handle) == Some(file);
    if is_it(io::stdin().as_handle()) {
        Some("stdin")
    } else if is_it(io::stdout().as_handle()) {
        Some("stdout")
    } else {
        None
    }
}

fn identity(file: &impl AsHandle) -> Option<(u32, u64)> {
    let identity = FileIdentity::of(file).ok().filter(|_| is_on_disk(file))?;
    Some((identity.volume, identity.number))
}

/// Nothing tells it; the next write does.
pub fn stdout_reader_has_gone() -> bool {
    false
}

/// What writing to a pipe without a reader says.
pub fn broken_pipe() -> std::io::Error {
    std::io::ErrorKind::BrokenPipe.into()
}
