//! How a connection ends, as a state machine without I/O.
//!
//! This crate decides; it never acts. It holds no socket, reads no clock, starts no thread and keeps no
//! payload: it counts bytes. Inputs go in through `handle_*`, [`Connection::poll_action`] returns
//! what must be done, and time is an argument ([`Time`], measured from the connection's start).
//! So one core serves a blocking driver, an async driver, a simulation and a model checker alike.
//!
//! # A driver in seven steps
//!
//! 1. Make a [`Connection`] when connecting begins; that moment is time zero. Report the result with
//!    [`Connection::handle_connected`] or [`Connection::handle_connect_failed`]; before it, if the transport has a
//!    handshake of its own, [`Connection::handle_handshake`].
//! 2. Perform every [`Action`] that [`Connection::poll_action`] gives and answer it: [`Action::ShutdownSend`]
//!    with [`Connection::handle_shutdown`], [`Action::Sample`] with [`Connection::handle_sample`],
//!    [`Action::Close`] and [`Action::Abort`] with [`Connection::handle_closed`].
//! 3. If [`Connection::outcome`] is there, stop: it is the one outcome of this connection.
//! 4. Do what [`Connection::wants`] allows, without blocking, **receiving before sending**, and report each
//!    result (`handle_received`, `handle_eof`, `handle_accepted`, `handle_fault`, `handle_input`,
//!    `handle_output`, …). After a fault, receive until nothing is left, then say so with
//!    [`Connection::handle_exhausted`]. A driver whose output can fail at its end (a file's sync, a command's status) says
//!    so at the start with [`Connection::await_output_end`], and calls [`Connection::handle_output_ended`] after it.
//! 5. If anything moved, go back to 2.
//! 6. Say what everything is blocked on with [`Connection::handle_waiting`], then sleep until one of those is
//!    ready or [`Connection::poll_timeout`] has come.
//! 7. Call [`Connection::handle_timeout`] if it has come, and go back to 2.
//!
//! # What the core promises
//!
//! - exactly one [`Outcome`] per connection;
//! - a reset is sticky: an EOF after it changes nothing;
//! - never [`Ending::Graceful`] without both directions ended by EOF, all bytes and the FIN acknowledged, and
//!   SO_ERROR read as clear; but an end mark of ours (TLS close_notify) may be refused by the reset of a peer that had ended
//!   and closed ([`Evidence::end_refused`]);
//! - received bytes are handed on before a fault becomes the ending;
//! - if a stream is known not to be whole, incoming or outgoing, the core aborts after what was sent before is acknowledged
//!   (each acknowledgement within [`Config::flush_timeout`]); it never shuts the sending side down;
//! - no byte is wanted for sending after [`Action::ShutdownSend`].

#![forbid(unsafe_code)]

mod bounds;
mod config;
mod connection;
mod ending;
mod evidence;
mod nanos;
mod peer_watch;
mod race;
mod timers;
mod vocabulary;

pub use config::{Config, InputGrace, InputSilence};
pub use connection::Connection;
pub use ending::{Ending, LocalEnd, Missing, Outcome, Phase, Side, Signal, Timer};
pub use evidence::{Asking, Call, Evidence, Fault, FaultKind, Path, Sample, SocketError, Unacknowledged};
pub use race::{Race, RaceStep, interleave};
pub use vocabulary::{Action, Counts, Milestones, Waiting, Wants};

/// A moment, as the time since the connection's start (when connecting, or accepting, began).
pub type Time = core::time::Duration;

/// The README's examples are compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
