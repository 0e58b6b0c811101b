//! A link's time limits and its interrupt: how long a wait may last, and what the core is told when one has ended it.

use super::Link;
use crate::handle::Handle;
use adieu_proto::{Time, Waiting};
use std::time::{Duration, Instant};

/// In place of a moment that is beyond the end of a clock.
const FAR: Duration = Duration::from_secs(86_400 * 365 * 30);

impl<H: Handle> Link<H> {
    /// How long the core lets its driver sleep. `None`: for ever.
    pub(crate) fn time_left(&self) -> Option<Duration> {
        let deferred = self.deferral_end().map(|until| until.saturating_duration_since(Instant::now()));
        let core = self.core.poll_timeout().map(|at| at.saturating_sub(self.now()));
        [core, deferred].into_iter().flatten().min()
    }

    /// The moment at which the core wants to be told the time. `None`: it waits for no time, or for one beyond the clock's end.
    pub(crate) fn next_moment(&self) -> Option<Instant> {
        self.core.poll_timeout().and_then(|at| self.start.checked_add(at))
    }

    /// From when on the interrupt is heeded again. `None`: it is heeded now.
    pub(crate) fn deferral_end(&self) -> Option<Instant> {
        self.rare.as_ref()?.deferred_until.filter(|until| *until > Instant::now())
    }

    /// What ends the connection from outside. `None`: nothing does, or not yet.
    pub(crate) fn interrupt(&self) -> Option<&crate::Interrupt> {
        self.options.interrupt.as_ref().filter(|_| self.deferral_end().is_none())
    }

    /// Puts the interrupt off until `limit` has passed.
    pub(crate) fn defer_interrupt(&mut self, limit: Duration) {
        let now = Instant::now();
        self.rare.get_or_insert_default().deferred_until = Some(now.checked_add(limit).unwrap_or(now + FAR));
    }

    /// What a moment is to the core.
    pub(crate) fn time_of(&self, moment: Instant) -> Time {
        moment.saturating_duration_since(self.start)
    }

    /// A moment of the core's; one beyond the clock's end is far enough away.
    pub(crate) fn instant_of(&self, at: Time) -> Instant {
        self.start.checked_add(at).unwrap_or_else(|| Instant::now() + FAR)
    }

    /// Sets what was left for a connection that lasts: see
    /// [`for_relay`](crate::ConnectOptions::for_relay).
    pub(crate) fn set_late_options(&self) {
        if let Some(handle) = self.handle.as_ref().filter(|_| self.is_tcp()) {
            self.options.socket.set_late(&handle.socket());
        }
    }

    /// Bounds what is left of the connection, which is half-closed.
    pub(crate) fn limit_linger(&mut self, limit: Duration) {
        self.core.limit_linger(self.now(), limit);
    }

    /// Tells the core what is waited for from now on. Nothing: the program is busy, and what the peer leaves unsaid
    /// meanwhile is not its silence.
    pub(crate) fn wait_for(&mut self, waiting: Waiting) {
        let nothing = Waiting::default();
        if waiting != nothing || self.waiting != nothing {
            self.waiting = waiting;
            self.core.handle_waiting(self.now(), waiting);
        }
    }

    /// Ends what must end although there is more to move: the interrupt, the deadline, and the bound on closing. The other timers judge the
    /// peer's silence, which is known only once it was asked.
    pub(crate) fn check_stop(&mut self) {
        if self.is_stopped() {
            self.tick();
        }
    }

    /// Whether the interrupt was raised, or the deadline or the bound on closing has passed.
    pub(crate) fn is_stopped(&self) -> bool {
        let raised = self.interrupt().is_some_and(|i| i.raised().is_some());
        raised || self.core.bound_at().is_some_and(|at| at <= self.now())
    }

    /// Tells the core the time, if it has been waiting for it, and of an interrupt.
    pub(crate) fn tick(&mut self) {
        let now = self.now();
        if let Some(signal) = self.interrupt().and_then(crate::Interrupt::raised) {
            self.core.handle_interrupt(now, signal);
        }
        if self.core.poll_timeout().is_some_and(|at| at <= now) {
            self.core.handle_timeout(now);
        }
    }
}
