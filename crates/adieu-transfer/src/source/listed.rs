//! What would be sent, entry by entry, without sending it.

use super::{Entry, Omitted, Opened, Place, SourceError, Sources};
use crate::wire::EntryPath;

/// An entry of [`Sources`], as [`Sources::list`] shows it.
#[derive(Debug)]
pub enum Listed {
    /// A file, or a program's own source.
    File(ListedFile),
    /// What is read until its end: stdin, a pipe, the output of a command. Its size is not known.
    Stream {
        /// Its name at the receiver.
        path: EntryPath,
    },
    /// A directory.
    Directory {
        /// Its name at the receiver.
        path: EntryPath,
    },
    /// A symbolic link, which is sent as a link.
    Link {
        /// Its name at the receiver.
        path: EntryPath,
        /// Where it points to.
        target: Vec<u8>,
    },
    /// It is not sent, nor what is below it if it is a directory, because it is [excluded](Sources::excluding).
    Excluded {
        /// Where it is here, for people.
        place: String,
    },
    /// It cannot be sent, and is [skipped](Sources::skipping_special).
    Skipped {
        /// Where it is here, for people.
        place: String,
        /// Why it cannot be sent.
        why: SourceError,
    },
}

/// A file that would be sent.
#[derive(Debug)]
pub struct ListedFile {
    path: EntryPath,
    place: Place,
}

impl ListedFile {
    /// Its name at the receiver.
    pub fn path(&self) -> &EntryPath {
        &self.path
    }

    /// Opens it as a sender does, and gives its size in bytes. `None`: only reading tells it, as in `/proc`.
    ///
    /// # Errors
    ///
    /// It cannot be read.
    pub fn size(&self) -> Result<Option<u64>, SourceError> {
        Ok(Opened::new(&self.place, &self.path)?.size)
    }
}

impl From<Entry> for Listed {
    fn from(entry: Entry) -> Self {
        match entry {
            Entry::File { path, place } => Self::File(ListedFile { path, place }),
            Entry::Stream { path, .. } | Entry::Command { path, .. } => Self::Stream { path },
            Entry::Directory { path, .. } => Self::Directory { path },
            Entry::Link { path, target } => Self::Link { path, target },
            Entry::Omitted(Omitted { place, why: None }) => Self::Excluded { place },
            Entry::Omitted(Omitted { place, why: Some(why) }) => Self::Skipped { place, why },
        }
    }
}

impl Sources {
    /// The same as [`list`](Self::list), for a caller that wants to know only whether everything can be sent.
    ///
    /// # Errors
    ///
    /// The first entry that cannot be sent.
    pub fn check(&self, go_on: &mut dyn FnMut() -> bool) -> Result<bool, SourceError> {
        self.list(&mut |_| Ok(go_on()))
    }

    /// Looks at every entry of the directories, in the order in which they are sent: what cannot be sent, such as a socket or a
    /// link that leads out, is better found before anybody has half of it. Whether a file can be read, [`ListedFile::size`] tells.
    ///
    /// A large tree takes long: `see` is given each entry, and says whether to go on. `Ok(false)`: it did not want to, and
    /// nothing is known of the rest.
    ///
    /// # Errors
    ///
    /// The first entry that cannot be sent, unless such are [skipped](Self::skipping_special), or an error of `see`.
    pub fn list(
        &self,
        see: &mut dyn FnMut(Listed) -> Result<bool, SourceError>,
    ) -> Result<bool, SourceError> {
        for entry in self.entries() {
            if !see(entry?.into())? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
