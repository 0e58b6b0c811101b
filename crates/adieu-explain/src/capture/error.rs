//! What can be wrong with a capture.

use std::io;

/// Why a capture gave no frame, or no more of them.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CaptureError {
    /// The input is something else than a capture.
    #[error("not a capture: {0}")]
    NotACapture(NotCapture),
    /// The capture ends in the middle of a frame, or of the file's header. All frames before were read.
    #[error("the capture is cut at byte {offset}{}", how_much(*missing))]
    Truncated {
        /// Where the record begins that is not whole, in bytes from the beginning of the (uncompressed) capture.
        offset: u64,
        /// How many bytes are missing at least. `None`: the compressed file is cut, so the number cannot be known.
        missing: Option<u64>,
    },
    /// The capture is damaged. All frames before were read.
    #[error("the capture is damaged at byte {offset}: {damage}")]
    Damaged {
        /// Where the damaged record begins, in bytes from the beginning of the (uncompressed) capture.
        offset: u64,
        /// What is wrong there.
        damage: Damage,
    },
    /// The system could not read the input.
    #[error("cannot read the capture at byte {offset}: {error}")]
    Read {
        /// How many bytes of the (uncompressed) capture had been read.
        offset: u64,
        /// What the system said.
        #[source]
        error: io::Error,
    },
}

impl CaptureError {
    /// Whether nothing is wrong but that there was nothing to read yet.
    pub fn can_be_repeated(&self) -> bool {
        matches!(self, Self::Read { error, .. } if super::can_be_repeated(error.kind()))
    }
}

fn how_much(bytes: Option<u64>) -> String {
    match bytes {
        Some(1) => ": at least 1 byte is missing".to_owned(),
        Some(bytes) => format!(": at least {bytes} bytes are missing"),
        None => String::new(),
    }
}

/// What an input is that is not a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotCapture {
    /// There is no byte in it.
    #[error("it is empty")]
    Empty,
    /// A Solaris snoop file.
    #[error("it is a snoop file; Wireshark's editcap makes a pcapng file of it")]
    Snoop,
    /// A capture of Microsoft Network Monitor.
    #[error("it is a Network Monitor capture; Wireshark's editcap makes a pcapng file of it")]
    NetworkMonitor,
    /// What is in it was compressed more than three times.
    #[error("it is compressed too often")]
    TooManyCompressions,
    /// Nothing that is known.
    #[error("it is neither pcap nor pcapng, nor one of them compressed with gzip or zstd")]
    Unknown,
}

impl NotCapture {
    pub(super) fn of(magic: [u8; 4]) -> Self {
        match &magic {
            b"snoo" => Self::Snoop,
            b"GMBU" | b"RTSS" => Self::NetworkMonitor,
            _ => Self::Unknown,
        }
    }
}

/// What is wrong at a place of a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Damage {
    /// A frame claims to be longer than any frame is.
    #[error("a frame of {0} bytes is claimed there")]
    FrameLength(u32),
    /// Nothing but zeros where a frame should begin.
    #[error("there are only zeros where a frame should begin")]
    Zeros,
    /// A block's length is impossible.
    #[error("a block of {0} bytes is claimed there")]
    BlockLength(u32),
    /// The two lengths of a block differ.
    #[error("a block has the length {0} at its beginning and {1} at its end")]
    BlockLengths(u32, u32),
    /// A section does not say its byte order.
    #[error("a section without a byte order begins there")]
    ByteOrder,
    /// A frame names an interface that the section does not have.
    #[error("a frame of interface {0} is there, which the section does not describe")]
    Interface(u32),
    /// A section describes more interfaces than any machine has.
    #[error("more than {} interfaces are described", super::MOST_INTERFACES)]
    Interfaces,
    /// A gzip or zstd stream cannot be decompressed.
    #[error("it cannot be decompressed further")]
    Compression,
}
