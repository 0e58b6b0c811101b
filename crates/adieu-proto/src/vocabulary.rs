//! What goes between the core and its driver: actions, interests, counts and moments.

use crate::Time;
use crate::nanos::Nanos;

/// What the driver must do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// `shutdown(SHUT_WR)`; answer with [`crate::Connection::handle_shutdown`].
    ShutdownSend,
    /// Read the acknowledgements, then SO_ERROR; answer with [`crate::Connection::handle_sample`].
    Sample,
    /// Give the handle back; answer with [`crate::Connection::handle_closed`].
    Close,
    /// Give the handle back with zero linger, so that the peer sees a reset and cannot take a cut stream for
    /// a whole one; answer with [`crate::Connection::handle_closed`].
    Abort,
}

/// What the driver may do without blocking, now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Wants {
    /// Receive from the peer.
    pub receive: bool,
    /// Send to the peer what has been read.
    pub send: bool,
    /// Read from our input.
    pub input: bool,
    /// Be woken when the peer's TCP acknowledges our FIN; then call [`crate::Connection::handle_acknowledged`].
    pub acknowledgement: bool,
}

/// What the driver is blocked on, said just before it sleeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Waiting {
    /// For the peer's bytes, with room to put them.
    pub receive: bool,
    /// For room to send.
    pub send: bool,
    /// For our input to give something.
    pub input: bool,
    /// For our own time to come before more of our input is read: a limited rate, a delay between lines.
    pub pausing: bool,
    /// For our output to take something: received bytes are held up by us.
    pub output: bool,
    /// For the peer's acknowledgement.
    pub acknowledgement: bool,
}

impl Waiting {
    pub(crate) const fn any(self) -> bool {
        self.receive || self.send || self.input || self.pausing || self.output || self.acknowledgement
    }
}

/// Bytes, counted where they pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Counts {
    /// Read from our input.
    pub read: u64,
    /// Accepted by our kernel for sending.
    pub accepted: u64,
    /// Received from our kernel.
    pub received: u64,
    /// Written to our output.
    pub written: u64,
    /// Received and thrown away, because our output's reader wanted no more.
    pub discarded: u64,
}

/// When each step of the procedure was first seen done. `None`: it was not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Milestones {
    /// The connection was there.
    pub connected: Option<Time>,
    /// Our kernel first accepted a byte.
    pub first_accepted: Option<Time>,
    /// We first received a byte.
    pub first_received: Option<Time>,
    /// `shutdown(SHUT_WR)` succeeded.
    pub shutdown_send: Option<Time>,
    /// The peer ended its stream inside the transport (TLS close_notify).
    pub stream_end: Option<Time>,
    /// `recv` returned 0.
    pub peer_eof: Option<Time>,
    /// Everything, our FIN included, was seen acknowledged.
    pub acknowledged: Option<Time>,
    /// The handle was given back.
    pub closed: Option<Time>,
}

/// The same as the machine keeps them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct Moments {
    pub(crate) connected: Option<Nanos>,
    pub(crate) first_accepted: Option<Nanos>,
    pub(crate) first_received: Option<Nanos>,
    pub(crate) shutdown_send: Option<Nanos>,
    pub(crate) stream_end: Option<Nanos>,
    pub(crate) peer_eof: Option<Nanos>,
    pub(crate) acknowledged: Option<Nanos>,
    pub(crate) closed: Option<Nanos>,
}

impl From<Moments> for Milestones {
    #[inline]
    fn from(moments: Moments) -> Self {
        let told = |at: Option<Nanos>| at.map(Time::from);
        Self {
            connected: told(moments.connected),
            first_accepted: told(moments.first_accepted),
            first_received: told(moments.first_received),
            shutdown_send: told(moments.shutdown_send),
            stream_end: told(moments.stream_end),
            peer_eof: told(moments.peer_eof),
            acknowledged: told(moments.acknowledged),
            closed: told(moments.closed),
        }
    }
}
