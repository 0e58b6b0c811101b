//! Decompression of a capture, by the magic numbers of gzip (RFC 1952) and zstd (RFC 8878).
//!
//! Decoders are streams: they give what they have as soon as they have it, and several members or frames one after the
//! other are one stream. zstd is the reference implementation: the decoder in pure Rust holds back as much as the window
//! is large, up to megabytes, which would delay a live capture and lose the end of one that is cut.

use super::can_be_repeated;
use flate2::bufread::MultiGzDecoder;
use std::{
    error::Error,
    fmt,
    io::{self, BufReader, ErrorKind, Read},
};

/// How an input is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    Gzip,
    Zstd,
}

impl Compression {
    /// The compression with this magic number, if it is one.
    pub(super) fn of(magic: [u8; 4]) -> Option<Self> {
        match magic {
            [0x1f, 0x8b, 8, _] => Some(Self::Gzip),
            // The second is a frame that decoders skip: it may come first.
            [0x28, 0xb5, 0x2f, 0xfd] | [0x50..=0x5f, 0x2a, 0x4d, 0x18] => Some(Self::Zstd),
            _ => None,
        }
    }

    /// The input without its compression.
    pub(super) fn undo<'r>(self, input: Box<dyn Read + 'r>) -> io::Result<Box<dyn Read + 'r>> {
        let input = BufReader::with_capacity(64 << 10, input);
        Ok(match self {
            Self::Gzip => Box::new(Unpacked(MultiGzDecoder::new(input))),
            Self::Zstd => Box::new(Unpacked(zstd::stream::read::Decoder::with_buffer(input)?)),
        })
    }
}

/// A decoder whose failures say what they are.
struct Unpacked<D>(D);

impl<D: Read> Read for Unpacked<D> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).map_err(broken)
    }
}

/// Why decompression stopped: carried through [`io::Error`].
#[derive(Debug)]
pub(super) enum Broken {
    /// The compressed file ends too early.
    Cut,
    /// The compressed file is damaged.
    Damaged,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cut => "the compressed file is cut",
            Self::Damaged => "the compressed file is damaged",
        })
    }
}

impl Error for Broken {}

/// What a decoder failed with, told apart from what its input failed with.
fn broken(error: io::Error) -> io::Error {
    // What comes from the system has its number, and what comes from a decoder inside has been told apart already.
    let from_below = error.get_ref().is_some_and(<dyn Error + Send + Sync>::is::<Broken>);
    if from_below || can_be_repeated(error.kind()) || error.kind() == ErrorKind::Interrupted {
        return error;
    }
    match error.kind() {
        ErrorKind::UnexpectedEof => io::Error::other(Broken::Cut),
        _ if error.raw_os_error().is_some() => error,
        _ => io::Error::other(Broken::Damaged),
    }
}
