//! Where the receiver's output goes: a stream, a directory, or a name that is new. It is what stood under the user's path
//! when the transfer began.

use super::StorageError;
use super::directories::Directories;
use crate::os::Kind;
use crate::wire::{EntryPath, shown};
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

#[derive(Debug)]
pub(super) enum Destination {
    /// Written through, and never stored.
    Stream(File),
    /// A name under which there was no directory.
    New(Box<New>),
    /// A directory: everything goes below it under its own name.
    Tree(Box<Directories>),
}

/// A name in a directory: that of one file, or of a directory that is made when it is needed.
#[derive(Debug)]
pub(super) struct New {
    parent: Directories,
    name: OsString,
    path: PathBuf,
    /// It is written as that of a directory.
    is_directory: bool,
    /// The directory of that name, made for the transfer that is under way.
    made: Option<Directories>,
}

impl Destination {
    pub(super) fn at(path: &Path) -> Result<Self, StorageError> {
        let shown = shown(path.as_os_str().as_encoded_bytes());
        match std::fs::metadata(path) {
            Ok(there) if there.is_dir() => return Ok(Self::Tree(Box::new(Directories::open(path)?))),
            Ok(there) if !there.is_file() => {
                return Err(StorageError::new(format!("{shown} is neither a file nor a directory")));
            }
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(StorageError::system(&format!("cannot use {shown}"), error));
            }
            _ => {}
        }
        let parent = Directories::open(parent_of(path))?;
        let Some(name) = path.file_name() else {
            return Err(StorageError::new(format!("{shown} is no name for a file")));
        };
        let (name, path, is_directory) = (name.to_owned(), path.to_owned(), ends_as_directory(path));
        Ok(Self::New(Box::new(New { parent, name, path, is_directory, made: None })))
    }

    /// The directories that there are. `None`: it is a stream.
    pub(super) fn tree(&mut self) -> Option<&mut Directories> {
        match self {
            Self::New(new) => Some(new.made.as_mut().unwrap_or(&mut new.parent)),
            Self::Tree(tree) => Some(tree),
            Self::Stream(_) => None,
        }
    }

    /// Where an entry of the transfer goes: directory and name, in the tree.
    pub(super) fn location<'a>(&'a self, path: &'a EntryPath) -> (&'a [u8], &'a [u8]) {
        match self {
            Self::New(new) if new.made.is_none() => (&[], new.name.as_encoded_bytes()),
            Self::Stream(_) => (&[], &[]),
            Self::Tree(_) | Self::New(_) => path.split(),
        }
    }

    /// A transfer begins: one file, or a tree.
    pub(super) fn begin(&mut self, single: bool) -> Result<(), StorageError> {
        match self {
            Self::Stream(_) if !single => Err(StorageError::new(
                "a directory, or more than one file, is sent, and the output is one stream",
            )),
            Self::Stream(_) | Self::Tree(_) => Ok(()),
            Self::New(new) => new.begin(single),
        }
    }
}

impl New {
    fn begin(&mut self, single: bool) -> Result<(), StorageError> {
        // The one of an earlier transfer may be there no more.
        self.made = None;
        if single && !self.is_directory {
            return Ok(());
        }
        if self.parent.kind_of(&self.name) == Some(Kind::File) {
            let shown = shown(self.path.as_os_str().as_encoded_bytes());
            return Err(StorageError::new(format!(
                "a directory, or more than one file, is sent, and {shown} is a file"
            )));
        }
        self.made = Some(self.parent.create(&self.name, &self.path)?);
        Ok(())
    }
}

/// The directory that a path is in.
fn parent_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Whether a path is written as that of a directory.
fn ends_as_directory(path: &Path) -> bool {
    path.as_os_str().as_encoded_bytes().last().is_some_and(|b| std::path::is_separator(char::from(*b)))
}
