//! The entries of what is sent, one after the other, without those that are left out.

use super::tree::{FilePlace, Tree};
use super::{Named, Place, Producer, SourceError, SourceKind, shown_path};
use crate::os::{self, Kind};
use crate::wire::{EntryPath, NameError, link_stays_inside};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;
use std::{fmt, io};

/// Whether an entry is excluded: asked with its path below the directory that was named, and whether it is a directory.
type IsExcluded = dyn Fn(&Path, bool) -> bool + Send + Sync;

/// What of the directories is left out.
#[derive(Default)]
pub(super) struct Omit {
    pub(super) excluded: Option<Box<IsExcluded>>,
    /// What cannot be sent is left out. Otherwise it is an error.
    pub(super) skips_special: bool,
}

impl fmt::Debug for Omit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Omit").field("skips_special", &self.skips_special).finish_non_exhaustive()
    }
}

/// One entry.
#[derive(Debug)]
pub(crate) enum Entry {
    File { path: EntryPath, place: Place },
    Stream { path: EntryPath, place: Option<PathBuf> },
    Command { path: EntryPath, producer: Producer },
    Directory { path: EntryPath, place: DirectoryPlace },
    Link { path: EntryPath, target: Vec<u8> },
    Omitted(Omitted),
}

/// Where a directory is.
#[derive(Debug)]
pub(crate) struct DirectoryPlace {
    tree: Arc<Tree>,
    place: PathBuf,
}

impl DirectoryPlace {
    /// Its permission bits, and when its entries were changed.
    pub(crate) fn attributes(&self) -> Result<(u16, SystemTime), SourceError> {
        self.tree.attributes_of(&self.place)
    }
}

/// An entry that is not sent.
#[derive(Debug)]
pub(crate) struct Omitted {
    /// Where it is, for people.
    pub(crate) place: String,
    /// Why it cannot be sent. `None`: the user does not want it to be.
    pub(crate) why: Option<SourceError>,
}

/// The entries one after the other; of each directory on the way, the names that are left are held.
pub(crate) struct Entries<'a> {
    named: std::slice::Iter<'a, Named>,
    omit: &'a Omit,
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
            if self.omit.excluded.as_ref().is_some_and(|is| is(&place, kind == Kind::Directory)) {
                let place = shown_path(&tree.shown(&place));
                return Some(Ok(Entry::Omitted(Omitted { place, why: None })));
            }
            let path = match os::bytes_of(name) {
                Ok(name) => open.path.join(&name).map_err(|error| Failed::CannotBeSent(error.into())),
                Err(error) => Err(Failed::CannotBeSent(SourceError::new("send", &tree.shown(&place), error))),
            };
            return Some(match path.and_then(|path| self.entry(&top, &tree, path, &place, kind)) {
                Ok(entry) => Ok(entry),
                Err(Failed::CannotBeSent(why)) if self.omit.skips_special => {
                    let place = shown_path(&tree.shown(&place));
                    Ok(Entry::Omitted(Omitted { place, why: Some(why) }))
                }
                Err(Failed::CannotBeSent(error) | Failed::CannotLook(error)) => Err(error),
            });
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

impl<'a> Entries<'a> {
    pub(super) fn new(named: &'a [Named], omit: &'a Omit) -> Self {
        Self { named: named.iter(), omit, top: None, open: Vec::new() }
    }

    /// What stands there.
    fn entry(
        &mut self,
        top: &EntryPath,
        tree: &Arc<Tree>,
        path: EntryPath,
        place: &Path,
        kind: Kind,
    ) -> Result<Entry, Failed> {
        match kind {
            Kind::Directory => self.enter(tree, path, place.to_owned()).map_err(Failed::CannotLook),
            Kind::File => {
                let place = Place::File(FilePlace::below(Arc::clone(tree), place.to_owned()));
                Ok(Entry::File { path, place })
            }
            Kind::Link => match tree.target_of(place) {
                Ok(target) if link_stays_inside(top, &path, &target) => Ok(Entry::Link { path, target }),
                Ok(target) => {
                    let error = NameError::LinkOut { path: path.as_bytes().to_vec(), target };
                    Err(Failed::CannotBeSent(error.into()))
                }
                // Links are not sent from Windows.
                Err(error) if error.io_error().is_some_and(|e| e.kind() == io::ErrorKind::Unsupported) => {
                    Err(Failed::CannotBeSent(error))
                }
                Err(error) => Err(Failed::CannotLook(error)),
            },
            Kind::Special => {
                let words =
                    format!("{} is neither a file, a directory nor a link", shown_path(&tree.shown(place)));
                Err(Failed::CannotBeSent(SourceError::words(words)))
            }
        }
    }

    fn enter(&mut self, tree: &Arc<Tree>, path: EntryPath, place: PathBuf) -> Result<Entry, SourceError> {
        let mut names = tree.entries(&place)?;
        names.sort_unstable_by(|(a, _), (b, _)| b.cmp(a));
        self.open.push(Open { path: path.clone(), place: place.clone(), names });
        Ok(Entry::Directory { path, place: DirectoryPlace { tree: Arc::clone(tree), place } })
    }
}

/// Why there is no entry.
enum Failed {
    /// It can never be sent, whatever the system says of it.
    CannotBeSent(SourceError),
    /// It cannot be looked at.
    CannotLook(SourceError),
}
