//! IPv4 and IPv6 with its extension headers.

use super::{Decoder, Malformed, Next, Other, Rest, Stop, UNSPECIFIED, u16_at, u32_at};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Protocol numbers, as IANA lists them.
pub(super) const TCP: u8 = 6;
pub(super) const IPV4: u8 = 4;
pub(super) const UDP: u8 = 17;
pub(super) const IPV6: u8 = 41;
pub(super) const GRE: u8 = 47;
pub(super) const ETHER_IP: u8 = 97;
pub(super) const MPLS: u8 = 137;
const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
const DESTINATION_OPTIONS: u8 = 60;
const MOBILITY: u8 = 135;
const HOST_IDENTITY: u8 = 139;
const SHIM6: u8 = 140;

/// What the innermost IP header says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ip {
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
    pub(super) hop_limit: u8,
    pub(super) id: Option<u16>,
    pub(super) len: u32,
}

impl Ip {
    pub(super) const NONE: Self =
        Self { source: UNSPECIFIED, destination: UNSPECIFIED, hop_limit: 0, id: None, len: 0 };
}

impl Decoder {
    /// An IP header of either version.
    pub(super) fn ip(&mut self, rest: &mut Rest<'_>) -> Result<Next, Stop> {
        match rest.header::<1>()?[0] >> 4 {
            4 => self.ipv4(rest),
            6 => self.ipv6(rest),
            _ => Err(Other::Malformed(Malformed::IpVersion).into()),
        }
    }

    /// IPv4 (RFC 791, 3.1).
    fn ipv4(&mut self, rest: &mut Rest<'_>) -> Result<Next, Stop> {
        let header = rest.header::<20>()?;
        let header_length = usize::from(header[0] & 0x0f) * 4;
        let total = match u16_at(header, 2) {
            // A giant of segmentation offload, for whose length the field has too few bits, or which gets it later.
            0 => rest.wire,
            total => total.into(),
        };
        if header_length < 20 || total < u32::try_from(header_length).expect("four bits, times four") {
            return Err(Other::Malformed(Malformed::IpLength).into());
        }
        self.ip = Ip {
            source: Ipv4Addr::from_bits(u32_at(header, 12)).into(),
            destination: Ipv4Addr::from_bits(u32_at(header, 16)).into(),
            hop_limit: header[8],
            id: Some(u16_at(header, 4)),
            len: total,
        };
        let (fragment, protocol) = (u16_at(header, 6), header[9]);
        rest.shorten(total);
        rest.skip(header_length)?;
        // More fragments, or an offset.
        if fragment & 0x3fff != 0 {
            return Err(fragment_of(protocol));
        }
        Ok(Next::Protocol(protocol))
    }

    /// IPv6 (RFC 8200, 3).
    fn ipv6(&mut self, rest: &mut Rest<'_>) -> Result<Next, Stop> {
        let header = rest.header::<40>()?;
        let address = |at: usize| {
            let bits = header[at..].first_chunk().expect("a header of 40 bytes");
            IpAddr::V6(Ipv6Addr::from_bits(u128::from_be_bytes(*bits)))
        };
        let total = match u16_at(header, 4) {
            // A jumbogram, whose length stands in an option, or a giant of segmentation offload.
            0 => rest.wire,
            payload => 40 + u32::from(payload),
        };
        self.ip =
            Ip { source: address(8), destination: address(24), hop_limit: header[7], id: None, len: total };
        let protocol = header[6];
        rest.shorten(total);
        rest.skip(40)?;
        Ok(Next::Protocol(protocol))
    }

    /// What follows a protocol number that is not TCP's: an extension header, or a tunnel.
    pub(super) fn protocol(&mut self, number: u8, rest: &mut Rest<'_>) -> Result<Next, Stop> {
        match number {
            HOP_BY_HOP | DESTINATION_OPTIONS | MOBILITY | HOST_IDENTITY | SHIM6 => {
                let [next, length] = *rest.header()?;
                rest.skip(8 + usize::from(length) * 8)?;
                Ok(Next::Protocol(next))
            }
            ROUTING => self.routing(rest),
            // RFC 4302, 2.2: in units of four bytes, less two of them.
            AUTHENTICATION => {
                let [next, length] = *rest.header()?;
                rest.skip((usize::from(length) + 2) * 4)?;
                Ok(Next::Protocol(next))
            }
            FRAGMENT => {
                let header = rest.header::<8>()?;
                let (next, fragment) = (header[0], u16_at(header, 2));
                self.ip.id = Some(u16_at(header, 6));
                rest.skip(8)?;
                // A packet can have this header without being a fragment (RFC 8200, 4.5).
                if fragment & 0xfff9 != 0 { Err(fragment_of(next)) } else { Ok(Next::Protocol(next)) }
            }
            _ => Ok(self.tunnel(number, rest)?),
        }
    }

    /// The routing header: while segments are left the destination of the packet is not that of the connection.
    fn routing(&mut self, rest: &mut Rest<'_>) -> Result<Next, Stop> {
        let [next, length, kind, left] = *rest.header()?;
        let addresses = usize::from(length) / 2;
        let last = match kind {
            // RFC 5095 has forbidden the first; the second is of mobile nodes (RFC 6275, 6.4).
            0 | 2 if addresses > 0 => Some(8 + (addresses - 1) * 16),
            // Segment routing (RFC 8754, 2) has the last segment first.
            4 if addresses > 0 => Some(8),
            _ => None,
        };
        // It is a header of IPv6 alone, whatever stands behind another one.
        if left > 0
            && self.ip.destination.is_ipv6()
            && let Some(address) = last.and_then(|at| rest.data.get(at..)).and_then(|data| data.first_chunk())
        {
            self.ip.destination = Ipv6Addr::from_bits(u128::from_be_bytes(*address)).into();
        }
        rest.skip(8 + usize::from(length) * 8)?;
        Ok(Next::Protocol(next))
    }
}

/// A fragment counts if there may be TCP in it.
fn fragment_of(protocol: u8) -> Stop {
    match protocol {
        TCP | IPV4 | IPV6 | GRE | ETHER_IP | MPLS => Stop::Fragment,
        _ => Stop::Other(Other::NotTcp),
    }
}
