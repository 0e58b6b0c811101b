//! The tasks of one runtime that wait for an interrupt.
//!
//! A service has one interrupt for all its connections, so each costs a place in a list here, and no future of its own.

use crate::os::AsyncInterrupt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use tokio::task::coop::unconstrained;

/// What the tasks of one runtime await an interrupt with: one descriptor for all of them.
#[derive(Debug)]
pub(crate) struct Awaited {
    system: AsyncInterrupt,
    /// Apart from the descriptor: the reactor holds it until the interrupt is raised.
    tasks: Arc<Tasks>,
}

/// Those who wait. As a waker it wakes all of them.
#[derive(Debug, Default)]
struct Tasks(Mutex<Places>);

#[derive(Debug, Default)]
struct Places {
    all: Vec<Place>,
    /// The free place that was left last.
    free: Option<usize>,
}

#[derive(Debug)]
enum Place {
    Taken(Waker),
    /// The free place that was left before this one.
    Free(Option<usize>),
}

/// A task that waits, until this is dropped.
pub(crate) struct Awaiting {
    awaited: Arc<Awaited>,
    place: usize,
}

impl Awaited {
    pub(super) fn new(system: AsyncInterrupt) -> Self {
        Self { system, tasks: Arc::default() }
    }

    /// Waits until it is raised; for ever, if the runtime goes away.
    pub(crate) async fn raised(&self) {
        self.system.raised().await;
    }

    /// From now on this task is woken when it is raised. If it was raised before, nobody is woken.
    pub(crate) fn enlist(self: Arc<Self>, waker: &Waker) -> Awaiting {
        let place = self.tasks.places().take(waker.clone());
        let of_all = Waker::from(Arc::clone(&self.tasks));
        let ask = poll_fn(|_| self.system.poll_raised(&mut Context::from_waker(&of_all)));
        // Out of its turn this task would be told to come again, and so would all others with it.
        let _: Poll<()> = pin!(unconstrained(ask)).poll(&mut Context::from_waker(waker));
        Awaiting { awaited: self, place }
    }
}

impl Awaiting {
    /// The task that waits is this one from now on.
    pub(crate) fn set(&self, waker: &Waker) {
        let old = self
            .awaited
            .tasks
            .places()
            .all
            .get_mut(self.place)
            .map(|place| std::mem::replace(place, Place::Taken(waker.clone())));
        // With the lock released: a waker may be the last that holds its task.
        drop(old);
    }
}

impl Drop for Awaiting {
    fn drop(&mut self) {
        let waker = self.awaited.tasks.places().leave(self.place);
        drop(waker);
    }
}

impl Tasks {
    fn places(&self) -> MutexGuard<'_, Places> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Places {
    fn take(&mut self, waker: Waker) -> usize {
        let Some(place) = self.free else {
            self.all.push(Place::Taken(waker));
            return self.all.len() - 1;
        };
        if let Place::Free(next) = std::mem::replace(&mut self.all[place], Place::Taken(waker)) {
            self.free = next;
        }
        place
    }

    /// Gives a place back, and what stood there.
    fn leave(&mut self, place: usize) -> Place {
        let left = std::mem::replace(&mut self.all[place], Place::Free(self.free));
        self.free = Some(place);
        left
    }
}

impl Wake for Tasks {
    fn wake(self: Arc<Self>) {
        let wakers: Vec<Waker> = self.places().all.iter().filter_map(Place::waker).cloned().collect();
        // With the lock released: a waker may run what it wakes.
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl Place {
    fn waker(&self) -> Option<&Waker> {
        if let Self::Taken(waker) = self { Some(waker) } else { None }
    }
}
