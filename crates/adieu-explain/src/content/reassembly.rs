//! The octets of one direction in order, out of segments in any order.
//!
//! What comes too early waits, in bounded memory. Where the bound is reached the octets between are told as a gap: the
//! capture missed them, or its sender never sent them.

/// How many octets wait at most.
const MOST_OCTETS: usize = 64 * 1024;

/// How many segments wait at most.
const MOST_SEGMENTS: usize = 48;

/// What takes the octets of a direction in order.
pub(super) trait Sink {
    /// The next octets. `at` says what is known of the segment that brought them.
    fn octets(&mut self, octets: &[u8], at: At);

    /// So many octets are missing here.
    fn gap(&mut self, len: u64, at: At);

    /// How many octets it keeps.
    fn held(&self) -> usize;

    /// Lets go of the octets that it keeps, and says less for that.
    fn let_go(&mut self);
}

/// The segment that brought octets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct At {
    /// Its frame.
    pub(super) frame: u64,
    /// Its sender had acknowledged the other side's FIN.
    pub(super) peer_ended: bool,
}

/// A segment that came too early.
#[derive(Clone, Debug)]
struct Early {
    position: i64,
    /// Octets after those that were captured.
    cut: u32,
    octets: Box<[u8]>,
    at: At,
}

/// Puts the octets of one direction in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Reassembly {
    next: i64,
    has_begun: bool,
    /// `None`: nothing waits, as in most connections.
    waiting: Option<Box<Waiting>>,
}

/// Segments that came too early, in order.
#[derive(Clone, Debug, Default)]
struct Waiting {
    early: Vec<Early>,
    octets: usize,
}

impl Reassembly {
    /// Begins at `position`.
    pub(super) fn begin(&mut self, position: i64) {
        (self.next, self.has_begun) = (position, true);
    }

    /// Whether it has begun.
    pub(super) fn has_begun(&self) -> bool {
        self.has_begun
    }

    /// How much room the segments take that wait.
    pub(super) fn held(&self) -> usize {
        self.waiting.as_deref().map_or(0, |waiting| waiting.octets + waiting.early.len() * size_of::<Early>())
    }

    /// Gives up what is missing before each of the segments that wait.
    pub(super) fn let_go(&mut self, sink: &mut impl Sink) {
        while self.waiting.is_some() {
            self.skip(sink);
        }
    }

    /// Takes a segment, of which `octets` were captured and `len` were on the wire.
    pub(super) fn take(&mut self, position: i64, octets: &[u8], len: u32, at: At, sink: &mut impl Sink) {
        if !self.has_begun {
            return;
        }
        let octets = &octets[..octets.len().min(len as usize)];
        let cut = len.saturating_sub(u32::try_from(octets.len()).unwrap_or(u32::MAX));
        if position > self.next {
            let waiting = self.waiting.get_or_insert_default();
            let place = waiting.early.partition_point(|early| early.position <= position);
            waiting.early.insert(place, Early { position, cut, octets: octets.into(), at });
            waiting.octets += octets.len();
            while self.waiting.as_deref().is_some_and(Waiting::is_full) {
                self.skip(sink);
            }
            return;
        }
        self.hand_on(position, octets, cut, at, sink);
        self.hand_on_early(sink);
    }

    /// Gives up what is missing before the first segment that waits.
    pub(super) fn skip(&mut self, sink: &mut impl Sink) {
        let Some(first) = self.waiting.as_deref().and_then(|waiting| waiting.early.first()) else { return };
        if first.position > self.next {
            sink.gap(first.position.abs_diff(self.next), first.at);
            self.next = first.position;
        }
        self.hand_on_early(sink);
    }

    /// Gives up everything that is missing: nothing more comes, and the direction ends at `end`.
    pub(super) fn finish(&mut self, end: i64, sink: &mut impl Sink) {
        self.let_go(sink);
        if self.has_begun && self.next < end {
            sink.gap(end.abs_diff(self.next), At::default());
            self.next = end;
        }
    }

    /// Hands on what is new of a segment that does not begin too late.
    fn hand_on(&mut self, position: i64, octets: &[u8], cut: u32, at: At, sink: &mut impl Sink) {
        let known = usize::try_from(self.next - position).unwrap_or(usize::MAX);
        let whole = octets.len() + cut as usize;
        if known >= whole {
            return;
        }
        if let Some(new) = octets.get(known..).filter(|new| !new.is_empty()) {
            sink.octets(new, at);
        }
        let missing = whole - known.max(octets.len());
        if missing > 0 {
            sink.gap(missing as u64, at);
        }
        self.next += i64::try_from(whole - known).unwrap_or(0);
    }

    /// Hands on the segments that waited for what has come.
    fn hand_on_early(&mut self, sink: &mut impl Sink) {
        while let Some(waiting) = &mut self.waiting {
            match waiting.early.first() {
                Some(first) if first.position > self.next => return,
                Some(_) => {
                    let first = waiting.early.remove(0);
                    waiting.octets -= first.octets.len();
                    self.hand_on(first.position, &first.octets, first.cut, first.at, sink);
                }
                None => self.waiting = None,
            }
        }
    }
}

impl Waiting {
    fn is_full(&self) -> bool {
        self.octets > MOST_OCTETS || self.early.len() > MOST_SEGMENTS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Log(String);

    impl Sink for Log {
        fn octets(&mut self, octets: &[u8], _at: At) {
            self.0.push_str(std::str::from_utf8(octets).expect("ASCII"));
        }

        fn gap(&mut self, len: u64, _at: At) {
            self.0.push_str(&format!("<{len}>"));
        }

        fn held(&self) -> usize {
            0
        }

        fn let_go(&mut self) {}
    }

    fn run(segments: &[(i64, &str, u32)]) -> String {
        let (mut reassembly, mut log) = (Reassembly::default(), Log::default());
        reassembly.begin(1);
        for &(position, octets, len) in segments {
            reassembly.take(position, octets.as_bytes(), len, At::default(), &mut log);
        }
        reassembly.finish(0, &mut log);
        log.0
    }

    #[test]
    fn segments_in_any_order_give_the_octets_in_order() {
        assert_eq!(run(&[(4, "def", 3), (1, "abc", 3), (2, "bcde", 4), (7, "g", 1)]), "abcdefg");
    }

    #[test]
    fn what_never_comes_is_a_gap_at_the_end() {
        assert_eq!(run(&[(1, "ab", 2), (5, "ef", 2), (9, "i", 1)]), "ab<2>ef<2>i");
    }

    #[test]
    fn what_the_snapshot_length_cut_is_a_gap() {
        assert_eq!(run(&[(1, "ab", 4), (5, "ef", 2), (3, "cd", 2)]), "ab<2>ef");
    }

    #[test]
    fn memory_is_bounded() {
        let (mut reassembly, mut log) = (Reassembly::default(), Log::default());
        reassembly.begin(1);
        for position in 0..10_000 {
            reassembly.take(10 + position * 2, b"x", 1, At::default(), &mut log);
            assert!(reassembly.held() <= MOST_SEGMENTS * (1 + size_of::<Early>()));
        }
        assert!(log.0.starts_with("<9>x<1>x"));
        reassembly.let_go(&mut log);
        assert_eq!((reassembly.held(), log.0.matches('x').count()), (0, 10_000));
    }
}
