//! What OpenBSD's nc tells of TLS with `-v`: the handshake when it is done, the peer's certificate once the report has it.
//!
//! The original also names the issuer and when the certificate began to be valid, which no report has.

use super::super::flavour::Flavour;
use super::super::plan::{Mode, Plan};
use super::session::Run;
use adieu::{Event, Report};
use std::time::{SystemTime, UNIX_EPOCH};

/// The host that is connected to over TLS, if somebody wants to hear of it.
fn host(plan: &Plan) -> Option<&str> {
    let is_told = plan.flavour == Flavour::OpenBsd && plan.tls.is_some() && plan.verbosity > 0;
    match &plan.mode {
        Mode::Connect { host, .. } if is_told => Some(host),
        _ => None,
    }
}

/// What tells of the handshake. `None`: nobody wants to hear of it.
pub(super) fn teller(run: &Run) -> Option<impl Fn(&Event<'_>) + Send + Sync + 'static> {
    let host = host(&run.plan)?.to_owned();
    let expected = run.plan.tls.as_ref().and_then(|tls| tls.server_name.clone());
    let voice = run.voice.clone();
    Some(move |event: &Event<'_>| {
        if let Event::Secured { version, suite } = event {
            let version = version.map_or("TLS", adieu::tls::Version::name);
            let suite = suite.unwrap_or("?");
            voice.tell(&format!("TLS handshake negotiated {version}/{suite} with host {host}"));
            voice.tell(&format!("Peer name: {}", expected.as_ref().unwrap_or(&host)));
        }
    })
}

/// Tells of the certificate that a report has.
pub(super) fn tell_certificate(run: &Run, report: &Report) {
    if host(&run.plan).is_none() {
        return;
    }
    if let Some(subject) = &report.tls_peer_subject {
        run.voice.tell(&format!("Subject: {subject}"));
    }
    let until =
        report.tls_peer_not_after.as_deref().and_then(|time| humantime::parse_rfc3339_weak(time).ok());
    if let Some(until) = until {
        run.voice.tell(&format!("Valid Until: {}", as_ctime(until)));
    }
    if let Some(hash) = &report.tls_peer_sha256 {
        let hash = hash.strip_prefix("sha256:").unwrap_or(hash);
        run.voice.tell(&format!("Cert Hash: SHA256:{hash}"));
    }
}

/// A time as ctime(3) has it, in UTC.
fn as_ctime(time: SystemTime) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let days = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() / 86_400);
    let weekday = usize::try_from(days % 7).map_or("", |day| DAYS[day]);
    // 2026-11-30T02:24:18Z
    let text = humantime::format_rfc3339_seconds(time).to_string();
    let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
    let month = part(5, 7).parse().ok().and_then(|month: usize| MONTHS.get(month.checked_sub(1)?));
    let day = part(8, 10).trim_start_matches('0');
    format!("{weekday} {} {day:>2} {} {}", month.unwrap_or(&""), part(11, 19), part(0, 4))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_as_ctime_writes_it() {
        for (time, text) in [
            ("1970-01-01T00:00:00Z", "Thu Jan  1 00:00:00 1970"),
            ("2026-11-30T02:24:18Z", "Mon Nov 30 02:24:18 2026"),
            ("2000-02-29T23:59:59Z", "Tue Feb 29 23:59:59 2000"),
        ] {
            assert_eq!(as_ctime(humantime::parse_rfc3339(time).expect("a time")), text);
        }
    }
}
