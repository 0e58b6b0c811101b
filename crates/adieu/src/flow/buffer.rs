//! The buffer between a source and a sink: one allocation that grows to a limit.

/// How much one direction holds at most, where nothing else is asked for.
const CAPACITY: usize = 256 * 1024;

/// How much it holds at first: a small exchange, or one of a thousand slow ones, needs no more.
const FIRST: usize = 16 * 1024;

/// Nothing is allocated before the first bytes come, and more than a little once they fill that.
pub(crate) struct Buffer {
    bytes: Box<[u8]>,
    start: usize,
    end: usize,
    /// How much it may hold.
    capacity: usize,
    /// The bytes that came filled it.
    was_full: bool,
    /// How large it was before it [rested](Self::rest).
    rested: usize,
}

impl Buffer {
    pub(crate) fn new() -> Self {
        Self::of(CAPACITY)
    }

    /// One that holds at most `capacity` bytes, which is not 0, and never more than is of use.
    pub(crate) fn of(capacity: usize) -> Self {
        let capacity = capacity.min(CAPACITY);
        Self { bytes: Box::default(), start: 0, end: 0, capacity, was_full: true, rested: 0 }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    pub(crate) fn has_room(&self) -> bool {
        self.end < self.bytes.len() || self.is_empty()
    }

    /// Where the next bytes go.
    pub(crate) fn room(&mut self) -> &mut [u8] {
        if self.bytes.is_empty() && self.rested > 0 {
            self.bytes = pool::take(self.rested);
        }
        // Only an empty one grows, so nothing is copied.
        if self.was_full && self.is_empty() && self.bytes.len() < self.capacity {
            let capacity = (self.bytes.len() * 4).max(FIRST).min(self.capacity);
            self.bytes = Box::default();
            self.bytes = pool::take(capacity);
            self.was_full = false;
        }
        &mut self.bytes[self.end..]
    }

    /// Nothing is expected soon: an empty one gives its memory to whoever on this thread needs some next.
    #[cfg(feature = "tokio")]
    pub(crate) fn rest(&mut self) {
        if self.is_empty() && !self.bytes.is_empty() {
            self.rested = self.bytes.len();
            pool::give(std::mem::take(&mut self.bytes));
        }
    }

    /// `n` bytes were put into the room.
    pub(crate) fn fill(&mut self, n: usize) {
        self.end += n;
        self.was_full |= self.end == self.bytes.len();
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

/// What a connection had that is over serves the next one of this thread: to ask for memory again, and to clear it, costs more than
/// to keep it.
#[cfg(feature = "tokio")]
impl Drop for Buffer {
    fn drop(&mut self) {
        if self.bytes.len() == FIRST {
            pool::give(std::mem::take(&mut self.bytes));
        }
    }
}

/// The buffers of a thread that nobody uses: what thousands of connections share that are mostly silent. What one of them has held is
/// overwritten before it is looked at.
mod pool {
    use std::cell::RefCell;

    /// How many are kept.
    #[cfg(feature = "tokio")]
    const KEPT: usize = 8;

    thread_local! {
        static FREE: RefCell<Vec<Box<[u8]>>> = const { RefCell::new(Vec::new()) };
    }

    /// One of this size.
    pub(super) fn take(size: usize) -> Box<[u8]> {
        let kept = FREE.with_borrow_mut(|free| {
            let place = free.iter().position(|bytes| bytes.len() == size)?;
            Some(free.swap_remove(place))
        });
        kept.unwrap_or_else(|| vec![0; size].into_boxed_slice())
    }

    #[cfg(feature = "tokio")]
    pub(super) fn give(bytes: Box<[u8]>) {
        // The thread may be ending, and has no pool then.
        let _ = FREE.try_with(|free| {
            let mut free = free.borrow_mut();
            if free.len() == KEPT {
                free.remove(0);
            }
            free.push(bytes);
        });
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
        assert_eq!(buffer.room().len(), 4 * capacity);
    }

    #[test]
    fn it_holds_no_more_than_it_may() {
        let mut buffer = Buffer::of(FIRST + 1);
        for n in [FIRST, FIRST + 1, FIRST + 1] {
            assert_eq!(buffer.room().len(), n);
            buffer.fill(n);
            buffer.consume(n);
        }
        assert_eq!(Buffer::of(100).room().len(), 100);
        assert_eq!(Buffer::of(usize::MAX).capacity, CAPACITY);
    }

    #[test]
    fn it_grows_only_while_it_is_filled_and_to_a_bound() {
        let mut buffer = Buffer::new();
        assert_eq!(buffer.bytes.len(), 0);
        assert!(buffer.has_room());
        for _ in 0..3 {
            assert_eq!(buffer.room().len(), FIRST);
            buffer.fill(FIRST - 1);
            buffer.consume(FIRST - 1);
        }
        for _ in 0..9 {
            let n = buffer.room().len();
            buffer.fill(n);
            assert!(!buffer.has_room());
            buffer.consume(n);
        }
        assert_eq!(buffer.room().len(), CAPACITY);
    }

    #[cfg(feature = "tokio")]
    #[test]
    fn one_that_rests_has_no_memory_and_the_same_room_afterwards() {
        let mut buffer = Buffer::new();
        buffer.room()[..2].copy_from_slice(b"ab");
        buffer.fill(2);
        buffer.rest();
        assert_eq!(buffer.filled(), b"ab", "what it holds it keeps");
        buffer.consume(2);
        buffer.rest();
        assert!(buffer.bytes.is_empty() && buffer.has_room());
        let room = buffer.room();
        assert_eq!(room.len(), FIRST);
        room[..2].copy_from_slice(b"cd");
        buffer.fill(2);
        assert_eq!(buffer.filled(), b"cd");
    }
}
