//! What is sent: files, directories entry by entry, streams, the output of a command, and a program's own sources.
//!
//! It looks at everything that the user named before anything is sent, and opens each file only when its turn comes. It
//! does not send: the [sender](crate::sender) asks for one entry after the other.

mod entries;
mod error;
mod given;
mod listed;
mod opened;
mod producer;
mod tree;

use crate::os;
use crate::wire::EntryPath;
use entries::{Entries, Omit};
pub(crate) use entries::{Entry, Omitted};
pub use error::SourceError;
use error::shown_path;
pub use given::Source;
pub use listed::{Listed, ListedFile};
pub(crate) use opened::{Change, Opened, Place};
pub(crate) use producer::Producer;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tree::{FilePlace, Tree};

/// The name that the output of a command has, if none is given.
const OUTPUT_NAME: &[u8] = b"output";
/// The name of what comes from stdin, where the receiver wants one.
const STDIN_NAME: &[u8] = b"stdin";

/// Everything that is to be sent, looked at and not yet read.
#[derive(Debug)]
pub struct Sources {
    named: Vec<Named>,
    omit: Omit,
}

#[derive(Debug)]
struct Named {
    path: EntryPath,
    kind: SourceKind,
}

/// What stands under a name that the user gave.
#[derive(Debug)]
enum SourceKind {
    Stdin,
    /// With its size, if that is known.
    File(PathBuf, Option<u64>),
    /// A pipe or device, read until its end.
    Stream(PathBuf),
    Directory(Arc<Tree>),
    /// What it writes to its stdout.
    Command(Producer),
    /// A program's own source, with its size if that is known.
    Given(Place, Option<u64>),
}

impl Sources {
    /// Files, directories, and `-` for stdin. Links that are named are followed; in a directory they are sent as links, and
    /// nothing that has become one is read.
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
                return Err(two_of(&one.path));
            }
            named.push(one);
        }
        if named.is_empty() {
            return Err(SourceError::words("nothing to send"));
        }
        Ok(Self { named, omit: Omit::default() })
    }

    /// What a command writes to its stdout. It is sent as whole only if the command exits with status 0. `make` makes the
    /// command, once for each attempt.
    ///
    /// # Errors
    ///
    /// None: the name that it has then is a good one.
    pub fn output_of(
        make: impl Fn() -> std::process::Command + Send + Sync + 'static,
    ) -> Result<Self, SourceError> {
        let path = EntryPath::new(OUTPUT_NAME.to_vec())?;
        let named = vec![Named { path, kind: SourceKind::Command(Producer::new(make)) }];
        Ok(Self { named, omit: Omit::default() })
    }

    /// The content of a program's own [`Source`], under this name. With `/` in it, it is below directories, which the receiver
    /// makes.
    ///
    /// ```
    /// use adieu_transfer::Sources;
    ///
    /// let sources = Sources::of("notes/today.txt", b"all is well".to_vec())?.and("notes/empty", Vec::new())?;
    /// assert!(sources.can_be_read_again());
    /// # Ok::<(), adieu_transfer::SourceError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The name cannot be sent: see [`NameError`](crate::NameError).
    pub fn of(name: &str, source: impl Source + 'static) -> Result<Self, SourceError> {
        Self { named: Vec::new(), omit: Omit::default() }.and(name, source)
    }

    /// Adds the content of another source.
    ///
    /// # Errors
    ///
    /// The name cannot be sent, or there is one of that name.
    pub fn and(mut self, name: &str, source: impl Source + 'static) -> Result<Self, SourceError> {
        let path = EntryPath::new(name.into())?;
        if self.named.iter().any(|named| named.path == path) {
            return Err(two_of(&path));
        }
        let size = source.size();
        self.named.push(Named { path, kind: SourceKind::Given(Place::Given(Arc::new(source)), size) });
        Ok(self)
    }

    /// Leaves out what this says of the entries of the directories that were named: it is given the path below the named
    /// directory, and whether it is a directory. Of a directory that is left out nothing is looked at. It is asked for each entry
    /// once per attempt.
    ///
    /// ```
    /// use adieu_transfer::Sources;
    ///
    /// # let place = tempfile::tempdir()?;
    /// # std::fs::create_dir(place.path().join("project"))?;
    /// let sources = Sources::new([place.path().join("project")])?
    ///     .excluding(|path, is_directory| is_directory && path.ends_with("target"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn excluding(mut self, is_excluded: impl Fn(&Path, bool) -> bool + Send + Sync + 'static) -> Self {
        self.omit.excluded = Some(Box::new(is_excluded));
        self
    }

    /// Leaves out what cannot be sent of the directories that were named, where it would be an error: a FIFO, a socket, a device, a
    /// link that leads out, and a name that cannot be sent. The verdict is then at best [`InPart`](crate::Verdict::InPart).
    #[must_use]
    pub fn skipping_special(mut self) -> Self {
        self.omit.skips_special = true;
        self
    }

    /// Whether stdin is sent.
    pub fn has_stdin(&self) -> bool {
        self.named.iter().any(|n| matches!(n.kind, SourceKind::Stdin))
    }

    /// The name of what is sent, if it is one file, directory or stream.
    pub fn name(&self) -> Option<String> {
        if let [one] = &*self.named { Some(one.path.to_string()) } else { None }
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
        matches!(
            &*self.named,
            [Named {
                kind: SourceKind::Stdin
                    | SourceKind::File(..)
                    | SourceKind::Stream(_)
                    | SourceKind::Command(_)
                    | SourceKind::Given(..),
                ..
            }]
        )
    }

    /// Whether all of it can be read a second time: stdin and pipes cannot.
    pub fn can_be_read_again(&self) -> bool {
        self.named.iter().all(|named| match &named.kind {
            SourceKind::Stdin | SourceKind::Stream(_) | SourceKind::Command(_) => false,
            SourceKind::File(..) | SourceKind::Directory(_) => true,
            SourceKind::Given(place, _) => place.can_be_read_again(),
        })
    }

    /// All content, if only files were named.
    pub(crate) fn bytes(&self) -> Option<u64> {
        let size = |named: &Named| match named.kind {
            SourceKind::File(_, size) | SourceKind::Given(_, size) => size,
            _ => None,
        };
        self.named.iter().map(size).try_fold(0u64, |sum, size| sum.checked_add(size?))
    }

    /// Every entry, in an order that is the same each time.
    pub(crate) fn entries(&self) -> Entries<'_> {
        Entries::new(&self.named, &self.omit)
    }
}

fn two_of(path: &EntryPath) -> SourceError {
    SourceError::words(format!("two of the files have the name {path}"))
}

impl Named {
    fn new(path: PathBuf) -> Result<Self, SourceError> {
        if path.as_os_str() == "-" {
            return Ok(Self { path: EntryPath::new(STDIN_NAME.to_vec())?, kind: SourceKind::Stdin });
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
        let kind = if there.is_dir() {
            let tree = Tree::open(&path).map_err(|e| SourceError::new("list", &path, e))?;
            SourceKind::Directory(Arc::new(tree))
        } else if there.is_file() {
            // Found out now, and not when somebody waits for it.
            let size = Opened::file(&FilePlace::named(path.clone()))?.size;
            SourceKind::File(path, size)
        } else {
            SourceKind::Stream(path)
        };
        Ok(Self { path: EntryPath::new(name)?, kind })
    }
}
