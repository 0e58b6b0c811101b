//! Where a receiver keeps what comes: partials, and the way from a partial to the final name.
//!
//! A file is written to a partial beside its name. [`Storage::commit`] syncs what is whole, renames it, and syncs the
//! names; only then anything may be called stored. Nothing here follows a link inside the target, and nothing is removed
//! but partials.

mod commit;
mod directories;
mod incoming;
mod partial;
mod syncer;

use crate::Step;
use crate::os;
use crate::wire::{EntryPath, Have, HaveState};
pub(crate) use commit::{Awaited, Wanted};
use commit::{Sync, Waiting, What};
use directories::Directories;
pub(crate) use incoming::Incoming;
use partial::{Found, Open, Spot};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use syncer::NotSynced;

/// How many whole files may wait for their sync and rename, at most: so that memory has a bound, and small files share a sync.
/// Each holds a descriptor, whose lock keeps another receiver from taking the partial over before it has its name.
const WAITING_FILES: usize = 8192;
/// Descriptors that are left for everything else.
const OTHER_DESCRIPTORS: u64 = 256;
/// Files that are synced one by one, each by its own descriptor, before one sync of the file system is cheaper.
const ONE_BY_ONE: usize = 16;

/// Something could not be stored, in words for both sides.
#[derive(Debug, thiserror::Error)]
#[error("{words}")]
pub struct StorageError {
    words: String,
    #[source]
    source: Option<io::Error>,
    /// A sync failed, so that what the system holds for written may not be.
    is_unsynced: bool,
}

impl StorageError {
    fn new(what: &str, error: io::Error) -> Self {
        Self { words: format!("{what}: {}", plain(&error)), source: Some(error), is_unsynced: false }
    }

    fn words(words: impl Into<String>) -> Self {
        Self { words: words.into(), source: None, is_unsynced: false }
    }

    /// Whether a sync failed. Then no partial that waited for it may be kept: after a failure Linux holds for written what is
    /// not, and the next sync of the same content succeeds.
    pub(crate) fn is_unsynced(&self) -> bool {
        self.is_unsynced
    }

    /// The system's error. `None`: it was not the system that refused.
    pub fn io_error(&self) -> Option<&io::Error> {
        self.source.as_ref()
    }
}

impl NotSynced {
    fn unsynced(self, what: &str, consequence: &str) -> StorageError {
        match self {
            Self::Left => StorageError::words(format!("{what}: it was not waited for")),
            Self::Failed(error) => {
                let words = format!("{what}: {}{consequence}", plain(&error));
                StorageError { words, source: Some(error), is_unsynced: true }
            }
        }
    }
}

/// The system's words without number and capital, to stand in a sentence.
pub(crate) fn plain(error: &io::Error) -> String {
    let text = adieu::describe_error(error);
    let words = text.split_once(" (E").map_or(text.as_str(), |(words, _)| words);
    let words = words.split_once(" (os error").map_or(words, |(words, _)| words);
    let mut chars = words.chars();
    match (chars.next(), chars.clone().next()) {
        (Some(first), second) if !second.is_some_and(char::is_uppercase) => {
            first.to_lowercase().chain(chars).collect()
        }
        _ => words.to_owned(),
    }
}

/// The receiver's output.
#[derive(Debug)]
pub struct Storage {
    place: Place,
    /// Whole, and not yet under their names.
    waiting: Vec<Waiting>,
    waiting_limit: usize,
    /// Stored in this transfer: files and bytes.
    stored: (u64, u64),
}

#[derive(Debug)]
enum Place {
    /// Written through, and never stored.
    Stream(File),
    /// One file, whose directory is the tree's root.
    File { tree: Directories, name: Vec<u8>, path: PathBuf },
    /// Everything goes below it under its own name.
    Tree(Directories),
    /// A directory that is made when it is needed.
    NewTree { path: PathBuf },
}

impl Place {
    /// The directories that there are. `None`: of a stream, and of a directory that is not made yet.
    fn tree(&mut self) -> Option<&mut Directories> {
        match self {
            Self::File { tree, .. } | Self::Tree(tree) => Some(tree),
            Self::Stream(_) | Self::NewTree { .. } => None,
        }
    }
}

/// As many whole files may wait as there are descriptors for, with as many for the rest of the program.
fn waiting_limit() -> usize {
    let left = os::open_files_limit().saturating_sub(OTHER_DESCRIPTORS) / 2;
    usize::try_from(left).unwrap_or(usize::MAX).clamp(1, WAITING_FILES)
}

/// Which partials outlive a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep {
    All,
    /// What somebody has kept before, and of which more is there now, whole or not.
    Resumed,
    None,
}

impl Keep {
    fn includes(self, is_resumed: bool) -> bool {
        self == Self::All || (self == Self::Resumed && is_resumed)
    }
}

/// A file that is offered, and what there is of it.
pub(crate) struct Offer {
    path: EntryPath,
    mode: u16,
    have: Have,
    hasher: blake3::Hasher,
    found: Found,
}

impl Offer {
    pub(crate) fn have(&self) -> Have {
        self.have
    }
}

impl Storage {
    /// A file or directory. That it can be written to is found out now, as far as that can be told beforehand.
    ///
    /// A directory takes everything under its name. Anything else is the name of one file, or of a directory that is made
    /// if more than one file comes.
    ///
    /// # Errors
    ///
    /// The directory is not there, or cannot be written to.
    pub fn at(path: &Path) -> Result<Self, StorageError> {
        let shown = crate::wire::shown(path.as_os_str().as_encoded_bytes());
        let place = match std::fs::metadata(path) {
            Ok(there) if there.is_dir() => Place::Tree(Directories::open(path)?),
            Ok(there) if !there.is_file() => {
                return Err(StorageError::words(format!("{shown} is neither a file nor a directory")));
            }
            Err(error) if !matches!(error.kind(), io::ErrorKind::NotFound) => {
                return Err(StorageError::new(&format!("cannot use {shown}"), error));
            }
            _ => {
                let tree = Directories::open(parent_of(path))?;
                match path.file_name() {
                    Some(_) if ends_as_directory(path) => Place::NewTree { path: path.to_owned() },
                    Some(name) => {
                        Place::File { tree, name: name.as_encoded_bytes().to_vec(), path: path.to_owned() }
                    }
                    None => return Err(StorageError::words(format!("{shown} is no name for a file"))),
                }
            }
        };
        Ok(Self { place, waiting: Vec::new(), waiting_limit: waiting_limit(), stored: (0, 0) })
    }

    /// An open output that is written through, such as stdout: what goes there is written, and never stored.
    pub fn stream(file: File) -> Self {
        Self {
            place: Place::Stream(file),
            waiting: Vec::new(),
            waiting_limit: waiting_limit(),
            stored: (0, 0),
        }
    }

    /// Whether what comes is only written through.
    pub fn is_stream(&self) -> bool {
        matches!(self.place, Place::Stream(_))
    }

    /// Files and bytes that are stored.
    pub(crate) fn stored(&self) -> (u64, u64) {
        self.stored
    }

    /// What is counted from here on is another transfer's.
    pub(crate) fn count_anew(&mut self) {
        self.stored = (0, 0);
    }

    /// The transfer begins: one file, or a tree.
    pub(crate) fn begin(&mut self, single: bool) -> Result<(), StorageError> {
        if single {
            if let Place::NewTree { path } = &self.place {
                self.place = Place::Tree(Directories::create(path)?);
            }
            return Ok(());
        }
        match &self.place {
            Place::Stream(_) => Err(StorageError::words(
                "a directory, or more than one file, is sent, and the output is one stream",
            )),
            Place::File { path, .. } => {
                if path.is_file() {
                    let shown = crate::wire::shown(path.as_os_str().as_encoded_bytes());
                    return Err(StorageError::words(format!(
                        "a directory, or more than one file, is sent, and {shown} is a file"
                    )));
                }
                self.place = Place::Tree(Directories::create(path)?);
                Ok(())
            }
            Place::NewTree { path } => {
                self.place = Place::Tree(Directories::create(path)?);
                Ok(())
            }
            Place::Tree(_) => Ok(()),
        }
    }

    /// Where a file of the transfer is kept: directory and name, in the tree.
    fn location(&self, path: &EntryPath) -> Result<(Vec<u8>, Vec<u8>), StorageError> {
        let (parent, name) = match &self.place {
            Place::File { name, .. } => (&[][..], &**name),
            Place::Stream(_) => return Ok((Vec::new(), Vec::new())),
            Place::Tree(_) | Place::NewTree { .. } => path.split(),
        };
        os::check_name(name).map_err(|why| StorageError::words(why.to_string()))?;
        Ok((parent.to_vec(), name.to_vec()))
    }

    fn tree(&mut self) -> Result<&mut Directories, StorageError> {
        self.place.tree().ok_or_else(|| StorageError::words("the output is no directory"))
    }

    /// What there is of a file already: its partial, or a file of that size under its name. It is read and hashed;
    /// `alive` is called now and then with the bytes read, and says whether to go on.
    pub(crate) fn look(
        &mut self,
        path: EntryPath,
        mode: u16,
        size: Option<u64>,
        alive: &mut dyn FnMut(u64) -> bool,
    ) -> Result<Offer, StorageError> {
        let nothing = Have { state: HaveState::Nothing, length: 0, hash: [0; 32] };
        let mut offer =
            Offer { path, mode, have: nothing, hasher: blake3::Hasher::new(), found: Found::Nothing };
        let (Some(size), false) = (size, self.is_stream()) else { return Ok(offer) };
        let (parent, name) = self.location(&offer.path)?;
        let directory = self.tree()?.directory(&parent)?;
        offer.found = Spot { directory, parent: &parent, name: &name }.find(size, mode)?;
        let (state, file) = match &mut offer.found {
            Found::Nothing => return Ok(offer),
            Found::Partial(file) => (HaveState::Partial, file),
            Found::Stored(file) => (HaveState::Stored, file),
        };
        let read = hash_all(file, size, &mut offer.hasher, alive);
        let length = read.map_err(|e| StorageError::new(&format!("cannot read {}", offer.path), e))?;
        offer.have = Have { state, length, hash: *offer.hasher.finalize().as_bytes() };
        Ok(offer)
    }

    /// The front offer is sent from `offset` on.
    pub(crate) fn start(
        &mut self,
        offer: Offer,
        offset: u64,
        observe: &mut dyn FnMut(Step<'_>),
        wanted: Wanted<'_>,
    ) -> Result<Incoming, StorageError> {
        let Offer { path, mode, have, hasher, found } = offer;
        if offset == 0 || offset != have.length {
            // The descriptor of an old partial holds its lock, which the new beginning wants.
            drop(found);
            return self.create(path, mode, observe, wanted);
        }
        let (parent, name) = self.location(&path)?;
        let (file, partial) = match found {
            Found::Nothing => return Err(StorageError::words("a start in the middle of nothing")),
            Found::Stored(file) => (file, None),
            Found::Partial(file) => {
                let directory = self.tree()?.directory(&parent)?;
                let spot = Spot { directory, parent: &parent, name: &name };
                // Before more comes, which its old bits may show to others; it is still ours to write.
                spot.give_mode(&file, mode | 0o600).map_err(|e| no_mode(&path, e))?;
                let placed = file.set_len(offset).and_then(|()| (&*file).seek(SeekFrom::Start(offset)));
                placed.map_err(|e| StorageError::new(&format!("cannot resume {path}"), e))?;
                (file, Some(partial::name_of(&name)))
            }
        };
        let is_kept = partial.is_none();
        Ok(Incoming {
            path,
            parent,
            name,
            partial,
            file,
            mode,
            hasher,
            written: offset,
            hole_at_end: false,
            is_kept,
            is_resumed: !is_kept,
        })
    }

    /// A file begins.
    pub(crate) fn create(
        &mut self,
        path: EntryPath,
        mode: u16,
        observe: &mut dyn FnMut(Step<'_>),
        wanted: Wanted<'_>,
    ) -> Result<Incoming, StorageError> {
        let (parent, name) = self.location(&path)?;
        let (partial, file) = if let Place::Stream(file) = &self.place {
            let file = file.try_clone().map_err(|e| StorageError::new("cannot use the output", e))?;
            (None, Open::unlocked(file))
        } else {
            let partial = partial::name_of(&name);
            let tree = self.tree()?;
            tree.directory(&parent)?;
            // In a directory that was made a moment ago there is nothing to look for.
            let is_new = tree.is_new(&parent);
            let spot = Spot { directory: tree.directory(&parent)?, parent: &parent, name: &name };
            if !is_new {
                spot.refuse_special()?;
            }
            let new = spot.create_new(mode)?;
            let file = if let Some(file) = new {
                file
            } else {
                // It may be one of ours that waits for its name: two files of one name, or of names that this file system
                // takes for one.
                self.commit(observe, wanted)?;
                let spot = Spot { directory: self.tree()?.directory(&parent)?, parent: &parent, name: &name };
                spot.refuse_special()?;
                spot.replace(mode)?
            };
            (Some(partial), file)
        };
        observe(Step::Created { path: &path });
        Ok(Incoming {
            path,
            parent,
            name,
            partial,
            file,
            mode,
            hasher: blake3::Hasher::new(),
            written: 0,
            hole_at_end: false,
            is_kept: false,
            is_resumed: false,
        })
    }

    /// A directory.
    pub(crate) fn directory(&mut self, path: &EntryPath) -> Result<(), StorageError> {
        self.tree()?.make(path)
    }

    /// A link that leads nowhere out; see [`link_stays_inside`](crate::wire::link_stays_inside).
    pub(crate) fn link(&mut self, path: &EntryPath, target: &[u8]) -> Result<(), StorageError> {
        let (parent, name) = self.location(path)?;
        let directory = self.tree()?.directory(&parent)?;
        let partial = partial::name_of(&name);
        let fail = |e| StorageError::new(&format!("cannot make the link {path}"), e);
        let spot = Spot { directory, parent: &parent, name: &name };
        spot.refuse_special()?;
        match directory.link(target, &partial) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                spot.remove_unused()?;
                directory.link(target, &partial).map_err(fail)?;
            }
            result => result.map_err(fail)?,
        }
        self.waiting.push(Waiting { parent, name, what: What::Link { partial, target: target.to_vec() } });
        Ok(())
    }

    /// A file is whole, and its hash is right.
    pub(crate) fn complete(
        &mut self,
        incoming: Incoming,
        observe: &mut dyn FnMut(Step<'_>),
        wanted: Wanted<'_>,
    ) -> Result<(), StorageError> {
        let Incoming {
            path, parent, name, partial, file, mode, written: size, hole_at_end, is_resumed, ..
        } = incoming;
        if self.is_stream() {
            return Ok(());
        }
        let mut finished = Ok(());
        if hole_at_end {
            finished = file.set_len(size);
        }
        if partial.is_some() {
            finished = finished.and_then(|()| os::settle_mode(&file, mode));
        } else {
            let directory = self.tree()?.directory(&parent)?;
            let spot = Spot { directory, parent: &parent, name: &name };
            spot.give_mode(&file, mode).map_err(|e| no_mode(&path, e))?;
        }
        let sync = Sync::next(self.tree()?.syncs_at_once(), self.waiting.len());
        let file = Arc::new(file);
        let what = match partial {
            Some(partial) => What::File { partial, file, size, sync, is_resumed },
            None => What::Kept { file, size, sync },
        };
        // Also if something fails from here on: it may have to be removed.
        self.waiting.push(Waiting { parent, name, what });
        finished.map_err(|e| StorageError::new(&format!("cannot finish {path}"), e))?;
        if sync == Sync::Done
            && let (Some(tree), Some(last)) = (self.place.tree(), self.waiting.last())
        {
            last.sync(tree, wanted)?;
            observe(Step::Synced);
        }
        if self.waiting.len() >= self.waiting_limit { self.commit(observe, wanted) } else { Ok(()) }
    }

    /// Syncs what is whole, gives it its names, and syncs those. What came before is stored afterwards.
    pub(crate) fn commit(
        &mut self,
        observe: &mut dyn FnMut(Step<'_>),
        wanted: Wanted<'_>,
    ) -> Result<(), StorageError> {
        if let Some(tree) = self.place.tree() {
            // If that fails, what has its name keeps it; the rest are partials as before.
            commit::store(tree, &self.waiting, observe, wanted)?;
        }
        for size in self.waiting.drain(..).filter_map(|one| one.size()) {
            self.stored.0 += 1;
            self.stored.1 += size;
        }
        Ok(())
    }

    /// After a failure: removes the directories that were made for what did not come.
    pub(crate) fn remove_empty_directories(&mut self) {
        if let Some(tree) = self.place.tree() {
            tree.remove_made();
        }
    }

    /// Removes the partial of a file that is damaged.
    pub(crate) fn remove(&mut self, incoming: &Incoming) {
        if let (Some(tree), Some(partial)) = (self.place.tree(), &incoming.partial) {
            commit::remove(tree, &incoming.parent, partial, &incoming.file);
        }
    }

    /// Removes a partial that was offered to go on from.
    pub(crate) fn remove_offered(&mut self, offer: &Offer) {
        if let (Found::Partial(file), Ok((parent, name))) = (&offer.found, self.location(&offer.path))
            && let Some(tree) = self.place.tree()
        {
            commit::remove(tree, &parent, &partial::name_of(&name), file);
        }
    }

    /// After a failure: gives the partials up, the current file's too, and removes those that are not kept. One that is kept
    /// is closed, so that its name says what it is, and another transfer may take it.
    pub(crate) fn give_up(&mut self, current: Option<&Incoming>, keep: Keep) {
        let waiting = std::mem::take(&mut self.waiting);
        if let Some(tree) = self.place.tree() {
            for one in waiting.iter().filter(|one| !keep.includes(one.is_resumed())) {
                one.remove(tree);
            }
        }
        if let Some(incoming) = current.filter(|one| !keep.includes(one.is_resumed)) {
            self.remove(incoming);
        }
    }
}

fn no_mode(path: &EntryPath, error: io::Error) -> StorageError {
    StorageError::new(&format!("cannot set the permissions of {path}"), error)
}

fn hash_all(
    mut file: &File,
    limit: u64,
    hasher: &mut blake3::Hasher,
    alive: &mut dyn FnMut(u64) -> bool,
) -> io::Result<u64> {
    let mut buffer = vec![0; 256 * 1024];
    let mut done = 0;
    file.seek(SeekFrom::Start(0))?;
    // A partial that is longer than the file is none of it.
    let mut rest = Read::take(file, limit);
    loop {
        match rest.read(&mut buffer) {
            Ok(0) => return Ok(done),
            Ok(n) => {
                hasher.update(&buffer[..n]);
                done += n as u64;
                if !alive(done) {
                    return Err(io::ErrorKind::ConnectionAborted.into());
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
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
