//! A driver of an [`adieu_proto::Connection`] over a simulated socket: the seven steps of that crate's
//! documentation, one after another, and nothing else.

use super::ends::{Local, SimInput, SimOutput};
use super::event::{Ask, SimEvent, fault};
use super::socket::{Io, Socket};
use adieu_proto::{
    Action, Call, Config, Connection, FaultKind, LocalEnd, Path, Sample, SocketError, Time, Unacknowledged,
    Waiting,
};
use std::collections::VecDeque;

/// A party with a core: what it is configured with, and what its own ends do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Core {
    /// The core's configuration.
    pub config: Config,
    /// Where its bytes come from.
    pub input: SimInput,
    /// Where the received bytes go.
    pub output: SimOutput,
    /// What the program or signals ask for, in order of time.
    pub asks: Vec<(Time, Ask)>,
    /// Bytes that the driver holds at most, in each direction.
    pub room: u64,
    /// The stream's end mark stands after so many received bytes.
    pub end_mark_after: Option<u64>,
    /// What the platform tells.
    pub platform: Platform,
}

/// What a platform tells a driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Platform {
    /// How much it tells of acknowledgements.
    pub acknowledgements: Acknowledgements,
    /// SO_ERROR can be read.
    pub socket_error: bool,
    /// It tells of the way to the peer.
    pub path: bool,
    /// It wakes a driver that waits for the acknowledgement of its FIN.
    pub wakes_on_acknowledgement: bool,
    /// It wakes a driver whose socket has failed, whatever the driver waits for (POLLERR).
    pub wakes_on_error: bool,
}

/// How much a platform tells of acknowledgements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acknowledgements {
    /// The number of octets missing.
    Octets,
    /// Nothing.
    Unknown,
    /// There is nothing to tell: a Unix socket.
    NotApplicable,
}

impl Platform {
    /// Everything is told, and every wake-up there is.
    pub const LINUX: Self = Self {
        acknowledgements: Acknowledgements::Octets,
        socket_error: true,
        path: true,
        wakes_on_acknowledgement: true,
        wakes_on_error: true,
    };
}

impl Core {
    /// A core with this configuration that sends `n` bytes and takes everything.
    pub fn new(config: Config, n: u64) -> Self {
        Self {
            config,
            input: SimInput::bytes(n),
            output: SimOutput::free(),
            asks: Vec::new(),
            room: 16 << 10,
            end_mark_after: None,
            platform: Platform::LINUX,
        }
    }

    /// The same with another input.
    #[must_use]
    pub fn input(self, input: SimInput) -> Self {
        Self { input, ..self }
    }

    /// The same with another output.
    #[must_use]
    pub fn output(self, output: SimOutput) -> Self {
        Self { output, ..self }
    }

    /// The same, asked for one more thing.
    #[must_use]
    pub fn ask(mut self, at: Time, ask: Ask) -> Self {
        self.asks.push((at, ask));
        self
    }
}

/// A [`Core`] at work.
pub(crate) struct Driver {
    pub(crate) connection: Connection,
    core: Core,
    asks: VecDeque<(Time, Ask)>,
    unsent: u64,
    unwritten: u64,
    waiting: Waiting,
    pub(crate) log: Vec<(Time, SimEvent)>,
}

/// More steps than this at one moment are a loop that never comes to rest.
const RESTLESS: usize = 100_000;

impl Driver {
    pub(crate) fn new(core: Core) -> Self {
        Self {
            connection: Connection::new(core.config.clone()),
            asks: core.asks.iter().copied().collect(),
            core,
            unsent: 0,
            unwritten: 0,
            waiting: Waiting::default(),
            log: Vec::new(),
        }
    }

    pub(crate) fn note(&mut self, now: Time, event: SimEvent) {
        self.log.push((now, event));
    }

    pub(crate) fn is_done(&self) -> bool {
        self.connection.outcome().is_some()
    }

    /// When it must run again though nothing arrives.
    pub(crate) fn wake_at(&self) -> Option<Time> {
        if self.is_done() {
            return None;
        }
        let asked = self.asks.front().map(|(at, _)| *at);
        let input = self.core.input.ready_at().filter(|_| self.waiting.input);
        let output = self.core.output.ready_at().filter(|_| self.waiting.output);
        [self.connection.poll_timeout(), asked, input, output].into_iter().flatten().min()
    }

    /// Whether `poll` would wake it now.
    pub(crate) fn is_woken(&self, socket: &Socket) -> bool {
        let Waiting { receive, send, acknowledgement, .. } = self.waiting;
        let Platform { wakes_on_acknowledgement, wakes_on_error, .. } = self.core.platform;
        let acknowledged = wakes_on_acknowledgement && socket.unacknowledged() == 0;
        !self.is_done()
            && ((receive && socket.readable())
                || (send && socket.writable())
                || (acknowledgement && acknowledged)
                || (wakes_on_error && socket.failed()))
    }

    /// Runs until everything is blocked, or the end.
    pub(crate) fn run(&mut self, now: Time, socket: &mut Socket) {
        // Step 7, of the sleep that has just ended.
        if self.connection.poll_timeout().is_some_and(|at| at <= now) {
            self.note(now, SimEvent::Timeout);
            self.connection.handle_timeout(now);
        }
        while let Some((_, ask)) = self.asks.front().copied().filter(|(at, _)| *at <= now) {
            self.asks.pop_front();
            self.note(now, SimEvent::Asked(ask));
            match ask {
                Ask::Interrupt(signal) => self.connection.handle_interrupt(now, signal),
                Ask::Abort => self.connection.handle_abort(now),
                Ask::GiveUp => self.connection.handle_give_up(now),
            }
        }
        if self.waiting.acknowledgement && socket.unacknowledged() == 0 {
            self.connection.handle_acknowledged();
        }
        for _ in 0..RESTLESS {
            self.act(now, socket);
            if let Some(outcome) = self.connection.outcome() {
                self.note(now, SimEvent::Ended(outcome.ending));
                return;
            }
            if !self.step(now, socket) {
                self.waiting = self.blocked_on();
                self.connection.handle_waiting(now, self.waiting);
                return;
            }
        }
        panic!("never comes to rest at {now:?}: {:?}", &self.log[self.log.len() - 8..]);
    }

    /// Steps 2 and 3.
    fn act(&mut self, now: Time, socket: &mut Socket) {
        for _ in 0..RESTLESS {
            let Some(action) = self.connection.poll_action() else { return };
            if action != Action::Sample {
                self.note(now, SimEvent::Did(action));
            }
            match action {
                Action::ShutdownSend => {
                    let result =
                        socket.shutdown_send(now).map_err(|kind| self.told(now, Call::Shutdown, kind));
                    self.connection.handle_shutdown(now, result);
                }
                Action::Sample => {
                    let sample = self.sample(now, socket);
                    self.note(now, SimEvent::Looked(sample));
                    self.connection.handle_sample(now, sample);
                }
                Action::Close => {
                    socket.close(now);
                    self.connection.handle_closed(now);
                }
                Action::Abort => {
                    socket.abort();
                    self.connection.handle_closed(now);
                }
            }
        }
        panic!("actions without end at {now:?}");
    }

    /// Step 4: one thing, receiving before sending. Whether anything moved.
    fn step(&mut self, now: Time, socket: &mut Socket) -> bool {
        self.write(now)
            || self.receive(now, socket)
            || self.send(now, socket)
            || self.read(now)
            || self.look_for_errors(now, socket)
    }

    fn receive(&mut self, now: Time, socket: &mut Socket) -> bool {
        let room = self.core.room - self.unwritten;
        if !self.connection.wants().receive || room == 0 {
            return false;
        }
        match socket.recv(room) {
            Ok(Io::Bytes(n)) => {
                self.note(now, SimEvent::Received(n));
                self.unwritten += n;
                self.connection.handle_received(now, n);
                if self.core.end_mark_after.is_some_and(|at| self.connection.counts().received >= at) {
                    self.connection.handle_end_mark();
                }
            }
            Ok(Io::Eof) => {
                self.note(now, SimEvent::Eof);
                self.connection.handle_eof(now);
            }
            Ok(Io::Blocked) => {
                if self.connection.evidence().fault.is_none() {
                    return false;
                }
                self.connection.handle_exhausted(now);
            }
            Err(kind) => {
                let fault = self.told(now, Call::Receive, kind);
                self.connection.handle_fault(now, fault);
            }
        }
        true
    }

    fn send(&mut self, now: Time, socket: &mut Socket) -> bool {
        if !self.connection.wants().send || self.unsent == 0 {
            return false;
        }
        match socket.send(now, self.unsent) {
            Ok(Io::Bytes(n)) => {
                self.note(now, SimEvent::Accepted(n));
                self.unsent -= n;
                self.connection.handle_accepted(now, n);
            }
            Ok(Io::Eof | Io::Blocked) => return false,
            Err(kind) => {
                let fault = self.told(now, Call::Send, kind);
                self.connection.handle_fault(now, fault);
            }
        }
        true
    }

    fn read(&mut self, now: Time) -> bool {
        let room = self.core.room - self.unsent;
        if !self.connection.wants().input || room == 0 {
            return false;
        }
        match self.core.input.read(now, room) {
            Local::Bytes(n) => {
                self.unsent += n;
                self.connection.handle_input(n);
            }
            Local::Ended => {
                self.note(now, SimEvent::InputEnded);
                self.connection.handle_input_eof();
            }
            Local::Failed(code) => {
                self.note(now, SimEvent::LocalFailure(LocalEnd::Input));
                self.connection.handle_input_failed(now, Some(code));
            }
            Local::Blocked => return false,
        }
        true
    }

    fn write(&mut self, now: Time) -> bool {
        if self.unwritten == 0 || self.connection.is_decided() {
            return false;
        }
        match self.core.output.write(now, self.unwritten) {
            Local::Bytes(n) => {
                self.note(now, SimEvent::Written(n));
                self.unwritten -= n;
                self.connection.handle_output(now, n);
            }
            Local::Failed(code) => {
                self.note(now, SimEvent::LocalFailure(LocalEnd::Output));
                self.connection.handle_local_failure(now, LocalEnd::Output, Some(code));
            }
            Local::Ended | Local::Blocked => return false,
        }
        true
    }

    /// Woken by POLLERR, and no call that is wanted told it: SO_ERROR must, or the wake-ups never end.
    fn look_for_errors(&mut self, now: Time, socket: &mut Socket) -> bool {
        let Platform { wakes_on_error, socket_error, .. } = self.core.platform;
        if !(wakes_on_error && socket_error && socket.failed()) {
            return false;
        }
        let Some(kind) = socket.take_error() else { return false };
        let fault = self.told(now, Call::SocketError, kind);
        self.connection.handle_fault(now, fault);
        true
    }

    /// Step 6.
    fn blocked_on(&self) -> Waiting {
        let wants = self.connection.wants();
        Waiting {
            receive: wants.receive && self.unwritten < self.core.room,
            send: wants.send && self.unsent > 0,
            input: wants.input && self.unsent < self.core.room,
            pausing: false,
            output: self.unwritten > 0,
            acknowledgement: wants.acknowledgement,
        }
    }

    fn sample(&mut self, now: Time, socket: &mut Socket) -> Sample {
        let platform = self.core.platform;
        Sample {
            unacknowledged: match platform.acknowledgements {
                Acknowledgements::Octets => Unacknowledged::Octets(socket.unacknowledged()),
                Acknowledgements::Unknown => Unacknowledged::Unknown,
                Acknowledgements::NotApplicable => Unacknowledged::NotApplicable,
            },
            path: if platform.path { socket.path(now) } else { Path::default() },
            socket_error: if platform.socket_error {
                socket
                    .take_error()
                    .map_or(SocketError::Clear, |kind| SocketError::Fault(fault(Call::SocketError, kind)))
            } else {
                SocketError::Unknown
            },
        }
    }

    fn told(&mut self, now: Time, call: Call, kind: FaultKind) -> adieu_proto::Fault {
        let fault = fault(call, kind);
        self.note(now, SimEvent::Fault(fault));
        fault
    }
}
