//! Any bytes as a capture: the same frames in whatever pieces they come, and every frame's segment with its connection.

use adieu_explain::{
    capture::{Frame, Reader},
    packet::{Decoder, Packet},
    table::{Limits, Table},
};
use std::io::{ErrorKind, Read, Result};

/// An input that gives so many bytes at a time, and each time nothing before.
struct Pieces<'a> {
    rest: &'a [u8],
    size: usize,
    is_ready: bool,
}

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        self.is_ready = !self.is_ready;
        if !self.is_ready {
            return Err(ErrorKind::WouldBlock.into());
        }
        let size = self.size.min(buffer.len());
        self.rest.by_ref().take(size as u64).read(buffer)
    }
}

/// Gives every frame to `each`, and says what the capture ended with.
fn frames(input: impl Read, mut each: impl FnMut(&Frame<'_>)) -> Option<String> {
    let mut reader = Reader::new(input);
    loop {
        match reader.next_frame() {
            Ok(Some(frame)) => {
                assert!(frame.len as usize >= frame.data.len());
                each(&frame);
            }
            Ok(None) => return None,
            Err(error) if error.can_be_repeated() => {}
            Err(error) => {
                assert!(matches!(reader.next_frame(), Ok(None)), "an error is told once");
                return Some(error.to_string());
            }
        }
    }
}

/// That a frame is decoded without a panic, and that its segment is inside of it.
pub(crate) fn decoded(frame: &Frame<'_>, decoder: &mut Decoder, mut each: impl FnMut(&Packet<'_>)) {
    let packet = decoder.decode(frame);
    if let Packet::Tcp(segment) = &packet {
        assert!(segment.payload.len() <= frame.data.len());
        assert!(segment.payload.len() <= segment.payload_len as usize);
        assert_eq!(segment.source.is_ipv4(), segment.destination.is_ipv4());
    }
    each(&packet);
}

/// The first byte says how large the pieces are.
pub(crate) fn holds(data: &[u8]) {
    let Some((size, capture)) = data.split_first() else { return };
    let mut whole = Vec::new();
    let end =
        frames(capture, |frame| whole.push((frame.number, frame.time, frame.interface, frame.data.to_vec())));
    let mut pieces = Vec::new();
    let input = Pieces { rest: capture, size: usize::from(*size).max(1), is_ready: true };
    let same =
        frames(input, |frame| pieces.push((frame.number, frame.time, frame.interface, frame.data.to_vec())));
    assert_eq!((whole, end), (pieces, same));

    let limits = Limits { connections: 4, lingering: 2, ..Limits::default() };
    let (mut decoder, mut table) = (Decoder::new(), Table::new(limits));
    let (mut begun, mut finished) = (0_u64, 0_u64);
    frames(capture, |frame| {
        decoded(frame, &mut decoder, |packet| {
            if let Packet::Tcp(segment) = packet {
                begun += 1;
                table.observe(segment, &mut |one| {
                    let _ = one.judge().columns();
                    finished += 1;
                });
                assert!(table.len() <= 4);
            }
        });
    });
    table.finish(&mut |one| {
        let _ = one.judge().columns();
        finished += 1;
    });
    assert!(finished <= begun, "a connection has a segment");
}
