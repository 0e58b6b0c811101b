//! Reading a header from octets, as far as they have come.

use super::error::HeaderError;
use super::tlv::{self, Tlv};
use super::{Header, LOCAL, ProxyVersion, SIGNATURE, Subject, UNIX, WORD};
use adieu::Address;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

/// The longest line of version 1, with its CR LF.
const LONGEST_LINE: usize = 107;

/// The length of a header of version 2 before its addresses.
const FIXED: usize = 16;

/// The length of the longest header, in octets: one of version 2.
pub const LONGEST: usize = FIXED + u16::MAX as usize;

/// Reads the header that a connection begins with, and its length: what follows is the stream. `Ok(None)`: the header is not
/// whole yet.
///
/// # Errors
///
/// What has come can be no header, whatever follows.
pub fn read(octets: &[u8]) -> Result<Option<(Header, usize)>, HeaderError> {
    let begins_as = |start: &[u8]| octets.iter().zip(start).all(|(octet, expected)| octet == expected);
    if begins_as(SIGNATURE) {
        if octets.len() < FIXED { check_start(octets).map(|()| None) } else { read_v2(octets) }
    } else if begins_as(WORD) {
        read_v1(octets)
    } else {
        Err(HeaderError::NotAHeader)
    }
}

fn read_v1(octets: &[u8]) -> Result<Option<(Header, usize)>, HeaderError> {
    let first = &octets[..octets.len().min(LONGEST_LINE)];
    let Some(end) = first.windows(2).position(|two| two == b"\r\n") else {
        return if first.len() == LONGEST_LINE { Err(HeaderError::LineTooLong) } else { Ok(None) };
    };
    let line = &first[..end];
    let subject = subject_of_line(&line[WORD.len()..])
        .ok_or_else(|| HeaderError::BadLine { line: line.escape_ascii().to_string() })?;
    Ok(Some((Header { version: ProxyVersion::V1, subject, tlvs: Vec::new() }, end + 2)))
}

/// What stands in a line after its first word.
fn subject_of_line(rest: &[u8]) -> Option<Subject> {
    // Whatever else is in it is to be ignored.
    if rest == b"UNKNOWN" || rest.starts_with(b"UNKNOWN ") {
        return Some(Subject::Unknown);
    }
    let words: Vec<&str> = std::str::from_utf8(rest).ok()?.split(' ').collect();
    let [family, source, destination, from_port, to_port] = words[..] else { return None };
    let (source, destination) = match family {
        "TCP4" => (ip::<Ipv4Addr>(source)?, ip::<Ipv4Addr>(destination)?),
        "TCP6" => (ip::<Ipv6Addr>(source)?, ip::<Ipv6Addr>(destination)?),
        _ => return None,
    };
    let address = |ip, number| Some(Address::Socket(SocketAddr::new(ip, port(number)?)));
    Some(Subject::Client { source: address(source, from_port)?, destination: address(destination, to_port)? })
}

fn ip<A: FromStr + Into<IpAddr>>(text: &str) -> Option<IpAddr> {
    text.parse::<A>().ok().map(Into::into)
}

/// Decimal digits, without zeros before them.
fn port(text: &str) -> Option<u16> {
    let is_plain =
        text.bytes().all(|digit| digit.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| is_plain)
}

/// Whether what has come of the octets after the signature can stand there.
fn check_start(octets: &[u8]) -> Result<(), HeaderError> {
    let Some(first) = octets.get(SIGNATURE.len()) else { return Ok(()) };
    let (version, command) = (first >> 4, first & 0x0f);
    if version != 2 {
        return Err(HeaderError::BadVersion { version });
    }
    if command > 1 {
        return Err(HeaderError::BadCommand { command });
    }
    Ok(())
}

fn read_v2(octets: &[u8]) -> Result<Option<(Header, usize)>, HeaderError> {
    check_start(octets)?;
    let is_local = octets[12] == LOCAL;
    let family = octets[13];
    if !is_local && (family >> 4 > 3 || family & 0x0f > 2) {
        return Err(HeaderError::BadFamily { family });
    }
    let length = FIXED + usize::from(u16::from_be_bytes([octets[14], octets[15]]));
    let Some(header) = octets.get(..length) else { return Ok(None) };
    let block = &header[FIXED..];
    let (subject, used) = match (is_local, family) {
        (true, _) => (Subject::Local, None),
        (_, 0x11 | 0x12) => addresses::<4>(block)?,
        (_, 0x21 | 0x22) => addresses::<16>(block)?,
        (_, 0x31 | 0x32) => unix_addresses(block)?,
        // One half is not specified, so nobody knows how long the addresses are.
        _ => (Subject::Unknown, None),
    };
    // Of datagrams: for a stream the addresses of the connection itself are used.
    let subject = if family & 0x0f == 2 && !is_local { Subject::Unknown } else { subject };
    let tlvs = match used {
        Some(used) => tlv::read(header, FIXED + used)?,
        // They are not told from addresses. If there are none, a checksum must be right as always.
        None => match tlv::read(header, FIXED) {
            Err(HeaderError::BadChecksum) => return Err(HeaderError::BadChecksum),
            read => read.unwrap_or_default(),
        },
    };
    // What is said of a proxy's own connection is said of nobody else's.
    let tlvs = if is_local { Vec::<Tlv>::new() } else { tlvs };
    Ok(Some((Header { version: ProxyVersion::V2, subject, tlvs }, length)))
}

/// Two addresses and two ports, and how long they are together.
fn addresses<const N: usize>(block: &[u8]) -> Result<(Subject, Option<usize>), HeaderError>
where
    IpAddr: From<[u8; N]>,
{
    let used = 2 * N + 4;
    let cut = || HeaderError::AddressesCut { length: block.len() };
    let block = block.get(..used).ok_or_else(cut)?;
    let address = |at: usize, port: usize| -> Result<Address, HeaderError> {
        let ip: [u8; N] = block[at..at + N].try_into().map_err(|_| cut())?;
        let port = u16::from_be_bytes([block[port], block[port + 1]]);
        Ok(Address::Socket(SocketAddr::new(ip.into(), port)))
    };
    let (source, destination) = (address(0, 2 * N)?, address(N, 2 * N + 2)?);
    Ok((Subject::Client { source, destination }, Some(used)))
}

fn unix_addresses(block: &[u8]) -> Result<(Subject, Option<usize>), HeaderError> {
    let block = block.get(..2 * UNIX).ok_or(HeaderError::AddressesCut { length: block.len() })?;
    let (source, destination) = block.split_at(UNIX);
    let subject = Subject::Client { source: unix_address(source), destination: unix_address(destination) };
    Ok((subject, Some(2 * UNIX)))
}

/// `sun_path`: a path up to the first zero, or an abstract name after one.
fn unix_address(octets: &[u8]) -> Address {
    let name = |octets: &[u8]| {
        let end = octets.iter().position(|octet| *octet == 0).unwrap_or(octets.len());
        String::from_utf8_lossy(&octets[..end]).into_owned()
    };
    match octets {
        [0, rest @ ..] if rest.first().is_some_and(|first| *first != 0) => Address::Abstract(name(rest)),
        [0, ..] | [] => Address::Unnamed,
        path => Address::Path(name(path).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Result<Option<(Header, usize)>, HeaderError> {
        read(text.as_bytes())
    }

    /// A header of version 2 with this command, family and block.
    fn binary(command: u8, family: u8, block: &[u8]) -> Vec<u8> {
        let length = u16::try_from(block.len()).expect("a short block").to_be_bytes();
        [SIGNATURE, &[command, family][..], &length, block].concat()
    }

    #[test]
    fn a_line_is_read_up_to_its_end() {
        let (header, length) =
            line("PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\nGET /").expect("valid").expect("whole");
        assert_eq!(length, 47);
        assert_eq!(header.source().and_then(Address::socket_addr), "192.168.0.1:56324".parse().ok());
        assert_eq!(header.destination().and_then(Address::socket_addr), "192.168.0.11:443".parse().ok());
        let long = "PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n";
        assert_eq!(line(long).expect("valid").expect("whole").1, 104);
    }

    #[test]
    fn an_unknown_line_is_ignored_up_to_its_end() {
        for text in ["PROXY UNKNOWN\r\n", "PROXY UNKNOWN ffff::1 what ever \u{e9}\r\n"] {
            let (header, length) = line(text).expect("valid").expect("whole");
            assert_eq!((header.subject, length), (Subject::Unknown, text.len()));
        }
        assert!(line("PROXY UNKNOWNS\r\n").is_err());
    }

    #[test]
    fn a_line_that_differs_in_anything_is_refused() {
        for text in [
            "PROXY TCP4 192.168.0.01 192.168.0.11 1 2\r\n",
            "PROXY TCP4 192.168.0.1 192.168.0.11 01 2\r\n",
            "PROXY TCP4 192.168.0.1 192.168.0.11 +1 2\r\n",
            "PROXY TCP4 192.168.0.1 192.168.0.11 1 65536\r\n",
            "PROXY TCP4 192.168.0.1 192.168.0.11 1\r\n",
            "PROXY TCP4 192.168.0.1 192.168.0.11 1 2 \r\n",
            "PROXY TCP4  192.168.0.1 192.168.0.11 1 2\r\n",
            "PROXY TCP4 ::1 ::1 1 2\r\n",
            "PROXY TCP6 192.168.0.1 192.168.0.11 1 2\r\n",
            "PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n",
            "PROXY tcp4 192.168.0.1 192.168.0.11 1 2\r\n",
            "PROXY TCP4 192.168.0.1 192.168.0.11 1 2\n\r\n",
            "PROXY TCP4 192.168.0.1 192.168.0.11 1 2\r\r\n",
            "PROXY \r\n",
        ] {
            assert!(matches!(line(text), Err(HeaderError::BadLine { .. })), "{text:?}: {:?}", line(text));
        }
        for text in
            ["GET / HTTP/1.1\r\n", "proxy TCP4 ", "PROXYTCP4", "P ", "\r\n\r\nGET /", "\u{16}\u{3}\u{1}"]
        {
            assert_eq!(line(text), Err(HeaderError::NotAHeader), "{text:?}");
        }
        let endless = format!("PROXY UNKNOWN {}", "x".repeat(200));
        assert_eq!(line(&endless), Err(HeaderError::LineTooLong));
        assert_eq!(line(&endless[..106]), Ok(None));
    }

    #[test]
    fn a_binary_header_is_read_up_to_its_end() {
        let block = [192, 0, 2, 1, 198, 51, 100, 2, 0x12, 0x34, 0x01, 0xbb];
        let mut octets = binary(0x21, 0x11, &block);
        octets.extend(b"the stream");
        let (header, length) = read(&octets).expect("valid").expect("whole");
        assert_eq!(length, 28);
        assert_eq!(header.source().and_then(Address::socket_addr), "192.0.2.1:4660".parse().ok());
        assert_eq!(header.destination().and_then(Address::socket_addr), "198.51.100.2:443".parse().ok());
        let unix = [b"/run/a".to_vec(), vec![0; 102], b"\0b".to_vec(), vec![0; 106]].concat();
        let (header, _) = read(&binary(0x21, 0x31, &unix)).expect("valid").expect("whole");
        assert_eq!(header.source(), Some(&Address::Path("/run/a".into())));
        assert_eq!(header.destination(), Some(&Address::Abstract("b".into())));
    }

    #[test]
    fn what_a_proxy_does_for_itself_has_no_addresses() {
        // With a family that nobody knows, and with octets that are no TLVs: all of it is skipped.
        for (family, block) in [(0, &[][..]), (0x11, &[1; 12]), (0x77, &[0xff; 5])] {
            let octets = binary(0x20, family, block);
            let (header, length) = read(&octets).expect("valid").expect("whole");
            assert_eq!((header.subject, header.tlvs.len(), length), (Subject::Local, 0, octets.len()));
        }
        for (family, block) in [(0, &[][..]), (0x12, &[1; 12]), (0x10, &[1; 12]), (0x01, &[0xff; 3])] {
            let (header, _) = read(&binary(0x21, family, block)).expect("valid").expect("whole");
            assert_eq!(header.subject, Subject::Unknown, "{family:#x}");
        }
    }

    #[test]
    fn a_wrong_binary_header_is_refused_and_said_why() {
        let block = [0; 12];
        for (octets, error) in [
            (binary(0x11, 0x11, &block), HeaderError::BadVersion { version: 1 }),
            (binary(0x22, 0x11, &block), HeaderError::BadCommand { command: 2 }),
            (binary(0x21, 0x41, &block), HeaderError::BadFamily { family: 0x41 }),
            (binary(0x21, 0x13, &block), HeaderError::BadFamily { family: 0x13 }),
            (binary(0x21, 0x11, &block[..11]), HeaderError::AddressesCut { length: 11 }),
            (binary(0x21, 0x21, &block), HeaderError::AddressesCut { length: 12 }),
            (binary(0x21, 0x31, &[0; 215]), HeaderError::AddressesCut { length: 215 }),
            (binary(0x21, 0x11, &[&block[..], &[2]].concat()), HeaderError::TlvCut),
            (binary(0x21, 0x11, &[&block[..], &[2, 0, 2, 1]].concat()), HeaderError::TlvCut),
            (binary(0x21, 0x11, &[&block[..], &[3, 0, 4, 0, 0, 0, 0]].concat()), HeaderError::BadChecksum),
            (binary(0x21, 0x11, &[&block[..], &[3, 0, 1, 0]].concat()), HeaderError::BadChecksum),
            (binary(0x20, 0, &[3, 0, 4, 0, 0, 0, 0]), HeaderError::BadChecksum),
        ] {
            assert_eq!(read(&octets), Err(error));
        }
        // As soon as it is known.
        assert!(read(&binary(0x31, 0, &[])[..13]).is_err());
    }
}
