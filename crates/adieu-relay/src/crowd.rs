//! Returns the memory of ended connections to the system once many of them have left.
//!
//! TLS buffers are large, and the allocator keeps free memory that lies between blocks in use. Without this, a service that once had many
//! connections would keep their memory for ever.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Fewer connections than this are no crowd.
const CROWD: usize = 64;

/// A crowd has left when there are this many times fewer connections than there were.
const FEWER: usize = 8;

/// Who comes back within this time finds the memory as it was.
const LULL: Duration = Duration::from_secs(2);

/// How many connections there have been at once since a crowd left.
#[derive(Debug, Default)]
pub(crate) struct Crowd {
    peak: AtomicUsize,
}

impl Crowd {
    /// There are this many connections, one more than before.
    pub(crate) fn came(&self, open: usize) {
        // Workers do not take it from each other unless it changes.
        if open > self.peak.load(Ordering::Acquire) {
            self.peak.fetch_max(open, Ordering::AcqRel);
        }
    }

    /// There are this many connections, one fewer than before. If a crowd has left, it is told once how large it was, and those who are
    /// there now are the next one.
    pub(crate) fn went(&self, open: usize) -> Option<usize> {
        let peak = self.peak.load(Ordering::Acquire);
        let is_first = || self.peak.compare_exchange(peak, open, Ordering::AcqRel, Ordering::Acquire).is_ok();
        (peak >= CROWD && has_left(peak, open) && is_first()).then_some(peak)
    }
}

/// Whether so few connections are left of a crowd that it is gone.
pub(crate) const fn has_left(crowd: usize, open: usize) -> bool {
    open <= crowd / FEWER
}

/// Gives freed memory back to the system if the crowd is still gone after a lull. A thread of its own waits: giving it back takes some
/// ten milliseconds, and no connection is to wait for that.
pub(crate) fn after_a_lull(is_gone: impl FnOnce() -> bool + Send + 'static) {
    let watch = move || {
        std::thread::sleep(LULL);
        if is_gone() {
            adieu_os::return_freed_memory();
        }
    };
    // Without a thread the memory is kept until the next crowd has left.
    let _ = std::thread::Builder::new().name("adieu-memory".into()).spawn(watch);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crowd_is_over_once_an_eighth_of_it_is_left() {
        let crowd = Crowd::default();
        (1..=80).for_each(|open| crowd.came(open));
        assert_eq!(crowd.went(11), None);
        assert_eq!(crowd.went(10), Some(80));
        // It is over once.
        assert_eq!(crowd.went(0), None);
    }

    #[test]
    fn a_few_connections_are_no_crowd() {
        let crowd = Crowd::default();
        crowd.came(63);
        assert_eq!(crowd.went(0), None);
    }
}
