//! A directory, and what is done in it by name: never through a link.
//!
//! There are no calls that take a directory's handle and a name; so a directory is its full path, and a handle that is
//! held. The handle is opened without FILE_SHARE_DELETE: as long as it is, nobody can rename or remove the directory or one
//! above it, or put a link in its place.
//!
//! Source: CreateFileW ("FILE_FLAG_OPEN_REPARSE_POINT", "dwShareMode"), "Naming Files, Paths, and Namespaces".

use super::name::check_name;
use crate::os::{Identity, Kind, Locked, There};
use std::ffi::{OsStr, OsString};
use std::fs::{File, FileType, OpenOptions};
use std::io;
use std::os::windows::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use windows_sys::Win32::Foundation::{ERROR_DELETE_PENDING, ERROR_SHARING_VIOLATION};
use windows_sys::Win32::Storage::FileSystem::{
    FILE_ADD_FILE, FILE_ADD_SUBDIRECTORY, FILE_FLAG_BACKUP_SEMANTICS, FILE_FLAG_OPEN_REPARSE_POINT,
    FILE_LIST_DIRECTORY, FILE_READ_ATTRIBUTES, FILE_SHARE_DELETE, FILE_SHARE_READ, FILE_SHARE_WRITE,
    FILE_WRITE_ATTRIBUTES,
};

#[derive(Debug)]
pub(crate) struct Directory {
    /// Full, and with `\\?\`: it has no limit of length, and nothing in it is taken for something else.
    path: PathBuf,
    /// Held, so that the path leads there.
    handle: File,
}

/// A name that another of the directory stands for.
#[derive(Debug, thiserror::Error)]
#[error("'{asked}' and '{there}', which is there, are one name on Windows")]
struct SameName {
    asked: String,
    there: String,
}

impl Directory {
    /// Opens it; links on the way to it are the user's own, and followed.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Self::hold(std::fs::canonicalize(path)?)
    }

    fn hold(path: PathBuf) -> io::Result<Self> {
        let handle = directory(FILE_LIST_DIRECTORY).open(&path)?;
        let there = handle.metadata()?;
        // Of a link it is the link that was opened.
        if !there.is_dir() || there.is_symlink() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        Ok(Self { path, handle })
    }

    /// Fails if files cannot be made in it.
    pub(crate) fn check_writable(&self) -> io::Result<()> {
        directory(FILE_ADD_FILE | FILE_ADD_SUBDIRECTORY).open(&self.path).map(drop)
    }

    fn at(&self, name: &[u8]) -> io::Result<PathBuf> {
        let wrong = |e| io::Error::new(io::ErrorKind::InvalidInput, e);
        check_name(name).map(|name| self.path.join(name)).map_err(wrong)
    }

    /// Opens a directory in it.
    pub(crate) fn enter(&self, name: &[u8]) -> io::Result<Self> {
        let entered = Self::hold(self.at(name)?)?;
        self.refuse_same_name(name)?;
        Ok(entered)
    }

    /// Makes a directory in it.
    pub(crate) fn make(&self, name: &[u8], _: u16) -> io::Result<()> {
        std::fs::create_dir(self.at(name)?)
    }

    /// What a name stands for. `None`: nothing.
    pub(crate) fn kind_of(&self, name: &[u8]) -> Option<Kind> {
        let there = std::fs::symlink_metadata(self.at(name).ok()?).ok()?;
        Some(kind(there.file_type()))
    }

    /// What there is under a name. `None`: nothing, or what goes with its last handle.
    pub(crate) fn look(&self, name: &[u8]) -> io::Result<Option<There>> {
        let mut looking = OpenOptions::new();
        looking
            .access_mode(FILE_READ_ATTRIBUTES)
            .share_mode(FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE)
            .custom_flags(FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT);
        let there = match looking.open(self.at(name)?) {
            Ok(there) => there,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            // It was deleted, and its name goes with the last handle: ours.
            Err(error) if error.raw_os_error() == Some(ERROR_DELETE_PENDING.cast_signed()) => {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let (identity, has_other_names) = about(&there)?;
        Ok(Some(There { kind: kind(there.metadata()?.file_type()), identity, has_other_names }))
    }

    /// Which directory it is.
    pub(crate) fn identity(&self) -> io::Result<Identity> {
        Ok(about(&self.handle)?.0)
    }

    /// When its entries were changed. It has no permission bits here: everybody may use it.
    pub(crate) fn attributes(&self) -> io::Result<(u16, SystemTime)> {
        Ok((0o777, self.handle.metadata()?.modified()?))
    }

    /// Gives it this time, unless it has it.
    pub(crate) fn set_attributes(&self, _: u16, modified: SystemTime) -> io::Result<()> {
        if self.attributes()?.1 == modified {
            return Ok(());
        }
        directory(FILE_WRITE_ATTRIBUTES).open(&self.path)?.set_modified(modified)
    }

    /// All names in it, in no order, and what they stood for when they were read.
    pub(crate) fn entries(&self) -> io::Result<Vec<(OsString, Kind)>> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(&self.path)? {
            let entry = entry?;
            found.push((entry.file_name(), kind(entry.file_type()?)));
        }
        Ok(found)
    }

    /// A file to read. What is not one, or a link, is an error.
    ///
    /// # Errors
    ///
    /// `InvalidInput`: it is no regular file.
    pub(crate) fn open_to_read(&self, name: &OsStr) -> io::Result<File> {
        let mut reading = OpenOptions::new();
        reading.read(true).custom_flags(FILE_FLAG_OPEN_REPARSE_POINT);
        // It was listed here, so it can be a name here.
        regular(reading.open(self.path.join(name))?)
    }

    /// Links of Windows are not sent: their targets have drives, and others than Windows could not follow them.
    #[expect(clippy::unused_self, reason = "elsewhere they are")]
    pub(crate) fn target_of(&self, _: &OsStr) -> io::Result<Vec<u8>> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "links are not sent from Windows"))
    }

    /// A new file to write and read, if there is nothing of that name. Nobody else can open it to write.
    pub(crate) fn create_new(&self, name: &[u8], _: u16) -> io::Result<File> {
        partial().create_new(true).open(self.at(name)?)
    }

    /// Files have no permission bits here.
    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "elsewhere it is found out")]
    pub(crate) fn creation_mask(&self, _: &[u8]) -> io::Result<u16> {
        Ok(0o777)
    }

    /// A file that is there, to write and read. Nobody else can open it to write.
    pub(crate) fn open_to_write(&self, name: &[u8]) -> io::Result<File> {
        partial().open(self.at(name)?)
    }

    /// A file that is there, to read and sync: FlushFileBuffers wants the right to write.
    pub(crate) fn open_to_keep(&self, name: &[u8]) -> io::Result<File> {
        partial().share_mode(FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE).open(self.at(name)?)
    }

    /// A partial is locked since it was opened; what it is remains to be seen.
    #[expect(clippy::unused_self, reason = "elsewhere the name is looked at once more")]
    pub(crate) fn lock(&self, _: &[u8], file: &File) -> io::Result<Locked> {
        let is_ours = file.metadata()?.is_file() && !about(file)?.1;
        Ok(if is_ours { Locked::Ours } else { Locked::NotOurs })
    }

    /// Whether a name still stands for this open file: who may delete may also delete a partial, as long as its handle lets
    /// us rename it.
    pub(crate) fn leads_to(&self, name: &[u8], file: &File) -> io::Result<bool> {
        let ours = about(file)?.0;
        Ok(self.look(name)?.is_some_and(|there| there.identity == ours))
    }

    /// Links are not made.
    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "elsewhere they are")]
    pub(crate) fn is_link_to(&self, _: &[u8], _: &[u8]) -> io::Result<bool> {
        Ok(false)
    }

    /// Whether a file could not be opened because another has it open to write.
    pub(crate) fn is_locked(error: &io::Error) -> bool {
        error.raw_os_error() == Some(ERROR_SHARING_VIOLATION.cast_signed())
    }

    /// Gives a file another name here, in place of what has it, and returns when that is on the disk.
    ///
    /// # Errors
    ///
    /// What is there has a name that only differs in its case, and may be another file of the same transfer.
    pub(crate) fn rename(&self, from: &[u8], to: &[u8]) -> io::Result<()> {
        self.refuse_same_name(to)?;
        adieu_os::rename_to_disk(&self.at(from)?, &self.at(to)?, true)
    }

    /// The same to a name that nothing has.
    ///
    /// # Errors
    ///
    /// `AlreadyExists`: something has it.
    pub(crate) fn rename_new(&self, from: &[u8], to: &[u8]) -> io::Result<()> {
        adieu_os::rename_to_disk(&self.at(from)?, &self.at(to)?, false)
    }

    pub(crate) fn remove(&self, name: &[u8]) -> io::Result<()> {
        std::fs::remove_file(self.at(name)?)
    }

    /// Removes an empty directory, if nobody has it open.
    pub(crate) fn remove_directory(&self, name: &[u8]) -> io::Result<()> {
        std::fs::remove_dir(self.at(name)?)
    }

    /// Links are not made: it takes a privilege, and programs here take few links from elsewhere.
    #[expect(clippy::unused_self, reason = "elsewhere they are")]
    pub(crate) fn link(&self, _: &[u8], _: &[u8]) -> io::Result<()> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "links are not received on Windows"))
    }

    /// A directory's names cannot be synced: [`rename`](Self::rename) returns when its own is.
    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "elsewhere they can")]
    pub(crate) fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    /// Fails if a name stands for what has another one: it differs in its case, or is the short name of a longer one.
    pub(crate) fn refuse_same_name(&self, name: &[u8]) -> io::Result<()> {
        let Some(there) = adieu_os::name_of_entry(&self.at(name)?) else { return Ok(()) };
        let asked = String::from_utf8_lossy(name).into_owned();
        if there == *asked {
            return Ok(());
        }
        let there = there.to_string_lossy().into_owned();
        Err(io::Error::new(io::ErrorKind::AlreadyExists, SameName { asked, there }))
    }
}

/// Opens a file to read, at a path that may have links.
///
/// # Errors
///
/// `InvalidInput`: it is no regular file.
pub(crate) fn open_to_read(path: &Path) -> io::Result<File> {
    regular(File::open(path)?)
}

fn regular(file: File) -> io::Result<File> {
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::ErrorKind::InvalidInput.into()) }
}

/// Which file it is, by its number on its volume, and whether it has more than one name.
pub(crate) fn about(file: &File) -> io::Result<(Identity, bool)> {
    let about = adieu_os::FileIdentity::of(file)?;
    Ok((Identity { device: about.volume.into(), number: about.number }, about.names > 1))
}

fn kind(told: FileType) -> Kind {
    if told.is_symlink() {
        Kind::Link
    } else if told.is_dir() {
        Kind::Directory
    } else if told.is_file() {
        Kind::File
    } else {
        Kind::Special
    }
}

/// How a directory is opened: itself and not what a link there leads to.
fn directory(access: u32) -> OpenOptions {
    let mut options = OpenOptions::new();
    options
        .access_mode(access)
        .share_mode(FILE_SHARE_READ | FILE_SHARE_WRITE)
        .custom_flags(FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT);
    options
}

/// How a partial is opened: itself, and for nobody else to write. Its name may be changed meanwhile, which we do.
fn partial() -> OpenOptions {
    let mut options = OpenOptions::new();
    options
        .read(true)
        .write(true)
        .share_mode(FILE_SHARE_READ | FILE_SHARE_DELETE)
        .custom_flags(FILE_FLAG_OPEN_REPARSE_POINT);
    options
}
