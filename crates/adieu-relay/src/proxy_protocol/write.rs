//! Writing a header.

use super::crc32c::crc32c;
use super::tlv::Tlv;
use super::{Header, LOCAL, PROXY, ProxyVersion, SIGNATURE, Subject, UNIX};
use adieu::Address;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

impl Header {
    /// The header's octets in a version.
    ///
    /// Version 2 has a checksum. Version 1 has a form for addresses of TCP alone: everything else is `UNKNOWN` in it, and its
    /// TLVs are left out. An IPv4 address beside one of IPv6 is written as one of IPv6.
    pub fn encode(&self, version: ProxyVersion) -> Vec<u8> {
        match version {
            ProxyVersion::V1 => self.encode_v1(),
            ProxyVersion::V2 => self.encode_v2(),
        }
    }

    fn encode_v1(&self) -> Vec<u8> {
        let both = match &self.subject {
            Subject::Client { source: Address::Socket(source), destination: Address::Socket(to) } => {
                Some(of_one_family(*source, *to))
            }
            _ => None,
        };
        let Some((source, destination)) = both else { return b"PROXY UNKNOWN\r\n".to_vec() };
        let family = if source.is_ipv4() { "TCP4" } else { "TCP6" };
        let (from, to) = (source.ip(), destination.ip());
        let (from_port, to_port) = (source.port(), destination.port());
        format!("PROXY {family} {from} {to} {from_port} {to_port}\r\n").into_bytes()
    }

    fn encode_v2(&self) -> Vec<u8> {
        let mut block = Vec::new();
        let (command, family) = match &self.subject {
            Subject::Local => (LOCAL, 0),
            Subject::Unknown => (PROXY, 0),
            Subject::Client { source, destination } => {
                (PROXY, write_addresses(source, destination, &mut block))
            }
        };
        for tlv in &self.tlvs {
            tlv.write(&mut block);
        }
        Tlv::new(Tlv::CRC32C, [0; 4]).write(&mut block);
        let mut header = SIGNATURE.to_vec();
        header.extend([command, family]);
        // Whoever makes a header keeps it short; more than fits has no form.
        header.extend(u16::try_from(block.len()).unwrap_or(u16::MAX).to_be_bytes());
        header.extend(block);
        let checksum = crc32c(header.iter().copied());
        let at = header.len() - 4;
        header[at..].copy_from_slice(&checksum.to_be_bytes());
        header
    }
}

/// Writes a pair of addresses, and returns their family and protocol; 0: there is no form for them.
fn write_addresses(source: &Address, destination: &Address, block: &mut Vec<u8>) -> u8 {
    match (source, destination) {
        (Address::Socket(source), Address::Socket(destination)) => {
            let (source, destination) = of_one_family(*source, *destination);
            for ip in [source.ip(), destination.ip()] {
                match ip {
                    IpAddr::V4(ip) => block.extend(ip.octets()),
                    IpAddr::V6(ip) => block.extend(ip.octets()),
                }
            }
            for port in [source.port(), destination.port()] {
                block.extend(port.to_be_bytes());
            }
            if source.is_ipv4() { 0x11 } else { 0x21 }
        }
        (Address::Socket(_), _) | (_, Address::Socket(_)) => 0,
        (source, destination) => {
            block.extend(unix(source));
            block.extend(unix(destination));
            0x31
        }
    }
}

fn of_one_family(source: SocketAddr, destination: SocketAddr) -> (SocketAddr, SocketAddr) {
    if source.is_ipv4() == destination.is_ipv4() {
        return (source, destination);
    }
    let mapped = |at: SocketAddr| -> SocketAddr {
        let ip: Ipv6Addr = match at.ip() {
            IpAddr::V4(ip) => ip.to_ipv6_mapped(),
            IpAddr::V6(ip) => ip,
        };
        (ip, at.port()).into()
    };
    (mapped(source), mapped(destination))
}

/// A Unix address as `sun_path` has it, filled up with zeros. One that does not fit, which no system has, is unnamed.
fn unix(address: &Address) -> [u8; UNIX] {
    let mut octets = [0; UNIX];
    let name = match address {
        Address::Path(path) => path.as_os_str().as_encoded_bytes().to_vec(),
        Address::Abstract(name) => [&[0], name.as_bytes()].concat(),
        _ => Vec::new(),
    };
    if let Some(room) = octets.get_mut(..name.len()) {
        room.copy_from_slice(&name);
    }
    octets
}

#[cfg(test)]
mod tests {
    use super::super::read;
    use super::*;

    fn client(source: &str, destination: &str) -> Header {
        let address = |text: &str| Address::Socket(text.parse().expect("an address"));
        let subject = Subject::Client { source: address(source), destination: address(destination) };
        Header { version: ProxyVersion::V1, subject, tlvs: Vec::new() }
    }

    #[test]
    fn a_line_is_as_the_specification_has_it() {
        let line = |header: Header| String::from_utf8(header.encode(ProxyVersion::V1)).expect("text");
        let example = client("192.168.0.1:56324", "192.168.0.11:443");
        assert_eq!(line(example), "PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n");
        assert_eq!(line(client("[2001:db8::1]:1", "[::1]:2")), "PROXY TCP6 2001:db8::1 ::1 1 2\r\n");
        assert_eq!(line(client("192.0.2.1:1", "[::1]:2")), "PROXY TCP6 ::ffff:192.0.2.1 ::1 1 2\r\n");
        for subject in [Subject::Local, Subject::Unknown] {
            let header = Header { version: ProxyVersion::V1, subject, tlvs: Vec::new() };
            assert_eq!(line(header), "PROXY UNKNOWN\r\n");
        }
    }

    #[test]
    fn unix_addresses_have_a_form_in_version_2() {
        let subject = Subject::Client {
            source: Address::Unnamed,
            destination: Address::Path("/run/service.sock".into()),
        };
        let header = Header { version: ProxyVersion::V2, subject, tlvs: Vec::new() };
        let octets = header.encode(ProxyVersion::V2);
        assert_eq!(octets.len(), 16 + 216 + 7);
        assert_eq!(read(&octets), Ok(Some((header.clone(), octets.len()))));
        assert_eq!(header.encode(ProxyVersion::V1), b"PROXY UNKNOWN\r\n");
    }
}
