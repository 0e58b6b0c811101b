//! A relay: two connections joined, so that what each gives goes to the other, and so does how it ended.
//!
//! Two flows, one each way. An EOF becomes a half-close of the other connection, once everything before it was passed on.
//! Whatever else ends a connection (a reset, a TLS stream that was cut, a time limit) becomes a reset of the other, after
//! everything that came before it is delivered there. A stream that was cut never looks whole one hop on.
//!
//! Nothing here waits, so both faces share it. Each owns its two connections, calls [`Relay::turn`] until nothing moves, and
//! then waits in its own way for what [`Relay::waiting`] says.

mod ends;
pub mod faults;
mod gate;
#[cfg(feature = "serde")]
mod json;
mod options;
mod progress;
mod report;

pub use options::RelayOptions;
pub use progress::RelayProgress;
pub use report::{Direction, DirectionEnd, RelayReport};

use crate::flow::ends::{Sink, Source};
use crate::flow::{End, Flow, Pair, Peer, waiting};
use crate::handle::{Handle, Readiness};
use crate::link::HandshakeTurn;
use adieu_proto::{Time, Waiting};
use ends::HeldEnd;
use gate::Gates;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How many pieces are passed on at most before an interrupt or a deadline counts.
const LAST_MOVES: u32 = 64;

/// Until then a relay counts as one that is over in no time.
const YOUNG: Duration = Duration::from_secs(1);

/// What joins two connections.
pub(crate) struct Relay {
    a_to_b: Flow,
    b_to_a: Flow,
    /// What a TLS handshake that is still to be made waits for, on each side.
    handshakes: [Option<Readiness>; 2],
    /// What each connection had received and accepted before it was joined.
    before: [(u64, u64); 2],
    /// Who is told of what moves.
    progress: Option<Arc<RelayProgress>>,
    /// The end that is held back from each.
    held_ends: [Option<Box<HeldEnd>>; 2],
    /// If faults are planned.
    gates: Option<Box<Gates>>,
    /// How long may be waited at most, although nothing comes.
    nap: Option<Duration>,
    /// When, on the clock of the first connection, both are told that the relay is a long one. `None`: they were.
    settles_at: Option<Time>,
}

impl Relay {
    pub(crate) fn begin<H: Handle>(a: &mut Peer<H>, b: &mut Peer<H>, options: &RelayOptions) -> Self {
        let now = Instant::now();
        for peer in [&mut *a, &mut *b] {
            peer.link.core.join_relay(peer.link.time_of(now), options.idle_timeout, options.flush_timeout);
            peer.begin_relay();
        }
        // Most clients have said something by the time that their other side is there. To try costs less than to be told.
        a.may_receive();
        Self {
            a_to_b: Flow::bounded(options.buffer_limit),
            b_to_a: Flow::bounded(options.buffer_limit),
            handshakes: [None; 2],
            before: [&a.link.core, &b.link.core].map(|core| (core.counts().received, core.counts().accepted)),
            progress: options.progress.clone(),
            held_ends: [None, None],
            gates: options.faults.as_deref().and_then(Gates::new),
            nap: None,
            settles_at: Some(a.link.time_of(now) + YOUNG),
        }
    }

    /// Does what can be done without waiting. True: something moved, so there may be more to do. `is_quiet`: whoever waited knows that
    /// since then the time of neither has come.
    pub(crate) fn turn<H: Handle>(&mut self, a: &mut Peer<H>, b: &mut Peer<H>, is_quiet: bool) -> bool {
        if self.settles_at.is_some_and(|at| at <= a.link.now()) {
            self.settles_at = None;
            a.settle();
            b.settle();
        }
        a.link.act();
        b.link.act();
        let shaken = self.shake_hands(a, b);
        let mut moved = self.pass_on(a, b);
        if is_quiet && !(is_interrupted(a) || is_interrupted(b)) {
            a.link.act();
            b.link.act();
        } else {
            // An end that came in time is passed on before the time counts.
            moved |= self.tell_ends(a, b);
            self.look_at_the_time(a, b);
        }
        // The connection that an end is of may just have been seen to end well.
        if self.tell_ends(a, b) {
            a.link.act();
            b.link.act();
            moved = true;
        }
        // Only now is it known which of the two is over.
        let [a_is_hidden, b_is_hidden] = match &self.gates {
            Some(gates) => [gates.hides_cut(true, b), gates.hides_cut(false, a)],
            None => [false; 2],
        };
        let told = (!a_is_hidden && pass_cut_on(a, b)) | (!b_is_hidden && pass_cut_on(b, a));
        if let Some(progress) = self.progress.as_ref().filter(|_| shaken || moved) {
            progress.note(&a.link.core, &b.link.core, a.link.instant_of(a.link.now()));
        }
        shaken || told || (moved && self.may_move_more(a, b))
    }

    /// Ends what an interrupt or a time limit has come for.
    fn look_at_the_time<H: Handle>(&mut self, a: &mut Peer<H>, b: &mut Peer<H>) {
        if is_about_to_stop(a) || is_about_to_stop(b) {
            self.pass_on_what_is_there(a, b);
        }
        look_at_the_time(a);
        if look_at_the_time(b) {
            // An interrupt or a deadline of both may have come between the two looks: it is the other one's ending too.
            look_at_the_time(a);
        }
    }

    /// After bytes were passed on: whether another turn may find something to do without a wait. Most often they were all that there
    /// was, and the turn that would find nothing is spared.
    fn may_move_more<H: Handle>(&self, a: &mut Peer<H>, b: &mut Peer<H>) -> bool {
        let is_empty = self.a_to_b.is_empty() && self.b_to_a.is_empty();
        self.gates.is_some() || !is_empty || is_busy(a, b) || is_busy(b, a)
    }

    /// Makes both handshakes at the same time: the time of one connection is not spent on the other's.
    fn shake_hands<H: Handle>(&mut self, a: &mut Peer<H>, b: &mut Peer<H>) -> bool {
        let mut moved = false;
        for (peer, waits) in [a, b].into_iter().zip(&mut self.handshakes) {
            *waits = None;
            if !peer.link.is_handshaking() {
                continue;
            }
            match peer.link.handshake() {
                HandshakeTurn::Wait(readiness) => *waits = Some(readiness),
                HandshakeTurn::Failed => moved = true,
                HandshakeTurn::Done => {
                    // What came with its end may be here already.
                    peer.may_receive();
                    moved = true;
                }
            }
        }
        moved
    }

    /// One piece in each direction. Both are received before either is sent: whatever a failing send would tell, the peer may
    /// have said before.
    fn pass_on<H: Handle>(&mut self, a: &mut Peer<H>, b: &mut Peer<H>) -> bool {
        let Self { a_to_b, b_to_a, gates, .. } = self;
        if let Some(gates) = gates {
            let acted = gates.act([a_to_b, b_to_a], a, b);
            return gates.pass_on(a_to_b, b_to_a, a, b) | acted;
        }
        let received = a_to_b.fill(&mut Pair(a, b)) | b_to_a.fill(&mut Pair(b, a));
        a_to_b.drain(&mut Pair(a, b)) | b_to_a.drain(&mut Pair(b, a)) | received
    }

    /// Before an interrupt or a deadline ends a connection: passes on what has come, as far as that needs no waiting.
    fn pass_on_what_is_there<H: Handle>(&mut self, a: &mut Peer<H>, b: &mut Peer<H>) {
        // Bounded: an endless stream would never let us go.
        for _ in 0..LAST_MOVES {
            a.may_receive();
            b.may_receive();
            if !self.pass_on(a, b) {
                break;
            }
        }
    }

    /// What each connection waits for.
    pub(crate) fn waiting<H: Handle>(&mut self, a: &mut Peer<H>, b: &mut Peer<H>) -> [Waiting; 2] {
        let settling = self.settles_at.map(|at| at.saturating_sub(a.link.now()));
        self.nap = [settling, self.ends_nap(a, b)].into_iter().flatten().min();
        let [up, down] = match &mut self.gates {
            None => [self.a_to_b.waits(&Pair(a, b)), self.b_to_a.waits(&Pair(b, a))],
            Some(gates) => {
                let (waits, nap) = gates.waits([&self.a_to_b, &self.b_to_a], a, b);
                self.nap = [self.nap, nap].into_iter().flatten().min();
                waits
            }
        };
        let acknowledgement = |peer: &Peer<H>| peer.link.core.wants().acknowledgement;
        let mut both = [waiting(up, down, acknowledgement(a)), waiting(down, up, acknowledgement(b))];
        for (waiting, handshake) in both.iter_mut().zip(self.handshakes) {
            if let Some(readiness) = handshake {
                let receive = readiness == Readiness::Receive;
                *waiting = Waiting { receive, send: !receive, ..Waiting::default() };
            }
        }
        both
    }

    /// How long may be waited at most, although nothing comes: something is due then. To be asked after
    /// [`waiting`](Self::waiting).
    pub(crate) fn nap(&self) -> Option<Duration> {
        self.nap
    }

    /// Nothing can be done now, for either direction.
    #[cfg(feature = "tokio")]
    pub(crate) fn rest(&mut self) {
        self.a_to_b.rest();
        self.b_to_a.rest();
    }

    /// Whether what each connection gives goes on a direct way.
    pub(crate) fn are_direct(&self) -> [bool; 2] {
        [self.a_to_b.is_direct(), self.b_to_a.is_direct()]
    }

    /// The report, once both are closed. To be asked for once.
    pub(crate) fn report<H: Handle>(&self, a: &mut Peer<H>, b: &mut Peer<H>) -> RelayReport {
        let [(a_received, a_accepted), (b_received, b_accepted)] = self.before;
        let mut report = RelayReport {
            a_to_b: report::direction(a, b, a_received, b_accepted),
            b_to_a: report::direction(b, a, b_received, a_accepted),
            a: a.link.take_final_report(),
            b: b.link.take_final_report(),
        };
        let falsified = self.gates.as_ref().map_or([false; 2], |gates| gates.are_falsified());
        for (direction, source, is_falsified) in [
            (&mut report.a_to_b, report.a.ending(), falsified[0]),
            (&mut report.b_to_a, report.b.ending(), falsified[1]),
        ] {
            if is_falsified && direction.end == DirectionEnd::Whole {
                direction.end = DirectionEnd::CutAtSource { ending: source };
            }
        }
        report
    }
}

/// Ends a connection whose interrupt or deadline has come. True: this did.
fn look_at_the_time<H: Handle>(peer: &mut Peer<H>) -> bool {
    let was_settled = peer.is_settled();
    peer.link.tick();
    let has_ended = !was_settled && peer.is_settled();
    peer.link.act();
    has_ended
}

/// Whether another turn may find something to do for this side, although nothing is held for either.
fn is_busy<H: Handle>(peer: &mut Peer<H>, other: &Peer<H>) -> bool {
    let core = &peer.link.core;
    if core.evidence().fault.is_some() || core.is_decided() || core.is_leaving() {
        return true;
    }
    if !(peer.link.is_plain() && other.link.is_plain()) {
        // The ends of TLS have parts.
        return Source::is_ready(peer)
            || Source::end(peer).is_some()
            || peer.link.is_handshaking()
            || peer.link.has_unsent();
    }
    match Source::end(peer) {
        None => Source::is_ready(peer),
        Some(End::Whole) => other.link.core.milestones().shutdown_send.is_none(),
        Some(End::Cut) => true,
    }
}

fn is_interrupted<H: Handle>(peer: &Peer<H>) -> bool {
    peer.link.interrupt().is_some_and(|interrupt| interrupt.raised().is_some())
}

fn is_about_to_stop<H: Handle>(peer: &Peer<H>) -> bool {
    !peer.link.core.is_decided() && peer.link.is_stopped()
}

/// If the one connection is cut, the other is told so. True: that was news.
fn pass_cut_on<H: Handle>(from: &Peer<H>, to: &mut Peer<H>) -> bool {
    if !is_cut_for(from, to) {
        return false;
    }
    let was_leaving = to.link.core.is_leaving();
    to.other_side_cut();
    let gives_more = from.link.core.wants().receive;
    let waited_for_more = to.link.core.wants().input;
    if !gives_more {
        to.link.core.handle_input_eof();
    }
    to.link.act();
    !was_leaving || (waited_for_more && !gives_more)
}

/// Whether the other connection is to be told now that this one is cut: what it gave is not whole, or what goes to it is not
/// taken any more.
fn is_cut_for<H: Handle>(from: &Peer<H>, to: &Peer<H>) -> bool {
    let (source, sink) = (&from.link.core, &to.link.core);
    if sink.is_decided() {
        return false;
    }
    if to.holds_end() {
        // Its whole stream was passed on, but for the end.
        return ends::is_void(from, to);
    }
    let has_failed = source.evidence().fault.is_some();
    let is_over = source.is_decided();
    // One that leaves because the other was cut has news for it only at its end.
    let leaves_by_itself = source.is_leaving() && !source.evidence().other_side_cut;
    if !(is_over || has_failed || source.is_cut() || leaves_by_itself) {
        return false;
    }
    // Both streams were passed on with their ends, so whatever came after that cut neither.
    let is_through = Source::end(from) == Some(End::Whole)
        && sink.peer_has_ended()
        && source.milestones().shutdown_send.is_some();
    // To be told now, it would end at once: what it said before it failed comes first, as long as anybody takes that.
    let speaks_last = sink.evidence().fault.is_some() && !(is_over || has_failed);
    // What came before the failure cannot be passed on before the handshake is done.
    let comes_too_early = to.link.is_handshaking() && !is_over;
    !(is_through || speaks_last || comes_too_early)
}
