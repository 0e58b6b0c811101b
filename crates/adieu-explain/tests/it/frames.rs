//! The segments of a capture, kept, so that a test can lose some of them.

use std::{fs::File, path::Path};

use adieu_explain::{
    capture::{Frame, LinkType, Reader},
    packet::{Decoder, Packet},
    segment::Segment,
};

/// A segment with its payload.
#[derive(Clone, Debug)]
pub(crate) struct Owned {
    pub(crate) segment: Segment<'static>,
    pub(crate) payload: Vec<u8>,
}

impl Owned {
    pub(crate) fn borrowed(&self) -> Segment<'_> {
        Segment { payload: &self.payload, ..self.segment }
    }
}

/// All TCP segments of a capture file, in order.
pub(crate) fn read(path: &Path) -> Vec<Owned> {
    let mut reader = Reader::new(File::open(path).expect("the capture can be opened"));
    let mut decoder = Decoder::new();
    let mut segments = Vec::new();
    while let Some(frame) = reader.next_frame().expect("the capture is whole") {
        if let Packet::Tcp(segment) = decoder.decode(&frame) {
            let payload = segment.payload.to_vec();
            segments.push(Owned { segment: Segment { payload: &[], wrappers: &[], ..segment }, payload });
        }
    }
    segments
}

/// The same of a capture on Ethernet or of raw IP, as they are in a GRE tunnel (RFC 2784): an outer header, and four octets.
pub(crate) fn read_in_gre(path: &Path) -> Vec<Owned> {
    const RAW: LinkType = LinkType(101);
    let mut reader = Reader::new(File::open(path).expect("the capture can be opened"));
    let mut decoder = Decoder::new();
    let mut segments = Vec::new();
    while let Some(frame) = reader.next_frame().expect("the capture is whole") {
        let inner = if frame.link == RAW { frame.data } else { &frame.data[14..] };
        let length = u16::try_from(24 + inner.len()).expect("an IP packet").to_be_bytes();
        let outer =
            [0x45, 0, length[0], length[1], 0, 0, 0, 0, 64, 47, 0, 0, 198, 51, 100, 1, 198, 51, 100, 2];
        let data = [&outer[..], &[0, 0, 8, 0], inner].concat();
        let len = u32::try_from(data.len()).expect("an IP packet");
        let Packet::Tcp(segment) = decoder.decode(&Frame { link: RAW, data: &data, len, ..frame }) else {
            panic!("no TCP in frame {}", frame.number)
        };
        let payload = segment.payload.to_vec();
        segments.push(Owned { segment: Segment { payload: &[], wrappers: &[], ..segment }, payload });
    }
    segments
}
