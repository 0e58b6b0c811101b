//! The report itself: every fact of one connection, each under its type.
//!
//! The ending and what belongs to it stand in one value, [`Ending`], so they cannot contradict each other; so do the error's
//! parts, and what Fast Open came to. The sentence and the JSON take them apart.

use crate::time::{whole_micros, within_rfc3339};
use crate::{
    Address, CommandEnd, Datagrams, FastOpen, ProxyAddress, Role, Setting, SystemError, TlsAlert, TlsFailure,
    TlsTrust, TlsVersion, Transport, exit_code,
};
use adieu_proto::{Call, Connection, Ending, LocalEnd, Missing, Outcome, Phase, Side, Signal, Timer};
use std::time::{Duration, SystemTime};

/// Everything known of one connection after its end.
///
/// Counts are bytes. What ends in `_after` is the time since the start of connecting (of `accept`, on a listener), in whole
/// microseconds. What is not known is `None`, never zero. Displayed, it is one sentence: the ending, then the numbers.
///
/// Its JSON form (feature `serde`) is described by `docs/report.schema.json`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    pub(crate) ending: Ending,
    /// The phase in which the cause of the ending came.
    pub phase: Phase,
    /// The system call that told the first error. `None`: no error was reported.
    pub error_call: Option<Call>,
    /// The first error; of a connection that never was, what every address said.
    pub error: Option<SystemError>,
    /// Which side began. `None`: not known, because the connection was given to us to be finished.
    pub role: Option<Role>,
    /// What carried the bytes, or was to carry datagrams. `None`: there was no connection.
    pub transport: Option<Transport>,
    /// What TCP Fast Open came to; its bytes are those that went with our SYN, with TLS octets of its handshake. `None`: it was
    /// not asked for, or this side listens.
    pub fast_open: Option<FastOpen>,
    /// When it began, by this machine's clock, in whole microseconds.
    pub started_at: SystemTime,
    /// What the user asked for.
    pub endpoint: String,
    /// The proxy that was connected through, or was to be; without user and password. `None`: there was none.
    pub proxy: Option<ProxyAddress>,
    /// Our address.
    pub local_address: Option<Address>,
    /// The peer's address; through a proxy, the proxy's.
    pub peer_address: Option<Address>,
    /// Who ended its direction first. `None`: neither did.
    pub ended_first: Option<Side>,
    /// The peer's TCP had our end when we saw the peer's; not that its program had read to it. A peer's FIN that crossed ours
    /// on the way counts as later if the acknowledgement of ours had come too before we looked. `None`: one of the two did not
    /// end, or the transport or platform cannot tell what was acknowledged.
    pub peer_ended_after_us: Option<bool>,
    /// Our input was still open when it was given up: the peer had ended, and it was silent for the input grace.
    pub input_abandoned: bool,
    /// Bytes read from our input.
    pub bytes_read: u64,
    /// Bytes our kernel accepted for sending.
    pub bytes_accepted: u64,
    /// Bytes the peer's TCP acknowledged, at the last look. `None`: the transport or platform cannot tell. It
    /// never says that the peer's application has them.
    pub bytes_acknowledged: Option<u64>,
    /// Bytes accepted and not acknowledged, at the last look. `None` as above.
    pub bytes_unacknowledged: Option<u64>,
    /// Bytes received from the peer.
    pub bytes_received: u64,
    /// Bytes written to our output.
    pub bytes_written: u64,
    /// Bytes received and thrown away, because the command that was to read them wanted no more.
    pub bytes_discarded: u64,
    /// The datagrams. `None`: it is a stream.
    pub datagrams: Option<Datagrams>,
    /// `recv` returned 0, before any error was reported.
    pub eof_received: bool,
    /// Our FIN was acknowledged. `None`: it was not sent, or cannot be told. Of a graceful end, `false` says that our close_notify and
    /// FIN met a peer that had ended and closed, and were answered with a reset:
    /// [`Evidence::end_refused`](adieu_proto::Evidence::end_refused).
    pub fin_acknowledged: Option<bool>,
    /// SO_ERROR was read as clear up to the end. `None`: it was not read. Where our end alone was answered with a reset, it told that.
    pub socket_error_clear: Option<bool>,
    /// The stream's own end mark was seen. `None`: it has none.
    pub end_mark_seen: Option<bool>,
    /// The version of TLS. `None`: no TLS, or no handshake.
    pub tls_version: Option<TlsVersion>,
    /// TLS's cipher suite, as IANA names it.
    pub tls_cipher_suite: Option<String>,
    /// The protocol that was agreed on (ALPN). `None`: none was.
    pub tls_alpn: Option<String>,
    /// Against what the peer's certificate was checked. `None`: no TLS, or a listener, which asks for none; or it is not known,
    /// because the program handed over a rustls configuration or connection of its own.
    pub tls_trust: Option<TlsTrust>,
    /// The subject of the peer's certificate, also of one that was refused.
    pub tls_peer_subject: Option<String>,
    /// When the peer's certificate expires.
    pub tls_peer_not_after: Option<String>,
    /// The SHA-256 of the peer's certificate, as it can be pinned.
    pub tls_peer_sha256: Option<String>,
    /// Our close_notify was sent: our kernel has it. `None`: no TLS.
    pub tls_close_notify_sent: Option<bool>,
    /// The peer's close_notify was received. `None`: no TLS.
    pub tls_close_notify_received: Option<bool>,
    /// The alert with which the peer refused the handshake, or broke the session off.
    pub tls_alert: Option<TlsAlert>,
    /// What kind of failure the handshake had. `None`: none.
    pub tls_failure: Option<TlsFailure>,
    /// The peer began as TLS does, with a ClientHello or an alert, on a connection of which we made nothing of TLS. False if
    /// what was sent through it began as the other side of TLS: then it was somebody else's.
    pub looks_like_tls: bool,
    /// When the name was resolved.
    pub resolved_after: Option<Duration>,
    /// When the connection was there.
    pub connected_after: Option<Duration>,
    /// When our kernel first accepted a byte. With TCP Fast Open that is before the connection is there.
    pub first_accepted_after: Option<Duration>,
    /// When a byte was first received.
    pub first_received_after: Option<Duration>,
    /// When our sending side was shut down.
    pub shutdown_send_after: Option<Duration>,
    /// When the TLS handshake was done.
    pub tls_secured_after: Option<Duration>,
    /// When the peer's close_notify was received.
    pub tls_close_notify_after: Option<Duration>,
    /// When `recv` returned 0.
    pub peer_eof_after: Option<Duration>,
    /// When everything was seen acknowledged, our FIN included; the fact itself may be older.
    pub acknowledged_after: Option<Duration>,
    /// When the ending was decided.
    pub ended_after: Duration,
    /// When the handle was given back.
    pub closed_after: Option<Duration>,
    /// The smoothed round-trip time at the end.
    pub rtt: Option<Duration>,
    /// Segments sent again, over the whole connection.
    pub retransmitted_segments: Option<u64>,
    /// How the command ended whose input and output were the two directions. `None`: there was none, or it could not be run
    /// to its end.
    pub command: Option<CommandEnd>,
    /// What the sentence needs to know besides.
    pub context: Context,
}

/// What the sentence of a report needs to know besides the report's other facts.
///
/// It has no key of its own in the JSON: a report that is read has the context with which it says what was written, or
/// [`Told`](Self::Told).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Context {
    /// Nothing: the facts say it all.
    #[default]
    Usual,
    /// The idle timeout was that of what we sent: meanwhile the peer went on talking.
    PeerSpoke,
    /// The reset by us passes on that the other side of a relay was cut, after everything from there was delivered.
    OtherSideCut,
    /// The socket was given to us to be finished: what was sent before is not in the counts.
    Given,
    /// A listener could not be made.
    Binding,
    /// The whole sentence, where whoever made the report knows more than its facts say.
    Told(String),
}

impl Report {
    /// The report of a connection that was closed with this outcome. What the core does not know is for the caller to set.
    pub fn new(
        role: Option<Role>,
        endpoint: String,
        started_at: SystemTime,
        core: &Connection,
        outcome: &Outcome,
    ) -> Self {
        let Outcome { ending, phase, evidence, at } = *outcome;
        let (counts, times) = (core.counts(), core.milestones());
        Self {
            error_call: evidence.fault.map(|fault| fault.call),
            ended_first: core.ended_first(),
            peer_ended_after_us: core.peer_ended_after_us(),
            input_abandoned: core.input_abandoned(),
            bytes_read: counts.read,
            bytes_accepted: counts.accepted,
            bytes_acknowledged: core.acknowledged(),
            bytes_unacknowledged: evidence.unacknowledged,
            bytes_received: counts.received,
            bytes_written: counts.written,
            bytes_discarded: counts.discarded,
            eof_received: evidence.eof,
            fin_acknowledged: evidence.fin_acknowledged,
            socket_error_clear: evidence.socket_error_clear,
            end_mark_seen: evidence.end_mark,
            connected_after: times.connected.map(whole_micros),
            first_accepted_after: times.first_accepted.map(whole_micros),
            first_received_after: times.first_received.map(whole_micros),
            shutdown_send_after: times.shutdown_send.map(whole_micros),
            tls_close_notify_after: times.stream_end.map(whole_micros),
            peer_eof_after: times.peer_eof.map(whole_micros),
            acknowledged_after: times.acknowledged.map(whole_micros),
            ended_after: whole_micros(at),
            closed_after: times.closed.map(whole_micros),
            context: match ending {
                _ if evidence.peer_spoke => Context::PeerSpoke,
                Ending::Reset { by: Side::Us } if evidence.other_side_cut => Context::OtherSideCut,
                _ => Context::Usual,
            },
            ..blank(role, endpoint, started_at, (ending, phase))
        }
    }

    /// The report of an exchange of datagrams. Its bytes, addresses, times and errors are for the caller to set.
    pub fn of_datagrams(
        role: Role,
        transport: Option<Transport>,
        endpoint: String,
        started_at: SystemTime,
        (ending, phase): (Ending, Phase),
        datagrams: Datagrams,
        ended_after: Duration,
    ) -> Self {
        let mut report = blank(Some(role), endpoint, started_at, (ending, phase));
        report.transport = transport;
        report.datagrams = Some(datagrams);
        report.ended_after = whole_micros(ended_after);
        report
    }

    /// How it ended.
    pub fn ending(&self) -> Ending {
        self.ending
    }

    /// Whether the connection ended gracefully: both directions by EOF, everything acknowledged, nothing against
    /// it.
    pub fn is_graceful(&self) -> bool {
        self.ending == Ending::Graceful
    }

    /// Whether nothing went wrong that could be seen: it is graceful, or one of datagrams of which none was refused, where
    /// there is nothing more to see. Its exit status is 0.
    pub fn is_good(&self) -> bool {
        matches!(self.ending, Ending::Graceful | Ending::Connectionless)
    }

    /// The exit status that goes with the ending.
    pub fn exit_code(&self) -> u8 {
        exit_code(self.ending)
    }

    /// Of a reset: whose RST it was.
    pub fn reset_by(&self) -> Option<Side> {
        if let Ending::Reset { by } = self.ending { Some(by) } else { None }
    }

    /// Of a time-out: which timer ran out.
    pub fn timer(&self) -> Option<Timer> {
        if let Ending::TimedOut { timer } = self.ending { Some(timer) } else { None }
    }

    /// Of a local failure: which end of ours failed.
    pub fn local_end(&self) -> Option<LocalEnd> {
        if let Ending::LocalFailure { end } = self.ending { Some(end) } else { None }
    }

    /// Of an indeterminate ending: the fact that is missing.
    pub fn missing(&self) -> Option<Missing> {
        if let Ending::Indeterminate { missing } = self.ending { Some(missing) } else { None }
    }

    /// Of an interruption: the signal.
    pub fn signal(&self) -> Option<Signal> {
        if let Ending::Interrupted { signal } = self.ending { Some(signal) } else { None }
    }

    /// The first error's number.
    pub fn error_code(&self) -> Option<i32> {
        self.error.as_ref()?.code
    }

    /// The first error's symbolic name, such as `ECONNRESET`.
    pub fn error_name(&self) -> Option<&str> {
        self.error.as_ref()?.name.as_deref()
    }

    /// Calls the settings that its error names as the reader knows them: a command line calls them by its options.
    pub fn call_settings(&mut self, name: impl Fn(Setting) -> &'static str) {
        if let Some(error) = &mut self.error {
            error.words = error.words.called(name);
        }
    }

    /// The command whose input and output were the two directions has ended. If that was a failure, an ending that was
    /// graceful so far is a local failure: what the peer sent was not processed.
    pub fn command_ended(&mut self, end: Option<CommandEnd>, is_failure: bool) {
        self.command = end;
        if self.is_good() && is_failure {
            self.ending = Ending::LocalFailure { end: LocalEnd::Command };
        }
    }
}

/// A report of which nothing is known but how it ended.
fn blank(
    role: Option<Role>,
    endpoint: String,
    started_at: SystemTime,
    (ending, phase): (Ending, Phase),
) -> Report {
    Report {
        ending,
        phase,
        error_call: None,
        error: None,
        role,
        transport: None,
        fast_open: None,
        started_at: within_rfc3339(started_at),
        endpoint,
        proxy: None,
        local_address: None,
        peer_address: None,
        ended_first: None,
        peer_ended_after_us: None,
        input_abandoned: false,
        bytes_read: 0,
        bytes_accepted: 0,
        bytes_acknowledged: None,
        bytes_unacknowledged: None,
        bytes_received: 0,
        bytes_written: 0,
        bytes_discarded: 0,
        datagrams: None,
        eof_received: false,
        fin_acknowledged: None,
        socket_error_clear: None,
        end_mark_seen: None,
        tls_version: None,
        tls_cipher_suite: None,
        tls_alpn: None,
        tls_trust: None,
        tls_peer_subject: None,
        tls_peer_not_after: None,
        tls_peer_sha256: None,
        tls_close_notify_sent: None,
        tls_close_notify_received: None,
        tls_alert: None,
        tls_failure: None,
        looks_like_tls: false,
        resolved_after: None,
        connected_after: None,
        first_accepted_after: None,
        first_received_after: None,
        shutdown_send_after: None,
        tls_secured_after: None,
        tls_close_notify_after: None,
        peer_eof_after: None,
        acknowledged_after: None,
        ended_after: Duration::ZERO,
        closed_after: None,
        rtt: None,
        retransmitted_segments: None,
        command: None,
        context: Context::Usual,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use adieu_proto::{Action, Config, Path, Sample, SocketError, Unacknowledged};

    #[test]
    fn a_reset_that_a_relay_passes_on_is_told_from_one_that_the_user_asked_for() {
        for (is_relayed, says) in [
            (
                true,
                "reset by us while receiving, because the other side of the relay was cut: 0 bytes received",
            ),
            (false, "reset by us while receiving: 0 bytes received"),
        ] {
            let mut core = Connection::new(Config { flush_timeout: Duration::ZERO, ..Config::default() });
            core.handle_connected(Duration::ZERO);
            if is_relayed {
                core.handle_other_side_cut(Duration::ZERO);
                core.handle_input_eof();
            } else {
                core.handle_abort(Duration::ZERO);
            }
            while let Some(action) = core.poll_action() {
                match action {
                    Action::Sample => core.handle_sample(
                        Duration::ZERO,
                        Sample {
                            unacknowledged: Unacknowledged::Octets(0),
                            path: Path::default(),
                            socket_error: SocketError::Clear,
                        },
                    ),
                    _ => core.handle_closed(Duration::ZERO),
                }
            }
            let outcome = core.outcome().expect("everything was answered");
            let report =
                Report::new(Some(Role::Listen), "127.0.0.1:1".into(), SystemTime::now(), &core, &outcome);
            assert_eq!((report.context == Context::OtherSideCut, report.exit_code()), (is_relayed, 4));
            assert!(report.to_string().starts_with(says), "{report}");
        }
    }

    /// A report of a connection that a signal ended before it began.
    pub(crate) fn made(role: Role) -> Report {
        let mut core = Connection::new(Config::default());
        core.handle_interrupt(Duration::ZERO, Signal::Interrupt);
        core.poll_action();
        core.handle_closed(Duration::ZERO);
        let outcome = core.outcome().expect("a decided core that is closed has its outcome");
        Report::new(Some(role), "127.0.0.1:1".into(), SystemTime::now(), &core, &outcome)
    }

    #[test]
    fn the_sentence_says_sending_only_of_a_side_that_has_sent() {
        let reset = Ending::Reset { by: Side::Peer };
        let no_input = Ending::LocalFailure { end: LocalEnd::Input };
        for (ending, phase, sent, says) in [
            (reset, Phase::Sending, 0, "reset by the peer while receiving: 15 bytes received"),
            (reset, Phase::Sending, 1, "reset by the peer while sending: 15 bytes received"),
            (reset, Phase::Draining, 0, "reset by the peer while draining: 15 bytes received"),
            (no_input, Phase::Sending, 0, "our input failed while sending: "),
        ] {
            let endpoint = "127.0.0.1:1".into();
            let mut report = blank(Some(Role::Listen), endpoint, SystemTime::UNIX_EPOCH, (ending, phase));
            (report.bytes_received, report.bytes_written) = (15, 15);
            (report.bytes_read, report.bytes_accepted) = (sent, sent);
            assert!(report.to_string().starts_with(says), "{report}");
            // What programs read is the phase of the procedure.
            assert_eq!(report.phase.name(), phase.name());
        }
    }

    #[test]
    fn a_command_that_failed_is_the_ending_of_what_was_graceful_alone() {
        for (ending, is_failure, exit_code, says) in [
            (Ending::Graceful, true, 7, "the command exited with 3: 0 bytes received"),
            (Ending::Graceful, false, 0, "graceful: 0 bytes received"),
            (Ending::Reset { by: Side::Peer }, true, 4, "reset by the peer while closing: 0 bytes received"),
        ] {
            let mut report = made(Role::Listen);
            (report.ending, report.phase) = (ending, Phase::Closing);
            report.command_ended(Some(CommandEnd::Exited { code: 3 }), is_failure);
            assert_eq!(report.exit_code(), exit_code);
            assert!(report.to_string().starts_with(says), "{report}");
        }
    }
}
