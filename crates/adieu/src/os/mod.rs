//! What differs between operating systems: error numbers, waiting, evidence. The only unsafe code.
//!
//! One folder per platform, all with the same functions, so that nothing above asks which platform it is on.

mod both_ends;
mod sockets;
mod watch;
mod words;

pub use both_ends::Closes;
pub(crate) use sockets::{
    abstract_address, is_connected_to_itself, set_reset_on_close, try_accept, unix_address,
};
pub(crate) use watch::{Ready, Watch};
pub use words::describe_error;
pub(crate) use words::{Explained, describe_code, os_code};

use adieu_proto::Side;
use std::time::Duration;

#[cfg(unix)]
mod unix;
#[cfg(unix)]
pub use unix::error_name;
#[cfg(unix)]
pub(crate) use unix::*;

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
pub(crate) use linux::*;

#[cfg(windows)]
mod windows;
#[cfg(windows)]
pub use windows::error_name;
#[cfg(windows)]
pub(crate) use windows::*;

#[cfg(not(target_os = "linux"))]
mod refused;
#[cfg(not(target_os = "linux"))]
pub(crate) use refused::*;

/// What TCP_INFO, or SIO_TCP_INFO, adds to a report.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct TcpFacts {
    pub(crate) rtt: Option<Duration>,
    /// Windows counts bytes that were sent again, and no segments.
    pub(crate) retransmitted_segments: Option<u64>,
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

/// At what a sample is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Look<'a> {
    /// It is TCP, where there is something to acknowledge.
    pub(crate) is_tcp: bool,
    /// Our sending side is shut down.
    pub(crate) fin_sent: bool,
    /// The peer's EOF was received.
    pub(crate) eof: bool,
    /// A call has told a fault.
    pub(crate) faulted: bool,
    /// Whose FIN was first, as far as [`first_fin`] could tell.
    pub(crate) first_fin: Option<Side>,
    /// Our address and the peer's, as they were when it was connected.
    pub(crate) local: Option<&'a str>,
    pub(crate) peer: Option<&'a str>,
}

/// How often to look for an acknowledgement where nothing can wake us for it: out of descriptors, for example, and on
/// Windows always.
pub(crate) const LOOK_AGAIN: Duration = Duration::from_millis(10);
