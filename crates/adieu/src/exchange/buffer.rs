//! The bytes between a source and a sink: one allocation, as long as the exchange lives.

/// How much one direction holds at most. The kernel hands out a page only once it is touched, so a small exchange
/// costs a small buffer.
const CAPACITY: usize = 256 * 1024;

pub(crate) struct Buffer {
    bytes: Box<[u8]>,
    start: usize,
    end: usize,
}

impl Buffer {
    pub(crate) fn new() -> Self {
        Self { bytes: vec![0; CAPACITY].into_boxed_slice(), start: 0, end: 0 }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    pub(crate) fn has_room(&self) -> bool {
        self.end < self.bytes.len()
    }

    /// Where the next bytes go.
    pub(crate) fn room(&mut self) -> &mut [u8] {
        &mut self.bytes[self.end..]
    }

    /// `n` bytes were put into the room.
    pub(crate) fn fill(&mut self, n: usize) {
        self.end += n;
    }

    /// The bytes that wait.
    pub(crate) fn filled(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// `n` of the bytes that wait were taken.
    pub(crate) fn consume(&mut self, n: usize) {
        self.start += n;
        if self.is_empty() {
            self.start = 0;
            self.end = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_out_in_the_order_they_went_in_and_the_room_comes_back() {
        let mut buffer = Buffer::new();
        let capacity = buffer.room().len();
        buffer.room()[..4].copy_from_slice(b"abcd");
        buffer.fill(4);
        buffer.consume(1);
        assert_eq!(buffer.filled(), b"bcd");
        assert_eq!(buffer.room().len(), capacity - 4);
        buffer.fill(capacity - 4);
        assert!(!buffer.has_room());
        buffer.consume(capacity - 1);
        assert!(buffer.is_empty());
        assert_eq!(buffer.room().len(), capacity);
    }
}
