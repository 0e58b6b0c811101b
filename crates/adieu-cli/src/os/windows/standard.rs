//! The standard handles as the shell gave them.

use crate::os::Standard;
use std::io;
use std::os::windows::io::{AsHandle, AsRawHandle};
use windows_sys::Win32::Foundation::{ERROR_INVALID_HANDLE, INVALID_HANDLE_VALUE};

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
