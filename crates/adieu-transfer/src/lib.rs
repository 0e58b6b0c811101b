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
//! let connection = adieu::connect(&"backup:9000".parse()?, &adieu::ConnectOptions::new())?;
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

mod advice;
mod attempts;
mod event;
mod list;
mod os;
mod outcome;
mod pace;
mod patience;
mod receiver;
mod report;
mod secret;
mod sender;
mod session;
mod source;
mod storage;
mod transport;
pub mod wire;
mod words;
mod zeros;

pub use advice::Advice;
pub use attempts::WaitEnded;
pub use event::TransferEvent;
pub use outcome::{Times, TransferOutcome, Verdict};
pub use pace::Backoff;
pub use receiver::{ReceiveOptions, receive, receive_agreed};
pub use report::{EncryptedBy, TransferReport, TransferResult, TransferRole, exit_code};
pub use secret::{Secret, SecretError};
pub use sender::{SendOptions, send, send_agreed};
pub use session::{Agreement, Terms, agree, refuse_busy, tell_busy};
pub use source::{SourceError, Sources};
pub use storage::{Storage, StorageError};
pub use transport::{Transport, Wire};
