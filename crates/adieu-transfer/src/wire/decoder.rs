//! Cuts a stream into frames, and checks every length before anything is allocated for it. What a frame means is for
//! [`Control`] to say.

use super::ProtocolError;
use super::frame::{CONTROL_LIMIT, Control, DATA_LIMIT, FRAME_HEADER, MAY_BE_SKIPPED, kind};

/// What comes out of a [`Decoder`].
#[derive(Debug, PartialEq, Eq)]
pub enum Item<'a> {
    /// A whole frame.
    Control(Control),
    /// Content, in the pieces in which it came.
    Data(&'a [u8]),
}

/// A DATA frame of this length or more is received in a call of its own.
const LONG_DATA: u32 = 64 << 10;

/// Cuts a stream into frames, whatever the pieces in which it comes.
///
/// It holds at most one frame that is not DATA.
#[derive(Debug, Default)]
pub struct Decoder {
    /// The beginning of a frame that is not whole yet.
    held: Vec<u8>,
    /// Of the last DATA frame.
    data_length: u32,
    /// Bytes of a DATA frame that are still to come.
    data_left: u32,
    /// Bytes of a frame to be skipped that are still to come.
    skip_left: u32,
}

impl Decoder {
    /// The next item of `input`, which is shortened by what was taken. `None`: it takes more to go on.
    ///
    /// # Errors
    ///
    /// The stream is no sequence of frames. It stays so.
    pub fn next<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<Item<'a>>, ProtocolError> {
        loop {
            if self.data_left > 0 {
                if input.is_empty() {
                    return Ok(None);
                }
                let piece = take(input, self.data_left as usize);
                self.data_left -= length_of(piece);
                return Ok(Some(Item::Data(piece)));
            }
            if self.skip_left > 0 {
                if input.is_empty() {
                    return Ok(None);
                }
                self.skip_left -= length_of(take(input, self.skip_left as usize));
                continue;
            }
            if !self.hold(input, FRAME_HEADER) {
                return Ok(None);
            }
            let kind = self.held[0];
            let length = u32::from_be_bytes([self.held[1], self.held[2], self.held[3], self.held[4]]);
            let limit = if kind == kind::DATA { DATA_LIMIT } else { CONTROL_LIMIT };
            if length > limit {
                return Err(ProtocolError::TooLong { length, limit });
            }
            if kind == kind::DATA {
                self.held.clear();
                (self.data_length, self.data_left) = (length, length);
                continue;
            }
            if kind & MAY_BE_SKIPPED != 0 && kind != kind::PHASE {
                self.held.clear();
                self.skip_left = length;
                continue;
            }
            if !self.hold(input, FRAME_HEADER + length as usize) {
                return Ok(None);
            }
            let control = Control::decode(kind, &self.held[FRAME_HEADER..]);
            self.held.clear();
            return control.map(|control| Some(Item::Control(control)));
        }
    }

    /// In a long DATA frame: how many bytes there are up to the header of the next frame, and with it. Who receives just so many
    /// has whole pieces of content, and not their ends and beginnings. `None`: no content is under way, or its frame is one of
    /// many short ones, which are better received together.
    pub fn whole_piece(&self) -> Option<usize> {
        let is_long = self.data_left > 0 && self.data_length >= LONG_DATA;
        is_long.then(|| self.data_left as usize + FRAME_HEADER)
    }

    /// Whether an end would come between two frames.
    pub fn is_between_frames(&self) -> bool {
        self.held.is_empty() && self.data_left == 0 && self.skip_left == 0
    }

    /// Moves bytes over until so many are held.
    fn hold(&mut self, input: &mut &[u8], length: usize) -> bool {
        let missing = length.saturating_sub(self.held.len());
        self.held.extend_from_slice(take(input, missing));
        self.held.len() >= length
    }
}

fn take<'a>(input: &mut &'a [u8], most: usize) -> &'a [u8] {
    let (taken, rest) = input.split_at(most.min(input.len()));
    *input = rest;
    taken
}

/// Of a piece that is no longer than a frame.
fn length_of(piece: &[u8]) -> u32 {
    u32::try_from(piece.len()).unwrap_or(u32::MAX)
}
