//! Reads capture files: pcap and pcapng, as they are or compressed with gzip or zstd.
//!
//! [`Reader`] streams. It never seeks, holds one frame and its read-ahead, and hands a frame on as soon as the frame's last
//! byte is there, so it can follow a capture that is still being written. It does not look into frames.
//!
//! A capture that ends in the middle of a frame, or whose lengths are damaged, gives all frames before that place and then
//! one error that says where and what.
//!
//! Both formats are read by our own code, which the tests compare with the crate pcap-parser. That crate allocates for
//! every frame with options, does not read the obsolete packet block, and takes a capture as a whole for damaged where
//! single frames are.

mod buffer;
mod error;
mod packed;
mod pcap;
mod pcapng;

pub use error::{CaptureError, Damage, NotCapture};

use crate::segment::Timestamp;
use buffer::Buffer;
use packed::Compression;
use std::io::{ErrorKind, Read};

/// Longest frame that is read, in bytes. libpcap's own limit is 256 KiB for what has IP in it; the giants of segmentation
/// offload are below a megabyte.
const LONGEST_FRAME: u32 = 4 << 20;

/// How many interfaces a section of pcapng may describe.
const MOST_INTERFACES: usize = 1 << 16;

/// How often a capture may be compressed. More is an attempt to make a small file give endless work.
const MOST_COMPRESSIONS: usize = 3;

/// One captured frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Number of the frame in the capture, from 1, as Wireshark counts.
    pub number: u64,
    /// When it was captured. A simple packet block of pcapng has no time; it gets that of the frame before.
    pub time: Timestamp,
    /// Interface, counted from 0 over all sections of a pcapng capture; 0 for pcap.
    pub interface: u32,
    /// What the frame begins with.
    pub link: LinkType,
    /// The frame as far as it was captured.
    pub data: &'a [u8],
    /// Length of the frame on the wire, in bytes: `data.len()` or more.
    pub len: u32,
    /// The wire never had the frame: a program drew it from its calls, and the capture says so ([`DRAWN`]).
    pub drawn: bool,
}

/// The description of an interface of pcapng (`if_description`) whose frames a program drew from its calls to the system: addresses,
/// octets, ends and their order are true, and what only a wire has is not there.
pub const DRAWN: &str = "drawn by adieu from a program's calls, and not seen on a wire";

/// Number of a link type, as <https://www.tcpdump.org/linktypes.html> lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LinkType(pub u16);

/// Reads the frames of a capture, one after the other.
///
/// # Examples
///
/// ```
/// use adieu_explain::capture::{CaptureError, NotCapture, Reader};
///
/// let mut reader = Reader::new(&b"GET / HTTP/1.1\r\n"[..]);
/// let refused = reader.next_frame().err();
/// assert!(matches!(refused, Some(CaptureError::NotACapture(NotCapture::Unknown))));
/// ```
pub struct Reader<'r> {
    buffer: Buffer<'r>,
    stage: Stage,
    frames: u64,
}

/// How far a reader is.
enum Stage {
    /// What the input is has not been looked at, but that it was compressed so many times.
    Opening(usize),
    Pcap(pcap::Pcap),
    Pcapng(pcapng::Pcapng),
    /// The capture has ended, as a whole or by an error.
    Over,
}

/// A frame's place in the buffer, and what is known of it.
struct Found {
    time: Timestamp,
    interface: u32,
    link: LinkType,
    /// Bytes before the frame that belong to it.
    before: usize,
    captured: usize,
    /// Bytes of the frame with everything around it.
    whole: usize,
    len: u32,
    drawn: bool,
}

impl<'r> Reader<'r> {
    /// A reader that has read nothing yet.
    pub fn new(input: impl Read + 'r) -> Self {
        Self { buffer: Buffer::new(Box::new(input)), stage: Stage::Opening(0), frames: 0 }
    }

    /// How many frames were read so far.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// The next frame. `None`: the capture has ended, as a whole or by an error that was told.
    ///
    /// # Errors
    ///
    /// Any [`CaptureError`] is told once, and the capture has ended with it. The exception is a read that fails with
    /// [`ErrorKind::WouldBlock`] or [`ErrorKind::TimedOut`] ([`CaptureError::can_be_repeated`]): nothing is lost, and the
    /// next call goes on where this one stopped.
    pub fn next_frame(&mut self) -> Result<Option<Frame<'_>>, CaptureError> {
        let found = self.find_frame();
        match found {
            Ok(Some(Found { time, interface, link, before, captured, whole, len, drawn })) => {
                self.frames += 1;
                let data = &self.buffer.take(whole)[before..before + captured];
                Ok(Some(Frame { number: self.frames, time, interface, link, data, len, drawn }))
            }
            Ok(None) => {
                self.stage = Stage::Over;
                Ok(None)
            }
            Err(error) => {
                if !error.can_be_repeated() {
                    self.stage = Stage::Over;
                }
                Err(error)
            }
        }
    }

    fn find_frame(&mut self) -> Result<Option<Found>, CaptureError> {
        loop {
            match &mut self.stage {
                Stage::Pcap(pcap) => return pcap.next(&mut self.buffer),
                Stage::Pcapng(pcapng) => return pcapng.next(&mut self.buffer),
                Stage::Over => return Ok(None),
                Stage::Opening(times) => {
                    let times = *times;
                    self.stage = self.open(times)?;
                }
            }
        }
    }

    /// What the input turns out to be.
    fn open(&mut self, times: usize) -> Result<Stage, CaptureError> {
        let start = self.buffer.require(4)?;
        let Some(&magic) = start.first_chunk() else {
            let what = if start.is_empty() { NotCapture::Empty } else { NotCapture::Unknown };
            return Err(CaptureError::NotACapture(what));
        };
        if let Some(compression) = Compression::of(magic) {
            if times == MOST_COMPRESSIONS {
                return Err(CaptureError::NotACapture(NotCapture::TooManyCompressions));
            }
            self.buffer.map_input(|input| compression.undo(input))?;
            return Ok(Stage::Opening(times + 1));
        }
        if magic == pcapng::SECTION_HEADER {
            return Ok(Stage::Pcapng(pcapng::Pcapng::new()));
        }
        match pcap::Variant::of(magic) {
            Some(variant) => Ok(Stage::Pcap(pcap::Pcap::read(variant, &mut self.buffer)?)),
            None => Err(CaptureError::NotACapture(NotCapture::of(magic))),
        }
    }
}

/// Byte order of a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Little,
    Big,
}

impl Order {
    fn u16(self, bytes: &[u8], at: usize) -> u16 {
        let bytes = [bytes[at], bytes[at + 1]];
        match self {
            Self::Little => u16::from_le_bytes(bytes),
            Self::Big => u16::from_be_bytes(bytes),
        }
    }

    fn u32(self, bytes: &[u8], at: usize) -> u32 {
        let bytes = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
        match self {
            Self::Little => u32::from_le_bytes(bytes),
            Self::Big => u32::from_be_bytes(bytes),
        }
    }
}

/// Whether a failed read can be repeated.
fn can_be_repeated(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

#[cfg(test)]
mod tests;
