//! The thread that accepts, and how many connections it may accept at once.

use super::message::{Message, REST};
use super::service::Service;
use crate::said;
use adieu::{Interrupt, ListenError, Listener};
use std::io;
use std::sync::mpsc;

/// Accepts one connection for each token, and gives their number. A failure is told once, and then tried again until it works.
pub(super) fn accept(
    listener: &Listener,
    stop: &Interrupt,
    tokens: &mpsc::Receiver<()>,
    main: &mpsc::Sender<Message>,
    keep_open: bool,
) -> u64 {
    let mut failing = false;
    let mut accepted = 0;
    for () in tokens {
        if keep_open {
            // The main thread hears of them in this order, and counts as we do.
            said::of_connection(accepted + 1);
        }
        let connection = loop {
            match listener.accept() {
                Ok(connection) => break connection,
                // Raised by the main thread, which knows.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => return accepted,
                Err(error) => {
                    if !failing && main.send(Message::AcceptFailed(error)).is_err() {
                        return accepted;
                    }
                    failing = true;
                    // As long as it fails with clients waiting, it does not look.
                    if stop.raised().is_some() {
                        return accepted;
                    }
                    // A rest that is cut short by a signal only makes the next attempt come sooner.
                    let _raised = stop.wait(REST);
                }
            }
        };
        failing = false;
        accepted += 1;
        if main.send(Message::Accepted(Box::new(connection))).is_err() {
            break;
        }
    }
    accepted
}

/// What is open for a moment: the other ends of a command's pipes and what starts it, and what is looked at in passing.
pub(super) const IN_PASSING: usize = 8;

/// How many can be served at once: one that is accepted and finds no descriptors for its command would be reset.
pub(super) fn number_at_once(free_descriptors: usize, service: &Service) -> u32 {
    u32::try_from(free_descriptors / service.descriptors()).unwrap_or(u32::MAX).max(1)
}

pub(super) fn is_out_of_descriptors(error: &ListenError) -> bool {
    matches!(error.system().and_then(|error| error.name.as_deref()), Some("EMFILE" | "ENFILE"))
}
