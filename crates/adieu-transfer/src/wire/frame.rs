//! Frames: what stands on the wire after the hellos, each as its fields. The [decoder](super::Decoder) finds where one ends
//! and the next begins.

use super::{Attributes, EntryPath, Hash, Have, HaveState, Modified, ProtocolError, ShortHash};

/// Type and length.
pub const FRAME_HEADER: usize = 5;
/// The most that a DATA frame may hold.
pub const DATA_LIMIT: u32 = 1 << 20;
/// The most that any other frame may hold.
pub(super) const CONTROL_LIMIT: u32 = 16 << 10;
/// The longest hole of one frame: a few octets are not to announce more zeros than are hashed in a moment.
pub(crate) const HOLE_LIMIT: u64 = 64 << 20;

/// Types with this bit may be skipped by who does not know them.
pub(super) const MAY_BE_SKIPPED: u8 = 0x80;

pub(super) mod kind {
    pub(in crate::wire) const BEGIN: u8 = 0x01;
    pub(in crate::wire) const FILE: u8 = 0x02;
    pub(in crate::wire) const START: u8 = 0x03;
    pub(in crate::wire) const DATA: u8 = 0x04;
    pub(in crate::wire) const HOLE: u8 = 0x05;
    pub(in crate::wire) const FILE_END: u8 = 0x06;
    pub(in crate::wire) const DIRECTORY: u8 = 0x07;
    pub(in crate::wire) const LINK: u8 = 0x08;
    pub(in crate::wire) const END: u8 = 0x09;
    pub(in crate::wire) const ABORT: u8 = 0x0A;
    pub(in crate::wire) const OFFER: u8 = 0x0B;
    pub(in crate::wire) const CHECK: u8 = 0x0C;
    pub(in crate::wire) const ALL_OFFERED: u8 = 0x0D;
    pub(in crate::wire) const ATTRIBUTES: u8 = 0x0E;
    pub(in crate::wire) const HAVE: u8 = 0x21;
    pub(in crate::wire) const RECEIPT: u8 = 0x22;
    pub(in crate::wire) const ANSWERS: u8 = 0x23;
    pub(in crate::wire) const FROM: u8 = 0x24;
    pub(in crate::wire) const PHASE: u8 = 0x81;
}

/// What a transfer comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Files; directories and links do not count.
    pub files: u64,
    /// Bytes of content, holes included.
    pub bytes: u64,
    /// The file's own hash if the transfer is exactly one file, else the list's.
    pub hash: Hash,
    /// The hash of the list of entries, with their names.
    pub list: Hash,
}

/// What a receiver answers at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// What became of it.
    pub status: Status,
    /// Of what is stored or written.
    pub totals: Totals,
    /// For people; of a failure, what failed.
    pub words: String,
}

/// See [`Receipt`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Everything is whole, synced and under its name.
    Stored,
    /// Everything was written to the receiver's stdout, or taken by its program. It may not be durable.
    Written,
    /// Not that, and another connection would not change it: a disk, a name, a sender that gave up.
    Failed,
    /// What came is not what was sent.
    Damaged,
}

impl Status {
    /// Each of them.
    pub const ALL: [Self; 4] = [Self::Stored, Self::Written, Self::Failed, Self::Damaged];

    /// As reports name it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Written => "written",
            Self::Failed => "failed",
            Self::Damaged => "damaged",
        }
    }

    /// Whether both sides try again, if they were told to: the sender that hears this receipt, and the receiver that gives it.
    pub const fn may_be_tried_again(self) -> bool {
        match self {
            Self::Stored | Self::Written | Self::Failed => false,
            Self::Damaged => true,
        }
    }

    /// Whether it says that everything is there.
    pub const fn is_good(self) -> bool {
        matches!(self, Self::Stored | Self::Written)
    }
}

/// What a side is doing while it sends nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activity {
    /// It waits for its disk.
    Syncing,
    /// It hashes what is there already.
    Hashing,
    /// Something of a later version.
    Other,
}

/// Any frame but DATA.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Control {
    /// The transfer begins.
    Begin {
        /// It is exactly one file, and no directory.
        single: bool,
        /// All content. `None`: not known beforehand.
        bytes: Option<u64>,
    },
    /// A file begins, or is offered.
    File {
        /// It is offered: HAVE and START follow before its content.
        offer: bool,
        /// Permission bits.
        mode: u16,
        /// `None`: not known beforehand.
        size: Option<u64>,
        /// Its name.
        path: EntryPath,
    },
    /// The front offer is sent from here on.
    Start {
        /// Bytes that the receiver has already.
        offset: u64,
    },
    /// So many zeros.
    Hole {
        /// How many.
        length: u64,
    },
    /// The file is whole.
    FileEnd {
        /// Its size.
        size: u64,
        /// Its hash, of all of it.
        hash: Hash,
    },
    /// A directory.
    Directory {
        /// Its name.
        path: EntryPath,
    },
    /// A symbolic link.
    Link {
        /// Its name.
        path: EntryPath,
        /// Where it points to.
        target: Vec<u8>,
    },
    /// All is sent.
    End(Totals),
    /// The sender cannot go on.
    Abort {
        /// Why.
        words: String,
    },
    /// A file is offered to a receiver of version 2, with the hash of its content.
    Offer {
        /// Permission bits.
        mode: u16,
        /// Its size.
        size: u64,
        /// The hash of all of it.
        hash: ShortHash,
        /// Its name.
        path: EntryPath,
    },
    /// So much of the front offer's file has this hash.
    Check {
        /// From its beginning.
        length: u64,
        /// Of that.
        hash: ShortHash,
    },
    /// The totals, if the receiver has all that is offered.
    AllOffered(Totals),
    /// Of the entry whose frame comes next: a file, an offer, or a directory.
    Attributes(Attributes),
    /// The answers to offers, [packed](super::Answer::pack).
    Answers(Vec<u8>),
    /// The receiver has so much of the front offer's file.
    From {
        /// A length that the sender has named, or 0.
        offset: u64,
    },
    /// The answer to an offer of version 1.
    Have(Have),
    /// The answer to everything.
    Receipt(Receipt),
    /// This side lives.
    Phase {
        /// What it is doing.
        activity: Activity,
        /// How much of it is done, where that is a number of bytes.
        done: u64,
    },
}

/// The header of a DATA frame with so much content.
pub fn data_header(length: u32) -> [u8; FRAME_HEADER] {
    header(kind::DATA, length)
}

fn header(kind: u8, length: u32) -> [u8; FRAME_HEADER] {
    let [a, b, c, d] = length.to_be_bytes();
    [kind, a, b, c, d]
}

const UNKNOWN: u64 = u64::MAX;

impl Control {
    /// What it is, as `docs/receipt-protocol.md` names it, for a sentence.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Begin { .. } => "a BEGIN",
            Self::File { .. } => "a FILE",
            Self::Start { .. } => "a START",
            Self::Hole { .. } => "a HOLE",
            Self::FileEnd { .. } => "a FILE END",
            Self::Directory { .. } => "a DIRECTORY",
            Self::Link { .. } => "a LINK",
            Self::End(_) => "an END",
            Self::Abort { .. } => "an ABORT",
            Self::Offer { .. } => "an OFFER",
            Self::Check { .. } => "a CHECK",
            Self::AllOffered(_) => "an ALL OFFERED",
            Self::Attributes(_) => "ATTRIBUTES",
            Self::Answers(_) => "ANSWERS",
            Self::From { .. } => "a FROM",
            Self::Have(_) => "a HAVE",
            Self::Receipt(_) => "a RECEIPT",
            Self::Phase { .. } => "a PHASE",
        }
    }

    /// Appends the frame.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend([0; FRAME_HEADER]);
        let kind = self.encode_payload(out);
        let length = out.len() - start - FRAME_HEADER;
        debug_assert!(length <= CONTROL_LIMIT as usize, "{length}");
        // Names and words are bounded where they come from, so it always fits.
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        out[start..start + FRAME_HEADER].copy_from_slice(&header(kind, length));
    }

    fn encode_payload(&self, out: &mut Vec<u8>) -> u8 {
        match self {
            Self::Begin { single, bytes } => {
                out.push(u8::from(*single));
                out.extend(bytes.unwrap_or(UNKNOWN).to_be_bytes());
                kind::BEGIN
            }
            Self::File { offer, mode, size, path } => {
                out.push(u8::from(*offer));
                out.extend(mode.to_be_bytes());
                out.extend(size.unwrap_or(UNKNOWN).to_be_bytes());
                out.extend(path.as_bytes());
                kind::FILE
            }
            Self::Start { offset } => {
                out.extend(offset.to_be_bytes());
                kind::START
            }
            Self::Hole { length } => {
                out.extend(length.to_be_bytes());
                kind::HOLE
            }
            Self::FileEnd { size, hash } => {
                out.extend(size.to_be_bytes());
                out.extend(hash);
                kind::FILE_END
            }
            Self::Directory { path } => {
                out.extend(path.as_bytes());
                kind::DIRECTORY
            }
            Self::Link { path, target } => {
                // A path has at most 4096 bytes.
                out.extend(u16::try_from(path.as_bytes().len()).unwrap_or(u16::MAX).to_be_bytes());
                out.extend(path.as_bytes());
                out.extend(target);
                kind::LINK
            }
            Self::End(totals) => {
                encode_totals(totals, out);
                kind::END
            }
            Self::Abort { words } => {
                out.extend(bounded(words).as_bytes());
                kind::ABORT
            }
            Self::Offer { mode, size, hash, path } => {
                out.extend(mode.to_be_bytes());
                out.extend(size.to_be_bytes());
                out.extend(hash);
                out.extend(path.as_bytes());
                kind::OFFER
            }
            Self::Check { length, hash } => {
                out.extend(length.to_be_bytes());
                out.extend(hash);
                kind::CHECK
            }
            Self::AllOffered(totals) => {
                encode_totals(totals, out);
                kind::ALL_OFFERED
            }
            Self::Attributes(attributes) => {
                out.extend(attributes.to_bytes());
                kind::ATTRIBUTES
            }
            Self::Answers(packed) => {
                out.extend(packed);
                kind::ANSWERS
            }
            Self::From { offset } => {
                out.extend(offset.to_be_bytes());
                kind::FROM
            }
            Self::Have(have) => {
                encode_have(have, out);
                kind::HAVE
            }
            Self::Receipt(Receipt { status, totals, words }) => {
                out.push(match status {
                    Status::Stored => 1,
                    Status::Written => 2,
                    Status::Failed => 3,
                    Status::Damaged => 4,
                });
                encode_totals(totals, out);
                out.extend(bounded(words).as_bytes());
                kind::RECEIPT
            }
            Self::Phase { activity, done } => {
                out.push(match activity {
                    Activity::Syncing => 1,
                    Activity::Hashing => 2,
                    Activity::Other => 0,
                });
                out.extend(done.to_be_bytes());
                kind::PHASE
            }
        }
    }

    pub(super) fn decode(kind: u8, payload: &[u8]) -> Result<Self, ProtocolError> {
        let mut fields = Fields { kind, rest: payload };
        let unless_unknown = |number| (number != UNKNOWN).then_some(number);
        Ok(match kind {
            kind::BEGIN => {
                Self::Begin { single: fields.flags()? & 1 != 0, bytes: unless_unknown(fields.u64()?) }
            }
            kind::FILE => Self::File {
                offer: fields.flags()? & 1 != 0,
                mode: fields.u16()? & 0o777,
                size: unless_unknown(fields.u64()?),
                path: EntryPath::new(fields.rest.to_vec())?,
            },
            kind::START => Self::Start { offset: fields.u64()? },
            kind::HOLE => match fields.u64()? {
                length @ 0..=HOLE_LIMIT => Self::Hole { length },
                _ => return Err(ProtocolError::BadValue(kind)),
            },
            kind::FILE_END => Self::FileEnd { size: fields.u64()?, hash: fields.hash()? },
            kind::DIRECTORY => Self::Directory { path: EntryPath::new(fields.rest.to_vec())? },
            kind::LINK => {
                let length = usize::from(fields.u16()?);
                let path = fields.take(length)?;
                Self::Link { path: EntryPath::new(path.to_vec())?, target: fields.rest.to_vec() }
            }
            kind::END => Self::End(fields.totals()?),
            kind::ABORT => Self::Abort { words: fields.words() },
            kind::OFFER => Self::Offer {
                mode: fields.u16()? & 0o777,
                size: fields.u64()?,
                hash: fields.array()?,
                path: EntryPath::new(fields.rest.to_vec())?,
            },
            kind::CHECK => Self::Check { length: fields.u64()?, hash: fields.array()? },
            kind::ALL_OFFERED => Self::AllOffered(fields.totals()?),
            kind::ATTRIBUTES => {
                let (mode, seconds, nanoseconds) = (fields.u16()?, fields.u64()?, fields.u32()?);
                let modified = Modified::new(seconds.cast_signed(), nanoseconds);
                let modified = modified.ok_or(ProtocolError::BadValue(kind))?;
                Self::Attributes(Attributes { mode: mode & 0o777, modified })
            }
            kind::ANSWERS => Self::Answers(fields.rest.to_vec()),
            kind::FROM => Self::From { offset: fields.u64()? },
            kind::HAVE => Self::Have(Have {
                state: match fields.flags()? {
                    0 => HaveState::Nothing,
                    1 => HaveState::Partial,
                    2 => HaveState::Stored,
                    _ => return Err(ProtocolError::BadValue(kind)),
                },
                length: fields.u64()?,
                hash: fields.hash()?,
            }),
            kind::RECEIPT => Self::Receipt(Receipt {
                status: match fields.flags()? {
                    1 => Status::Stored,
                    2 => Status::Written,
                    3 => Status::Failed,
                    4 => Status::Damaged,
                    _ => return Err(ProtocolError::BadValue(kind)),
                },
                totals: fields.totals()?,
                words: fields.words(),
            }),
            kind::PHASE => Self::Phase {
                activity: match fields.flags()? {
                    1 => Activity::Syncing,
                    2 => Activity::Hashing,
                    _ => Activity::Other,
                },
                done: fields.u64()?,
            },
            unknown => return Err(ProtocolError::UnknownFrame(unknown)),
        })
    }
}

fn encode_have(Have { state, length, hash }: &Have, out: &mut Vec<u8>) {
    out.push(match state {
        HaveState::Nothing => 0,
        HaveState::Partial => 1,
        HaveState::Stored => 2,
    });
    out.extend(length.to_be_bytes());
    out.extend(hash);
}

fn encode_totals(totals: &Totals, out: &mut Vec<u8>) {
    out.extend(totals.files.to_be_bytes());
    out.extend(totals.bytes.to_be_bytes());
    out.extend(totals.hash);
    out.extend(totals.list);
}

/// Words are a sentence, and a name in it may be long.
fn bounded(words: &str) -> &str {
    let mut end = words.len().min(8 << 10);
    while !words.is_char_boundary(end) {
        end -= 1;
    }
    &words[..end]
}

struct Fields<'a> {
    kind: u8,
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], ProtocolError> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(ProtocolError::TooShort(self.kind))?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], ProtocolError> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(ProtocolError::TooShort(self.kind))?;
        self.rest = rest;
        Ok(*taken)
    }

    fn flags(&mut self) -> Result<u8, ProtocolError> {
        self.array().map(|[byte]| byte)
    }

    fn u16(&mut self) -> Result<u16, ProtocolError> {
        self.array().map(u16::from_be_bytes)
    }

    fn u32(&mut self) -> Result<u32, ProtocolError> {
        self.array().map(u32::from_be_bytes)
    }

    fn u64(&mut self) -> Result<u64, ProtocolError> {
        self.array().map(u64::from_be_bytes)
    }

    fn hash(&mut self) -> Result<Hash, ProtocolError> {
        self.array()
    }

    fn totals(&mut self) -> Result<Totals, ProtocolError> {
        Ok(Totals { files: self.u64()?, bytes: self.u64()?, hash: self.hash()?, list: self.hash()? })
    }

    /// For people, so nothing in it may move their terminal's cursor.
    fn words(&self) -> String {
        super::shown(self.rest)
    }
}
