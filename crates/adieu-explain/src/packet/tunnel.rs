//! Tunnels: GRE, VXLAN, GENEVE, IP in IP, mirrored frames (ERSPAN), and those of mobile networks (GTP-U).

use super::{Decoder, Next, Other, Rest, either_way, ip, u16_at, u24_at, u32_at};
use crate::segment::Wrapper;

/// EtherTypes of mirrored frames in GRE.
const ERSPAN_1_OR_2: u16 = 0x88be;
const ERSPAN_3: u16 = 0x22eb;

/// UDP ports. The second of VXLAN is the one that Linux had before IANA gave one.
const VXLAN: u16 = 4789;
const OLD_VXLAN: u16 = 8472;
const GENEVE: u16 = 6081;
const GTP_USER: u16 = 2152;

impl Decoder {
    /// What follows the protocol number of a tunnel.
    pub(super) fn tunnel(&mut self, number: u8, rest: &mut Rest<'_>) -> Result<Next, Other> {
        let outer = self.outer();
        match number {
            ip::IPV4 | ip::IPV6 => {
                self.enter(Wrapper::IpInIp { outer }, either_way(outer));
                Ok(Next::Ip)
            }
            ip::GRE => self.gre(rest),
            ip::UDP => self.udp(rest),
            // RFC 3378, 3: two bytes with the version.
            ip::ETHER_IP => {
                rest.skip(2)?;
                self.enter(Wrapper::IpInIp { outer }, either_way(outer));
                Ok(Next::Ethernet)
            }
            ip::MPLS => {
                self.enter(Wrapper::IpInIp { outer }, either_way(outer));
                Ok(Next::Mpls)
            }
            _ => Err(Other::NotTcp),
        }
    }

    /// GRE (RFC 2784, 2; RFC 2890, 2), and its second version, which PPTP has (RFC 2637, 4.1).
    fn gre(&mut self, rest: &mut Rest<'_>) -> Result<Next, Other> {
        const CHECKSUM: u16 = 0x8000;
        const ROUTING: u16 = 0x4000;
        const KEY: u16 = 0x2000;
        const SEQUENCE: u16 = 0x1000;
        const ACKNOWLEDGEMENT: u16 = 0x0080;
        let header = rest.header::<4>()?;
        let (flags, protocol) = (u16_at(header, 0), u16_at(header, 2));
        let (version, outer) = (flags & 7, self.outer());
        if version > 1 || flags & ROUTING != 0 {
            return Err(Other::NotTcp);
        }
        rest.skip(if flags & CHECKSUM == 0 { 4 } else { 8 })?;
        let key = if flags & KEY == 0 { None } else { Some(u32_at(rest.header::<4>()?, 0)) };
        // PPTP has a length and the number of a call there, another in each direction.
        let key = key.filter(|_| version == 0);
        let optional =
            (flags & KEY != 0, flags & SEQUENCE != 0, version == 1 && flags & ACKNOWLEDGEMENT != 0);
        rest.skip(4 * (usize::from(optional.0) + usize::from(optional.1) + usize::from(optional.2)))?;
        match protocol {
            // The first version has no header, and no sequence number.
            ERSPAN_1_OR_2 | ERSPAN_3 => {
                let mut session = 0;
                if flags & SEQUENCE != 0 {
                    let header = rest.header::<8>()?;
                    session = u16_at(header, 2) & 0x03ff;
                    if protocol == ERSPAN_3 {
                        let header = rest.header::<12>()?;
                        // The last bit says that eight bytes of the platform follow.
                        rest.skip(if header[11] & 1 == 0 { 12 } else { 20 })?;
                    } else {
                        rest.skip(8)?;
                    }
                }
                // A mirror is no way that a connection takes.
                self.wrap(Wrapper::Erspan { session, outer });
                Ok(Next::Ethernet)
            }
            protocol => {
                self.enter(Wrapper::Gre { key, outer }, (key, either_way(outer)));
                Ok(Next::EtherType(protocol))
            }
        }
    }

    /// UDP, if a tunnel is in it.
    fn udp(&mut self, rest: &mut Rest<'_>) -> Result<Next, Other> {
        let header = rest.header::<8>()?;
        let port = u16_at(header, 2);
        match port {
            VXLAN | OLD_VXLAN => {
                rest.skip(8)?;
                let header = rest.header::<8>()?;
                // The flag that says that there is a network's number has to be set.
                if header[0] & 0x08 == 0 || header[7] != 0 {
                    return Err(Other::NotTcp);
                }
                let network = u24_at(header, 4);
                rest.skip(8)?;
                self.enter(Wrapper::Vxlan { network, outer: self.outer() }, network);
                Ok(Next::Ethernet)
            }
            GENEVE => {
                rest.skip(8)?;
                let header = rest.header::<8>()?;
                let (options, protocol, network) = (header[0] & 0x3f, u16_at(header, 2), u24_at(header, 4));
                if header[0] >> 6 != 0 {
                    return Err(Other::NotTcp);
                }
                rest.skip(8 + usize::from(options) * 4)?;
                self.enter(Wrapper::Geneve { network, outer: self.outer() }, network);
                Ok(Next::EtherType(protocol))
            }
            GTP_USER => {
                rest.skip(8)?;
                self.gtp(rest)
            }
            _ => Err(Other::NotTcp),
        }
    }

    /// GTP-U (3GPP TS 29.281, 5.1).
    fn gtp(&mut self, rest: &mut Rest<'_>) -> Result<Next, Other> {
        const USER_DATA: u8 = 255;
        let header = rest.header::<8>()?;
        // Version 1, and not the variant for charging.
        if header[0] >> 4 != 3 || header[1] != USER_DATA {
            return Err(Other::NotTcp);
        }
        let (endpoint, outer) = (u32_at(header, 4), self.outer());
        let has_more = header[0] & 0x07 != 0;
        let has_extensions = header[0] & 0x04 != 0;
        rest.skip(8)?;
        if has_more {
            let mut extension = if has_extensions { rest.header::<4>()?[3] } else { 0 };
            rest.skip(4)?;
            while extension != 0 {
                let length = usize::from(rest.header::<1>()?[0]) * 4;
                let Some(last) = length.checked_sub(1) else { return Err(Other::NotTcp) };
                extension = *rest.data.get(last).ok_or_else(|| rest.ends_before(length))?;
                rest.skip(length)?;
            }
        }
        // The numbers of the endpoints are different in each direction, so nothing else tells one user from another.
        self.enter(Wrapper::Gtp { endpoint, outer }, ());
        Ok(Next::Ip)
    }
}
