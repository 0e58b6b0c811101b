//! The hash of all entries of a transfer with their names. Each side makes it for itself, and the receipt compares them.

use crate::wire::{Attributes, EntryPath, Hash, NAMED_OFFERS, Totals};

/// Counts and hashes entries as they end.
///
/// Files apart from the rest: with offers, a directory comes before files that were offered before it, and the hash should
/// not depend on that.
#[derive(Debug, Clone)]
pub(crate) struct List {
    file_entries: blake3::Hasher,
    /// Files that the receiver had already, whole: apart from those that were sent, since the answers to offers come while
    /// content goes. `None`: version 1, which has no such list.
    kept_entries: Option<blake3::Hasher>,
    other_entries: blake3::Hasher,
    files: u64,
    bytes: u64,
    last_file: Hash,
}

const FILE: u8 = 0x02;
const DIRECTORY: u8 = 0x07;
const LINK: u8 = 0x08;
const ATTRIBUTES: u8 = 0x0E;

impl List {
    /// An empty list, as this version of the protocol has it.
    pub(crate) fn new(version: u8) -> Self {
        Self {
            file_entries: blake3::Hasher::new(),
            kept_entries: (version >= NAMED_OFFERS).then(blake3::Hasher::new),
            other_entries: blake3::Hasher::new(),
            files: 0,
            bytes: 0,
            last_file: Hash::default(),
        }
    }

    /// Files so far.
    pub(crate) fn files(&self) -> u64 {
        self.files
    }

    /// A file that was sent.
    pub(crate) fn file(
        &mut self,
        path: &EntryPath,
        attributes: Option<Attributes>,
        mode: u16,
        size: u64,
        hash: &Hash,
    ) {
        self.add(false, path, attributes, mode, size, hash);
    }

    /// A file that the receiver had, whole.
    pub(crate) fn kept(
        &mut self,
        path: &EntryPath,
        attributes: Option<Attributes>,
        mode: u16,
        size: u64,
        hash: &Hash,
    ) {
        self.add(true, path, attributes, mode, size, hash);
    }

    fn add(
        &mut self,
        is_kept: bool,
        path: &EntryPath,
        attributes: Option<Attributes>,
        mode: u16,
        size: u64,
        hash: &Hash,
    ) {
        let kept = self.kept_entries.as_mut().filter(|_| is_kept);
        let hasher = kept.unwrap_or(&mut self.file_entries);
        attributes_of(hasher, attributes);
        entry(hasher, FILE, path);
        hasher.update(&mode.to_be_bytes());
        hasher.update(&size.to_be_bytes());
        hasher.update(hash);
        self.files += 1;
        self.bytes += size;
        self.last_file = *hash;
    }

    pub(crate) fn directory(&mut self, path: &EntryPath, attributes: Option<Attributes>) {
        attributes_of(&mut self.other_entries, attributes);
        entry(&mut self.other_entries, DIRECTORY, path);
    }

    pub(crate) fn link(&mut self, path: &EntryPath, target: &[u8]) {
        entry(&mut self.other_entries, LINK, path);
        // A frame holds it, so it has less than 64 KiB.
        self.other_entries.update(&u32::try_from(target.len()).unwrap_or(u32::MAX).to_be_bytes());
        self.other_entries.update(target);
    }

    /// What it comes to so far; of a single file, its own hash counts.
    pub(crate) fn totals(&self, single: bool) -> Totals {
        let mut all = blake3::Hasher::new();
        all.update(self.file_entries.finalize().as_bytes());
        if let Some(kept) = &self.kept_entries {
            all.update(kept.finalize().as_bytes());
        }
        all.update(self.other_entries.finalize().as_bytes());
        let list = *all.finalize().as_bytes();
        let hash = if single && self.files == 1 { self.last_file } else { list };
        Totals { files: self.files, bytes: self.bytes, hash, list }
    }
}

/// They stand before the entry, as their frame does.
fn attributes_of(hasher: &mut blake3::Hasher, attributes: Option<Attributes>) {
    if let Some(attributes) = attributes {
        hasher.update(&[ATTRIBUTES]);
        hasher.update(&attributes.to_bytes());
    }
}

fn entry(hasher: &mut blake3::Hasher, kind: u8, path: &EntryPath) {
    hasher.update(&[kind]);
    hasher.update(&u32::try_from(path.as_bytes().len()).unwrap_or(u32::MAX).to_be_bytes());
    hasher.update(path.as_bytes());
}
