//! Real peers that misbehave, and the closing matrix: what must hold for a program beside each of them.
//!
//! A peer is a thread with one connection, and does on the wire what its script says. `adieu selftest` and adieu's tests are made of
//! this crate. It promises no stability: only its use by adieu of the same version is supported.
//!
//! | module | is |
//! | --- | --- |
//! | [`scenario`] | the closing matrix: what the peer does, what a program is given, what must hold |
//! | [`program`] | runs any program, or a driver in this process, against a scenario and notes what happened |
//! | [`judge`] | compares what happened with what must hold |
//! | [`arguments`] | a scenario's options in adieu's own words |
//! | [`places`] | ports that refuse, addresses that never answer |
//! | [`Step`], [`Script`] | what a peer does, as data |
//! | [`PeerHandle`] | a running peer, which listens or connects, and can be waited for |
//! | [`PeerLog`] | what it saw and did |
//! | `tls` | peers that speak TLS, and certificates for them (feature `tls`) |
//! | [`pattern`] | byte streams that are generated and verified without being held |
//! | [`progress`] | a number that other threads can wait for |
//! | [`os`] | what the system knows of a socket |
//!
//! ```
//! use adieu_peer::{Bind, PeerHandle, Step};
//! use std::io::Read;
//!
//! let peer = PeerHandle::listen(Bind::TCP4, &[Step::Send(5), Step::ShutdownSend, Step::ReceiveToEof])?;
//! let address = peer.endpoint().address().expect("it listens on TCP");
//! let mut stream = std::net::TcpStream::connect(address)?;
//! assert_eq!(stream.read_to_end(&mut Vec::new())?, 5);
//! drop(stream);
//! assert!(peer.finish().completed);
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! A peer accepts (or makes) one connection, performs its script, and keeps a [`PeerLog`]. It never panics: a step that
//! fails is written down and ends the script. No step waits without a bound, and all waits end soon after
//! [`PeerHandle::release`], so a test that failed still ends. What a peer sends is [`pattern::Pattern::of_peer`]; what it
//! expects is [`pattern::Pattern::of_program`].
//!
//! A peer judges nobody: that is the matter of [`judge`], or of whoever started both. The crate knows nothing of the other adieu
//! crates, so that any program, and any netcat, can be held against it.
//!
//! # Platforms
//!
//! Unix and Windows. Not every system tells what is unacknowledged, which [`Step::AwaitAcknowledged`] takes:
//! [`os::TELLS_UNACKNOWLEDGED`].

pub mod arguments;
mod control;
mod endpoint;
mod handle;
pub mod judge;
mod log;
pub mod os;
pub mod pattern;
mod perform;
pub mod places;
pub mod program;
pub mod progress;
mod rendezvous;
pub mod scenario;
mod script;
#[cfg(test)]
mod tests;
#[cfg(feature = "tls")]
pub mod tls;

pub use endpoint::{Bind, Endpoint};
pub use handle::PeerHandle;
pub use log::{Failure, FailureKind, PeerLog, ReceivedEnd};
pub use script::{Action, STEP_BOUND, Script, Site, Step, pattern_sent_by};
