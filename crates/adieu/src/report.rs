//! What is said of a connection when it has ended: one flat struct, its sentence, its exit status.

mod tls;

use adieu_proto::{
    Call, Ending, Evidence, Fault, FaultKind, LocalEnd, Missing, Outcome, Phase, Side, Signal, Time, Timer,
};
use std::fmt;
use std::time::{Duration, SystemTime};

use crate::os::{self, describe_code, describe_error};
use crate::{Endpoint, OptionError};

/// Everything known of one connection after its end.
///
/// Counts are bytes, times are microseconds since the start of connecting (of `accept`, on a listener). What is
/// not known is `None`, never zero. Displayed, it is one sentence: the ending, then the numbers.
///
/// Its JSON form (feature `serde`) is described by `docs/report.schema.json`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Report {
    /// The version of this struct's JSON form.
    pub report_version: u32,
    /// The ending's name: `graceful`, `reset`, `timed_out`, `truncated`, `local_failure`, `interrupted`,
    /// `indeterminate`, `no_connection`.
    pub ending: &'static str,
    /// The phase in which the cause of the ending came: `connecting`, `sending`, `draining`, `closing`.
    pub phase: &'static str,
    /// The exit status that goes with the ending.
    pub exit_code: u8,
    /// The sentence for people.
    pub message: String,
    /// Of a reset: whose RST it was, `peer` or `us`.
    pub reset_by: Option<&'static str>,
    /// Of a time-out: `connect`, `idle`, `first_byte`, `deadline`, `dead_peer`, `unacknowledged`, `kernel`.
    pub timer: Option<&'static str>,
    /// Of a local failure: `input`, `output`, `command`, `socket`.
    pub local_end: Option<&'static str>,
    /// Of an indeterminate ending: `peer_eof`, `input_end`, `acknowledgement`, `socket_error`, `cause`.
    pub missing: Option<&'static str>,
    /// Of an interruption: `SIGINT`, `SIGTERM` or `SIGHUP`.
    pub signal: Option<&'static str>,
    /// The system call that told the first error; `None` if no error was told.
    pub error_call: Option<&'static str>,
    /// The first error's number.
    pub error_code: Option<i32>,
    /// The first error's symbolic name, such as `ECONNRESET`.
    pub error_name: Option<&'static str>,
    /// The first error in words.
    pub error: Option<String>,
    /// `connect` or `listen`: which side began.
    pub role: &'static str,
    /// `tcp`, `mptcp` or `unix`; `None` if there was no connection.
    pub transport: Option<&'static str>,
    /// What TCP Fast Open came to: `unused` (there was nothing to go with the SYN), `unavailable` (our system does not allow
    /// it), `not_sent` (no cookie of the peer yet), `acknowledged` (by the peer's SYN-ACK), `not_acknowledged` (by the
    /// answer; sent again if it was a SYN-ACK), `unanswered`. `None`: it was not asked for, or this side listens.
    pub fastopen: Option<&'static str>,
    /// Bytes that went with our SYN; with TLS, octets of its handshake. `None`: as above.
    pub fastopen_bytes: Option<u64>,
    /// When it began, by this machine's clock: RFC 3339, in UTC.
    pub began_at: String,
    /// What the user asked for.
    pub endpoint: String,
    /// The proxy that was connected through, or was to be; without user and password. `None`: there was none.
    pub proxy: Option<String>,
    /// Our address.
    pub local_address: Option<String>,
    /// The peer's address; through a proxy, the proxy's. `None` also for the unnamed client of a Unix socket.
    pub peer_address: Option<String>,
    /// Who ended its direction first: `us` or `peer`. `None`: neither did.
    pub ended_first: Option<&'static str>,
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
    /// `recv` returned 0, before any error was told.
    pub eof_received: bool,
    /// Our FIN was acknowledged. `None`: it was not sent, or cannot be told.
    pub fin_acknowledged: Option<bool>,
    /// SO_ERROR was read as clear up to the end. `None`: it was not read.
    pub socket_error_clear: Option<bool>,
    /// The stream's own end mark was seen. `None`: it has none.
    pub end_mark_seen: Option<bool>,
    /// The version of TLS, such as `TLSv1.3`. `None`: no TLS, or no handshake.
    pub tls_version: Option<String>,
    /// TLS's cipher suite, as IANA names it.
    pub tls_cipher_suite: Option<String>,
    /// The protocol that was agreed on (ALPN). `None`: none was.
    pub tls_alpn: Option<String>,
    /// Against what the peer's certificate was checked: `platform` (its roots), `ca_file`, `pinned`, `insecure` (nothing).
    /// `None`: no TLS, or a listener, which asks for none.
    pub tls_trust: Option<&'static str>,
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
    pub tls_alert: Option<String>,
    /// What kind of failure the handshake had, such as `certificate_expired`. `None`: none.
    pub tls_failure: Option<&'static str>,
    /// The peer began as TLS does, with a ClientHello or an alert, on a connection of which we made nothing of TLS. False if
    /// what was sent through it began as the other side of TLS: then it was somebody else's.
    pub looks_like_tls: bool,
    /// When the name was resolved.
    pub resolved_us: Option<u64>,
    /// When the connection was there.
    pub connected_us: Option<u64>,
    /// When our kernel first accepted a byte. With TCP Fast Open that is before the connection is there.
    pub first_accepted_us: Option<u64>,
    /// When a byte was first received.
    pub first_received_us: Option<u64>,
    /// When our sending side was shut down.
    pub shutdown_send_us: Option<u64>,
    /// When the TLS handshake was done.
    pub tls_secured_us: Option<u64>,
    /// When the peer's close_notify was received.
    pub tls_close_notify_us: Option<u64>,
    /// When `recv` returned 0.
    pub peer_eof_us: Option<u64>,
    /// When everything was seen acknowledged, our FIN included; the fact itself may be older.
    pub acknowledged_us: Option<u64>,
    /// When the ending was decided.
    pub ended_us: u64,
    /// When the handle was given back.
    pub closed_us: Option<u64>,
    /// The smoothed round-trip time at the end.
    pub rtt_us: Option<u64>,
    /// Segments sent again, over the whole connection.
    pub retransmitted_segments: Option<u64>,
    /// The exit code of the command whose input and output were the two directions.
    pub command_exit_code: Option<i32>,
    /// The signal that ended that command.
    pub command_signal: Option<i32>,
}

/// Which side begins a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// This side connects.
    Connect,
    /// This side listens.
    Listen,
}

impl Role {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Listen => "listen",
        }
    }
}

/// Why there never was a connection, where the reason is ours; for [`Report::never_connected`].
#[derive(Debug, Clone, Copy)]
pub enum NeverConnected<'a> {
    /// One of our own ends cannot be used.
    LocalFailure {
        /// Which.
        end: LocalEnd,
        /// What the system said.
        error: &'a std::io::Error,
    },
    /// A signal came first.
    Interrupted {
        /// Which.
        signal: Signal,
    },
    /// Nobody connected in time.
    TimedOut,
    /// Nobody had connected when the user's total time was up.
    DeadlinePassed,
    /// The listener could not be made: the name was not found, or no address could be bound. Where our own system is out of
    /// descriptors or memory, the ending is a local failure.
    CannotListen {
        /// What the system said.
        error: &'a std::io::Error,
    },
    /// Somebody connected and could not be served, or nobody can be accepted.
    CannotServe {
        /// Who. `None`: nobody was accepted.
        peer: Option<&'a str>,
        /// What the system said.
        error: &'a std::io::Error,
    },
}

/// What a report is made from, besides the core.
#[derive(Debug, Clone, Default)]
pub(crate) struct Facts {
    /// `None`: now.
    pub(crate) began: Option<SystemTime>,
    pub(crate) role: &'static str,
    pub(crate) transport: Option<&'static str>,
    pub(crate) endpoint: String,
    pub(crate) proxy: Option<String>,
    pub(crate) fast_open: Option<crate::FastOpen>,
    pub(crate) local_address: Option<String>,
    pub(crate) peer_address: Option<String>,
    pub(crate) resolved: Option<Time>,
    pub(crate) tcp: crate::os::TcpFacts,
    /// Of a connection that never was: what every address said.
    pub(crate) failure: Option<String>,
    /// Who was connected to.
    pub(crate) host: Option<String>,
    /// Without TLS of ours, what was received begins as the other side of TLS does.
    pub(crate) received_tls: bool,
    /// Without TLS of ours, what was sent begins as our side of TLS would.
    pub(crate) sent_tls: bool,
    pub(crate) handshake: Option<crate::tls::HandshakeError>,
    pub(crate) tls: Option<crate::tls::TlsFacts>,
}

/// A moment as RFC 3339 has it, in UTC. A clock that stands outside of the years that it has is shown at their end.
fn rfc3339(moment: SystemTime) -> String {
    const END: Duration = Duration::from_secs(253_402_300_799);
    let since = moment.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().min(END);
    humantime::format_rfc3339_millis(SystemTime::UNIX_EPOCH + since).to_string()
}

fn micros(time: Time) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

impl Report {
    pub(crate) fn new(core: &adieu_proto::Connection, outcome: &Outcome, facts: &Facts) -> Self {
        let Outcome { ending, phase, evidence, at } = *outcome;
        let (counts, times) = (core.counts(), core.milestones());
        let number = evidence.fault.and_then(|f| f.code).or(evidence.local_code);
        let mut report = Self {
            report_version: 1,
            ending: ending.name(),
            phase: phase.name(),
            exit_code: exit_code(ending),
            message: String::new(),
            reset_by: if let Ending::Reset { by } = ending { Some(by.name()) } else { None },
            timer: if let Ending::TimedOut { timer } = ending { Some(timer.name()) } else { None },
            local_end: if let Ending::LocalFailure { end } = ending { Some(end.name()) } else { None },
            missing: if let Ending::Indeterminate { missing } = ending { Some(missing.name()) } else { None },
            signal: if let Ending::Interrupted { signal } = ending { Some(signal.name()) } else { None },
            error_call: evidence.fault.map(|f| f.call.name()),
            error_code: number,
            error_name: number.and_then(os::error_name),
            error: facts.failure.clone().or_else(|| number.map(describe_code)),
            role: facts.role,
            transport: facts.transport,
            fastopen: facts.fast_open.map(crate::FastOpen::name),
            fastopen_bytes: facts.fast_open.map(crate::FastOpen::bytes),
            began_at: rfc3339(facts.began.unwrap_or_else(SystemTime::now)),
            endpoint: facts.endpoint.clone(),
            proxy: facts.proxy.clone(),
            local_address: facts.local_address.clone(),
            peer_address: facts.peer_address.clone(),
            ended_first: core.ended_first().map(Side::name),
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
            looks_like_tls: facts.received_tls && !facts.sent_tls,
            tls_secured_us: None,
            tls_close_notify_us: times.stream_end.map(micros),
            resolved_us: facts.resolved.map(micros),
            connected_us: times.connected.map(micros),
            first_accepted_us: times.first_accepted.map(micros),
            first_received_us: times.first_received.map(micros),
            shutdown_send_us: times.shutdown_send.map(micros),
            peer_eof_us: times.peer_eof.map(micros),
            acknowledged_us: times.acknowledged.map(micros),
            ended_us: micros(at),
            closed_us: times.closed.map(micros),
            rtt_us: facts.tcp.rtt.map(micros),
            retransmitted_segments: facts.tcp.retransmitted_segments,
            command_exit_code: None,
            command_signal: None,
        };
        report.add_tls(facts);
        report.message = report.sentence(ending, phase, evidence);
        report.say_fast_open(facts);
        report.say_tls(facts);
        report.message = crate::shown(report.message.as_bytes());
        report
    }

    /// The report of a connection that never was, because of us: our input cannot be read, a signal came, we cannot
    /// listen, or nobody connected in time.
    #[expect(clippy::missing_panics_doc, reason = "each of the causes decides, so it cannot")]
    pub fn never_connected(endpoint: &Endpoint, role: Role, cause: NeverConnected<'_>) -> Self {
        let start = Time::ZERO;
        let mut facts = Facts { role: role.name(), endpoint: endpoint.to_string(), ..Facts::default() };
        let deadline = matches!(cause, NeverConnected::DeadlinePassed).then_some(start);
        let mut core = adieu_proto::Connection::new(adieu_proto::Config {
            connect_timeout: Some(start),
            deadline,
            ..adieu_proto::Config::default()
        });
        match cause {
            NeverConnected::LocalFailure { end, error } => {
                core.handle_local_failure(start, end, error.raw_os_error());
            }
            NeverConnected::Interrupted { signal } => core.handle_interrupt(start, signal),
            NeverConnected::TimedOut | NeverConnected::DeadlinePassed => core.handle_timeout(start),
            NeverConnected::CannotListen { error }
                if OptionError::in_io(error).is_some() || os::is_exhausted(error) =>
            {
                core.handle_local_failure(start, LocalEnd::Socket, crate::error::os_code(error));
                facts.failure = Some(describe_error(error));
            }
            NeverConnected::CannotListen { error } => {
                // Whatever it is, there is no connection.
                let fault =
                    Fault { call: Call::Connect, kind: FaultKind::Other, code: crate::error::os_code(error) };
                core.handle_connect_failed(start, fault);
                facts.failure = Some(describe_error(error));
            }
            NeverConnected::CannotServe { peer, error } => {
                core.handle_local_failure(start, LocalEnd::Socket, error.raw_os_error());
                facts.failure = Some(describe_error(error));
                facts.peer_address = peer.map(str::to_owned);
            }
        }
        core.poll_action();
        core.handle_closed(start);
        let outcome = core.outcome().expect("a decided core that is closed has its outcome");
        let mut report = Self::new(&core, &outcome, &facts);
        if let NeverConnected::CannotListen { error } = cause {
            let message = format!("cannot listen on {endpoint}: {}", describe_error(error));
            report.message = crate::shown(message.as_bytes());
            // The core knows one call that makes a connection, and it was another.
            report.error_call = None;
        }
        report
    }

    /// The command whose input and output were the two directions has ended. If that was a failure, an ending that was
    /// graceful so far is a local failure: what the peer sent was not processed.
    pub fn command_ended(&mut self, exit_code: Option<i32>, signal: Option<i32>, failed: bool) {
        (self.command_exit_code, self.command_signal) = (exit_code, signal);
        let command = LocalEnd::Command.name();
        if self.is_graceful() && failed {
            let ending = Ending::LocalFailure { end: LocalEnd::Command };
            self.ending = ending.name();
            self.local_end = Some(command);
            self.exit_code = self::exit_code(ending);
        }
        if self.local_end == Some(command) {
            self.message = format!("{}: {}", self.command_sentence(), self.numbers());
        }
    }

    fn sentence(&self, ending: Ending, phase: Phase, evidence: Evidence) -> String {
        let fault = evidence.fault;
        let during = phase.name();
        let error = self.error.as_deref().unwrap_or("no error was told");
        let tried = || self.error.as_deref().map(|e| format!(" ({e})")).unwrap_or_default();
        if self.role == Role::Listen.name()
            && phase == Phase::Connecting
            && let Some(sentence) = self.nobody_reached_us(ending, error)
        {
            return sentence;
        }
        let what = match ending {
            Ending::NoConnection => return format!("no connection to {}: {error}", self.endpoint),
            Ending::Graceful => "graceful".to_owned(),
            Ending::Reset { by: Side::Peer } => format!("reset by the peer while {during}"),
            Ending::Reset { by: Side::Us } => format!("reset by us while {during}"),
            Ending::TimedOut { timer: Timer::Connect } => {
                let why = match &self.error {
                    Some(error) if self.tls_failure.is_some() => error.clone(),
                    Some(_) => format!("no connection in time{}", tried()),
                    None => "nothing answered".to_owned(),
                };
                return format!("timed out while connecting to {}: {why}", self.endpoint);
            }
            Ending::TimedOut { timer: Timer::Deadline }
                if phase == Phase::Connecting && self.tls_failure.is_none() =>
            {
                let endpoint = &self.endpoint;
                return format!(
                    "timed out while connecting to {endpoint}: the deadline has passed{}",
                    tried()
                );
            }
            Ending::TimedOut { .. } if phase == Phase::Connecting => {
                return format!("timed out while connecting to {}: {error}", self.endpoint);
            }
            Ending::TimedOut { timer: Timer::Idle } if evidence.peer_spoke => {
                format!(
                    "timed out while {during}, the peer went on talking and took nothing for the whole idle timeout"
                )
            }
            Ending::TimedOut { timer: Timer::Idle } => {
                format!("timed out while {during}, the peer was silent for the whole idle timeout")
            }
            Ending::TimedOut { timer: Timer::FirstByte } => {
                "timed out, no byte had passed in either direction".to_owned()
            }
            Ending::TimedOut { timer: Timer::Deadline } => format!("the deadline passed while {during}"),
            Ending::TimedOut { timer: Timer::DeadPeer } => {
                format!("timed out while {during}, the peer's system has stopped answering")
            }
            Ending::TimedOut { timer: Timer::Unacknowledged } => format!(
                "timed out while {during}, what we sent was sent again and again and never acknowledged, although the \
                 peer went on talking: something on the way may drop it, large packets for example"
            ),
            Ending::TimedOut { .. } => format!("timed out while {during}, our kernel gave up: {error}"),
            Ending::Truncated => format!("truncated, {}", self.truncation(during, fault)),
            Ending::LocalFailure { end } if phase == Phase::Connecting => {
                return format!("our {} cannot be used, nothing was sent: {error}", end.name());
            }
            Ending::LocalFailure { end: LocalEnd::Input } => {
                format!("our input failed while {during}: {error}")
            }
            Ending::LocalFailure { end: LocalEnd::Output } => {
                format!("our output failed while {during}: {error}")
            }
            Ending::LocalFailure { .. } => {
                let call = fault.map_or("the socket", |f| f.call.name());
                format!("{call} failed while {during}: {error}")
            }
            Ending::Interrupted { signal } if phase == Phase::Connecting => {
                return format!("interrupted by {} while connecting to {}", signal.name(), self.endpoint);
            }
            Ending::Interrupted { signal } => format!("interrupted by {} while {during}", signal.name()),
            Ending::Indeterminate { missing } => format!(
                "indeterminate while {during}, {}",
                match missing {
                    Missing::PeerEof => "we closed before the peer had ended its side",
                    Missing::InputEnd => "our input was given up before its end",
                    Missing::Acknowledgement => "it cannot be told here what the peer acknowledged",
                    Missing::SocketError => "SO_ERROR could not be read",
                    _ => "the connection was gone and no call said why",
                }
            ),
            _ => self.ending.to_owned(),
        };
        format!("{what}: {}", self.numbers())
    }

    /// Of a connection that never was: what its peer may have of us all the same.
    fn say_fast_open(&mut self, facts: &Facts) {
        if let Some(crate::FastOpen::Unanswered { bytes: n }) = facts.fast_open {
            self.message += &format!("; {} went with the SYN and may have reached it", bytes(n));
        }
    }

    /// Why a stream is not known to be whole.
    fn truncation(&self, during: &str, fault: Option<Fault>) -> String {
        if let Some(alert) = &self.tls_alert {
            return format!("the peer broke the TLS session off while {during}, with the alert {alert}");
        }
        let is_reset = fault.is_some_and(|fault| fault.kind != FaultKind::Protocol);
        if let (Some(error), false) = (&self.error, is_reset) {
            return format!("the TLS session broke while {during}, {error}");
        }
        let cut = match self.tls_close_notify_received {
            Some(false) => "the peer's EOF came without TLS's close_notify",
            None if self.proxy.as_ref().is_some_and(|proxy| proxy.starts_with("https://")) => {
                "the proxy's EOF came without TLS's close_notify"
            }
            _ => "the stream stopped before its end mark",
        };
        let then = if is_reset { ", and then it reset the connection" } else { "" };
        format!("{cut}{then}")
    }

    /// The sentence of a listener that has no connection. `None`: it is the same on both sides.
    fn nobody_reached_us(&self, ending: Ending, error: &str) -> Option<String> {
        let endpoint = &self.endpoint;
        if self.tls_failure.is_some() {
            let peer = self.peer_address.as_deref().unwrap_or("an unnamed peer");
            return Some(format!("no connection from {peer}: {error}"));
        }
        Some(match ending {
            Ending::TimedOut { timer: Timer::Deadline } => {
                format!("the deadline passed while waiting for a connection on {endpoint}: nobody connected")
            }
            Ending::Interrupted { signal } if self.tls_close_notify_sent.is_some() => {
                let peer = self.peer_address.as_deref().unwrap_or("an unnamed peer");
                format!("interrupted by {} during the TLS handshake with {peer}", signal.name())
            }
            Ending::TimedOut { .. } => {
                format!("timed out while waiting for a connection on {endpoint}: nobody connected")
            }
            Ending::Interrupted { signal } => {
                format!("interrupted by {} while waiting for a connection on {endpoint}", signal.name())
            }
            Ending::LocalFailure { end: LocalEnd::Socket } => match &self.peer_address {
                Some(peer) => format!("{peer} could not be served, nothing was sent: {error}"),
                None => format!("cannot accept on {endpoint}: {error}"),
            },
            _ => return None,
        })
    }

    fn command_sentence(&self) -> String {
        match (self.command_exit_code, self.command_signal) {
            (Some(code), _) => format!("the command exited with {code}"),
            (None, Some(signal)) => format!("the command was ended by signal {signal}"),
            (None, None) => "the command could not be run to its end".to_owned(),
        }
    }

    /// The counts, in words.
    fn numbers(&self) -> String {
        let mut text = format!("{} received", bytes(self.bytes_received));
        if self.bytes_discarded > 0 {
            text += &format!(" ({} of them not wanted by the command)", self.bytes_discarded);
        } else if self.bytes_written != self.bytes_received {
            text += &format!(" ({} of them written)", self.bytes_written);
        }
        text += &match self.bytes_acknowledged {
            Some(n) => format!(", {n} of {} acknowledged", bytes(self.bytes_accepted)),
            None => format!(", {} accepted by our kernel", bytes(self.bytes_accepted)),
        };
        if self.bytes_read != self.bytes_accepted {
            text += &format!(", {} more read and not sent", self.bytes_read - self.bytes_accepted);
        }
        if self.input_abandoned && self.missing.is_none() {
            text += ", our input was still open";
        }
        text
    }

    /// Whether the connection ended gracefully: both directions by EOF, everything acknowledged, nothing against
    /// it.
    pub fn is_graceful(&self) -> bool {
        self.ending == Ending::Graceful.name()
    }
}

fn bytes(n: u64) -> String {
    if n == 1 { "1 byte".to_owned() } else { format!("{n} bytes") }
}

/// The exit status that goes with an ending.
///
/// | status | ending |
/// | --- | --- |
/// | 0 | graceful |
/// | 3 | no connection |
/// | 4 | reset |
/// | 5 | timed out, or the deadline passed |
/// | 6 | truncated |
/// | 7 | our own input or output failed |
/// | 8 | indeterminate |
/// | 130 | interrupted: SIGINT |
/// | 143 | terminated: SIGTERM, or SIGHUP |
pub const fn exit_code(ending: Ending) -> u8 {
    match ending {
        Ending::Graceful => 0,
        Ending::NoConnection => 3,
        Ending::Reset { .. } => 4,
        Ending::TimedOut { .. } => 5,
        Ending::Truncated => 6,
        Ending::LocalFailure { .. } => 7,
        Ending::Interrupted { signal: Signal::Interrupt } => 130,
        // Whatever else ends us wants what SIGTERM wants.
        Ending::Interrupted { .. } => 143,
        // A variant that this version does not know is a fact that it does not have.
        _ => 8,
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
