//! A number that only grows, and that other threads can wait for: how tests wait without sleeping.

use std::{
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// A counter that can be waited for, with a bound.
#[derive(Debug, Default)]
pub struct Progress {
    value: Mutex<u64>,
    changed: Condvar,
}

impl Progress {
    /// Starts at zero.
    pub const fn new() -> Self {
        Self { value: Mutex::new(0), changed: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, u64> {
        // A panicking test thread must not turn every waiter's report into "poisoned".
        self.value.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number now.
    pub fn now(&self) -> u64 {
        *self.lock()
    }

    /// Raises the number to `value`; never lowers it.
    pub fn reach(&self, value: u64) {
        let mut now = self.lock();
        if value > *now {
            *now = value;
            self.changed.notify_all();
        }
    }

    /// Waits until the number is at least `value`, for at most `bound`, and says whether it is.
    pub fn wait_for(&self, value: u64, bound: Duration) -> bool {
        let end = Instant::now() + bound;
        let mut now = self.lock();
        while *now < value {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            (now, _) = self.changed.wait_timeout(now, left).unwrap_or_else(PoisonError::into_inner);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn a_waiter_wakes_when_the_number_is_reached() {
        let progress = Progress::new();
        thread::scope(|scope| {
            let waiter = scope.spawn(|| progress.wait_for(3, Duration::from_secs(20)));
            progress.reach(1);
            progress.reach(5);
            assert!(waiter.join().expect("the waiter does not panic"));
        });
        progress.reach(2);
        assert_eq!(progress.now(), 5, "it never falls");
    }

    #[test]
    fn a_wait_ends_at_its_bound() {
        assert!(!Progress::new().wait_for(1, Duration::from_millis(10)));
    }
}
