//! What a program implements to keep received files in a place of its own: [`Store`].

use super::StorageError;
use crate::wire::{EntryPath, Hash};
use std::io;
use std::time::SystemTime;

/// A file that the sender sends or offers.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileInfo {
    /// Its name: checked, relative, with `/` between the directories.
    pub path: EntryPath,
    /// Its length in bytes. `None`: the sender knows it only at the end. It is the sender's word until
    /// [`complete`](Store::complete).
    pub size: Option<u64>,
    /// Its Unix permission bits, at most `0o777`. A stream or a source that has none gives `0o666`.
    pub mode: u16,
    /// When its content was modified, if the sender preserves times. A store need not keep it.
    pub modified: Option<SystemTime>,
}

/// What a store has of a file that is offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// Nothing.
    Nothing,
    /// What an earlier transfer has left of it: its beginning, or all of it without having been committed.
    Partial,
    /// A committed file of this name, which may be the same or another.
    Committed,
}

/// What a successful commit claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confirmation {
    /// The files are durable: a crash of the process and of its machine leaves them whole and under their names. The sender's
    /// verdict is [`Stored`](crate::Verdict::Stored).
    Stored,
    /// The files were taken, whole, and nothing is claimed about what becomes of them. The sender's verdict is
    /// [`Written`](crate::Verdict::Written).
    Written,
}

/// What is to be kept of a transfer that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Nothing that this transfer brought.
    Nothing,
    /// The files that are complete, so that a later transfer finds them as [`Held::Partial`]. The file that was open is damaged,
    /// and must not be kept.
    WholeFiles,
    /// The same, and the beginning of the file that was open, if one was.
    Beginnings,
}

/// A place for received files that is the program's own: a database, an object store, memory.
///
/// [`Storage::of`](super::Storage::of) makes a receiver's output of it. The receiver calls it in this order, from the thread that
/// receives, and checks everything that the sender says before: names, the order of frames, sizes and hashes. No path of a
/// transfer comes twice. Two that differ in case only, and a file `a` beside a file `a/b`, may come: a store that cannot keep both
/// refuses them.
///
/// 1. [`begin`](Self::begin).
/// 2. For each file: [`create`](Self::create), [`write`](Self::write) as often as needed, [`complete`](Self::complete). One file is
///    open at a time. Between files: [`directory`](Self::directory) and [`link`](Self::link), and [`held`](Self::held) and
///    [`read_held`](Self::read_held) if the sender resumes.
/// 3. [`commit`](Self::commit) once everything is complete. The receipt is sent after it, and only if it succeeds.
///
/// After a failure, an end of the connection, a signal or a cancellation in any of these, [`discard`](Self::discard) is called
/// instead of what would have followed. So a transfer that has begun ends with one successful `commit` or with one `discard`.
///
/// # Errors
///
/// An error ends the transfer, and its words are told to the sender. With [`StorageError::new`], or an [`io::Error`] by `?`, this
/// side has failed; with [`StorageError::refused`] the sender wants what cannot be.
///
/// # Waiting
///
/// No method is interrupted: while one runs, this side hears neither the peer, a signal nor the deadline. A peer that sees no
/// sign of life for long gives up: see [`adieu::Limits::idle_timeout`].
///
/// # Examples
///
/// `examples/custom_store.rs` in the crate keeps files by the hash of their content, and claims that they are durable once they
/// are. [`MemoryStore`](super::MemoryStore) can resume, and claims nothing.
pub trait Store: Send {
    /// A transfer begins. `single`: the sender sends exactly one file. Otherwise it sends any number of files, directories and
    /// links.
    ///
    /// # Errors
    ///
    /// See [the trait](Self#errors).
    fn begin(&mut self, single: bool) -> Result<(), StorageError>;

    /// A file begins. The store has and keeps the first `from` bytes of it, of which it has said so by
    /// [`held`](Self::held) and which were compared with the sender's; what it has after these is dropped. Without `held` it is
    /// always 0.
    ///
    /// A committed file of that name, if there is one, is replaced by [`commit`](Self::commit) and not before. If `from` is the
    /// file's size, nothing is written: all of it is held already.
    ///
    /// # Errors
    ///
    /// See [the trait](Self#errors).
    fn create(&mut self, file: &FileInfo, from: u64) -> Result<(), StorageError>;

    /// More content of the open file, in its order: 1 to 524,288 bytes. Holes of a sparse file come as zeros.
    ///
    /// # Errors
    ///
    /// See [the trait](Self#errors).
    fn write(&mut self, bytes: &[u8]) -> Result<(), StorageError>;

    /// The open file is whole: its size and its BLAKE3 hash are those that the sender gave.
    ///
    /// # Errors
    ///
    /// See [the trait](Self#errors).
    fn complete(&mut self, hash: &Hash) -> Result<(), StorageError>;

    /// Everything is complete: makes it permanent, and returns what that is worth. The receiver says exactly this in its receipt.
    ///
    /// All files of a transfer should appear together or not at all. A sender that loses its connection now does not learn
    /// what became of them, and may send them again.
    ///
    /// # Errors
    ///
    /// See [the trait](Self#errors). Nothing is confirmed, and [`discard`](Self::discard) follows.
    fn commit(&mut self) -> Result<Confirmation, StorageError>;

    /// The transfer has failed, or was cancelled: gives up what was not committed, except what `keep` says. A store that does not
    /// implement [`held`](Self::held) keeps nothing in any case.
    fn discard(&mut self, keep: Keep);

    /// A directory. By default it is accepted and nothing is done: names of files in it have it in front.
    ///
    /// # Errors
    ///
    /// See [the trait](Self#errors).
    fn directory(&mut self, path: &EntryPath) -> Result<(), StorageError> {
        let _ = path;
        Ok(())
    }

    /// A symbolic link at `path`. It points to `target`, relative to the link's own directory, and not out of the directory
    /// that is sent. By default it is refused.
    ///
    /// # Errors
    ///
    /// See [the trait](Self#errors).
    fn link(&mut self, path: &EntryPath, target: &[u8]) -> Result<(), StorageError> {
        let _ = target;
        Err(StorageError::refused(format!("{path} is a symbolic link, and this store takes none")))
    }

    /// What there is of a file that the sender offers: it sends only the rest, or nothing if the content is the same. By default
    /// nothing, so every file is sent from its beginning.
    ///
    /// The receiver reads what is held by [`read_held`](Self::read_held), and compares hashes: a store need not know whether it is
    /// the same file.
    ///
    /// # Errors
    ///
    /// See [the trait](Self#errors).
    fn held(&mut self, file: &FileInfo) -> Result<Held, StorageError> {
        let _ = file;
        Ok(Held::Nothing)
    }

    /// Reads what is held of a file, from `offset` on. `Ok(0)`: there is no more.
    ///
    /// # Errors
    ///
    /// It cannot be read. An error of the kind [`Interrupted`](io::ErrorKind::Interrupted) is tried again.
    fn read_held(&mut self, file: &FileInfo, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let _ = (file, offset, buffer);
        Ok(0)
    }
}

impl<S: Store + ?Sized> Store for &mut S {
    fn begin(&mut self, single: bool) -> Result<(), StorageError> {
        (**self).begin(single)
    }

    fn create(&mut self, file: &FileInfo, from: u64) -> Result<(), StorageError> {
        (**self).create(file, from)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), StorageError> {
        (**self).write(bytes)
    }

    fn complete(&mut self, hash: &Hash) -> Result<(), StorageError> {
        (**self).complete(hash)
    }

    fn commit(&mut self) -> Result<Confirmation, StorageError> {
        (**self).commit()
    }

    fn discard(&mut self, keep: Keep) {
        (**self).discard(keep);
    }

    fn directory(&mut self, path: &EntryPath) -> Result<(), StorageError> {
        (**self).directory(path)
    }

    fn link(&mut self, path: &EntryPath, target: &[u8]) -> Result<(), StorageError> {
        (**self).link(path, target)
    }

    fn held(&mut self, file: &FileInfo) -> Result<Held, StorageError> {
        (**self).held(file)
    }

    fn read_held(&mut self, file: &FileInfo, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        (**self).read_held(file, offset, buffer)
    }
}
