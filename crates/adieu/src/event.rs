//! The steps of a connection, reported to an observer as they happen.

use crate::{Address, AttemptError, FastOpen, Report};
use adieu_proto::{Fault, LocalEnd};
use std::{net::SocketAddr, time::Duration};

/// A step of a connection. The observer of the options ([`ConnectOptions::observer`](crate::ConnectOptions::observer)) is told each, with its time.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The system's network was made ready (Windows).
    Startup {
        /// The call.
        call: &'static str,
    },
    /// A name was resolved to these addresses, in the order in which they will be tried.
    Resolved {
        /// The addresses.
        addresses: &'a [SocketAddr],
    },
    /// `connect` was called for an address.
    Connecting {
        /// The address.
        address: &'a Address,
    },
    /// An address could not be connected to.
    AttemptFailed {
        /// The address.
        address: &'a Address,
        /// Why.
        error: &'a AttemptError,
    },
    /// A proxy that is connected to is asked for the peer.
    AskingProxy {
        /// The proxy, without user and password.
        proxy: &'a str,
        /// What it is asked for.
        target: &'a str,
    },
    /// The connection is there.
    Connected {
        /// Our address.
        local: Option<&'a Address>,
        /// The peer's.
        peer: Option<&'a Address>,
    },
    /// TCP Fast Open was asked for, and this is what it came to; after [`Connected`](Self::Connected).
    FastOpen {
        /// What it came to.
        outcome: FastOpen,
    },
    /// The TLS handshake is done.
    Secured {
        /// The version.
        version: Option<crate::tls::Version>,
        /// The cipher suite, as IANA names it.
        suite: Option<&'a str>,
    },
    /// TLS's own end of a direction was sent or received.
    CloseNotify {
        /// Whose direction has ended.
        by: adieu_proto::Side,
    },
    /// The TLS session was broken off by the peer, or is broken.
    TlsFailed {
        /// The peer's alert. `None`: it sent none.
        alert: Option<crate::tls::Alert>,
        /// In words.
        error: &'a str,
    },
    /// Our kernel accepted bytes.
    Sent {
        /// How many.
        bytes: u64,
    },
    /// Bytes were received.
    Received {
        /// How many.
        bytes: u64,
    },
    /// `shutdown(SHUT_WR)` was called.
    ShutdownSend {
        /// The fault, if it failed.
        fault: Option<Fault>,
    },
    /// `recv` returned 0.
    Eof,
    /// A call told a fault.
    Fault {
        /// The first one is the connection's.
        fault: Fault,
    },
    /// One of our own ends failed.
    LocalFailure {
        /// Which.
        end: LocalEnd,
    },
    /// We still wait for the peer, a while after our half-close.
    StillWaiting {
        /// Since our half-close.
        waited: Duration,
        /// What has not come: the peer's EOF, or the acknowledgement of our FIN.
        for_acknowledgement: bool,
    },
    /// The handle was given back, with zero linger or without.
    Closed {
        /// With zero linger: the peer sees a reset. A Unix socket has none.
        aborted: bool,
        /// The connection's one report.
        report: &'a Report,
    },
    /// What [`Startup`](Self::Startup) took was given back (Windows). The last step.
    Cleanup {
        /// The call.
        call: &'static str,
    },
}
