//! The line of a connection for machines: one flat object, described by docs/relay-log.schema.json.

use crate::addresses::named;
use crate::hints;
use crate::said;
use adieu::faults::Injected;
use adieu::tls::Version as TlsVersion;
use adieu::{Report, Side};
use adieu_relay::{Closed, NotJoined, Outcome, RelaySide, TurnedAway, UpstreamError};
use serde::Serialize;
use std::time::{Duration, SystemTime};

/// The object. Counts are bytes. What is not known is null, never zero.
#[derive(Serialize)]
pub(super) struct Line {
    event: &'static str,
    at: String,
    relay: String,
    connection_id: u64,
    began: String,
    client: Option<String>,
    proxy: Option<String>,
    local: Option<String>,
    server_name: Option<String>,
    upstream: Option<String>,
    upstream_address: Option<String>,
    ending: &'static str,
    by: &'static str,
    turned_away: Option<&'static str>,
    turned_away_unlogged: Option<u64>,
    client_ending: &'static str,
    client_reset_by: Option<&'static str>,
    client_error: Option<String>,
    client_tls_version: Option<&'static str>,
    upstream_ending: Option<&'static str>,
    upstream_reset_by: Option<&'static str>,
    upstream_error: Option<String>,
    upstream_tls_version: Option<&'static str>,
    ended_first: Option<&'static str>,
    bytes_from_client: u64,
    bytes_to_upstream: Option<u64>,
    bytes_from_upstream: u64,
    bytes_to_client: Option<u64>,
    connect_time_us: Option<u64>,
    duration_us: u64,
    faults: Vec<Came>,
    message: String,
}

/// A fault on purpose that came.
#[derive(Serialize)]
struct Came {
    fault: &'static str,
    direction: &'static str,
    bytes: u64,
    after_us: u64,
}

impl Line {
    /// `unlogged`: of a client that was turned away, how many have no line since the last one that has.
    pub(super) fn of(closed: &Closed, unlogged: Option<u64>) -> Self {
        let client = closed.client_report();
        let upstream = closed.upstream_report();
        let (up, down) = (closed.upward(), closed.downward());
        let tls_version = |report: &Report| report.tls_version.map(TlsVersion::name);
        let name = |side: Option<RelaySide>| side.map(RelaySide::name);
        Self {
            event: "ended",
            at: said::now(),
            relay: closed.relay.to_string(),
            connection_id: closed.id,
            began: humantime::format_rfc3339_micros(since_1970(closed.began)).to_string(),
            client: named(Some(&closed.client)),
            proxy: named(Some(&closed.peer).filter(|peer| **peer != closed.client)),
            local: named(closed.local.as_ref()),
            server_name: closed.server_name.clone(),
            upstream: closed.upstream.as_ref().map(ToString::to_string),
            upstream_address: named(upstream.and_then(|report| report.peer_address.as_ref())),
            ending: closed.ending().name(),
            by: closed.by().name(),
            turned_away: closed.turned_away().map(TurnedAway::name),
            turned_away_unlogged: unlogged,
            client_ending: client.ending().name(),
            client_reset_by: reset_by(client, RelaySide::Client),
            client_error: error_of(client),
            client_tls_version: tls_version(client),
            upstream_ending: closed.upstream_ending().map(|ending| ending.name()),
            upstream_reset_by: upstream.and_then(|report| reset_by(report, RelaySide::Upstream)),
            upstream_error: upstream.and_then(error_of).or_else(|| error_of_name(closed)),
            upstream_tls_version: upstream.and_then(tls_version),
            ended_first: name(closed.ended_first()),
            bytes_from_client: up.map_or(0, |up| up.bytes_received),
            bytes_to_upstream: up.map_or(Some(0), |up| up.bytes_acknowledged),
            bytes_from_upstream: down.map_or(0, |down| down.bytes_received),
            bytes_to_client: down.map_or(Some(0), |down| down.bytes_acknowledged),
            connect_time_us: closed.connect_time.map(micros),
            duration_us: micros(closed.duration),
            faults: closed.faults.iter().map(Came::of).collect(),
            message: closed.sentence(hints::option),
        }
    }
}

impl Came {
    fn of(injected: &Injected) -> Self {
        Self {
            fault: injected.fault.name(),
            direction: direction(injected),
            bytes: injected.bytes,
            after_us: micros(injected.after),
        }
    }
}

/// In which direction a fault came.
pub(super) fn direction(injected: &Injected) -> &'static str {
    if injected.is_a_to_b { "up" } else { "down" }
}

/// The name of a connection's first error; of a TLS handshake that failed, of what.
fn error_of(report: &Report) -> Option<String> {
    let name = report.error_name().map(str::to_owned);
    let alert = || report.tls_alert.map(|alert| format!("tls_alert_{}", alert.to_string().replace(' ', "_")));
    let failure = || report.tls_failure.map(|failure| format!("tls_{}", failure.name()));
    name.or_else(alert).or_else(failure)
}

/// Why the name of the last upstream has no address.
fn error_of_name(closed: &Closed) -> Option<String> {
    let Outcome::NotJoined { why: NotJoined::NoUpstream(tried), .. } = &closed.outcome else {
        return None;
    };
    let (_, UpstreamError::Resolve(error)) = tried.last()? else { return None };
    let name = error.system().and_then(|error| error.name.as_deref());
    Some(name.unwrap_or("unresolved").to_owned())
}

/// Whose RST a connection ended by: its peer's, or ours.
fn reset_by(report: &Report, peer: RelaySide) -> Option<&'static str> {
    report.reset_by().map(|by| if by == Side::Us { "relay" } else { peer.name() })
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// A clock that stands before 1970 is shown at its beginning.
fn since_1970(time: SystemTime) -> SystemTime {
    time.max(SystemTime::UNIX_EPOCH)
}
