//! Partials: their names, and how one is made, found, locked and judged.
//!
//! A partial's name is known beforehand, so that it can be found again; so it is taken only if it is a regular file of ours
//! with one name, and locked against another receiver of the same file.

use super::StorageError;
use crate::os::{Directory, Kind, Locked};
use crate::wire::{PARTIAL_ENDING, PARTIAL_ENDING_LONG, shown};
use std::fs::File;
use std::io;

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

/// Refuses a name that stands for what is neither a file nor a link: a rename would replace a device. And one that stands
/// for a file of another name.
pub(super) fn refuse_special(directory: &Directory, name: &[u8]) -> Result<(), StorageError> {
    let same = |e| StorageError::new(&format!("cannot create {}", shown(name)), e);
    directory.refuse_same_name(name).map_err(same)?;
    let words = match directory.kind_of(name) {
        None | Some(Kind::File | Kind::Link) => return Ok(()),
        Some(Kind::Directory) => "is a directory",
        Some(Kind::Special) => "is no regular file",
    };
    Err(StorageError::words(format!("{} {words}", shown(name))))
}

/// A new partial. `None`: there is one.
pub(super) fn create_new(
    directory: &Directory,
    name: &[u8],
    partial: &[u8],
    mode: u16,
) -> Result<Option<File>, StorageError> {
    match directory.create_new(partial, mode) {
        Ok(file) => {
            if lock(directory, partial, &file)? {
                return Ok(Some(file));
            }
            // Another receiver took it over and finished between our two calls.
            create_new(directory, name, partial, mode)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(None),
        Err(error) => Err(StorageError::new(&format!("cannot create a file for {}", shown(name)), error)),
    }
}

/// Begins an existing partial anew.
pub(super) fn take_over(directory: &Directory, partial: &[u8], mode: u16) -> Result<File, StorageError> {
    let fail = |e| cannot_use(partial, e);
    loop {
        let file = directory.open_or_create(partial, mode).map_err(fail)?;
        if lock(directory, partial, &file)? {
            file.set_len(0).map_err(fail)?;
            return Ok(file);
        }
    }
}

/// What there is of a file of this size.
pub(super) fn find(directory: &Directory, name: &[u8], size: u64) -> Result<Found, StorageError> {
    let partial = name_of(name);
    match directory.open_to_write(&partial) {
        Ok(file) => {
            if lock(directory, &partial, &file)? && is_of_use(&file, size) {
                return Ok(Found::Partial(file));
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(cannot_use(&partial, error)),
    }
    // What cannot be opened is not looked at, and will be replaced or will refuse to be.
    let Ok(file) = directory.open_to_keep(name) else { return Ok(Found::Nothing) };
    let is_that = file.metadata().is_ok_and(|m| m.is_file() && m.len() == size);
    Ok(if is_that { Found::Stored(file) } else { Found::Nothing })
}

/// An empty partial is no beginning, but for an empty file.
fn is_of_use(file: &File, size: u64) -> bool {
    file.metadata().is_ok_and(|m| m.len() > 0 && m.len() <= size)
}

/// Locks a partial. `false`: the name stands for another file by now.
fn lock(directory: &Directory, partial: &[u8], file: &File) -> Result<bool, StorageError> {
    match directory.lock(partial, file).map_err(|e| cannot_use(partial, e))? {
        Locked::Ours => Ok(true),
        Locked::Another => Ok(false),
        Locked::NotOurs => Err(StorageError::words(format!("{} is there, and is not ours", shown(partial)))),
    }
}

fn cannot_use(partial: &[u8], error: io::Error) -> StorageError {
    if Directory::is_locked(&error) {
        return StorageError::words(format!("another transfer is writing {}", shown(partial)));
    }
    StorageError::new(&format!("cannot use {}", shown(partial)), error)
}
