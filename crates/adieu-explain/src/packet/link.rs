//! Link layers: what a frame begins with, and tags between it and IP.

use super::{Decoder, Next, Other, Rest, u16_at, u24_at, u32_at};
use crate::{capture::LinkType, segment::Wrapper};

/// EtherTypes, as IEEE lists them.
mod ether_type {
    pub(super) const IPV4: u16 = 0x0800;
    pub(super) const TRANSPARENT_BRIDGING: u16 = 0x6558;
    pub(super) const VLAN: u16 = 0x8100;
    pub(super) const IPV6: u16 = 0x86dd;
    pub(super) const PPP: u16 = 0x880b;
    pub(super) const MPLS: u16 = 0x8847;
    pub(super) const MPLS_UPSTREAM: u16 = 0x8848;
    pub(super) const PPPOE_SESSION: u16 = 0x8864;
    pub(super) const SERVICE_VLAN: u16 = 0x88a8;
    pub(super) const BACKBONE_SERVICE: u16 = 0x88e7;
    /// Cisco FabricPath.
    pub(super) const FABRIC_PATH: u16 = 0x8903;
    /// VN-Tag, which IEEE 802.1BR came from.
    pub(super) const VN_TAG: u16 = 0x8926;
    /// Tags of VLANs from before 802.1ad.
    pub(super) const OLD_VLAN: [u16; 3] = [0x9100, 0x9200, 0x9300];
}

/// A number below this in the place of an EtherType is the length of an IEEE 802.3 frame.
const FIRST_ETHER_TYPE: u16 = 0x0600;

impl Decoder {
    /// The header of a link type (<https://www.tcpdump.org/linktypes.html>).
    pub(super) fn link(&mut self, link: LinkType, rest: &mut Rest<'_>) -> Result<Next, Other> {
        match link.0 {
            1 => Ok(Next::Ethernet),
            // NULL and LOOP: the address family in the byte order of the host, whichever that was, or of the network.
            0 | 108 => {
                let family = rest.header::<4>()?;
                let family = u32::from_le_bytes(*family).min(u32::from_be_bytes(*family));
                rest.skip(4)?;
                address_family(family)
            }
            // Raw IP: the number of libpcap, those of two BSDs, and of the list.
            12 | 14 | 101 | 228 | 229 => Ok(Next::Ip),
            9 => Ok(Next::Ppp),
            // PPP in HDLC's frames, or Cisco's HDLC.
            50 | 104 => match rest.header::<4>()? {
                [0x0f | 0x8f, _, high, low] => {
                    rest.skip(4)?;
                    Ok(Next::EtherType(u16::from_be_bytes([*high, *low])))
                }
                _ => Ok(Next::Ppp),
            },
            51 => Ok(Next::Pppoe),
            // OpenBSD's enc: the address family, an SPI and flags, in the host's byte order.
            109 => {
                let header = rest.header::<12>()?;
                let family = [header[0], header[1], header[2], header[3]];
                let family = u32::from_le_bytes(family).min(u32::from_be_bytes(family));
                rest.skip(12)?;
                address_family(family)
            }
            113 => {
                let header = rest.header::<16>()?;
                let protocol = u16_at(header, 14);
                rest.skip(16)?;
                Ok(typed_or_llc(protocol))
            }
            // PF's log begins with its length, which is filled up to a multiple of four.
            117 => {
                let [length, family, ..] = *rest.header::<4>()?;
                rest.skip(usize::from(length).next_multiple_of(4))?;
                address_family(family.into())
            }
            219 => Ok(Next::Mpls),
            // Apple's pktap: the length of its header, and which link type follows, in little-endian order.
            258 => {
                let header = rest.header::<12>()?;
                let length = u32::from_le_bytes([header[0], header[1], header[2], header[3]]);
                let inner = u32::from_le_bytes([header[8], header[9], header[10], header[11]]);
                rest.skip(usize::try_from(length).unwrap_or(usize::MAX))?;
                match u16::try_from(inner) {
                    Ok(inner) if inner != link.0 => self.link(LinkType(inner), rest),
                    _ => Err(Other::UnknownLink(link)),
                }
            }
            276 => {
                let header = rest.header::<20>()?;
                let protocol = u16_at(header, 0);
                self.interface = u32_at(header, 4);
                rest.skip(20)?;
                Ok(typed_or_llc(protocol))
            }
            _ => Err(Other::UnknownLink(link)),
        }
    }

    /// What follows an EtherType.
    pub(super) fn ether_type(&mut self, number: u16, rest: &mut Rest<'_>) -> Result<Next, Other> {
        match number {
            ether_type::IPV4 | ether_type::IPV6 => Ok(Next::Ip),
            ether_type::VLAN | ether_type::SERVICE_VLAN => self.vlan(rest),
            number if ether_type::OLD_VLAN.contains(&number) => self.vlan(rest),
            ether_type::BACKBONE_SERVICE => {
                let tag = rest.header::<4>()?;
                self.wrap(Wrapper::BackboneService(u24_at(tag, 1)));
                rest.skip(4)?;
                Ok(Next::Ethernet)
            }
            ether_type::MPLS | ether_type::MPLS_UPSTREAM => Ok(Next::Mpls),
            ether_type::PPPOE_SESSION => Ok(Next::Pppoe),
            ether_type::PPP => Ok(Next::Ppp),
            ether_type::FABRIC_PATH => {
                // The forwarding tag. The addresses before were the switches'.
                rest.skip(2)?;
                Ok(Next::Ethernet)
            }
            ether_type::VN_TAG => {
                let tag = rest.header::<6>()?;
                let number = u16_at(tag, 4);
                rest.skip(6)?;
                Ok(typed_or_llc(number))
            }
            ether_type::TRANSPARENT_BRIDGING => Ok(Next::Ethernet),
            _ => Err(Other::NotTcp),
        }
    }

    fn vlan(&mut self, rest: &mut Rest<'_>) -> Result<Next, Other> {
        let tag = rest.header::<4>()?;
        self.wrap(Wrapper::Vlan(u16_at(tag, 0) & 0x0fff));
        let number = u16_at(tag, 2);
        rest.skip(4)?;
        Ok(typed_or_llc(number))
    }

    /// PPPoE (RFC 2516, 4).
    pub(super) fn pppoe(&mut self, rest: &mut Rest<'_>) -> Result<Next, Other> {
        let header = rest.header::<6>()?;
        if header[1] != 0 {
            // Discovery.
            return Err(Other::NotTcp);
        }
        self.wrap(Wrapper::PppoeSession(u16_at(header, 2)));
        rest.skip(6)?;
        Ok(Next::Ppp)
    }

    /// One label of MPLS (RFC 3032, 2.1), and what follows the last.
    pub(super) fn mpls(&mut self, rest: &mut Rest<'_>) -> Result<Next, Other> {
        let entry = u32_at(rest.header::<4>()?, 0);
        self.wrap(Wrapper::Mpls(entry >> 12));
        rest.skip(4)?;
        if entry & 0x100 == 0 {
            return Ok(Next::Mpls);
        }
        // No field says what follows (RFC 4928, 2): routers look at the first four bits, too.
        match rest.header::<1>()?[0] >> 4 {
            4 | 6 => Ok(Next::Ip),
            // The control word of a pseudowire (RFC 4385, 3), unless Ethernet makes sense without it.
            0 if !is_ethernet(rest.data) => {
                rest.skip(4)?;
                Ok(Next::Ethernet)
            }
            _ => Ok(Next::Ethernet),
        }
    }
}

/// Ethernet II, or IEEE 802.3.
pub(super) fn ethernet(rest: &mut Rest<'_>) -> Result<Next, Other> {
    let header = rest.header::<14>()?;
    let number = u16_at(header, 12);
    rest.skip(14)?;
    Ok(typed_or_llc(number))
}

/// Whether there is an EtherType where Ethernet has it that leads on.
fn is_ethernet(data: &[u8]) -> bool {
    let number = data.get(12..14).map(|bytes| u16_at(bytes, 0));
    number.is_some_and(|number| {
        use ether_type::{IPV4, IPV6, MPLS, PPPOE_SESSION, SERVICE_VLAN, VLAN};
        matches!(number, IPV4 | IPV6 | MPLS | PPPOE_SESSION | SERVICE_VLAN | VLAN)
    })
}

fn typed_or_llc(number: u16) -> Next {
    if number < FIRST_ETHER_TYPE { Next::Llc } else { Next::EtherType(number) }
}

/// IEEE 802.2 with SNAP, or with IP directly.
pub(super) fn llc(rest: &mut Rest<'_>) -> Result<Next, Other> {
    match rest.header::<3>()? {
        [0xaa, 0xaa, 0x03] => {
            let snap = rest.header::<8>()?;
            let (organisation, number) = (u24_at(snap, 3), u16_at(snap, 6));
            rest.skip(8)?;
            // Ethernet's numbers, or those for bridges between Ethernet and others.
            if matches!(organisation, 0 | 0xf8) { Ok(Next::EtherType(number)) } else { Err(Other::NotTcp) }
        }
        [0x06, 0x06, 0x03] => {
            rest.skip(3)?;
            Ok(Next::Ip)
        }
        _ => Err(Other::NotTcp),
    }
}

/// PPP (RFC 1661, 2), with HDLC's address and control or without them (RFC 1662, 3.1).
pub(super) fn ppp(rest: &mut Rest<'_>) -> Result<Next, Other> {
    if rest.data.starts_with(&[0xff, 0x03]) {
        rest.skip(2)?;
    }
    // A protocol number whose first byte is zero may be one byte long, which is odd then.
    let [first] = *rest.header::<1>()?;
    let number = if first & 1 == 1 {
        rest.skip(1)?;
        first.into()
    } else {
        let number = u16_at(rest.header::<2>()?, 0);
        rest.skip(2)?;
        number
    };
    match number {
        0x21 | 0x57 => Ok(Next::Ip),
        0x281 | 0x283 => Ok(Next::Mpls),
        _ => Err(Other::NotTcp),
    }
}

/// The number of an address family: 2 is IPv4 everywhere, and IPv6 is 10 on Linux, 23 on Windows, and 24, 28 or 30 on BSDs.
fn address_family(number: u32) -> Result<Next, Other> {
    match number {
        2 | 10 | 23 | 24 | 28 | 30 => Ok(Next::Ip),
        _ => Err(Other::NotTcp),
    }
}
