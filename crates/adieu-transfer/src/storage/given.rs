//! A program's own store as a receiver's output. It is told nothing that was not checked before.

use super::StorageError;
use super::disk;
use super::disk::{
    Alive, Awaited, Beginning, Incoming, NAMES_LIMIT, Offered, Outlives, Wanted, is_equal, too_many,
};
use super::store::{Confirmation, FileInfo, Held, Keep, Store};
use crate::event::TransferEvent;
use crate::wire::{EntryPath, ShortHash, short};
use std::collections::HashSet;
use std::io::{self, Read};

pub(super) struct Given<'a> {
    store: Box<dyn Store + 'a>,
    /// The names of this transfer, by their hashes.
    names: HashSet<ShortHash>,
    has_begun: bool,
    /// The file that was open has other content than the sender's.
    is_damaged: bool,
    /// Complete and not committed: files and bytes.
    whole: (u64, u64),
    /// Committed in this transfer: files and bytes.
    stored: (u64, u64),
    /// What the last commit claimed.
    confirms: Confirmation,
}

impl<'a> Given<'a> {
    pub(super) fn new(store: Box<dyn Store + 'a>) -> Self {
        Self {
            store,
            names: HashSet::new(),
            has_begun: false,
            is_damaged: false,
            whole: (0, 0),
            stored: (0, 0),
            confirms: Confirmation::Written,
        }
    }

    pub(super) fn confirms(&self) -> Confirmation {
        self.confirms
    }

    pub(super) fn stored(&self) -> (u64, u64) {
        self.stored
    }

    pub(super) fn count_anew(&mut self) {
        (self.stored, self.has_begun) = ((0, 0), false);
    }

    pub(super) fn begin(&mut self, single: bool) -> Result<(), StorageError> {
        self.names.clear();
        (self.has_begun, self.is_damaged, self.whole) = (true, false, (0, 0));
        self.store.begin(single)
    }

    /// Takes a name for this transfer, which uses each once.
    fn name(&mut self, path: &EntryPath) -> Result<(), StorageError> {
        if self.names.len() >= NAMES_LIMIT {
            return Err(too_many());
        }
        if self.names.insert(short(blake3::hash(path.as_bytes()).as_bytes())) {
            Ok(())
        } else {
            Err(StorageError::refused(format!("{path} was sent twice")))
        }
    }

    pub(super) fn create(
        &mut self,
        file: FileInfo,
        observe: &mut dyn FnMut(TransferEvent<'_>),
    ) -> Result<Incoming, StorageError> {
        self.name(&file.path)?;
        self.open(file, 0, blake3::Hasher::new(), false, observe)
    }

    fn open(
        &mut self,
        file: FileInfo,
        from: u64,
        hasher: blake3::Hasher,
        is_kept: bool,
        observe: &mut dyn FnMut(TransferEvent<'_>),
    ) -> Result<Incoming, StorageError> {
        self.store.create(&file, from).map_err(|error| error.about(&file.path))?;
        if from == 0 {
            observe(TransferEvent::Created { path: &file.path });
        }
        Ok(Incoming::in_store(file.path, file.mode, from, hasher, is_kept))
    }

    pub(super) fn write(&mut self, incoming: &mut Incoming, bytes: &[u8]) -> Result<(), StorageError> {
        self.store.write(bytes).map_err(|error| error.about(incoming.path()))?;
        incoming.taken(bytes);
        Ok(())
    }

    pub(super) fn complete(&mut self, incoming: &Incoming) -> Result<(), StorageError> {
        let (size, hash) = incoming.measure();
        self.store.complete(&hash).map_err(|error| error.about(incoming.path()))?;
        self.whole = (self.whole.0 + 1, self.whole.1 + size);
        Ok(())
    }

    pub(super) fn directory(&mut self, path: &EntryPath) -> Result<(), StorageError> {
        self.name(path)?;
        self.store.directory(path).map_err(|error| error.about(path))
    }

    pub(super) fn link(&mut self, path: &EntryPath, target: &[u8]) -> Result<(), StorageError> {
        self.name(path)?;
        self.store.link(path, target).map_err(|error| error.about(path))
    }

    pub(super) fn commit(
        &mut self,
        observe: &mut dyn FnMut(TransferEvent<'_>),
        wanted: Wanted<'_>,
    ) -> Result<(), StorageError> {
        // The last moment to turn back.
        if !wanted(Awaited::Content) {
            return Err(StorageError::new("it was interrupted"));
        }
        self.confirms = self.store.commit()?;
        let (files, bytes) = std::mem::take(&mut self.whole);
        self.stored = (self.stored.0 + files, self.stored.1 + bytes);
        if self.confirms == Confirmation::Stored {
            observe(TransferEvent::NamesSynced);
        }
        Ok(())
    }

    /// The open file is damaged.
    pub(super) fn remove(&mut self) {
        self.is_damaged = true;
    }

    pub(super) fn give_up(&mut self, keep: Outlives) {
        if !std::mem::take(&mut self.has_begun) {
            return;
        }
        self.store.discard(match keep {
            Outlives::All if self.is_damaged => Keep::WholeFiles,
            Outlives::All => Keep::Beginnings,
            Outlives::Resumed | Outlives::None => Keep::Nothing,
        });
    }

    pub(super) fn announce(&mut self, offered: &Offered) -> Result<(), StorageError> {
        self.name(&offered.path)
    }

    pub(super) fn look(&mut self, offered: &Offered, alive: Alive<'_>) -> Result<disk::Held, StorageError> {
        self.name(&offered.path)?;
        let file = info(offered);
        let held = self.store.held(&file).map_err(|error| error.about(&file.path))?;
        if held == Held::Nothing {
            return Ok(disk::Held::Nothing);
        }
        let all = HeldContent { store: &mut *self.store, file: &file, at: 0 };
        match is_equal(all, offered, alive).map_err(|error| cannot_read(&file, error))? {
            Some(hasher) => {
                let is_kept = held == Held::Committed;
                let mut whole = self.open(file, offered.size, hasher, is_kept, &mut |_| {})?;
                whole.set_attributes(offered.attributes);
                Ok(disk::Held::Whole(Box::new(whole)))
            }
            None if held == Held::Partial => Ok(disk::Held::Beginning),
            None => Ok(disk::Held::Nothing),
        }
    }

    pub(super) fn compare(
        &mut self,
        beginning: &mut Beginning,
        offered: &Offered,
        length: u64,
        hash: &ShortHash,
        alive: Alive<'_>,
    ) -> io::Result<bool> {
        let rest = HeldContent { store: &mut *self.store, file: &info(offered), at: beginning.done() };
        beginning.compare_with(rest, length, hash, alive)
    }

    pub(super) fn start(
        &mut self,
        offered: &Offered,
        beginning: Option<Beginning>,
        offset: u64,
        observe: &mut dyn FnMut(TransferEvent<'_>),
    ) -> Result<Incoming, StorageError> {
        let hasher = if offset == 0 {
            blake3::Hasher::new()
        } else {
            let equal = beginning.and_then(|beginning| beginning.into_hasher_at(offset));
            equal.ok_or_else(|| StorageError::new("a start in the middle of nothing"))?
        };
        let mut incoming = self.open(info(offered), offset, hasher, false, observe)?;
        incoming.set_attributes(offered.attributes);
        Ok(incoming)
    }
}

fn info(offered: &Offered) -> FileInfo {
    let modified = offered.attributes.and_then(|attributes| attributes.modified.system_time().ok());
    FileInfo { path: offered.path.clone(), size: Some(offered.size), mode: offered.mode, modified }
}

fn cannot_read(file: &FileInfo, error: io::Error) -> StorageError {
    StorageError::system(&format!("cannot read what there is of {}", file.path), error)
}

/// What a store has of a file, from a place on.
struct HeldContent<'a> {
    store: &'a mut (dyn Store + 'a),
    file: &'a FileInfo,
    at: u64,
}

impl Read for HeldContent<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.store.read_held(self.file, self.at, buffer)?;
        self.at += n as u64;
        Ok(n)
    }
}
