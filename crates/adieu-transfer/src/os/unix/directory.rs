//! An open directory, and what is done in it by name: never through a link.

#![allow(clippy::useless_conversion, reason = "mode_t has 32 bits on Linux, and 16 on macOS and FreeBSD")]

use crate::os::{Identity, Kind, Locked, There, permissions, settle_time};
use rustix::fs::{Access, AtFlags, Dir, FileType, FlockOperation, Mode, OFlags, Stat};
use rustix::io::Errno;
use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime};

#[derive(Debug)]
pub(crate) struct Directory {
    fd: OwnedFd,
    /// See [`creation_mask`](Self::creation_mask).
    mask: OnceLock<u16>,
    /// Stands for a file system that takes names which differ in their case for one: few machines have such a one at hand.
    #[cfg(test)]
    folds: bool,
}

const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
const FILE: OFlags = OFlags::NOFOLLOW.union(OFlags::CLOEXEC);
/// Whose access is asked about: the effective user's.
#[cfg(not(target_os = "android"))]
const AS_WE_ARE: AtFlags = AtFlags::EACCESS;
/// Android's C library asks only for the real user, who is the effective one of its programs.
#[cfg(target_os = "android")]
const AS_WE_ARE: AtFlags = AtFlags::empty();
/// How long somebody who has a lease of a file (fcntl(2), F_SETLEASE) may take to give it back.
const LEASE: Duration = Duration::from_secs(2);

impl Directory {
    /// Opens it; links on the way to it are the user's own, and followed.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self::new(rustix::fs::open(path, DIRECTORY, Mode::empty())?))
    }

    fn new(fd: OwnedFd) -> Self {
        Self {
            fd,
            mask: OnceLock::new(),
            #[cfg(test)]
            folds: false,
        }
    }

    /// As if its file system, and that of all below it, took names that differ in their case for one.
    #[cfg(test)]
    pub(crate) fn folding(self) -> Self {
        Self { folds: true, ..self }
    }

    /// A name as the file system takes it.
    #[cfg_attr(not(test), expect(clippy::unused_self, reason = "a test's file system is another"))]
    fn at<'a>(&self, name: &'a [u8]) -> Cow<'a, [u8]> {
        #[cfg(test)]
        if self.folds {
            return Cow::Owned(name.to_ascii_lowercase());
        }
        Cow::Borrowed(name)
    }

    /// Fails if files cannot be made in it, as far as that can be told beforehand.
    pub(crate) fn check_writable(&self) -> io::Result<()> {
        match rustix::fs::accessat(&self.fd, ".", Access::WRITE_OK | Access::EXEC_OK, AS_WE_ARE) {
            // Systems without faccessat2 cannot tell; the first file will.
            Ok(()) => Ok(()),
            Err(error) if error == Errno::INVAL || cannot(error) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Opens a directory in it.
    pub(crate) fn enter(&self, name: &[u8]) -> io::Result<Self> {
        let fd = rustix::fs::openat(&self.fd, &*self.at(name), DIRECTORY | OFlags::NOFOLLOW, Mode::empty())?;
        Ok(Self {
            #[cfg(test)]
            folds: self.folds,
            ..Self::new(fd)
        })
    }

    /// Makes a directory in it, with these permission bits less those that the umask takes, and always ours to use.
    pub(crate) fn make(&self, name: &[u8], mode: u16) -> io::Result<()> {
        let mode = Mode::from_raw_mode((mode & 0o777 | 0o700).into());
        Ok(rustix::fs::mkdirat(&self.fd, &*self.at(name), mode)?)
    }

    /// What a name stands for. `None`: nothing.
    pub(crate) fn kind_of(&self, name: &[u8]) -> Option<Kind> {
        self.look(name).ok().flatten().map(|there| there.kind)
    }

    /// What there is under a name. `None`: nothing.
    pub(crate) fn look(&self, name: &[u8]) -> io::Result<Option<There>> {
        match rustix::fs::statat(&self.fd, &*self.at(name), AtFlags::SYMLINK_NOFOLLOW) {
            Ok(there) => Ok(Some(There {
                kind: kind(FileType::from_raw_mode(there.st_mode)),
                identity: identity(&there),
                has_other_names: there.st_nlink > 1,
            })),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Which directory it is.
    pub(crate) fn identity(&self) -> io::Result<Identity> {
        Ok(identity(&rustix::fs::fstat(&self.fd)?))
    }

    /// Its permission bits, and when its entries were changed.
    pub(crate) fn attributes(&self) -> io::Result<(u16, SystemTime)> {
        let there = File::from(self.fd.try_clone()?).metadata()?;
        Ok((permissions(&there), there.modified()?))
    }

    /// Gives it these nine permission bits, and leaves its others; and this time.
    pub(crate) fn set_attributes(&self, mode: u16, modified: SystemTime) -> io::Result<()> {
        let now = rustix::fs::fstat(&self.fd)?.st_mode & 0o7777;
        let wanted = now & !0o777 | Mode::from_raw_mode((mode & 0o777).into()).as_raw_mode();
        if now != wanted {
            rustix::fs::fchmod(&self.fd, Mode::from_raw_mode(wanted))?;
        }
        settle_time(&File::from(self.fd.try_clone()?), modified)
    }

    /// All names in it, in no order, and what they stood for when they were read.
    pub(crate) fn entries(&self) -> io::Result<Vec<(OsString, Kind)>> {
        let mut found = Vec::new();
        for entry in Dir::read_from(&self.fd)? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if matches!(name, b"." | b"..") {
                continue;
            }
            let kind = match entry.file_type() {
                // The file system does not tell.
                FileType::Unknown => match rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
                    Ok(there) => kind(FileType::from_raw_mode(there.st_mode)),
                    Err(Errno::NOENT) => continue,
                    Err(error) => return Err(error.into()),
                },
                told => kind(told),
            };
            found.push((OsString::from_vec(name.to_vec()), kind));
        }
        Ok(found)
    }

    /// A file to read. What is not one, or a link, is an error, and is not waited for: a FIFO may stand there by now.
    ///
    /// # Errors
    ///
    /// `InvalidInput`: it is no regular file.
    pub(crate) fn open_to_read(&self, name: &OsStr) -> io::Result<File> {
        read_only(&self.fd, Path::new(OsStr::from_bytes(&self.at(name.as_bytes()))), FILE)
    }

    /// Where a link in it points to, as it goes over the wire.
    pub(crate) fn target_of(&self, name: &OsStr) -> io::Result<Vec<u8>> {
        Ok(rustix::fs::readlinkat(&self.fd, name, Vec::new())?.into_bytes())
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

    /// A file that is there, to write and read.
    pub(crate) fn open_to_write(&self, name: &[u8]) -> io::Result<File> {
        self.file(name, OFlags::RDWR | OFlags::NONBLOCK, Mode::empty())
    }

    /// A file that is there, to read and sync.
    pub(crate) fn open_to_keep(&self, name: &[u8]) -> io::Result<File> {
        self.file(name, OFlags::RDONLY | OFlags::NONBLOCK, Mode::empty())
    }

    fn file(&self, name: &[u8], flags: OFlags, mode: Mode) -> io::Result<File> {
        Ok(rustix::fs::openat(&self.fd, &*self.at(name), flags | FILE, mode)?.into())
    }

    /// Which permission bits a new file gets here of those that are asked for: the umask takes some, or the directory's
    /// default ACL. No call tells either to a program that has threads, so a file is made of that name, and removed.
    pub(crate) fn creation_mask(&self, trial: &[u8]) -> io::Result<u16> {
        if let Some(mask) = self.mask.get() {
            return Ok(*mask);
        }
        let file = loop {
            match self.create_new(trial, 0o777) {
                // Left by somebody who was killed, or another receiver's, which has looked at it or looks at its descriptor.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => match self.remove(trial) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => {}
                },
                made => break made?,
            }
        };
        // Unless another receiver has done it.
        let _ = self.remove(trial);
        let mask = permissions(&file.metadata()?);
        Ok(*self.mask.get_or_init(|| mask))
    }

    /// Locks a partial that was opened by that name, for as long as the file is open.
    ///
    /// # Errors
    ///
    /// [`is_locked`](Self::is_locked) says whether another has locked it.
    pub(crate) fn lock(&self, name: &[u8], file: &File) -> io::Result<Locked> {
        match rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive) {
            // A file system without locks has a receiver at a time by its user's care.
            Ok(()) | Err(Errno::NOLCK) => {}
            Err(error) if cannot(error) => {}
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
        Ok(self.look(name)?.is_some_and(|there| there.identity == identity(ours)))
    }

    /// Whether a name stands for a link to this.
    pub(crate) fn is_link_to(&self, name: &[u8], target: &[u8]) -> io::Result<bool> {
        match rustix::fs::readlinkat(&self.fd, &*self.at(name), Vec::new()) {
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
        Ok(rustix::fs::renameat(&self.fd, &*self.at(from), &self.fd, &*self.at(to))?)
    }

    /// Gives a file another name here, which nothing has.
    ///
    /// # Errors
    ///
    /// `AlreadyExists`: something has it.
    pub(crate) fn rename_new(&self, from: &[u8], to: &[u8]) -> io::Result<()> {
        #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
        {
            use rustix::fs::{RenameFlags, renameat_with};
            let (from, to) = (self.at(from), self.at(to));
            match renameat_with(&self.fd, &*from, &self.fd, &*to, RenameFlags::NOREPLACE) {
                // This file system cannot, or this system.
                Err(error) if error == Errno::INVAL || cannot(error) => {}
                renamed => return Ok(renamed?),
            }
        }
        self.link_and_remove(from, to)
    }

    /// The same by a second name, where no call renames without replacing: link(2) never replaces.
    fn link_and_remove(&self, from: &[u8], to: &[u8]) -> io::Result<()> {
        match rustix::fs::linkat(&self.fd, &*self.at(from), &self.fd, &*self.at(to), AtFlags::empty()) {
            Err(error) if error == Errno::PERM || cannot(error) => Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "this file system can neither rename without replacing nor link",
            )),
            linked => Ok(linked?),
        }?;
        self.remove(from)
    }

    pub(crate) fn remove(&self, name: &[u8]) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.fd, &*self.at(name), AtFlags::empty())?)
    }

    /// Removes an empty directory.
    pub(crate) fn remove_directory(&self, name: &[u8]) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.fd, &*self.at(name), AtFlags::REMOVEDIR)?)
    }

    /// Makes a link.
    pub(crate) fn link(&self, target: &[u8], name: &[u8]) -> io::Result<()> {
        Ok(rustix::fs::symlinkat(target, &self.fd, &*self.at(name))?)
    }

    /// Syncs the names in it.
    pub(crate) fn sync(&self) -> io::Result<()> {
        Ok(rustix::fs::fsync(&self.fd)?)
    }
}

impl AsFd for Directory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Whether a call is one that a file system or system has not. On Apple's, ENOTSUP, which is of file systems, is another number
/// than EOPNOTSUPP, which is of sockets: intro(2).
fn cannot(error: Errno) -> bool {
    matches!(error, Errno::NOSYS | Errno::OPNOTSUPP) || error == Errno::NOTSUP
}

/// The mode of a new file: what the sender's has, and ours to write.
fn creation_mode(mode: u16) -> Mode {
    Mode::from_raw_mode((mode & 0o777 | 0o600).into())
}

/// Opens a file to read, at a path that may have links.
///
/// # Errors
///
/// `InvalidInput`: it is no regular file.
pub(crate) fn open_to_read(path: &Path) -> io::Result<File> {
    read_only(rustix::fs::CWD, path, OFlags::CLOEXEC)
}

fn read_only(at: impl AsFd, path: &Path, flags: OFlags) -> io::Result<File> {
    let began = Instant::now();
    let file: File = loop {
        // Not blocking: to open a FIFO would wait for somebody who writes to it.
        match rustix::fs::openat(&at, path, OFlags::RDONLY | OFlags::NONBLOCK | flags, Mode::empty()) {
            // A lease is being given back.
            Err(Errno::WOULDBLOCK) if began.elapsed() < LEASE => {
                std::thread::sleep(Duration::from_millis(10));
            }
            opened => break opened?.into(),
        }
    };
    if !file.metadata()?.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // This open file is ours alone, and reading it waits, as it does everywhere.
    let set = rustix::fs::fcntl_getfl(&file)?;
    rustix::fs::fcntl_setfl(&file, set - OFlags::NONBLOCK)?;
    Ok(file)
}

/// Which file it is, and whether it has more than one name.
pub(crate) fn about(file: &File) -> io::Result<(Identity, bool)> {
    let there = rustix::fs::fstat(file)?;
    Ok((identity(&there), there.st_nlink > 1))
}

fn kind(told: FileType) -> Kind {
    match told {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Directory,
        FileType::Symlink => Kind::Link,
        _ => Kind::Special,
    }
}

// The types differ between systems.
#[allow(clippy::unnecessary_cast, clippy::cast_sign_loss, reason = "st_dev is signed on some systems")]
fn identity(there: &Stat) -> Identity {
    Identity { device: there.st_dev as u64, number: there.st_ino as u64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_given_only_if_nothing_has_it_by_either_call() {
        type Rename = fn(&Directory, &[u8], &[u8]) -> io::Result<()>;
        let calls: [Rename; 2] = [Directory::rename_new, Directory::link_and_remove];
        for rename in calls {
            let place = tempfile::tempdir().expect("there is room");
            let directory = Directory::open(place.path()).expect("it is there");
            let at = |name: &str| place.path().join(name);
            for taken in ["file", "directory", "link"] {
                std::fs::write(at("partial"), "new").expect("there is room");
                match taken {
                    "file" => std::fs::write(at(taken), "old"),
                    "directory" => std::fs::create_dir(at(taken)),
                    _ => std::os::unix::fs::symlink("nowhere", at(taken)),
                }
                .expect("there is room");
                let refused = rename(&directory, b"partial", taken.as_bytes()).expect_err("it is taken");
                assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists, "{taken}");
                assert!(at("partial").exists());
            }
            assert_eq!(std::fs::read(at("file")).ok().as_deref(), Some(&b"old"[..]));
            rename(&directory, b"partial", b"free").expect("nothing has it");
            assert!(!at("partial").exists());
            assert_eq!(std::fs::read(at("free")).ok().as_deref(), Some(&b"new"[..]));
            // A link is given its name, and not followed.
            directory.link(b"free", b"partial").expect("links can be made");
            rename(&directory, b"partial", b"link2").expect("nothing has it");
            assert!(directory.is_link_to(b"link2", b"free").expect("it can be read"));
        }
    }
}
