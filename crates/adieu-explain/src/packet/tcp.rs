//! TCP's header and its options (RFC 9293, 3.1).

use super::{Decoder, Malformed, Other, Rest, checksum, u16_at, u32_at};
use crate::{
    capture::Frame,
    segment::{Checksum, Flags, Segment, TcpOptions, TcpTimestamps},
};
use std::net::SocketAddr;

impl Decoder {
    /// The segment whose header is at the beginning of `rest`.
    pub(super) fn segment<'a>(&'a self, frame: &Frame<'a>, rest: Rest<'a>) -> Result<Segment<'a>, Other> {
        let header = rest.header::<20>()?;
        let header_length = usize::from(header[12] >> 4) * 4;
        let wire_length = u32::try_from(header_length).expect("four bits, times four");
        if header_length < 20 || wire_length > rest.wire {
            return Err(Other::Malformed(Malformed::TcpLength));
        }
        let payload = rest.data.get(header_length..).unwrap_or(&[]);
        let ip = &self.ip;
        Ok(Segment {
            frame: frame.number,
            time: frame.time,
            interface: self.interface,
            source: SocketAddr::new(ip.source, u16_at(header, 0)),
            destination: SocketAddr::new(ip.destination, u16_at(header, 2)),
            tunnel: self.tunnel,
            wrappers: &self.wrappers[..self.wrapped],
            hop_limit: ip.hop_limit,
            // A program that draws packets knows none.
            ip_id: if frame.drawn { None } else { ip.id },
            ip_len: ip.len,
            frame_len: frame.len,
            drawn: frame.drawn,
            flags: Flags::from_bits(header[13]),
            sequence: u32_at(header, 4),
            acknowledgement: u32_at(header, 8),
            window: u16_at(header, 14),
            options: options(&rest.data[20..rest.data.len().min(header_length)]),
            payload,
            payload_len: rest.wire - wire_length,
            checksum: if rest.data.len() as u64 == u64::from(rest.wire) {
                checksum::of(ip.source, ip.destination, rest.data)
            } else {
                Checksum::Unknown
            },
        })
    }
}

/// The options, as far as they make sense: what follows one that does not is not believed.
pub(super) fn options(mut rest: &[u8]) -> TcpOptions {
    const END: u8 = 0;
    const NO_OPERATION: u8 = 1;
    let mut options = TcpOptions::NONE;
    loop {
        match rest {
            [] | [END, ..] => return options,
            [NO_OPERATION, after @ ..] => rest = after,
            [kind, length, ..] => {
                let Some((option, after)) = rest.split_at_checked((*length).into()) else { return options };
                let Some(value) = option.get(2..) else { return options };
                match (kind, value) {
                    (2, [high, low]) => options.mss = Some(u16::from_be_bytes([*high, *low])),
                    (3, [shift]) => options.window_scale = Some(*shift),
                    (4, []) => options.sack_permitted = true,
                    (5, blocks) => {
                        for block in blocks.chunks_exact(8) {
                            options.sack.push(u32_at(block, 0), u32_at(block, 4));
                        }
                    }
                    (8, value) if value.len() == 8 => {
                        let (value, echo) = (u32_at(value, 0), u32_at(value, 4));
                        options.timestamps = Some(TcpTimestamps { value, echo });
                    }
                    _ => {}
                }
                rest = after;
            }
            [_] => return options,
        }
    }
}
