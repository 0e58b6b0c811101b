//! A store that keeps everything in memory.

use super::StorageError;
use super::store::{Confirmation, FileInfo, Held, Keep, Store};
use crate::wire::{EntryPath, Hash};
use std::collections::BTreeMap;
use std::io;

/// A [`Store`] that keeps received files in memory, up to a limit.
///
/// It confirms them as [`Written`](crate::Verdict::Written): memory is not durable, so the sender is not told that they are
/// stored. It can resume: a file that an earlier transfer brought in part goes on from there, and one that is there is not sent
/// again.
#[derive(Debug, Clone)]
pub struct MemoryStore {
    limit: u64,
    /// What everything here takes of it.
    used: u64,
    files: BTreeMap<EntryPath, Vec<u8>>,
    /// Files that are not committed: begun in an earlier transfer, or complete in this one.
    partials: BTreeMap<EntryPath, Partial>,
    open: Option<(EntryPath, Option<Vec<u8>>)>,
}

#[derive(Debug, Clone)]
struct Partial {
    bytes: Vec<u8>,
    /// Complete in the transfer that is under way.
    is_whole: bool,
}

impl MemoryStore {
    /// An empty store for at most `limit` bytes of content. Files that are received again count twice until they replace those
    /// that are there. A sender that sends more is refused.
    pub fn new(limit: u64) -> Self {
        Self { limit, used: 0, files: BTreeMap::new(), partials: BTreeMap::new(), open: None }
    }

    /// The content of a file by its name, such as `photos/a.jpg`. `None`: no transfer that was completed has brought it.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.files.get(&EntryPath::new(name.into()).ok()?).map(Vec::as_slice)
    }

    /// The files of all transfers that were completed, by name.
    pub fn files(&self) -> &BTreeMap<EntryPath, Vec<u8>> {
        &self.files
    }

    /// The same, without the store.
    pub fn into_files(self) -> BTreeMap<EntryPath, Vec<u8>> {
        self.files
    }

    fn room(&self) -> u64 {
        self.limit.saturating_sub(self.used)
    }

    fn count_anew(&mut self) {
        let partials = self.partials.values().map(|partial| partial.bytes.len() as u64);
        self.used = self.files.values().map(|bytes| bytes.len() as u64).chain(partials).sum();
    }

    /// What is held of a file: committed content comes first if it has the right size.
    fn content(&self, file: &FileInfo) -> Option<(Held, &Vec<u8>)> {
        let committed = self.files.get(&file.path).filter(|bytes| Some(bytes.len() as u64) == file.size);
        let partial = self.partials.get(&file.path).map(|partial| &partial.bytes);
        committed.map(|bytes| (Held::Committed, bytes)).or_else(|| partial.map(|b| (Held::Partial, b)))
    }
}

impl Store for MemoryStore {
    fn begin(&mut self, _: bool) -> Result<(), StorageError> {
        Ok(())
    }

    fn create(&mut self, file: &FileInfo, from: u64) -> Result<(), StorageError> {
        let held = self.content(file).map(|(held, _)| held);
        if from > 0 && held == Some(Held::Committed) {
            // All of it, or nothing, is kept of a committed file.
            self.open = Some((file.path.clone(), None));
            return Ok(());
        }
        let mut bytes = self.partials.remove(&file.path).map(|partial| partial.bytes).unwrap_or_default();
        let before = bytes.len();
        bytes.truncate(usize::try_from(from).unwrap_or(usize::MAX));
        self.used -= (before - bytes.len()) as u64;
        self.open = Some((file.path.clone(), Some(bytes)));
        let room = self.room();
        match file.size.map(|size| size.saturating_sub(from)).filter(|more| *more > room) {
            Some(more) => {
                let path = &file.path;
                Err(StorageError::refused(format!(
                    "{path} needs {more} bytes more, and there is room for {room}"
                )))
            }
            None => Ok(()),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), StorageError> {
        let room = self.room();
        let Some((path, Some(content))) = &mut self.open else {
            return Err(StorageError::new("content for a file that is there already"));
        };
        if bytes.len() as u64 > room {
            let all = content.len() as u64 + room;
            return Err(StorageError::refused(format!(
                "{path} does not fit: there is room for {all} bytes of it"
            )));
        }
        content.extend_from_slice(bytes);
        self.used += bytes.len() as u64;
        Ok(())
    }

    fn complete(&mut self, _: &Hash) -> Result<(), StorageError> {
        if let Some((path, Some(bytes))) = self.open.take() {
            self.partials.insert(path, Partial { bytes, is_whole: true });
        }
        Ok(())
    }

    fn commit(&mut self) -> Result<Confirmation, StorageError> {
        for (path, partial) in std::mem::take(&mut self.partials) {
            if partial.is_whole {
                let replaced = self.files.insert(path, partial.bytes);
                self.used -= replaced.map_or(0, |bytes| bytes.len() as u64);
            } else {
                self.partials.insert(path, partial);
            }
        }
        Ok(Confirmation::Written)
    }

    fn discard(&mut self, keep: Keep) {
        let open = self.open.take();
        if keep == Keep::Nothing {
            self.partials.clear();
        }
        for partial in self.partials.values_mut() {
            partial.is_whole = false;
        }
        if let (Keep::Beginnings, Some((path, Some(bytes)))) = (keep, open) {
            self.partials.insert(path, Partial { bytes, is_whole: false });
        }
        self.count_anew();
    }

    fn held(&mut self, file: &FileInfo) -> Result<Held, StorageError> {
        Ok(self.content(file).map_or(Held::Nothing, |(held, _)| held))
    }

    fn read_held(&mut self, file: &FileInfo, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let Some((_, bytes)) = self.content(file) else { return Ok(0) };
        let rest = usize::try_from(offset).ok().and_then(|at| bytes.get(at..)).unwrap_or_default();
        let n = rest.len().min(buffer.len());
        buffer[..n].copy_from_slice(&rest[..n]);
        Ok(n)
    }
}
