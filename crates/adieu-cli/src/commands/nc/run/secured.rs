//! What OpenBSD's nc tells of TLS with `-v` once the handshake is done: what was agreed on, and the peer's certificate.

use super::super::flavour::Flavour;
use super::super::plan::Mode;
use super::session::{Done, Run};
use adieu::Connection;
use std::time::{SystemTime, UNIX_EPOCH};

/// Tells of the handshake and of the peer's certificate. A listener tells of clients that have one.
pub(super) fn tell(run: &Run, connection: &Connection) {
    let plan = &run.plan;
    if plan.flavour != Flavour::OpenBsd || plan.verbosity == 0 {
        return;
    }
    let (Some(tls), Some(agreed)) = (&plan.tls, connection.tls()) else { return };
    let host = match &plan.mode {
        Mode::Connect { host, .. } => host,
        Mode::Listen { host: Some(host), .. } if agreed.peer_sha256.is_some() => host,
        _ => return,
    };
    let version = agreed.version.map_or("TLS", adieu::tls::Version::name);
    let suite = agreed.cipher_suite.unwrap_or("?");
    run.voice.tell(&format!("TLS handshake negotiated {version}/{suite} with host {host}"));
    run.voice.tell(&format!("Peer name: {}", tls.server_name.as_ref().unwrap_or(host)));
    for (what, name) in [("Subject", agreed.peer_subject), ("Issuer", agreed.peer_issuer)] {
        if let Some(name) = name {
            run.voice.tell(&format!("{what}: {}", as_openssl(name)));
        }
    }
    for (what, time) in [("From", agreed.peer_not_before), ("Until", agreed.peer_not_after)] {
        if let Some(time) = time.and_then(|time| humantime::parse_rfc3339_weak(time).ok()) {
            run.voice.tell(&format!("Valid {what}: {}", as_ctime(time)));
        }
    }
    if let Some(hash) = agreed.peer_sha256 {
        let hash = hash.strip_prefix("sha256:").unwrap_or(hash);
        run.voice.tell(&format!("Cert Hash: SHA256:{hash}"));
    }
}

/// Whether a listener may serve this client: it has the certificate that `-H` names, if one is named. Who may not is reset.
pub(super) fn admit(run: &Run, connection: Connection) -> Result<Connection, Done> {
    tell(run, &connection);
    let Some(expected) = run.plan.tls.as_ref().and_then(|tls| tls.pin.as_deref()) else {
        return Ok(connection);
    };
    if connection.tls().and_then(|agreed| agreed.peer_sha256) == Some(expected) {
        return Ok(connection);
    }
    connection.abort();
    let hash = expected.strip_prefix("sha256:").unwrap_or(expected);
    Err(run.refuse(&format!("peer certificate is not SHA256:{hash}")))
}

/// A name that RFC 4514 writes as `CN=a,O=b`, as `X509_NAME_oneline` writes it: `/O=b/CN=a`.
fn as_openssl(name: &str) -> String {
    let mut parts = vec![String::new()];
    let mut letters = name.chars();
    while let Some(letter) = letters.next() {
        match letter {
            ',' => parts.push(String::new()),
            '\\' => parts.last_mut().expect("it begins with one").extend(letters.next()),
            other => parts.last_mut().expect("it begins with one").push(other),
        }
    }
    parts.iter().rev().flat_map(|part| ["/", part]).collect()
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
    fn a_name_begins_with_what_is_widest() {
        assert_eq!(as_openssl(r"CN=a.test,O=One\, Two,C=DE"), "/C=DE/O=One, Two/CN=a.test");
        assert_eq!(as_openssl("CN=a"), "/CN=a");
    }

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
