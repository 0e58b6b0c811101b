//! What bounds one connection, as its machine keeps and changes it.

use crate::nanos::Nanos;
use crate::{Config, InputSilence};
use core::time::Duration;

/// A [`Config`] in half its size. Each field is that of the same name there, and may have been made narrower since.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Bounds {
    pub(crate) connect_timeout: Option<Nanos>,
    pub(crate) idle_timeout: Option<Nanos>,
    pub(crate) deadline: Option<Nanos>,
    pub(crate) linger: Option<Nanos>,
    pub(crate) input_grace: Option<Nanos>,
    pub(crate) unused_input_grace: Option<Nanos>,
    pub(crate) idle_timeout_after_fin: Option<Nanos>,
    pub(crate) drain_limit: Option<Nanos>,
    pub(crate) peer_grace: Option<Nanos>,
    pub(crate) first_byte_timeout: Option<Nanos>,
    pub(crate) flush_timeout: Nanos,
    pub(crate) dead_peer: Option<Nanos>,
    pub(crate) eof_grace: Option<Nanos>,
    pub(crate) end_hold: Option<Nanos>,
    pub(crate) input_silence: InputSilence,
    /// An input that is silent for the grace has ended; without this it is given up.
    pub(crate) silent_input_ends: bool,
    pub(crate) idle_ends: bool,
    pub(crate) abort_at_limit: bool,
}

impl Bounds {
    /// How long the input may be silent as it is now, and whether its silence is its end: another grace counts as long as it has
    /// given no byte.
    pub(crate) fn input_grace_now(&self) -> Option<(Nanos, bool)> {
        let unused = self.unused_input_grace.map(|after| (after, true));
        unused.or_else(|| Some((self.input_grace?, self.silent_input_ends)))
    }

    /// From now on what is left of the connection has these bounds too.
    pub(crate) fn tighten(&mut self, now: Nanos, limits: &Config) {
        let deadline = limits.deadline.map(|limit| now.saturating_add(limit.into()));
        self.deadline = [self.deadline, deadline].into_iter().flatten().min();
        let idle = [self.idle_timeout, limits.idle_timeout.map(Nanos::from)];
        self.idle_timeout = idle.into_iter().flatten().min();
        self.abort_at_limit = limits.abort_at_limit;
    }

    /// What it is for one side of a relay: see [`join_relay`](crate::Connection::join_relay).
    pub(crate) fn relayed(&mut self, idle_timeout: Option<Duration>, flush_timeout: Duration) {
        self.input_silence = InputSilence::Peers;
        self.unused_input_grace = None;
        self.silent_input_ends = false;
        self.peer_grace = None;
        self.idle_timeout = idle_timeout.map(Nanos::from).or(self.idle_timeout);
        self.flush_timeout = flush_timeout.into();
    }
}

impl From<Config> for Bounds {
    fn from(config: Config) -> Self {
        let Config {
            connect_timeout,
            idle_timeout,
            deadline,
            linger,
            input_grace,
            unused_input_grace,
            input_silence,
            idle_ends,
            idle_timeout_after_fin,
            drain_limit,
            peer_grace,
            first_byte_timeout,
            flush_timeout,
            dead_peer,
            eof_grace,
            end_hold,
            // What is seen of it is evidence.
            end_mark: _,
            abort_at_limit,
        } = config;
        let kept = |limit: Option<Duration>| limit.map(Nanos::from);
        Self {
            connect_timeout: kept(connect_timeout),
            idle_timeout: kept(idle_timeout),
            deadline: kept(deadline),
            linger: kept(linger),
            input_grace: kept(input_grace.map(|grace| grace.after)),
            unused_input_grace: kept(unused_input_grace),
            idle_timeout_after_fin: kept(idle_timeout_after_fin),
            drain_limit: kept(drain_limit),
            peer_grace: kept(peer_grace),
            first_byte_timeout: kept(first_byte_timeout),
            flush_timeout: flush_timeout.into(),
            dead_peer: kept(dead_peer),
            eof_grace: kept(eof_grace),
            end_hold: kept(end_hold),
            input_silence,
            silent_input_ends: input_grace.is_some_and(|grace| grace.is_end),
            idle_ends,
            abort_at_limit,
        }
    }
}

#[cfg(test)]
impl Default for Bounds {
    fn default() -> Self {
        Config::default().into()
    }
}
