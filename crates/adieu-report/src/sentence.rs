//! The sentence of a report: the ending in words, then the numbers. It is made from the facts each time it is displayed.

use crate::{Context, FastOpen, Report, Role, TlsTrust, shown};
use adieu_proto::{Ending, LocalEnd, Missing, Phase, Side, Timer};
use std::fmt;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown(self.sentence().as_bytes()))
    }
}

impl Report {
    fn sentence(&self) -> String {
        match &self.context {
            Context::Told(sentence) => return sentence.clone(),
            Context::Binding => return format!("cannot listen on {}: {}", self.endpoint, self.error_text()),
            Context::Usual | Context::Given | Context::PeerSpoke | Context::OtherSideCut => {}
        }
        if self.local_end() == Some(LocalEnd::Command) && self.phase != Phase::Connecting {
            let command = self.command.map_or_else(
                || "the command could not be run to its end".to_owned(),
                |command| command.to_string(),
            );
            return format!("{command}: {}", self.numbers());
        }
        if let Some(datagrams) = &self.datagrams {
            return self.sentence_of(datagrams);
        }
        let mut sentence = match self.nothing_began() {
            Some(sentence) => sentence,
            None => format!("{}: {}", self.what_ended(), self.numbers()),
        };
        if let Some(FastOpen::Unanswered { bytes: n }) = self.fast_open {
            sentence += &format!("; {} went with the SYN and may have reached it", bytes(n));
        }
        sentence + &self.of_tls()
    }

    pub(crate) fn error_text(&self) -> &str {
        self.error.as_ref().map_or("no error was reported", |error| &error.words)
    }

    /// The sentence of a connection that there never was. `None`: there was one.
    fn nothing_began(&self) -> Option<String> {
        let (endpoint, error) = (&self.endpoint, self.error_text());
        if self.role == Some(Role::Listen)
            && self.phase == Phase::Connecting
            && let Some(sentence) = self.nobody_reached_us()
        {
            return Some(sentence);
        }
        let tried = || self.error.as_ref().map(|error| format!(" ({error})")).unwrap_or_default();
        let is_connecting = self.phase == Phase::Connecting;
        Some(match self.ending {
            Ending::NoConnection => format!("no connection to {endpoint}: {error}"),
            Ending::TimedOut { timer: Timer::Connect } => {
                let why = match &self.error {
                    Some(error) if self.tls_failure.is_some() => error.to_string(),
                    Some(_) => format!("no connection in time{}", tried()),
                    None => "nothing answered".to_owned(),
                };
                format!("timed out while connecting to {endpoint}: {why}")
            }
            Ending::TimedOut { timer: Timer::Deadline } if is_connecting && self.tls_failure.is_none() => {
                format!("timed out while connecting to {endpoint}: the deadline has passed{}", tried())
            }
            Ending::TimedOut { .. } if is_connecting => {
                format!("timed out while connecting to {endpoint}: {error}")
            }
            Ending::LocalFailure { end } if is_connecting => {
                format!("our {} cannot be used, nothing was sent: {error}", end.name())
            }
            Ending::Interrupted { signal } if is_connecting => {
                format!("interrupted by {} while connecting to {endpoint}", signal.name())
            }
            _ => return None,
        })
    }

    /// The sentence of a listener that has no connection. `None`: it is the same on both sides.
    fn nobody_reached_us(&self) -> Option<String> {
        let (endpoint, error) = (&self.endpoint, self.error_text());
        let peer = || match self.peer_address.as_ref().filter(|peer| peer.is_named()) {
            Some(peer) => peer.to_string(),
            None => "an unnamed peer".to_owned(),
        };
        if self.tls_failure.is_some() {
            return Some(format!("no connection from {}: {error}", peer()));
        }
        let (what, nobody) = match self.transport {
            Some(transport) if transport.is_datagrams() => ("a datagram", "nobody sent anything"),
            _ => ("a connection", "nobody connected"),
        };
        Some(match self.ending {
            Ending::TimedOut { timer: Timer::Deadline } => {
                format!("the deadline passed while waiting for {what} on {endpoint}: {nobody}")
            }
            Ending::Interrupted { signal } if self.tls_close_notify_sent.is_some() => {
                format!("interrupted by {} during the TLS handshake with {}", signal.name(), peer())
            }
            Ending::TimedOut { .. } => {
                format!("timed out while waiting for {what} on {endpoint}: {nobody}")
            }
            Ending::Interrupted { signal } => {
                format!("interrupted by {} while waiting for {what} on {endpoint}", signal.name())
            }
            Ending::LocalFailure { end: LocalEnd::Socket } => match &self.peer_address {
                Some(peer) => format!("{peer} could not be served, nothing was sent: {error}"),
                None => format!("cannot accept on {endpoint}: {error}"),
            },
            _ => return None,
        })
    }

    /// The phase, as the sentence calls it. A side that has sent nothing while its sending side was open has received.
    pub(crate) fn during(&self) -> &'static str {
        let has_sent = self.bytes_read > 0 || self.bytes_accepted > 0;
        let is_of_input = self.local_end() == Some(LocalEnd::Input);
        match self.phase {
            Phase::Sending if !has_sent && !is_of_input => "receiving",
            phase => phase.name(),
        }
    }

    /// How a connection ended that there was.
    pub(crate) fn what_ended(&self) -> String {
        let (during, error) = (self.during(), self.error_text());
        match self.ending {
            Ending::Graceful => "graceful".to_owned(),
            Ending::Reset { by: Side::Peer } => format!("reset by the peer while {during}"),
            Ending::Reset { by: Side::Us } if self.context == Context::OtherSideCut => {
                format!("reset by us while {during}, because the other side of the relay was cut")
            }
            Ending::Reset { by: Side::Us } => format!("reset by us while {during}"),
            Ending::TimedOut { timer: Timer::Idle } if self.context == Context::PeerSpoke => {
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
            Ending::TimedOut { timer: Timer::HalfOpen } => {
                "timed out, the peer had ended its stream and nothing was sent to it for the whole half-open timeout"
                    .to_owned()
            }
            Ending::TimedOut { timer: Timer::Deadline } => format!("the deadline passed while {during}"),
            Ending::TimedOut { timer: Timer::Linger } => {
                format!("timed out while {during}, closing took longer than its limit")
            }
            Ending::TimedOut { timer: Timer::DeadPeer } => {
                format!("timed out while {during}, the peer's system has stopped answering")
            }
            Ending::TimedOut { timer: Timer::Unacknowledged } => format!(
                "timed out while {during}, what we sent was sent again and again and never acknowledged, although the \
                 peer went on talking: something on the way may drop it, large packets for example"
            ),
            Ending::TimedOut { .. } => format!("timed out while {during}, our kernel gave up: {error}"),
            Ending::Truncated => format!("truncated, {}", self.truncation()),
            Ending::LocalFailure { end: LocalEnd::Input } => {
                format!("our input failed while {during}: {error}")
            }
            Ending::LocalFailure { end: LocalEnd::Output } => {
                format!("our output failed while {during}: {error}")
            }
            Ending::LocalFailure { .. } => {
                let call = self.error_call.map_or("the socket", |call| call.name());
                format!("{call} failed while {during}: {error}")
            }
            Ending::Interrupted { signal } => format!("interrupted by {} while {during}", signal.name()),
            Ending::Indeterminate { missing } => format!(
                "indeterminate while {during}, {}",
                match missing {
                    Missing::PeerEof => "we closed before the peer had ended its side",
                    Missing::InputEnd => "our input was given up before its end",
                    Missing::Acknowledgement => "this system does not say what the peer acknowledged",
                    Missing::SocketError => "SO_ERROR could not be read",
                    _ => "the connection was gone and no call said why",
                }
            ),
            other => other.name().to_owned(),
        }
    }

    /// Why a stream is not known to be whole.
    fn truncation(&self) -> String {
        let during = self.during();
        if let Some(alert) = self.tls_alert {
            return format!("the peer broke the TLS session off while {during}, with the alert {alert}");
        }
        // A session that breaks has no number, and a reset has.
        let is_reset = self.error_call.is_some() && self.error_code().is_some();
        if let (Some(error), false) = (&self.error, is_reset) {
            return format!("the TLS session broke while {during}, {error}");
        }
        let cut = match self.tls_close_notify_received {
            Some(false) => "the peer's EOF came without TLS's close_notify",
            None if self.proxy.as_ref().is_some_and(|proxy| proxy.kind.speaks_tls()) => {
                "the proxy's EOF came without TLS's close_notify"
            }
            _ => "the stream stopped before its end mark",
        };
        let then = if is_reset { ", and then it reset the connection" } else { "" };
        format!("{cut}{then}")
    }

    /// The counts, in words.
    fn numbers(&self) -> String {
        let mut text = format!("{} received", bytes(self.bytes_received));
        if self.bytes_discarded > 0 {
            let why = if self.command.is_some() { "not wanted by the command" } else { "discarded" };
            text += &format!(" ({} of them {why})", self.bytes_discarded);
        } else if self.bytes_written != self.bytes_received {
            text += &format!(" ({} of them written)", self.bytes_written);
        }
        if self.context == Context::Given {
            text += &match self.bytes_unacknowledged {
                Some(0) => ", everything sent is acknowledged".to_owned(),
                Some(n) => format!(", {} sent before not acknowledged", bytes(n)),
                None => String::new(),
            };
            return text;
        }
        text += &match self.bytes_acknowledged {
            Some(n) => format!(", {n} of {} acknowledged", bytes(self.bytes_accepted)),
            None => format!(", {} accepted by our kernel", bytes(self.bytes_accepted)),
        };
        // Of a socket that was given to us in the middle of its life.
        let before = self.bytes_unacknowledged.map_or(0, |n| n.saturating_sub(self.bytes_accepted));
        if before > 0 {
            text += &format!(", {} sent before not acknowledged", bytes(before));
        }
        if self.bytes_read != self.bytes_accepted {
            text +=
                &format!(", {} more read and not sent", self.bytes_read.saturating_sub(self.bytes_accepted));
        }
        if self.input_abandoned && self.missing().is_none() {
            text += ", our input was still open";
        }
        // A FIN alone is acknowledged also by the system of a peer that has closed.
        if self.is_graceful() && self.fin_acknowledged == Some(false) {
            text += ", our close_notify alone was answered with a reset";
        }
        text
    }

    /// What a person should know of a TLS connection, after the sentence.
    fn of_tls(&self) -> String {
        if self.tls_secured_after.is_none() {
            return String::new();
        }
        let mut words: Vec<String> = Vec::new();
        words.extend(self.tls_version.map(|version| version.name().to_owned()));
        words.extend(self.tls_cipher_suite.clone());
        words.extend(self.tls_alpn.as_ref().map(|alpn| format!("ALPN {}", printable(alpn))));
        match self.tls_trust {
            Some(TlsTrust::Insecure) => {
                words.push("INSECURE: the peer's certificate was not checked".to_owned());
            }
            Some(TlsTrust::Pinned) => words.push("the pinned certificate".to_owned()),
            _ => {}
        }
        words.extend(self.tls_peer_sha256.as_ref().map(|sha256| {
            let subject = self.tls_peer_subject.as_deref().unwrap_or("a certificate without a subject");
            let until = self.tls_peer_not_after.as_deref().unwrap_or("an unknown date");
            format!("{subject} until {until}, {sha256}")
        }));
        if self.is_graceful() && self.tls_close_notify_received == Some(false) {
            words.push("ended without close_notify".to_owned());
        }
        if words.is_empty() { String::new() } else { format!(" ({})", words.join(", ")) }
    }
}

/// A peer's text for a line of ours: not endless.
fn printable(text: &str) -> String {
    shown(text.chars().take(200).collect::<String>().as_bytes())
}

pub(crate) fn bytes(n: u64) -> String {
    if n == 1 { "1 byte".to_owned() } else { format!("{n} bytes") }
}
