//! How a side comes to its peer: it connects, or it waits for a client that says who it is.

use super::door::{Agreed, Door, DoorEvent, Failed, Never, Why};
use super::plan::Protection;
use super::progress::Progress;
use super::session::{Origin, Session};
use super::side::Side;
use super::view::Doing;
use crate::exit::ExitStatus;
use crate::hints;
use adieu::{Address, ConnectOptions, Connection, Endpoint, Listener, NeverConnected};
use adieu_transfer::{Agreement, TransferOutcome, Wire};
use std::time::Instant;

/// Who is on the other side of a connection.
pub(crate) enum Met {
    /// There is no connection.
    Never(Never),
    /// Somebody who did not say who he is, and what that came to.
    Stranger(Box<TransferOutcome>, Box<Wire>),
    /// A peer: one that we have connected to, with which nothing was said yet, or one that has come and with which there is an
    /// agreement.
    Peer(Box<Wire>, Option<Box<Agreement>>),
}

impl Session {
    /// One connection for plain bytes, to a peer that says nothing of itself.
    pub(crate) fn plain_connection(&mut self) -> Result<Result<Connection, Never>, ExitStatus> {
        match &self.plan.side {
            Side::Connect(options) => {
                self.attempts.count += 1;
                Ok(self.connect(&self.plan.endpoint, options))
            }
            Side::Listen(options) => {
                let listener = self.bind(options)?;
                self.announce(listener.local_endpoint(), "")?;
                self.attempts.count += 1;
                Ok(self.accept_plain(&listener))
            }
        }
    }

    fn accept_plain(&self, listener: &Listener) -> Result<Connection, Never> {
        let never =
            |cause: NeverConnected<'_>| Box::new(cause.report(&self.plan.endpoint, adieu::Role::Listen));
        let limit = self.attempts.bound(self.plan.connect_timeout, self.plan.deadline);
        let accepted = match limit {
            Some(limit) => listener.accept_within(limit),
            None => listener.accept().map(Some),
        };
        let connection = match accepted {
            Ok(Some(connection)) => connection,
            Ok(None) if self.plan.is_late() => return Err(never(NeverConnected::DeadlinePassed).into()),
            Ok(None) => return Err(never(NeverConnected::TimedOut).into()),
            Err(error) => {
                let cause = match self.plan.interrupt.raised() {
                    Some(signal) => NeverConnected::Interrupted { signal },
                    None => NeverConnected::CannotAccept { error: &error },
                };
                return Err(never(cause).into());
            }
        };
        self.printer.connected(&connection);
        self.warn_of(connection.peer_address());
        if !self.plan.speaks_tls {
            return Ok(connection);
        }
        let progress = Progress::waiting(&self.printer, Doing::Handshake);
        let secured = connection.handshake();
        progress.finish();
        secured.map_err(Never::from)
    }

    /// The next peer, or why there is none.
    pub(crate) fn meet(&mut self, origin: &mut Origin) -> Met {
        self.attempts.count += 1;
        let (endpoint, options) = match origin {
            Origin::Connect(endpoint, options) => (endpoint, options),
            Origin::Listen(door) => return self.hear(door),
        };
        match self.connect(endpoint, options) {
            Ok(connection) => Met::Peer(Box::new(Wire::new(connection, Some(&self.plan.abort))), None),
            Err(never) => Met::Never(never),
        }
    }

    fn connect(&self, endpoint: &Endpoint, options: &ConnectOptions) -> Result<Connection, Never> {
        let progress = Progress::waiting(&self.printer, Doing::Connecting);
        let connected = adieu::connect(endpoint, options);
        progress.finish();
        let connection = connected.map_err(|e| Box::new(e.report().clone()))?;
        self.warn_of(connection.peer_address());
        Ok(connection)
    }

    /// Says what keeps others from what goes to this peer, if that is not enough.
    pub(super) fn warn_of(&self, peer: Option<&Address>) {
        // Through a proxy, the peer's address is the proxy's.
        let is_far = peer.is_some_and(is_far) || self.plan.has_proxy;
        match self.plan.protection {
            Protection::None if is_far => self.printer.say(
                "not encrypted: anybody on the path can read and change it; TLS, or a secret on both sides, prevents that",
            ),
            Protection::Insecure => self.printer.say(
                "encrypted, but the peer may be anybody: --insecure checks no certificate, --pin would",
            ),
            _ => {}
        }
    }

    /// Waits for a client that says who it is. One that does not ends the wait only without --retry, and only if nobody else is
    /// being heard; so nobody can use up the retries, or keep others waiting.
    fn hear(&self, door: &mut Door) -> Met {
        door.open();
        let until = self
            .attempts
            .bound(self.plan.connect_timeout, self.plan.deadline)
            .map(|limit| Instant::now() + limit);
        let mut last = None;
        let mut progress: Option<Progress<'_>> = None;
        loop {
            if door.pending == 0 {
                if let Some(progress) = progress.take() {
                    progress.finish();
                }
                if let Some(met) = last.take() {
                    return met;
                }
            } else if progress.is_none() && !self.shares_terminal {
                let hello = Doing::Hello(self.plan.role);
                let doing = if self.plan.speaks_tls { Doing::Handshake } else { hello };
                progress = Some(Progress::waiting(&self.printer, doing));
            }
            let limit = until.map(|until| until.saturating_duration_since(Instant::now()));
            match door.next(limit) {
                None if self.plan.is_late() => return self.never(NeverConnected::DeadlinePassed),
                None => return self.never(NeverConnected::TimedOut),
                Some(DoorEvent::Signal(signal)) => return self.never(NeverConnected::Interrupted { signal }),
                Some(DoorEvent::Came | DoorEvent::WasBusy) => {}
                Some(DoorEvent::Says(words)) => self.printer.say(&words),
                Some(DoorEvent::CannotAccept(error)) => {
                    return self.never(NeverConnected::CannotAccept { error: &error });
                }
                Some(DoorEvent::Agreed(agreed)) => {
                    let Agreed { wire, agreement, .. } = *agreed;
                    self.warn_of(wire.peer_address());
                    if let Some(progress) = progress.take() {
                        progress.finish();
                    }
                    return Met::Peer(Box::new(wire), Some(Box::new(agreement)));
                }
                Some(DoorEvent::Failed(failed)) => last = self.failed(failed).or(last),
            }
        }
    }

    /// Tells of a client that did not say who it is. Gives what it came to, if that counts.
    fn failed(&self, failed: Failed) -> Option<Met> {
        let Failed { peer, left_silently, why, .. } = failed;
        if left_silently && !self.plan.accepts_first {
            self.printer.say(&format!(
                "{peer} has left without a byte; still listening (--accept-first takes the first client)"
            ));
            return None;
        }
        let (met, words, hint) = match why {
            Why::Never(never) => {
                let words = never.report.to_string();
                (Met::Never(never), words, None)
            }
            Why::Outcome(outcome, wire) => {
                let words = outcome.sentence();
                let hint = outcome.advice().and_then(hints::for_transfer);
                (Met::Stranger(outcome, wire), words, hint)
            }
        };
        if self.plan.retries > 0 && self.plan.may_go_on() {
            self.printer.say_with(&format!("{words}; waiting for the next connection"), hint);
            return None;
        }
        Some(met)
    }

    fn never(&self, cause: NeverConnected<'_>) -> Met {
        let report = cause.report(&self.plan.endpoint, adieu::Role::Listen);
        Met::Never(Box::new(report).into())
    }
}

/// Whether what goes to this peer leaves the machine, as far as its address tells.
fn is_far(peer: &Address) -> bool {
    peer.socket_addr().is_some_and(|address| !address.ip().to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::is_far;

    #[test]
    fn only_what_leaves_the_machine_is_warned_of() {
        for (peer, far) in [
            ("127.0.0.1:5", false),
            ("127.9.9.9:5", false),
            ("[::1]:5", false),
            ("[::ffff:127.0.0.1]:5", false),
            ("unix:/run/x", false),
            ("an unnamed peer", false),
            ("192.0.2.1:5", true),
            ("[2001:db8::1]:5", true),
        ] {
            assert_eq!(is_far(&peer.parse().expect("an address")), far, "{peer}");
        }
    }
}
