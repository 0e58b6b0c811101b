//! What an observer of a transfer is told while it runs. What the transfer came to is its [outcome](crate::TransferOutcome), which
//! holds nothing from here.

use crate::wire::{Activity, EntryPath};
use std::cell::Cell;
use std::ops::ControlFlow;

/// What a program gives to watch a transfer and to cancel it.
pub(crate) type Observe<'a> = &'a mut dyn FnMut(TransferEvent<'_>) -> ControlFlow<()>;

/// Tells a program what happens, until it cancels the transfer.
pub(crate) struct Observer<'a> {
    observe: Observe<'a>,
    is_cancelled: Cell<bool>,
}

impl<'a> Observer<'a> {
    pub(crate) fn new(observe: Observe<'a>) -> Self {
        Self { observe, is_cancelled: Cell::new(false) }
    }

    /// Tells of an event.
    ///
    /// # Errors
    ///
    /// The program cancels the transfer, or did so before. Then it is told nothing more.
    pub(crate) fn tell(&mut self, event: TransferEvent<'_>) -> Result<(), Cancelled> {
        let (mut tell, is_cancelled) = self.parts();
        tell(event);
        if is_cancelled.get() { Err(Cancelled) } else { Ok(()) }
    }

    /// Whether the program has cancelled the transfer.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.is_cancelled.get()
    }

    /// What tells the program, and whether it has cancelled, for work that asks while it tells.
    pub(crate) fn parts(&mut self) -> (impl FnMut(TransferEvent<'_>), &Cell<bool>) {
        let (observe, is_cancelled) = (&mut *self.observe, &self.is_cancelled);
        let tell = move |event: TransferEvent<'_>| {
            if !is_cancelled.get() && observe(event).is_break() {
                is_cancelled.set(true);
            }
        };
        (tell, is_cancelled)
    }
}

/// The program has cancelled the transfer.
pub(crate) struct Cancelled;

/// One thing that happened in a transfer: what an observer of [`send`](crate::send) or [`receive`](crate::receive) is told.
///
/// The observer is called on the thread of the transfer, so it should return soon. To show progress, add up the bytes of
/// [`Moved`](Self::Moved) and compare them with [`Total`](Self::Total).
///
/// # Cancelling
///
/// An observer that returns [`ControlFlow::Break`] cancels the transfer, and is not called again. The peer is told, and never
/// takes the transfer for whole. This side's verdict is [`Verdict::Cancelled`](crate::Verdict::Cancelled). There are two moments from
/// which on it comes too late to prevent anything:
///
/// - The sender has sent everything ([`AllSent`](Self::AllSent)): it stops waiting for the receipt, and does not know whether the
///   receiver has stored it. The connection is to be reset, by [`Wire::finish`](crate::Wire::finish).
/// - The receiver has begun to give files their names, or its store to commit them: it goes on, and the verdict is the one that
///   it has without the cancellation.
///
/// While a side waits for its peer nothing happens, so the observer is not called. To stop a transfer that waits, raise the
/// [`Interrupt`](adieu::Interrupt) of its connection from another thread.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum TransferEvent<'a> {
    /// Both sides speak the same version, and have shown that they know the same secret if there is one.
    Agreed {
        /// The protocol's version.
        version: u8,
        /// What follows is encrypted by the secret.
        encrypted: bool,
    },
    /// How much content there is. It is not told if the sender does not know it beforehand.
    Total {
        /// Bytes of all files.
        bytes: u64,
    },
    /// A file begins, or is there already.
    File {
        /// Its name.
        path: &'a EntryPath,
        /// Bytes of it that the receiver had already.
        resumed_from: u64,
    },
    /// Content was sent or received, or was there already.
    Moved {
        /// Bytes since the last event of this kind.
        bytes: u64,
    },
    /// This side hashes what is there already.
    Hashing {
        /// Bytes of this file so far.
        done: u64,
    },
    /// The peer sends nothing, because it is busy. A peer says so about once per second.
    PeerIsBusy {
        /// What it is doing.
        activity: Activity,
    },
    /// The sender has sent everything, and waits for the receipt.
    AllSent,
    /// The receiver has everything and begins to make it permanent.
    AllReceived,
    /// The receiver has begun a file: on a disk, its partial was made.
    Created {
        /// Its name.
        path: &'a EntryPath,
    },
    /// The content of one or more files is on the receiver's disk, not yet under its name.
    Synced,
    /// A file has its name on the receiver's disk.
    Renamed,
    /// What was received so far is durable under its names.
    NamesSynced,
    /// The receiver has sent the receipt.
    Receipted,
}
