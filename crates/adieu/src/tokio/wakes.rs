//! What wakes a connection's task beside its socket: the time, the interrupt, and acknowledgements.

use super::nap::Nap;
use super::raised::Raised;
use super::stream::Stream;
use crate::handle::Handle;
use crate::link::Link;
use crate::os::{self, AsyncAcknowledgements};
use adieu_proto::Waiting;
use std::future::Future;
use std::pin::Pin;
use std::task::Context;
use tokio::time::{Instant, Sleep, sleep};

/// Each of them is made when it is first needed.
#[derive(Default)]
pub(super) struct Wakes {
    timer: Nap,
    interrupt: Raised,
    acknowledgements: Option<Acknowledgements>,
}

/// When a connection's task has to go on, whatever comes.
pub(super) enum Due {
    /// Now: its time has come or its interrupt was raised, and its core knows.
    Now,
    /// Then. `None`: never.
    At(Option<Instant>),
}

/// How an acknowledgement is learned of.
enum Acknowledgements {
    /// Our system wakes us.
    Told(Box<AsyncAcknowledgements>),
    /// Nothing does: it is looked for again and again.
    LookedFor(Pin<Box<Sleep>>),
}

/// From when on the interrupt is heeded again. To be asked before the interrupt is: it may be put off until between the two.
pub(super) fn deferral_end(link: &Link<Stream>) -> Option<Instant> {
    link.deferral_end().map(Instant::from_std)
}

/// When a connection whose interrupt was not raised, and whose core knows what is waited for, has to go on.
pub(super) fn due(link: &mut Link<Stream>, deferred: Option<Instant>) -> Due {
    let at = link.core.poll_timeout();
    // The core, not a timer, says whether its time has come: a timer set to a moment that is past fires only
    // at the next tick of tokio's clock, where it would be set to the past anew, for ever.
    if at.is_some_and(|at| at <= link.now()) {
        link.tick();
        link.act();
        return Due::Now;
    }
    Due::At([at.map(|at| Instant::from_std(link.instant_of(at))), deferred].into_iter().flatten().min())
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
        loop {
            match self.due(link, cx, waiting) {
                Due::Now => return true,
                Due::At(until) if !self.timer.has_come(until, cx) => return false,
                Due::At(_) => {}
            }
        }
    }

    /// Tells the core what is waited for, arranges to be woken when the interrupt is raised, and leaves the time to the caller.
    fn due(&mut self, link: &mut Link<Stream>, cx: &mut Context<'_>, waiting: Waiting) -> Due {
        link.wait_for(waiting);
        // Before the interrupt is asked: it may be put off until between the two.
        let deferred = deferral_end(link);
        if self.poll_interrupt(link, cx) {
            link.tick();
            link.act();
            return Due::Now;
        }
        due(link, deferred)
    }

    /// Arranges to be woken when the interrupt is raised. True: it was, which is to be told to the core.
    pub(super) fn poll_interrupt(&mut self, link: &Link<Stream>, cx: &mut Context<'_>) -> bool {
        let interrupt = link.interrupt().filter(|_| !link.core.is_decided());
        interrupt.is_some_and(|interrupt| self.interrupt.poll(interrupt, cx))
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
