//! A peer that follows a script, however ill-mannered.

use super::event::{SimEvent, fault};
use super::socket::{Io, Socket};
use adieu_proto::{Action, Call, Counts, FaultKind, Time};
use core::time::Duration;
use std::collections::VecDeque;

/// One step of a scripted peer. After the last one its program exits, which closes the socket.
///
/// A call that fails ends the script: the socket is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Sends so many bytes.
    Send(u64),
    /// Receives so many bytes, or until EOF.
    Receive(u64),
    /// Receives until EOF.
    ReceiveToEof,
    /// Sends so many bytes and receives until EOF, at the same time.
    Exchange(u64),
    /// Receives until EOF, at most so many bytes at a time with a pause after each.
    ReadSlowly {
        /// Bytes at a time.
        chunk: u64,
        /// The pause.
        every: Duration,
    },
    /// Sends so many bytes one by one with a pause after each.
    Trickle {
        /// Bytes in all.
        bytes: u64,
        /// The pause.
        every: Duration,
    },
    /// Shuts down its sending side.
    ShutdownSend,
    /// Does nothing for so long.
    Pause(Duration),
    /// Does nothing for good; its system lives on.
    Hold,
    /// Closes. Bytes of ours that it has not received make that an RST.
    Close,
    /// Closes with an RST.
    Reset,
}

/// A script at work.
pub(crate) struct Actor {
    steps: VecDeque<Step>,
    sleeps_until: Time,
    blocked: bool,
    pub(crate) closed: bool,
    eof: bool,
    pub(crate) counts: Counts,
    pub(crate) log: Vec<(Time, SimEvent)>,
}

/// What became of one step.
enum Progressed {
    Done,
    Again,
    Blocked,
    Failed(Call, FaultKind),
}

impl Actor {
    pub(crate) fn new(steps: impl IntoIterator<Item = Step>) -> Self {
        Self {
            steps: steps.into_iter().collect(),
            sleeps_until: Time::ZERO,
            blocked: false,
            closed: false,
            eof: false,
            counts: Counts::default(),
            log: Vec::new(),
        }
    }

    pub(crate) fn note(&mut self, now: Time, event: SimEvent) {
        self.log.push((now, event));
    }

    pub(crate) fn wake_at(&self) -> Option<Time> {
        (!self.closed && !self.blocked).then_some(self.sleeps_until)
    }

    pub(crate) fn is_woken(&self, now: Time, socket: &Socket) -> bool {
        if self.closed || self.sleeps_until > now {
            return false;
        }
        match self.steps.front() {
            Some(Step::Hold) => false,
            Some(Step::Send(_) | Step::Trickle { .. }) => socket.writable(),
            Some(Step::Receive(_) | Step::ReceiveToEof | Step::ReadSlowly { .. }) => socket.readable(),
            Some(Step::Exchange(left)) => {
                (*left > 0 && socket.writable()) || (!self.eof && socket.readable())
            }
            _ => true,
        }
    }

    pub(crate) fn run(&mut self, now: Time, socket: &mut Socket) {
        self.blocked = false;
        while !self.closed && self.sleeps_until <= now {
            let Some(mut step) = self.steps.pop_front() else {
                self.close(now, socket);
                return;
            };
            match self.perform(now, &mut step, socket) {
                Progressed::Done => {}
                Progressed::Again => self.steps.push_front(step),
                Progressed::Blocked => {
                    self.steps.push_front(step);
                    self.blocked = true;
                    return;
                }
                Progressed::Failed(call, kind) => {
                    self.note(now, SimEvent::Fault(fault(call, kind)));
                    self.close(now, socket);
                }
            }
        }
    }

    fn perform(&mut self, now: Time, step: &mut Step, socket: &mut Socket) -> Progressed {
        match step {
            Step::Send(left) => self.send(now, left, socket),
            Step::Receive(left) => self.receive(now, left, socket),
            Step::ReceiveToEof => self.receive_all(now, socket),
            Step::ReadSlowly { chunk, every } => match self.receive(now, &mut chunk.clone(), socket) {
                Progressed::Done if self.eof => Progressed::Done,
                Progressed::Done | Progressed::Again => {
                    self.sleeps_until = now + *every;
                    Progressed::Again
                }
                other => other,
            },
            Step::Trickle { bytes: 0, .. } => Progressed::Done,
            Step::Trickle { bytes, every } => match self.send(now, &mut 1, socket) {
                Progressed::Done => {
                    *bytes -= 1;
                    self.sleeps_until = now + *every;
                    Progressed::Again
                }
                other => other,
            },
            Step::Exchange(left) => self.exchange(now, left, socket),
            Step::ShutdownSend => {
                self.note(now, SimEvent::Did(Action::ShutdownSend));
                socket
                    .shutdown_send(now)
                    .map_or_else(|kind| Progressed::Failed(Call::Shutdown, kind), |()| Progressed::Done)
            }
            Step::Pause(pause) => {
                self.sleeps_until = now + *pause;
                Progressed::Done
            }
            Step::Hold => Progressed::Blocked,
            Step::Close => {
                self.close(now, socket);
                Progressed::Done
            }
            Step::Reset => {
                self.note(now, SimEvent::Did(Action::Abort));
                socket.abort();
                self.closed = true;
                Progressed::Done
            }
        }
    }

    fn send(&mut self, now: Time, left: &mut u64, socket: &mut Socket) -> Progressed {
        if *left == 0 {
            return Progressed::Done;
        }
        match socket.send(now, *left) {
            Ok(Io::Bytes(n)) => {
                *left -= n;
                self.counts.read += n;
                self.counts.accepted += n;
                self.note(now, SimEvent::Accepted(n));
                if *left == 0 { Progressed::Done } else { Progressed::Again }
            }
            Ok(Io::Eof | Io::Blocked) => Progressed::Blocked,
            Err(kind) => Progressed::Failed(Call::Send, kind),
        }
    }

    fn receive(&mut self, now: Time, left: &mut u64, socket: &mut Socket) -> Progressed {
        if *left == 0 || self.eof {
            return Progressed::Done;
        }
        match socket.recv(*left) {
            Ok(Io::Bytes(n)) => {
                *left -= n;
                self.counts.received += n;
                self.counts.written += n;
                self.note(now, SimEvent::Received(n));
                if *left == 0 { Progressed::Done } else { Progressed::Again }
            }
            Ok(Io::Eof) => {
                self.eof = true;
                self.note(now, SimEvent::Eof);
                Progressed::Done
            }
            Ok(Io::Blocked) => Progressed::Blocked,
            Err(kind) => Progressed::Failed(Call::Receive, kind),
        }
    }

    fn receive_all(&mut self, now: Time, socket: &mut Socket) -> Progressed {
        let mut left = u64::MAX;
        self.receive(now, &mut left, socket)
    }

    fn exchange(&mut self, now: Time, left: &mut u64, socket: &mut Socket) -> Progressed {
        let received = self.receive_all(now, socket);
        if matches!(received, Progressed::Again | Progressed::Failed(..)) {
            return received;
        }
        match (received, self.send(now, left, socket)) {
            (Progressed::Blocked, Progressed::Done) => Progressed::Blocked,
            (_, sent) => sent,
        }
    }

    fn close(&mut self, now: Time, socket: &mut Socket) {
        if !self.closed {
            self.note(now, SimEvent::Did(Action::Close));
            socket.close(now);
            self.closed = true;
        }
    }
}
