//! The memory of connections that are over goes back to the system once a crowd of them has left.
//!
//! Buffers of TLS are large, and the allocator keeps what lies between those that are still in use. A service that once had many
//! connections would keep their memory for good.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// Fewer connections than this are no crowd.
const CROWD: usize = 64;

/// A crowd has left when there are this many times fewer connections than there were.
const FEWER: usize = 8;

/// Who comes back within this time finds the memory as it was.
const LULL: Duration = Duration::from_secs(2);

/// How many connections there have been at once since memory was last given back.
#[derive(Debug, Default)]
pub(crate) struct Crowd {
    peak: AtomicUsize,
    is_watched: AtomicBool,
}

impl Crowd {
    /// There are this many connections, one more than before.
    pub(crate) fn came(&self, open: usize) {
        self.peak.fetch_max(open, Ordering::AcqRel);
    }

    /// There are this many connections, one fewer than before. True: [`after_a_lull`] is to ask whether the crowd [is over](Self::is_over).
    pub(crate) fn went(&self, open: usize) -> bool {
        self.has_left(open) && !self.is_watched.swap(true, Ordering::AcqRel)
    }

    /// After the lull there are this many. Whether the crowd is gone: then those who are there now are the next one.
    pub(crate) fn is_over(&self, open: usize) -> bool {
        self.is_watched.store(false, Ordering::Release);
        let is_over = self.has_left(open);
        if is_over {
            self.peak.store(open, Ordering::Release);
        }
        is_over
    }

    fn has_left(&self, open: usize) -> bool {
        let peak = self.peak.load(Ordering::Acquire);
        peak >= CROWD && open <= peak / FEWER
    }
}

/// Gives freed memory back to the system if the crowd is still over after a lull. A thread of its own waits: giving it back takes some
/// ten milliseconds, and no connection is to wait for that.
pub(crate) fn after_a_lull(is_over: impl FnOnce() -> bool + Send + 'static) {
    let watch = move || {
        std::thread::sleep(LULL);
        if is_over() {
            adieu_os::return_freed_memory();
        }
    };
    // Without a thread the memory is kept.
    let _ = std::thread::Builder::new().name("adieu-memory".into()).spawn(watch);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crowd_is_over_once_an_eighth_of_it_is_left() {
        let crowd = Crowd::default();
        (1..=80).for_each(|open| crowd.came(open));
        assert!(!crowd.has_left(11));
        assert!(crowd.has_left(10) && crowd.is_over(10));
        // It is over once.
        assert!(!crowd.has_left(0));
    }

    #[test]
    fn a_few_connections_are_no_crowd() {
        let crowd = Crowd::default();
        crowd.came(63);
        assert!(!crowd.has_left(0));
    }
}
