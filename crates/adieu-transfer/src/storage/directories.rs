//! The directories of the target, from its root: opened one component after the other, and never through a link.

use super::sync::SyncAtOnce;
use super::{StorageError, kind_of};
use crate::wire::{EntryPath, shown};
use rustix::fs::{Access, AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;
use std::collections::BTreeSet;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

#[derive(Debug)]
pub(super) struct Directories {
    root: OwnedFd,
    root_device: u64,
    /// The directory in which the root was made: its names have to be synced too.
    above: Option<OwnedFd>,
    /// The last one used: files mostly come directory by directory.
    last: Option<Last>,
    /// Where a directory was made since the last sync.
    made_in: BTreeSet<Vec<u8>>,
    at_once: SyncAtOnce,
    /// No directory was seen that is on another file system than the root.
    one_device: bool,
}

#[derive(Debug)]
struct Last {
    path: Vec<u8>,
    directory: OwnedFd,
    /// It was made by us, just now.
    is_new: bool,
}

/// Directories that are synced one by one before one sync of the file system is cheaper.
const ONE_BY_ONE: usize = 16;

fn open_flags() -> OFlags {
    OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC
}

impl Directories {
    /// Takes a directory that is there. Links on the way to it are the user's own, and followed.
    pub(super) fn open(path: &Path) -> Result<Self, StorageError> {
        let name = shown(path.as_os_str().as_bytes());
        let fail = |e: Errno| StorageError::new(&format!("cannot use the directory {name}"), e.into());
        let root = rustix::fs::open(path, open_flags(), Mode::empty()).map_err(fail)?;
        let access = rustix::fs::accessat(&root, ".", Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS);
        match access {
            // Systems without faccessat2 cannot tell; the first file will.
            Ok(()) | Err(Errno::NOSYS | Errno::INVAL | Errno::OPNOTSUPP) => {}
            Err(error) => {
                return Err(StorageError::new(
                    &format!("cannot write to the directory {name}"),
                    error.into(),
                ));
            }
        }
        let root_device = device(&root).map_err(fail)?;
        let at_once = SyncAtOnce::of(&root);
        Ok(Self {
            root,
            root_device,
            above: None,
            last: None,
            made_in: BTreeSet::new(),
            at_once,
            one_device: true,
        })
    }

    /// Makes it, and takes it.
    pub(super) fn create(parent: &Path, path: &Path) -> Result<Self, StorageError> {
        let name = shown(path.as_os_str().as_bytes());
        let fail = |e: Errno| StorageError::new(&format!("cannot make the directory {name}"), e.into());
        let above = rustix::fs::open(parent, open_flags(), Mode::empty()).map_err(fail)?;
        match rustix::fs::mkdir(path, Mode::from_raw_mode(0o777)) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(fail(error)),
        }
        Ok(Self { above: Some(above), ..Self::open(path)? })
    }

    /// The directory of a file, which is made if it is not there.
    pub(super) fn directory(&mut self, path: &[u8]) -> Result<&OwnedFd, StorageError> {
        if path.is_empty() {
            return Ok(&self.root);
        }
        if self.last.as_ref().is_none_or(|last| last.path != path) {
            let (directory, is_new) = self.walk(path)?;
            self.last = Some(Last { path: path.to_vec(), directory, is_new });
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
    fn walk(&mut self, path: &[u8]) -> Result<(OwnedFd, bool), StorageError> {
        let mut at: Option<OwnedFd> = None;
        let mut is_new = false;
        let mut end = 0;
        for component in path.split(|b| *b == b'/') {
            let here = at.as_ref().unwrap_or(&self.root);
            let parent = &path[..end.max(1) - 1];
            let flags = open_flags() | OFlags::NOFOLLOW;
            let fail = |e: Errno| {
                let what = match kind_of(here, component) {
                    Some(FileType::Symlink) => "is a link, and not followed".to_owned(),
                    Some(FileType::Directory) | None => {
                        return StorageError::new(
                            &format!("cannot use the directory {}", shown(path)),
                            e.into(),
                        );
                    }
                    Some(_) => "is there, and is no directory".to_owned(),
                };
                StorageError::words(format!("{} {what}", shown(component)))
            };
            is_new = false;
            let opened = match rustix::fs::openat(here, component, flags, Mode::empty()) {
                Err(Errno::NOENT) => {
                    match rustix::fs::mkdirat(here, component, Mode::from_raw_mode(0o777)) {
                        Ok(()) => is_new = true,
                        Err(Errno::EXIST) => {}
                        Err(error) => return Err(fail(error)),
                    }
                    self.made_in.insert(parent.to_vec());
                    rustix::fs::openat(here, component, flags, Mode::empty())
                }
                other => other,
            };
            let opened = opened.map_err(fail)?;
            if device(&opened).map_err(fail)? != self.root_device {
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
    pub(super) fn sync_root(&mut self) -> Result<(), StorageError> {
        self.at_once.sync(&self.root).map_err(|e| StorageError::new("cannot sync", e))
    }

    /// Syncs the names in these directories, and wherever directories were made.
    pub(super) fn sync_names(&mut self, paths: &[&[u8]]) -> Result<(), StorageError> {
        let made_in = std::mem::take(&mut self.made_in);
        let mut all: BTreeSet<&[u8]> = paths.iter().copied().collect();
        all.extend(made_in.iter().map(|path| &**path));
        if all.len() > ONE_BY_ONE && self.syncs_at_once() {
            self.sync_root()?;
            return self.sync_above();
        }
        for path in all {
            let synced = rustix::fs::fsync(self.directory(path)?);
            synced.map_err(|e| {
                StorageError::new(&format!("cannot sync the directory {}", shown(path)), e.into())
            })?;
        }
        self.sync_above()
    }

    fn sync_above(&mut self) -> Result<(), StorageError> {
        if let Some(above) = &self.above {
            rustix::fs::fsync(above).map_err(|e| StorageError::new("cannot sync", e.into()))?;
        }
        Ok(())
    }
}

fn device(directory: &OwnedFd) -> Result<u64, Errno> {
    // The type differs between systems.
    #[allow(clippy::unnecessary_cast, clippy::cast_sign_loss, reason = "st_dev is signed on some systems")]
    Ok(rustix::fs::fstat(directory)?.st_dev as u64)
}

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
