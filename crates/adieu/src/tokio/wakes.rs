//! What wakes a connection's task beside its socket: the time, the interrupt, and acknowledgements.

use super::raised::Raised;
use super::stream::Stream;
use crate::handle::Handle;
use crate::link::Link;
use crate::os::{self, AsyncAcknowledgements};
use adieu_proto::Waiting;
use std::future::Future;
use std::pin::Pin;
use std::task::Context;
use tokio::time::{Instant, Sleep, sleep, sleep_until};

/// Each of them is made when it is first needed.
#[derive(Default)]
pub(super) struct Wakes {
    timer: Option<Pin<Box<Sleep>>>,
    interrupt: Option<Box<Raised>>,
    acknowledgements: Option<Acknowledgements>,
}

/// How an acknowledgement is learned of.
enum Acknowledgements {
    /// Our system wakes us.
    Told(Box<AsyncAcknowledgements>),
    /// Nothing does: it is looked for again and again.
    LookedFor(Pin<Box<Sleep>>),
}

impl Wakes {
    /// Tells the core what is waited for, and arranges to be woken when its time comes or the interrupt is raised. True: try
    /// again.
    pub(super) fn poll_time(
        &mut self,
        link: &mut Link<Stream>,
        cx: &mut Context<'_>,
        waiting: Waiting,
    ) -> bool {
        poll_time(&mut self.timer, &mut self.interrupt, link, cx, waiting)
    }

    /// The same, where `other` waits for the same interrupt on behalf of the same task.
    pub(super) fn poll_time_beside(
        &mut self,
        other: &mut Self,
        link: &mut Link<Stream>,
        cx: &mut Context<'_>,
        waiting: Waiting,
    ) -> bool {
        poll_time(&mut self.timer, &mut other.interrupt, link, cx, waiting)
    }

    /// Arranges to be woken when the interrupt is raised. True: it was, which is to be told to the core.
    pub(super) fn poll_interrupt(&mut self, link: &Link<Stream>, cx: &mut Context<'_>) -> bool {
        poll_interrupt(&mut self.interrupt, link, cx)
    }

    /// Arranges to be woken when the peer's TCP acknowledges something. True: it may have.
    pub(super) fn poll_acknowledged(&mut self, link: &Link<Stream>, cx: &mut Context<'_>) -> bool {
        match &mut self.acknowledgements {
            Some(Acknowledgements::Told(watch)) => watch.poll_news(cx).is_ready(),
            Some(Acknowledgements::LookedFor(timer)) => {
                let came = timer.as_mut().poll(cx).is_ready();
                if came {
                    timer.as_mut().reset(Instant::now() + os::LOOK_AGAIN);
                }
                came
            }
            empty => {
                let Some(stream) = &link.handle else { return true };
                *empty = Some(match AsyncAcknowledgements::new(stream.pollable()) {
                    Ok(watch) => Acknowledgements::Told(Box::new(watch)),
                    Err(_) => Acknowledgements::LookedFor(Box::pin(sleep(os::LOOK_AGAIN))),
                });
                // What came before it is no news to it.
                true
            }
        }
    }
}

fn poll_time(
    timer: &mut Option<Pin<Box<Sleep>>>,
    raised: &mut Option<Box<Raised>>,
    link: &mut Link<Stream>,
    cx: &mut Context<'_>,
    waiting: Waiting,
) -> bool {
    link.wait_for(waiting);
    loop {
        // Before the timer is set: the interrupt may be put off until between the two.
        let deferred = link.deferral_end().map(Instant::from_std);
        if poll_interrupt(raised, link, cx) {
            link.tick();
            link.act();
            return true;
        }
        let at = link.core.poll_timeout();
        // The core, not the timer, says whether its time has come: a timer set to a moment that is past fires only
        // at the next tick of tokio's clock, where it would be set to the past anew, for ever.
        if at.is_some_and(|at| at <= link.now()) {
            link.tick();
            link.act();
            return true;
        }
        let at = at.map(|at| link.instant_of(at));
        let Some(until) = [at, deferred].into_iter().flatten().min() else {
            *timer = None;
            return false;
        };
        let timer = match &mut *timer {
            Some(timer) => {
                // One that fires too early is set again then; setting it at every byte would cost more.
                if until < timer.deadline() || timer.is_elapsed() {
                    timer.as_mut().reset(until);
                }
                timer
            }
            empty => empty.insert(Box::pin(sleep_until(until))),
        };
        if timer.as_mut().poll(cx).is_pending() {
            return false;
        }
    }
}

fn poll_interrupt(raised: &mut Option<Box<Raised>>, link: &Link<Stream>, cx: &mut Context<'_>) -> bool {
    let interrupt = link.interrupt().filter(|_| !link.core.is_decided());
    interrupt.is_some_and(|interrupt| raised.get_or_insert_default().poll(interrupt, cx))
}
