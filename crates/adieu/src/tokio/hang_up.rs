//! A peer that is gone while nothing is received from it: a reset is news then that no other call would tell.

use super::stream::Stream;
use crate::handle::{Handle, Readiness};
use crate::link::Link;
use crate::os::{self, Watch};
use std::task::Context;
use std::time::Duration;

/// Arranges to be woken by a reset while the socket is neither to give nor to take anything. True: it may be there, and the
/// core has been told to look if it is.
pub(super) fn is_hung_up(link: &mut Link<Stream>, cx: &mut Context<'_>, known: &mut bool) -> bool {
    // tokio would report one that was looked into for ever.
    if *known {
        return false;
    }
    let Some(stream) = &link.handle else { return false };
    // Room to send is no news here. Clearing it harms nobody: a send is tried whatever is known.
    let _ = stream.attempt(Readiness::Send, |_| Err::<(), _>(std::io::ErrorKind::WouldBlock.into()));
    if stream.poll_ready(cx, Readiness::Send).is_pending() {
        return false;
    }
    if stream.is_known_faultless() {
        // It was only room: the next turn clears that.
        return true;
    }
    let mut watches = [Watch::new(stream.pollable(), false, false)];
    *known = os::wait(&mut watches, Some(Duration::ZERO)).is_err() || watches[0].ready.alert;
    if *known {
        link.core.request_sample();
    }
    // If it was only room that has just come, the next turn clears that.
    true
}
