//! One connection, from when it is there to its end: what it is used for, and what it came to.
//!
//! Everything here is done on the thread that calls it, so that what traces a netcat sees its calls where it expects them.

use super::super::flavour::Flavour;
use super::super::plan::{AtInputEnd, ExitRule, Plan};
use super::choices::{self, Side};
use super::rhythm::Rhythm;
use super::verdict::Verdict;
use super::voice::Voice;
use crate::dump::Dump;
use crate::os::{Standard, check_standard};
use crate::printer::Printer;
use crate::stdio;
use adieu::exchange::{Closes, ExchangeOptions, Input, Output};
use adieu::{Connection, Ending, Endpoint, Event, Interrupt, LocalEnd, NeverConnected, Report, Role, Signal};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A plan that runs, with what all of its connections share.
pub(super) struct Run {
    pub(super) plan: Plan,
    pub(super) voice: Voice,
    pub(super) printer: Arc<Printer>,
    pub(super) interrupt: Interrupt,
    pub(super) began: Instant,
    /// What crosses is written to these, which were opened before anything was.
    pub(super) dumps: Vec<Arc<Dump>>,
    /// Of the peer of this connection, with `-q`.
    pub(super) rhythm: Arc<Mutex<Rhythm>>,
    /// Bytes that passed so far, to the peers and from them.
    pub(super) passed: [AtomicU64; 2],
    /// Our output takes nothing more, from nobody.
    pub(super) output_is_gone: AtomicBool,
}

/// How a run, or a part of it, is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Done {
    /// With this exit status.
    Exit(u8),
    /// By a signal, which the process is to die of.
    Signal(Signal),
}

impl Done {
    pub(super) const GOOD: Self = Self::Exit(0);
    pub(super) const BAD: Self = Self::Exit(1);

    /// The status of several: the first that is not good.
    pub(super) fn and(self, other: Self) -> Self {
        if self == Self::GOOD { other } else { self }
    }
}

impl Run {
    /// Whether this is the run's one connection: nothing else uses our stdout after it.
    fn is_only_one(&self) -> bool {
        use super::super::plan::Mode;
        match &self.plan.mode {
            Mode::Connect { ports, .. } => ports.len() == 1,
            Mode::ConnectUnix { .. } => true,
            Mode::Listen { .. } | Mode::ListenUnix { .. } => !self.plan.keep_listening,
        }
    }

    /// Before the next port: the pause that was asked for. The signal that broke it off.
    pub(super) fn rest_before(&self, place: usize) -> Option<Signal> {
        let pause = self.plan.interval.filter(|_| place > 0)?;
        self.interrupt.wait(pause)
    }

    /// What watches a peer's pauses, where a time after the end of stdin ends the connection.
    pub(super) fn rhythm_observer(&self) -> Option<impl Fn(Duration, &Event<'_>) + Send + Sync + use<>> {
        matches!(self.plan.at_input_end, AtInputEnd::Quit { .. }).then(|| {
            let rhythm = Arc::clone(&self.rhythm);
            move |at: Duration, event: &Event<'_>| {
                rhythm.lock().unwrap_or_else(PoisonError::into_inner).observe(at, event);
            }
        })
    }

    /// stdin to the peer and the peer to stdout, as the plan says.
    pub(super) fn converse(&self, connection: Connection) -> Done {
        self.converse_with(connection, self.input())
    }

    /// The same with another input.
    pub(super) fn converse_with(&self, connection: Connection, input: std::io::Result<Input>) -> Done {
        let (role, endpoint) = self.what_it_is(&connection);
        let (input, output) = match self.ends(input) {
            Ok(ends) => ends,
            Err((end, error)) => {
                connection.abort();
                let cause = NeverConnected::LocalFailure { end, error: &error };
                return self.ended(&cause.report(&endpoint, role));
            }
        };
        let id = connection.id();
        let options = self.dumped(choices::exchange(&self.plan), id);
        let report = adieu::exchange_with(connection, input, output, options);
        self.forget(id);
        self.ended(&report)
    }

    /// What a report says of a connection that cannot be used: our part in it, and its endpoint.
    pub(super) fn what_it_is(&self, connection: &Connection) -> (Role, Endpoint) {
        let (role, address) = match Side::of(&self.plan.mode) {
            Side::Connects => (Role::Connect, connection.peer_addr()),
            Side::Listens => (Role::Listen, connection.local_addr()),
        };
        (role, address.unwrap_or_else(|| ([0, 0, 0, 0], 0).into()).into())
    }

    /// The options with what writes the dumps.
    pub(super) fn dumped(&self, options: ExchangeOptions, id: u64) -> ExchangeOptions {
        if self.dumps.is_empty() {
            return options;
        }
        let parts: Vec<_> = self.dumps.iter().map(|dump| dump.of(id)).collect();
        options.tap(move |way, bytes| parts.iter().try_for_each(|part| part.crossed(way, bytes)))
    }

    /// Nothing more of this connection comes to the dumps.
    pub(super) fn forget(&self, id: u64) {
        self.dumps.iter().for_each(|dump| dump.forget(id));
    }

    /// What is sent. Whoever starts a netcat without a stdin has nothing to send, and can lose none of it.
    pub(super) fn input(&self) -> std::io::Result<Input> {
        let has_none = check_standard(Standard::Input).is_err();
        if has_none || self.plan.detached || self.plan.recv_only {
            return Ok(Input::from_bytes(""));
        }
        stdio::input()
    }

    /// Our two ends.
    fn ends(&self, input: std::io::Result<Input>) -> Result<(Input, Output), (LocalEnd, std::io::Error)> {
        let input = input.map_err(|error| (LocalEnd::Input, error))?;
        let output = stdio::output().map_err(|error| (LocalEnd::Output, error))?;
        let output = if self.is_only_one() { output.closes_standard(Closes::Always) } else { output };
        Ok((input, output))
    }

    /// Says what became of a connection, and gives its status.
    pub(super) fn ended(&self, report: &Report) -> Done {
        self.printer.report(report);
        if let Ending::Interrupted { signal } = report.ending() {
            // Where there are several clients, the one that found our output gone ends the others.
            return if self.output_is_gone.load(Ordering::Relaxed) {
                Done::BAD
            } else {
                Done::Signal(signal)
            };
        }
        if self.loses_output(report) {
            self.output_is_gone.store(true, Ordering::Relaxed);
        }
        let rhythm = std::mem::take(&mut *self.rhythm.lock().unwrap_or_else(PoisonError::into_inner));
        let verdict = Verdict::of(&self.plan, report, &rhythm);
        if let Some(said) = &verdict.said {
            self.voice.complain(said);
        }
        self.passed[0].fetch_add(report.bytes_accepted, Ordering::Relaxed);
        self.passed[1].fetch_add(report.bytes_received, Ordering::Relaxed);
        match (self.plan.exit, verdict.hidden) {
            (ExitRule::Compat, _) | (ExitRule::Truth, None) => Done::Exit(verdict.flavours),
            (ExitRule::Truth, Some(hidden)) => {
                self.voice.confess(&hidden);
                Done::Exit(verdict.flavours.max(1))
            }
        }
    }

    /// Whether a listener that goes on would only lose what the next clients send: nobody reads our stdout any more. ncat ends with
    /// whatever its output fails of.
    fn loses_output(&self, report: &Report) -> bool {
        let has_no_reader = report.error_code().is_some_and(|code| {
            std::io::Error::from_raw_os_error(code).kind() == std::io::ErrorKind::BrokenPipe
        });
        report.ending() == (Ending::LocalFailure { end: LocalEnd::Output })
            && (has_no_reader || self.plan.flavour == Flavour::Ncat)
    }

    /// What two of the flavours say at the end of how much has passed.
    pub(super) fn tell_counts(&self) {
        let [sent, received] = [&self.passed[0], &self.passed[1]].map(|count| count.load(Ordering::Relaxed));
        match self.plan.flavour {
            Flavour::Traditional if self.voice.is_very_verbose() => {
                self.voice.tell(&format!(" sent {sent}, rcvd {received}"));
            }
            Flavour::Ncat if self.voice.is_verbose() && Side::of(&self.plan.mode) == Side::Connects => {
                let took = self.began.elapsed().as_secs_f64();
                self.voice
                    .tell(&format!("{sent} bytes sent, {received} bytes received in {took:.2} seconds."));
            }
            _ => {}
        }
    }

    /// Something is wrong before there is a connection: the flavour's own words and status.
    pub(super) fn refuse(&self, text: &str) -> Done {
        self.voice.complain(text);
        Done::BAD
    }
}
