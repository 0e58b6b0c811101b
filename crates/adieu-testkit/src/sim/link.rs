//! The link between the two sockets, and what it does to segments.

use super::socket::Segment;
use adieu_proto::{Side, Time};
use core::time::Duration;

/// A link: its delay, and what goes wrong on it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Link {
    /// How long a segment takes, each way.
    pub delay: Duration,
    /// What goes wrong, in any order.
    pub faults: Vec<LinkFault>,
}

/// One thing that goes wrong on a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkFault {
    /// From then on every segment takes so much longer.
    Delay {
        /// From when.
        at: Time,
        /// How much longer.
        by: Duration,
    },
    /// From then on nothing arrives, either way, not even what is under way.
    Cut {
        /// From when.
        at: Time,
    },
    /// From then on some segments do not arrive at one side.
    Swallow {
        /// From when.
        at: Time,
        /// Until when. `None`: for good.
        until: Option<Time>,
        /// The side at which they are missed.
        to: Side,
        /// Which segments.
        what: What,
    },
    /// Something between the two sends an RST to one side, in the other's name.
    Reset {
        /// When.
        at: Time,
        /// To whom.
        to: Side,
    },
}

/// Kinds of segments that a link can swallow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// All of them, connecting included.
    Everything,
    /// Those with bytes.
    Data,
    /// FINs.
    Fin,
    /// Those that only acknowledge.
    Acknowledgement,
    /// RSTs.
    Reset,
}

impl What {
    fn matches(self, segment: Option<Segment>) -> bool {
        let Some(segment) = segment else { return self == Self::Everything };
        match self {
            Self::Everything => true,
            Self::Data => segment.len > 0,
            Self::Fin => segment.fin,
            Self::Acknowledgement => segment.len == 0 && !segment.fin && !segment.rst,
            Self::Reset => segment.rst,
        }
    }
}

impl Link {
    /// A link with this delay, on which nothing goes wrong.
    pub fn new(delay: Duration) -> Self {
        Self { delay, faults: Vec::new() }
    }

    /// The same link with one more fault.
    #[must_use]
    pub fn with(mut self, fault: LinkFault) -> Self {
        self.faults.push(fault);
        self
    }

    /// How long a segment that is sent now takes.
    pub(crate) fn delay_at(&self, now: Time) -> Duration {
        let added = |fault: &LinkFault| match *fault {
            LinkFault::Delay { at, by } if at <= now => by,
            _ => Duration::ZERO,
        };
        self.delay + self.faults.iter().map(added).sum::<Duration>()
    }

    /// Whether a segment (`None`: one of the handshake's) arrives at `side` now.
    pub(crate) fn delivers(&self, now: Time, side: Side, segment: Option<Segment>) -> bool {
        !self.faults.iter().any(|fault| match *fault {
            LinkFault::Cut { at } => at <= now,
            LinkFault::Swallow { at, until, to, what } => {
                to == side && at <= now && until.is_none_or(|until| now < until) && what.matches(segment)
            }
            LinkFault::Delay { .. } | LinkFault::Reset { .. } => false,
        })
    }
}
