//! How whole partials become stored files: their content is synced, they get their names, and the names are synced.

use super::directories::Directories;
use super::partial::{Open, Spot, below};
use super::syncer::{Awaited, Wanted};
use super::taken::Pending;
use super::walker::Walker;
use super::{Consequence, ENTRY_COST, ONE_BY_ONE, StorageError};
use crate::advice::Advice;
use crate::event::TransferEvent;
use crate::os::Identity;
use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::sync::Arc;

/// A whole entry that waits for its sync and its name.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) parent: Vec<u8>,
    pub(super) name: Vec<u8>,
    pub(super) what: What,
}

#[derive(Debug)]
pub(super) enum What {
    /// The descriptor holds the lock, which keeps another receiver from taking the partial over.
    File {
        partial: Vec<u8>,
        file: Arc<Open>,
        size: u64,
        sync: Sync,
        /// Its beginning was there before this transfer.
        is_resumed: bool,
    },
    /// It stands under its name already, and only has to be synced.
    Kept { file: Arc<Open>, size: u64, sync: Sync },
    /// A link has no content to sync.
    Link { partial: Vec<u8>, target: Vec<u8>, identity: Identity },
}

/// How the content of a whole file gets to the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sync {
    /// It is there.
    Done,
    /// By its own descriptor.
    Alone,
    /// With the file system of the root.
    WithRoot,
}

impl Sync {
    /// The next file's, after so many that wait.
    pub(super) fn next(at_once: bool, waiting: usize) -> Self {
        match (at_once, waiting < ONE_BY_ONE) {
            (false, _) => Self::Done,
            (true, true) => Self::Alone,
            (true, false) => Self::WithRoot,
        }
    }
}

impl Waiting {
    fn file(&self) -> Option<(&Arc<Open>, Sync)> {
        match &self.what {
            What::File { file, sync, .. } | What::Kept { file, sync, .. } => Some((file, *sync)),
            What::Link { .. } => None,
        }
    }

    /// Its size, if it is a file.
    pub(super) fn size(&self) -> Option<u64> {
        match self.what {
            What::File { size, .. } | What::Kept { size, .. } => Some(size),
            What::Link { .. } => None,
        }
    }

    /// The memory that it takes.
    pub(super) fn cost(&self) -> usize {
        let more = match &self.what {
            What::File { partial, .. } => partial.len(),
            What::Kept { .. } => 0,
            What::Link { partial, target, .. } => partial.len() + target.len(),
        };
        ENTRY_COST + self.parent.len() + self.name.len() + more
    }

    fn identity(&self) -> Identity {
        match &self.what {
            What::File { file, .. } | What::Kept { file, .. } => file.identity,
            What::Link { identity, .. } => *identity,
        }
    }

    pub(super) fn shown(&self) -> String {
        below(&self.parent, &self.name)
    }

    /// Syncs its content by its own descriptor.
    pub(super) fn sync(&self, tree: &mut Directories, wanted: Wanted<'_>) -> Result<(), StorageError> {
        let Some((file, _)) = self.file() else { return Ok(()) };
        let consequence = match self.what {
            What::Kept { .. } => Consequence {
                words: "it was there already, and may not be on the disk: send it without resuming, which writes it anew",
                advice: Some(Advice::SendAnew),
            },
            _ => Consequence {
                words: "its partial is removed, because it is no longer known how much of it is on the disk",
                advice: None,
            },
        };
        tree.sync_file(file, wanted)
            .map_err(|e| e.unsynced(&format!("cannot sync {}", self.shown()), consequence))
    }

    /// Gives it its name, if what stands under its partial's is still ours, and if nothing else of this transfer has that name.
    fn rename(&self, tree: &mut Directories, all: &[Self], replaces: bool) -> Result<Named, StorageError> {
        let directory = Arc::clone(tree.directory(&self.parent)?);
        let (partial, is_ours) = match &self.what {
            What::File { partial, file, .. } => (partial, directory.leads_to(partial, file)),
            What::Link { partial, target, .. } => (partial, directory.is_link_to(partial, target)),
            What::Kept { file, .. } => (&self.name, directory.leads_to(&self.name, file)),
        };
        let fail = |e| StorageError::system(&format!("cannot rename to {}", self.shown()), e);
        if !is_ours.map_err(fail)? {
            let what = match self.what {
                What::Kept { .. } => format!("{}, which was there already,", self.shown()),
                _ => format!("the partial of {}", self.shown()),
            };
            return Err(StorageError::new(format!("{what} was removed or replaced by another program")));
        }
        if matches!(self.what, What::Kept { .. }) {
            return Ok(Named::Before);
        }
        let spot = Spot { directory: &directory, parent: &self.parent, name: &self.name };
        if let Some(there) = directory.look(&self.name).map_err(fail)? {
            tree.taken.refuse(spot, &there, || Pending::new(pending(all, &self.parent)))?;
        }
        let renamed = if replaces {
            directory.rename(partial, &self.name)
        } else {
            directory.rename_new(partial, &self.name)
        };
        match renamed {
            Err(error) if !replaces && error.kind() == io::ErrorKind::AlreadyExists => {
                self.remove(&mut tree.walker());
                tree.taken.forget(self.identity());
                Ok(Named::Refused)
            }
            renamed => renamed.map(|()| Named::Now).map_err(fail),
        }
    }

    /// It goes on from a partial that somebody has kept.
    pub(super) fn is_resumed(&self) -> bool {
        matches!(self.what, What::File { is_resumed: true, .. })
    }

    /// Removes its partial, if there is one and it is ours.
    pub(super) fn remove(&self, walker: &mut Walker) {
        match &self.what {
            What::File { partial, file, .. } => remove(walker, &self.parent, partial, file),
            What::Link { partial, target, .. } => {
                if let Ok(directory) = walker.enter(&self.parent)
                    && directory.is_link_to(partial, target).unwrap_or(false)
                {
                    let _ = directory.remove(partial);
                }
            }
            What::Kept { .. } => {}
        }
    }
}

/// Removes a partial, unless its name stands for something else by now: it has its final name, or another's is there.
pub(super) fn remove(walker: &mut Walker, parent: &[u8], partial: &[u8], file: &File) {
    if let Ok(directory) = walker.enter(parent)
        && directory.leads_to(partial, file).unwrap_or(false)
    {
        // One that cannot be removed says by its name what it is.
        let _ = directory.remove(partial);
    }
}

/// The names that wait in a directory.
pub(super) fn pending<'a>(
    waiting: &'a [Waiting],
    parent: &[u8],
) -> impl Iterator<Item = (&'a [u8], Option<Identity>)> {
    let here = waiting.iter().filter(move |one| one.parent == parent);
    here.filter(|one| !matches!(one.what, What::Kept { .. })).map(|one| (&*one.name, Some(one.identity())))
}

/// Whether a file has its name.
enum Named {
    /// It got it.
    Now,
    /// It had it already.
    Before,
    /// Something else has it, and is not replaced.
    Refused,
}

/// Carries out a commit. Gives the places of those that something has the names of, unless it is replaced.
pub(super) fn store(
    tree: &mut Directories,
    waiting: &[Waiting],
    replaces: bool,
    observe: &mut dyn FnMut(TransferEvent<'_>),
    wanted: Wanted<'_>,
) -> Result<HashSet<usize>, StorageError> {
    let with_root = waiting.iter().any(|w| w.file().is_some_and(|(_, sync)| sync == Sync::WithRoot));
    if with_root {
        let consequence = Consequence {
            words: "the partials of all files that waited for this are removed, because it is no longer known how much of them is on the disk",
            advice: None,
        };
        tree.sync_root(Awaited::Content, wanted).map_err(|e| e.unsynced("cannot sync", consequence))?;
    }
    for one in waiting {
        if let (Some((_, Sync::Alone)), false) = (one.file(), with_root) {
            one.sync(tree, wanted)?;
        }
    }
    observe(TransferEvent::Synced);
    // The last moment to turn back.
    if !wanted(Awaited::Content) {
        return Err(StorageError::new("it was interrupted"));
    }
    let mut refused = HashSet::new();
    for (at, one) in waiting.iter().enumerate() {
        match one.rename(tree, waiting, replaces)? {
            Named::Now => observe(TransferEvent::Renamed),
            Named::Before => {}
            Named::Refused => drop(refused.insert(at)),
        }
    }
    let mut parents: Vec<&[u8]> = waiting.iter().map(|w| &*w.parent).collect();
    parents.sort_unstable();
    parents.dedup();
    tree.sync_names(&parents, wanted)?;
    observe(TransferEvent::NamesSynced);
    Ok(refused)
}
