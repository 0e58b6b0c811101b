//! Something that is being read to be sent: a file, and what it was like when that began, or a program's own source.

use super::SourceError;
use super::given::Source;
use super::tree::FilePlace;
use crate::os;
use crate::wire::EntryPath;
use std::fmt;
use std::fs::{File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;
use std::time::SystemTime;

/// Where the content of a file is.
#[derive(Clone)]
pub(crate) enum Place {
    File(FilePlace),
    Given(Arc<dyn Source>),
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(place) => place.fmt(f),
            Self::Given(_) => f.write_str("Source"),
        }
    }
}

impl Place {
    pub(crate) fn can_be_read_again(&self) -> bool {
        match self {
            Self::File(_) => true,
            Self::Given(source) => source.can_be_read_again(),
        }
    }
}

/// A file or a source that is being read.
pub(crate) struct Opened<'a> {
    content: Content<'a>,
    /// `None`: it ends where reading ends. The system gives the size of such a file as 0, and there is something.
    pub(crate) size: Option<u64>,
    pub(crate) mode: u16,
    /// When a file was modified. `None`: it is none, or the system does not say.
    pub(crate) modified: Option<SystemTime>,
    /// It may have holes.
    pub(crate) is_sparse: bool,
}

enum Content<'a> {
    File(File, Stamp),
    Given(&'a dyn Source, Box<dyn Read + 'a>),
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

impl<'a> Opened<'a> {
    pub(crate) fn new(place: &'a Place, path: &EntryPath) -> Result<Self, SourceError> {
        match place {
            Place::File(place) => Self::file(place),
            Place::Given(source) => {
                let opened = source.open(0).map_err(|e| SourceError::of(path, e))?;
                Ok(Self {
                    content: Content::Given(&**source, opened),
                    size: source.size(),
                    mode: source.mode() & 0o777,
                    modified: None,
                    is_sparse: false,
                })
            }
        }
    }

    pub(super) fn file(place: &FilePlace) -> Result<Self, SourceError> {
        let fail = |e| SourceError::new("read", &place.shown(), e);
        let mut file = place.open()?;
        let there = file.metadata().map_err(fail)?;
        let mut size = Some(there.len());
        // Files of /proc have no size and content all the same.
        if there.len() == 0 && file.read(&mut [0]).map_err(fail)? > 0 {
            file.rewind().map_err(fail)?;
            size = None;
        }
        Ok(Self {
            size,
            mode: os::permissions(&there),
            modified: there.modified().ok(),
            is_sparse: os::is_sparse(&there),
            content: Content::File(file, Stamp::of(&there)),
        })
    }

    /// Whether a file was written to since it was opened. Only its own content tells it of a source.
    pub(crate) fn change(&self) -> Change {
        let Content::File(file, stamp) = &self.content else { return Change::Nothing };
        match file.metadata().map(|there| Stamp::of(&there)) {
            Ok(now) if now == *stamp => Change::Nothing,
            Ok(now) if (Stamp { inode: stamp.inode, ..now }) == *stamp => Change::Inode,
            _ => Change::Content,
        }
    }

    /// Goes on reading from there.
    pub(crate) fn seek(&mut self, path: &EntryPath, offset: u64) -> Result<(), SourceError> {
        match &mut self.content {
            Content::File(file, _) => file.seek(SeekFrom::Start(offset)).map(drop),
            Content::Given(source, reader) => source.open(offset).map(|opened| *reader = opened),
        }
        .map_err(|e| SourceError::of(path, e))
    }

    /// The hole at a place of a file, and where the data ends that follows it.
    pub(crate) fn next_data(&mut self, size: u64, at: u64) -> (u64, u64) {
        match &mut self.content {
            Content::File(file, _) => os::next_data(file, size, at),
            Content::Given(..) => (0, size),
        }
    }

    /// Whether it is a program's source, of which only reading says that it has ended.
    pub(crate) fn is_given(&self) -> bool {
        matches!(self.content, Content::Given(..))
    }

    /// Reading ended at `end`, before its size, and it is not seen to have changed.
    pub(crate) fn ended_early(&self, path: &EntryPath, size: u64, end: u64) -> SourceError {
        match self.content {
            Content::File(..) => SourceError::shorter(path, size, end),
            Content::Given(..) => SourceError::fewer(path, size),
        }
    }
}

impl Read for Opened<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.content {
            Content::File(file, _) => file.read(buffer),
            Content::Given(_, reader) => reader.read(buffer),
        }
    }
}
