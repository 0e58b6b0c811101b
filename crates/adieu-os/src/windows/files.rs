//! Files on a disk: which one it is, and what std does not tell or promise of names.
//!
//! Source: GetFileInformationByHandle, MoveFileExW, FindFirstFileW.

use std::ffi::OsString;
use std::io;
use std::os::windows::ffi::{OsStrExt, OsStringExt};
use std::os::windows::io::{AsHandle, AsRawHandle};
use std::path::Path;
use windows_sys::Win32::Foundation::INVALID_HANDLE_VALUE;
use windows_sys::Win32::Storage::FileSystem::{
    BY_HANDLE_FILE_INFORMATION, FILE_TYPE_DISK, FindClose, FindFirstFileW, GetFileInformationByHandle,
    GetFileType, MOVEFILE_REPLACE_EXISTING, MOVEFILE_WRITE_THROUGH, MoveFileExW, WIN32_FIND_DATAW,
};

/// Which file a handle leads to, whatever its names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileIdentity {
    /// The volume's number.
    pub volume: u32,
    /// The file's number on its volume.
    pub number: u64,
    /// How many names it has.
    pub names: u32,
}

impl FileIdentity {
    /// Asks the system.
    ///
    /// # Errors
    ///
    /// It is a pipe or a device, or the handle is closed.
    pub fn of(file: &impl AsHandle) -> io::Result<Self> {
        let mut about = BY_HANDLE_FILE_INFORMATION::default();
        #[expect(unsafe_code, reason = "GetFileInformationByHandle has no safe wrapper")]
        // SAFETY: the handle is borrowed for the call, and what is written has its place.
        let told = unsafe { GetFileInformationByHandle(file.as_handle().as_raw_handle(), &raw mut about) };
        if told == 0 {
            return Err(io::Error::last_os_error());
        }
        let number = u64::from(about.nFileIndexHigh) << 32 | u64::from(about.nFileIndexLow);
        Ok(Self { volume: about.dwVolumeSerialNumber, number, names: about.nNumberOfLinks })
    }
}

/// Whether a handle leads to a file on a disk.
pub(super) fn is_on_disk(file: &impl AsHandle) -> bool {
    #[expect(unsafe_code, reason = "GetFileType has no safe wrapper")]
    // SAFETY: any value may be asked for; the handle is borrowed for the call.
    unsafe {
        GetFileType(file.as_handle().as_raw_handle()) == FILE_TYPE_DISK
    }
}

/// Gives a file another name, and returns when that is on the disk. `replaces`: in place of what has it, which else is an
/// error of the kind `AlreadyExists`.
pub fn rename_to_disk(from: &Path, to: &Path, replaces: bool) -> io::Result<()> {
    let (from, to) = (wide(from), wide(to));
    let how = if replaces { MOVEFILE_REPLACE_EXISTING } else { 0 } | MOVEFILE_WRITE_THROUGH;
    #[expect(unsafe_code, reason = "std's rename does not say when it is on the disk")]
    // SAFETY: both are null-terminated and live during the call.
    let moved = unsafe { MoveFileExW(from.as_ptr(), to.as_ptr(), how) };
    if moved == 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// The name that an entry has in its directory, as it is written there. `None`: there is none.
pub fn name_of_entry(path: &Path) -> Option<OsString> {
    let mut found = WIN32_FIND_DATAW::default();
    #[expect(unsafe_code, reason = "std gives the names of whole directories only")]
    // SAFETY: the path is null-terminated and what is found has its place; the handle is closed once.
    unsafe {
        let handle = FindFirstFileW(wide(path).as_ptr(), &raw mut found);
        if handle == INVALID_HANDLE_VALUE {
            return None;
        }
        FindClose(handle);
    }
    let length = found.cFileName.iter().position(|unit| *unit == 0).unwrap_or(found.cFileName.len());
    Some(OsString::from_wide(&found.cFileName[..length]))
}

fn wide(path: &Path) -> Vec<u16> {
    path.as_os_str().encode_wide().chain([0]).collect()
}
