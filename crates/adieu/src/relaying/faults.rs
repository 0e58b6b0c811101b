//! Faults on purpose: what a relay does wrong to a direction, at a known place, so that a test sees how a program reacts.
//!
//! This module has the plan, as data, and the observer of the faults that come. The `gate` carries the plan out, and a relay without
//! a plan has no gate. The caller chooses which connections get which plan, and by what chance.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The sink is told that the stream has ended, by FIN and with TLS by close_notify, although it has not: it was cut, and looks
    /// whole. What the source still sends is thrown away, as long as the sink's connection lasts. The other direction goes on.
    End,
    /// Both connections are reset, the sink after everything before the fault was delivered to it.
    Reset,
    /// Nothing passes any more, for this long, neither bytes nor an end nor a reset. `None`: for good, which is until the sink has
    /// ended its stream too.
    Stall(Option<Duration>),
    /// The end of the source's stream is not passed on: the sink waits for more.
    KeepEnd,
    /// The source is reset, and the sink is not told: its connection stays open, silent, and takes what it sends, until it ends its
    /// stream; then it is reset.
    HalfOpen,
    /// The sink is told that the stream has ended, and is then reset, as by a program that closes a socket with bytes unread.
    UnreadClose,
    /// The sink's TLS stream is cut: a FIN without close_notify. On a side without TLS it is [`End`](Self::End).
    TlsCut,
    /// From now on everything, the end too, takes this much longer to pass.
    Latency {
        /// How much longer.
        delay: Duration,
        /// More or less by at most this, evenly. The order is kept.
        jitter: Duration,
        /// Of the chance in that: the same seed gives the same delays.
        seed: u64,
    },
    /// From now on no more than so many bytes pass in a second.
    Rate(u64),
}

impl Fault {
    /// Whether it makes a stream look otherwise than it was: a connection that had it did not end gracefully, whatever its two
    /// sides saw. A stall, a latency and a rate only take their time.
    pub fn falsifies(&self) -> bool {
        !matches!(self, Self::Stall(_) | Self::Latency { .. } | Self::Rate(_))
    }

    /// Its name, in the words of the command line.
    pub fn name(&self) -> &'static str {
        match self {
            Self::End => "fin",
            Self::Reset => "rst",
            Self::Stall(_) => "stall",
            Self::KeepEnd => "drop-fin",
            Self::HalfOpen => "half-open",
            Self::UnreadClose => "unread-close",
            Self::TlsCut => "tls-cut",
            Self::Latency { .. } => "latency",
            Self::Rate(_) => "rate",
        }
    }
}

/// A fault, and where it comes: once both conditions hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Planned {
    /// What goes wrong.
    pub fault: Fault,
    /// After so many bytes of this direction have passed. It comes exactly there.
    pub after_bytes: u64,
    /// After the two connections have been joined for so long.
    pub after: Duration,
}

impl Planned {
    /// A fault at the beginning.
    pub fn new(fault: Fault) -> Self {
        Self { fault, after_bytes: 0, after: Duration::ZERO }
    }
}

/// A fault that has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Injected {
    /// Which.
    pub fault: Fault,
    /// Whether in the direction from the first connection to the second, of a client's bytes in most relays.
    pub is_a_to_b: bool,
    /// How many bytes of this direction had passed.
    pub bytes: u64,
    /// How long the connections had been joined.
    pub after: Duration,
}

/// The faults that are planned for one relay, and an observer of those that come.
///
/// # Examples
///
/// ```
/// use adieu::RelayOptions;
/// use adieu::faults::{Fault, Faults, Planned};
///
/// // The answer is cut after 1000 bytes, and looks whole.
/// let cut = Planned { after_bytes: 1000, ..Planned::new(Fault::End) };
/// let faults = Faults::new([], [cut]).observer(|injected| eprintln!("{} came", injected.fault.name()));
/// let options = RelayOptions::new().faults(faults);
/// ```
#[derive(Clone, Default)]
#[must_use]
pub struct Faults {
    pub(super) plans: [Arc<[Planned]>; 2],
    pub(super) observer: Option<Observer>,
}

/// What is called for each fault that comes.
pub(super) type Observer = Arc<dyn Fn(&Injected) + Send + Sync>;

impl Faults {
    /// What is to go wrong from the first connection to the second, and from the second to the first.
    pub fn new(a_to_b: impl IntoIterator<Item = Planned>, b_to_a: impl IntoIterator<Item = Planned>) -> Self {
        Self { plans: [a_to_b.into_iter().collect(), b_to_a.into_iter().collect()], observer: None }
    }

    /// Calls `observer` for each fault when it comes, on the thread that relays. A fault whose place is never reached is not reported.
    pub fn observer(mut self, observer: impl Fn(&Injected) + Send + Sync + 'static) -> Self {
        self.observer = Some(Arc::new(observer));
        self
    }

    /// Whether nothing is to go wrong.
    pub fn is_empty(&self) -> bool {
        self.plans.iter().all(|plan| plan.is_empty())
    }
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a_to_b, b_to_a] = &self.plans;
        f.debug_struct("Faults").field("a_to_b", a_to_b).field("b_to_a", b_to_a).finish_non_exhaustive()
    }
}
