//! An exchange of datagrams at work: one thread, one `poll`.
//!
//! Received datagrams are handed on before anything is sent, and before an error is. What ends it is the first cause that is found;
//! how much was lost is asked at the end.
//!
//! Here is what it waits for; `ways` has the two ways, and `end` the end.

mod end;
mod ways;

use super::bound::Bound;
use super::peer::Peer;
use super::session::{Session, room_for};
use super::shape::Shape;
use super::terms::Exchange;
use crate::exchange::{Input, Output};
use crate::listening::Filter;
use crate::os::{self, AsPollable, Watch};
use crate::{Datagrams, Event, Interrupt, Report, SystemError, system_error};
use adieu_proto::{Call, Ending, LocalEnd, Phase, Timer};
use socket2::SockAddr;
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::ops::Range;
use std::time::Duration;

/// How many datagrams are received before something else has its turn.
const IN_A_ROW: usize = 64;

/// How much of what was sent is kept for a name's next address.
const KEPT: usize = 64 * 1024;

/// With whom it is.
enum Whom {
    One {
        /// `None`: whoever it is cannot be answered.
        address: Option<SockAddr>,
        first: Option<(Vec<u8>, bool)>,
        /// Where to go if this one refuses before anything has come.
        others: Vec<SocketAddr>,
        /// What was sent so far. `None`: too much, or there is no other address.
        kept: Option<Vec<Vec<u8>>>,
    },
    All {
        last: Option<SockAddr>,
        are_several: bool,
        filter: Option<Filter>,
    },
}

/// What is on our side.
pub(super) enum Ours {
    Ends {
        /// `None`: it has ended.
        input: Option<Input>,
        output: Output,
    },
    Echo,
}

impl Ours {
    pub(super) fn ends(input: Input, output: Output) -> Self {
        Self::Ends { input: Some(input), output }
    }
}

/// A datagram that our system has not taken yet.
struct Outgoing {
    bytes: Vec<u8>,
    /// `None`: to the peer that the socket has.
    to: Option<SockAddr>,
}

/// How it ended.
struct Ended {
    ending: Ending,
    phase: Phase,
    call: Option<Call>,
    error: Option<SystemError>,
    at: Duration,
}

/// What is to be done when a time has come.
#[derive(Clone, Copy)]
enum Due {
    Silence,
    TimeOut(Timer),
}

pub(super) struct Run {
    session: Session,
    whom: Whom,
    terms: Exchange,
    ours: Ours,
    shape: Shape,
    /// What was received last, and what of it is not written yet.
    room: Vec<u8>,
    unwritten: Range<usize>,
    /// What one read of our input gives.
    piece: Vec<u8>,
    outgoing: VecDeque<Outgoing>,
    /// The socket may have something.
    may_receive: bool,
    /// The socket may take something.
    may_send: bool,
    counted: Datagrams,
    read: u64,
    accepted: u64,
    received: u64,
    written: u64,
    discarded: u64,
    first_accepted: Option<Duration>,
    first_received: Option<Duration>,
    connected: Option<Duration>,
    /// When something passed last, and our own pause after it is over: until then it is no silence of anybody else.
    last_passed: Duration,
    input_ended: Option<Duration>,
    /// The peer, or somebody on the way to it, has said that something did not arrive.
    refusal: Option<(Call, SystemError)>,
    ended: Option<Ended>,
}

impl Run {
    pub(super) fn with_one(peer: Peer, terms: Exchange, ours: Ours) -> Self {
        let Peer { session, address, first, others, ignored } = peer;
        let kept = (!others.is_empty()).then(Vec::new);
        let mut run = Self::new(session, Whom::One { address, first, others, kept }, terms, ours);
        run.counted.ignored = ignored;
        run
    }

    pub(super) fn with_all(bound: Bound, terms: Exchange, ours: Ours) -> Self {
        let (session, filter) = bound.into_parts();
        Self::new(session, Whom::All { last: None, are_several: false, filter }, terms, ours)
    }

    fn new(session: Session, whom: Whom, mut terms: Exchange, mut ours: Ours) -> Self {
        let now = session.now();
        let shape = Shape::new(std::mem::take(&mut terms.shape));
        if let (true, Ours::Ends { input, .. }) = (shape.reads_nothing(), &mut ours) {
            *input = None;
        }
        let has_input = matches!(ours, Ours::Ends { input: Some(_), .. });
        let is_echo = matches!(ours, Ours::Echo);
        Self {
            room: vec![0; room_for(session.transport)],
            unwritten: 0..0,
            piece: if is_echo { Vec::new() } else { vec![0; terms.size] },
            outgoing: VecDeque::new(),
            may_receive: true,
            may_send: true,
            counted: Datagrams::default(),
            read: 0,
            accepted: 0,
            received: 0,
            written: 0,
            discarded: 0,
            first_accepted: None,
            first_received: None,
            connected: matches!(whom, Whom::One { .. }).then_some(now),
            last_passed: now,
            input_ended: (!has_input).then_some(now),
            refusal: None,
            ended: None,
            session,
            whom,
            terms,
            ours,
            shape,
        }
    }

    pub(super) fn run(mut self) -> Report {
        if let Some(error) = self.shape.refusal() {
            self.local_failure(LocalEnd::Socket, &error);
        }
        while self.ended.is_none() {
            let moved = self.receive();
            let moved = self.send() || moved;
            self.look_at_the_time();
            if !moved
                && self.ended.is_none()
                && let Err(error) = self.wait()
            {
                self.local_failure(LocalEnd::Socket, &error);
            }
        }
        self.finish()
    }

    fn phase(&self) -> Phase {
        if self.input_ended.is_some() { Phase::Draining } else { Phase::Sending }
    }

    fn end(&mut self, ending: Ending, call: Option<Call>, error: Option<SystemError>) {
        if self.ended.is_none() {
            let at = self.session.now();
            self.ended = Some(Ended { ending, phase: self.phase(), call, error, at });
        }
    }

    fn local_failure(&mut self, end: LocalEnd, error: &io::Error) {
        self.session.observe(&Event::LocalFailure { end });
        self.end(Ending::LocalFailure { end }, None, Some(system_error::of(error)));
    }

    /// Whether nothing that was received or read stands here. What does is our own silence.
    fn is_idle(&self) -> bool {
        self.unwritten.is_empty() && self.outgoing.is_empty() && !self.shape.has_prepared()
    }

    /// What is due first, and when. Once it has ended, only the deadline can be.
    fn next_due(&self) -> Option<(Duration, Due)> {
        let timers = &self.session.left.options.timers;
        let deadline = timers.deadline.map(|at| (at, Due::TimeOut(Timer::Deadline)));
        let is_idle = self.ended.is_none() && self.is_idle();
        let quiet = self.terms.quiet.filter(|_| is_idle);
        let quiet = quiet.map(|quiet| (self.last_passed.saturating_add(quiet), Due::Silence));
        let after_input = self.input_ended.filter(|_| is_idle).and_then(|ended| {
            let since = ended.max(self.last_passed);
            match timers.idle_timeout.filter(|_| self.counted.received == 0) {
                Some(patience) => Some((since.saturating_add(patience), Due::TimeOut(Timer::Idle))),
                None => self.terms.silence.map(|silence| (since.saturating_add(silence), Due::Silence)),
            }
        });
        [deadline, quiet, after_input].into_iter().flatten().min_by_key(|(at, _)| *at)
    }

    /// What an interrupt or a time makes of it, if one has come. Once it has ended, our interrupt and the deadline still may.
    fn brought_by_time(&self) -> Option<Ending> {
        if let Some(signal) = self.session.raised() {
            return Some(Ending::Interrupted { signal });
        }
        let end = self.terms.end.as_ref().filter(|_| self.ended.is_none());
        if let Some(signal) = end.and_then(Interrupt::raised) {
            // What is not handed on by then is lost.
            let is_whole = self.is_idle();
            return Some(if is_whole { Ending::Connectionless } else { Ending::Interrupted { signal } });
        }
        let (_, due) = self.next_due().filter(|(at, _)| *at <= self.session.now())?;
        Some(match due {
            Due::Silence => Ending::Connectionless,
            Due::TimeOut(timer) => Ending::TimedOut { timer },
        })
    }

    fn look_at_the_time(&mut self) {
        if self.ended.is_none()
            && let Some(ending) = self.brought_by_time()
        {
            self.end(ending, None, None);
        }
    }

    /// Sleeps until something may be done.
    fn wait(&mut self) -> io::Result<()> {
        let now = self.session.now();
        let left = self.next_due().map(|(at, _)| at.saturating_sub(now));
        let check = match &mut self.ours {
            Ours::Ends { input: Some(input), .. } => input.end_check_left(false),
            _ => None,
        };
        let wants_input = self.outgoing.is_empty() && self.has_addressee() && !self.shape.has_prepared();
        let wants_output = !self.unwritten.is_empty();
        let pause = self.shape.pause();
        let receives =
            self.shape.may_receive() && !wants_output && (self.outgoing.is_empty() || !self.is_echo());
        let sends = !self.outgoing.is_empty();
        // With neither, an error that stands there would wake us for nothing.
        let socket = match (receives, sends) {
            (false, false) => Watch::none(),
            _ => Watch::new(self.session.socket.as_pollable(), receives, sends),
        };
        let (input, output) = match &self.ours {
            Ours::Ends { input, output } => (
                input.as_ref().filter(|_| wants_input).map_or_else(Watch::none, Input::watch),
                if wants_output { output.watch() } else { output.watch_reader() },
            ),
            Ours::Echo => (Watch::none(), Watch::none()),
        };
        let end = Watch::readable(self.terms.end.as_ref().map(AsPollable::as_pollable));
        let mut watches = [socket, input, output, self.session.watch_interrupt(), end];
        os::wait(&mut watches, [left, check, pause].into_iter().flatten().min())?;
        let [socket, input, output, ..] = watches.map(|watch| watch.ready);
        self.may_receive |= socket.readable;
        if socket.alert {
            self.note_undelivered();
        }
        self.may_send |= socket.writable;
        if let Ours::Ends { input: i, output: o } = &mut self.ours {
            if let (true, Some(i)) = (input.any, i) {
                i.set_ready();
            }
            if wants_output && output.any {
                o.set_ready();
            } else if output.alert
                && let Some(error) = o.reader_has_gone()
            {
                self.local_failure(LocalEnd::Output, &error);
            }
        }
        Ok(())
    }
}
