//! What of the output stands for a name of this transfer: two names are never to stand for one file.
//!
//! A file system may take two names for one: it folds their case or their Unicode forms, has short names, or one of its
//! directories is mounted over another. Nobody else can tell, so it is found out by where each name leads. Mostly that is
//! told by the number of a file. Some file systems number their names and not their files, such as exFAT through FUSE. So of
//! names that may be one to some file system it is looked whether each has an entry of its own.
//!
//! For an entry this holds a few numbers of 64 bits only, so that a transfer may have millions.

use super::StorageError;
use super::partial::{Spot, below, original_of};
use crate::os::{Directory, Identity, There};
use std::collections::hash_map::{Entry, RandomState};
use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::hash::BuildHasher;
use std::io;
use unicode_normalization::UnicodeNormalization;

#[derive(Debug, Default)]
pub(super) struct Taken {
    /// Its key is secret, so that nobody can make two things that are equal here.
    hasher: RandomState,
    /// Files and links.
    files: HashSet<u64>,
    /// Directories, with the path by which they were reached.
    directories: HashMap<u64, u64>,
    /// Of files that were there already, whole, and have more than one name: the names that this transfer uses.
    linked: HashMap<u64, Vec<Kept>>,
    /// Names as a file system may fold them, each with the name that was first.
    names: HashMap<u64, u64>,
    /// Names that are not the first of those that may be folded to one.
    later: HashSet<u64>,
    /// The entries of the directory in which a partial was looked for last, and the hash of its path.
    listed: Option<(u64, HashSet<u64>)>,
}

/// A name of this transfer under which a file was there already.
#[derive(Debug, PartialEq, Eq)]
struct Kept {
    parent: Box<[u8]>,
    name: Box<[u8]>,
}

impl Kept {
    fn is(&self, spot: Spot<'_>) -> bool {
        (&*self.parent, &*self.name) == (spot.parent, spot.name)
    }
}

/// The most names of a transfer, so that its memory has a bound: they take less than 800 MB then. A test takes less.
pub(in crate::storage) const NAMES_LIMIT: usize = if cfg!(test) { 3000 } else { 14_000_000 };

/// What is known of a name that comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Name {
    New,
    /// There are too many.
    TooMany,
    /// It came before.
    Again,
    /// Another came that some file systems take for the same.
    Alike,
}

impl Taken {
    /// Another transfer begins.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// A name is this transfer's from here on.
    pub(super) fn add_name(&mut self, parent: &[u8], name: &[u8]) -> Name {
        let exact = self.exact(parent, name);
        let is_full = self.names.len() + self.later.len() >= NAMES_LIMIT;
        match self.names.entry(self.hasher.hash_one((parent, fold(name)))) {
            Entry::Vacant(_) if is_full => Name::TooMany,
            Entry::Vacant(entry) => {
                entry.insert(exact);
                Name::New
            }
            Entry::Occupied(first) if *first.get() == exact || self.later.contains(&exact) => Name::Again,
            Entry::Occupied(_) if is_full => Name::TooMany,
            Entry::Occupied(_) => {
                self.later.insert(exact);
                Name::Alike
            }
        }
    }

    fn exact(&self, parent: &[u8], name: &[u8]) -> u64 {
        self.hasher.hash_one((parent, name))
    }

    /// Whether another name came before that some file systems take for the same.
    fn is_later(&self, spot: Spot<'_>) -> bool {
        !self.later.is_empty() && self.later.contains(&self.exact(spot.parent, spot.name))
    }

    /// A file or link is this transfer's from here on.
    pub(super) fn add(&mut self, identity: Identity) {
        self.files.insert(self.hasher.hash_one(identity));
    }

    /// A file that was this transfer's is no more.
    pub(super) fn forget(&mut self, identity: Identity) {
        self.files.remove(&self.hasher.hash_one(identity));
    }

    /// A file that was there is to stand for this name.
    pub(super) fn add_kept(&mut self, spot: Spot<'_>, identity: Identity, has_other_names: bool) {
        let key = self.hasher.hash_one(identity);
        self.files.insert(key);
        if has_other_names {
            self.linked
                .entry(key)
                .or_default()
                .push(Kept { parent: spot.parent.into(), name: spot.name.into() });
        }
    }

    /// A directory is used under this path. `false`: it was under another.
    pub(super) fn add_directory(&mut self, identity: Identity, path: &[u8], is_new: bool) -> bool {
        let (key, path) = (self.hasher.hash_one(identity), self.hasher.hash_one(path));
        if is_new {
            // Whatever had its number before is gone.
            self.directories.insert(key, path);
            return true;
        }
        *self.directories.entry(key).or_insert(path) == path
    }

    /// Refuses a name that leads to what stands for another name of this transfer. `there` is what it leads to; `pending` are the
    /// names in the same directory that have no entry yet.
    pub(super) fn refuse<'a>(
        &self,
        spot: Spot<'_>,
        there: &There,
        pending: impl FnOnce() -> Pending<'a>,
    ) -> Result<(), StorageError> {
        if !self.files.contains(&self.hasher.hash_one(there.identity)) && !self.is_later(spot) {
            return Ok(());
        }
        let pending = &pending();
        let other = match pending.with(there.identity) {
            Some(other) => Some(other.to_vec()),
            None if self.is_free(spot, there)
                && (!self.is_later(spot) || self.stands_apart(spot, pending)) =>
            {
                return Ok(());
            }
            None => other_name(spot, there.identity, pending),
        };
        Err(same_file(spot, other.as_deref()))
    }

    /// Refuses a partial that is another name's of this transfer. Only a file system that takes two names for one has such.
    pub(super) fn refuse_partial<'a>(
        &mut self,
        spot: Spot<'_>,
        partial: &[u8],
        pending: impl FnOnce() -> Pending<'a>,
    ) -> Result<(), StorageError> {
        let looked = spot.directory.look(partial);
        let Some(there) = looked.map_err(|e| cannot_look(spot, e))? else { return Ok(()) };
        let is_used = self.files.contains(&self.hasher.hash_one(there.identity));
        let parent = self.hasher.hash_one(spot.parent);
        // A partial is made under a name that is looked for but once, so what had an entry of its own then has it still. There may
        // be thousands of them, and each would list all.
        if let Some((_, entries)) = self.listed.as_ref().filter(|(listed, _)| *listed == parent && !is_used)
            && entries.contains(&self.hasher.hash_one(partial))
        {
            return Ok(());
        }
        let entries = entries_of(spot.directory, spot)?;
        let hashes = entries.iter().map(|entry| self.hasher.hash_one(&**entry)).collect();
        self.listed = Some((parent, hashes));
        let folded = fold(partial);
        let alike = entries.iter().find(|entry| *entry != partial && fold(entry) == folded);
        let other = alike.and_then(|entry| original_of(entry));
        if is_used {
            return Err(same_file(spot, pending().with(there.identity).or(other)));
        }
        if entries.iter().any(|entry| entry == partial) {
            return Ok(());
        }
        match alike {
            // It was left by a transfer of another name.
            Some(_) if !self.is_later(spot) => Ok(()),
            Some(_) => Err(same_file(spot, other)),
            // What is there cannot be told, so it may be one of those.
            None if pending().0.is_empty() => Ok(()),
            None => Err(same_file(spot, None)),
        }
    }

    /// Whether what is there stands for no other name of this transfer, as far as its number tells.
    fn is_free(&self, spot: Spot<'_>, there: &There) -> bool {
        let key = self.hasher.hash_one(there.identity);
        if !self.files.contains(&key) {
            return true;
        }
        let Some(names) = self.linked.get(&key).filter(|_| there.has_other_names) else { return false };
        // Hard links: each of the names must have an entry of its own.
        let Ok(entries) = entries_of(spot.directory, spot) else { return false };
        let is_entry = |name: &[u8]| entries.iter().any(|entry| entry == name);
        let mut here = names.iter().filter(|kept| *kept.parent == *spot.parent);
        is_entry(spot.name) && here.all(|kept| !kept.is(spot) && is_entry(&kept.name))
    }

    /// Whether this name and those before it that may be folded to the same have an entry each, or will have.
    pub(super) fn stands_apart(&self, spot: Spot<'_>, pending: &Pending<'_>) -> bool {
        let Ok(entries) = entries_of(spot.directory, spot) else { return false };
        let is_entry = |name: &[u8]| entries.iter().any(|entry| entry == name);
        let leads = |name: &[u8]| !matches!(spot.directory.look(name), Ok(None));
        let is_apart = |name: &[u8]| is_entry(name) || !leads(name);
        if !is_apart(spot.name) || !pending.alike(spot.name).all(is_apart) {
            return false;
        }
        if !is_entry(spot.name) {
            return true;
        }
        // The first of them must not have come to stand under this one's entry.
        let first = self.names.get(&self.hasher.hash_one((spot.parent, fold(spot.name))));
        let is_first = |name: &[u8]| first == Some(&self.exact(spot.parent, name));
        pending.alike(spot.name).any(is_first) || entries.iter().any(|entry| is_first(entry))
    }
}

/// The name by which something of this transfer is known that stands under this name too.
fn other_name(spot: Spot<'_>, identity: Identity, pending: &Pending<'_>) -> Option<Vec<u8>> {
    if let Some(other) = pending.alike(spot.name).next() {
        return Some(other.to_vec());
    }
    let folded = fold(spot.name);
    let is_it = |name: &[u8]| {
        let there = spot.directory.look(name).ok().flatten();
        fold(name) == folded || there.is_some_and(|there| there.identity == identity)
    };
    let entries = entries_of(spot.directory, spot).unwrap_or_default();
    let other = entries.iter().find(|name| **name != spot.name && is_it(name))?;
    Some(original_of(other).unwrap_or(other).to_vec())
}

/// Names of this transfer in one directory that have no entry yet: they wait for it, or were offered.
#[derive(Debug, Default)]
pub(super) struct Pending<'a>(Vec<(&'a [u8], Option<Identity>)>);

impl<'a> Pending<'a> {
    pub(super) fn new(names: impl Iterator<Item = (&'a [u8], Option<Identity>)>) -> Self {
        Self(names.collect())
    }

    fn with(&self, identity: Identity) -> Option<&'a [u8]> {
        self.0.iter().find(|(_, is)| *is == Some(identity)).map(|(name, _)| *name)
    }

    /// Those that may be folded to the same as this one.
    fn alike(&self, name: &[u8]) -> impl Iterator<Item = &'a [u8]> {
        let folded = fold(name);
        self.0.iter().map(|(other, _)| *other).filter(move |other| *other != name && fold(other) == folded)
    }
}

/// Whether some file system takes two names for one.
pub(super) fn may_be_one(a: &[u8], b: &[u8]) -> bool {
    fold(a) == fold(b)
}

/// What any file system may make of a name so that it finds another: neither case nor composition counts. One that folds less
/// is asked what it does.
fn fold(name: &[u8]) -> Vec<u8> {
    match str::from_utf8(name) {
        Ok(text) if text.is_ascii() => name.to_ascii_uppercase(),
        Ok(text) => {
            let upper: String = text.nfd().flat_map(char::to_uppercase).collect();
            upper.nfd().collect::<String>().into_bytes()
        }
        Err(_) => name.to_ascii_uppercase(),
    }
}

fn entries_of(directory: &Directory, spot: Spot<'_>) -> Result<Vec<Vec<u8>>, StorageError> {
    let entries = directory.entries().map_err(|e| cannot_look(spot, e))?;
    Ok(entries.into_iter().map(|(name, _)| OsString::into_encoded_bytes(name)).collect())
}

pub(super) fn cannot_look(spot: Spot<'_>, error: io::Error) -> StorageError {
    StorageError::system(&format!("cannot create {}", below(spot.parent, spot.name)), error)
}

pub(in crate::storage) fn too_many() -> StorageError {
    let words =
        format!("there are more than {NAMES_LIMIT} names, the most of one transfer: send them in several");
    StorageError::refused(words)
}

pub(super) fn sent_twice(spot: Spot<'_>) -> StorageError {
    StorageError::refused(format!("{} was sent twice", below(spot.parent, spot.name)))
}

/// Two names stand for one file. `other` is the first, if it is known.
fn same_file(spot: Spot<'_>, other: Option<&[u8]>) -> StorageError {
    let name = below(spot.parent, spot.name);
    StorageError::new(match other.filter(|other| *other != spot.name) {
        Some(other) => {
            let other = below(spot.parent, other);
            format!("{other} and {name} are one name on this file system, so one would replace the other")
        }
        None => {
            format!(
                "{name} and another of this transfer are one name on this file system, so one would replace the other"
            )
        }
    })
}

/// Two paths stand for one directory. `other` is the first, if it is known.
pub(super) fn same_directory(parent: &[u8], name: &[u8], other: Option<&[u8]>) -> StorageError {
    let other =
        other.map_or_else(|| "another directory of this transfer".to_owned(), |other| below(parent, other));
    let name = below(parent, name);
    StorageError::new(format!("{other} and {name} are one directory on this file system, and two are sent"))
}
