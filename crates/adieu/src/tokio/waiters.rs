//! The tasks that wait on one connection.
//!
//! Split in halves, a connection has two, and one timer and one ending are news to both. A future's `poll` is told of
//! one waker only, that of the task it is called from; the other task would sleep on.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Wake, Waker};

/// What a task that waits is about to do. Not what it waits for: with TLS a reader may have to send first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Half {
    Reading,
    Writing,
}

/// Who waits to read, and who waits to write. As a waker it wakes both.
#[derive(Default)]
pub(super) struct Waiters {
    waiting: Mutex<[Option<Waker>; 2]>,
}

impl Waiters {
    /// This half's task waits. It stays noted until it is woken: too often does no harm.
    pub(super) fn note(&self, half: Half, waker: &Waker) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut waiting[half as usize] {
            Some(known) => known.clone_from(waker),
            empty => *empty = Some(waker.clone()),
        }
    }
}

impl Wake for Waiters {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let waiting = std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        // Woken with the lock released: a waker may run what it wakes.
        waiting.into_iter().flatten().for_each(Waker::wake);
    }
}
