//! The places of a relay: how many connections may be open at once, a number that may change while some are.

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Semaphore;

#[derive(Debug)]
pub(super) struct Places {
    free: Semaphore,
    /// How many there are, taken or free.
    all: Mutex<usize>,
    /// How many of the taken ones are gone once they are given back, because there are too many.
    owed: AtomicUsize,
}

/// A place that is taken, until it is dropped.
#[derive(Debug)]
pub(super) struct Permit(Arc<Places>);

impl Places {
    /// As many as anybody wants.
    pub(super) fn new() -> Self {
        let all = Semaphore::MAX_PERMITS;
        Self { free: Semaphore::new(all), all: Mutex::new(all), owed: AtomicUsize::new(0) }
    }

    /// Has so many from now on. `None`: as many as anybody wants.
    pub(super) fn set(&self, number: Option<NonZero<u32>>) {
        let most = Semaphore::MAX_PERMITS;
        let new = number.map_or(most, |number| usize::try_from(number.get()).map_or(most, |n| n.min(most)));
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        if new < *all {
            let fewer = *all - new;
            let gone = self.free.forget_permits(fewer);
            self.owed.fetch_add(fewer - gone, Ordering::AcqRel);
        } else {
            let mut more = new - *all;
            while more > 0 && self.forgive() {
                more -= 1;
            }
            self.free.add_permits(more);
        }
        *all = new;
    }

    /// One place less is owed. False: none was.
    fn forgive(&self) -> bool {
        let less = |owed: usize| owed.checked_sub(1);
        self.owed.fetch_update(Ordering::AcqRel, Ordering::Acquire, less).is_ok()
    }

    /// Waits for a place. `None` never comes: nobody closes the semaphore.
    pub(super) async fn wait(self: &Arc<Self>) -> Option<Permit> {
        self.free.acquire().await.ok()?.forget();
        Some(Permit(Arc::clone(self)))
    }

    /// A place, if one is free.
    pub(super) fn take(self: &Arc<Self>) -> Option<Permit> {
        self.free.try_acquire().ok()?.forget();
        Some(Permit(Arc::clone(self)))
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if !self.0.forgive() {
            self.0.free.add_permits(1);
        }
    }
}
