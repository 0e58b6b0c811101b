//! The socket of a split connection, which is lent to the halves that sleep on it.
//!
//! A half must not hold the connection's lock while it sleeps, and the other half may close the connection meanwhile. So the
//! socket belongs to the link and is lent to a sleeper, and whoever closes it first wakes the sleepers and waits until they
//! have given it back. When the link says that the connection is closed, its descriptor is.
//!
//! The lock in here is held for moments only, and a sleeper needs no other to give the socket back.

use crate::handle::Handle;
use crate::os::{self, AsPollable, Pollable, Watch};
use socket2::{SockRef, Socket};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// One of the two halves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Half {
    Reading,
    Writing,
}

impl Half {
    pub(super) const fn other(self) -> Self {
        match self {
            Self::Reading => Self::Writing,
            Self::Writing => Self::Reading,
        }
    }
}

/// The socket, as the link owns it.
#[derive(Debug)]
pub(super) struct Lent {
    socket: Arc<Socket>,
    sleepers: Arc<Sleepers>,
}

/// Which of the halves sleep on the socket, and what wakes them.
#[derive(Debug)]
struct Sleepers {
    /// `None`: the system had no descriptors left for it, so its half sleeps for a moment at a time.
    wakers: [Option<os::Waker>; 2],
    beds: Mutex<[Bed; 2]>,
    got_up: Condvar,
}

#[derive(Debug, Clone, Copy, Default)]
struct Bed {
    is_asleep: bool,
    is_woken: bool,
}

impl Sleepers {
    fn beds(&self) -> MutexGuard<'_, [Bed; 2]> {
        self.beds.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self, half: Half) {
        let bed = &mut self.beds()[half as usize];
        if bed.is_asleep && !bed.is_woken {
            bed.is_woken = true;
            if let Some(waker) = &self.wakers[half as usize] {
                waker.wake();
            }
        }
    }
}

impl Lent {
    pub(super) fn new(socket: Socket) -> Self {
        let wakers = [os::Waker::new().ok(), os::Waker::new().ok()];
        let sleepers = Sleepers { wakers, beds: Mutex::default(), got_up: Condvar::new() };
        Self { socket: Arc::new(socket), sleepers: Arc::new(sleepers) }
    }

    /// Lends it to a half that is about to sleep. From now on it can be woken.
    pub(super) fn lend(&self, half: Half) -> Loan {
        self.sleepers.beds()[half as usize] = Bed { is_asleep: true, is_woken: false };
        Loan { socket: Some(Arc::clone(&self.socket)), sleepers: Arc::clone(&self.sleepers), half }
    }

    /// Wakes a half, if it sleeps.
    pub(super) fn wake(&self, half: Half) {
        self.sleepers.wake(half);
    }

    /// The socket itself, when both halves are in one hand again.
    pub(super) fn into_socket(self) -> Socket {
        let socket = Arc::clone(&self.socket);
        drop(self);
        Arc::try_unwrap(socket).expect("nobody sleeps: both halves are in one hand")
    }
}

/// Whoever sleeps on it gives it back first.
impl Drop for Lent {
    fn drop(&mut self) {
        for half in [Half::Reading, Half::Writing] {
            self.sleepers.wake(half);
        }
        let is_lent = |beds: &mut [Bed; 2]| beds.iter().any(|bed| bed.is_asleep);
        drop(self.sleepers.got_up.wait_while(self.sleepers.beds(), is_lent));
    }
}

impl Handle for Lent {
    fn socket(&self) -> SockRef<'_> {
        SockRef::from(&*self.socket)
    }

    fn pollable(&self) -> Pollable<'_> {
        self.socket.as_pollable()
    }
}

/// A socket on which a half sleeps. Dropped, it is given back.
pub(super) struct Loan {
    socket: Option<Arc<Socket>>,
    sleepers: Arc<Sleepers>,
    half: Half,
}

impl Loan {
    pub(super) fn socket(&self) -> Pollable<'_> {
        self.socket.as_ref().expect("it is given back when this is dropped").as_pollable()
    }

    /// What wakes its sleeper.
    pub(super) fn watch(&self) -> Watch<'_> {
        Watch::readable(self.waker().map(AsPollable::as_pollable))
    }

    /// How long its sleeper may sleep at a time. `None`: until it is woken.
    pub(super) fn at_a_time(&self) -> Option<Duration> {
        self.waker().is_none().then_some(os::LOOK_AGAIN)
    }

    fn waker(&self) -> Option<&os::Waker> {
        self.sleepers.wakers[self.half as usize].as_ref()
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        // Before the bed is left: whoever waits for that closes the socket.
        self.socket = None;
        let mut beds = self.sleepers.beds();
        let bed = std::mem::take(&mut beds[self.half as usize]);
        if let Some(waker) = self.waker().filter(|_| bed.is_woken) {
            waker.clear();
        }
        drop(beds);
        self.sleepers.got_up.notify_all();
    }
}
