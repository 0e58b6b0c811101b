//! The progress of a relay, which can be read while it runs.

use adieu_proto::Connection;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What a relay has passed on so far. The relay that was [given](crate::RelayOptions::progress) it writes it, and anybody may read
/// it, from any thread. Counts are bytes, and begin with the connections; each is right by itself, and two of them may be of
/// different moments.
///
/// It costs the relay a few stores for each piece that moves.
///
/// # Examples
///
/// ```
/// use adieu::{RelayOptions, RelayProgress};
/// use std::sync::Arc;
///
/// let progress = Arc::new(RelayProgress::new());
/// let options = RelayOptions::new().progress(Arc::clone(&progress));
/// // Later, while the relay runs:
/// println!("{} bytes from the client", progress.received_from_a());
/// ```
#[derive(Debug)]
pub struct RelayProgress {
    since: Instant,
    /// From the first connection: received, and accepted for the second; then the other way.
    counts: [AtomicU64; 4],
    /// Which of the two has ended its stream.
    ended: [AtomicBool; 2],
    /// When something moved last, in microseconds since `since`.
    moved: AtomicU64,
}

impl RelayProgress {
    /// Nothing has been passed on.
    pub fn new() -> Self {
        Self {
            since: Instant::now(),
            counts: Default::default(),
            ended: Default::default(),
            moved: AtomicU64::new(0),
        }
    }

    fn count(&self, place: usize) -> u64 {
        self.counts[place].load(Ordering::Relaxed)
    }

    /// Received from the first connection.
    pub fn received_from_a(&self) -> u64 {
        self.count(0)
    }

    /// Accepted by our kernel for the second connection.
    pub fn accepted_for_b(&self) -> u64 {
        self.count(1)
    }

    /// Received from the second connection.
    pub fn received_from_b(&self) -> u64 {
        self.count(2)
    }

    /// Accepted by our kernel for the first connection.
    pub fn accepted_for_a(&self) -> u64 {
        self.count(3)
    }

    /// Whether one of the two connections has ended its stream, and the other has not: the relay is half-open.
    pub fn is_half_open(&self) -> bool {
        let [a, b] = [&self.ended[0], &self.ended[1]].map(|ended| ended.load(Ordering::Relaxed));
        a != b
    }

    /// How long nothing has moved: no byte, and no end.
    pub fn idle(&self) -> Duration {
        let moved = Duration::from_micros(self.moved.load(Ordering::Relaxed));
        self.age().saturating_sub(moved)
    }

    /// How long ago it was made.
    pub fn age(&self) -> Duration {
        self.since.elapsed()
    }

    /// Something has moved now.
    pub(super) fn note(&self, a: &Connection, b: &Connection, now: Instant) {
        for (ended, core) in self.ended.iter().zip([a, b]) {
            ended.store(core.peer_has_ended(), Ordering::Relaxed);
        }
        let (a, b) = (a.counts(), b.counts());
        for (place, count) in [a.received, b.accepted, b.received, a.accepted].into_iter().enumerate() {
            self.counts[place].store(count, Ordering::Relaxed);
        }
        let since = now.saturating_duration_since(self.since);
        let moved = u64::try_from(since.as_micros()).unwrap_or(u64::MAX);
        self.moved.store(moved, Ordering::Relaxed);
    }
}

impl Default for RelayProgress {
    fn default() -> Self {
        Self::new()
    }
}
