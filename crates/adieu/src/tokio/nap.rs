//! A timer for a moment that something else decides: it wakes, and the decision is asked again.

use std::future::Future;
use std::pin::Pin;
use std::task::Context;
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep_until};

/// Most who may need one never do, so it is made when it is first waited for.
#[derive(Default)]
pub(super) struct Nap(Option<Pin<Box<Sleep>>>);

impl Nap {
    /// Arranges to be woken when this much time has passed. True: it has. `None`: there is nothing to wait for.
    pub(super) fn is_over(&mut self, left: Option<Duration>, cx: &mut Context<'_>) -> bool {
        // tokio's clock ticks in milliseconds: whoever says how much is left, and not the timer, says whether its time has come.
        // A moment beyond the clock's end never comes.
        left.is_some_and(|left| left.is_zero())
            || self.has_come(left.and_then(|left| Instant::now().checked_add(left)), cx)
    }

    /// Whether it was last arranged to be woken at a moment after this one.
    pub(super) fn is_until_after(&self, moment: Instant) -> bool {
        self.0.as_ref().is_some_and(|timer| timer.deadline() > moment)
    }

    /// Arranges to be woken at this moment. True: the timer has fired, so it is to be asked whether the time has come. `None`: there is
    /// nothing to wait for.
    pub(super) fn has_come(&mut self, until: Option<Instant>, cx: &mut Context<'_>) -> bool {
        let Some(until) = until else {
            self.0 = None;
            return false;
        };
        let timer = self.0.get_or_insert_with(|| Box::pin(sleep_until(until)));
        // One that fires too early is set again then; setting it at each wait would cost more.
        if until < timer.deadline() || timer.is_elapsed() {
            timer.as_mut().reset(until);
        }
        timer.as_mut().poll(cx).is_ready()
    }
}
