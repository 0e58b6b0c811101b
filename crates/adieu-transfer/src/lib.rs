//! A file transfer whose sender knows that it arrived.
//!
//! The receiver writes to a partial beside the target, hashes as it goes, syncs, renames, syncs the names, and only then
//! answers with a receipt. The sender keeps its sending side open until then, and compares the receipt with its own count
//! and hash. `docs/receipt-protocol.md` in the repository describes what goes over the wire.
//!
//! ```no_run
//! use adieu_transfer::{SendOptions, Sources, Wire};
//!
//! let sources = Sources::new(["disk.img"])?;
//! let connection = adieu::connect(&"backup:9000".parse()?, &adieu::Options::new())?;
//! let mut wire = Wire::new(connection, None);
//! let outcome = adieu_transfer::send(&mut wire, &sources, &SendOptions::default(), &mut |_| {});
//! println!("{}", outcome.sentence());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What a receipt proves
//!
//! [`Verdict::Stored`] at the sender: the receiver says that every file is whole, synced and under its name, and its count
//! and hashes are the sender's own. That it says the truth is for the secret or TLS to make sure: they authenticate it.
//!
//! # Platforms
//!
//! Unix and Windows. On Linux many small files share one sync. On Windows names are refused that its programs could not use,
//! links are neither sent nor received, and there are no permission bits; `docs/platforms.md` in the repository says more.

mod attempts;
mod list;
mod os;
mod outcome;
mod pace;
mod producer;
mod receiver;
mod report;
mod secret;
mod sender;
mod session;
mod source;
mod storage;
mod transport;
pub mod wire;
mod zeros;

pub use attempts::WaitEnded;
pub use outcome::{Outcome, Times, Verdict};
pub use pace::Backoff;
pub use receiver::{ReceiveOptions, receive, receive_agreed};
pub use report::{Role, TransferReport, exit_code};
pub use secret::{Secret, SecretError};
pub use sender::{SendOptions, send, send_agreed};
pub use session::{Agreement, Terms, agree, refuse_busy, tell_busy};
pub use source::{SourceError, Sources};
pub use storage::{Storage, StorageError};
pub use transport::{Transport, Wire};

use wire::{EntryPath, Phase};

/// A step of a transfer, told as it happens.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Step<'a> {
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
    /// The peer is busy with this.
    PeerIsBusy {
        /// With what.
        phase: Phase,
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
