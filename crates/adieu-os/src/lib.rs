//! What adieu asks of the operating system: error numbers, waiting, evidence of how a connection ends, pipes and files.
//!
//! One folder per system, all with the same functions, so that nothing above asks which system it is on. All unsafe code of
//! the library is here, each piece with its reason.
//!
//! It decides nothing. `adieu-proto` decides what an ending is, and its types for faults and samples are used here. `adieu` knows
//! what the user asked for. This crate knows no endpoint, no option and no report.
//!
//! It is published because `adieu` is, and for `adieu` alone: its functions change with it, without notice.

#![allow(clippy::missing_errors_doc, reason = "they are those of the system call, which its manual page has")]

#[cfg(not(any(unix, windows)))]
compile_error!("adieu-os needs sockets as Unix or Windows has them");

mod both_ends;
mod closes;
mod datagrams;
mod failed;
mod first;
mod look_up;
mod memory;
mod passed;
mod program;
mod rate_limit;
mod sockets;
mod watch;
mod words;
mod worker;

pub use both_ends::WaitEnd;
pub use closes::Closes;
pub use datagrams::{Arrived, DATAGRAM_BUFFER, UDP_ROOM, Undelivered, receive_datagram, send_datagram};
pub use failed::{ListenAtError, LookUpError, PassedSocketError, ResolverError};
pub use look_up::LookUp;
pub use memory::return_freed_memory;
pub use passed::{HandedOn, Passed};
pub use program::Collected;
pub use rate_limit::RateLimit;
pub use sockets::{
    Found, abstract_address, has_streams_of_ours, is_connected_to_itself, look_at, reuse_port,
    set_reset_on_close, try_accept, unix_address,
};
pub use watch::{AsPollable, OwnedSocket, Pollable, Ready, Watch};
pub use words::{describe_code, describe_error, error_words};

use adieu_proto::Side;
use std::net::SocketAddr;
use std::time::Duration;

#[cfg(unix)]
mod unix;
#[cfg(unix)]
pub use unix::*;

#[cfg(evidence = "linux")]
mod linux;
#[cfg(evidence = "linux")]
pub use linux::*;

#[cfg(evidence = "bsd")]
mod bsd;
#[cfg(evidence = "bsd")]
pub use bsd::*;
#[cfg(any(test, evidence = "bsd"))]
mod told;

#[cfg(windows)]
mod windows;
#[cfg(windows)]
pub use windows::*;

#[cfg(not(evidence = "linux"))]
mod indirect;
#[cfg(not(evidence = "linux"))]
mod refused;
#[cfg(not(evidence = "linux"))]
pub use indirect::{Direct, Lane};
#[cfg(not(evidence = "linux"))]
pub use refused::*;

#[cfg(not(any(evidence = "linux", evidence = "bsd")))]
mod untold;

/// What TCP_INFO, or SIO_TCP_INFO, tells beside a [`Sample`](adieu_proto::Sample).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TcpFacts {
    /// The smoothed round-trip time. `None`: not measured, or not told.
    pub rtt: Option<Duration>,
    /// Segments that were sent again. `None`: not told. Windows counts bytes that were sent again, and no segments; OpenBSD tells root
    /// alone.
    pub retransmitted_segments: Option<u32>,
    /// The connection is over, so closing its socket sends nothing. False where that is not told.
    pub is_over: bool,
}

/// What lines are written to.
#[derive(Debug, Clone, Copy)]
pub enum LinesTo<'a> {
    /// Standard error.
    Stderr,
    /// An open file, of any kind.
    File(&'a std::fs::File),
}

/// The names that the steps of the procedure have on this system, as its documentation writes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Calls {
    /// What makes the network ready. `None`: nothing has to.
    pub startup: Option<&'static str>,
    /// What shuts down the sending side.
    pub shutdown_send: &'static str,
    /// What closes a socket.
    pub close: &'static str,
    /// What gives back what [`startup`](Self::startup) took. `None`: nothing has to.
    pub cleanup: Option<&'static str>,
}

/// What is known of a connection when a sample of its socket is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SampleContext {
    /// It is TCP, where there is something to acknowledge.
    pub is_tcp: bool,
    /// It is Multipath TCP, of which TCP_INFO tells the first subflow alone.
    pub is_multipath: bool,
    /// Our sending side is shut down.
    pub fin_sent: bool,
    /// The peer's EOF was received.
    pub eof: bool,
    /// A call has told a fault.
    pub faulted: bool,
    /// Whose FIN was first, as far as [`first_fin`] could tell.
    pub first_fin: Option<Side>,
    /// Our address, as it was when it was connected.
    pub local: Option<SocketAddr>,
    /// The peer's address, as it was when it was connected.
    pub peer: Option<SocketAddr>,
}

/// How often to look for an acknowledgement where nothing can wake us for it: out of descriptors, for example, and on
/// Windows always. A look costs the other Unix systems more calls, so it is made 20 times a second there.
pub const LOOK_AGAIN: Duration =
    Duration::from_millis(if cfg!(any(evidence = "linux", windows)) { 10 } else { 50 });
