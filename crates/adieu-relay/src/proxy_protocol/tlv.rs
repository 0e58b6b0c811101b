//! The TLVs of a header of version 2: what a proxy knows of a connection beside its addresses.

use super::crc32c::crc32c;
use super::error::HeaderError;

/// The length of a TLV without its value: its kind, and the length of the value.
const PREFIX: usize = 3;

/// A TLV: a kind and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tlv {
    /// Its kind, of which the constants here are some.
    pub kind: u8,
    /// Its value, of at most 65,535 octets.
    pub value: Vec<u8>,
}

impl Tlv {
    /// `PP2_TYPE_ALPN`: the protocol that TLS has agreed on.
    pub const ALPN: u8 = 0x01;
    /// `PP2_TYPE_AUTHORITY`: the host that the client asked for; with TLS its server name (SNI).
    pub const AUTHORITY: u8 = 0x02;
    /// `PP2_TYPE_CRC32C`: the checksum of the header.
    pub const CRC32C: u8 = 0x03;
    /// `PP2_TYPE_NOOP`: padding.
    pub const NOOP: u8 = 0x04;
    /// `PP2_TYPE_UNIQUE_ID`: at most 128 octets that name the connection.
    pub const UNIQUE_ID: u8 = 0x05;
    /// `PP2_TYPE_SSL`: the client's TLS; see [`Tls`].
    pub const TLS: u8 = 0x20;

    /// A TLV of this kind.
    pub fn new(kind: u8, value: impl Into<Vec<u8>>) -> Self {
        Self { kind, value: value.into() }
    }

    pub(super) fn write(&self, into: &mut Vec<u8>) {
        // What is longer has no form, and is left out by whoever makes a header.
        let Ok(length) = u16::try_from(self.value.len()) else { return };
        into.push(self.kind);
        into.extend(length.to_be_bytes());
        into.extend(&self.value);
    }
}

/// The TLVs in the octets of a header from `from` on.
///
/// # Errors
///
/// One is cut off by the end of the header, there are two checksums, or the checksum is that of another header.
pub(super) fn read(header: &[u8], from: usize) -> Result<Vec<Tlv>, HeaderError> {
    let mut tlvs = Vec::new();
    let mut checksum = None;
    let mut at = from;
    while at < header.len() {
        let prefix = header.get(at..at + PREFIX).ok_or(HeaderError::TlvCut)?;
        let (kind, length) = (prefix[0], usize::from(u16::from_be_bytes([prefix[1], prefix[2]])));
        let start = at + PREFIX;
        let value = header.get(start..start + length).ok_or(HeaderError::TlvCut)?;
        match kind {
            Tlv::NOOP => {}
            Tlv::CRC32C => {
                let value: [u8; 4] = value.try_into().map_err(|_| HeaderError::BadChecksum)?;
                if checksum.replace((start, u32::from_be_bytes(value))).is_some() {
                    return Err(HeaderError::BadChecksum);
                }
            }
            Tlv::UNIQUE_ID if length > 128 => return Err(HeaderError::UniqueIdTooLong),
            _ => tlvs.push(Tlv::new(kind, value)),
        }
        at = start + length;
    }
    if let Some((at, told)) = checksum {
        // As if its own four octets were zero.
        let octets = header.iter().enumerate();
        let found = crc32c(octets.map(|(i, octet)| if (at..at + 4).contains(&i) { 0 } else { *octet }));
        if found != told {
            return Err(HeaderError::BadChecksum);
        }
    }
    Ok(tlvs)
}

/// What the client's TLS is, as `PP2_TYPE_SSL` says it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tls {
    /// The version, such as `TLSv1.3`.
    pub version: Option<String>,
    /// The cipher suite, by the name that OpenSSL has for it.
    pub cipher: Option<String>,
    /// The client has presented a certificate, which was verified.
    pub has_certificate: bool,
    /// The common name of the client's certificate.
    pub common_name: Option<String>,
}

impl Tls {
    const OVER_TLS: u8 = 0x01;
    const CERTIFICATE: u8 = 0x02;
    const CERTIFICATE_IN_SESSION: u8 = 0x04;
    const VERSION: u8 = 0x21;
    const COMMON_NAME: u8 = 0x22;
    const CIPHER: u8 = 0x23;

    /// The TLV of it.
    pub fn to_tlv(&self) -> Tlv {
        let certificate =
            if self.has_certificate { Self::CERTIFICATE | Self::CERTIFICATE_IN_SESSION } else { 0 };
        let mut value = vec![Self::OVER_TLS | certificate];
        // Zero: a certificate was presented, and verified.
        value.extend(u32::from(!self.has_certificate).to_be_bytes());
        for (kind, text) in [
            (Self::VERSION, &self.version),
            (Self::COMMON_NAME, &self.common_name),
            (Self::CIPHER, &self.cipher),
        ] {
            if let Some(text) = text {
                Tlv::new(kind, text.as_bytes()).write(&mut value);
            }
        }
        Tlv::new(Tlv::TLS, value)
    }

    /// The same, read. `None`: it is not a `PP2_TYPE_SSL` that can be understood, or says that the client spoke no TLS.
    pub fn from_tlv(tlv: &Tlv) -> Option<Self> {
        let value = Some(&tlv.value).filter(|_| tlv.kind == Tlv::TLS)?;
        let (client, verify) = (*value.first()?, value.get(1..5)?);
        if client & Self::OVER_TLS == 0 {
            return None;
        }
        let parts = read(value, 5).ok()?;
        let text = |kind| {
            let part = parts.iter().find(|part| part.kind == kind)?;
            String::from_utf8(part.value.clone()).ok()
        };
        Some(Self {
            version: text(Self::VERSION),
            cipher: text(Self::CIPHER),
            has_certificate: client & Self::CERTIFICATE != 0 && verify == [0; 4],
            common_name: text(Self::COMMON_NAME),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tls_is_read_as_it_was_written() {
        for tls in [
            Tls { version: Some("TLSv1.2".into()), ..Tls::default() },
            Tls {
                version: Some("TLSv1.3".into()),
                cipher: Some("TLS_AES_128_GCM_SHA256".into()),
                has_certificate: true,
                common_name: Some("someone".into()),
            },
        ] {
            assert_eq!(Tls::from_tlv(&tls.to_tlv()), Some(tls));
        }
        assert_eq!(Tls::from_tlv(&Tlv::new(Tlv::TLS, [1, 0, 0])), None);
        assert_eq!(Tls::from_tlv(&Tlv::new(Tlv::TLS, [0, 0, 0, 0, 1])), None);
    }
}
