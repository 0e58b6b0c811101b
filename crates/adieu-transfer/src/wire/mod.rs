//! The protocol without I/O: hellos, frames, names. `docs/receipt-protocol.md` is its description.

mod attributes;
mod decoder;
mod frame;
mod hello;
mod name;
mod offer;

pub use attributes::{Attributes, Modified};
pub use decoder::{Decoder, Item};
pub(crate) use frame::HOLE_LIMIT;
pub use frame::{Activity, Control, Receipt, Status, Totals, data_header};
pub use frame::{DATA_LIMIT, FRAME_HEADER};
pub(crate) use hello::{ATTRIBUTES, BUSY, NAMED_OFFERS, OPEN_UNTIL_RECEIPT};
pub use hello::{HELLO_LIMIT, HELLO_PREFIX, Hello, NotAgreed, PeerRole, VERSION};
pub use name::{EntryPath, NameError, PARTIAL_ENDING, PARTIAL_ENDING_LONG, link_stays_inside, shown};
pub use offer::{Answer, Have, HaveState};
pub(crate) use offer::{OFFERS_LIMIT, OLD_OFFERS, cost_of_offer};

/// A BLAKE3 hash.
pub type Hash = [u8; 32];

/// The first octets of a hash: as many as nobody finds a second content for. An offer has them, so that thousands of offers
/// are short.
pub type ShortHash = [u8; 16];

/// The first octets of a hash.
pub fn short(hash: &Hash) -> ShortHash {
    let mut short = ShortHash::default();
    let length = short.len();
    short.copy_from_slice(&hash[..length]);
    short
}

/// A hash as `b3sum` prints it.
pub fn hex(hash: &Hash) -> String {
    blake3::Hash::from_bytes(*hash).to_hex().to_string()
}

/// What the other side sent breaks the protocol.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProtocolError {
    /// A type that is not known and must not be skipped.
    #[error("a frame of the unknown type {0:#04x}")]
    UnknownFrame(u8),
    /// A length above the type's limit.
    #[error("a frame of {length} bytes, where {limit} are allowed")]
    TooLong {
        /// What was announced.
        length: u32,
        /// What may be.
        limit: u32,
    },
    /// The payload ends before its fields do.
    #[error("a frame that is too short for its type {0:#04x}")]
    TooShort(u8),
    /// A field has a value that means nothing.
    #[error("a value that means nothing in a frame of type {0:#04x}")]
    BadValue(u8),
    /// A name that may not be used.
    #[error("{0}")]
    Name(#[from] NameError),
    /// A frame where it does not belong.
    #[error("{0}, which does not belong there")]
    OutOfPlace(&'static str),
    /// The stream ended in the middle of a frame.
    #[error("an end in the middle of a frame")]
    CutFrame,
}
