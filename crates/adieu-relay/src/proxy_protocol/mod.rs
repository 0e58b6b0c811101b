//! The PROXY protocol, versions 1 and 2: a header before the stream, in which a proxy says whose connection it passes on.
//!
//! Everything here is without I/O: [`read()`] takes octets and [`Header::encode`] gives them. Who may send a header, and how long
//! it is waited for, is [`AcceptProxy`]; the waiting itself is [`accept()`].
//!
//! Reading is strict, because what a header says is believed: a relay that expects one never guesses whether one is there, an
//! address is written as the specification has it or refused, and a checksum that is present is checked.
//!
//! It is written out here rather than taken from a crate: those on crates.io accept more than the specification allows, and check
//! no checksum.
//!
//! Source: the [PROXY protocol specification](https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt), which is HAProxy's.

mod accept;
mod crc32c;
mod error;
mod read;
mod tlv;
mod write;

pub use accept::{AcceptProxy, ProxyError, accept, accept_blocking};
pub use error::HeaderError;
pub use read::{LONGEST, read};
pub use tlv::{Tls, Tlv};

use adieu::Address;
use std::fmt;

/// The signature that every header of version 2 begins with.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// What a header of version 1 begins with.
const WORD: &[u8; 6] = b"PROXY ";

/// Version 2 and the command LOCAL, in one octet.
const LOCAL: u8 = 0x20;

/// Version 2 and the command PROXY, in one octet.
const PROXY: u8 = 0x21;

/// The length of one Unix address in a header of version 2.
const UNIX: usize = 108;

/// The version of the PROXY protocol that a header is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProxyVersion {
    /// One line of text: addresses of TCP, and nothing else.
    V1,
    /// Binary: addresses of TCP and of Unix sockets, and [TLVs](Tlv).
    V2,
}

impl fmt::Display for ProxyVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V1 => "v1",
            Self::V2 => "v2",
        })
    }
}

/// One header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The version it was read in. [`encode`](Self::encode) is told the one to write.
    pub version: ProxyVersion,
    /// Whose connection it is.
    pub subject: Subject,
    /// What else it says, in its order; without the checksum and without padding. Version 1 has none.
    pub tlvs: Vec<Tlv>,
}

/// Whose connection a header says it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// The proxy's own, a health check for example (`LOCAL`; version 2): the addresses are those of the connection itself.
    Local,
    /// Of a kind that the header does not name (`UNKNOWN`, `UNSPEC`), or of datagrams: the addresses are those of the connection
    /// itself.
    Unknown,
    /// A client's.
    Client {
        /// The client's address.
        source: Address,
        /// The address that the client connected to.
        destination: Address,
    },
}

impl Header {
    /// The client's address. `None`: it is that of the connection itself.
    pub fn source(&self) -> Option<&Address> {
        if let Subject::Client { source, .. } = &self.subject { Some(source) } else { None }
    }

    /// The address that the client connected to. `None`: it is that of the connection itself.
    pub fn destination(&self) -> Option<&Address> {
        if let Subject::Client { destination, .. } = &self.subject { Some(destination) } else { None }
    }

    /// The first TLV of a kind.
    pub fn tlv(&self, kind: u8) -> Option<&[u8]> {
        self.tlvs.iter().find(|tlv| tlv.kind == kind).map(|tlv| &*tlv.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::net::{IpAddr, SocketAddr};

    fn addresses() -> impl Strategy<Value = (SocketAddr, SocketAddr)> {
        let v4 = any::<([u8; 4], [u8; 4], u16, u16)>().prop_map(|(from, to, f, t)| {
            (SocketAddr::new(IpAddr::from(from), f), SocketAddr::new(IpAddr::from(to), t))
        });
        let v6 = any::<([u8; 16], [u8; 16], u16, u16)>().prop_map(|(from, to, f, t)| {
            (SocketAddr::new(IpAddr::from(from), f), SocketAddr::new(IpAddr::from(to), t))
        });
        prop_oneof![v4, v6]
    }

    fn tlvs() -> impl Strategy<Value = Vec<Tlv>> {
        let kind = any::<u8>().prop_filter("neither checksum nor padding", |kind| !matches!(kind, 3 | 4));
        let one = (kind, prop::collection::vec(any::<u8>(), 0..40));
        prop::collection::vec(one.prop_map(|(kind, value)| Tlv { kind, value }), 0..5)
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_however_much_follows(
            (source, destination) in addresses(),
            tlvs in tlvs(),
            rest in prop::collection::vec(any::<u8>(), 0..30),
        ) {
            let subject = Subject::Client { source: source.into(), destination: destination.into() };
            for version in [ProxyVersion::V1, ProxyVersion::V2] {
                let tlvs = if version == ProxyVersion::V1 { Vec::new() } else { tlvs.clone() };
                let header = Header { version, subject: subject.clone(), tlvs };
                let mut octets = header.encode(version);
                let length = octets.len();
                octets.extend(&rest);
                prop_assert_eq!(read(&octets), Ok(Some((header, length))));
                // Every part of it is a header that is not whole yet, and never a wrong one.
                for part in 0..length {
                    prop_assert_eq!(read(&octets[..part]), Ok(None), "{} octets of {}", part, length);
                }
            }
        }

        /// A wrong bit in what says that there is a checksum hides it, of course.
        #[test]
        fn no_wrong_bit_in_an_address_or_a_checksum_is_believed(
            (source, destination) in addresses(),
            at in any::<prop::sample::Index>(),
            bit in 0..8u8,
        ) {
            let subject = Subject::Client { source: source.into(), destination: destination.into() };
            let header = Header { version: ProxyVersion::V2, subject, tlvs: Vec::new() };
            let mut octets = header.encode(ProxyVersion::V2);
            let checksum = octets.len() - 4;
            let wrong: Vec<usize> = (16..checksum - 3).chain(checksum..octets.len()).collect();
            octets[*at.get(&wrong)] ^= 1 << bit;
            prop_assert_eq!(read(&octets), Err(HeaderError::BadChecksum));
        }

        #[test]
        fn nothing_panics_and_nothing_short_is_too_long(octets in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = read(&octets);
            let mut signed = SIGNATURE.to_vec();
            signed.extend(&octets);
            if let Ok(Some((_, length))) = read(&signed) {
                prop_assert!(length <= signed.len());
            }
            let mut line = WORD.to_vec();
            line.extend(&octets);
            let _ = read(&line);
        }
    }
}
