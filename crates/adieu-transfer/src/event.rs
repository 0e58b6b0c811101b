//! What an observer of a transfer is told while it runs. What the transfer came to is its [outcome](crate::TransferOutcome), which
//! holds nothing from here.

use crate::wire::{Activity, EntryPath};

/// One thing that happened in a transfer. The observer of a side gets it at once.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum TransferEvent<'a> {
    /// Both sides speak the same version, and have shown that they know the same secret if there is one.
    Agreed {
        /// The version.
        version: u8,
        /// What follows is encrypted by the secret.
        encrypted: bool,
    },
    /// How much content there is, if that is known beforehand.
    Total {
        /// Bytes.
        bytes: u64,
    },
    /// A file begins.
    File {
        /// Its name.
        path: &'a EntryPath,
        /// What of it was there already.
        resumed_from: u64,
    },
    /// Content was sent or received, or was there already.
    Moved {
        /// Bytes.
        bytes: u64,
    },
    /// This side hashes what is there already.
    Hashing {
        /// Bytes so far.
        done: u64,
    },
    /// The peer sends nothing, because it is busy.
    PeerIsBusy {
        /// What it is doing.
        activity: Activity,
    },
    /// The sender has sent everything, and waits for the receipt.
    AllSent,
    /// The receiver has everything and begins to sync it.
    AllReceived,
    /// A partial was made.
    Created {
        /// Of this file.
        path: &'a EntryPath,
    },
    /// Content is on the disk.
    Synced,
    /// A file has its name.
    Renamed,
    /// The names are on the disk.
    NamesSynced,
    /// The receipt was sent.
    Receipted,
}
