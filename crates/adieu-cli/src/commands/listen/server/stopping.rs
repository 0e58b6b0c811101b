//! The end of a listener that a signal stops: the open connections finish, each in its own way, or are aborted.

use super::{Client, Message, REST, Server};
use crate::exit::ExitStatus;
use crate::said;
use adieu::{Ending, NeverConnected, Side, Signal};
use std::time::{Duration, Instant};

impl Server {
    /// A signal came: accept no more, and let the open connections finish, each in its own way.
    pub(super) fn finish(&mut self, signal: Signal) -> ExitStatus {
        self.stop_listening(signal);
        while let Ok(message) = self.messages.try_recv() {
            match message {
                Message::Accepted(connection) => {
                    self.accepted += 1;
                    self.wait_in_turn(Client { id: self.accepted, connection, is_told: false });
                }
                Message::NotStarted { id, connection, .. } => {
                    self.open.remove(&id);
                    self.wait_in_turn(Client { id, connection, is_told: true });
                }
                Message::Finished { id, .. } => {
                    self.open.remove(&id);
                }
                Message::AcceptFailed(_) | Message::Signal(_) | Message::Touched | Message::InputSpent => {}
            }
        }
        self.serve_waiting();
        let is_stopped = self.keep_open && signal == Signal::Terminate;
        if self.served == self.left && !is_stopped {
            return self.never(NeverConnected::Interrupted { signal });
        }
        let grace = if signal == Signal::Interrupt { Duration::ZERO } else { self.grace };
        if !(grace.is_zero() || self.has_nobody()) {
            let number = self.open.len() + self.waiting.len();
            self.printer.say(&format!("{}: waiting for {number} to finish", signal.name()));
        }
        self.await_ends(grace);
        let mut aborted = 0;
        if !self.has_nobody() {
            let waiting = self.waiting.iter().map(Client::peer);
            let rest: Vec<String> = self.open.values().cloned().chain(waiting).collect();
            self.printer.say(&format!("{}: aborting {}", signal.name(), rest.join(", ")));
            self.stop.raise(signal);
            aborted += self.interrupt_waiting();
            aborted += self.await_ends(Duration::from_millis(1500));
            aborted += self.open.len() as u64;
        }
        // Whoever is still not done goes with us, and so does what it started.
        drop(self.service.running().kill_all());
        let status = match aborted {
            _ if !is_stopped => ExitStatus::of_signal(signal),
            0 => ExitStatus::Success,
            _ => ExitStatus::Ending(adieu::exit_code(Ending::Reset { by: Side::Us })),
        };
        if self.keep_open {
            self.printer.stopped(signal, self.accepted, aborted, status);
        }
        status
    }

    /// Nobody is served, and nobody waits to be.
    fn has_nobody(&self) -> bool {
        self.open.is_empty() && self.waiting.is_empty()
    }

    /// Whoever still waits is not served any more: the interrupt was raised, which ends it and its report. Gives their number.
    fn interrupt_waiting(&mut self) -> u64 {
        let waiting = std::mem::take(&mut self.waiting);
        let number = waiting.len() as u64;
        for mut client in waiting {
            self.tell(&mut client);
            // It fails, because nothing is received after an interrupt.
            let _ = client.connection.read_within(&mut [], Duration::ZERO);
            said::about(self.tag(client.id), || self.printer.report(&client.connection.abort()));
        }
        number
    }

    /// Waits until nobody is served and nobody waits, for `limit` at most. Gives how many connections were interrupted.
    fn await_ends(&mut self, limit: Duration) -> u64 {
        let mut interrupted = 0;
        // A limit beyond the end of time is none.
        let until = Instant::now().checked_add(limit);
        while !self.has_nobody() {
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            // Whoever waits for what is short is tried again when it may have come back.
            let rest = (!self.waiting.is_empty()).then_some(REST);
            let message = match [left, rest].into_iter().flatten().min() {
                Some(time) => self.messages.recv_timeout(time).ok(),
                None => self.messages.recv().ok(),
            };
            if message.is_none() && rest.is_some() && left.is_none_or(|left| left > REST) {
                self.serve_waiting();
                continue;
            }
            match message {
                Some(Message::Finished { id, end }) => {
                    self.open.remove(&id);
                    interrupted += u64::from(end.is_of_a_signal());
                    self.serve_waiting();
                }
                Some(Message::NotStarted { id, connection, .. }) => {
                    self.open.remove(&id);
                    self.wait_in_turn(Client { id, connection, is_told: true });
                }
                // Nobody accepts any more.
                Some(
                    Message::Accepted(_)
                    | Message::AcceptFailed(_)
                    | Message::Signal(_)
                    | Message::Touched
                    | Message::InputSpent,
                ) => {}
                None => break,
            }
        }
        interrupted
    }
}
