//! The directories of the target, from its root: opened one component after the other, and never through a link.

use super::commit::{Awaited, Wanted};
use super::partial::{Open, below};
use super::syncer::{Job, NotSynced, Syncer};
use super::{StorageError, parent_of};
use crate::os::{Directory, Kind, SyncAtOnce};
use crate::wire::{EntryPath, shown};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::sync::Arc;

#[derive(Debug)]
pub(super) struct Directories {
    root: Arc<Directory>,
    /// The root's, for people.
    name: String,
    /// The directory in which the root was made: its names have to be synced too.
    above: Option<Arc<Directory>>,
    /// The last one used: files mostly come directory by directory.
    last: Option<Last>,
    /// Directories that were made since the last sync, each after the one that it is in.
    made: Vec<Made>,
    /// The root's own name in the one above, if it was made.
    made_root: Option<OsString>,
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

/// Directories that are synced one by one before one sync of the file system is cheaper.
const ONE_BY_ONE: usize = 16;

impl Directories {
    /// Takes a directory that is there. Links on the way to it are the user's own, and followed.
    pub(super) fn open(path: &Path) -> Result<Self, StorageError> {
        let name = shown(path.as_os_str().as_encoded_bytes());
        let fail = |e| StorageError::new(&format!("cannot use the directory {name}"), e);
        let root = Directory::open(path).map_err(fail)?;
        root.check_writable()
            .map_err(|e| StorageError::new(&format!("cannot write to the directory {name}"), e))?;
        let at_once = SyncAtOnce::of(&root).map_err(fail)?;
        Ok(Self {
            root: Arc::new(root),
            name,
            above: None,
            last: None,
            made: Vec::new(),
            made_root: None,
            at_once,
            one_device: true,
            syncer: Syncer::default(),
        })
    }

    /// Makes it, and takes it.
    pub(super) fn create(path: &Path) -> Result<Self, StorageError> {
        let name = shown(path.as_os_str().as_encoded_bytes());
        let fail = |e| StorageError::new(&format!("cannot make the directory {name}"), e);
        let above = Directory::open(parent_of(path)).map_err(fail)?;
        let made_root = match std::fs::create_dir(path) {
            Ok(()) => path.file_name().map(OsString::from),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => None,
            Err(error) => return Err(fail(error)),
        };
        Ok(Self { above: Some(Arc::new(above)), made_root, ..Self::open(path)? })
    }

    /// The directory of a file, which is made if it is not there.
    pub(super) fn directory(&mut self, path: &[u8]) -> Result<&Arc<Directory>, StorageError> {
        if path.is_empty() {
            return Ok(&self.root);
        }
        if self.last.as_ref().is_none_or(|last| last.path != path) {
            let (directory, is_new) = self.walk(path)?;
            self.last = Some(Last { path: path.to_vec(), directory: Arc::new(directory), is_new });
        }
        Ok(self.last.as_ref().map_or(&self.root, |last| &last.directory))
    }

    /// Whether a directory was made by us and used for nothing else since, so that what it holds is ours.
    pub(super) fn is_new(&self, path: &[u8]) -> bool {
        self.last.as_ref().is_some_and(|last| last.is_new && last.path == path)
    }

    /// Makes a directory, and those above it.
    pub(super) fn make(&mut self, path: &EntryPath) -> Result<(), StorageError> {
        self.directory(path.as_bytes()).map(|_| ())
    }

    /// Opens it, and says whether it had to be made.
    fn walk(&mut self, path: &[u8]) -> Result<(Directory, bool), StorageError> {
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
                        return StorageError::new(&format!("cannot use the directory {}", shown(path)), e);
                    }
                    Some(_) => "is there, and is no directory",
                };
                StorageError::words(format!("{} {what}", below(parent, component)))
            };
            is_new = false;
            let opened = match here.enter(component) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    match here.make(component) {
                        Ok(()) => is_new = true,
                        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                        Err(error) => return Err(fail(error)),
                    }
                    let path = path[..end + component.len()].to_vec();
                    self.made.push(Made { path, is_ours: is_new });
                    here.enter(component)
                }
                other => other,
            };
            let opened = opened.map_err(fail)?;
            if self.at_once.is_possible() && !self.at_once.includes(opened.identity().map_err(fail)?.device) {
                // One sync of the root's file system would leave this one out.
                self.one_device = false;
            }
            at = Some(opened);
            end += component.len() + 1;
        }
        // A path has at least one component.
        at.map(|at| (at, is_new)).ok_or_else(|| StorageError::words("a directory without a name"))
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
        self.made_root = None;
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
            Some(above) => {
                let name = format!("that has {}", self.name);
                self.sync_one(Arc::clone(above), &name, wanted)
            }
        }
    }

    /// Removes what we have made since the last sync and is empty.
    pub(super) fn remove_made(&mut self) {
        // On Windows an open directory cannot be removed.
        self.last = None;
        for made in std::mem::take(&mut self.made).iter().rev().filter(|made| made.is_ours) {
            let (parent, name) = split(&made.path);
            // What is not empty, or is there no more, is left as it is.
            let _ = self.enter(parent).and_then(|parent| parent.remove_directory(name));
        }
        if let (Some(above), Some(name)) = (&self.above, self.made_root.take()) {
            let _ = above.remove_directory(name.as_encoded_bytes());
        }
    }

    /// Opens a directory below the root that is there.
    fn enter(&self, path: &[u8]) -> io::Result<Arc<Directory>> {
        let components = path.split(|b| *b == b'/').filter(|component| !component.is_empty());
        components
            .into_iter()
            .try_fold(Arc::clone(&self.root), |at, component| at.enter(component).map(Arc::new))
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
fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|b| *b == b'/') {
        Some(at) => (&path[..at], &path[at + 1..]),
        None => (&[], path),
    }
}

/// What a failed sync of names comes to: the content is on the disk by then. A later sync may say that all is well although
/// nothing was written, so only a rename makes it true.
const NAMES_UNSYNCED: &str = "; what came is there under its name, which a crash of the system may take back: send it again without --resume, which renames it anew";

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
