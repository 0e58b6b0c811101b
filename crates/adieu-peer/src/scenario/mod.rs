//! The closing matrix: scenarios as data.
//!
//! A [`Scenario`] says what the peer does, what the program is given as input and output, how long it may
//! wait, and what must hold in the end. It says nothing of how a program is run: [`crate::program`] does that
//! for a binary, and each library's tests for their own arm.
//!
//! The numbers are what Linux must give. Where the kernel's timing decides, a range stands instead of a number
//! and `None` instead of a phase, with the reason beside it.

mod black_holes;
mod build;
mod connecting;
mod ends;
mod flow;
mod platforms;
mod signals;
mod stdio;
pub mod unix;

pub use crate::os::is_wine;
pub use platforms::{Arm, UNDER_WINE};

use crate::{ReceivedEnd, Script};
use build::{KIB, MIB, ms};
use std::{fmt, sync::LazyLock, time::Duration};

/// Every scenario that is written down. It is made when it is first asked for: as constants, its pointers would be relocated at each
/// start of a program that has it.
static WRITTEN: LazyLock<Vec<Scenario>> = LazyLock::new(|| {
    [
        flow::scenarios(),
        ends::scenarios(),
        stdio::scenarios(),
        connecting::scenarios(),
        signals::scenarios(),
        black_holes::scenarios(),
    ]
    .concat()
});

/// Every scenario, one after another; then those over Unix sockets that are derived from them.
pub fn all() -> impl Iterator<Item = &'static Scenario> {
    WRITTEN.iter().chain(unix::SCENARIOS.iter())
}

/// The scenario of this name.
///
/// # Panics
///
/// If there is none: the test that asked for it would test nothing.
pub fn named(name: &str) -> &'static Scenario {
    all().find(|scenario| scenario.name == name).unwrap_or_else(|| panic!("there is no scenario {name}"))
}

/// One row of the closing matrix.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// A sentence in `snake_case`.
    pub name: &'static str,
    /// What it shows, for a reader of the matrix.
    pub shows: &'static str,
    /// What there is to connect to.
    pub target: Target,
    /// What the peer does.
    pub script: &'static Script,
    /// What the program is given to send.
    pub input: ProgramInput,
    /// Where the program's output goes.
    pub output: ProgramOutput,
    /// The program's options; `None` is its default.
    pub options: Options,
    /// A signal to the program.
    pub signal: Option<Signalling>,
    /// What must hold.
    pub expect: Expect,
    /// A program that runs longer than this hangs.
    pub hang_limit: Duration,
    /// Where the scenario makes sense.
    pub arms: Arms,
}

/// What there is to connect to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The peer on 127.0.0.1.
    Tcp4,
    /// The peer on `::1`.
    Tcp6,
    /// The peer on a Unix socket.
    Unix,
    /// A TCP port on 127.0.0.1 that nobody listens on.
    Refused,
    /// The path of a Unix socket that does not exist.
    NoSuchPath,
    /// A name that cannot exist (a label of more than 63 characters), so that no resolver is asked for it.
    NameNotFound,
    /// A listener whose backlog is full: it drops every SYN.
    NeverAnswers,
    /// A name with several addresses, on one of which the peer listens; the others refuse.
    Name {
        /// The addresses, as `/etc/hosts` gives them.
        resolves_to: &'static [&'static str],
        /// The one that the peer listens on.
        alive: &'static str,
    },
    /// The peer in a network namespace whose wire can be cut ([`crate::Step::DropPackets`]).
    Namespace,
}

/// What the program is given to send: a piece of [`crate::pattern::Pattern::of_program`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProgramInput {
    /// A regular file of n bytes.
    File(u64),
    /// A pipe that gives n bytes, then EOF.
    Pipe(u64),
    /// A pipe that gives `total` bytes, `chunk` at a time with a pause before each but the first, then EOF.
    SlowPipe {
        /// Bytes at a time.
        chunk: u64,
        /// Time between two chunks.
        pause: Duration,
        /// Bytes in all.
        total: u64,
    },
    /// A pipe that gives n bytes and then stays open and silent.
    OpenSilent(u64),
    /// A pipe that gives `first` bytes, `then` more once the peer has come to this step, then EOF.
    Paced {
        /// Bytes at once.
        first: u64,
        /// Index into the script.
        until_step: usize,
        /// Bytes after that.
        then: u64,
    },
    /// No descriptor 0 (`<&-`).
    Closed,
    /// A directory: reading it gives `EISDIR`.
    Directory,
    /// `/proc/self/mem` at offset 0: reading it gives `EIO`.
    IoError,
}

impl ProgramInput {
    /// Bytes it gives in all.
    pub const fn total(self) -> u64 {
        match self {
            Self::File(n) | Self::Pipe(n) | Self::OpenSilent(n) => n,
            Self::SlowPipe { total, .. } => total,
            Self::Paced { first, then, .. } => first + then,
            Self::Closed | Self::Directory | Self::IoError => 0,
        }
    }
}

/// Where the program's output goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProgramOutput {
    /// A pipe read at full speed.
    Pipe,
    /// A regular file.
    File,
    /// A small pipe, read `chunk` bytes every `pause`.
    SlowPipe {
        /// Most bytes at a time.
        chunk: usize,
        /// Time before each.
        pause: Duration,
    },
    /// A small pipe that nobody reads for this long; then at full speed.
    Stalled(Duration),
    /// A small pipe that nobody reads until the peer's script has ended; then at full speed.
    HeldUntilPeerEnds,
    /// A small pipe that nobody ever reads.
    NeverRead,
    /// `/dev/full`: writing gives `ENOSPC`.
    DevFull,
    /// No descriptor 1 (`>&-`).
    Closed,
    /// A pipe whose reader takes n bytes and leaves.
    LeavesAfter(u64),
}

/// The options of DESIGN.md 5 that bound a connection; `None` leaves the program's default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// `--connect-timeout`
    pub connect_timeout: Option<Duration>,
    /// `--idle-timeout`
    pub idle_timeout: Option<Duration>,
    /// `--deadline`
    pub deadline: Option<Duration>,
    /// `--input-grace`
    pub input_grace: Option<Duration>,
}

impl Options {
    /// Every option at its default.
    pub const NONE: Self =
        Self { connect_timeout: None, idle_timeout: None, deadline: None, input_grace: None };
}

/// A signal to the program, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signalling {
    /// Which.
    pub signal: Signal,
    /// When.
    pub when: When,
}

/// A signal that asks a program to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGINT
    Interrupt,
    /// SIGTERM
    Terminate,
}

/// The moment of a signal: something seen, never a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// The peer has come to the step with this index.
    PeerAtStep(usize),
    /// The program has written this many bytes.
    OutputHas(u64),
    /// The program's SYN is out.
    Connecting,
}

/// What must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expect {
    /// Bytes of the peer's pattern that the program must have written, from the first on.
    pub output: Bytes,
    /// Bytes of the program's pattern that the peer must have received, from the first on.
    pub peer: Bytes,
    /// How the stream to the peer must have ended, as the peer saw it; `None` where it does not look. A
    /// stream that was cut must end by a reset: after a FIN it would look whole.
    pub peer_end: Option<ReceivedEnd>,
    /// The ending.
    pub ending: Ending,
    /// The phase it happened in; `None` where timing decides, and for `graceful`.
    pub phase: Option<ReportedPhase>,
    /// The exit status of adieu.
    pub exit: i32,
    /// Bytes that must be reported as not acknowledged.
    pub unacknowledged: Option<u64>,
}

/// How many bytes must arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bytes {
    /// This many.
    Exactly(u64),
    /// From the first to the second, both included: timing decides.
    Between(u64, u64),
}

impl Bytes {
    /// The fewest that are right.
    pub const fn least(self) -> u64 {
        match self {
            Self::Exactly(n) | Self::Between(n, _) => n,
        }
    }

    /// The most that are right.
    pub const fn most(self) -> u64 {
        match self {
            Self::Exactly(n) | Self::Between(_, n) => n,
        }
    }

    /// Whether n is right.
    pub const fn allow(self, n: u64) -> bool {
        self.least() <= n && n <= self.most()
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(n) => write!(f, "exactly {n}"),
            Self::Between(least, most) => write!(f, "{least} to {most}"),
        }
    }
}

/// The endings of DESIGN.md 3, as reports spell them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Both directions ended by EOF, all acknowledged, no contrary evidence.
    Graceful,
    /// An RST.
    Reset,
    /// The peer was silent too long, or the deadline passed.
    TimedOut,
    /// The stream stopped before its own end mark.
    Truncated,
    /// Our own input or output failed.
    LocalFailure,
    /// A signal.
    Interrupted,
    /// A fact needed for `graceful` could not be had.
    Indeterminate,
    /// There was no connection: refused, unreachable, no such name.
    NoConnection,
}

impl Ending {
    /// The word in adieu's report.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Graceful => "graceful",
            Self::Reset => "reset",
            Self::TimedOut => "timed_out",
            Self::Truncated => "truncated",
            Self::LocalFailure => "local_failure",
            Self::Interrupted => "interrupted",
            Self::Indeterminate => "indeterminate",
            Self::NoConnection => "no_connection",
        }
    }

    /// The exit status of DESIGN.md 5; for `Interrupted` that of SIGINT.
    pub const fn exit_code(self) -> i32 {
        match self {
            Self::Graceful => 0,
            Self::NoConnection => 3,
            Self::Reset => 4,
            Self::TimedOut => 5,
            Self::Truncated => 6,
            Self::LocalFailure => 7,
            Self::Indeterminate => 8,
            Self::Interrupted => 130,
        }
    }
}

/// The phases of a connection, as reports spell them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportedPhase {
    /// No connection yet.
    Connecting,
    /// Our sending side is open.
    Sending,
    /// Our sending side is shut down, the peer's is open.
    Draining,
    /// Both have ended.
    Closing,
}

impl ReportedPhase {
    /// The word in adieu's report.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Sending => "sending",
            Self::Draining => "draining",
            Self::Closing => "closing",
        }
    }
}

/// Where a scenario makes sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arms {
    /// The core over a simulated network.
    pub simulation: bool,
    /// The library's blocking driver.
    pub blocking: bool,
    /// The library's tokio driver.
    pub tokio: bool,
    /// The built binary, `adieu connect`.
    pub connect: bool,
    /// The built binary, `adieu listen`, the peer connecting.
    pub listen: bool,
    /// The netcats of `cargo xtask peers`.
    pub netcats: bool,
}

impl Arms {
    const ALL: Self =
        Self { simulation: true, blocking: true, tokio: true, connect: true, listen: true, netcats: true };
}

#[cfg(test)]
mod tests;
