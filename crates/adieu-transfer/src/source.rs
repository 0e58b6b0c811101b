//! What is sent: files, directories entry by entry, streams, the output of a command, and a program's own sources.
//!
//! It looks at everything that the user named before anything is sent, and opens each file only when its turn comes. It
//! does not send: the [sender](crate::sender) asks for one entry after the other.

mod error;
mod given;
mod opened;
mod producer;
mod tree;

use crate::os::{self, Kind};
use crate::wire::{EntryPath, NameError, link_stays_inside};
pub use error::SourceError;
use error::shown_path;
pub use given::Source;
pub(crate) use opened::{Change, Opened, Place};
pub(crate) use producer::Producer;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::PathBuf;
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
        Ok(Self { named })
    }

    /// What a command writes to its stdout. It is sent as whole only if the command exits with status 0. `make` makes the
    /// command, anew for each attempt.
    ///
    /// # Errors
    ///
    /// None: the name that it has then is a good one.
    pub fn output_of(
        make: impl Fn() -> std::process::Command + Send + Sync + 'static,
    ) -> Result<Self, SourceError> {
        let path = EntryPath::new(OUTPUT_NAME.to_vec())?;
        Ok(Self { named: vec![Named { path, kind: SourceKind::Command(Producer::new(make)) }] })
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
    /// The name cannot be sent: see [`NameError`].
    pub fn of(name: &str, source: impl Source + 'static) -> Result<Self, SourceError> {
        Self { named: Vec::new() }.and(name, source)
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
        Entries { named: self.named.iter(), top: None, open: Vec::new() }
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

/// One entry.
#[derive(Debug)]
pub(crate) enum Entry {
    File { path: EntryPath, place: Place },
    Stream { path: EntryPath, place: Option<PathBuf> },
    Command { path: EntryPath, producer: Producer },
    Directory { path: EntryPath },
    Link { path: EntryPath, target: Vec<u8> },
}

/// The entries one after the other; of each directory on the way, the names that are left are held.
pub(crate) struct Entries<'a> {
    named: std::slice::Iter<'a, Named>,
    /// The directory that was named and is being sent, by its name there and its place here.
    top: Option<(EntryPath, Arc<Tree>)>,
    open: Vec<Open>,
}

struct Open {
    path: EntryPath,
    /// Below the directory that was named.
    place: PathBuf,
    /// Sorted, the last first; with the types that most file systems tell with them, which saves a call for each.
    names: Vec<(OsString, Kind)>,
}

impl Iterator for Entries<'_> {
    type Item = Result<Entry, SourceError>;

    fn next(&mut self) -> Option<Self::Item> {
        while let (Some(open), Some((top, tree))) = (self.open.last_mut(), &self.top) {
            let Some((name, kind)) = open.names.pop() else {
                self.open.pop();
                continue;
            };
            let (top, tree) = (top.clone(), Arc::clone(tree));
            let place = open.place.join(&name);
            let path = match os::bytes_of(name) {
                Ok(name) => open.path.join(&name).map_err(SourceError::from),
                Err(error) => Err(SourceError::new("send", &tree.shown(&place), error)),
            };
            return Some(path.and_then(|path| self.entry(&top, &tree, path, place, kind)));
        }
        let Named { path, kind } = self.named.next()?;
        let path = path.clone();
        Some(match kind {
            SourceKind::Stdin => Ok(Entry::Stream { path, place: None }),
            SourceKind::Command(producer) => Ok(Entry::Command { path, producer: producer.clone() }),
            SourceKind::File(place, _) => {
                Ok(Entry::File { path, place: Place::File(FilePlace::named(place.clone())) })
            }
            SourceKind::Given(place, _) => Ok(Entry::File { path, place: place.clone() }),
            SourceKind::Stream(place) => Ok(Entry::Stream { path, place: Some(place.clone()) }),
            SourceKind::Directory(tree) => {
                self.top = Some((path.clone(), Arc::clone(tree)));
                self.enter(tree, path, PathBuf::new())
            }
        })
    }
}

impl Entries<'_> {
    fn entry(
        &mut self,
        top: &EntryPath,
        tree: &Arc<Tree>,
        path: EntryPath,
        place: PathBuf,
        kind: Kind,
    ) -> Result<Entry, SourceError> {
        match kind {
            Kind::Directory => self.enter(tree, path, place),
            Kind::File => {
                Ok(Entry::File { path, place: Place::File(FilePlace::below(Arc::clone(tree), place)) })
            }
            Kind::Link => {
                let target = tree.target_of(&place)?;
                if !link_stays_inside(top, &path, &target) {
                    return Err(NameError::LinkOut { path: path.as_bytes().to_vec(), target }.into());
                }
                Ok(Entry::Link { path, target })
            }
            Kind::Special => Err(SourceError::words(format!(
                "{} is neither a file, a directory nor a link",
                shown_path(&tree.shown(&place))
            ))),
        }
    }

    fn enter(&mut self, tree: &Tree, path: EntryPath, place: PathBuf) -> Result<Entry, SourceError> {
        let mut names = tree.entries(&place)?;
        names.sort_unstable_by(|(a, _), (b, _)| b.cmp(a));
        self.open.push(Open { path: path.clone(), place, names });
        Ok(Entry::Directory { path })
    }
}
