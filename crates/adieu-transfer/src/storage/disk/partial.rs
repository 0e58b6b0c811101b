//! Partials: their names, and how one is made, found, locked and judged.
//!
//! A partial's name is known beforehand, so that it can be found again; so it is taken only if it is a regular file of ours
//! with one name, and locked against another receiver of the same file. The lock is the file's and not the name's: who has
//! locked a file looks whether the name still leads to it, and once more before the name is used for anything.

use super::StorageError;
use crate::os::{
    Directory, Identity, Kind, Locked, There, about, can_be_changed, can_have_mode, has_mode, set_mode,
    unlock,
};
use crate::wire::{PARTIAL_ENDING, PARTIAL_ENDING_LONG, shown};
use std::fs::File;
use std::io;
use std::ops::Deref;
use std::time::SystemTime;

const NAME_LIMIT: usize = 255;

/// An open file of the output.
///
/// A partial's lock is given back when this is dropped, and not by the last descriptor's close: a child that this process
/// is starting has copies of all of them until its exec, and would hold the lock for so long (flock(2)).
#[derive(Debug)]
pub(super) struct Open {
    file: File,
    is_locked: bool,
    pub(super) identity: Identity,
    /// It had other names when it was opened.
    pub(super) has_other_names: bool,
}

impl Open {
    /// A file that we have locked.
    fn locked(file: File) -> io::Result<Self> {
        let mut open = Self::unlocked(file)?;
        open.is_locked = true;
        Ok(open)
    }

    /// A file without a lock of ours.
    pub(super) fn unlocked(file: File) -> io::Result<Self> {
        let (identity, has_other_names) = about(&file)?;
        Ok(Self { file, is_locked: false, identity, has_other_names })
    }
}

impl Deref for Open {
    type Target = File;

    fn deref(&self) -> &File {
        &self.file
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if self.is_locked {
            unlock(&self.file);
        }
    }
}

/// The name of a file's partial.
pub(super) fn name_of(name: &[u8]) -> Vec<u8> {
    if name.len() + 1 + PARTIAL_ENDING.len() <= NAME_LIMIT {
        return [b".", name, PARTIAL_ENDING].concat();
    }
    let hash = blake3::hash(name).to_hex();
    [b".", hash.as_bytes(), PARTIAL_ENDING_LONG].concat()
}

/// The name of the file that a partial of this name is of. `None`: it is none, or the file's name is too long to stand in it.
pub(super) fn original_of(partial: &[u8]) -> Option<&[u8]> {
    partial.strip_prefix(b".")?.strip_suffix(PARTIAL_ENDING)
}

/// A name below the output, for people.
pub(super) fn below(parent: &[u8], name: &[u8]) -> String {
    if parent.is_empty() { shown(name) } else { shown(&[parent, b"/", name].concat()) }
}

/// Where a file goes: its directory, which is open, and its name there.
#[derive(Clone, Copy)]
pub(super) struct Spot<'a> {
    pub(super) directory: &'a Directory,
    /// The directory's name, for people.
    pub(super) parent: &'a [u8],
    pub(super) name: &'a [u8],
}

impl Spot<'_> {
    /// Refuses a name that stands for what is neither a file nor a link: a rename would replace a device. And one that
    /// stands for a file of another name.
    pub(super) fn refuse_special(self, there: Option<&There>) -> Result<(), StorageError> {
        let same = |e| StorageError::system(&format!("cannot create {}", below(self.parent, self.name)), e);
        self.directory.refuse_same_name(self.name).map_err(same)?;
        let words = match there.map(|there| there.kind) {
            None | Some(Kind::File | Kind::Link) => return Ok(()),
            Some(Kind::Directory) => "is a directory",
            Some(Kind::Special) => "is no regular file",
        };
        Err(StorageError::new(format!("{} {words}", below(self.parent, self.name))))
    }

    /// A new partial. `None`: there is one.
    pub(super) fn create_new(self, mode: u16) -> Result<Option<Open>, StorageError> {
        loop {
            match self.directory.create_new(&name_of(self.name), mode) {
                // If it is not ours, another receiver took it over and finished between our two calls.
                Ok(file) => {
                    if let Some(file) = self.lock(file)? {
                        return Ok(Some(file));
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(None),
                Err(error) => {
                    let what = format!("cannot create a file for {}", below(self.parent, self.name));
                    return Err(StorageError::system(&what, error));
                }
            }
        }
    }

    /// A partial in place of the one that there is. Not the same file: whoever was let in by its bits may have it open.
    pub(super) fn replace(self, mode: u16) -> Result<Open, StorageError> {
        loop {
            self.remove_file()?;
            if let Some(file) = self.create_new(mode)? {
                return Ok(file);
            }
        }
    }

    /// Removes a partial that no transfer is using, to make room for a link.
    pub(super) fn remove_unused(self) -> Result<(), StorageError> {
        let partial = name_of(self.name);
        if self.directory.kind_of(&partial) != Some(Kind::Link) {
            return self.remove_file();
        }
        // It has no lock, and is made in a moment.
        self.removed(self.directory.remove(&partial))
    }

    /// Removes a partial that is a file, and that no transfer is using.
    fn remove_file(self) -> Result<(), StorageError> {
        let partial = name_of(self.name);
        let file = match self.directory.open_to_write(&partial) {
            Ok(file) => file,
            Err(error) => return self.removed(Err(error)),
        };
        // The lock must be ours until it is removed.
        let Some(ours) = self.lock(file)? else { return Ok(()) };
        let removed = self.directory.remove(&partial);
        drop(ours);
        self.removed(removed)
    }

    /// It is as well if somebody else has removed it.
    fn removed(self, result: io::Result<()>) -> Result<(), StorageError> {
        match result {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(self.cannot_use(error)),
            _ => Ok(()),
        }
    }

    /// Gives a file that was there the bits that a new one of this mode gets.
    pub(super) fn give_mode(self, file: &File, mode: u16) -> io::Result<()> {
        set_mode(file, self.mode_here(mode)?)
    }

    /// What a new file of this mode has.
    fn mode_here(self, mode: u16) -> io::Result<u16> {
        // The partial of no name, so it is nobody's.
        Ok(mode & self.directory.creation_mask(&name_of(b""))?)
    }

    /// The partial that there is, locked. `None`: there is none, or it is empty.
    pub(super) fn find_partial(self) -> Result<Option<Open>, StorageError> {
        let partial = name_of(self.name);
        loop {
            match self.directory.open_to_write(&partial) {
                Ok(file) => {
                    if let Some(file) = self.lock(file)? {
                        return Ok(file.metadata().is_ok_and(|m| m.len() > 0).then_some(file));
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(self.cannot_use(error)),
            }
        }
    }

    /// The file under the name, if it has this size and can have this mode and time; or has them, if it must stay
    /// `as_it_is`.
    pub(super) fn find_stored(
        self,
        size: u64,
        mode: u16,
        modified: Option<SystemTime>,
        as_it_is: bool,
    ) -> Result<Option<Open>, StorageError> {
        // What cannot be opened is not looked at, and will be replaced or will refuse to be.
        let Ok(file) = self.directory.open_to_keep(self.name) else { return Ok(None) };
        let is_that = file.metadata().is_ok_and(|m| {
            // One that cannot have the mode is replaced.
            let has_or_can_have = if as_it_is { has_mode } else { can_have_mode };
            let has_time = modified.is_none_or(|time| m.modified().is_ok_and(|there| there == time));
            m.is_file()
                && m.len() == size
                && self.mode_here(mode).is_ok_and(|mode| has_or_can_have(&m, mode))
                && (has_time || (!as_it_is && can_be_changed(&m)))
        });
        if !is_that {
            return Ok(None);
        }
        Open::unlocked(file).map(Some).map_err(|e| self.cannot_use(e))
    }

    /// Locks a partial that was just opened. `None`: the name stands for another file by now, and one has to start again.
    fn lock(self, file: File) -> Result<Option<Open>, StorageError> {
        let partial = name_of(self.name);
        let locked = self.directory.lock(&partial, &file);
        match locked.map_err(|e| self.cannot_use(e))? {
            Locked::Ours => Open::locked(file).map(Some).map_err(|e| self.cannot_use(e)),
            Locked::Another => Ok(None),
            Locked::NotOurs => {
                Err(StorageError::new(format!("{} is there, and is not ours", below(self.parent, &partial))))
            }
        }
    }

    fn cannot_use(self, error: io::Error) -> StorageError {
        let partial = name_of(self.name);
        let shown = below(self.parent, &partial);
        if Directory::is_locked(&error) {
            return StorageError::new(format!("another transfer is writing {shown}"));
        }
        if self.directory.kind_of(&partial) == Some(Kind::Link) {
            return StorageError::new(format!(
                "{shown} is a link, and a partial is wanted there: remove it, or see who made it"
            ));
        }
        StorageError::system(&format!("cannot use {shown}"), error)
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_given_back_although_a_child_may_still_have_the_descriptor() {
        let place = tempfile::tempdir().expect("there is room");
        let directory = Directory::open(place.path()).expect("it is there");
        let spot = Spot { directory: &directory, parent: b"", name: b"file" };
        let ours = spot.create_new(0o600).expect("there is room").expect("it is new");
        std::io::Write::write_all(&mut &*ours, b"beginning").expect("there is room");
        // What a fork does until the exec: one more descriptor of the same open file.
        let copy = ours.try_clone().expect("there are descriptors");
        assert!(spot.find_partial().is_err(), "it is locked");
        drop(ours);
        assert!(matches!(spot.find_partial(), Ok(Some(_))), "it can be resumed");
        drop(copy);
    }
}
