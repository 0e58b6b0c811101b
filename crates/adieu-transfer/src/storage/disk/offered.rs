//! Files that a sender offers, with their hashes: what is there already is compared with what the sender named.
//!
//! Nothing here is told to the sender but whether its hash is right: a stranger that does not have the content is not to learn
//! a size or a hash of what is there.

use super::partial::{self, Open, Spot};
use super::{Disk, Incoming, StorageError, commit, no_mode, there};
use crate::event::TransferEvent;
use crate::wire::{Attributes, EntryPath, ShortHash, short};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;

/// A file as it was offered.
#[derive(Debug, Clone)]
pub(crate) struct Offered {
    pub(crate) path: EntryPath,
    pub(crate) mode: u16,
    pub(crate) size: u64,
    pub(crate) hash: ShortHash,
    /// What the sender preserves of it.
    pub(crate) attributes: Option<Attributes>,
}

/// What there is of an offered file.
pub(crate) enum Held {
    Nothing,
    /// A partial, which may be its beginning or not.
    Beginning,
    /// All of it: under its name, or in a partial.
    Whole(Box<Incoming>),
}

/// A partial that is compared with the lengths and hashes that the sender names, the shortest first.
pub(crate) struct Beginning {
    /// `None`: it is in a program's store, which is asked for it.
    file: Option<Open>,
    hasher: blake3::Hasher,
    /// What was hashed.
    done: u64,
    /// The longest length whose hash was the sender's, and the hasher then.
    equal: Option<(u64, blake3::Hasher)>,
}

/// Asked now and then with the bytes read; says whether to go on.
pub(crate) type Alive<'a> = &'a mut dyn FnMut(u64) -> bool;

impl Beginning {
    fn of(file: Option<Open>) -> Self {
        Self { file, hasher: blake3::Hasher::new(), done: 0, equal: None }
    }

    /// The one of a file in a program's store.
    pub(in crate::storage) fn in_store() -> Self {
        Self::of(None)
    }

    /// How much of it was read.
    pub(in crate::storage) fn done(&self) -> u64 {
        self.done
    }

    /// The hasher at `offset`, if its hash was the sender's there.
    pub(in crate::storage) fn into_hasher_at(self, offset: u64) -> Option<blake3::Hasher> {
        self.equal.filter(|(length, _)| *length == offset).map(|(_, hasher)| hasher)
    }

    /// Whether so much of the partial has this hash. A length below the one before is not looked at, and differs.
    pub(in crate::storage) fn compare(
        &mut self,
        length: u64,
        hash: &ShortHash,
        alive: Alive<'_>,
    ) -> io::Result<bool> {
        let Some(file) = self.file.take() else { return Ok(false) };
        let equal = self.compare_with(&*file, length, hash, alive);
        self.file = Some(file);
        equal
    }

    /// The same of what stands in `rest` from [`done`](Self::done) on.
    pub(in crate::storage) fn compare_with(
        &mut self,
        rest: impl Read,
        length: u64,
        hash: &ShortHash,
        alive: Alive<'_>,
    ) -> io::Result<bool> {
        let Some(missing) = length.checked_sub(self.done) else { return Ok(false) };
        let read = hash_on(rest, missing, &mut self.hasher, alive)?;
        self.done += read;
        let is_equal = read == missing && short(self.hasher.finalize().as_bytes()) == *hash;
        if is_equal {
            self.equal = Some((length, self.hasher.clone()));
        }
        Ok(is_equal)
    }

    /// The longest length whose hash was the sender's.
    pub(crate) fn equal(&self) -> u64 {
        self.equal.as_ref().map_or(0, |(length, _)| *length)
    }
}

impl Disk {
    /// A file is offered: takes its name for this transfer.
    pub(crate) fn announce(&mut self, offered: &Offered) -> Result<(), StorageError> {
        if self.is_stream() {
            return Ok(());
        }
        let (parent, name) = self.location(&offered.path)?;
        let directory = Arc::clone(self.tree()?.directory(&parent)?);
        let spot = Spot { directory: &directory, parent: &parent, name: &name };
        self.name(spot)?;
        self.refuse_taken(spot, there(spot)?.as_ref())?;
        self.refuse_partial(spot)?;
        self.offered.push_back((parent, name));
        Ok(())
    }

    /// What there is of an offered file. What has its size is read and hashed.
    pub(crate) fn look(&mut self, offered: &Offered, alive: Alive<'_>) -> Result<Held, StorageError> {
        self.announce(offered)?;
        if self.is_stream() {
            return Ok(Held::Nothing);
        }
        let (parent, name) = self.location(&offered.path)?;
        let directory = Arc::clone(self.tree()?.directory(&parent)?);
        let spot = Spot { directory: &directory, parent: &parent, name: &name };
        let partial = spot.find_partial()?;
        let mut is_that = |file: &Open| {
            let equal = is_equal_file(file, offered, alive);
            equal.map_err(|e| StorageError::system(&format!("cannot read {}", offered.path), e))
        };
        let (file, is_kept, hasher) = match partial {
            Some(file) if file.metadata().is_ok_and(|m| m.len() == offered.size) => match is_that(&file)? {
                Some(hasher) => (file, false, hasher),
                None => return Ok(Held::Beginning),
            },
            partial => {
                let modified =
                    offered.attributes.and_then(|attributes| attributes.modified.system_time().ok());
                let stored = match spot.find_stored(offered.size, offered.mode, modified, !self.replaces)? {
                    Some(file) => is_that(&file)?.map(|hasher| (file, hasher)),
                    None => None,
                };
                match (stored, partial) {
                    (Some((file, hasher)), partial) => {
                        if let Some(partial) = partial {
                            let mut walker = self.tree()?.walker();
                            commit::remove(&mut walker, &parent, &partial::name_of(&name), &partial);
                        }
                        (file, true, hasher)
                    }
                    (None, Some(_)) => return Ok(Held::Beginning),
                    (None, None) => return Ok(Held::Nothing),
                }
            }
        };
        let taken = &mut self.tree()?.taken;
        if is_kept {
            taken.add_kept(spot, file.identity, file.has_other_names);
        } else {
            taken.add(file.identity);
        }
        // It waits for no start.
        self.offered.pop_back();
        let partial = (!is_kept).then(|| partial::name_of(&name));
        let incoming = Incoming::new(offered.path.clone(), parent, name, partial, Some(file), offered.mode);
        let (written, is_resumed) = (offered.size, !is_kept);
        Ok(Held::Whole(Box::new(Incoming {
            hasher,
            written,
            is_kept,
            is_resumed,
            attributes: offered.attributes,
            ..incoming
        })))
    }

    /// Opens the partial of an offered file, to compare it. `None`: it has gone.
    pub(crate) fn beginning(&mut self, offered: &Offered) -> Result<Option<Beginning>, StorageError> {
        let (parent, name) = self.location(&offered.path)?;
        let directory = self.tree()?.directory(&parent)?;
        let found = Spot { directory, parent: &parent, name: &name }.find_partial()?;
        Ok(found.map(|file| Beginning::of(Some(file))))
    }

    /// An offered file is sent from `offset` on: from where its partial is equal, or from the beginning.
    pub(crate) fn start(
        &mut self,
        offered: Offered,
        beginning: Option<Beginning>,
        offset: u64,
        observe: &mut dyn FnMut(TransferEvent<'_>),
    ) -> Result<Incoming, StorageError> {
        let Offered { path, mode, attributes, .. } = offered;
        self.offered.pop_front();
        let Some((file, hasher)) = beginning.and_then(|mut there| {
            let file = there.file.take()?;
            Some((file, there.into_hasher_at(offset)?))
        }) else {
            if offset != 0 {
                return Err(StorageError::new("a start in the middle of nothing"));
            }
            let incoming = self.create_named(path, mode, observe)?;
            return Ok(Incoming { attributes, ..incoming });
        };
        let (parent, name) = self.location(&path)?;
        let directory = self.tree()?.directory(&parent)?;
        let spot = Spot { directory, parent: &parent, name: &name };
        // Before more comes, which its old bits may show to others; it is still ours to write.
        spot.give_mode(&file, mode | 0o600).map_err(|e| no_mode(&path, e))?;
        let placed = file.set_len(offset).and_then(|()| (&*file).seek(SeekFrom::Start(offset)));
        placed.map_err(|e| StorageError::system(&format!("cannot resume {path}"), e))?;
        let partial = Some(partial::name_of(&name));
        self.tree()?.taken.add(file.identity);
        let incoming = Incoming::new(path, parent, name, partial, Some(file), mode);
        Ok(Incoming { hasher, written: offset, is_resumed: true, attributes, ..incoming })
    }

    /// Removes the partial of a file that was offered.
    pub(crate) fn remove_offered(&mut self, offered: &Offered) {
        if let Ok((parent, name)) = self.location(&offered.path)
            && let Some(tree) = self.destination.tree()
            && let Ok(directory) = tree.directory(&parent)
            && let Ok(Some(file)) = (Spot { directory, parent: &parent, name: &name }).find_partial()
        {
            commit::remove(&mut tree.walker(), &parent, &partial::name_of(&name), &file);
        }
    }
}

/// The hasher of a file's content, if that is what was offered.
fn is_equal_file(mut file: &File, offered: &Offered, alive: Alive<'_>) -> io::Result<Option<blake3::Hasher>> {
    file.seek(SeekFrom::Start(0))?;
    is_equal(file, offered, alive)
}

/// The hasher of all that there is to read, if that is what was offered.
pub(in crate::storage) fn is_equal(
    all: impl Read,
    offered: &Offered,
    alive: Alive<'_>,
) -> io::Result<Option<blake3::Hasher>> {
    let mut hasher = blake3::Hasher::new();
    // One that has become longer meanwhile is another.
    let read = hash_on(all, offered.size.saturating_add(1), &mut hasher, alive)?;
    let is_that = read == offered.size && short(hasher.finalize().as_bytes()) == offered.hash;
    Ok(is_that.then_some(hasher))
}

/// Reads and hashes so much more, or up to the end.
fn hash_on(from: impl Read, length: u64, hasher: &mut blake3::Hasher, alive: Alive<'_>) -> io::Result<u64> {
    let room = usize::try_from(length).unwrap_or(usize::MAX).min(256 * 1024);
    let mut buffer = vec![0; room];
    let mut rest = from.take(length);
    let mut done = 0;
    loop {
        match rest.read(&mut buffer) {
            Ok(0) => return Ok(done),
            Ok(n) => {
                hasher.update(&buffer[..n]);
                done += n as u64;
                if !alive(done) {
                    return Err(io::ErrorKind::ConnectionAborted.into());
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
