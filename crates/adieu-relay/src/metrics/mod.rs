//! Metrics for Prometheus: counters from the [events](RelayEvent), and gauges from the [handle](Handle) at each scrape.
//!
//! Labels have few values: the relay's name, the upstream as it was configured, and fixed words. No label has a client's address.
//!
//! | metric | type | labels |
//! | --- | --- | --- |
//! | `adieu_connections_accepted_total` | counter | relay |
//! | `adieu_connections_turned_away_total` | counter | relay, why |
//! | `adieu_connections_closed_total` | counter | relay, upstream, ending, by |
//! | `adieu_connections_open` | gauge | relay |
//! | `adieu_half_open` | gauge | relay |
//! | `adieu_bytes_total` | counter | relay, direction |
//! | `adieu_bytes_cut_total` | counter | relay, direction |
//! | `adieu_close_seconds` | histogram | relay |
//! | `adieu_connect_seconds` | histogram | relay, upstream |
//! | `adieu_upstream_up` | gauge | relay, upstream |
//! | `adieu_upstream_connections_open` | gauge | relay, upstream |
//! | `adieu_upstream_failures_total` | counter | relay, upstream |
//! | `adieu_log_lines_dropped_total` | counter | |
//!
//! `ending` is the word of [`Ending`](adieu::Ending) in reports; `by` is the side that made it end so, `client` or `upstream`, or
//! `relay` for the relay itself. `direction` is `to_upstream` or `to_client`. Without an upstream that was tried, `upstream` is
//! empty.

mod server;
mod text;

pub use server::{MetricsError, MetricsServer};

use crate::event::{Closed, Outcome, RelayEvent};
use crate::service::Handle;
use adieu::{Direction, DirectionEnd, Endpoint, Report};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};
use text::Text;

/// The metrics of one or several relays. Its [`observe`](Self::observe) is to hear of every event.
#[derive(Default)]
pub struct Metrics {
    relays: Mutex<BTreeMap<String, OfRelay>>,
    /// Lines of a log that had no room.
    lines_dropped: AtomicU64,
}

/// What has happened in one relay.
#[derive(Default)]
struct OfRelay {
    accepted: u64,
    turned_away: BTreeMap<&'static str, u64>,
    /// In the order in which they came: there are few, and to find one here clones no endpoint.
    upstreams: Vec<(Endpoint, OfUpstream)>,
    /// Of connections for which no upstream was tried.
    without_upstream: OfUpstream,
    /// Of connections that are over: delivered, and not delivered, in each [direction](DIRECTIONS).
    bytes: [u64; 2],
    cut: [u64; 2],
    /// What was told last, with the bytes of open connections. A connection may be over and not yet be counted as that, and a
    /// counter must not go back.
    told: [u64; 2],
    closing: Histogram,
}

#[derive(Default)]
struct OfUpstream {
    closed: BTreeMap<(&'static str, &'static str), u64>,
    failures: u64,
    connecting: Histogram,
}

/// What the client sent, and what the upstream sent.
const DIRECTIONS: [&str; 2] = ["to_upstream", "to_client"];

/// The upper bounds of the histograms' buckets, in milliseconds.
const BUCKETS: [u64; 12] = [1, 5, 10, 50, 100, 500, 1_000, 5_000, 10_000, 30_000, 60_000, 300_000];

#[derive(Debug, Clone, Default)]
struct Histogram {
    /// How many lie in each bucket, and beyond them all.
    counts: [u64; BUCKETS.len() + 1],
    sum: Duration,
}

impl Histogram {
    fn note(&mut self, value: Duration) {
        let is_in = |bound: &u64| value <= Duration::from_millis(*bound);
        self.counts[BUCKETS.iter().position(is_in).unwrap_or(BUCKETS.len())] += 1;
        self.sum = self.sum.saturating_add(value);
    }
}

impl Metrics {
    /// Nothing has happened.
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, OfRelay>> {
        self.relays.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, relay: &str, note: impl FnOnce(&mut OfRelay)) {
        let mut relays = self.lock();
        match relays.get_mut(relay) {
            Some(of_relay) => note(of_relay),
            None => note(relays.entry(relay.to_owned()).or_default()),
        }
    }

    /// Counts a line of a log that was dropped because the log takes none at the moment.
    pub fn note_line_dropped(&self) {
        self.lines_dropped.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts an event.
    pub fn observe(&self, event: &RelayEvent<'_>) {
        match event {
            RelayEvent::Accepted { relay, .. } => self.note(relay, |of_relay| of_relay.accepted += 1),
            RelayEvent::TurnedAway { relay, why, .. } => {
                self.note(relay, |of_relay| *of_relay.turned_away.entry(why.name()).or_default() += 1);
            }
            RelayEvent::UpstreamFailed { relay, upstream, .. } => {
                self.note(relay, |of_relay| of_relay.upstream(Some(upstream)).failures += 1);
            }
            RelayEvent::Joined { relay, upstream, connect_time, .. } => {
                self.note(relay, |of_relay| of_relay.upstream(Some(upstream)).connecting.note(*connect_time));
            }
            RelayEvent::Closed(closed) => self.note(&closed.relay, |of_relay| of_relay.note_closed(closed)),
            _ => {}
        }
    }

    /// The metrics in Prometheus's text format, version 0.0.4, with what is open now.
    pub fn text(&self, handle: &Handle) -> String {
        let mut open: BTreeMap<String, Now> = BTreeMap::new();
        let (upstreams, connections) = (handle.upstreams(), handle.connections());
        for state in &upstreams {
            open.entry(state.relay.to_string()).or_default();
        }
        for connection in &connections {
            let of_relay = open.entry(connection.relay.to_string()).or_default();
            of_relay.half_open += u64::from(connection.half_open);
            of_relay.bytes[0] += connection.bytes_to_upstream;
            of_relay.bytes[1] += connection.bytes_to_client;
        }
        let mut relays = self.lock();
        for relay in open.keys().filter(|relay| !relays.contains_key(*relay)).cloned().collect::<Vec<_>>() {
            relays.insert(relay, OfRelay::default());
        }
        for state in &upstreams {
            if let Some(of_relay) = relays.get_mut(&*state.relay) {
                of_relay.upstream(Some(&state.upstream));
            }
        }
        for (relay, of_relay) in relays.iter_mut() {
            let live = open.get(relay).map_or([0; 2], |open| open.bytes);
            for (told, (past, live)) in of_relay.told.iter_mut().zip(of_relay.bytes.iter().zip(live)) {
                *told = (*told).max(past + live);
            }
        }
        let mut text = Text::default();
        text.relays(&relays, &open);
        drop(relays);
        text.upstreams(&upstreams);
        text.lines_dropped(self.lines_dropped.load(Ordering::Relaxed));
        text.finish()
    }
}

/// What is open now in one relay.
#[derive(Default)]
struct Now {
    half_open: u64,
    bytes: [u64; 2],
}

impl OfRelay {
    fn upstream(&mut self, endpoint: Option<&Endpoint>) -> &mut OfUpstream {
        let Some(endpoint) = endpoint else { return &mut self.without_upstream };
        let known = self.upstreams.iter().position(|(known, _)| known == endpoint);
        let place = known.unwrap_or_else(|| {
            self.upstreams.push((endpoint.clone(), OfUpstream::default()));
            self.upstreams.len() - 1
        });
        &mut self.upstreams[place].1
    }

    /// How many connections are open: those that are not over, so that the three numbers always add up. The relay's own list of what is open
    /// is ahead of the events by moments.
    fn open(&self) -> u64 {
        let all = self.upstreams.iter().map(|(_, of)| of).chain([&self.without_upstream]);
        self.accepted.saturating_sub(all.flat_map(|of| of.closed.values()).sum())
    }

    fn note_closed(&mut self, closed: &Closed) {
        let ending = closed.ending().name();
        let by = closed.by().name();
        *self.upstream(closed.upstream.as_ref()).closed.entry((ending, by)).or_default() += 1;
        let Outcome::Relayed(report) = &closed.outcome else { return };
        for (place, direction) in [report.a_to_b, report.b_to_a].iter().enumerate() {
            self.bytes[place] += direction.bytes_accepted;
            self.cut[place] += cut(direction);
        }
        if let Some(took) = closing_took(&report.a, &report.b) {
            self.closing.note(took);
        }
    }
}

/// How many bytes of a direction were received and are not known to be delivered.
fn cut(direction: &Direction) -> u64 {
    if direction.end == DirectionEnd::Whole {
        return 0;
    }
    let delivered = direction.bytes_acknowledged.unwrap_or(direction.bytes_accepted);
    direction.bytes_received.saturating_sub(delivered)
}

/// From the first end of a stream, or the first cut, until both sides were closed.
fn closing_took(a: &Report, b: &Report) -> Option<Duration> {
    let ended = |report: &Report| report.started_at + report.ended_after;
    let first = |report: &Report| {
        let eof = report.peer_eof_after.map(|after| report.started_at + after);
        eof.map_or(ended(report), |eof: SystemTime| eof.min(ended(report)))
    };
    ended(a).max(ended(b)).duration_since(first(a).min(first(b))).ok()
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").field("relays", &self.lock().len()).finish()
    }
}
