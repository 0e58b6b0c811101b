//! An open directory, and what is done in it by name: never through a link.

use crate::os::{Kind, Locked};
use rustix::fs::{Access, AtFlags, FileType, FlockOperation, Mode, OFlags, Stat};
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

#[derive(Debug)]
pub(crate) struct Directory(OwnedFd);

const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
const FILE: OFlags = OFlags::NOFOLLOW.union(OFlags::CLOEXEC);

impl Directory {
    /// Opens it; links on the way to it are the user's own, and followed.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self(rustix::fs::open(path, DIRECTORY, Mode::empty())?))
    }

    /// Fails if files cannot be made in it, as far as that can be told beforehand.
    pub(crate) fn check_writable(&self) -> io::Result<()> {
        match rustix::fs::accessat(&self.0, ".", Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS) {
            // Systems without faccessat2 cannot tell; the first file will.
            Ok(()) | Err(Errno::NOSYS | Errno::INVAL | Errno::OPNOTSUPP) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Opens a directory in it.
    pub(crate) fn enter(&self, name: &[u8]) -> io::Result<Self> {
        Ok(Self(rustix::fs::openat(&self.0, name, DIRECTORY | OFlags::NOFOLLOW, Mode::empty())?))
    }

    /// Makes a directory in it.
    pub(crate) fn make(&self, name: &[u8]) -> io::Result<()> {
        Ok(rustix::fs::mkdirat(&self.0, name, Mode::from_raw_mode(0o777))?)
    }

    /// What a name stands for. `None`: nothing.
    pub(crate) fn kind_of(&self, name: &[u8]) -> Option<Kind> {
        let there = rustix::fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
        Some(match FileType::from_raw_mode(there.st_mode) {
            FileType::RegularFile => Kind::File,
            FileType::Directory => Kind::Directory,
            FileType::Symlink => Kind::Link,
            _ => Kind::Special,
        })
    }

    /// Fails if a name stands for what has another one: on macOS it may, and a rename replaces it.
    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "elsewhere it can fail")]
    pub(crate) fn refuse_same_name(&self, _: &[u8]) -> io::Result<()> {
        Ok(())
    }

    /// A new file to write and read, if there is nothing of that name.
    pub(crate) fn create_new(&self, name: &[u8], mode: u16) -> io::Result<File> {
        self.file(name, OFlags::CREATE | OFlags::EXCL | OFlags::RDWR, creation_mode(mode))
    }

    /// A file to write and read, new or as it is there.
    pub(crate) fn open_or_create(&self, name: &[u8], mode: u16) -> io::Result<File> {
        self.file(name, OFlags::CREATE | OFlags::RDWR | OFlags::NONBLOCK, creation_mode(mode))
    }

    /// A file that is there, to write and read.
    pub(crate) fn open_to_write(&self, name: &[u8]) -> io::Result<File> {
        self.file(name, OFlags::RDWR | OFlags::NONBLOCK, Mode::empty())
    }

    /// A file that is there, to read and sync.
    pub(crate) fn open_to_keep(&self, name: &[u8]) -> io::Result<File> {
        self.file(name, OFlags::RDONLY | OFlags::NONBLOCK, Mode::empty())
    }

    fn file(&self, name: &[u8], flags: OFlags, mode: Mode) -> io::Result<File> {
        Ok(rustix::fs::openat(&self.0, name, flags | FILE, mode)?.into())
    }

    /// Locks a partial that was opened by that name, for as long as the file is open.
    ///
    /// # Errors
    ///
    /// [`is_locked`](Self::is_locked) says whether another has locked it.
    pub(crate) fn lock(&self, name: &[u8], file: &File) -> io::Result<Locked> {
        match rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive) {
            // A file system without locks has a receiver at a time by its user's care.
            Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOLCK | Errno::NOSYS) => {}
            Err(error) => return Err(error.into()),
        }
        let ours = rustix::fs::fstat(file)?;
        if !self.stands_for(name, &ours)? {
            return Ok(Locked::Another);
        }
        let regular = FileType::from_raw_mode(ours.st_mode) == FileType::RegularFile;
        let is_ours = regular && ours.st_nlink == 1 && ours.st_uid == rustix::process::geteuid().as_raw();
        Ok(if is_ours { Locked::Ours } else { Locked::NotOurs })
    }

    /// Whether a name still stands for this open file: anybody may have removed or replaced it.
    pub(crate) fn leads_to(&self, name: &[u8], file: &File) -> io::Result<bool> {
        self.stands_for(name, &rustix::fs::fstat(file)?)
    }

    fn stands_for(&self, name: &[u8], ours: &Stat) -> io::Result<bool> {
        match rustix::fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(there) => Ok((ours.st_dev, ours.st_ino) == (there.st_dev, there.st_ino)),
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether a name stands for a link to this.
    pub(crate) fn is_link_to(&self, name: &[u8], target: &[u8]) -> io::Result<bool> {
        match rustix::fs::readlinkat(&self.0, name, Vec::new()) {
            Ok(there) => Ok(there.as_bytes() == target),
            Err(Errno::NOENT | Errno::INVAL) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether a file could not be opened or locked because another has locked it.
    pub(crate) fn is_locked(error: &io::Error) -> bool {
        error.kind() == io::ErrorKind::WouldBlock
    }

    /// Gives a file another name here, in place of what has it.
    pub(crate) fn rename(&self, from: &[u8], to: &[u8]) -> io::Result<()> {
        Ok(rustix::fs::renameat(&self.0, from, &self.0, to)?)
    }

    pub(crate) fn remove(&self, name: &[u8]) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.0, name, AtFlags::empty())?)
    }

    /// Removes an empty directory.
    pub(crate) fn remove_directory(&self, name: &[u8]) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.0, name, AtFlags::REMOVEDIR)?)
    }

    /// Makes a link.
    pub(crate) fn link(&self, target: &[u8], name: &[u8]) -> io::Result<()> {
        Ok(rustix::fs::symlinkat(target, &self.0, name)?)
    }

    /// Syncs the names in it.
    pub(crate) fn sync(&self) -> io::Result<()> {
        Ok(rustix::fs::fsync(&self.0)?)
    }
}

impl AsFd for Directory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// The mode of a new file: what the sender's has, and ours to write.
fn creation_mode(mode: u16) -> Mode {
    Mode::from_raw_mode((mode & 0o777 | 0o600).into())
}
