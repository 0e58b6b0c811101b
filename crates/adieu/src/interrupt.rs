//! The interrupt: it stops connections from another thread or a signal handler, whatever they are waiting for.

#[cfg(feature = "tokio")]
use crate::os::AsyncInterrupt;
use crate::os::{self, AsPollable, Waker, Watch};
use adieu_proto::Signal;
#[cfg(feature = "tokio")]
pub(crate) use awaited::{Awaited, Awaiting};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
#[cfg(feature = "tokio")]
use std::sync::{Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};
use std::{fmt, io};

#[cfg(feature = "tokio")]
mod awaited;

/// Stops every connection that was given it: [`Interrupt::raise`] wakes them, and each ends as
/// [`Interrupted`](crate::Ending::Interrupted).
///
/// Clones are the same interrupt. Once raised, it stays raised.
///
/// It aborts: the peers see a reset. A server that is to let its clients end first is shut down by its
/// [handle](crate::ServerHandle::shutdown).
///
/// # Examples
///
/// ```
/// use adieu::{ConnectOptions, Ending, Interrupt, Signal};
///
/// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
/// # let endpoint = listener.local_addr()?.into();
/// let interrupt = Interrupt::new()?;
/// let connection = adieu::connect(&endpoint, &ConnectOptions::new().interrupt(&interrupt))?;
/// // In a program, once somebody has pressed a button.
/// std::thread::spawn(move || interrupt.raise(Signal::Interrupt));
///
/// // The peer is silent, and would be waited for.
/// let (reply, report) = adieu::request(connection, "this is a test");
/// assert!(matches!(report.ending(), Ending::Interrupted { signal: Signal::Interrupt }), "{report}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Interrupt {
    shared: Arc<Shared>,
}

struct Shared {
    raised: Arc<AtomicUsize>,
    /// Readable from the moment it is raised.
    waker: Waker,
    /// What the tasks of each runtime wait for it with, as long as there are any.
    #[cfg(feature = "tokio")]
    awaited: Mutex<Vec<(tokio::runtime::Id, Weak<Awaited>)>>,
}

impl Interrupt {
    /// An interrupt that nobody has raised.
    ///
    /// # Errors
    ///
    /// The system has no descriptors left.
    ///
    /// # Platforms
    ///
    /// Unix: a pipe. Windows: a datagram socket on loopback that is connected to itself.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            shared: Arc::new(Shared {
                raised: Arc::default(),
                waker: Waker::new()?,
                #[cfg(feature = "tokio")]
                awaited: Mutex::default(),
            }),
        })
    }

    /// Stops the connections. Only the first call counts.
    pub fn raise(&self, signal: Signal) {
        let first = self
            .shared
            .raised
            .compare_exchange(0, signal.number().into(), Ordering::AcqRel, Ordering::Acquire)
            .is_ok();
        if first {
            self.shared.waker.wake();
        }
    }

    /// The two halves of [`Interrupt::raise`], for a signal handler: store the signal's number in the flag, then
    /// write a byte to the descriptor. Both are async-signal-safe; `signal-hook` has a safe function for each.
    ///
    /// # Errors
    ///
    /// The system has no descriptors left.
    ///
    /// # Platforms
    ///
    /// Unix.
    #[cfg(unix)]
    pub fn for_signal_handler(&self) -> io::Result<(Arc<AtomicUsize>, std::os::fd::OwnedFd)> {
        Ok((Arc::clone(&self.shared.raised), self.shared.waker.writer()?))
    }

    /// What it was raised with. `None`: it was not.
    pub fn raised(&self) -> Option<Signal> {
        match self.shared.raised.load(Ordering::Acquire) {
            1 => Some(Signal::Hangup),
            2 => Some(Signal::Interrupt),
            15 => Some(Signal::Terminate),
            _ => None,
        }
    }

    /// Waits until it is raised, at most for `limit`, and says with what. `None`: it was not.
    pub fn wait(&self, limit: Duration) -> Option<Signal> {
        // A limit beyond the clock's end is as good as none.
        let until = Instant::now().checked_add(limit);
        loop {
            let left = until.map_or(limit, |until| until.saturating_duration_since(Instant::now()));
            // Without a wait (no memory left) there is only a look.
            let waited = os::wait(&mut [Watch::readable(Some(self.as_pollable()))], Some(left));
            if self.raised().is_some() || left.is_zero() || waited.is_err() {
                return self.raised();
            }
        }
    }

    /// Whether the two are the same.
    #[cfg(feature = "tokio")]
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// What tasks of the current runtime await it with: one for all of them, so that a thousand connections take one descriptor.
    ///
    /// # Errors
    ///
    /// The system has no descriptors left.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime with I/O enabled.
    #[cfg(feature = "tokio")]
    pub(crate) fn awaited(&self) -> io::Result<Arc<Awaited>> {
        let runtime = tokio::runtime::Handle::current().id();
        let mut awaited = self.shared.awaited.lock().unwrap_or_else(PoisonError::into_inner);
        let known = awaited.iter().find(|(at, _)| *at == runtime).and_then(|(_, known)| known.upgrade());
        if let Some(known) = known {
            return Ok(known);
        }
        let new = Arc::new(Awaited::new(AsyncInterrupt::new(self)?));
        awaited.retain(|(_, known)| known.strong_count() > 0);
        awaited.push((runtime, Arc::downgrade(&new)));
        Ok(new)
    }
}

#[cfg(windows)]
impl std::os::windows::io::AsSocket for Interrupt {
    /// Readable once raised.
    fn as_socket(&self) -> std::os::windows::io::BorrowedSocket<'_> {
        std::os::windows::io::AsSocket::as_socket(&self.shared.waker)
    }
}

#[cfg(unix)]
impl std::os::fd::AsFd for Interrupt {
    /// Readable once raised.
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        std::os::fd::AsFd::as_fd(&self.shared.waker)
    }
}

impl fmt::Debug for Interrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interrupt").field("raised", &self.raised()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_without_an_end_ends_when_it_is_raised() {
        let interrupt = Interrupt::new().expect("descriptors are left");
        assert_eq!(interrupt.wait(Duration::ZERO), None);
        interrupt.raise(Signal::Terminate);
        assert_eq!(interrupt.wait(Duration::MAX), Some(Signal::Terminate));
    }
}
