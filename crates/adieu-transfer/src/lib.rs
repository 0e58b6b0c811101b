//! A file transfer whose sender knows that it arrived.
//!
//! The sender sends [`Sources`]: files, directories, a command's output, or a [`Source`] of the program's own, such as bytes in
//! memory. The receiver puts them into a [`Storage`]: a disk, a stream, or a [`Store`] of the program's own. Once everything is
//! there and permanent, and not before, the receiver answers with a receipt. The sender compares it with its own count and hash
//! (BLAKE3), and the [`Verdict`] says what is known.
//!
//! `docs/receipt-protocol.md` in the repository describes what goes over the wire. The commands `adieu send` and `adieu receive`
//! are these calls, so either side can be a program and the other a command.
//!
//! # A whole transfer
//!
//! Bytes in memory, to a receiver that keeps them in memory, over loopback:
//!
//! ```
//! use adieu::{ConnectOptions, Endpoint, ListenOptions, Listener};
//! use adieu_transfer::{
//!     MemoryStore, ReceiveOptions, Secret, SendOptions, Sources, Storage, Verdict, Wire, receive, send,
//! };
//! use std::ops::ControlFlow;
//!
//! let listener = Listener::bind(&Endpoint::tcp("127.0.0.1", 0), &ListenOptions::new())?;
//! let endpoint = listener.local_endpoint().clone();
//! // Both sides know it: it authenticates them to each other, and encrypts what they say. An empty passphrase gives `None`, which
//! // means no secret.
//! let secret = Secret::new(b"correct horse battery staple");
//!
//! let options = SendOptions { secret: secret.clone(), ..SendOptions::default() };
//! let sender = std::thread::spawn(move || {
//!     let connection = adieu::connect(&endpoint, &ConnectOptions::new()).expect("it listens");
//!     let mut wire = Wire::new(connection, None);
//!     let sources = Sources::of("today.txt", b"all is well".to_vec()).expect("a good name");
//!     let outcome = send(&mut wire, &sources, &options, &mut |_| ControlFlow::Continue(()));
//!     // Closes the connection, and reports how that ended.
//!     wire.finish();
//!     outcome
//! });
//!
//! // At most 1 MiB.
//! let mut store = MemoryStore::new(1 << 20);
//! let mut wire = Wire::new(listener.accept()?, None);
//! let options = ReceiveOptions { secret, ..ReceiveOptions::default() };
//! receive(&mut wire, &mut Storage::of(&mut store), &options, &mut |_| ControlFlow::Continue(()));
//! wire.finish();
//!
//! let outcome = sender.join().expect("it does not panic");
//! // Memory is not durable. With `Storage::at("directory".as_ref())?` it would be `Verdict::Stored`.
//! assert_eq!(outcome.verdict, Verdict::Written, "{}", outcome.sentence());
//! assert_eq!(store.get("today.txt"), Some(&b"all is well"[..]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What a receipt proves
//!
//! [`Verdict::Stored`] at the sender: the receiver says that every file is whole, durable and under its name, and its count
//! and hashes are the sender's own. Only the secret or TLS proves that the receiver said it: they authenticate it. If the receiver's
//! program has its own [`Store`], that program decides what it calls durable.
//!
//! [`Verdict::Written`] is less: everything arrived whole, and where it is now may not be durable, as in a [`MemoryStore`]. The
//! command `adieu send` exits with 6 then, and with 0 only for a receipt that says *stored*.
//!
//! # Progress, and cancelling
//!
//! Both calls take an observer, which gets each [`TransferEvent`] and can cancel the transfer. If a transfer is cancelled or cut, the
//! peer never takes it for a whole one.
//!
//! # Trying again
//!
//! One call is one attempt, over one connection. [`TransferOutcome::may_be_tried_again`] says whether another may do better. With
//! `resume` on both sides it goes on where the last one stopped. [`TransferReport`] is the outcome as one flat struct, for logs and
//! as JSON.
//!
//! # Blocking
//!
//! The calls block until the transfer has ended, each on the thread that makes it. In an asynchronous program they belong on a
//! thread for blocking work, such as that of tokio's `spawn_blocking`. How long they wait for a silent peer is bounded by the
//! connection's [`Limits`](adieu::Limits).
//!
//! # Platforms
//!
//! Unix and Windows. On Linux many small files share one sync. On Windows names are refused that its programs could not use,
//! links are neither sent nor received, and there are no permission bits; `docs/platforms.md` in the repository says more.

mod advice;
mod attempts;
mod event;
mod left_out;
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
#[doc(hidden)] // For tests and fuzzing; what users need of it stands below.
pub mod wire;
mod words;
mod zeros;

pub use advice::Advice;
pub use event::TransferEvent;
pub use outcome::{Times, TransferOutcome, Verdict};
pub use receiver::{ReceiveOptions, receive};
pub use report::{EncryptedBy, TransferReport, TransferResult, TransferRole};
pub use secret::Secret;
pub use sender::{SendOptions, send};
pub use source::{Listed, ListedFile, Source, SourceError, Sources};
pub use storage::{Confirmation, FileInfo, Held, Keep, MemoryStore, Storage, StorageError, Store};
pub use transport::{Transport, Wire};
pub use wire::{Activity, EntryPath, Hash, NameError, Receipt, Status, Totals, hex};

/// For the commands of `adieu`, which agree with a peer before they take it, and make several attempts.
#[doc(hidden)]
pub use {
    attempts::WaitEnded,
    pace::Backoff,
    receiver::receive_agreed,
    sender::send_agreed,
    session::{Agreement, Terms, agree, refuse_busy, tell_busy},
};
