//! Stopping a connection from outside of whatever it waits for.

use adieu_proto::Signal;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{fmt, io};

#[cfg(unix)]
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Stops every connection that was given it: [`Interrupt::raise`] wakes them, and each ends as
/// [`Interrupted`](crate::Ending::Interrupted).
///
/// Clones are the same interrupt. Once raised, it stays raised.
#[derive(Clone)]
pub struct Interrupt {
    shared: Arc<Shared>,
}

struct Shared {
    raised: Arc<AtomicUsize>,
    /// Readable from the moment it is raised: one byte that nobody takes out.
    #[cfg(unix)]
    pipe: (OwnedFd, OwnedFd),
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
    /// Unix: a pipe.
    pub fn new() -> io::Result<Self> {
        #[cfg(unix)]
        let pipe = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
        Ok(Self {
            shared: Arc::new(Shared {
                raised: Arc::default(),
                #[cfg(unix)]
                pipe,
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
            #[cfg(unix)]
            // The pipe is empty, and its reading end lives as long as we do: it takes a byte.
            let _ = rustix::io::write(&self.shared.pipe.1, &[signal.number()]);
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
    pub fn for_signal_handler(&self) -> io::Result<(Arc<AtomicUsize>, OwnedFd)> {
        Ok((Arc::clone(&self.shared.raised), self.shared.pipe.1.try_clone()?))
    }

    /// What it was raised with. `None`: it was not.
    pub fn raised(&self) -> Option<Signal> {
        match self.shared.raised.load(Ordering::Acquire) {
            2 => Some(Signal::Interrupt),
            15 => Some(Signal::Terminate),
            _ => None,
        }
    }
}

#[cfg(unix)]
impl AsFd for Interrupt {
    /// Readable once raised.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.shared.pipe.0.as_fd()
    }
}

impl fmt::Debug for Interrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interrupt").field("raised", &self.raised()).finish_non_exhaustive()
    }
}
