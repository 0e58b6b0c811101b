//! When the end of a stream is passed on.
//!
//! An EOF says that a peer sends no more. It does not say that the peer still reads: if its program has closed the socket, only a reset in
//! answer to later bytes shows that. But a side that has ended its own stream, and has been told the other's end, is done: everything is
//! acknowledged, and no reset can reach it any more. So the relay holds an end back until the bytes in the other direction have arrived,
//! where that is known, and as long as they may still arrive.
//!
//! The relay holds back only the second of the two ends. The connection that this end comes from has then seen both ends, and its core
//! waits for the acknowledgements anyway. One exception: an end of `b`, the upstream side, waits for the bytes on their way to `b`
//! even while `a` is open. For an end of `a` that would cost every short connection four system calls and gain nothing: the upstream side
//! can be reset as long as it has not ended.

use super::Relay;
use crate::flow::ends::Source;
use crate::flow::{End, Pair, Peer};
use crate::handle::Handle;
use adieu_proto::{Config, Ending, Time};
use std::time::Duration;

/// An end that waits.
pub(super) struct HeldEnd {
    since: Time,
    /// What had been sent the other way when it came.
    sent: u64,
    /// When the acknowledgements are looked at again, where nothing tells of them, and how long after that.
    look: Time,
    pause: Duration,
}

/// How long an end waits while the side that it is for is open: many round trips.
const WHILE_OPEN: Duration = Duration::from_secs(1);

/// And while that side waits for nothing else: as long as an acknowledgement is waited for anywhere. The stream that it ends is whole
/// in any case.
const AT_LAST: Duration = Config::FLUSH_TIMEOUT;

const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LAST_PAUSE: Duration = Duration::from_millis(100);

/// What is received at most, to find the end behind it.
const PIECES: usize = 2;

/// How a connection that has given its whole stream stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// Everything that was sent to it has arrived, or nobody can know.
    Well,
    /// It ended badly after all.
    Badly,
    /// That is not known yet, and its core waits for it.
    Awaited,
    /// That is not known yet, and has to be looked at.
    Unseen,
}

fn standing<H: Handle>(from: &Peer<H>, to: &Peer<H>, sent: u64) -> Standing {
    if Source::end(from) != Some(End::Whole) {
        // A fault on purpose has ended it.
        return Standing::Well;
    }
    let core = &from.link.core;
    match core.outcome().map(|outcome| outcome.ending) {
        // Not all systems tell what was acknowledged.
        Some(Ending::Graceful | Ending::Indeterminate { .. }) => return Standing::Well,
        Some(_) => return Standing::Badly,
        None => {}
    }
    if core.is_decided() || core.is_leaving() || core.evidence().fault.is_some() {
        return Standing::Awaited;
    }
    if to.link.core.peer_has_ended() {
        // Of two ends that wait for each other this one goes first.
        return if from.holds_end() { Standing::Well } else { Standing::Awaited };
    }
    if core.acknowledged().is_none_or(|bytes| bytes >= sent) { Standing::Well } else { Standing::Unseen }
}

/// Whether the end that is held back from `to` will never be passed on.
pub(super) fn is_void<H: Handle>(from: &Peer<H>, to: &Peer<H>) -> bool {
    standing(from, to, u64::MAX) == Standing::Badly
}

impl Relay {
    /// Passes on the ends that have come, as far as may be. True: one was.
    pub(super) fn tell_ends<H: Handle>(&mut self, a: &mut Peer<H>, b: &mut Peer<H>) -> bool {
        if !(a.holds_end() || b.holds_end()) {
            return false;
        }
        let now = a.link.now();
        if a.holds_end() && self.held_ends[0].is_none() && !a.link.core.peer_has_ended() {
            self.look_behind(a, b);
        }
        let [to_a, to_b] = &mut self.held_ends;
        let on_its_way = b.link.core.counts().accepted;
        // If both have come, that of `a` goes first, and that of `b` waits for what it comes to.
        tell_end(to_b, HeldEnd::new(now, 0), now, a, b)
            | tell_end(to_a, HeldEnd::new(now, on_its_way), now, b, a)
    }

    /// Before the end of `b` is passed on to `a`, which is open: what `a` has sent by now goes first, and its end may be there.
    /// After that it is known what is on its way to `b`.
    fn look_behind<H: Handle>(&mut self, a: &mut Peer<H>, b: &mut Peer<H>) {
        for _ in 0..PIECES {
            a.may_receive();
            if self.gates.is_some() || !self.a_to_b.fill(&mut Pair(a, b)) {
                break;
            }
            self.a_to_b.drain(&mut Pair(a, b));
        }
        b.link.act();
        if b.link.core.counts().accepted > 0 {
            b.link.core.request_sample();
            b.link.act();
        }
    }

    /// How long an end that is held back may wait at most.
    pub(super) fn ends_nap<H: Handle>(&self, a: &Peer<H>, b: &Peer<H>) -> Option<Duration> {
        let [to_a, to_b] = &self.held_ends;
        let due = |held: &Option<Box<HeldEnd>>, from: &Peer<H>, to: &Peer<H>| {
            held.as_ref().map(|held| match standing(from, to, held.sent) {
                Standing::Unseen => held.look.min(held.until(to)),
                _ => held.until(to),
            })
        };
        let first = [due(to_a, b, a), due(to_b, a, b)].into_iter().flatten().min()?;
        Some(first.saturating_sub(a.link.now()))
    }
}

impl HeldEnd {
    fn new(now: Time, sent: u64) -> Self {
        Self { since: now, sent, look: now + FIRST_PAUSE, pause: FIRST_PAUSE }
    }

    /// It is passed on then, whatever is known.
    fn until<H: Handle>(&self, to: &Peer<H>) -> Time {
        self.since + if to.link.core.peer_has_ended() { AT_LAST } else { WHILE_OPEN }
    }
}

/// Passes on an end if its time has come, and puts it into its slot otherwise. True: it was passed on.
fn tell_end<H: Handle>(
    slot: &mut Option<Box<HeldEnd>>,
    new: HeldEnd,
    now: Time,
    from: &mut Peer<H>,
    to: &mut Peer<H>,
) -> bool {
    let mut held = slot.take().map_or(new, |held| *held);
    if !to.holds_end() {
        // There is none, or it was cut meanwhile.
        return false;
    }
    if held.look <= now && standing(from, to, held.sent) == Standing::Unseen {
        held.pause = (held.pause * 2).min(LAST_PAUSE);
        held.look = now + held.pause;
        from.link.core.request_sample();
        from.link.act();
    }
    let may_pass = match standing(from, to, held.sent) {
        Standing::Well => true,
        Standing::Badly => false,
        Standing::Awaited | Standing::Unseen => held.until(to) <= now,
    };
    if may_pass {
        to.tell_end();
    } else {
        *slot = Some(Box::new(held));
    }
    may_pass
}
