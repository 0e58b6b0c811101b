//! Connecting again: how often and for how long, and the pauses between.
//!
//! `connect` tries only to connect again: once there was a connection, what was sent over it cannot be taken back. `send` has an
//! option of the same name and number, which tries the whole transfer again, connecting included.

use super::durations::limit;
use clap::Args;
use std::ffi::OsStr;
use std::fmt;
use std::time::{Duration, Instant};

/// How often connecting is tried again, as it was written.
#[derive(Debug, Clone, Args, Default)]
#[command(next_help_heading = "Time limits")]
pub(crate) struct RetryOptions {
    /// Connect again, at most this many times, if the connection is refused, nothing answers, there is no route or no such name
    /// [default: 0; 10 without a number]
    ///
    /// The pauses grow from 0.25 s to 5 s. Nothing is read from stdin before there is a connection, and a connection that has
    /// been made is never made again.
    #[arg(long, value_name = "TIMES", env = "ADIEU_RETRY", hide_env_values = true, num_args = 0..=1,
          require_equals = true, default_missing_value = "10", value_parser = crate::options::number)]
    retry: Option<u32>,

    /// Connect again for this long, however many times that is; with --retry too, the first of both limits counts
    #[arg(long, value_name = "DURATION", env = "ADIEU_RETRY_FOR", hide_env_values = true, value_parser = limit)]
    retry_for: Option<Duration>,
}

impl RetryOptions {
    /// How connecting is tried again. `None`: it is not.
    pub(crate) fn plan(&self) -> Option<Retry> {
        match (self.retry, self.retry_for) {
            (None | Some(0), None) | (Some(0), Some(_)) => None,
            (times, within) => Some(Retry { times, within }),
        }
    }

    /// A number after --retry is a word of its own: what to say of it.
    pub(crate) fn hint<'a>(&self, words: impl Iterator<Item = &'a OsStr>) -> Option<String> {
        hint(self.retry, words)
    }
}

/// The same, of an option of this name and number.
pub(crate) fn hint<'a>(retry: Option<u32>, mut words: impl Iterator<Item = &'a OsStr>) -> Option<String> {
    let is_number = |word: &&OsStr| word.to_str().is_some_and(|word| word.parse::<u32>().is_ok());
    let number = retry.and_then(|_| words.find(is_number))?;
    Some(format!("for {0} retries write --retry={0}", number.display()))
}

/// How connecting is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Retry {
    /// How many times. `None`: as often as there is time.
    pub(crate) times: Option<u32>,
    /// For how long, from the first attempt on. `None`: without limit.
    pub(crate) within: Option<Duration>,
}

impl Retry {
    /// The pause before any attempt has failed.
    const FIRST: Duration = Duration::from_millis(250);
    const MOST: Duration = Duration::from_secs(5);

    /// How long the last attempt may take, which begins when the time is up.
    const LAST: Duration = Duration::from_secs(1);

    /// The attempts, from now on.
    pub(crate) fn begin(self, now: Instant) -> Retrying {
        Retrying {
            left: self.times,
            until: self.within.and_then(|within| now.checked_add(within)),
            pause: Self::FIRST,
        }
    }
}

/// What is tried again, as the end of a sentence.
impl fmt::Display for Retry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(times) = self.times {
            let s = if times == 1 { "" } else { "s" };
            write!(f, ", at most {times} time{s} (--retry)")?;
        }
        match self.within {
            Some(within) => write!(f, ", for {} at most (--retry-for)", humantime::format_duration(within)),
            None => Ok(()),
        }
    }
}

/// The attempts that are left.
#[derive(Debug)]
pub(crate) struct Retrying {
    left: Option<u32>,
    until: Option<Instant>,
    pause: Duration,
}

impl Retrying {
    /// How long an attempt may take that begins now, of at most `limit`: not much longer than there is time.
    pub(crate) fn limit_of_attempt(&self, now: Instant, limit: Duration) -> Duration {
        let left = self.until.map(|until| until.saturating_duration_since(now).max(Retry::LAST));
        left.map_or(limit, |left| left.min(limit))
    }

    /// How long to wait before the next attempt, after one has failed. `None`: there is none.
    pub(crate) fn next_pause(&mut self, now: Instant) -> Option<Duration> {
        self.left = match self.left {
            Some(0) => return None,
            Some(left) => Some(left - 1),
            None => None,
        };
        let pause = self.pause;
        self.pause = (pause * 2).min(Retry::MOST);
        match self.until.map(|until| until.saturating_duration_since(now)) {
            Some(left) if left.is_zero() => None,
            // The last attempt is made when the time is up.
            Some(left) => Some(pause.min(left)),
            None => Some(pause),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pauses_grow_until_the_number_or_the_time_is_used_up() {
        let now = Instant::now();
        let pauses = |times, within: Option<u64>, each: u64| {
            let mut at = now;
            let mut retrying = Retry { times, within: within.map(Duration::from_millis) }.begin(now);
            let mut pauses = Vec::new();
            while let Some(pause) = retrying.next_pause(at) {
                pauses.push(pause.as_millis());
                at += pause + Duration::from_millis(each);
            }
            pauses
        };
        assert_eq!(pauses(Some(7), None, 0), [250, 500, 1000, 2000, 4000, 5000, 5000]);
        // The last attempt is at the end of the time.
        assert_eq!(pauses(None, Some(2000), 0), [250, 500, 1000, 250]);
        assert_eq!(pauses(Some(2), Some(2000), 0), [250, 500]);
        // An attempt takes time, too.
        assert_eq!(pauses(None, Some(2000), 700), [250, 500]);
    }

    #[test]
    fn none_is_asked_for_unless_it_is() {
        let options = |retry, retry_for| RetryOptions { retry, retry_for }.plan();
        assert_eq!(options(None, None), None);
        assert_eq!(options(Some(0), None), None);
        let minute = Duration::from_secs(60);
        assert_eq!(options(Some(0), Some(minute)), None);
        assert_eq!(options(None, Some(minute)), Some(Retry { times: None, within: Some(minute) }));
        assert_eq!(options(Some(3), None), Some(Retry { times: Some(3), within: None }));
    }
}
