//! What is sent: files, directories entry by entry, and streams.

use crate::os;
use crate::storage::plain;
use crate::wire::{EntryPath, NameError, link_stays_inside, shown};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{File, FileType, Metadata};
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The name of what comes from stdin, where the receiver wants one.
const STDIN_NAME: &[u8] = b"stdin";

/// Something that is to be sent cannot be.
#[derive(Debug, thiserror::Error)]
#[error("{words}")]
pub struct SourceError {
    words: String,
    #[source]
    source: Option<io::Error>,
}

impl SourceError {
    pub(crate) fn new(what: &str, path: &Path, error: io::Error) -> Self {
        let words = format!("cannot {what} {}: {}", shown_path(path), plain(&error));
        Self { words, source: Some(error) }
    }

    fn words(words: impl Into<String>) -> Self {
        Self { words: words.into(), source: None }
    }

    pub(crate) fn changed(path: &EntryPath) -> Self {
        Self::words(format!("{path} was changed while it was being sent"))
    }

    /// It ended before its size, which is still the same.
    pub(crate) fn shorter(path: &EntryPath, size: u64, end: u64) -> Self {
        Self::words(format!(
            "the size of {path} is given as {size} bytes, and it ended after {end}: if it is not on a disk, as in /sys, send it through stdin (-)"
        ))
    }

    pub(crate) fn into_io_error(self) -> Result<io::Error, Self> {
        match self.source {
            Some(error) => Ok(error),
            None => Err(self),
        }
    }

    /// The system's error. `None`: it was not the system that refused.
    pub fn io_error(&self) -> Option<&io::Error> {
        self.source.as_ref()
    }
}

impl From<NameError> for SourceError {
    fn from(error: NameError) -> Self {
        Self::words(error.to_string())
    }
}

/// Everything that is to be sent, looked at and not yet read.
#[derive(Debug)]
pub struct Sources {
    named: Vec<Named>,
}

#[derive(Debug)]
struct Named {
    path: EntryPath,
    place: Place,
}

#[derive(Debug)]
enum Place {
    Stdin,
    /// With its size, if that is known.
    File(PathBuf, Option<u64>),
    /// A pipe or device, read until its end.
    Stream(PathBuf),
    Directory(PathBuf),
}

impl Sources {
    /// Files, directories, and `-` for stdin. Links that are named are followed; in a directory they are sent as links.
    ///
    /// # Errors
    ///
    /// One is not there, has a name that cannot be sent, or two have the same.
    pub fn new<P: Into<PathBuf>>(paths: impl IntoIterator<Item = P>) -> Result<Self, SourceError> {
        let mut named = Vec::new();
        let mut taken = BTreeSet::new();
        for path in paths {
            let one = Named::new(path.into())?;
            if !taken.insert(one.path.clone()) {
                return Err(SourceError::words(format!("two of the files have the name {}", one.path)));
            }
            named.push(one);
        }
        if named.is_empty() {
            return Err(SourceError::words("nothing to send"));
        }
        Ok(Self { named })
    }

    /// Gives the one file, directory or stream another name; one with `/` in it is below directories, which the receiver makes.
    ///
    /// # Errors
    ///
    /// There is more than one, or the name cannot be sent.
    pub fn with_name(mut self, name: &[u8]) -> Result<Self, SourceError> {
        match &mut *self.named {
            [one] => one.path = EntryPath::new(name.to_vec())?,
            _ => return Err(SourceError::words("a name can be given to one file or directory only")),
        }
        Ok(self)
    }

    /// Exactly one file, and no directory.
    pub(crate) fn is_single(&self) -> bool {
        matches!(&*self.named, [Named { place: Place::Stdin | Place::File(..) | Place::Stream(_), .. }])
    }

    /// Whether all of it can be read a second time: stdin and pipes cannot.
    pub fn can_be_read_again(&self) -> bool {
        !self.named.iter().any(|n| matches!(n.place, Place::Stdin | Place::Stream(_)))
    }

    /// All content, if only files were named.
    pub(crate) fn bytes(&self) -> Option<u64> {
        self.named.iter().map(|n| if let Place::File(_, size) = n.place { size } else { None }).sum()
    }

    /// Looks at every entry of the directories: what cannot be sent, such as a socket or a link that leads out, is better
    /// found before anybody has half of it. Whether each file can be read is not looked at.
    ///
    /// A large tree takes long: `go_on` is asked before each entry. `Ok(false)`: it did not want to, and nothing is known of
    /// the rest.
    ///
    /// # Errors
    ///
    /// The first that cannot be sent.
    pub fn check(&self, go_on: &mut dyn FnMut() -> bool) -> Result<bool, SourceError> {
        for entry in self.entries() {
            if !go_on() {
                return Ok(false);
            }
            entry?;
        }
        Ok(true)
    }

    /// Every entry, in an order that is the same each time.
    pub(crate) fn entries(&self) -> Entries<'_> {
        Entries { named: self.named.iter(), open: Vec::new() }
    }
}

impl Named {
    fn new(path: PathBuf) -> Result<Self, SourceError> {
        if path.as_os_str() == "-" {
            return Ok(Self { path: EntryPath::new(STDIN_NAME.to_vec())?, place: Place::Stdin });
        }
        let there = std::fs::metadata(&path).map_err(|e| SourceError::new("send", &path, e))?;
        let name = match path.file_name() {
            Some(name) => name.to_owned(),
            // As in `.`, `..` or `dir/..`: the directory has a name elsewhere.
            None => std::fs::canonicalize(&path)
                .ok()
                .and_then(|p| p.file_name().map(OsString::from))
                .ok_or_else(|| SourceError::words(format!("{} has no name to send", shown_path(&path))))?,
        };
        let name = os::bytes_of(name).map_err(|e| SourceError::new("send", &path, e))?;
        let place = if there.is_dir() {
            Place::Directory(path)
        } else if there.is_file() {
            // Found out now, and not when somebody waits for it.
            let size = Opened::new(&path)?.size;
            Place::File(path, size)
        } else {
            Place::Stream(path)
        };
        Ok(Self { path: EntryPath::new(name)?, place })
    }
}

/// One entry.
#[derive(Debug)]
pub(crate) enum Entry {
    File { path: EntryPath, place: PathBuf },
    Stream { path: EntryPath, place: Option<PathBuf> },
    Directory { path: EntryPath },
    Link { path: EntryPath, target: Vec<u8> },
}

/// The entries one after the other; of each directory on the way, the names that are left are held.
pub(crate) struct Entries<'a> {
    named: std::slice::Iter<'a, Named>,
    open: Vec<Open>,
}

struct Open {
    path: EntryPath,
    place: PathBuf,
    /// Sorted, the last first; with the types that most file systems tell with them, which saves a call for each.
    names: Vec<(OsString, FileType)>,
}

impl Iterator for Entries<'_> {
    type Item = Result<Entry, SourceError>;

    fn next(&mut self) -> Option<Self::Item> {
        while let Some(open) = self.open.last_mut() {
            let Some((name, kind)) = open.names.pop() else {
                self.open.pop();
                continue;
            };
            let place = open.place.join(&name);
            let path = match os::bytes_of(name) {
                Ok(name) => open.path.join(&name).map_err(SourceError::from),
                Err(error) => Err(SourceError::new("send", &place, error)),
            };
            return Some(path.and_then(|path| self.entry(path, place, kind)));
        }
        let Named { path, place } = self.named.next()?;
        let path = path.clone();
        Some(match place {
            Place::Stdin => Ok(Entry::Stream { path, place: None }),
            Place::File(place, _) => Ok(Entry::File { path, place: place.clone() }),
            Place::Stream(place) => Ok(Entry::Stream { path, place: Some(place.clone()) }),
            Place::Directory(place) => self.enter(path, place.clone()),
        })
    }
}

impl Entries<'_> {
    fn entry(&mut self, path: EntryPath, place: PathBuf, kind: FileType) -> Result<Entry, SourceError> {
        if kind.is_dir() {
            return self.enter(path, place);
        }
        if kind.is_file() {
            return Ok(Entry::File { path, place });
        }
        if kind.is_symlink() {
            let target = os::target_of(&place).map_err(|e| SourceError::new("send the link", &place, e))?;
            if !link_stays_inside(&path, &target) {
                return Err(NameError::LinkOut { path: path.as_bytes().to_vec(), target }.into());
            }
            return Ok(Entry::Link { path, target });
        }
        Err(SourceError::words(format!("{} is neither a file, a directory nor a link", shown_path(&place))))
    }

    fn enter(&mut self, path: EntryPath, place: PathBuf) -> Result<Entry, SourceError> {
        let fail = |e| SourceError::new("list", &place, e);
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&place).map_err(fail)? {
            let entry = entry.map_err(fail)?;
            let kind = entry.file_type().map_err(|e| SourceError::new("send", &entry.path(), e))?;
            names.push((entry.file_name(), kind));
        }
        names.sort_unstable_by(|(a, _), (b, _)| b.cmp(a));
        self.open.push(Open { path: path.clone(), place, names });
        Ok(Entry::Directory { path })
    }
}

fn shown_path(path: &Path) -> String {
    shown(path.as_os_str().as_encoded_bytes())
}

/// A file that is being read, and what it was like when that began.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) file: File,
    /// `None`: the system gives it as 0, and there is something; it ends where reading ends.
    pub(crate) size: Option<u64>,
    pub(crate) mode: u16,
    /// It may have holes.
    pub(crate) is_sparse: bool,
    stamp: Stamp,
}

/// What changes when a file is written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    size: u64,
    modified: Option<SystemTime>,
    /// Nobody can set it back, as `modified` can be; but a new name or mode moves it too.
    inode: Option<(i64, i64)>,
}

/// What can be seen to have changed of a file since it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    Nothing,
    /// Only the time of its inode: who has its content alone can tell.
    Inode,
    Content,
}

impl Stamp {
    fn of(there: &Metadata) -> Self {
        Self { size: there.len(), modified: there.modified().ok(), inode: os::inode_changed(there) }
    }
}

impl Opened {
    pub(crate) fn new(place: &Path) -> Result<Self, SourceError> {
        let fail = |e| SourceError::new("read", place, e);
        let mut file = File::open(place).map_err(fail)?;
        let there = file.metadata().map_err(fail)?;
        if !there.is_file() {
            return Err(SourceError::words(format!("{} is no regular file any more", shown_path(place))));
        }
        let mut size = Some(there.len());
        // Files of /proc have no size and content all the same.
        if there.len() == 0 && file.read(&mut [0]).map_err(fail)? > 0 {
            file.rewind().map_err(fail)?;
            size = None;
        }
        Ok(Self {
            size,
            mode: os::permissions(&there),
            is_sparse: os::is_sparse(&there),
            stamp: Stamp::of(&there),
            file,
        })
    }

    /// Whether it was written to since it was opened.
    pub(crate) fn change(&self) -> Change {
        match self.file.metadata().map(|there| Stamp::of(&there)) {
            Ok(now) if now == self.stamp => Change::Nothing,
            Ok(now) if (Stamp { inode: self.stamp.inode, ..now }) == self.stamp => Change::Inode,
            _ => Change::Content,
        }
    }
}
