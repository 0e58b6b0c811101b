//! A receiver's output: files on a disk, a stream, or a place of the program's own.
//!
//! [`Disk`] has the first two. [`Given`] stands before a program's [`Store`]. The receiver knows neither of them: it asks
//! [`Storage`].

mod disk;
mod error;
mod given;
mod memory;
mod store;

use crate::event::TransferEvent;
use crate::left_out::LeftOut;
use crate::wire::{Attributes, EntryPath, ShortHash};
pub(crate) use disk::Held as Found;
use disk::{Alive, Disk};
pub(crate) use disk::{Awaited, Beginning, Incoming, Offered, Outlives, Wanted};
pub use error::StorageError;
use given::Given;
pub use memory::MemoryStore;
use std::fmt;
use std::fs::File;
use std::io;
use std::path::Path;
pub use store::{Confirmation, FileInfo, Held, Keep, Store};

/// A receiver's output. Several transfers can use one, one after the other.
pub struct Storage<'a>(Output<'a>);

enum Output<'a> {
    Disk(Box<Disk>),
    Given(Box<Given<'a>>),
}

impl<'a> Storage<'a> {
    /// A file or directory on a disk. That it can be written to is found out now, as far as that can be told beforehand.
    ///
    /// A directory takes everything under its name. Anything else is the name of one file, or of a directory that is made
    /// if more than one file comes. Files are written to partials beside their names, and are under their names once they are
    /// whole and synced.
    ///
    /// # Errors
    ///
    /// The directory is not there, or cannot be written to.
    pub fn at(path: &Path) -> Result<Self, StorageError> {
        Disk::at(path).map(Self::on_disk)
    }

    /// Replaces nothing: a file whose name something has is refused, and the others go on. The receipt then says *failed* and
    /// which files were refused, and the verdicts are [`InPart`](crate::Verdict::InPart) here and
    /// [`Refused`](crate::Verdict::Refused) at the sender. If only one file is sent, it is refused before its content comes.
    ///
    /// That something has the name is found out by the call that gives it, so no file is lost that another program made at the last
    /// moment. A file that was offered, and is there with the same content and permissions, counts as stored. Directories
    /// that are there are used.
    ///
    /// It is the disk's: a stream has no names, and a program's own [`Store`] decides for itself.
    #[must_use]
    pub fn without_replacing(self) -> Self {
        match self.0 {
            Output::Disk(disk) => Self::on_disk(disk.without_replacing()),
            given @ Output::Given(_) => Self(given),
        }
    }

    /// What was refused in this transfer, because something has their names.
    pub(crate) fn refused(&self) -> Option<&LeftOut> {
        match &self.0 {
            Output::Disk(disk) => Some(disk.refused()).filter(|refused| !refused.is_empty()),
            Output::Given(_) => None,
        }
    }

    /// An open output that is written through, such as stdout: what goes there is written, and never stored. It takes one file.
    pub fn stream(file: File) -> Self {
        Self::on_disk(Disk::stream(file))
    }

    /// A place of the program's own: a [`Store`], or a reference to one.
    ///
    /// ```
    /// use adieu_transfer::{MemoryStore, Storage};
    ///
    /// let mut store = MemoryStore::new(1 << 20);
    /// let storage = Storage::of(&mut store);
    /// // Receive into `storage`, and look into `store` afterwards.
    /// # drop(storage);
    /// assert!(store.files().is_empty());
    /// ```
    pub fn of(store: impl Store + 'a) -> Self {
        Self(Output::Given(Box::new(Given::new(Box::new(store)))))
    }

    fn on_disk(disk: Disk) -> Self {
        Self(Output::Disk(Box::new(disk)))
    }

    /// Whether it is a [stream](Self::stream): what was written there by a transfer that failed cannot be taken back.
    pub fn is_stream(&self) -> bool {
        match &self.0 {
            Output::Disk(disk) => disk.is_stream(),
            Output::Given(_) => false,
        }
    }

    /// Whether it is a program's own store.
    pub(crate) fn is_given(&self) -> bool {
        matches!(self.0, Output::Given(_))
    }

    /// What the last commit was worth.
    pub(crate) fn confirms(&self) -> Confirmation {
        match &self.0 {
            Output::Disk(disk) if disk.is_stream() => Confirmation::Written,
            Output::Disk(_) => Confirmation::Stored,
            Output::Given(given) => given.confirms(),
        }
    }

    /// Files and bytes that are stored.
    pub(crate) fn stored(&self) -> (u64, u64) {
        match &self.0 {
            Output::Disk(disk) => disk.stored(),
            Output::Given(given) => given.stored(),
        }
    }

    /// What is counted from here on is another transfer's.
    pub(crate) fn count_anew(&mut self) {
        match &mut self.0 {
            Output::Disk(disk) => disk.count_anew(),
            Output::Given(given) => given.count_anew(),
        }
    }

    /// The transfer begins: one file, or a tree.
    pub(crate) fn begin(&mut self, single: bool) -> Result<(), StorageError> {
        match &mut self.0 {
            Output::Disk(disk) => disk.begin(single),
            Output::Given(given) => given.begin(single),
        }
    }

    /// A file begins.
    pub(crate) fn create(
        &mut self,
        file: FileInfo,
        observe: &mut dyn FnMut(TransferEvent<'_>),
    ) -> Result<Incoming, StorageError> {
        match &mut self.0 {
            Output::Disk(disk) => disk.create(file.path, file.mode, observe),
            Output::Given(given) => given.create(file, observe),
        }
    }

    /// Content of a file that has begun. While a stream's reader takes nothing, `alive` is called now and then, and says whether
    /// to go on.
    pub(crate) fn write(
        &mut self,
        incoming: &mut Incoming,
        bytes: &[u8],
        alive: &mut dyn FnMut() -> bool,
    ) -> Result<(), StorageError> {
        match &mut self.0 {
            Output::Disk(_) if incoming.is_stream() => incoming.write_through(bytes, alive),
            Output::Disk(_) => incoming.write(bytes),
            Output::Given(given) => given.write(incoming, bytes),
        }
    }

    /// A directory, with what the sender preserves of it. A program's store is not told that.
    pub(crate) fn directory(
        &mut self,
        path: &EntryPath,
        attributes: Option<Attributes>,
        observe: &mut dyn FnMut(TransferEvent<'_>),
        wanted: Wanted<'_>,
    ) -> Result<(), StorageError> {
        match &mut self.0 {
            Output::Disk(disk) => disk.directory(path, attributes, observe, wanted),
            Output::Given(given) => given.directory(path),
        }
    }

    /// A link that leads nowhere out; see [`link_stays_inside`](crate::wire::link_stays_inside).
    pub(crate) fn link(
        &mut self,
        path: &EntryPath,
        target: &[u8],
        observe: &mut dyn FnMut(TransferEvent<'_>),
        wanted: Wanted<'_>,
    ) -> Result<(), StorageError> {
        match &mut self.0 {
            Output::Disk(disk) => disk.link(path, target, observe, wanted),
            Output::Given(given) => given.link(path, target),
        }
    }

    /// A file is whole, and its hash is right.
    pub(crate) fn complete(
        &mut self,
        incoming: Incoming,
        observe: &mut dyn FnMut(TransferEvent<'_>),
        wanted: Wanted<'_>,
    ) -> Result<(), StorageError> {
        match &mut self.0 {
            Output::Disk(disk) => disk.complete(incoming, observe, wanted),
            Output::Given(given) => given.complete(&incoming),
        }
    }

    /// Everything is whole: makes it permanent.
    pub(crate) fn finish(
        &mut self,
        observe: &mut dyn FnMut(TransferEvent<'_>),
        wanted: Wanted<'_>,
    ) -> Result<(), StorageError> {
        match &mut self.0 {
            Output::Disk(disk) => disk.finish(observe, wanted),
            Output::Given(given) => given.commit(observe, wanted),
        }
    }

    /// Removes what there is of a file that is damaged.
    pub(crate) fn remove(&mut self, incoming: &Incoming) {
        match &mut self.0 {
            Output::Disk(disk) => disk.remove(incoming),
            Output::Given(given) => given.remove(),
        }
    }

    /// After a failure: gives up what is not stored, the current file too, except what is kept. `false`: `go_on` did not want to,
    /// and some is left.
    pub(crate) fn give_up(
        &mut self,
        current: Option<Incoming>,
        keep: Outlives,
        go_on: &mut dyn FnMut() -> bool,
    ) -> bool {
        match &mut self.0 {
            Output::Disk(disk) => disk.give_up(current, keep, go_on),
            Output::Given(given) => {
                given.give_up(keep);
                true
            }
        }
    }

    /// A file is offered: takes its name for this transfer.
    pub(crate) fn announce(&mut self, offered: &Offered) -> Result<(), StorageError> {
        match &mut self.0 {
            Output::Disk(disk) => disk.announce(offered),
            Output::Given(given) => given.announce(offered),
        }
    }

    /// What there is of an offered file. What has its size is read and hashed.
    pub(crate) fn look(&mut self, offered: &Offered, alive: Alive<'_>) -> Result<Found, StorageError> {
        match &mut self.0 {
            Output::Disk(disk) => disk.look(offered, alive),
            Output::Given(given) => given.look(offered, alive),
        }
    }

    /// The partial of an offered file, to compare it. `None`: it has gone.
    pub(crate) fn beginning(&mut self, offered: &Offered) -> Result<Option<Beginning>, StorageError> {
        match &mut self.0 {
            Output::Disk(disk) => disk.beginning(offered),
            Output::Given(_) => Ok(Some(Beginning::in_store())),
        }
    }

    /// Whether so much of the partial has this hash. A length below the one before is not looked at, and differs.
    pub(crate) fn compare(
        &mut self,
        beginning: &mut Beginning,
        offered: &Offered,
        length: u64,
        hash: &ShortHash,
        alive: Alive<'_>,
    ) -> io::Result<bool> {
        match &mut self.0 {
            Output::Disk(_) => beginning.compare(length, hash, alive),
            Output::Given(given) => given.compare(beginning, offered, length, hash, alive),
        }
    }

    /// An offered file is sent from `offset` on: from where its partial is equal, or from the beginning.
    pub(crate) fn start(
        &mut self,
        offered: Offered,
        beginning: Option<Beginning>,
        offset: u64,
        observe: &mut dyn FnMut(TransferEvent<'_>),
    ) -> Result<Incoming, StorageError> {
        match &mut self.0 {
            Output::Disk(disk) => disk.start(offered, beginning, offset, observe),
            Output::Given(given) => given.start(&offered, beginning, offset, observe),
        }
    }

    /// Removes the partial of a file that was offered.
    pub(crate) fn remove_offered(&mut self, offered: &Offered) {
        match &mut self.0 {
            Output::Disk(disk) => disk.remove_offered(offered),
            // What it has was synced when it was kept, or it would not have been.
            Output::Given(_) => {}
        }
    }
}

impl fmt::Debug for Storage<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Output::Disk(disk) => disk.fmt(f),
            Output::Given(_) => f.write_str("Storage::of(a store)"),
        }
    }
}
