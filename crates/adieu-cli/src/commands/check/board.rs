//! The schedule and the results of a check: when each target is tried, and what each try found. Three kinds of threads share it: those
//! that try, the one that prints, and the one that waits.
//!
//! Nothing is connected or said here. Only what is tried again is kept per target.

use super::outcome::{Outcome, State, Tries};
use adieu::Signal;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long after an attempt that failed the next one is made: at first, and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// The last attempt begins this long before the time is up.
const LAST_MOMENT: Duration = Duration::from_millis(20);

/// When it is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Again {
    /// Each target is tried once.
    Never,
    /// Until it is open, or this moment has come. `None`: for ever.
    Until(Option<Instant>),
}

pub(super) struct Board {
    len: usize,
    again: Again,
    began: Instant,
    shared: Mutex<Shared>,
    /// There may be something to try.
    work: Condvar,
    /// There may be something to say.
    news: Condvar,
    /// It may be over.
    over: Condvar,
}

struct Shared {
    /// The next target that was never tried.
    fresh: usize,
    retries: BinaryHeap<Reverse<(Instant, usize)>>,
    /// Targets that were tried and are not open, by their place.
    waiting: BTreeMap<usize, Waiting>,
    /// Attempts that have not come to anything yet.
    running: usize,
    /// Threads that try, or end a connection.
    workers: usize,
    results: Results,
    settled: usize,
    totals: Totals,
    is_written: bool,
    stopped: Option<Stop>,
}

/// How many are settled, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Totals {
    pub(super) open: usize,
    pub(super) not_open: usize,
    /// Neither: nothing came back of UDP.
    pub(super) unknown: usize,
    /// Of those that are not: nobody knows, because our own system failed.
    pub(super) unchecked: usize,
}

/// Why it ends before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    Signal(Signal),
    /// Nobody takes the results.
    Output,
}

/// A target that is tried again.
struct Waiting {
    attempts: u32,
    pause: Duration,
    last: Outcome,
}

/// A target that is settled.
#[derive(Debug)]
pub(super) struct Settled {
    pub(super) place: usize,
    pub(super) outcome: Outcome,
    pub(super) tries: Tries,
}

/// What is to be said: in the order of the command line, or, where some are waited for, as it happens.
enum Results {
    InOrder { next: usize, held: BTreeMap<usize, Settled> },
    AsTheyCome(VecDeque<Settled>),
}

/// What somebody who waits for the end is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    Over(Totals),
    Stopped(Stop),
    /// Neither, so far.
    Pending,
}

impl Board {
    pub(super) fn new(len: usize, again: Again, began: Instant, workers: usize) -> Self {
        let results = match again {
            Again::Never => Results::InOrder { next: 0, held: BTreeMap::new() },
            Again::Until(_) => Results::AsTheyCome(VecDeque::new()),
        };
        let shared = Shared {
            fresh: 0,
            retries: BinaryHeap::new(),
            waiting: BTreeMap::new(),
            running: 0,
            workers,
            results,
            settled: 0,
            totals: Totals::default(),
            is_written: false,
            stopped: None,
        };
        let (work, news, over) = (Condvar::new(), Condvar::new(), Condvar::new());
        Self { len, again, began, shared: Mutex::new(shared), work, news, over }
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Until when an attempt may last.
    pub(super) fn until(&self) -> Option<Instant> {
        if let Again::Until(until) = self.again { until } else { None }
    }

    /// The next target to try, and for when that was planned; waits until there is one. `None`: there will be none.
    pub(super) fn take(&self) -> Option<(usize, Instant)> {
        let mut shared = self.shared();
        loop {
            if shared.stopped.is_some() {
                return None;
            }
            if shared.fresh < self.len {
                let place = shared.fresh;
                shared.fresh += 1;
                shared.running += 1;
                return Some((place, self.began));
            }
            let now = Instant::now();
            shared = match shared.retries.peek() {
                Some(&Reverse((at, place))) if at <= now => {
                    shared.retries.pop();
                    shared.running += 1;
                    // Whoever sleeps for another one may sleep without a bound: the next one needs somebody.
                    if !shared.retries.is_empty() {
                        self.work.notify_one();
                    }
                    return Some((place, at));
                }
                Some(&Reverse((at, _))) => {
                    let waited = self.work.wait_timeout(shared, at - now);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                None if shared.running == 0 || self.again == Again::Never => return None,
                None => self.work.wait(shared).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    /// What an attempt came to. `None`: nothing, because it was stopped.
    pub(super) fn tell(&self, place: usize, outcome: Option<Outcome>) {
        let mut shared = self.shared();
        shared.running -= 1;
        if let Some(outcome) = outcome {
            let before = shared.waiting.remove(&place);
            let attempts = before.as_ref().map_or(0, |before| before.attempts) + 1;
            let now = Instant::now();
            let pause = before.as_ref().map_or(FIRST_PAUSE, |before| (before.pause * 2).min(LONGEST_PAUSE));
            let is_known = outcome.is_open() || outcome.is_for_good;
            let next = if is_known { None } else { self.next(now, pause) };
            // Whoever had no time to answer may still refuse.
            let outcome = match before {
                Some(before) if outcome.is_cut_short => before.last,
                _ => outcome,
            };
            if let Some(at) = next {
                shared.retries.push(Reverse((at, place)));
                shared.waiting.insert(place, Waiting { attempts, pause, last: outcome });
            } else {
                let waited = now.saturating_duration_since(self.began);
                shared.settle(Settled { place, outcome, tries: Tries { attempts, waited } });
                self.news.notify_one();
            }
        }
        if self.again != Again::Never {
            // One for the next try; or all, because there is none any more.
            if shared.running == 0 && shared.retries.is_empty() {
                self.work.notify_all();
            } else {
                self.work.notify_one();
            }
        }
    }

    /// When a target is tried again whose attempt has just failed. `None`: not any more.
    fn next(&self, now: Instant, pause: Duration) -> Option<Instant> {
        match self.again {
            Again::Never => None,
            Again::Until(None) => Some(now + pause),
            Again::Until(Some(end)) => {
                let last = end.checked_sub(LAST_MOMENT).filter(|last| *last > now)?;
                Some((now + pause).min(last))
            }
        }
    }

    /// A thread that tried has nothing more to do.
    pub(super) fn leave(&self) {
        self.shared().workers -= 1;
        self.over.notify_one();
    }

    /// What is to be said next; waits until there is something. Empty: everything was said.
    pub(super) fn news(&self) -> Vec<Settled> {
        let mut shared = self.shared();
        loop {
            let settled = shared.results.take();
            if !settled.is_empty() || shared.settled == self.len && shared.results.is_empty() {
                return settled;
            }
            shared = self.news.wait(shared).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Everything was said.
    pub(super) fn written(&self) {
        self.shared().is_written = true;
        self.over.notify_one();
    }

    /// It ends here.
    pub(super) fn stop(&self, why: Stop) {
        self.shared().stopped.get_or_insert(why);
        self.work.notify_all();
        self.over.notify_one();
    }

    /// Waits for the end, for this long at most.
    pub(super) fn wait(&self, limit: Duration) -> Look {
        let until = Instant::now() + limit;
        let mut shared = self.shared();
        loop {
            if let Some(why) = shared.stopped {
                return Look::Stopped(why);
            }
            if shared.workers == 0 && shared.is_written {
                return Look::Over(shared.totals);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Look::Pending;
            }
            let waited = self.over.wait_timeout(shared, left);
            shared = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// The first few targets that are not open yet, each with its last state, and how many there are.
    pub(super) fn waiting(&self, few: usize) -> (Vec<(usize, State)>, usize) {
        let shared = self.shared();
        let first = shared.waiting.iter().take(few).map(|(place, waiting)| (*place, waiting.last.state));
        (first.collect(), self.len - shared.settled)
    }

    pub(super) fn began(&self) -> Instant {
        self.began
    }
}

impl Shared {
    fn settle(&mut self, settled: Settled) {
        self.settled += 1;
        match settled.outcome.state {
            State::Open => self.totals.open += 1,
            State::OpenOrFiltered => self.totals.unknown += 1,
            state => {
                self.totals.not_open += 1;
                self.totals.unchecked += usize::from(state == State::LocalFailure);
            }
        }
        match &mut self.results {
            Results::InOrder { held, .. } => drop(held.insert(settled.place, settled)),
            Results::AsTheyCome(queue) => queue.push_back(settled),
        }
    }
}

impl Results {
    /// What can be said now.
    fn take(&mut self) -> Vec<Settled> {
        match self {
            Self::AsTheyCome(queue) => queue.drain(..).collect(),
            Self::InOrder { next, held } => {
                let mut ready = Vec::new();
                while let Some(settled) = held.remove(next) {
                    ready.push(settled);
                    *next += 1;
                }
                ready
            }
        }
    }

    fn is_empty(&self) -> bool {
        match self {
            Self::AsTheyCome(queue) => queue.is_empty(),
            Self::InOrder { held, .. } => held.is_empty(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn board(len: usize, again: Again) -> Board {
        Board::new(len, again, Instant::now(), 1)
    }

    fn places(settled: &[Settled]) -> Vec<usize> {
        settled.iter().map(|settled| settled.place).collect()
    }

    #[test]
    fn results_are_said_in_the_order_of_the_command_line() {
        let board = board(3, Again::Never);
        for place in 0..3 {
            assert_eq!(board.take().map(|(place, _)| place), Some(place));
        }
        assert_eq!(board.take(), None);
        board.tell(1, Some(Outcome::new(State::Refused)));
        board.tell(0, Some(Outcome::new(State::Open)));
        assert_eq!(places(&board.news()), [0, 1]);
        board.tell(2, Some(Outcome::new(State::LocalFailure)));
        assert_eq!(places(&board.news()), [2]);
        assert!(board.news().is_empty());
        board.leave();
        assert_eq!(board.wait(Duration::ZERO), Look::Pending);
        board.written();
        let totals = Totals { open: 1, not_open: 2, unknown: 0, unchecked: 1 };
        assert_eq!(board.wait(Duration::ZERO), Look::Over(totals));
    }

    #[test]
    fn what_is_not_open_is_tried_again_and_said_once() {
        let board = board(1, Again::Until(None));
        let (place, planned) = board.take().expect("it is to be tried");
        board.tell(place, Some(Outcome::new(State::Refused)));
        assert_eq!(board.waiting(9), (vec![(0, State::Refused)], 1));
        let (again, at) = board.take().expect("it is to be tried again");
        assert!(again == place && at >= planned + FIRST_PAUSE);
        board.tell(place, Some(Outcome::new(State::Open)));
        assert_eq!(board.take(), None);
        let news = board.news();
        assert_eq!((news.len(), news[0].tries.attempts, news[0].outcome.state), (1, 2, State::Open));
        assert_eq!(board.waiting(9), (vec![], 0));
    }

    #[test]
    fn when_time_is_up_the_last_state_that_was_seen_counts() {
        let end = Instant::now() + Duration::from_secs(60);
        let mut board = board(1, Again::Until(Some(end)));
        let (place, _) = board.take().expect("it is to be tried");
        board.tell(place, Some(Outcome::new(State::Refused)));
        let (_, at) = board.take().expect("a last time");
        assert!(at + LAST_MOMENT <= end);
        // Time is up while it is tried.
        board.again = Again::Until(Some(Instant::now()));
        board.tell(place, Some(Outcome::new(State::NoAnswer).cut_short(true)));
        assert_eq!(board.take(), None);
        assert_eq!(board.news()[0].outcome.state, State::Refused);
    }

    #[test]
    fn a_stop_ends_everything() {
        let board = board(2, Again::Until(None));
        let (place, _) = board.take().expect("it is to be tried");
        board.stop(Stop::Signal(Signal::Interrupt));
        board.stop(Stop::Output);
        board.tell(place, None);
        assert_eq!(board.take(), None);
        assert_eq!(board.wait(Duration::ZERO), Look::Stopped(Stop::Signal(Signal::Interrupt)));
    }
}
