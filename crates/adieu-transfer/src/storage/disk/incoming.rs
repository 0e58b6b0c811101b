//! A file that is being received. It is hashed while it is written to its partial, or through to a stream.
//!
//! One that goes to a program's own store is counted and hashed here too, and written there.

use super::partial::Open;
use super::through::write_through;
use super::{StorageError, plain};
use crate::wire::{Attributes, EntryPath, Hash};
use crate::zeros;
use adieu_os::OpenFile;
use std::io::{self, Seek, SeekFrom, Write};

/// A file that is being received.
#[derive(Debug)]
pub(crate) struct Incoming {
    pub(super) path: EntryPath,
    pub(super) parent: Vec<u8>,
    pub(super) name: Vec<u8>,
    /// `None`: it was there already, whole, or it goes to a stream or a store.
    pub(super) partial: Option<Vec<u8>>,
    /// `None`: it goes to a stream or a store.
    pub(super) file: Option<Open>,
    /// The stream that it goes to.
    pub(super) through: Option<OpenFile>,
    pub(super) mode: u16,
    pub(super) hasher: blake3::Hasher,
    pub(super) written: u64,
    /// A hole was left at the end, so the length has to be set.
    pub(super) hole_at_end: bool,
    /// It was there already, whole.
    pub(super) is_kept: bool,
    /// Its beginning was there already.
    pub(super) is_resumed: bool,
    /// Something has its name and is not replaced: its content is hashed, and kept nowhere.
    pub(super) is_refused: bool,
    /// What the sender preserves of it.
    pub(super) attributes: Option<Attributes>,
}

impl Incoming {
    /// One of which nothing is there yet.
    pub(super) fn new(
        path: EntryPath,
        parent: Vec<u8>,
        name: Vec<u8>,
        partial: Option<Vec<u8>>,
        file: Option<Open>,
        mode: u16,
    ) -> Self {
        Self {
            path,
            parent,
            name,
            partial,
            file,
            through: None,
            mode,
            hasher: blake3::Hasher::new(),
            written: 0,
            hole_at_end: false,
            is_kept: false,
            is_resumed: false,
            is_refused: false,
            attributes: None,
        }
    }

    /// One that goes to a program's store, which has its beginning: `there` bytes of it, with their hasher.
    pub(in crate::storage) fn in_store(
        path: EntryPath,
        mode: u16,
        there: u64,
        hasher: blake3::Hasher,
        is_kept: bool,
    ) -> Self {
        let incoming = Self::new(path, Vec::new(), Vec::new(), None, None, mode);
        Self { hasher, written: there, is_kept, is_resumed: there > 0 && !is_kept, ..incoming }
    }

    /// Bytes that a program's store has taken.
    pub(in crate::storage) fn taken(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.written += bytes.len() as u64;
    }

    pub(crate) fn path(&self) -> &EntryPath {
        &self.path
    }

    /// The size so far, and the hash.
    pub(crate) fn measure(&self) -> (u64, Hash) {
        (self.written, *self.hasher.finalize().as_bytes())
    }

    pub(crate) fn measure_length(&self) -> u64 {
        self.written
    }

    /// It was there already.
    pub(crate) fn is_kept(&self) -> bool {
        self.is_kept
    }

    /// What the sender preserves of it.
    pub(crate) fn attributes(&self) -> Option<Attributes> {
        self.attributes
    }

    pub(crate) fn set_attributes(&mut self, attributes: Option<Attributes>) {
        self.attributes = attributes;
    }

    pub(crate) fn mode(&self) -> u16 {
        self.mode
    }

    /// It goes to a stream, by [`write_through`](Self::write_through).
    pub(in crate::storage) fn is_stream(&self) -> bool {
        self.through.is_some()
    }

    /// Whether it may have holes.
    pub(crate) fn takes_holes(&self) -> bool {
        self.file.is_some()
    }

    /// Writes to a stream. While its reader takes nothing, `alive` is called now and then, and says whether to go on.
    pub(crate) fn write_through(
        &mut self,
        bytes: &[u8],
        alive: &mut dyn FnMut() -> bool,
    ) -> Result<(), StorageError> {
        let (hasher, total) = (&mut self.hasher, &mut self.written);
        let mut written = |piece: &[u8]| {
            hasher.update(piece);
            *total += piece.len() as u64;
        };
        let through = self.through.as_mut().ok_or_else(|| StorageError::new("the output is no stream"))?;
        write_through(through, bytes, alive, &mut written).map_err(|e| self.failed(e))
    }

    fn failed(&self, error: io::Error) -> StorageError {
        let words = format!("{} after {} bytes of {}", plain(&error), self.written, self.path);
        StorageError { cause: Some(error.into()), ..StorageError::new(words) }
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), StorageError> {
        if self.is_kept {
            return Err(StorageError::new("content for a file that is there already"));
        }
        self.hasher.update(bytes);
        if self.is_refused {
            self.written += bytes.len() as u64;
            return Ok(());
        }
        self.write_out(bytes)?;
        self.hole_at_end = false;
        Ok(())
    }

    fn write_out(&mut self, mut bytes: &[u8]) -> Result<(), StorageError> {
        let Some(file) = &self.file else { return Err(StorageError::new("the output is no file")) };
        while !bytes.is_empty() {
            let error = match (&**file).write(bytes) {
                Ok(0) => io::ErrorKind::WriteZero.into(),
                Ok(n) => {
                    self.written += n as u64;
                    bytes = &bytes[n..];
                    continue;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => error,
            };
            return Err(self.failed(error));
        }
        Ok(())
    }

    /// So many zeros, which take no room on a disk.
    pub(crate) fn write_hole(&mut self, length: u64) -> Result<(), StorageError> {
        if self.is_kept {
            return Err(StorageError::new("content for a file that is there already"));
        }
        let by = i64::try_from(length).map_err(|_| StorageError::new("a hole beyond all bounds"))?;
        let Some(file) = &self.file else { return Err(StorageError::new("the output is no file")) };
        let moved = (&**file).seek(SeekFrom::Current(by));
        moved.map_err(|e| StorageError::system(&format!("cannot leave a hole in {}", self.path), e))?;
        for piece in zeros::pieces(length) {
            self.hasher.update(piece);
        }
        self.written += length;
        self.hole_at_end = length > 0 || self.hole_at_end;
        Ok(())
    }
}
