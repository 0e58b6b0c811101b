//! What a connection came to, as a netcat's exit status: the flavour's own, and whether it hides something.
//!
//! An original exits 0 whatever became of the connection. Here that is 0 only where everything that was given was sent and
//! acknowledged, and nothing that came was lost.

use super::super::flavour::Flavour;
use super::super::plan::{AtInputEnd, Plan};
use super::choices::Side;
use super::rhythm::{Doubt, Rhythm};
use super::voice::words_of;
use adieu::{Ending, LocalEnd, Missing, Phase, Report, Timer, Transport};

/// What is made of a report.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    /// The flavour's own exit status.
    pub(super) flavours: u8,
    /// What the flavour itself says of it. ncat does of failures.
    pub(super) said: Option<String>,
    /// What went wrong that the flavour's status does not tell.
    pub(super) hidden: Option<String>,
}

impl Verdict {
    const fn good() -> Self {
        Self { flavours: 0, said: None, hidden: None }
    }

    fn hides(sentence: String) -> Self {
        Self { hidden: Some(sentence), ..Self::good() }
    }

    /// To ncat the silence of its `-i` is a failure.
    fn idle_of_ncat(plan: &Plan) -> Self {
        let limit = plan.idle_timeout.unwrap_or_default().as_millis();
        // A listener of streams that stays goes on with its next client.
        let goes_on = plan.keep_listening && plan.transport.is_stream();
        let (flavours, quits) = match Side::of(&plan.mode) {
            Side::Listens if !goes_on => (2, " QUITTING."),
            _ => (1, ""),
        };
        Self { flavours, said: Some(format!("Idle timeout expired ({limit} ms).{quits}")), hidden: None }
    }

    /// `rhythm`: the peer's since the end of stdin, watched with `-q`.
    pub(super) fn of(plan: &Plan, report: &Report, rhythm: &Rhythm) -> Self {
        let is_ncat = plan.flavour == Flavour::Ncat;
        match report.ending() {
            Ending::Connectionless if is_ncat && is_idle_end(plan, report) => Self::idle_of_ncat(plan),
            Ending::Graceful | Ending::Connectionless => Self::good(),
            Ending::TimedOut { timer: Timer::Idle } if is_ncat && is_silence_of(plan, report) => {
                Self::idle_of_ncat(plan)
            }
            // The silence that the user has called the end.
            Ending::TimedOut { timer: Timer::Idle } if is_silence_of(plan, report) => {
                lost(report).map_or_else(Self::good, Self::hides)
            }
            // The time after stdin's end is over, or as much was received as was asked for.
            Ending::Indeterminate { missing: Missing::PeerEof } if ends_by_itself(plan) => {
                let lost = lost(report).or_else(|| cut_answer(plan, report, rhythm));
                lost.map_or_else(Self::good, Self::hides)
            }
            Ending::TimedOut { timer: Timer::Idle } if ends_by_itself(plan) => {
                Self::hides(lost(report).unwrap_or_else(|| report.to_string()))
            }
            Ending::Indeterminate { missing: Missing::Acknowledgement }
                if report.transport == Some(Transport::Unix) =>
            {
                Self::good()
            }
            // ncat tells of what a system call told it.
            Ending::Reset { .. } | Ending::TimedOut { timer: Timer::Kernel } if is_ncat => {
                let said = report.error_code().map(|code| format!("{}.", words_of(code)));
                let hidden = if said.is_some() { None } else { Some(report.to_string()) };
                Self { flavours: u8::from(said.is_some()), said, hidden }
            }
            Ending::LocalFailure { end: LocalEnd::Command } => {
                let code = report.command.and_then(adieu::CommandEnd::code);
                let code = code.and_then(|code| u8::try_from(code).ok()).filter(|code| *code > 0);
                Self { flavours: code.unwrap_or(0), ..Self::hides(report.to_string()) }
            }
            _ => Self::hides(report.to_string()),
        }
    }
}

/// Whether the idle timeout was that of the plan, and all of what we had was handed over.
fn is_silence_of(plan: &Plan, report: &Report) -> bool {
    plan.idle_timeout.is_some() && report.bytes_read == report.bytes_accepted
}

/// Whether it was the idle timeout of the plan that ended an exchange of datagrams, and not the end of stdin. That is an end only where
/// we connect, and read it at all.
fn is_idle_end(plan: &Plan, report: &Report) -> bool {
    let ends_with_stdin = Side::of(&plan.mode) == Side::Connects && !plan.recv_only;
    plan.idle_timeout.is_some() && (!ends_with_stdin || report.phase == Phase::Sending)
}

/// Whether the run ends some time after stdin has ended, or after so many receives, whatever the peer does.
fn ends_by_itself(plan: &Plan) -> bool {
    plan.send_only || plan.receive_limit.is_some() || matches!(plan.at_input_end, AtInputEnd::Quit { .. })
}

/// Whether peers acknowledge anything there. Over a Unix socket what is accepted is in the peer's buffer already.
fn acknowledges(report: &Report) -> bool {
    !matches!(report.transport, Some(Transport::Unix | Transport::Udp | Transport::UnixDatagram))
}

/// What did not get to its end, in a sentence: what the peer has not acknowledged, or what our stdout has not taken. `None`: nothing,
/// as far as this transport can tell.
fn lost(report: &Report) -> Option<String> {
    let all = report.bytes_accepted;
    match report.bytes_unacknowledged {
        Some(0) => {}
        Some(bytes) => {
            return Some(format!("{bytes} of {all} bytes were not acknowledged by the peer: {report}"));
        }
        None if all > 0 && acknowledges(report) => {
            return Some(format!("how many of {all} bytes were acknowledged is not known: {report}"));
        }
        None => {}
    }
    let received = report.bytes_received;
    let bytes = received.saturating_sub(report.bytes_written + report.bytes_discarded);
    (bytes > 0).then(|| format!("{bytes} of {received} received bytes were not written to stdout: {report}"))
}

/// That the time of `-q` may have ended in the middle of the peer's answer, in a sentence. `-q 0` waits for no answer.
fn cut_answer(plan: &Plan, report: &Report, rhythm: &Rhythm) -> Option<String> {
    let waits = matches!(plan.at_input_end, AtInputEnd::Quit { after } if !after.is_zero());
    if !waits || plan.receive_limit.is_some() {
        return None;
    }
    let why = match rhythm.doubt(report.ended_after, report.rtt)? {
        Doubt::Pauses { silence, longest } => format!(
            "the peer was silent for {} ms, and had paused for {} ms before",
            silence.as_millis(),
            longest.as_millis()
        ),
        Doubt::RoundTrip => "the peer sent something less than a round trip ago".to_owned(),
    };
    Some(format!("the time of -q is over, and the answer may be cut: {why}: {report}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use adieu::{Endpoint, NeverConnected, Role};

    #[test]
    fn what_is_not_known_to_be_acknowledged_is_lost_where_peers_acknowledge() {
        let endpoint = Endpoint::tcp("192.0.2.1", 1);
        let cause = NeverConnected::LocalFailure { end: LocalEnd::Input, error: &std::io::Error::other("") };
        for (transport, accepted, unacknowledged, is_lost) in [
            (Some(Transport::Tcp), 10, Some(0), false),
            (Some(Transport::Tcp), 10, Some(3), true),
            (Some(Transport::Tcp), 10, None, true),
            (Some(Transport::Tcp), 0, None, false),
            (Some(Transport::Mptcp), 10, None, true),
            (None, 10, None, true),
            (Some(Transport::Unix), 10, None, false),
            (Some(Transport::Udp), 10, None, false),
            (Some(Transport::UnixDatagram), 10, None, false),
        ] {
            let mut report = cause.report(&endpoint, Role::Connect);
            report.transport = transport;
            (report.bytes_accepted, report.bytes_unacknowledged) = (accepted, unacknowledged);
            let lost = lost(&report);
            assert_eq!(lost.is_some(), is_lost, "{transport:?} {accepted} {unacknowledged:?}: {lost:?}");
        }
    }
}
