//! A directory that is sent: it is held open, and what is below it is opened from there, one name after the other and never
//! through a link. So nothing from outside of it is sent, whatever is renamed or replaced meanwhile.

use super::{SourceError, shown_path};
use crate::os::{self, Directory, Kind};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

#[derive(Debug)]
pub(super) struct Tree {
    /// As the user named it, for people.
    path: PathBuf,
    root: Arc<Directory>,
    /// The last directory used: most entries are opened directory by directory.
    last: Mutex<Option<(PathBuf, Arc<Directory>)>>,
}

impl Tree {
    /// Takes a directory. Links on the way to it are the user's own, and followed.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let root = Arc::new(Directory::open(path)?);
        Ok(Self { path: path.to_owned(), root, last: Mutex::new(None) })
    }

    /// A path below it, for people.
    pub(super) fn shown(&self, place: &Path) -> PathBuf {
        // With an empty path it would end with a separator.
        if place.as_os_str().is_empty() { self.path.clone() } else { self.path.join(place) }
    }

    /// The entries of a directory below it.
    pub(super) fn entries(&self, place: &Path) -> Result<Vec<(OsString, Kind)>, SourceError> {
        let listed = self.directory(place)?.entries();
        listed.map_err(|e| SourceError::new("list", &self.shown(place), e))
    }

    /// The permission bits of a directory below it, and when its entries were changed.
    pub(super) fn attributes_of(&self, place: &Path) -> Result<(u16, SystemTime), SourceError> {
        let told = self.directory(place)?.attributes();
        told.map_err(|e| SourceError::new("look at", &self.shown(place), e))
    }

    /// Where a link below it points to.
    pub(super) fn target_of(&self, place: &Path) -> Result<Vec<u8>, SourceError> {
        let (directory, name) = self.split(place)?;
        let read = directory.target_of(name);
        read.map_err(|e| self.failed(&directory, place, Kind::Link, "send the link", e))
    }

    fn file(&self, place: &Path) -> Result<File, SourceError> {
        let (directory, name) = self.split(place)?;
        let opened = directory.open_to_read(name);
        opened.map_err(|e| self.failed(&directory, place, Kind::File, "read", e))
    }

    /// The directory that an entry is in, and the entry's name there.
    fn split<'a>(&self, place: &'a Path) -> Result<(Arc<Directory>, &'a OsStr), SourceError> {
        let directory = self.directory(place.parent().unwrap_or(Path::new("")))?;
        // Only the root has none, and it is neither a file nor a link.
        Ok((directory, place.file_name().unwrap_or_default()))
    }

    fn directory(&self, place: &Path) -> Result<Arc<Directory>, SourceError> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut at, mut directory) = match &*last {
            Some((path, directory)) if path == place => return Ok(Arc::clone(directory)),
            Some((path, directory)) if place.starts_with(path) => (path.clone(), Arc::clone(directory)),
            _ => (PathBuf::new(), Arc::clone(&self.root)),
        };
        let rest: PathBuf = place.strip_prefix(&at).unwrap_or(place).to_owned();
        for component in rest.components() {
            // They are names that were listed, so none leads up.
            let Component::Normal(name) = component else { continue };
            at.push(name);
            let entered = directory.enter(name.as_encoded_bytes());
            directory =
                Arc::new(entered.map_err(|e| self.failed(&directory, &at, Kind::Directory, "list", e))?);
        }
        *last = Some((at, Arc::clone(&directory)));
        Ok(directory)
    }

    /// An entry could not be opened; it may have become something else since it was listed.
    fn failed(
        &self,
        directory: &Directory,
        place: &Path,
        was: Kind,
        what: &str,
        error: io::Error,
    ) -> SourceError {
        let name = place.file_name().unwrap_or_default();
        match directory.kind_of(name.as_encoded_bytes()) {
            Some(is) if is != was => became(&self.shown(place), is, was),
            _ => SourceError::new(what, &self.shown(place), error),
        }
    }
}

/// An entry is of another kind by now.
fn became(place: &Path, is: Kind, was: Kind) -> SourceError {
    let word = |kind| match kind {
        Kind::File => "a regular file",
        Kind::Directory => "a directory",
        Kind::Link => "a symbolic link",
        Kind::Special => "a FIFO, a socket or a device",
    };
    let place = shown_path(place);
    SourceError::words(format!("{place} was {} when it was listed, and is {} now", word(was), word(is)))
}

/// Where a file is.
#[derive(Debug, Clone)]
pub(crate) struct FilePlace {
    /// The directory that was named, and is sent. `None`: the file itself was named.
    tree: Option<Arc<Tree>>,
    path: PathBuf,
}

impl FilePlace {
    /// A file that was named: links to it are the user's own, and followed.
    pub(super) fn named(path: PathBuf) -> Self {
        Self { tree: None, path }
    }

    pub(super) fn below(tree: Arc<Tree>, path: PathBuf) -> Self {
        Self { tree: Some(tree), path }
    }

    /// Its path, for people.
    pub(crate) fn shown(&self) -> PathBuf {
        self.tree.as_ref().map_or_else(|| self.path.clone(), |tree| tree.shown(&self.path))
    }

    /// Opens it to read. If it is no regular file any more, that is an error, and nothing is waited for.
    pub(super) fn open(&self) -> Result<File, SourceError> {
        match &self.tree {
            Some(tree) => tree.file(&self.path),
            None => os::open_to_read(&self.path).map_err(|error| match std::fs::metadata(&self.path) {
                Ok(there) if !there.is_file() => {
                    let is = if there.is_dir() { Kind::Directory } else { Kind::Special };
                    became(&self.path, is, Kind::File)
                }
                _ => SourceError::new("read", &self.path, error),
            }),
        }
    }
}
