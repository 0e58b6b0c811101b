//! The bytes that were read and not used yet: a window on the input that only moves forward.

use super::{CaptureError, Damage, can_be_repeated, packed::Broken};
use std::io::{self, Cursor, ErrorKind, Read};

/// How much is asked of the system at once. A read returns what is there, so a larger request delays nothing.
const READ_AHEAD: usize = 256 << 10;

/// A window on an input.
pub(super) struct Buffer<'r> {
    input: Box<dyn Read + 'r>,
    bytes: Vec<u8>,
    from: usize,
    to: usize,
    /// How many bytes of the input are before `from`.
    offset: u64,
    /// The input has ended, or failed for good.
    ended: bool,
}

impl<'r> Buffer<'r> {
    pub(super) fn new(input: Box<dyn Read + 'r>) -> Self {
        Self { input, bytes: vec![0; READ_AHEAD], from: 0, to: 0, offset: 0, ended: false }
    }

    /// Reads on from what `map` makes of the input, from the window's begin on.
    pub(super) fn map_input(
        &mut self,
        map: impl FnOnce(Box<dyn Read + 'r>) -> io::Result<Box<dyn Read + 'r>>,
    ) -> Result<(), CaptureError> {
        let read = Cursor::new(self.available().to_vec());
        let rest = std::mem::replace(&mut self.input, Box::new(io::empty()));
        let input = map(Box::new(read.chain(rest)));
        *self = Self::new(input.map_err(|error| CaptureError::Read { offset: self.offset, error })?);
        Ok(())
    }

    /// Position of the window in the input, in bytes.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// What is in the window now.
    pub(super) fn available(&self) -> &[u8] {
        &self.bytes[self.from..self.to]
    }

    /// Reads until `wanted` bytes are in the window, and gives the window. It has fewer only if the input has ended.
    pub(super) fn require(&mut self, wanted: usize) -> Result<&[u8], CaptureError> {
        if self.to - self.from < wanted {
            self.read(wanted)?;
        }
        Ok(self.available())
    }

    /// Like [`require`](Self::require), but an end before `wanted` bytes is a cut in the record that begins here.
    pub(super) fn whole(&mut self, wanted: usize) -> Result<&[u8], CaptureError> {
        let available = self.require(wanted)?.len();
        if available < wanted {
            let missing = Some((wanted - available) as u64);
            return Err(CaptureError::Truncated { offset: self.offset, missing });
        }
        Ok(self.available())
    }

    /// Moves the window over `count` bytes that are in it, and gives them.
    pub(super) fn take(&mut self, count: usize) -> &[u8] {
        let from = self.from;
        self.from += count;
        self.offset += count as u64;
        &self.bytes[from..from + count]
    }

    #[cold]
    fn read(&mut self, wanted: usize) -> Result<(), CaptureError> {
        if self.from + wanted > self.bytes.len() {
            self.bytes.copy_within(self.from..self.to, 0);
            self.to -= self.from;
            self.from = 0;
            if wanted > self.bytes.len() {
                self.bytes.resize(wanted.next_multiple_of(READ_AHEAD), 0);
            }
        }
        while self.to - self.from < wanted && !self.ended {
            match self.input.read(&mut self.bytes[self.to..]) {
                Ok(0) => self.ended = true,
                Ok(count) => self.to += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    self.ended = !can_be_repeated(error.kind());
                    let offset = self.offset;
                    return Err(match error.get_ref().and_then(|inner| inner.downcast_ref()) {
                        Some(Broken::Cut) => CaptureError::Truncated { offset, missing: None },
                        Some(Broken::Damaged) => {
                            CaptureError::Damaged { offset, damage: Damage::Compression }
                        }
                        None => CaptureError::Read { offset: offset + (self.to - self.from) as u64, error },
                    });
                }
            }
        }
        Ok(())
    }
}
