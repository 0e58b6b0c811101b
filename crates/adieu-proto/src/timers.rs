//! The timers, and when to look at the kernel's state.
//!
//! The idle timer runs only while we wait for the peer. Our own silent input or blocked output stops it,
//! because then the silence is ours. What we send has an idle timer of its own: a peer that only talks takes nothing.

use crate::Waiting;
use crate::bounds::Bounds;
use crate::nanos::Nanos;

/// A FIN that is lost three times comes after 1 + 2 + 4 retransmission timeouts of the peer's, which ours is a measure of,
/// and a little time for the way.
const EOF_ANSWERS: u32 = 8;
/// Of [`Config::eof_grace`](crate::Config::eof_grace): 30 s by default.
const LONGEST_EOF_GRACE: u32 = 6;

/// What the timers need to know of the connection at one moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Situation {
    /// There is a peer to wait for: connected, or in a handshake, and no fault told.
    pub(crate) alive: bool,
    /// Octets may be unacknowledged.
    pub(crate) outstanding: bool,
    /// Our FIN may be unacknowledged.
    pub(crate) fin_outstanding: bool,
    /// Our kernel sends again, or probes.
    pub(crate) asking: bool,
    /// The peer's program may have something to take, and a look tells whether it does.
    pub(crate) untaken: bool,
    /// The peer has ended, and our input is the only thing that keeps our side open.
    pub(crate) input_holds: bool,
    /// Both streams have ended, and only the EOF of the peer's transport has not come.
    pub(crate) eof_missing: bool,
    /// Our input has ended without a byte, and our sending side is kept open for the peer's end.
    pub(crate) held_for_peer: bool,
    /// No byte has passed in either direction.
    pub(crate) untouched: bool,
    /// While our input is waited for, the silence is ours.
    pub(crate) input_is_slow: bool,
}

/// The moments the timers count from.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(crate) struct Timers {
    pub(crate) waiting: Waiting,
    waited_at: Nanos,
    idle_since: Option<Nanos>,
    /// The peer has taken nothing of what we send; what we were busy meanwhile, or our output full, is taken out.
    untaken_since: Option<Nanos>,
    /// From then on it is taken out.
    untaken_held_at: Option<Nanos>,
    /// The peer said something meanwhile.
    spoke: bool,
    grace_since: Option<Nanos>,
    eof_missing_since: Option<Nanos>,
    held_since: Option<Nanos>,
    untouched_since: Option<Nanos>,
    check_at: Option<Nanos>,
    /// A look may find our FIN acknowledged, from which the drain's limit counts.
    begins_drain: bool,
    /// How long an answer takes at most, as the last look has it.
    answer_within: Option<Nanos>,
}

impl Timers {
    /// A handshake is done, and what it waited for is waited for no more: the next silence may be our program's own.
    pub(crate) fn start_over(&mut self) {
        *self = Self::default();
    }

    /// The peer did something, at that moment; what is known of later ones stays.
    pub(crate) fn peer_acted(&mut self, at: Nanos) {
        self.idle_since = self.idle_since.map(|since| since.max(at));
        self.held_since = self.held_since.map(|since| since.max(at));
        self.spoke = self.untaken_since.is_some();
    }

    /// The peer took or acknowledged something of ours, at that moment; or there is more to acknowledge.
    pub(crate) fn peer_took(&mut self, at: Nanos) {
        self.peer_acted(at);
        self.untaken_since = self.untaken_since.map(|since| since.max(at));
        self.spoke = false;
    }

    /// Our input gave something: its silence begins anew.
    pub(crate) fn input_acted(&mut self) {
        self.grace_since = None;
    }

    /// What everything is blocked on, just before sleeping.
    pub(crate) fn wait(&mut self, now: Nanos, waiting: Waiting, bounds: &Bounds, situation: Situation) {
        self.waiting = waiting;
        self.waited_at = now;
        self.update(now, bounds, situation);
    }

    /// Starts and stops the clocks after the situation has changed.
    pub(crate) fn update(&mut self, now: Nanos, bounds: &Bounds, situation: Situation) {
        let awaits_peer = self.awaits_peer(situation);
        keep(&mut self.idle_since, now, awaits_peer);
        self.keep_untaken(now, situation);
        keep(&mut self.grace_since, now, self.waiting.input && situation.input_holds);
        // Received bytes that our own output holds up come first.
        keep(&mut self.eof_missing_since, now, self.waiting.receive && situation.eof_missing);
        keep(&mut self.held_since, now, self.waiting.receive && situation.held_for_peer);
        keep(&mut self.untouched_since, now, situation.untouched);
        self.begins_drain = bounds.drain_limit.is_some() && situation.fin_outstanding;
        match self.check_interval(bounds, situation) {
            None => self.check_at = None,
            // It is due when we wait for the peer again, however often we are busy with what it says.
            Some(_) if !self.may_look() => {}
            Some(interval) => {
                let at = now.saturating_add(interval);
                // A later check than the interval asks for is brought forward; a sooner one stays.
                self.check_at = Some(self.check_at.map_or(at, |old| old.min(at)));
            }
        }
    }

    /// A look at the kernel's state was taken: the next one is a whole interval away.
    pub(crate) fn checked(&mut self, answer_within: Option<Nanos>) {
        self.check_at = None;
        self.answer_within = answer_within;
    }

    /// Whether the silence is the peer's.
    fn awaits_peer(&self, situation: Situation) -> bool {
        let w = self.waiting;
        let input_is_silent = w.pausing || (w.input && situation.input_is_slow);
        situation.alive
            && w.any()
            && !w.output
            && (w.send || w.acknowledgement || (w.receive && !input_is_silent) || situation.outstanding)
    }

    /// The clock of what we send goes on where that of a silence begins anew: a peer that talks makes us busy all the time.
    fn keep_untaken(&mut self, now: Nanos, situation: Situation) {
        let w = self.waiting;
        if let (Some(at), Some(since)) = (self.untaken_held_at.take(), &mut self.untaken_since) {
            *since = since.saturating_add(now.saturating_sub(at)).min(now);
        }
        if situation.alive && !self.hears_peer() {
            self.untaken_held_at = self.untaken_since.map(|_| now);
            return;
        }
        let owes = situation.alive && (w.send || w.acknowledgement || situation.outstanding);
        keep(&mut self.untaken_since, now, owes);
        self.spoke &= owes;
    }

    /// How often acknowledgements must be looked at: they make no descriptor ready.
    fn check_interval(&self, bounds: &Bounds, situation: Situation) -> Option<Nanos> {
        if !(situation.outstanding || situation.untaken) {
            return None;
        }
        let idle_runs = self.idle_since.is_some() || self.untaken_since.is_some();
        let idle = bounds.idle_timeout.filter(|_| idle_runs).map(|t| t / 4);
        // The nearer a look is to what our kernel asks, the better is known when that was.
        let parts = if situation.asking { 64 } else { 24 };
        let dead = bounds.dead_peer.filter(|_| situation.outstanding).map(|t| t / parts);
        let drain = bounds.drain_limit.filter(|_| situation.fin_outstanding).map(|t| t / 8);
        earliest(earliest(idle, dead), drain).map(|t| t.max(Nanos::from_millis(1)))
    }

    /// Whether a silence that is over then is known to have lasted: everything was tried since, and blocked.
    ///
    /// A process can be stopped for hours (SIGSTOP, a closed lid). When it wakes, its timers are due, and what
    /// the peer said in time is still unread.
    pub(crate) fn silence_confirmed(&self, until: Option<Nanos>) -> bool {
        until.is_some_and(|until| until <= self.waited_at)
    }

    /// When the peer's silence is too long, or how long it has taken nothing.
    pub(crate) fn idle_at(&self, bounds: &Bounds) -> Option<Nanos> {
        let untaken = self.untaken_since.filter(|_| self.untaken_held_at.is_none());
        Some(earliest(self.idle_since, untaken)?.saturating_add(bounds.idle_timeout?))
    }

    /// Whether the peer said something since it last took something.
    pub(crate) fn peer_spoke(&self) -> bool {
        self.spoke
    }

    /// When our silent input has held up the end for too long.
    pub(crate) fn grace_at(&self, bounds: &Bounds) -> Option<Nanos> {
        Some(self.grace_since?.saturating_add(bounds.input_grace_now()?.0))
    }

    /// When our sending side has been kept open for a silent peer for long enough.
    pub(crate) fn held_until(&self, bounds: &Bounds) -> Option<Nanos> {
        Some(self.held_since?.saturating_add(bounds.peer_grace?))
    }

    /// When a connection over which no byte has passed is given up.
    pub(crate) fn first_byte_at(&self, bounds: &Bounds) -> Option<Nanos> {
        Some(self.untouched_since?.saturating_add(bounds.first_byte_timeout?))
    }

    /// When the EOF of the peer's transport has been missing for too long.
    pub(crate) fn eof_at(&self, bounds: &Bounds) -> Option<Nanos> {
        let since = self.eof_missing_since?;
        let grace = bounds.eof_grace?;
        let resent = self.answer_within.unwrap_or_default().saturating_mul(EOF_ANSWERS);
        let grace = grace.max(resent.min(grace.saturating_mul(LONGEST_EOF_GRACE)));
        Some(since.saturating_add(grace))
    }

    /// When the first of them is due.
    pub(crate) fn earliest_at(&self, bounds: &Bounds) -> Option<Nanos> {
        let graces = earliest(self.grace_at(bounds), earliest(self.eof_at(bounds), self.held_until(bounds)));
        let silences = earliest(self.idle_at(bounds), self.first_byte_at(bounds));
        earliest(earliest(graces, silences), self.check_at())
    }

    /// When the kernel's state must be looked at next.
    pub(crate) fn check_at(&self) -> Option<Nanos> {
        self.check_at.filter(|_| self.may_look())
    }

    /// While our output holds received bytes up, a look can only begin the drain's limit.
    fn may_look(&self) -> bool {
        self.hears_peer() || (self.begins_drain && self.waiting.any())
    }

    /// Whether our own output holds up nothing of what the peer says.
    fn hears_peer(&self) -> bool {
        self.waiting.any() && !self.waiting.output
    }
}

/// The earlier of two moments, of which each may never come.
pub(crate) fn earliest(one: Option<Nanos>, other: Option<Nanos>) -> Option<Nanos> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// A clock that runs while `on`: it keeps its start, and forgets it when stopped.
fn keep(clock: &mut Option<Nanos>, now: Nanos, on: bool) {
    if on {
        clock.get_or_insert(now);
    } else {
        *clock = None;
    }
}

#[cfg(test)]
mod tests;
