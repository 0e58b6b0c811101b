//! Partials: their names, and how one is made, found, locked and judged.
//!
//! A partial's name is known beforehand, so that it can be found again; so it is taken only if it is a regular file of ours
//! with one name, and locked against another receiver of the same file.

use super::{StorageError, creation_mode, kind_of};
use crate::wire::{PARTIAL_ENDING, PARTIAL_ENDING_LONG, shown};
use rustix::fs::{AtFlags, FileType, FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;

const NAME_LIMIT: usize = 255;

/// What there is of a file.
pub(super) enum Found {
    Nothing,
    Partial(File),
    Stored(File),
}

/// The name of a file's partial.
pub(super) fn name_of(name: &[u8]) -> Vec<u8> {
    if name.len() + 1 + PARTIAL_ENDING.len() <= NAME_LIMIT {
        return [b".", name, PARTIAL_ENDING].concat();
    }
    let hash = blake3::hash(name).to_hex();
    [b".", hash.as_bytes(), PARTIAL_ENDING_LONG].concat()
}

/// Refuses a name that stands for what is neither a file nor a link: a rename would replace a device.
pub(super) fn refuse_special(directory: &OwnedFd, name: &[u8]) -> Result<(), StorageError> {
    let words = match kind_of(directory, name) {
        None | Some(FileType::RegularFile | FileType::Symlink) => return Ok(()),
        Some(FileType::Directory) => "is a directory",
        Some(_) => "is no regular file",
    };
    Err(StorageError::words(format!("{} {words}", shown(name))))
}

/// A new partial. `None`: there is one.
pub(super) fn create_new(
    directory: &OwnedFd,
    name: &[u8],
    partial: &[u8],
    mode: u16,
) -> Result<Option<File>, StorageError> {
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match rustix::fs::openat(directory, partial, flags, creation_mode(mode)) {
        Ok(file) => {
            let file = File::from(file);
            if lock(directory, partial, &file)? {
                return Ok(Some(file));
            }
            // Another receiver took it over and finished between our two calls.
            create_new(directory, name, partial, mode)
        }
        Err(Errno::EXIST) => Ok(None),
        Err(error) => {
            Err(StorageError::new(&format!("cannot create a file for {}", shown(name)), error.into()))
        }
    }
}

/// Begins an existing partial anew.
pub(super) fn take_over(directory: &OwnedFd, partial: &[u8], mode: u16) -> Result<File, StorageError> {
    let fail = |e| StorageError::new(&format!("cannot use {}", shown(partial)), e);
    loop {
        let flags = OFlags::CREATE | OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file = rustix::fs::openat(directory, partial, flags, creation_mode(mode));
        let file = File::from(file.map_err(|e| fail(e.into()))?);
        if lock(directory, partial, &file)? {
            file.set_len(0).map_err(fail)?;
            return Ok(file);
        }
    }
}

/// What there is of a file of this size.
pub(super) fn find(directory: &OwnedFd, name: &[u8], size: u64) -> Result<Found, StorageError> {
    let partial = name_of(name);
    let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    match rustix::fs::openat(directory, &*partial, flags, Mode::empty()) {
        Ok(file) => {
            let file = File::from(file);
            if lock(directory, &partial, &file)? && is_of_use(&file, size) {
                return Ok(Found::Partial(file));
            }
        }
        Err(Errno::NOENT) => {}
        Err(error) => {
            return Err(StorageError::new(&format!("cannot use {}", shown(&partial)), error.into()));
        }
    }
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    // What cannot be opened is not looked at, and will be replaced or will refuse to be.
    let Ok(file) = rustix::fs::openat(directory, name, flags, Mode::empty()) else {
        return Ok(Found::Nothing);
    };
    let file = File::from(file);
    let is_that = file.metadata().is_ok_and(|m| m.is_file() && m.len() == size);
    Ok(if is_that { Found::Stored(file) } else { Found::Nothing })
}

/// An empty partial is no beginning, but for an empty file.
fn is_of_use(file: &File, size: u64) -> bool {
    file.metadata().is_ok_and(|m| m.len() > 0 && m.len() <= size)
}

/// Locks a partial. `false`: the name stands for another file by now.
fn lock(directory: &OwnedFd, partial: &[u8], file: &File) -> Result<bool, StorageError> {
    let fail = |e: Errno| StorageError::new(&format!("cannot use {}", shown(partial)), e.into());
    match rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive) {
        Err(Errno::WOULDBLOCK) => {
            return Err(StorageError::words(format!("another transfer is writing {}", shown(partial))));
        }
        // A file system without locks has a receiver at a time by its user's care.
        Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOLCK | Errno::NOSYS) => {}
        Err(error) => return Err(fail(error)),
    }
    let ours = rustix::fs::fstat(file).map_err(fail)?;
    let there = match rustix::fs::statat(directory, partial, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(there) => there,
        Err(Errno::NOENT) => return Ok(false),
        Err(error) => return Err(fail(error)),
    };
    if (ours.st_dev, ours.st_ino) != (there.st_dev, there.st_ino) {
        return Ok(false);
    }
    let regular = FileType::from_raw_mode(ours.st_mode) == FileType::RegularFile;
    if !regular || ours.st_nlink != 1 || ours.st_uid != rustix::process::geteuid().as_raw() {
        return Err(StorageError::words(format!("{} is there, and is not ours", shown(partial))));
    }
    Ok(true)
}

/// Takes back the permission to write that a file had only while it was written.
pub(super) fn settle_mode(file: &File, mode: u16) -> io::Result<()> {
    if mode & 0o600 == 0o600 {
        return Ok(());
    }
    let wanted = Mode::from_raw_mode((mode & 0o777).into());
    let now = Mode::from_raw_mode(rustix::fs::fstat(file)?.st_mode & 0o777);
    Ok(rustix::fs::fchmod(file, now & wanted)?)
}
