//! Passive health: an upstream that cannot be connected to is left alone for a while, and comes back slowly.
//!
//! Nothing is sent to find out how an upstream is. Only the attempts to connect for clients count, and of these only the
//! failures that are the upstream's own. What happens on a connection after it was made does not count.
//!
//! ```text
//!            max_fails failures within fail_timeout
//!      Up ------------------------------------------> Down
//!      ^ ^                                           |   ^
//!      | |  slow_start has passed        a client    |   | it failed
//!      | +---------- Returning <---------------------+---+
//!      |                             may try once per fail_timeout; it connected
//! ```

use crate::moment;
use std::time::{Duration, Instant};

/// When an upstream counts as down, and how it comes back. The defaults are nginx's, except for the slow start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Health {
    /// How many failed attempts to connect within [`fail_timeout`](Self::fail_timeout) make an upstream count as down. 0: it is
    /// always up. Default: 1.
    pub max_fails: u32,
    /// The time within which failures are counted, and for which an upstream that is down is left alone. After it one client
    /// tries it. If that fails too, this time begins again. Default: 10 s.
    pub fail_timeout: Duration,
    /// For how long an upstream that has come back is given fewer clients than the others: their share grows from hardly any to
    /// the full share over this time. Zero: it has its full share at once. Default: 10 s.
    pub slow_start: Duration,
}

impl Health {
    /// The defaults.
    pub const DEFAULT: Self =
        Self { max_fails: 1, fail_timeout: Duration::from_secs(10), slow_start: Duration::from_secs(10) };
}

impl Default for Health {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// A full share of the clients. The share of an upstream that comes back is a part of it.
pub(super) const FULL: u32 = 1024;

/// What one upstream's attempts have shown.
#[derive(Debug, Clone, Copy)]
pub(super) enum State {
    Up {
        /// The failures since the first that counts.
        fails: u32,
        first_fail: Option<Instant>,
        /// Since when it is back. `None`: for long, or it never was down.
        back_since: Option<Instant>,
    },
    Down {
        since: Instant,
        /// Nobody tries it before, except when there is nothing else to try.
        until: Instant,
        /// A client is trying it.
        is_tried: bool,
    },
}

/// What an attempt has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HealthChange {
    /// The upstream counts as down from now on.
    Down {
        /// How long it is left alone.
        left_alone: Duration,
    },
    /// The upstream is back.
    Up {
        /// How long it was down.
        was_down: Duration,
    },
}

impl State {
    pub(super) const NEW: Self = Self::Up { fails: 0, first_fail: None, back_since: None };

    /// The part of a full share of the clients that it is to be given now: 1 to [`FULL`]. `None`: it is left alone.
    pub(super) fn share(&self, health: &Health, now: Instant) -> Option<u32> {
        match self {
            Self::Up { back_since: None, .. } => Some(FULL),
            Self::Up { back_since: Some(since), .. } => {
                let (gone, all) = (now.saturating_duration_since(*since), health.slow_start);
                if gone >= all {
                    return Some(FULL);
                }
                let part = gone.as_nanos() * u128::from(FULL) / all.as_nanos();
                Some(u32::try_from(part).unwrap_or(FULL).max(1))
            }
            // The one client that finds out is worth as much as any.
            Self::Down { until, is_tried, .. } => (!is_tried && now >= *until).then_some(FULL),
        }
    }

    pub(super) fn is_up(&self) -> bool {
        matches!(self, Self::Up { .. })
    }

    /// A client begins to connect to it.
    pub(super) fn begun(&mut self) {
        if let Self::Down { is_tried, .. } = self {
            *is_tried = true;
        }
    }

    pub(super) fn connected(&mut self, now: Instant) -> Option<HealthChange> {
        let Self::Down { since, .. } = *self else { return None };
        *self = Self::Up { fails: 0, first_fail: None, back_since: Some(now) };
        Some(HealthChange::Up { was_down: now.saturating_duration_since(since) })
    }

    pub(super) fn failed(&mut self, health: &Health, now: Instant) -> Option<HealthChange> {
        let until = moment::after(now, health.fail_timeout);
        match self {
            Self::Down { until: before, is_tried, .. } => {
                (*before, *is_tried) = (until, false);
                None
            }
            Self::Up { fails, first_fail, .. } => {
                let is_old = |at: Instant| now.saturating_duration_since(at) > health.fail_timeout;
                if first_fail.is_none_or(is_old) {
                    (*first_fail, *fails) = (Some(now), 0);
                }
                *fails = fails.saturating_add(1);
                if health.max_fails == 0 || *fails < health.max_fails {
                    return None;
                }
                *self = Self::Down { since: now, until, is_tried: false };
                Some(HealthChange::Down { left_alone: health.fail_timeout })
            }
        }
    }

    /// The attempt was given up, and showed nothing.
    pub(super) fn given_up(&mut self) {
        if let Self::Down { is_tried, .. } = self {
            *is_tried = false;
        }
    }
}
