//! Where a receiver keeps what comes on a disk: partials, and the way from a partial to the final name.
//!
//! A file is written to a partial beside its name. [`Disk::commit`] syncs what is whole, renames it, and syncs the
//! names; only then anything may be called stored. Nothing here follows a link inside the target, and nothing is removed
//! but partials.

mod commit;
mod destination;
mod directories;
mod incoming;
mod offered;
mod partial;
mod syncer;
mod taken;
#[cfg(all(test, unix))]
mod tests;
mod through;
mod walker;

use super::StorageError;
use crate::advice::Advice;
use crate::event::TransferEvent;
use crate::left_out::LeftOut;
use crate::os::{self, There};
use crate::wire::{Attributes, EntryPath};
use crate::words::plain;
use adieu_os::OpenFile;
use commit::{Sync, Waiting, What, pending};
use destination::Destination;
use directories::Directories;
pub(crate) use incoming::Incoming;
pub(super) use offered::is_equal;
pub(crate) use offered::{Alive, Beginning, Held, Offered};
use partial::{Spot, below};
use std::collections::{HashSet, VecDeque};
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use syncer::NotSynced;
pub(crate) use syncer::{Awaited, Wanted};
pub(super) use taken::NAMES_LIMIT;
pub(super) use taken::too_many;
use taken::{Name, Pending, cannot_look, sent_twice};

/// How many whole files may wait for their sync and rename, at most: so that memory has a bound, and small files share a sync.
/// Each holds a descriptor, whose lock keeps another receiver from taking the partial over before it has its name.
const WAITING_FILES: usize = 8192;
/// Descriptors that are left for everything else.
const OTHER_DESCRIPTORS: u64 = 256;
/// Files that are synced one by one, each by its own descriptor, before one sync of the file system is cheaper.
const ONE_BY_ONE: usize = 16;
/// About the memory that an entry takes besides its names while it waits.
const ENTRY_COST: usize = 256;
/// The memory that everything may take that waits, with what it takes to remember which directories were made for it: before it
/// is more, that is stored.
const COST_LIMIT: usize = 32 << 20;

/// The memory that it takes to remember what is preserved of a directory, besides its path; and the most that all of them may
/// take, so that a sender cannot use up ours. A test takes less.
const DIRECTORY_COST: usize = 48;
const DIRECTORIES_LIMIT: usize = if cfg!(test) { 1 << 16 } else { 256 << 20 };

/// What a failed sync comes to.
#[derive(Debug, Clone, Copy)]
struct Consequence {
    words: &'static str,
    advice: Option<Advice>,
}

impl NotSynced {
    fn unsynced(self, what: &str, consequence: Consequence) -> StorageError {
        match self {
            Self::Left => StorageError::new(format!("{what}: it was not waited for")),
            Self::Failed(error) => {
                let Consequence { words, advice } = consequence;
                let words = format!("{what}: {}; {words}", plain(&error));
                StorageError {
                    cause: Some(error.into()),
                    is_unsynced: true,
                    advice,
                    ..StorageError::new(words)
                }
            }
        }
    }
}

/// Files and directories, or a stream that is written through.
#[derive(Debug)]
pub(crate) struct Disk {
    destination: Destination,
    /// What has a file's name is replaced. Otherwise the file is refused.
    replaces: bool,
    /// The transfer is one file.
    is_single: bool,
    /// Refused in this transfer, because something has their names.
    refused: LeftOut,
    /// Whole, and not yet under their names.
    waiting: Vec<Waiting>,
    waiting_limit: usize,
    /// The memory that those take.
    waiting_cost: usize,
    /// What the sender preserves of directories, in its order: each comes before what is in it.
    directories: Vec<(Vec<u8>, Attributes)>,
    /// The memory that those take.
    directories_cost: usize,
    /// Offered and not started, in their order: directory and name.
    offered: VecDeque<(Vec<u8>, Vec<u8>)>,
    /// Stored in this transfer: files and bytes.
    stored: (u64, u64),
}

/// As many whole files may wait as there are descriptors for, with as many for the rest of the program.
fn waiting_limit() -> usize {
    let left = adieu_os::open_files_limit().saturating_sub(OTHER_DESCRIPTORS) / 2;
    usize::try_from(left).unwrap_or(usize::MAX).clamp(1, WAITING_FILES)
}

/// Which partials outlive a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outlives {
    All,
    /// What somebody has kept before, and of which more is there now, whole or not.
    Resumed,
    None,
}

impl Outlives {
    fn includes(self, is_resumed: bool) -> bool {
        self == Self::All || (self == Self::Resumed && is_resumed)
    }
}

impl Disk {
    /// See [`Storage::at`](super::Storage::at).
    pub(crate) fn at(path: &Path) -> Result<Self, StorageError> {
        Destination::at(path).map(Self::of)
    }

    /// See [`Storage::stream`](super::Storage::stream).
    pub(crate) fn stream(file: File) -> Self {
        Self::of(Destination::Stream(file))
    }

    fn of(destination: Destination) -> Self {
        Self {
            destination,
            replaces: true,
            is_single: false,
            refused: LeftOut::default(),
            waiting: Vec::new(),
            waiting_limit: waiting_limit(),
            waiting_cost: 0,
            directories: Vec::new(),
            directories_cost: 0,
            offered: VecDeque::new(),
            stored: (0, 0),
        }
    }

    /// See [`Storage::without_replacing`](super::Storage::without_replacing).
    pub(crate) fn without_replacing(self) -> Self {
        Self { replaces: false, ..self }
    }

    /// What was refused in this transfer, because something has their names.
    pub(crate) fn refused(&self) -> &LeftOut {
        &self.refused
    }

    /// Whether what comes is only written through.
    pub(crate) fn is_stream(&self) -> bool {
        matches!(self.destination, Destination::Stream(_))
    }

    /// Files and bytes that are stored.
    pub(crate) fn stored(&self) -> (u64, u64) {
        self.stored
    }

    /// What is counted from here on is another transfer's.
    pub(crate) fn count_anew(&mut self) {
        (self.stored, self.refused) = ((0, 0), LeftOut::default());
    }

    /// The transfer begins: one file, or a tree.
    pub(crate) fn begin(&mut self, single: bool) -> Result<(), StorageError> {
        self.is_single = single;
        self.directories.clear();
        self.directories_cost = 0;
        self.destination.begin(single)?;
        if let Some(tree) = self.destination.tree() {
            tree.taken.clear();
        }
        Ok(())
    }

    /// Where a file of the transfer is kept: directory and name, in the tree.
    fn location(&self, path: &EntryPath) -> Result<(Vec<u8>, Vec<u8>), StorageError> {
        let (parent, name) = self.destination.location(path);
        if !self.is_stream() {
            os::check_name(name).map_err(|why| StorageError::new(why.to_string()))?;
        }
        Ok((parent.to_vec(), name.to_vec()))
    }

    fn tree(&mut self) -> Result<&mut Directories, StorageError> {
        self.destination.tree().ok_or_else(|| StorageError::new("the output is no directory"))
    }

    /// A file begins.
    pub(crate) fn create(
        &mut self,
        path: EntryPath,
        mode: u16,
        observe: &mut dyn FnMut(TransferEvent<'_>),
    ) -> Result<Incoming, StorageError> {
        if !self.is_stream() {
            let (parent, name) = self.location(&path)?;
            let directory = Arc::clone(self.tree()?.directory(&parent)?);
            self.name(Spot { directory: &directory, parent: &parent, name: &name })?;
        }
        self.create_named(path, mode, observe)
    }

    /// A file begins whose name is known to be this transfer's.
    fn create_named(
        &mut self,
        path: EntryPath,
        mode: u16,
        observe: &mut dyn FnMut(TransferEvent<'_>),
    ) -> Result<Incoming, StorageError> {
        let (parent, name) = self.location(&path)?;
        if let Destination::Stream(file) = &self.destination {
            let unusable = |e| StorageError::system("cannot use the output", e);
            let through = file.try_clone().and_then(OpenFile::for_writing).map_err(unusable)?;
            observe(TransferEvent::Created { path: &path });
            let incoming = Incoming::new(path, parent, name, None, None, mode);
            return Ok(Incoming { through: Some(through), ..incoming });
        }
        let tree = self.tree()?;
        let directory = Arc::clone(tree.directory(&parent)?);
        // In a directory that was made a moment ago there is nothing to look for.
        let is_new = tree.is_new(&parent);
        let spot = Spot { directory: &directory, parent: &parent, name: &name };
        if !is_new {
            if self.refuses_existing(spot)? {
                return Ok(Incoming {
                    is_refused: true,
                    ..Incoming::new(path, parent, name, None, None, mode)
                });
            }
            self.make_room(spot)?;
        }
        let file = if let Some(file) = spot.create_new(mode)? {
            file
        } else {
            // It may be one of ours that waits for its name.
            self.refuse_partial(spot)?;
            self.make_room(spot)?;
            spot.replace(mode)?
        };
        self.tree()?.taken.add(file.identity);
        let partial = Some(partial::name_of(&name));
        observe(TransferEvent::Created { path: &path });
        Ok(Incoming::new(path, parent, name, partial, Some(file), mode))
    }

    /// Takes a name for this transfer, which uses each once.
    fn name(&mut self, spot: Spot<'_>) -> Result<(), StorageError> {
        match self.tree()?.taken.add_name(spot.parent, spot.name) {
            Name::Again => Err(sent_twice(spot)),
            Name::TooMany => Err(too_many()),
            Name::New | Name::Alike => Ok(()),
        }
    }

    /// Whether something has a name, and is not to be replaced.
    ///
    /// # Errors
    ///
    /// It has, and the transfer is that file: there is nothing to go on with.
    fn refuses_existing(&mut self, spot: Spot<'_>) -> Result<bool, StorageError> {
        if self.replaces {
            return Ok(false);
        }
        let Some(there) = there(spot)? else { return Ok(false) };
        self.refuse_taken(spot, Some(&there))?;
        if self.is_single {
            return Err(StorageError::refused(format!(
                "{} is there already, and nothing is replaced",
                below(spot.parent, spot.name)
            )));
        }
        Ok(true)
    }

    /// Refuses a name that stands for what must not be replaced.
    fn make_room(&mut self, spot: Spot<'_>) -> Result<(), StorageError> {
        let there = there(spot)?;
        self.refuse_taken(spot, there.as_ref())?;
        spot.refuse_special(there.as_ref())
    }

    fn refuse_taken(&mut self, spot: Spot<'_>, there: Option<&There>) -> Result<(), StorageError> {
        let Some(there) = there else { return Ok(()) };
        let pending = || pending_in(&self.waiting, &self.offered, spot);
        self.destination.tree().map_or(Ok(()), |tree| tree.taken.refuse(spot, there, pending))
    }

    fn refuse_partial(&mut self, spot: Spot<'_>) -> Result<(), StorageError> {
        let pending = || pending_in(&self.waiting, &self.offered, spot);
        let partial = partial::name_of(spot.name);
        self.destination.tree().map_or(Ok(()), |tree| tree.taken.refuse_partial(spot, &partial, pending))
    }

    /// A directory.
    pub(crate) fn directory(
        &mut self,
        path: &EntryPath,
        attributes: Option<Attributes>,
        observe: &mut dyn FnMut(TransferEvent<'_>),
        wanted: Wanted<'_>,
    ) -> Result<(), StorageError> {
        // From the beginning nobody else may look into it who will not.
        let is_new = self.tree()?.make(path, attributes.map_or(0o777, |attributes| attributes.mode))?;
        if let Some(attributes) = attributes.filter(|_| is_new || self.replaces) {
            self.directories_cost += DIRECTORY_COST + path.as_bytes().len();
            if self.directories_cost > DIRECTORIES_LIMIT {
                return Err(StorageError::refused(
                    "there are too many directories of which the times are preserved: send them in several transfers",
                ));
            }
            self.directories.push((path.as_bytes().to_vec(), attributes));
        }
        self.commit_if_full(observe, wanted)
    }

    /// A link that leads nowhere out; see [`link_stays_inside`](crate::wire::link_stays_inside).
    pub(crate) fn link(
        &mut self,
        path: &EntryPath,
        target: &[u8],
        observe: &mut dyn FnMut(TransferEvent<'_>),
        wanted: Wanted<'_>,
    ) -> Result<(), StorageError> {
        let (parent, name) = self.location(path)?;
        let directory = Arc::clone(self.tree()?.directory(&parent)?);
        let partial = partial::name_of(&name);
        let fail = |e| StorageError::system(&format!("cannot make the link {path}"), e);
        let spot = Spot { directory: &directory, parent: &parent, name: &name };
        self.name(spot)?;
        if self.refuses_existing(spot)? {
            // The same link is no other one.
            if !directory.is_link_to(&name, target).map_err(fail)? {
                self.refused.add(below(&parent, &name));
            }
            return Ok(());
        }
        self.make_room(spot)?;
        match directory.link(target, &partial) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                self.refuse_partial(spot)?;
                spot.remove_unused()?;
                directory.link(target, &partial).map_err(fail)?;
            }
            result => result.map_err(fail)?,
        }
        let made = directory.look(&partial).map_err(fail)?;
        let Some(There { identity, .. }) = made else { return Err(fail(io::ErrorKind::NotFound.into())) };
        self.tree()?.taken.add(identity);
        self.wait(Waiting { parent, name, what: What::Link { partial, target: target.to_vec(), identity } });
        self.commit_if_full(observe, wanted)
    }

    /// It is whole.
    fn wait(&mut self, one: Waiting) {
        self.waiting_cost += one.cost();
        self.waiting.push(one);
    }

    fn commit_if_full(
        &mut self,
        observe: &mut dyn FnMut(TransferEvent<'_>),
        wanted: Wanted<'_>,
    ) -> Result<(), StorageError> {
        let cost = self.waiting_cost + self.destination.tree().map_or(0, |tree| tree.made_cost());
        if self.waiting.len() >= self.waiting_limit || cost >= COST_LIMIT {
            return self.commit(observe, wanted);
        }
        Ok(())
    }

    /// A file is whole, and its hash is right.
    pub(crate) fn complete(
        &mut self,
        incoming: Incoming,
        observe: &mut dyn FnMut(TransferEvent<'_>),
        wanted: Wanted<'_>,
    ) -> Result<(), StorageError> {
        let Incoming {
            path,
            parent,
            name,
            partial,
            file,
            mode,
            written: size,
            hole_at_end,
            is_resumed,
            is_refused,
            attributes,
            ..
        } = incoming;
        if is_refused {
            self.refused.add(below(&parent, &name));
            return Ok(());
        }
        // What was written through is complete.
        let Some(file) = file else { return Ok(()) };
        let mut finished = Ok(());
        if hole_at_end {
            finished = file.set_len(size);
        }
        if partial.is_some() {
            finished = finished.and_then(|()| os::settle_mode(&file, mode));
        } else {
            let directory = self.tree()?.directory(&parent)?;
            let spot = Spot { directory, parent: &parent, name: &name };
            spot.give_mode(&file, mode).map_err(|e| no_mode(&path, e))?;
        }
        if let Some(modified) = attributes.map(|attributes| attributes.modified) {
            // After the last that is written.
            let set = modified.system_time().and_then(|time| os::settle_time(&file, time));
            finished = finished.and(set);
        }
        let sync = Sync::next(self.tree()?.syncs_at_once(), self.waiting.len());
        let file = Arc::new(file);
        let what = match partial {
            Some(partial) => What::File { partial, file, size, sync, is_resumed },
            None => What::Kept { file, size, sync },
        };
        // Also if something fails from here on: it may have to be removed.
        self.wait(Waiting { parent, name, what });
        finished.map_err(|e| StorageError::system(&format!("cannot finish {path}"), e))?;
        if sync == Sync::Done
            && let (Some(tree), Some(last)) = (self.destination.tree(), self.waiting.last())
        {
            last.sync(tree, wanted)?;
            observe(TransferEvent::Synced);
        }
        self.commit_if_full(observe, wanted)
    }

    /// Everything is whole: commits it, and gives the directories what was preserved of them, which another entry would change.
    pub(crate) fn finish(
        &mut self,
        observe: &mut dyn FnMut(TransferEvent<'_>),
        wanted: Wanted<'_>,
    ) -> Result<(), StorageError> {
        self.commit(observe, wanted)?;
        let mut directories = std::mem::take(&mut self.directories);
        directories.reverse();
        match self.destination.tree() {
            Some(tree) => tree.settle(&directories, wanted),
            None => Ok(()),
        }
    }

    /// Syncs what is whole, gives it its names, and syncs those. What came before is stored afterwards.
    pub(crate) fn commit(
        &mut self,
        observe: &mut dyn FnMut(TransferEvent<'_>),
        wanted: Wanted<'_>,
    ) -> Result<(), StorageError> {
        let mut refused = HashSet::new();
        if let Some(tree) = self.destination.tree() {
            // If that fails, what has its name keeps it; the rest are partials as before.
            refused = commit::store(tree, &self.waiting, self.replaces, observe, wanted)?;
            tree.forget_new();
        }
        self.waiting_cost = 0;
        for (at, one) in self.waiting.drain(..).enumerate() {
            if refused.contains(&at) {
                self.refused.add(one.shown());
            } else if let Some(size) = one.size() {
                self.stored.0 += 1;
                self.stored.1 += size;
            }
        }
        Ok(())
    }

    /// Removes the partial of a file that is damaged.
    pub(crate) fn remove(&mut self, incoming: &Incoming) {
        if let (Some(tree), Some(partial), Some(file)) =
            (self.destination.tree(), &incoming.partial, &incoming.file)
        {
            commit::remove(&mut tree.walker(), &incoming.parent, partial, file);
        }
    }

    /// After a failure: gives the partials up, the current file's too, and removes those that are not kept, and then the empty
    /// directories that were made. A partial that is kept is closed, so that its name says what it is, and another transfer may
    /// take it. `false`: `go_on` did not want to, and some are left.
    pub(crate) fn give_up(
        &mut self,
        current: Option<Incoming>,
        keep: Outlives,
        go_on: &mut dyn FnMut() -> bool,
    ) -> bool {
        let mut waiting = std::mem::take(&mut self.waiting);
        self.offered.clear();
        self.waiting_cost = 0;
        if let Some(incoming) = current.filter(|one| !keep.includes(one.is_resumed)) {
            self.remove(&incoming);
        }
        let Some(tree) = self.destination.tree() else { return true };
        waiting.retain(|one| !keep.includes(one.is_resumed()));
        waiting.sort_unstable_by(|a, b| a.parent.cmp(&b.parent));
        let mut walker = tree.walker();
        for one in waiting.drain(..) {
            if !go_on() {
                return false;
            }
            one.remove(&mut walker);
        }
        drop(walker);
        tree.remove_made(go_on)
    }
}

/// What there is under a file's name.
fn there(spot: Spot<'_>) -> Result<Option<There>, StorageError> {
    spot.directory.look(spot.name).map_err(|e| cannot_look(spot, e))
}

/// The names in a directory that have no entry there yet.
fn pending_in<'a>(
    waiting: &'a [Waiting],
    offered: &'a VecDeque<(Vec<u8>, Vec<u8>)>,
    spot: Spot<'_>,
) -> Pending<'a> {
    let offered = offered.iter().filter(|(parent, name)| (&**parent, &**name) != (spot.parent, spot.name));
    let offered = offered.filter(|(parent, _)| parent == spot.parent).map(|(_, name)| (&**name, None));
    Pending::new(pending(waiting, spot.parent).chain(offered))
}

fn no_mode(path: &EntryPath, error: io::Error) -> StorageError {
    StorageError::system(&format!("cannot set the permissions of {path}"), error)
}
