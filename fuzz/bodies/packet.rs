//! Any bytes as a frame of any link type.

use adieu_explain::{
    capture::{Frame, LinkType},
    packet::Decoder,
    segment::Timestamp,
};

/// The first two bytes are the link type, the third how much the snapshot length cut.
pub(crate) fn holds(data: &[u8]) {
    let [high, low, cut, data @ ..] = data else { return };
    let Ok(captured) = u32::try_from(data.len()) else { return };
    let frame = Frame {
        number: 1,
        time: Timestamp::EPOCH,
        interface: 0,
        link: LinkType(u16::from_be_bytes([*high, *low])),
        data,
        len: captured + u32::from(*cut),
        drawn: cut % 2 == 1,
    };
    super::capture::decoded(&frame, &mut Decoder::new(), |_| {});
}
