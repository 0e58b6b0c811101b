//! The segments of a capture, kept, so that a test can lose some of them.

use std::{fs::File, path::Path};

use adieu_explain::{
    capture::Reader,
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
