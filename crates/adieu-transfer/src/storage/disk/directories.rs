//! The directories of the target. Each is opened from the one above it, and never through a link.

use super::partial::{Open, Spot, below, name_of};
use super::syncer::{Awaited, Job, NotSynced, Syncer, Wanted};
use super::taken::{Name, Pending, Taken, may_be_one, same_directory, too_many};
use super::walker::Walker;
use super::{Consequence, StorageError};
use crate::advice::Advice;
use crate::os::{Directory, Identity, Kind, SyncAtOnce};
use crate::wire::{Attributes, EntryPath, shown};
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::sync::Arc;

#[derive(Debug)]
pub(super) struct Directories {
    root: Arc<Directory>,
    /// The root's, for people.
    name: String,
    /// The directory in which the root is, and the root's name there, if it was made for a transfer: that name has to be synced
    /// too.
    above: Option<(Arc<Directory>, Vec<u8>)>,
    /// The last one used: files mostly come directory by directory.
    last: Option<Last>,
    /// Directories that were made since the last sync, each after the one that it is in.
    made: Vec<Made>,
    /// The memory that `made` takes.
    made_cost: usize,
    /// The root was made since the last sync.
    made_root: bool,
    pub(super) taken: Taken,
    at_once: SyncAtOnce,
    /// No directory was seen that is on another file system than the root.
    one_device: bool,
    syncer: Syncer,
}

#[derive(Debug)]
struct Made {
    path: Vec<u8>,
    /// Made by us, and not by somebody else just before: it may be removed.
    is_ours: bool,
}

#[derive(Debug)]
struct Last {
    path: Vec<u8>,
    directory: Arc<Directory>,
    /// It was made by us, just now.
    is_new: bool,
}

/// About the memory that it takes to remember that a directory was made, besides its path.
const MADE_COST: usize = 48;
/// Directories that are synced one by one before one sync of the file system is cheaper.
const ONE_BY_ONE: usize = 16;

impl Directories {
    /// Takes a directory that is there. Links on the way to it are the user's own, and followed.
    pub(super) fn open(path: &Path) -> Result<Self, StorageError> {
        let name = shown(path.as_os_str().as_encoded_bytes());
        let root = Directory::open(path)
            .map_err(|e| StorageError::system(&format!("cannot use the directory {name}"), e))?;
        Self::of(root, name)
    }

    pub(super) fn of(root: Directory, name: String) -> Result<Self, StorageError> {
        root.check_writable()
            .map_err(|e| StorageError::system(&format!("cannot write to the directory {name}"), e))?;
        let at_once = SyncAtOnce::of(&root)
            .map_err(|e| StorageError::system(&format!("cannot use the directory {name}"), e))?;
        Ok(Self {
            root: Arc::new(root),
            name,
            above: None,
            last: None,
            made: Vec::new(),
            made_cost: 0,
            made_root: false,
            taken: Taken::default(),
            at_once,
            one_device: true,
            syncer: Syncer::default(),
        })
    }

    /// Makes the directory of this name in the root, and takes it. It was not there when the user named it; if it is by now it
    /// is used, but a link is not: somebody else has made it.
    pub(super) fn create(&self, name: &OsStr, path: &Path) -> Result<Self, StorageError> {
        let shown = shown(path.as_os_str().as_encoded_bytes());
        let fail = |e| StorageError::system(&format!("cannot make the directory {shown}"), e);
        let name = name.as_encoded_bytes();
        let made_root = match self.root.make(name, 0o777) {
            Ok(()) => true,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => false,
            Err(error) => return Err(fail(error)),
        };
        let root = self.root.enter(name).map_err(|error| match self.root.kind_of(name) {
            Some(Kind::Link) => StorageError::new(format!(
                "{shown} is a link now, and was no directory when this began: it is not followed"
            )),
            _ => fail(error),
        })?;
        let above = Some((Arc::clone(&self.root), name.to_vec()));
        Ok(Self { above, made_root, ..Self::of(root, shown)? })
    }

    /// The directory of a file, which is made if it is not there.
    pub(super) fn directory(&mut self, path: &[u8]) -> Result<&Arc<Directory>, StorageError> {
        if path.is_empty() {
            return Ok(&self.root);
        }
        if self.last.as_ref().is_none_or(|last| last.path != path) {
            let (directory, is_new) = self.walk(path, 0o777)?;
            self.last = Some(Last { path: path.to_vec(), directory: Arc::new(directory), is_new });
        }
        Ok(self.last.as_ref().map_or(&self.root, |last| &last.directory))
    }

    /// What a name in the root stands for. `None`: nothing.
    pub(super) fn kind_of(&self, name: &OsStr) -> Option<Kind> {
        self.root.kind_of(name.as_encoded_bytes())
    }

    /// Something else than what comes next may be in any directory from here on.
    pub(super) fn forget_new(&mut self) {
        if let Some(last) = &mut self.last {
            last.is_new = false;
        }
    }

    /// The memory that it takes to remember what was made.
    pub(super) fn made_cost(&self) -> usize {
        self.made_cost
    }

    /// Whether a directory was made by us and used for nothing else since, so that what it holds is ours.
    pub(super) fn is_new(&self, path: &[u8]) -> bool {
        self.last.as_ref().is_some_and(|last| last.is_new && last.path == path)
    }

    /// Makes a directory with these permission bits, and those above it. Whether it was made, and was not there.
    pub(super) fn make(&mut self, path: &EntryPath, mode: u16) -> Result<bool, StorageError> {
        let path = path.as_bytes();
        let (directory, is_new) = self.walk(path, mode)?;
        self.last = Some(Last { path: path.to_vec(), directory: Arc::new(directory), is_new });
        Ok(is_new)
    }

    /// Gives directories that are there what was preserved of them, in this order, and syncs that.
    pub(super) fn settle(
        &mut self,
        all: &[(Vec<u8>, Attributes)],
        wanted: Wanted<'_>,
    ) -> Result<(), StorageError> {
        let fail = |path: &[u8], e| {
            let path = shown(path);
            let what = format!(
                "what was sent is stored, but the time and permissions of the directory {path} cannot be set"
            );
            StorageError::system(&what, e)
        };
        let Some((first, _)) = all.first() else { return Ok(()) };
        // The partial of no name, so it is nobody's.
        let mask = self.root.creation_mask(&name_of(b"")).map_err(|e| fail(first, e))?;
        let at_once = all.len() > ONE_BY_ONE && self.syncs_at_once();
        let mut walker = self.walker();
        for (path, Attributes { mode, modified }) in all {
            let set = walker.enter(path).and_then(|directory| {
                directory.set_attributes(mode & mask, modified.system_time()?)?;
                Ok(directory)
            });
            let directory = set.map_err(|e| fail(path, e))?;
            if !at_once {
                self.sync_one(directory, &shown(path), wanted)?;
            } else if !wanted(Awaited::Names) {
                return Err(StorageError::new("it was interrupted"));
            }
        }
        drop(walker);
        if at_once {
            let synced = self.sync_root(Awaited::Names, wanted);
            synced.map_err(|e| e.unsynced("cannot sync the directories", NAMES_UNSYNCED))?;
        }
        Ok(())
    }

    /// Opens it, and says whether it had to be made: then it has these bits, and those above it have all.
    fn walk(&mut self, path: &[u8], mode: u16) -> Result<(Directory, bool), StorageError> {
        let mut at: Option<Directory> = None;
        let mut is_new = false;
        let mut end = 0;
        for component in path.split(|b| *b == b'/') {
            let here = at.as_ref().unwrap_or(&*self.root);
            let parent = &path[..end.max(1) - 1];
            let fail = |e| {
                let what = match here.kind_of(component) {
                    Some(Kind::Link) => "is a link, and not followed",
                    Some(Kind::Directory) | None => {
                        return StorageError::system(&format!("cannot use the directory {}", shown(path)), e);
                    }
                    Some(_) => "is there, and is no directory",
                };
                StorageError::new(format!("{} {what}", below(parent, component)))
            };
            is_new = false;
            let opened = match here.enter(component) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    let is_last = end + component.len() == path.len();
                    match here.make(component, if is_last { mode } else { 0o777 }) {
                        Ok(()) => is_new = true,
                        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                        Err(error) => return Err(fail(error)),
                    }
                    let path = path[..end + component.len()].to_vec();
                    self.made_cost += path.len() + MADE_COST;
                    self.made.push(Made { path, is_ours: is_new });
                    here.enter(component)
                }
                other => other,
            };
            let opened = opened.map_err(fail)?;
            let identity = opened.identity().map_err(fail)?;
            if self.at_once.is_possible() && !self.at_once.includes(identity.device) {
                // One sync of the root's file system would leave this one out.
                self.one_device = false;
            }
            let spot = Spot { directory: here, parent, name: component };
            let is_another = match self.taken.add_name(parent, component) {
                Name::TooMany => return Err(too_many()),
                Name::Alike => !is_new && !self.taken.stands_apart(spot, &Pending::default()),
                Name::New | Name::Again => false,
            };
            let is_one = self.taken.add_directory(identity, &path[..end + component.len()], is_new);
            if is_another || !is_one {
                let other = self.other_name(here, parent, component, identity);
                return Err(same_directory(parent, component, other.as_deref()));
            }
            at = Some(opened);
            end += component.len() + 1;
        }
        // A path has at least one component.
        at.map(|at| (at, is_new)).ok_or_else(|| StorageError::new("a directory without a name"))
    }

    /// The other name of a directory, by which it was made or by which it is listed.
    fn other_name(
        &self,
        here: &Directory,
        parent: &[u8],
        name: &[u8],
        identity: Identity,
    ) -> Option<Vec<u8>> {
        let made = self.made.iter().map(|made| split(&made.path)).filter(|(at, _)| *at == parent);
        let listed = here.entries().unwrap_or_default();
        let names = made.map(|(_, name)| name).chain(listed.iter().map(|(name, _)| name.as_encoded_bytes()));
        let is_it = |other: &[u8]| {
            let there = here.look(other).ok().flatten();
            may_be_one(other, name) || there.is_some_and(|there| there.identity == identity)
        };
        names.into_iter().find(|other| *other != name && is_it(other)).map(<[u8]>::to_vec)
    }

    /// Whether [`sync_root`](Self::sync_root) will be as good as syncing each file from here on.
    pub(super) fn syncs_at_once(&self) -> bool {
        self.one_device && self.at_once.is_possible()
    }

    /// Syncs the file system of the root.
    pub(super) fn sync_root(&mut self, awaited: Awaited, wanted: Wanted<'_>) -> Result<(), NotSynced> {
        let job = Job::FileSystem(self.at_once, Arc::clone(&self.root));
        self.syncer.sync(job, &mut || wanted(awaited))
    }

    /// Syncs one file's content.
    pub(super) fn sync_file(&mut self, file: &Arc<Open>, wanted: Wanted<'_>) -> Result<(), NotSynced> {
        self.syncer.sync(Job::File(Arc::clone(file)), &mut || wanted(Awaited::Content))
    }

    /// Syncs the names in these directories, and wherever directories were made.
    pub(super) fn sync_names(&mut self, paths: &[&[u8]], wanted: Wanted<'_>) -> Result<(), StorageError> {
        let made = std::mem::take(&mut self.made);
        self.made_cost = 0;
        self.made_root = false;
        let mut all: BTreeSet<&[u8]> = paths.iter().copied().collect();
        all.extend(made.iter().map(|made| split(&made.path).0));
        if all.len() > ONE_BY_ONE && self.syncs_at_once() {
            let synced = self.sync_root(Awaited::Names, wanted);
            synced.map_err(|e| e.unsynced("cannot sync the names", NAMES_UNSYNCED))?;
        } else {
            for path in all {
                let directory = Arc::clone(self.directory(path)?);
                let name = if path.is_empty() { self.name.clone() } else { shown(path) };
                self.sync_one(directory, &name, wanted)?;
            }
        }
        match &self.above {
            None => Ok(()),
            Some((above, _)) => {
                let name = format!("that has {}", self.name);
                self.sync_one(Arc::clone(above), &name, wanted)
            }
        }
    }

    /// Removes what we have made since the last sync and is empty. `false`: `go_on` did not want to, and some may be left.
    pub(super) fn remove_made(&mut self, go_on: &mut dyn FnMut() -> bool) -> bool {
        // On Windows an open directory cannot be removed.
        self.last = None;
        let mut made = std::mem::take(&mut self.made);
        self.made_cost = 0;
        // What is in a directory comes before it, and what stands together comes together.
        made.sort_unstable_by(|a, b| b.path.cmp(&a.path));
        let mut walker = Walker::new(&self.root);
        for made in made.iter().filter(|made| made.is_ours) {
            if !go_on() {
                return false;
            }
            let (parent, name) = split(&made.path);
            // What is not empty, or is there no more, is left as it is.
            let _ = walker.enter(parent).and_then(|parent| parent.remove_directory(name));
        }
        if let (true, Some((above, name))) = (std::mem::take(&mut self.made_root), &self.above) {
            let _ = above.remove_directory(name);
        }
        true
    }

    /// Goes about in directories that are there, and makes none.
    pub(super) fn walker(&mut self) -> Walker {
        self.last = None;
        Walker::new(&self.root)
    }

    fn sync_one(
        &mut self,
        directory: Arc<Directory>,
        name: &str,
        wanted: Wanted<'_>,
    ) -> Result<(), StorageError> {
        let synced = self.syncer.sync(Job::Directory(directory), &mut || wanted(Awaited::Names));
        synced.map_err(|e| e.unsynced(&format!("cannot sync the directory {name}"), NAMES_UNSYNCED))
    }
}

/// The directory above, which is empty for the root, and the name there.
pub(super) fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|b| *b == b'/') {
        Some(at) => (&path[..at], &path[at + 1..]),
        None => (&[], path),
    }
}

/// What a failed sync of names comes to: the content is on the disk by then. A later sync may say that all is well although
/// nothing was written, so only a rename makes it true.
const NAMES_UNSYNCED: Consequence = Consequence {
    words: "what came is there under its name, which a crash of the system may take back: send it again without resuming, which renames it anew",
    advice: Some(Advice::SendAnew),
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_new_until_another_one_is_used() {
        let place = tempfile::tempdir().expect("there is room");
        std::fs::create_dir(place.path().join("old")).expect("there is room");
        let mut tree = Directories::open(place.path()).expect("it is there");
        let is_new = |tree: &mut Directories, path: &[u8]| {
            tree.directory(path).expect("it can be made");
            tree.is_new(path)
        };
        assert!(!is_new(&mut tree, b""));
        assert!(!is_new(&mut tree, b"old"));
        assert!(is_new(&mut tree, b"new/deep"));
        assert!(is_new(&mut tree, b"new/deep"));
        // It holds `deep` by now.
        assert!(!is_new(&mut tree, b"new"));
        assert!(!is_new(&mut tree, b"new/deep"));
    }
}
