//! The buffer of frames that wait to be sent, as long as one write.

use super::OUT;
use crate::wire::{FRAME_HEADER, data_header};

/// The first frame's content stands at the beginning of a page: what is read or hashed from an odd place takes longer, a
/// copy of a page to the next bytes of another almost three times as long.
const PAGE: usize = 4096;

pub(super) struct Out {
    bytes: Box<[u8]>,
    begin: usize,
    end: usize,
}

impl Out {
    pub(super) fn new() -> Self {
        let bytes = vec![0; OUT + 2 * PAGE].into_boxed_slice();
        // Only a place: what is not aligned is slower, and just as right.
        let page = bytes.as_ptr().align_offset(PAGE) % PAGE + PAGE;
        Self { begin: page - FRAME_HEADER, end: page - FRAME_HEADER, bytes }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.end == self.begin
    }

    /// How many bytes of frames wait.
    pub(super) fn len(&self) -> usize {
        self.end - self.begin
    }

    /// How many bytes of frames, with their headers, it takes yet.
    pub(super) fn room(&self) -> usize {
        self.begin + FRAME_HEADER + OUT - self.end
    }

    /// Appends a whole frame, for which there is room.
    pub(super) fn push(&mut self, frame: &[u8]) {
        self.bytes[self.end..self.end + frame.len()].copy_from_slice(frame);
        self.end += frame.len();
    }

    /// Where the content of the next frame goes: so much of it, or as much as there is room for.
    pub(super) fn content(&mut self, most: usize) -> &mut [u8] {
        let most = most.min(self.room().saturating_sub(FRAME_HEADER));
        let begin = self.end + FRAME_HEADER;
        &mut self.bytes[begin..begin + most]
    }

    /// Makes a frame of so much of what was put there.
    pub(super) fn push_content(&mut self, length: usize) {
        // At most the size of the buffer.
        let header = data_header(u32::try_from(length).unwrap_or(u32::MAX));
        self.push(&header);
        self.end += length;
    }

    pub(super) fn frames(&self) -> &[u8] {
        &self.bytes[self.begin..self.end]
    }

    pub(super) fn clear(&mut self) {
        self.end = self.begin;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_of_the_first_frame_begins_at_a_page_and_has_room_for_a_whole_piece() {
        let mut out = Out::new();
        for _ in 0..2 {
            assert!(out.is_empty());
            let content = out.content(usize::MAX);
            assert_eq!(content.len(), OUT);
            assert_eq!(content.as_ptr().addr() % PAGE, 0);
            content[..3].copy_from_slice(b"abc");
            out.push_content(3);
            out.push(b"frame");
            assert_eq!(out.frames(), [&data_header(3)[..], b"abcframe"].concat());
            assert_eq!(out.room(), OUT - 8);
            assert_eq!(out.content(usize::MAX).len(), OUT - 8 - FRAME_HEADER);
            out.clear();
        }
    }
}
