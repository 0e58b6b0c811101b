//! What can be wrong with a header.

/// Why octets are not a header of the PROXY protocol.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// They begin as neither version does.
    #[error("the connection does not begin with a header of the PROXY protocol")]
    NotAHeader,
    /// A line of version 1 that does not end within 107 octets.
    #[error("a line of PROXY protocol version 1 has no end within 107 octets")]
    LineTooLong,
    /// A line of version 1 that is not written as the specification has it.
    #[error("a line of PROXY protocol version 1 is malformed: {line}")]
    BadLine {
        /// The line, printable.
        line: String,
    },
    /// The signature of version 2, and another version after it.
    #[error("a binary header of the PROXY protocol has version {version}, only 2 is known")]
    BadVersion {
        /// The version.
        version: u8,
    },
    /// A command of version 2 that is not assigned.
    #[error("a header of PROXY protocol version 2 has the unknown command {command}")]
    BadCommand {
        /// The command.
        command: u8,
    },
    /// An address family or a transport that is not assigned.
    #[error("a header of PROXY protocol version 2 has the unknown address family or transport {family:#04x}")]
    BadFamily {
        /// Family and transport, in one octet as in the header.
        family: u8,
    },
    /// It ends within its addresses.
    #[error(
        "a header of PROXY protocol version 2 is too short for its addresses: {length} octets after the first 16"
    )]
    AddressesCut {
        /// The length that the header tells.
        length: usize,
    },
    /// It ends within a TLV.
    #[error("a header of PROXY protocol version 2 ends within a TLV")]
    TlvCut,
    /// Its unique ID is longer than 128 octets.
    #[error("a header of PROXY protocol version 2 has a unique ID of more than 128 octets")]
    UniqueIdTooLong,
    /// Its checksum is not that of the header.
    #[error("a header of PROXY protocol version 2 has a wrong checksum")]
    BadChecksum,
}
