//! How the tables are written: a scenario begins as an exchange of nothing that ends gracefully, and each call
//! says in what it differs, and keeps it off the arms where that cannot be.

use super::{
    Arms, Bytes, Ending, Expect, Options, ProgramInput, ProgramOutput, ReportedPhase, Scenario, Signal,
    Signalling, Target, When,
};
use crate::{ReceivedEnd, Script};
use std::time::Duration;

pub(super) const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

pub(super) const KIB: u64 = 1024;
pub(super) const MIB: u64 = 1024 * KIB;

impl Scenario {
    pub(super) const fn new(name: &'static str, shows: &'static str, script: &'static Script) -> Self {
        Self {
            name,
            shows,
            target: Target::Tcp4,
            script,
            input: ProgramInput::Pipe(0),
            output: ProgramOutput::Pipe,
            options: Options::NONE,
            signal: None,
            expect: Expect {
                output: Bytes::Exactly(0),
                peer: Bytes::Exactly(0),
                peer_end: Some(ReceivedEnd::Eof),
                ending: Ending::Graceful,
                phase: None,
                exit: 0,
                unacknowledged: None,
            },
            hang_limit: Duration::from_secs(8),
            arms: Arms::ALL,
        }
    }

    pub(super) const fn target(mut self, target: Target) -> Self {
        self.target = target;
        self.arms.simulation = false;
        self.arms.listen = false;
        self
    }

    /// Gives this input, all of which must arrive.
    pub(super) const fn input(mut self, input: ProgramInput) -> Self {
        self.input = input;
        self.expect.peer = Bytes::Exactly(input.total());
        if !matches!(input, ProgramInput::Pipe(_)) {
            self.arms.simulation = false;
        }
        if matches!(input, ProgramInput::Closed) {
            self = self.binary_only();
        }
        self
    }

    pub(super) const fn output(mut self, output: ProgramOutput) -> Self {
        self.output = output;
        if !matches!(output, ProgramOutput::Pipe) {
            self.arms.simulation = false;
        }
        if matches!(output, ProgramOutput::Closed) {
            self = self.binary_only();
        }
        self
    }

    /// Must write exactly n bytes.
    pub(super) const fn writes(mut self, n: u64) -> Self {
        self.expect.output = Bytes::Exactly(n);
        self
    }

    pub(super) const fn writes_between(mut self, least: u64, most: u64) -> Self {
        self.expect.output = Bytes::Between(least, most);
        self
    }

    pub(super) const fn peer_gets(mut self, n: u64) -> Self {
        self.expect.peer = Bytes::Exactly(n);
        self
    }

    pub(super) const fn peer_gets_between(mut self, least: u64, most: u64) -> Self {
        self.expect.peer = Bytes::Between(least, most);
        self
    }

    pub(super) const fn peer_sees(mut self, end: Option<ReceivedEnd>) -> Self {
        self.expect.peer_end = end;
        self
    }

    /// The stream to the peer is cut, so the peer must see a reset.
    pub(super) const fn peer_sees_a_reset(self) -> Self {
        self.peer_sees(Some(ReceivedEnd::Reset))
    }

    /// The script is over before the program's stream can end.
    pub(super) const fn peer_does_not_look(self) -> Self {
        self.peer_sees(None)
    }

    pub(super) const fn ends(mut self, ending: Ending, phase: Option<ReportedPhase>) -> Self {
        self.expect.ending = ending;
        self.expect.phase = phase;
        self.expect.exit = ending.exit_code();
        self
    }

    pub(super) const fn idle_timeout(mut self, time: Duration) -> Self {
        self.options.idle_timeout = Some(time);
        self
    }

    pub(super) const fn connect_timeout(mut self, time: Duration) -> Self {
        self.options.connect_timeout = Some(time);
        self
    }

    /// No netcat has a deadline.
    pub(super) const fn deadline(mut self, time: Duration) -> Self {
        self.options.deadline = Some(time);
        self.arms.netcats = false;
        self
    }

    pub(super) const fn input_grace(mut self, time: Duration) -> Self {
        self.options.input_grace = Some(time);
        self
    }

    pub(super) const fn signal(mut self, signal: Signal, when: When) -> Self {
        self.signal = Some(Signalling { signal, when });
        self.arms.simulation = false;
        // A future is interrupted by dropping it, which gives no report: its own tests show what the peer sees.
        self.arms.tokio = false;
        // A listener that is told to stop lets its connections finish first.
        self.arms.listen = false;
        self.expect.ending = Ending::Interrupted;
        self.expect.exit = match signal {
            Signal::Interrupt => 130,
            Signal::Terminate => 143,
        };
        self
    }

    pub(super) const fn unacknowledged(mut self, n: u64) -> Self {
        self.expect.unacknowledged = Some(n);
        self
    }

    /// Moves so much that a debug build on a busy machine needs its time.
    pub(super) const fn heavy(mut self) -> Self {
        self.hang_limit = Duration::from_secs(20);
        self
    }

    /// Only a program is started without a descriptor: a driver in this process is always given both.
    pub(super) const fn binary_only(mut self) -> Self {
        self.arms.simulation = false;
        self.arms.blocking = false;
        self.arms.tokio = false;
        self
    }

    /// It shows what only adieu promises.
    pub(super) const fn without_netcats(mut self) -> Self {
        self.arms.netcats = false;
        self
    }

    pub(super) const fn without_simulation(mut self) -> Self {
        self.arms.simulation = false;
        self
    }
}
