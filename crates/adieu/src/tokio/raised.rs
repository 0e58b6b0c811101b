//! How a task learns that an interrupt was raised.

use crate::Interrupt;
use crate::interrupt::{Awaited, Awaiting};
use crate::os;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Waker};
use tokio::time::{Instant, Sleep, sleep};

/// Wakes one task when an interrupt is raised. It takes memory from when it is first waited for.
#[derive(Default)]
pub(super) struct Raised(Option<Box<Wait>>);

enum Wait {
    /// Our system wakes us.
    Told {
        awaiting: Awaiting,
        /// Who is woken. The list that has it is shared, so it is not asked again without need.
        woken: Waker,
    },
    /// No descriptor is left for that: it is looked for again and again.
    LookedFor(Pin<Box<Sleep>>),
}

impl Raised {
    /// Arranges to be woken when the interrupt, the same at each call, is raised. True: it was.
    pub(super) fn poll(&mut self, interrupt: &Interrupt, cx: &mut Context<'_>) -> bool {
        if interrupt.raised().is_some() {
            return true;
        }
        match &mut **self.0.get_or_insert_with(|| Box::new(Wait::begin(interrupt, cx))) {
            Wait::Told { woken, .. } if woken.will_wake(cx.waker()) => {}
            Wait::Told { awaiting, woken } => {
                awaiting.set(cx.waker());
                woken.clone_from(cx.waker());
            }
            Wait::LookedFor(timer) => {
                while timer.as_mut().poll(cx).is_ready() {
                    timer.as_mut().reset(Instant::now() + os::LOOK_AGAIN);
                }
            }
        }
        // It may have been raised before anybody was there to be woken.
        interrupt.raised().is_some()
    }
}

impl Wait {
    fn begin(interrupt: &Interrupt, cx: &Context<'_>) -> Self {
        match interrupt.awaited() {
            Ok(awaited) => Self::Told { awaiting: awaited.enlist(cx.waker()), woken: cx.waker().clone() },
            Err(_) => Self::LookedFor(Box::pin(sleep(os::LOOK_AGAIN))),
        }
    }
}

/// Waits until the interrupt is raised: for ever, without one.
pub(super) async fn raised(interrupt: Option<&Awaited>) {
    match interrupt {
        Some(interrupt) => interrupt.raised().await,
        None => std::future::pending().await,
    }
}
