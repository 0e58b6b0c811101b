//! One attempt at one endpoint: a connection as `connect` makes it, what is asked of it, and a good end.
//!
//! A server sees a client that connects and leaves: our FIN, and no reset. Whatever it says meanwhile is received, since closing
//! with unread bytes would reset the connection. If the server does not end its side, adieu closes after [`GOODBYE`]. A server that
//! resets the connection at once accepts connections, and so is open; that it does is said, because it may be a proxy whose own
//! server is down.
//!
//! UDP has no connections: adieu sends a datagram, and what comes back is all that is known.

use super::dialogue::{Answer, Dialogue};
use super::names::{Names, Turn};
use super::outcome::{Outcome, State, rank};
use super::plan::Group;
use adieu::datagram::{self, Probe};
use adieu::{
    ConnectCause, ConnectOptions, Connection, Ending, Endpoint, Event, Interrupt, Limits, Report, Side,
};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a server is waited for to end its side after ours.
const GOODBYE: Duration = Duration::from_secs(1);

/// What an attempt has at least, also when time is up: a limit of zero would be none.
const LEAST: Duration = Duration::from_millis(1);

/// What every attempt has.
pub(super) struct Attempts {
    pub(super) names: Names,
    pub(super) dialogue: Dialogue,
    pub(super) min_days: Option<u32>,
    /// Bounds connecting, with the handshake, and once more the answer.
    pub(super) timeout: Duration,
    /// Bounds the wait for an answer of UDP.
    pub(super) datagram_timeout: Duration,
    pub(super) interrupt: Interrupt,
    /// Is told each step.
    pub(super) observer: Option<fn(&Endpoint, Duration, &Event<'_>)>,
}

/// Of one attempt.
pub(super) struct Planned<'a> {
    pub(super) endpoint: &'a Endpoint,
    pub(super) group: &'a Group,
    /// For when it was planned.
    pub(super) at: Instant,
    /// Nothing is waited for any longer than until then.
    pub(super) until: Option<Instant>,
}

impl Attempts {
    /// Makes one. `tell` is called with what it came to, once the connection has ended: how a server ends one belongs to it.
    pub(super) fn make(self: &Arc<Self>, planned: &Planned<'_>, tell: impl FnOnce(Outcome)) {
        let Planned { endpoint, group, .. } = *planned;
        let limit = self.limit(planned);
        // Longer than anything is waited for here: at an idle timeout the connection would be reset. It bounds what the server
        // does not take.
        let limits = Limits::new().connect_timeout(limit).idle_timeout(self.timeout + 2 * GOODBYE);
        let mut options = group.options.clone().limits(limits).interrupt(&self.interrupt);
        let mut asks = None;
        if let Some(name) = group.name.as_deref() {
            match self.names.turn(name, planned.at) {
                Turn::Known(addresses) => options = options.addresses(addresses),
                Turn::Failed(outcome) => return tell(outcome),
                Turn::Ask => asks = Some(name),
            }
        }
        if asks.is_some() || self.observer.is_some() {
            let (all, name, of) = (Arc::clone(self), asks.map(str::to_owned), endpoint.clone());
            options = options.observer(move |at, event| {
                if let (Some(name), Event::Resolved { addresses }) = (&name, event) {
                    all.names.answer(name, Ok(Arc::from(*addresses)));
                }
                if let Some(observer) = all.observer {
                    observer(&of, at, event);
                }
            });
        }
        if matches!(endpoint, Endpoint::Udp { .. }) {
            return self.ask_by_datagram(planned, &options, asks, tell);
        }
        let began = Instant::now();
        let connected = adieu::connect(endpoint, &options);
        let took = began.elapsed();
        match connected {
            Ok(connection) => self.ask(planned, connection, began, tell),
            Err(error) => {
                let mut outcome = Outcome::of_failure(&error, group.is_tls).took(took);
                if asks.is_some() {
                    outcome = outcome.without_addresses(error.report());
                }
                let accepts = self.dialogue.is_empty() && !group.is_tls && !group.is_proxied;
                let outcome = outcome.open_if_reset_at_once(accepts).cut_short(limit < self.timeout);
                if let Some(name) = asks {
                    // If it was resolved, that counts already.
                    self.names.answer(name, Err(outcome.clone()));
                }
                if !matches!(error.cause(), ConnectCause::Interrupted) {
                    tell(outcome);
                }
            }
        }
    }

    /// How long a step may take.
    fn limit(&self, planned: &Planned<'_>) -> Duration {
        let left = planned.until.map(|until| until.saturating_duration_since(Instant::now()));
        left.map_or(self.timeout, |left| left.clamp(LEAST, self.timeout))
    }

    /// There is a connection: asks what is to be asked, and ends it.
    fn ask(
        &self,
        planned: &Planned<'_>,
        mut connection: Connection,
        began: Instant,
        tell: impl FnOnce(Outcome),
    ) {
        if is_with_itself(&connection) {
            goodbye(connection);
            return tell(Outcome::new(State::Refused).took(began.elapsed()));
        }
        let peer = connection.peer_address().cloned();
        // Through a proxy it is the proxy's.
        let peer = peer.filter(|_| !planned.group.is_proxied);
        let mut took = began.elapsed();
        let mut outcome = Outcome::new(State::Open);
        if !self.dialogue.is_empty() {
            outcome = match self.dialogue.hold(&mut connection, self.limit(planned)) {
                Answer::Good(received) => outcome.with_received(&received),
                Answer::Bad(outcome) => outcome,
            };
            took = began.elapsed();
        }
        outcome = outcome.took(took).at(peer.as_ref());
        let report = goodbye(connection);
        if self.dialogue.is_empty() && is_reset_at_once(&report) {
            outcome = outcome.reset_at_once();
        }
        if !planned.group.is_tls {
            return tell(outcome);
        }
        // In TLS 1.3 a server judges the client's certificate when the handshake is over for us.
        if let (State::Open, Some(alert)) = (outcome.state, report.tls_alert) {
            let detail = format!("the peer broke the session off after the handshake: TLS alert {alert}");
            outcome = Outcome::new(State::TlsFailure).took(took).at(peer.as_ref()).with_detail(detail);
        }
        tell(outcome.with_tls(&report, self.min_days));
    }
}

impl Attempts {
    /// Sends datagrams to each address in turn, until one of them answers.
    fn ask_by_datagram(
        self: &Arc<Self>,
        planned: &Planned<'_>,
        options: &ConnectOptions,
        asks: Option<&str>,
        tell: impl FnOnce(Outcome),
    ) {
        let began = Instant::now();
        let mut found: Option<Arc<[SocketAddr]>> = None;
        if let Some(name) = asks {
            // To have the name resolved. Nothing is sent.
            let outcome = match datagram::connect(planned.endpoint, options) {
                Ok(_) => Outcome::new(State::Failed).with_detail("the name has no address"),
                Err(error) if matches!(error.cause(), ConnectCause::Interrupted) => return,
                Err(error) => {
                    let outcome = Outcome::of_failure(&error, false).took(began.elapsed());
                    outcome.without_addresses(error.report())
                }
            };
            // If it was resolved, that counts already.
            self.names.answer(name, Err(outcome));
        }
        if let Some(name) = &planned.group.name {
            match self.names.turn(name, planned.at) {
                Turn::Known(addresses) => found = Some(addresses),
                Turn::Failed(outcome) => return tell(outcome),
                Turn::Ask => unreachable!("it has just been asked"),
            }
        }
        let mut options = options.clone();
        let each = found.as_deref().map_or(1, <[_]>::len);
        let mut best: Option<Outcome> = None;
        for place in 0..each {
            if let Some(address) = found.as_ref().map(|found| found[place]) {
                options = options.addresses([address]);
            }
            let Some(outcome) = self.probe(planned, &options) else { return };
            let is_better = best.as_ref().is_none_or(|best| rank(outcome.state) < rank(best.state));
            if is_better {
                best = Some(outcome);
            }
            if best.as_ref().is_some_and(Outcome::is_open) {
                break;
            }
        }
        if let Some(outcome) = best {
            tell(outcome.took(began.elapsed()));
        }
    }

    /// Asks one address. `None`: it was interrupted.
    fn probe(&self, planned: &Planned<'_>, options: &ConnectOptions) -> Option<Outcome> {
        let peer = match datagram::connect(planned.endpoint, options) {
            Ok(peer) => peer,
            Err(error) if matches!(error.cause(), ConnectCause::Interrupted) => return None,
            Err(error) => return Some(Outcome::of_failure(&error, false)),
        };
        let address = peer.peer_address().cloned();
        let limit = self.limit(planned).min(self.datagram_timeout);
        let probe = Probe::new().payload(self.dialogue.send.as_slice()).wait(limit);
        let outcome = match probe.ask(&peer) {
            datagram::Answer::Answered { datagram, .. } => self.dialogue.judge(&datagram),
            datagram::Answer::Refused { error, .. } => Outcome::of_datagram(&error),
            datagram::Answer::Silent => self.dialogue.judge_silence(),
            datagram::Answer::Failed { error } => Outcome::of_ours(&error),
            _ => return None,
        };
        Some(outcome.at(address.as_ref()).cut_short(limit < self.datagram_timeout))
    }
}

/// Whether a socket has connected to itself, because our system has given it the very port that it asks for: RFC 9293, section
/// 3.5, simultaneous open. Nobody listens there.
fn is_with_itself(connection: &Connection) -> bool {
    let (local, peer) = (connection.local_addr(), connection.peer_addr());
    local.is_some() && local == peer
}

/// Whether the server has reset a connection over which it had said nothing, not even its end.
fn is_reset_at_once(report: &Report) -> bool {
    let is_reset = report.ending() == Ending::Reset { by: Side::Peer };
    is_reset && report.bytes_received == 0 && !report.eof_received
}

/// Ends a connection: our FIN, everything received until the peer's, and a close.
fn goodbye(connection: Connection) -> Report {
    let mut half_closed = match connection.shutdown_send() {
        Ok(half_closed) => half_closed,
        Err(error) => return error.into_report(),
    };
    let until = Instant::now() + GOODBYE;
    let mut buffer = [0; 4096];
    loop {
        let left = until.saturating_duration_since(Instant::now());
        // A peer that goes on talking is not listened to for ever.
        if left.is_zero() {
            break;
        }
        match half_closed.read_within(&mut buffer, left) {
            Ok(Some(n)) if n > 0 => {}
            _ => break,
        }
    }
    half_closed.close()
}
