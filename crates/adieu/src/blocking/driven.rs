//! A connection that flows move, and that a loop of `poll` waits for: its part of each wait.
//!
//! A loop has one of these for each connection, and one `poll` for all that it moves.

use crate::Event;
use crate::flow::Peer;
use crate::link::Link;
use crate::os::{self, AcknowledgementWatch, AsPollable, Ready, Watch};
use adieu_proto::{Time, Waiting};
use socket2::Socket;
use std::time::Duration;

/// When somebody who watches is first told that we still wait for the peer.
const FIRST_NOTICE: Duration = Duration::from_secs(3);

pub(super) struct Driven {
    pub(super) peer: Peer<Socket>,
    /// `poll` reports a hang-up that has been looked into; it would do so for ever.
    hang_up_known: bool,
    acknowledgements: Option<AcknowledgementWatch>,
    next_notice: Duration,
}

/// Whether to wait.
pub(super) enum Wait {
    /// Something is to be looked at first.
    No,
    /// At most this long; `None`: for ever.
    AtMost(Option<Duration>),
}

impl Driven {
    pub(super) fn new(link: Box<Link<Socket>>) -> Self {
        Self {
            peer: Peer::new(link),
            hang_up_known: false,
            acknowledgements: None,
            next_notice: FIRST_NOTICE,
        }
    }

    /// From now on the core says when to close. `has_output`: what takes the peer's stream says when it has ended.
    pub(super) fn begin(&mut self, has_output: bool) {
        let link = &mut self.peer.link;
        let now = link.now();
        link.core.handle_close(now);
        if has_output {
            link.core.await_output_end();
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.peer.link.outcome().is_none()
    }

    /// Tells the core what is waited for. `direct`: what is received goes on a direct way.
    pub(super) fn before_wait(&mut self, waiting: Waiting, direct: bool) -> Wait {
        let link = &mut self.peer.link;
        let now = link.now();
        link.core.handle_waiting(now, waiting);
        let mut look_again = None;
        if waiting.acknowledgement && self.acknowledgements.is_none() {
            if let Some(socket) = &link.handle {
                self.acknowledgements = AcknowledgementWatch::new(socket.as_pollable()).ok();
            }
            if self.acknowledgements.is_some() {
                // What came before the watch began is not news to it.
                link.core.handle_acknowledged();
                return Wait::No;
            }
            look_again = Some(os::LOOK_AGAIN);
        }
        let patience = self.peer.before_wait(waiting.receive, direct);
        let timeout = [self.peer.link.time_left(), self.until_notice(now, waiting), patience, look_again];
        Wait::AtMost(timeout.into_iter().flatten().min())
    }

    /// Its socket, the acknowledgements and its interrupt.
    pub(super) fn watches(&self, waiting: Waiting) -> [Watch<'_>; 3] {
        let link = &self.peer.link;
        let socket = match &link.handle {
            Some(socket) if waiting.receive || waiting.send => {
                Watch::new(socket.as_pollable(), waiting.receive, waiting.send)
            }
            // With nothing to move, a reset is still news.
            Some(socket) if !waiting.acknowledgement && !self.hang_up_known => {
                Watch::new(socket.as_pollable(), false, false)
            }
            _ => Watch::none(),
        };
        let acknowledged = self.acknowledgements.as_ref().filter(|_| waiting.acknowledgement);
        [
            socket,
            Watch::readable(acknowledged.map(AsPollable::as_pollable)),
            Watch::readable(link.interrupt().map(AsPollable::as_pollable)),
        ]
    }

    /// After the wait: what came of its socket and of the acknowledgements.
    pub(super) fn after_wait(&mut self, waiting: Waiting, socket: Ready, acknowledged: Ready) {
        self.peer.after_wait(socket.readable);
        if socket.writable {
            self.peer.may_send();
        }
        if socket.alert && !(waiting.receive || waiting.send) {
            self.hang_up_known = true;
            self.peer.link.core.request_sample();
        }
        if acknowledged.any
            && let Some(watch) = &mut self.acknowledgements
        {
            watch.consume();
        }
        if acknowledged.any || self.acknowledgements.is_none() && waiting.acknowledgement {
            self.peer.link.core.handle_acknowledged();
        }
        self.notice(waiting);
    }

    /// How long until an observer is told that we still wait. `None`: nobody watches, or we do not wait for the peer.
    fn until_notice(&self, now: Time, waiting: Waiting) -> Option<Duration> {
        let link = &self.peer.link;
        let since = link.core.milestones().shutdown_send?;
        let for_peer = (waiting.receive && !waiting.output) || waiting.acknowledgement;
        (for_peer && link.is_watched()).then(|| (since + self.next_notice).saturating_sub(now))
    }

    fn notice(&mut self, waiting: Waiting) {
        let link = &self.peer.link;
        let now = link.now();
        if self.until_notice(now, waiting) == Some(Duration::ZERO) {
            let since = link.core.milestones().shutdown_send.unwrap_or(now);
            let event = Event::StillWaiting {
                waited: now.saturating_sub(since),
                for_acknowledgement: waiting.acknowledgement,
            };
            link.observe(&event);
            self.next_notice *= 2;
        }
    }
}
