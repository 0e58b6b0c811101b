//! How fast secrets may be guessed: each source that was wrong waits, longer each time, and all together have a rate.
//!
//! Whoever has not been wrong waits for nobody else's guesses, but for the rate of all.

use adieu::Address;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// After the first wrong guess of a source, and doubled after each.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// The longest between two guesses of one source: a right one behind the same address is not to wait for ever.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// After [`WRONG_OF_ALL`] wrong guesses, all sources together may guess once in this time: ten times a second.
const PAUSE_OF_ALL: Duration = Duration::from_millis(100);
const WRONG_OF_ALL: u32 = 20;
/// A source, and all together, are forgiven one wrong guess for each time that passes.
const FORGIVEN_AFTER: Duration = Duration::from_secs(30);
/// So many sources are remembered: of more, those that were wrong longest ago are forgotten.
const SOURCES: usize = 1024;

/// Where guesses come from: an IPv4 address, or the network that one host of IPv6 has for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Guesser {
    Address(IpAddr),
    /// A Unix socket, or nothing that is known.
    Local,
}

impl Guesser {
    pub(super) fn of(peer: Option<&Address>) -> Self {
        peer.and_then(adieu_relay::source_of).map_or(Self::Local, Self::Address)
    }
}

#[derive(Debug, Clone, Copy)]
struct Wrong {
    count: u32,
    last: Instant,
    /// The next guess may not come before this moment.
    next: Instant,
}

impl Wrong {
    fn new(now: Instant) -> Self {
        Self { count: 0, last: now, next: now }
    }

    /// How many are not forgiven.
    fn count(&self, now: Instant) -> u32 {
        let passed = now.saturating_duration_since(self.last).as_secs() / FORGIVEN_AFTER.as_secs();
        self.count.saturating_sub(u32::try_from(passed).unwrap_or(u32::MAX))
    }

    fn add(&mut self, now: Instant) {
        (self.count, self.last) = (self.count(now).saturating_add(1), now);
    }

    /// Takes the next turn to guess; the turn after it comes `pause` later.
    fn take_turn(&mut self, now: Instant, pause: Duration) -> Turn {
        let turn = self.next.max(now);
        self.next = turn + pause;
        Turn { after: turn.saturating_duration_since(now), pause }
    }

    fn give_back(&mut self, turn: Turn) {
        self.next = self.next.checked_sub(turn.pause).unwrap_or(self.next);
    }
}

/// When a client may guess the secret. A client that leaves before its turn gives the turn back, so that clients that come and
/// go do not delay the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Turn {
    /// How long it has to wait.
    pub(super) after: Duration,
    /// How long the next waits after it.
    pause: Duration,
}

/// What was guessed wrong, and where from.
#[derive(Debug)]
pub(super) struct Guesses {
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    sources: HashMap<Guesser, Wrong>,
    all: Wrong,
}

impl Guesses {
    pub(super) fn new() -> Self {
        Self { inner: Mutex::new(Inner { sources: HashMap::new(), all: Wrong::new(Instant::now()) }) }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The turn of a guess of this source, which it takes.
    pub(super) fn turn_of_source(&self, source: Guesser, now: Instant) -> Turn {
        let mut inner = self.lock();
        let Some(wrong) = inner.sources.get_mut(&source) else {
            return Turn { after: Duration::ZERO, pause: Duration::ZERO };
        };
        let count = wrong.count(now);
        let pause =
            if count == 0 { Duration::ZERO } else { FIRST_PAUSE * 2u32.saturating_pow(count.min(8) - 1) };
        wrong.take_turn(now, pause.min(LONGEST_PAUSE))
    }

    /// The same of all sources, after that.
    pub(super) fn turn_of_all(&self, now: Instant) -> Turn {
        let all = &mut self.lock().all;
        let pause = if all.count(now) < WRONG_OF_ALL { Duration::ZERO } else { PAUSE_OF_ALL };
        all.take_turn(now, pause)
    }

    /// There was no guess.
    pub(super) fn give_back_of_source(&self, source: Guesser, turn: Turn) {
        if let Some(wrong) = self.lock().sources.get_mut(&source) {
            wrong.give_back(turn);
        }
    }

    /// The same of all sources.
    pub(super) fn give_back_of_all(&self, turn: Turn) {
        self.lock().all.give_back(turn);
    }

    /// A guess was wrong, or its source did not wait to hear it.
    pub(super) fn wrong(&self, source: Guesser, now: Instant) {
        let mut inner = self.lock();
        inner.all.add(now);
        if inner.sources.len() >= SOURCES && !inner.sources.contains_key(&source) {
            let oldest = inner.sources.iter().min_by_key(|(_, wrong)| wrong.last).map(|(source, _)| *source);
            oldest.and_then(|oldest| inner.sources.remove(&oldest));
        }
        let wrong = inner.sources.entry(source).or_insert_with(|| Wrong::new(now));
        wrong.add(now);
        let pause = FIRST_PAUSE * 2u32.saturating_pow(wrong.count.min(8) - 1);
        wrong.next = wrong.next.max(now + pause.min(LONGEST_PAUSE));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(last: u8) -> Guesser {
        Guesser::Address(IpAddr::from([192, 0, 2, last]))
    }

    #[test]
    fn a_source_that_was_wrong_waits_and_another_does_not() {
        let (guesses, start) = (Guesses::new(), Instant::now());
        assert_eq!(guesses.turn_of_source(source(1), start).after, Duration::ZERO);
        let mut now = start;
        for wanted in [250, 500, 1000, 2000, 2000, 2000] {
            guesses.wrong(source(1), now);
            let wait = guesses.turn_of_source(source(1), now).after;
            assert_eq!(wait, Duration::from_millis(wanted));
            // One that comes at the same time has its turn after this one.
            assert!(guesses.turn_of_source(source(1), now).after > wait);
            assert_eq!(guesses.turn_of_source(source(2), now).after, Duration::ZERO);
            now += Duration::from_secs(10);
        }
        // After a while it is forgiven.
        assert_eq!(guesses.turn_of_source(source(1), now + 10 * FORGIVEN_AFTER).after, Duration::ZERO);
    }

    #[test]
    fn who_leaves_before_its_turn_delays_nobody() {
        let (guesses, now) = (Guesses::new(), Instant::now());
        guesses.wrong(source(1), now);
        let first = guesses.turn_of_source(source(1), now);
        for _ in 0..1000 {
            let turn = guesses.turn_of_source(source(1), now);
            guesses.give_back_of_source(source(1), turn);
        }
        assert_eq!(guesses.turn_of_source(source(1), now).after, first.after + FIRST_PAUSE);
    }

    #[test]
    fn many_sources_have_a_rate_together_and_take_bounded_memory() {
        let (guesses, now) = (Guesses::new(), Instant::now());
        for at in 0..3000u32 {
            guesses.wrong(Guesser::Address(IpAddr::from(at.to_be_bytes())), now);
        }
        assert!(guesses.lock().sources.len() <= SOURCES);
        let waits: Vec<Duration> = (0..5).map(|_| guesses.turn_of_all(now).after).collect();
        assert_eq!(waits, [0, 1, 2, 3, 4].map(|n| n * PAUSE_OF_ALL));
    }

    #[test]
    fn one_host_of_ipv6_is_one_source_however_many_addresses_it_takes() {
        let of = |peer: &str| Guesser::of(peer.parse().ok().as_ref());
        assert_eq!(of("[2001:db8::1]:5"), of("[2001:db8::ffff:2]:6"));
        assert_ne!(of("[2001:db8::1]:5"), of("[2001:db8:0:1::1]:5"));
        assert_eq!(of("[::ffff:192.0.2.1]:5"), of("192.0.2.1:6"));
        assert_eq!(of("unix:/x"), Guesser::Local);
    }
}
