//! The end of a relay: it stops accepting, waits for the connections that are open, and cuts the rest.

use crate::crowd::Crowd;
use crate::moment;
use crate::open::OpenConnection;
use crate::room::Room;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// What a drain came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Drained {
    /// How many connections were open when it began, or came from the backlog, and ended by themselves.
    pub finished: usize,
    /// Those that had to be cut, as they were then: both of their sides were reset.
    pub cut: Vec<OpenConnection>,
}

/// What all workers share of it.
#[derive(Debug)]
pub(crate) struct Shutdown {
    /// By when everything is to be over. `None`: it goes on.
    until: watch::Sender<Option<Instant>>,
    /// The same in short: each connection asks.
    has_begun: AtomicBool,
    /// Counts the connections that are open.
    pub(crate) room: Room,
    crowd: Crowd,
    /// Woken when the last of them has ended.
    ended: tokio::sync::Notify,
    drained: Mutex<Drained>,
}

impl Shutdown {
    pub(crate) fn new() -> Self {
        Self {
            until: watch::Sender::new(None),
            has_begun: AtomicBool::new(false),
            room: Room::new(),
            crowd: Crowd::default(),
            ended: tokio::sync::Notify::new(),
            drained: Mutex::default(),
        }
    }

    /// Begins it, or moves its end to an earlier moment. True: this began it.
    pub(crate) fn begin(&self, grace: Duration) -> bool {
        let now = Instant::now();
        let until = moment::after(now, grace);
        let mut is_first = false;
        self.until.send_modify(|at| {
            is_first = at.is_none();
            self.has_begun.store(true, Ordering::Release);
            *at = Some(at.map_or(until, |at| at.min(until)));
        });
        is_first
    }

    pub(crate) fn has_begun(&self) -> bool {
        self.has_begun.load(Ordering::Acquire)
    }

    /// Waits until it begins.
    pub(crate) async fn begun(&self) {
        let mut watching = self.until.subscribe();
        // Its sender is ours, so it cannot be gone.
        let _ = watching.wait_for(Option::is_some).await;
    }

    /// Waits until it has begun and the time of the open connections is up.
    pub(crate) async fn grace_over(&self) {
        let mut watching = self.until.subscribe();
        loop {
            let until = *watching.borrow_and_update();
            let over = async {
                match until {
                    Some(until) => tokio::time::sleep_until(until.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = over => return,
                // Its end was moved.
                _ = watching.changed() => {}
            }
        }
    }

    pub(crate) fn open(&self) -> usize {
        self.room.open()
    }

    pub(crate) fn has_opened(&self) {
        self.crowd.came(self.room.enter());
    }

    /// A connection has ended by itself, or was cut. `Some`: a crowd of this many has left with it.
    #[must_use]
    pub(crate) fn has_ended(&self, cut: Option<OpenConnection>) -> Option<usize> {
        if self.has_begun() {
            let mut drained = self.drained.lock().unwrap_or_else(PoisonError::into_inner);
            match cut {
                Some(cut) => drained.cut.push(cut),
                None => drained.finished += 1,
            }
        }
        let open = self.room.leave();
        if open == 0 {
            self.ended.notify_waiters();
        }
        self.crowd.went(open)
    }

    /// Waits until no connection is open. False: the time was up before.
    pub(crate) async fn all_ended(&self) -> bool {
        let mut watching = self.until.subscribe();
        loop {
            let until = (*watching.borrow_and_update()).unwrap_or_else(Instant::now);
            tokio::select! {
                all = self.all_ended_by(until) => return all,
                // Its end was moved.
                _ = watching.changed() => {}
            }
        }
    }

    /// The same, with a moment of the caller's.
    pub(crate) async fn all_ended_by(&self, until: Instant) -> bool {
        let ended = async {
            loop {
                let mut ended = pin!(self.ended.notified());
                ended.as_mut().enable();
                if self.open() == 0 {
                    return;
                }
                ended.await;
            }
        };
        tokio::time::timeout_at(until.into(), ended).await.is_ok()
    }

    pub(crate) fn drained(&self) -> Drained {
        self.drained.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
