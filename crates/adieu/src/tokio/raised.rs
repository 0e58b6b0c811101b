//! How a task learns that an interrupt was raised.

use crate::Interrupt;
use crate::os::{self, AsyncInterrupt};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Waker};
use tokio::time::{Instant, Sleep, sleep};

/// Wakes one task when an interrupt is raised.
#[derive(Default)]
pub(super) struct Raised {
    wait: Option<Wait>,
    /// Who is woken. The wait itself is shared between threads, so it is not asked again without need.
    woken: Option<Waker>,
}

enum Wait {
    /// Our system wakes us.
    Told(Pin<Box<dyn Future<Output = ()> + Send + Sync>>),
    /// No descriptor is left for that: it is looked for again and again.
    LookedFor(Pin<Box<Sleep>>),
    /// Our system has told. Then it is raised, unless a signal handler has stored a number that is none of ours.
    Over,
}

impl Raised {
    /// Arranges to be woken when the interrupt, the same at each call, is raised. True: it was.
    pub(super) fn poll(&mut self, interrupt: &Interrupt, cx: &mut Context<'_>) -> bool {
        if interrupt.raised().is_some() {
            return true;
        }
        let is_told = matches!(self.wait, Some(Wait::Told(_) | Wait::Over));
        if is_told && self.woken.as_ref().is_some_and(|woken| woken.will_wake(cx.waker())) {
            return false;
        }
        let wait = self.wait.get_or_insert_with(|| match interrupt.awaited() {
            Ok(awaited) => Wait::Told(Box::pin(async move { awaited.raised().await })),
            Err(_) => Wait::LookedFor(Box::pin(sleep(os::LOOK_AGAIN))),
        });
        match wait {
            Wait::Told(told) => {
                if told.as_mut().poll(cx).is_ready() {
                    self.wait = Some(Wait::Over);
                }
            }
            Wait::LookedFor(timer) => {
                while timer.as_mut().poll(cx).is_ready() {
                    timer.as_mut().reset(Instant::now() + os::LOOK_AGAIN);
                }
            }
            Wait::Over => {}
        }
        self.woken = Some(cx.waker().clone());
        interrupt.raised().is_some()
    }
}

/// Waits until the interrupt is raised: for ever, without one.
pub(super) async fn raised(interrupt: Option<&AsyncInterrupt>) {
    match interrupt {
        Some(interrupt) => interrupt.raised().await,
        None => std::future::pending().await,
    }
}
