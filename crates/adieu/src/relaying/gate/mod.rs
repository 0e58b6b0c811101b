//! The gates of a relay with planned faults: one in each direction, between the source and the pump.
//!
//! A gate lets everything pass until its fault comes, in pieces that end where the fault is to come. Bytes that it holds back (a latency)
//! count as not yet received, so neither an end nor a cut overtakes them. [`Gates::act`] applies a fault to the two connections, with the
//! calls that a core has anyway. A report says what truly became of each connection, and the caller adds which faults came.

mod delay;
mod end;

use super::faults::{Fault, Faults, Injected, Observer, Planned};
use crate::flow::ends::{Gave, Sink, Source};
use crate::flow::{End, Flow, Pair, Peer, Waits};
use crate::handle::Handle;
use crate::os::RateLimit;
use delay::Delay;
use end::GatedEnd;
use std::net::Shutdown;
use std::time::{Duration, Instant};

/// How much is thrown away at once.
const AT_ONCE: usize = 16 * 1024;

/// Both gates.
pub(super) struct Gates {
    began: Instant,
    observer: Option<Observer>,
    a_to_b: Gate,
    b_to_a: Gate,
}

/// What a gate does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// Nothing passes until then; `None`: for good.
    Stalled(Option<Instant>),
    /// The sink is to be told an end. True: it was.
    Ended(bool),
    /// The source's end came and was not passed on.
    KeptEnd,
    /// Nothing passes any more, and the sink is not told why.
    Silent,
}

/// The gate of one direction.
struct Gate {
    /// The faults that are still to come.
    plan: Vec<Planned>,
    state: State,
    /// Bytes that have passed.
    passed: u64,
    rate: Option<RateLimit>,
    delay: Option<Delay>,
    began: Instant,
    /// After its end the sink is reset.
    resets_after_end: bool,
    /// The sink's TLS stream is to be cut.
    cuts_tls: bool,
    /// A cut of the source is kept from the sink, as long as that has not ended its stream.
    hides_cut: bool,
    /// The source's core knows that nobody is left to take its stream.
    source_knows: bool,
    /// The sink still takes bytes.
    sink_is_open: bool,
}

impl Gates {
    /// `None`: nothing is planned.
    pub(super) fn new(faults: &Faults) -> Option<Box<Self>> {
        let [a_to_b, b_to_a] = &faults.plans;
        (!faults.is_empty()).then(|| {
            let began = Instant::now();
            let [a_to_b, b_to_a] = [a_to_b, b_to_a].map(|plan| Gate::new(plan, began));
            Box::new(Self { began, observer: faults.observer.clone(), a_to_b, b_to_a })
        })
    }

    /// As [`Relay::pass_on`](super::Relay) without gates.
    pub(super) fn pass_on<H: Handle>(
        &mut self,
        up: &mut Flow,
        down: &mut Flow,
        a: &mut Peer<H>,
        b: &mut Peer<H>,
    ) -> bool {
        let Self { a_to_b, b_to_a, .. } = self;
        a_to_b.sink_is_open = Sink::is_open(b);
        b_to_a.sink_is_open = Sink::is_open(a);
        let received = up.fill(&mut Pair(&mut GatedEnd { peer: a, gate: a_to_b }, b))
            | down.fill(&mut Pair(&mut GatedEnd { peer: b, gate: b_to_a }, a));
        up.drain(&mut Pair(&mut GatedEnd { peer: a, gate: a_to_b }, b))
            | down.drain(&mut Pair(&mut GatedEnd { peer: b, gate: b_to_a }, a))
            | received
    }

    /// What each direction waits for, and how long at most although nothing comes.
    pub(super) fn waits<H: Handle>(
        &mut self,
        flows: [&Flow; 2],
        a: &mut Peer<H>,
        b: &mut Peer<H>,
    ) -> ([Waits; 2], Option<Duration>) {
        let [up, down] = flows;
        let (of_up, first) = self.a_to_b.waits(up, a, b);
        let (of_down, second) = self.b_to_a.waits(down, b, a);
        ([of_up, of_down], [first, second].into_iter().flatten().min())
    }

    /// Begins the faults whose places are reached, and does what is left to do of those that have begun. True: something was
    /// done.
    pub(super) fn act<H: Handle>(&mut self, flows: [&Flow; 2], a: &mut Peer<H>, b: &mut Peer<H>) -> bool {
        let elapsed = self.began.elapsed();
        let Self { observer, a_to_b, b_to_a, .. } = self;
        let mut moved = false;
        for (is_a_to_b, flow) in [true, false].into_iter().zip(flows) {
            let (gate, other) =
                if is_a_to_b { (&mut *a_to_b, &mut *b_to_a) } else { (&mut *b_to_a, &mut *a_to_b) };
            let (source, sink) = if is_a_to_b { (&mut *a, &mut *b) } else { (&mut *b, &mut *a) };
            for fault in gate.take_due(elapsed, source) {
                gate.begin(fault, other, source, sink);
                if let Some(observer) = observer {
                    observer(&Injected { fault, is_a_to_b, bytes: gate.passed, after: elapsed });
                }
                moved = true;
            }
            moved |= gate.go_on(other, flow, source, sink);
        }
        moved
    }

    /// Whether each direction was given an end that was not its own, or not given its end.
    pub(super) fn are_falsified(&self) -> [bool; 2] {
        [&self.a_to_b, &self.b_to_a].map(|gate| !gate.is_open())
    }

    /// Whether a cut of the source is not to be told to the sink now.
    pub(super) fn hides_cut<H: Handle>(&self, from_a: bool, sink: &Peer<H>) -> bool {
        let gate = if from_a { &self.a_to_b } else { &self.b_to_a };
        let core = &sink.link.core;
        let has_left = core.peer_has_ended() || core.is_decided();
        let hides = gate.hides_cut || matches!(gate.state, State::Stalled(_));
        core.evidence().fault.is_none() && (!gate.holds_nothing() || (hides && !has_left))
    }
}

impl Gate {
    fn new(plan: &[Planned], began: Instant) -> Self {
        Self {
            plan: plan.to_vec(),
            state: State::Open,
            passed: 0,
            rate: None,
            delay: None,
            began,
            resets_after_end: false,
            cuts_tls: false,
            hides_cut: false,
            source_knows: false,
            sink_is_open: true,
        }
    }

    /// The faults whose places are reached, which are taken out of the plan.
    fn take_due<H: Handle>(&mut self, elapsed: Duration, source: &Peer<H>) -> Vec<Fault> {
        if self.plan.is_empty() || !self.is_open() {
            return Vec::new();
        }
        let ended = Source::end(source) == Some(End::Whole) && self.holds_nothing();
        let passed = self.passed;
        let mut due = Vec::new();
        self.plan.retain(|planned| {
            let is_there = planned.after_bytes <= passed && planned.after <= elapsed;
            // It shows at the end, and before it is nothing.
            let is_due = is_there && (planned.fault != Fault::KeepEnd || ended);
            if is_due {
                due.push(planned.fault);
            }
            !is_due
        });
        due
    }

    /// Whether more faults can come.
    fn is_open(&self) -> bool {
        matches!(self.state, State::Open | State::Stalled(_))
    }

    /// Whether the end of the source's stream, if it comes now, is not passed on.
    fn keeps_end(&self) -> bool {
        let is_due = |planned: &Planned| {
            planned.fault == Fault::KeepEnd
                && planned.after_bytes <= self.passed
                && planned.after <= self.began.elapsed()
        };
        self.plan.iter().any(is_due)
    }

    fn holds_nothing(&self) -> bool {
        self.delay.as_ref().is_none_or(Delay::is_empty)
    }

    fn begin<H: Handle>(&mut self, fault: Fault, other: &mut Self, source: &mut Peer<H>, sink: &mut Peer<H>) {
        match fault {
            Fault::End => self.state = State::Ended(false),
            Fault::UnreadClose => {
                self.state = State::Ended(false);
                self.resets_after_end = true;
            }
            Fault::TlsCut if sink.link.is_plain() => self.state = State::Ended(false),
            Fault::TlsCut => {
                self.state = State::Silent;
                other.state = State::Silent;
                (self.cuts_tls, self.hides_cut) = (true, true);
            }
            Fault::Reset => source.link.break_off(),
            Fault::HalfOpen => {
                self.state = State::Silent;
                other.state = State::Silent;
                self.hides_cut = true;
                source.link.break_off();
            }
            Fault::Stall(time) => {
                // A moment beyond the clock's end never comes.
                self.state = State::Stalled(time.and_then(|time| Instant::now().checked_add(time)));
            }
            Fault::KeepEnd => self.state = State::KeptEnd,
            Fault::Latency { delay, jitter, seed } => {
                // What an earlier one holds back stays in front.
                match &mut self.delay {
                    Some(held) => held.set(delay, jitter),
                    empty => *empty = Some(Delay::new(delay, jitter, seed)),
                }
            }
            Fault::Rate(rate) => self.rate = Some(RateLimit::new(Some(rate))),
        }
    }

    /// What is left to do of faults that have begun. True: something was done.
    fn go_on<H: Handle>(
        &mut self,
        other: &mut Self,
        flow: &Flow,
        source: &mut Peer<H>,
        sink: &mut Peer<H>,
    ) -> bool {
        let mut moved = false;
        if let State::Stalled(Some(until)) = self.state
            && until <= Instant::now()
        {
            (self.state, moved) = (State::Open, true);
        }
        if matches!(self.state, State::Stalled(_)) && source.link.core.evidence().fault.is_some() {
            // Which the sink does not know: it is heard all the same.
            if other.is_open() {
                (other.state, moved) = (State::Silent, true);
            }
            if self.state == State::Stalled(None) && sink.link.core.peer_has_ended() {
                // Both have left: what was held up has nobody to go to.
                (self.state, moved) = (State::Silent, true);
            }
        }
        if self.throws_away() {
            moved |= throw_away(source);
            if !self.source_knows && source.link.core.peer_has_ended() {
                (self.source_knows, moved) = (true, true);
                source.link.core.handle_output_ended();
                source.link.act();
            }
        }
        let is_shut = sink.link.core.milestones().shutdown_send.is_some();
        if self.resets_after_end && is_shut {
            (self.resets_after_end, moved) = (false, true);
            sink.link.break_off();
        }
        if self.cuts_tls && flow.is_empty() && !sink.link.has_unsent() {
            (self.cuts_tls, moved) = (false, true);
            if let Some(handle) = &sink.link.handle {
                let _ = handle.socket().shutdown(Shutdown::Write);
            }
        }
        let has_left = sink.link.core.peer_has_ended() && !sink.link.core.is_decided();
        let is_over = match self.state {
            // Nobody is left whose end it could be given.
            State::KeptEnd => source.link.outcome().is_some(),
            State::Silent => self.hides_cut && !self.cuts_tls,
            _ => false,
        };
        if has_left && is_over {
            sink.link.break_off();
            moved = true;
        }
        moved
    }

    /// Whether nobody takes what the source still sends.
    fn throws_away(&self) -> bool {
        matches!(self.state, State::Ended(true) | State::KeptEnd | State::Silent)
    }

    fn waits<H: Handle>(
        &mut self,
        flow: &Flow,
        source: &mut Peer<H>,
        sink: &mut Peer<H>,
    ) -> (Waits, Option<Duration>) {
        let throws_away = self.throws_away();
        let mut waits = flow.waits(&Pair(&mut GatedEnd { peer: &mut *source, gate: &mut *self }, sink));
        let has_room = waits.source || waits.pause.is_some();
        waits.source |= throws_away && source.link.core.wants().receive;
        let now = Instant::now();
        let held =
            self.delay.as_ref().and_then(|delay| delay.left(now)).filter(|_| has_room && self.is_open());
        let paused = self.pause(now).filter(|_| has_room);
        let stalled = match self.state {
            State::Stalled(until) => until.map(|until| until.saturating_duration_since(now)),
            _ => None,
        };
        let planned = self.plan.iter().filter(|planned| {
            self.is_open() && planned.fault != Fault::KeepEnd && planned.after_bytes <= self.passed
        });
        let planned = planned.map(|planned| planned.after.saturating_sub(self.began.elapsed())).min();
        // What is held back passes once it may by all of them.
        let held = if paused.is_some() { paused } else { held };
        (waits, [held, stalled, planned].into_iter().flatten().min())
    }

    /// How long nothing passes, by its own wish.
    fn pause(&self, now: Instant) -> Option<Duration> {
        if matches!(self.state, State::Stalled(None)) {
            return None;
        }
        let stalled = match self.state {
            State::Stalled(until) => until.map(|until| until.saturating_duration_since(now)),
            _ => None,
        };
        let rate = self.rate.as_ref().map(RateLimit::left);
        let delay = self.delay.as_ref().and_then(|delay| delay.left(now));
        [stalled, rate, delay].into_iter().flatten().filter(|left| !left.is_zero()).max()
    }

    /// How much may pass before a fault comes, and at once.
    fn piece(&self, most: usize) -> usize {
        let ahead = self.plan.iter().filter(|planned| planned.after_bytes > self.passed);
        let next = ahead.map(|planned| planned.after_bytes - self.passed).min();
        let most = next.and_then(|next| usize::try_from(next).ok()).map_or(most, |next| most.min(next));
        self.rate.as_ref().map_or(most, |rate| rate.piece(most))
    }
}

/// Receives what nobody takes. True: something came.
fn throw_away<H: Handle>(peer: &mut Peer<H>) -> bool {
    if !(Source::is_open(peer) && Source::is_ready(peer)) {
        return false;
    }
    match Source::read(peer, &mut [0; AT_ONCE]) {
        Gave::Bytes(n) => {
            Source::discarded(peer, n);
            true
        }
        Gave::Blocked | Gave::Failed(_) => false,
        Gave::Ended | Gave::Cut => true,
    }
}
