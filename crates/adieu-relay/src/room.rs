//! How many connections the free descriptors suffice for.
//!
//! For each client that is accepted, the relay needs a second descriptor, for the connection to its upstream. If there is none, it
//! has to reset the client. So a worker accepts nobody while the number of connections is at this bound: further clients wait in
//! the backlog. The count is taken before a worker waits for its next client, so each worker may be one client ahead. Descriptors
//! for these clients are reserved, and some more for pipes, names and metrics. If descriptors run out all the same, because others
//! in the process took them, the relay tries to connect again until there are some.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tokio::sync::Notify;

/// Descriptors of one connection: those of its two sockets. Without pipes it goes through memory.
const OF_A_CONNECTION: usize = 2;

/// Descriptors that are kept for whatever is opened in passing, such as files and the resolver's sockets, unless they are few.
const IN_PASSING: usize = 8;

/// Descriptors that a worker opens once it runs.
const OF_A_WORKER: usize = 4;

/// A process that may open no more descriptors than this for each core has one worker: the others would need them.
const FEW: usize = 64;

/// The room of a service.
#[derive(Debug)]
pub(crate) struct Room {
    most: AtomicUsize,
    open: AtomicUsize,
    freed: Notify,
    is_full: AtomicBool,
}

impl Room {
    /// As much as anybody wants, until it is [measured](Self::measure).
    pub(crate) fn new() -> Self {
        Self {
            most: AtomicUsize::new(usize::MAX),
            open: AtomicUsize::new(0),
            freed: Notify::new(),
            is_full: AtomicBool::new(false),
        }
    }

    /// Measures how many connections the descriptors suffice for that the process may still open. `accepting`: how many tasks accept,
    /// each of which may be a client ahead. `beginning`: how many workers do not run yet.
    pub(crate) fn measure(&self, accepting: usize, beginning: usize) {
        let open = self.open.load(Ordering::Acquire);
        let free = adieu_os::free_descriptors().saturating_sub(beginning * OF_A_WORKER);
        self.set(open.saturating_add(suffices_for(free, accepting)));
    }

    fn set(&self, most: usize) {
        self.most.store(most.max(1), Ordering::Release);
        self.freed.notify_waiters();
    }

    /// How many connections are open.
    pub(crate) fn open(&self) -> usize {
        self.open.load(Ordering::Acquire)
    }

    /// A connection is open. How many there are now.
    pub(crate) fn enter(&self) -> usize {
        self.open.fetch_add(1, Ordering::AcqRel) + 1
    }

    /// A connection is over. How many there are now.
    pub(crate) fn leave(&self) -> usize {
        let open = self.open.fetch_sub(1, Ordering::AcqRel) - 1;
        let most = self.most.load(Ordering::Acquire);
        if open + 1 == most {
            self.freed.notify_waiters();
        }
        // Here, because nobody may look before there are as many again.
        if open <= most.saturating_sub(1) / 2 && self.is_full.load(Ordering::Relaxed) {
            self.is_full.store(false, Ordering::Relaxed);
        }
        open
    }

    /// How many connections there may be, if there are as many now and this is news: it is told once, until half of them have ended.
    pub(crate) fn news(&self) -> Option<usize> {
        let most = self.most.load(Ordering::Acquire);
        (self.open() >= most && !self.is_full.swap(true, Ordering::Relaxed)).then_some(most)
    }

    /// Waits until one more client may be accepted.
    pub(crate) async fn for_one_more(&self) {
        // Most often there is.
        while self.open() >= self.most.load(Ordering::Acquire) {
            let mut freed = pin!(self.freed.notified());
            // Before it is looked, so that nobody leaves unnoticed between the two.
            freed.as_mut().enable();
            if self.open() < self.most.load(Ordering::Acquire) {
                return;
            }
            freed.await;
        }
    }
}

/// How many workers are to run on so many cores.
pub(crate) fn workers(cores: usize) -> usize {
    (adieu_os::free_descriptors() / FEW).clamp(1, cores)
}

/// How many connections a number of free descriptors suffices for.
///
/// A quarter of the descriptors, but no more than 1,024, is kept for pipes and metrics. A connection that finds no descriptors for a pipe is
/// relayed through memory; a client that finds none for its upstream would have to be reset.
fn suffices_for(free: usize, accepting: usize) -> usize {
    let quarter = free / 4;
    let kept = quarter.min(1024) + IN_PASSING.min(quarter) + accepting.saturating_sub(1) * OF_A_CONNECTION;
    free.saturating_sub(kept) / OF_A_CONNECTION
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::Future;
    use std::task::{Context, Waker};

    #[test]
    fn there_is_room_for_one_at_least_and_for_no_more_than_there_are_descriptors() {
        let told = [(0, 2, 0), (1000, 4, 368), (20_000, 2, 9_483), (60, 2, 17), (8, 1, 2)];
        for (free, accepting, connections) in told {
            assert_eq!(suffices_for(free, accepting), connections, "{free}");
            assert!((connections + accepting - 1) * OF_A_CONNECTION <= free.max(2));
        }
        let room = Room::new();
        room.set(0);
        let cx = &mut Context::from_waker(Waker::noop());
        assert!(pin!(room.for_one_more()).poll(cx).is_ready());
    }

    #[test]
    fn that_it_is_full_is_news_again_once_half_have_left() {
        for most in 1..=5 {
            let room = Room::new();
            room.set(most);
            for _ in 0..2 {
                while room.enter() < most {
                    assert_eq!(room.news(), None);
                }
                assert_eq!((room.news(), room.news()), (Some(most), None), "{most}");
                // A place that is taken again at once is none.
                if most > 1 {
                    room.leave();
                    room.enter();
                    assert_eq!(room.news(), None, "{most}");
                }
                while room.leave() > (most - 1) / 2 {}
                while room.open() > 0 {
                    room.leave();
                }
            }
        }
    }

    #[test]
    fn who_waits_goes_on_when_somebody_leaves_and_only_then() {
        let room = Room::new();
        room.set(2);
        let cx = &mut Context::from_waker(Waker::noop());
        room.enter();
        assert_eq!(room.news(), None);
        assert!(pin!(room.for_one_more()).poll(cx).is_ready());
        room.enter();
        // One that was ahead.
        room.enter();
        assert_eq!((room.news(), room.news()), (Some(2), None));
        let mut waiting = pin!(room.for_one_more());
        assert!(waiting.as_mut().poll(cx).is_pending());
        assert_ne!(room.leave(), 0);
        assert!(waiting.as_mut().poll(cx).is_pending());
        assert_ne!(room.leave(), 0);
        assert!(waiting.as_mut().poll(cx).is_ready());
        assert_eq!(room.leave(), 0);
    }
}
