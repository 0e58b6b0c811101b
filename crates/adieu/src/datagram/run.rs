//! An exchange of datagrams at work: one thread, one `poll`.
//!
//! Received datagrams are handed on before anything is sent, and before an error is. What ends it is the first cause that is found;
//! how much was lost is asked at the end.

use super::bound::{Bound, Filter};
use super::open;
use super::peer::Peer;
use super::session::{Session, is_of_the_way, room_for};
use super::terms::Exchange;
use crate::exchange::{Input, Output};
use crate::handle::address_of;
use crate::os::{self, AsPollable, Watch};
use crate::{Datagrams, Event, Report, Role, SystemError, Transport, system_error};
use adieu_proto::{Call, Ending, Fault, LocalEnd, Phase, Timer};
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

pub(super) struct Run<'a> {
    session: Session,
    whom: Whom,
    terms: &'a Exchange,
    ours: Ours,
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
    last_passed: Duration,
    input_ended: Option<Duration>,
    /// The peer, or somebody on the way to it, has said that something did not arrive.
    refusal: Option<(Call, SystemError)>,
    ended: Option<Ended>,
}

impl<'a> Run<'a> {
    pub(super) fn with_one(peer: Peer, terms: &'a Exchange, ours: Ours) -> Self {
        let Peer { session, address, first, first_is_cut, others, ignored } = peer;
        let kept = (!others.is_empty()).then(Vec::new);
        let first = first.map(|datagram| (datagram, first_is_cut));
        let mut run = Self::new(session, Whom::One { address, first, others, kept }, terms, ours);
        run.counted.ignored = ignored;
        run
    }

    pub(super) fn with_all(bound: Bound, terms: &'a Exchange, ours: Ours) -> Self {
        let (session, filter) = bound.into_parts();
        Self::new(session, Whom::All { last: None, are_several: false, filter }, terms, ours)
    }

    fn new(session: Session, whom: Whom, terms: &'a Exchange, ours: Ours) -> Self {
        let now = session.now();
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
            input_ended: is_echo.then_some(now),
            refusal: None,
            ended: None,
            session,
            whom,
            terms,
            ours,
        }
    }

    pub(super) fn run(mut self) -> Report {
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

    // ---- from the peer ----

    fn receive(&mut self) -> bool {
        let mut moved = self.write_on();
        for _ in 0..IN_A_ROW {
            // An echo that is not taken waits where it came from.
            let is_held_up = !self.unwritten.is_empty() || self.is_echo() && !self.outgoing.is_empty();
            if is_held_up || self.is_enough() || self.ended.is_some() || !self.take() {
                break;
            }
            moved = true;
            self.write_on();
            if self.is_echo() {
                self.send_on();
            }
        }
        self.settle();
        moved
    }

    /// Ends what has to end once everything is handed on that has come.
    fn settle(&mut self) {
        if !self.unwritten.is_empty() {
            return;
        }
        if self.is_enough() {
            self.end(Ending::Connectionless, None, None);
        }
        if !self.may_receive
            && let Some((call, error)) = self.refusal.take()
            && !self.goes_elsewhere()
        {
            let ending = if self.counted.received > 0 { Ending::Truncated } else { Ending::NoConnection };
            self.end(ending, Some(call), Some(error));
        }
    }

    /// Whether as many were received as were asked for.
    fn is_enough(&self) -> bool {
        self.terms.receive_limit.is_some_and(|limit| self.counted.received >= limit)
    }

    fn is_echo(&self) -> bool {
        matches!(self.ours, Ours::Echo)
    }

    /// Takes the next datagram, if there is one.
    fn take(&mut self) -> bool {
        if let Whom::One { first, .. } = &mut self.whom
            && let Some((datagram, is_cut)) = first.take()
        {
            self.room[..datagram.len()].copy_from_slice(&datagram);
            self.arrived(datagram.len(), is_cut, None);
            return true;
        }
        if !self.may_receive {
            return false;
        }
        match os::receive_datagram(&self.session.sock(), &mut self.room) {
            Ok(arrived) if self.is_strange(&arrived.from) => {
                self.counted.ignored += 1;
                true
            }
            Ok(arrived) => {
                self.arrived(arrived.length, arrived.is_cut, Some(arrived.from));
                true
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.may_receive = false;
                false
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => true,
            Err(error) => {
                self.fault(Call::Receive, &error);
                true
            }
        }
    }

    /// Whether it comes from somebody else than the one peer: it had arrived before the socket had a peer. Or from somebody who is
    /// not let in.
    fn is_strange(&self, from: &SockAddr) -> bool {
        match &self.whom {
            Whom::One { address: Some(address), .. } => {
                address.as_socket().is_some() && address.as_socket() != from.as_socket()
            }
            Whom::One { address: None, .. } => false,
            Whom::All { filter, .. } => filter.as_ref().is_some_and(|filter| !filter.lets_in(from)),
        }
    }

    fn arrived(&mut self, length: usize, is_cut: bool, from: Option<SockAddr>) {
        let now = self.session.now();
        if let (Whom::All { last, are_several, .. }, Some(from)) = (&mut self.whom, &from) {
            *are_several |= last.as_ref().is_some_and(|last| last != from);
            *last = Some(from.clone());
            self.connected.get_or_insert(now);
        }
        self.counted.received += 1;
        self.received += length as u64;
        self.first_received.get_or_insert(now);
        self.last_passed = now;
        self.session.observe(&Event::Received { bytes: length as u64 });
        if let Whom::One { kept, others, .. } = &mut self.whom {
            // This address has answered.
            (*kept, *others) = (None, Vec::new());
        }
        if is_cut {
            let text = format!("a datagram has come that is longer than {} bytes", self.room.len());
            self.local_failure(LocalEnd::Socket, &io::Error::new(io::ErrorKind::InvalidData, text));
        }
        match &mut self.ours {
            Ours::Echo => {
                let to = match self.whom {
                    Whom::All { .. } => from,
                    Whom::One { .. } => None,
                };
                self.read += length as u64;
                self.outgoing.push_back(Outgoing { bytes: self.room[..length].to_vec(), to });
            }
            Ours::Ends { output, .. } => {
                self.unwritten = 0..length;
                if length > 0
                    && let Err(error) = output.begin()
                {
                    self.local_failure(LocalEnd::Output, &error);
                }
            }
        }
    }

    /// Writes what is not written yet, as far as our output takes it.
    fn write_on(&mut self) -> bool {
        let Ours::Ends { output, .. } = &mut self.ours else { return false };
        let mut moved = false;
        while !self.unwritten.is_empty() && output.is_ready() {
            match output.write(&self.room[self.unwritten.clone()]) {
                Ok(n) => {
                    self.unwritten.start += n;
                    self.written += n as u64;
                    moved = true;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if output.is_refusal(&error) => {
                    self.discarded += self.unwritten.len() as u64;
                    self.unwritten = 0..0;
                }
                Err(error) => {
                    self.unwritten = 0..0;
                    self.local_failure(LocalEnd::Output, &error);
                    break;
                }
            }
        }
        moved
    }

    // ---- to the peer ----

    fn send(&mut self) -> bool {
        let mut moved = self.send_on();
        for _ in 0..IN_A_ROW {
            let is_held_up = !self.outgoing.is_empty() || self.refusal.is_some();
            if is_held_up || self.ended.is_some() || !self.read() {
                break;
            }
            moved = true;
            self.send_on();
        }
        moved
    }

    /// Whether there is somebody whom our input is for.
    fn has_addressee(&self) -> bool {
        !matches!(self.whom, Whom::All { last: None, .. })
    }

    /// Reads one datagram from our input, if it has something.
    fn read(&mut self) -> bool {
        if !self.has_addressee() {
            return false;
        }
        let Ours::Ends { input: open, .. } = &mut self.ours else { return false };
        let Some(input) = open else { return false };
        if !input.is_ready() {
            return false;
        }
        let n = match input.read(&mut self.piece) {
            Ok(0) => {
                *open = None;
                self.input_ended = Some(self.session.now());
                return true;
            }
            Ok(n) => n,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
            Err(error) => {
                let end = input.failing_end();
                self.local_failure(end, &error);
                return true;
            }
        };
        self.read += n as u64;
        let to = match &self.whom {
            Whom::All { last, .. } => last.clone(),
            Whom::One { address: Some(_), .. } => None,
            Whom::One { address: None, .. } => {
                let text = "whoever sent to us has no name, so nothing can be sent back";
                self.local_failure(LocalEnd::Socket, &io::Error::new(io::ErrorKind::NotConnected, text));
                return true;
            }
        };
        self.outgoing.push_back(Outgoing { bytes: self.piece[..n].to_vec(), to });
        true
    }

    /// Sends what is to be sent, as far as our system takes it.
    fn send_on(&mut self) -> bool {
        let mut moved = false;
        while self.may_send
            && self.refusal.is_none()
            && self.ended.is_none()
            && let Some(next) = self.outgoing.front()
        {
            match os::send_datagram(&self.session.sock(), &next.bytes, next.to.as_ref()) {
                Ok(()) => {
                    let Some(sent) = self.outgoing.pop_front() else { break };
                    self.sent(sent);
                    moved = true;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.may_send = false,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    // Whom it was for has gone, or the error is that of one before: then it is tried once more.
                    if let Whom::All { .. } = self.whom
                        && self.session.transport == Transport::UnixDatagram
                    {
                        self.outgoing.pop_front();
                    }
                    self.fault(Call::Send, &error);
                    moved = true;
                }
            }
        }
        moved
    }

    fn sent(&mut self, Outgoing { bytes, .. }: Outgoing) {
        let (now, length) = (self.session.now(), bytes.len() as u64);
        self.counted.sent += 1;
        self.accepted += length;
        self.first_accepted.get_or_insert(now);
        self.last_passed = now;
        self.session.observe(&Event::Sent { bytes: length });
        if self.is_echo() {
            self.written += length;
            return;
        }
        if let Whom::One { kept, .. } = &mut self.whom
            && let Some(all) = kept
        {
            if all.iter().map(Vec::len).sum::<usize>() + bytes.len() > KEPT {
                *kept = None;
            } else {
                all.push(bytes);
            }
        }
    }

    /// A call has told that something went wrong.
    fn fault(&mut self, call: Call, error: &io::Error) {
        let fault = Fault { call, kind: os::fault_kind(error), code: error.raw_os_error() };
        self.session.observe(&Event::Fault { fault });
        // It may stand for several, and for what is an error of the way only because somebody there has told it.
        let refused = self.note_undelivered();
        if refused == 0 && is_of_the_way(error) {
            self.refused(1, call, error);
        } else if refused == 0 {
            let told = self.in_words(error);
            self.session.observe(&Event::LocalFailure { end: LocalEnd::Socket });
            self.end(Ending::LocalFailure { end: LocalEnd::Socket }, Some(call), Some(told));
        }
    }

    /// Notes what was told of datagrams that did not arrive. How many there were.
    fn note_undelivered(&mut self) -> u64 {
        let (number, first) = self.session.undelivered();
        if let Some(error) = first {
            self.refused(number, Call::Receive, &error);
        }
        number
    }

    fn refused(&mut self, number: u64, call: Call, error: &io::Error) {
        self.counted.refused += number;
        if let Whom::One { .. } = self.whom {
            // Linux tells it before what the peer had sent, which is still to be received.
            self.refusal.get_or_insert((call, system_error::of(error)));
            self.may_receive = true;
        }
    }

    fn in_words(&self, error: &io::Error) -> SystemError {
        let told = system_error::of(error);
        match self.outgoing.front() {
            Some(next) if os::is_too_big(error) => {
                let words =
                    format!("a datagram of {} bytes is too big for its way: {told}", next.bytes.len());
                SystemError::new(told.code, told.code.and_then(crate::error_name), words)
            }
            _ => told,
        }
    }

    /// Nobody receives at this address of a name, and nothing has come from it: tries the next one with all that was sent.
    fn goes_elsewhere(&mut self) -> bool {
        let Whom::One { address, others, kept: Some(kept), .. } = &mut self.whom else { return false };
        let asked = &self.session.left.options.socket;
        while !others.is_empty() {
            let next = others.remove(0);
            let Ok(socket) = open::connected(asked, next) else { continue };
            self.session.socket = socket;
            *address = Some(next.into());
            let again = kept.drain(..).map(|bytes| Outgoing { bytes, to: None });
            let waiting: Vec<_> = self.outgoing.drain(..).collect();
            self.outgoing.extend(again.chain(waiting));
            self.counted = Datagrams::default();
            self.accepted = 0;
            (self.may_receive, self.may_send) = (true, true);
            self.last_passed = self.session.left.start.elapsed();
            self.session.note_addresses();
            return true;
        }
        false
    }

    // ---- time ----

    /// What is due first, and when.
    fn next_due(&self) -> Option<(Duration, Due)> {
        let timers = &self.session.left.options.timers;
        let deadline = timers.deadline.map(|at| (at, Due::TimeOut(Timer::Deadline)));
        // What stands here is our own silence.
        let is_idle = self.unwritten.is_empty() && self.outgoing.is_empty();
        let quiet =
            self.terms.quiet.filter(|_| is_idle).map(|quiet| (self.last_passed + quiet, Due::Silence));
        let after_input = self.input_ended.filter(|_| is_idle).and_then(|ended| {
            let since = ended.max(self.last_passed);
            match timers.idle_timeout.filter(|_| self.counted.received == 0) {
                Some(patience) => Some((since + patience, Due::TimeOut(Timer::Idle))),
                None => self.terms.silence.map(|silence| (since + silence, Due::Silence)),
            }
        });
        [deadline, quiet, after_input].into_iter().flatten().min_by_key(|(at, _)| *at)
    }

    fn look_at_the_time(&mut self) {
        if self.ended.is_some() {
            return;
        }
        if let Some(signal) = self.session.raised() {
            self.end(Ending::Interrupted { signal }, None, None);
        } else if self.terms.end.as_ref().is_some_and(|end| end.raised().is_some()) {
            self.end(Ending::Connectionless, None, None);
        } else if let Some((at, due)) = self.next_due()
            && at <= self.session.now()
        {
            match due {
                Due::Silence => self.end(Ending::Connectionless, None, None),
                Due::TimeOut(timer) => self.end(Ending::TimedOut { timer }, None, None),
            }
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
        let wants_input = self.outgoing.is_empty() && self.has_addressee();
        let wants_output = !self.unwritten.is_empty();
        let receives = !wants_output && (self.outgoing.is_empty() || !self.is_echo());
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
        os::wait(&mut watches, [left, check].into_iter().flatten().min())?;
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

    // ---- the end ----

    fn finish(mut self) -> Report {
        self.counted.dropped = os::dropped_datagrams(&self.session.sock());
        let is_lost = self.counted.dropped.is_some_and(|dropped| dropped > 0);
        if let Some(ended) = &mut self.ended
            && ended.ending == Ending::Connectionless
            && is_lost
        {
            ended.ending = Ending::Truncated;
        }
        self.end_output();
        let Some(Ended { ending, phase, call, error, at }) = self.ended.take() else {
            unreachable!("it is finished once it has ended")
        };
        let facts = &self.session.left.facts;
        let role = facts.role.unwrap_or(Role::Connect);
        let mut report = Report::of_datagrams(
            role,
            Some(self.session.transport),
            facts.endpoint.clone(),
            facts.began,
            (ending, phase),
            self.counted,
            at,
        );
        (report.error_call, report.error) = (call, error);
        report.local_address.clone_from(&facts.local_address);
        report.peer_address = match &self.whom {
            Whom::One { .. } => facts.peer_address.clone(),
            Whom::All { last, are_several: false, .. } => last.as_ref().map(address_of),
            Whom::All { .. } => None,
        };
        report.bytes_read = self.read;
        report.bytes_accepted = self.accepted;
        report.bytes_received = self.received;
        report.bytes_written = self.written;
        report.bytes_discarded = self.discarded;
        let whole = |at: Option<Duration>| at.map(adieu_report::whole_micros);
        report.resolved_after = whole(facts.resolved);
        report.connected_after = whole(self.connected);
        report.first_accepted_after = whole(self.first_accepted);
        report.first_received_after = whole(self.first_received);
        report.closed_after = whole(Some(self.session.now()));
        self.session.observe(&Event::Closed { aborted: false, report: &report });
        report
    }

    /// Our output ends well if everything did, and is cut otherwise.
    fn end_output(&mut self) {
        let is_good = matches!(&self.ended, Some(ended) if ended.ending == Ending::Connectionless);
        let Ours::Ends { output, .. } = &mut self.ours else { return };
        if !is_good {
            output.cut();
            return;
        }
        let failure = loop {
            match output.end() {
                Ok(()) => return,
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => {
                    break Ended {
                        ending: Ending::LocalFailure { end: LocalEnd::Output },
                        phase: Phase::Closing,
                        call: None,
                        error: Some(system_error::of(&error)),
                        at: self.session.now(),
                    };
                }
                Err(_) => {}
            }
            // A writer that never ends is bounded as everything is.
            let now = self.session.now();
            let deadline = self.session.left.options.timers.deadline;
            let ending = match self.session.raised() {
                Some(signal) => Some(Ending::Interrupted { signal }),
                None => deadline.filter(|at| *at <= now).map(|_| Ending::TimedOut { timer: Timer::Deadline }),
            };
            if let Some(ending) = ending {
                output.cut();
                break Ended { ending, phase: Phase::Closing, call: None, error: None, at: now };
            }
            let left = deadline.map(|at| at.saturating_sub(now));
            if os::wait(&mut [output.watch(), self.session.watch_interrupt()], left).is_err() {
                std::thread::yield_now();
            }
        };
        self.ended = Some(failure);
    }
}
