//! Prometheus's text format, version 0.0.4: families of samples with labels.
//!
//! It is a few lines of text with one rule for escaping, and what we tell is known beforehand; a library for it would bring a
//! registry, locks and derived traits.
//!
//! Source: <https://prometheus.io/docs/instrumenting/exposition_formats/>

use super::{BUCKETS, DIRECTIONS, Histogram, Now, OfRelay, OfUpstream};
use crate::upstream::UpstreamState;
use std::collections::BTreeMap;
use std::fmt::{Display, Write};
use std::time::Duration;

/// A text that is being written.
#[derive(Default)]
pub(super) struct Text(String);

type Relays = BTreeMap<String, OfRelay>;

impl Text {
    pub(super) fn finish(self) -> String {
        self.0
    }

    pub(super) fn relays(&mut self, relays: &Relays, open: &BTreeMap<String, Now>) {
        self.family("adieu_connections_accepted_total", "counter", "Clients that were accepted and let in.");
        for (relay, of) in relays {
            self.sample("adieu_connections_accepted_total", &[("relay", relay)], of.accepted);
        }
        self.family("adieu_connections_turned_away_total", "counter", "Clients that were reset at once.");
        for (relay, of) in relays {
            for (why, count) in &of.turned_away {
                let labels = [("relay", &**relay), ("why", why)];
                self.sample("adieu_connections_turned_away_total", &labels, count);
            }
        }
        self.family(
            "adieu_connections_closed_total",
            "counter",
            "Connections that are over, by how they ended.",
        );
        for (relay, upstream, of) in by_upstream(relays) {
            for ((ending, by), count) in &of.closed {
                let labels = [("relay", relay), ("upstream", &upstream), ("ending", ending), ("by", by)];
                self.sample("adieu_connections_closed_total", &labels, count);
            }
        }
        self.family("adieu_connections_open", "gauge", "Connections that are open.");
        for (relay, of) in relays {
            self.sample("adieu_connections_open", &[("relay", relay)], of.open());
        }
        self.family("adieu_half_open", "gauge", "Open connections of which one side has ended its stream.");
        for (relay, open) in open {
            self.sample("adieu_half_open", &[("relay", relay)], open.half_open);
        }
        self.directions("adieu_bytes_total", "Bytes that were passed on.", relays, |of| of.told);
        let help =
            "Bytes that were received and are not known to be delivered, because the connection was cut.";
        self.directions("adieu_bytes_cut_total", help, relays, |of| of.cut);
        let help = "From the first end of a stream, or the cut, until both sides were closed.";
        self.family("adieu_close_seconds", "histogram", help);
        for (relay, of) in relays {
            self.histogram("adieu_close_seconds", &[("relay", relay)], &of.closing);
        }
        self.family("adieu_connect_seconds", "histogram", "How long it took to connect to the upstream.");
        for (relay, upstream, of) in by_upstream(relays).filter(|(_, upstream, _)| !upstream.is_empty()) {
            let labels = [("relay", relay), ("upstream", &*upstream)];
            self.histogram("adieu_connect_seconds", &labels, &of.connecting);
        }
        self.family("adieu_upstream_failures_total", "counter", "Attempts to connect that failed.");
        for (relay, upstream, of) in by_upstream(relays).filter(|(_, upstream, _)| !upstream.is_empty()) {
            let labels = [("relay", relay), ("upstream", &*upstream)];
            self.sample("adieu_upstream_failures_total", &labels, of.failures);
        }
    }

    pub(super) fn upstreams(&mut self, states: &[UpstreamState]) {
        // One that was given twice is two to the relay, and one here: up if one of them is.
        let mut all: BTreeMap<(&str, String), (bool, u64)> = BTreeMap::new();
        for UpstreamState { relay, upstream, is_up, open } in states {
            let (up, sum) = all.entry((relay, upstream.to_string())).or_default();
            *up |= is_up;
            *sum += open;
        }
        self.family(
            "adieu_upstream_up",
            "gauge",
            "Whether the upstream is given clients: 1, or 0 while it is down.",
        );
        for ((relay, upstream), (is_up, _)) in &all {
            let labels = [("relay", *relay), ("upstream", upstream)];
            self.sample("adieu_upstream_up", &labels, u8::from(*is_up));
        }
        let help = "Connections to the upstream that are open or being made.";
        self.family("adieu_upstream_connections_open", "gauge", help);
        for ((relay, upstream), (_, open)) in &all {
            let labels = [("relay", *relay), ("upstream", upstream)];
            self.sample("adieu_upstream_connections_open", &labels, open);
        }
    }

    pub(super) fn lines_dropped(&mut self, count: u64) {
        let help = "Lines of the log that were dropped because it took none.";
        self.family("adieu_log_lines_dropped_total", "counter", help);
        self.sample("adieu_log_lines_dropped_total", &[], count);
    }

    fn directions(&mut self, name: &str, help: &str, relays: &Relays, of: impl Fn(&OfRelay) -> [u64; 2]) {
        self.family(name, "counter", help);
        for (relay, of_relay) in relays {
            for (direction, bytes) in DIRECTIONS.into_iter().zip(of(of_relay)) {
                self.sample(name, &[("relay", relay), ("direction", direction)], bytes);
            }
        }
    }

    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        self.0.push_str(name);
        for (place, (label, value)) in labels.iter().enumerate() {
            let before = if place == 0 { '{' } else { ',' };
            let _ = write!(self.0, "{before}{label}=\"{}\"", Escaped(value));
        }
        if !labels.is_empty() {
            self.0.push('}');
        }
        let _ = writeln!(self.0, " {value}");
    }

    fn histogram(&mut self, name: &str, labels: &[(&str, &str)], histogram: &Histogram) {
        let bounds = BUCKETS.iter().map(|bound| Duration::from_millis(*bound).as_secs_f64().to_string());
        let mut count = 0;
        for (bound, in_bucket) in bounds.chain(["+Inf".to_owned()]).zip(histogram.counts) {
            count += in_bucket;
            let with_bound = [labels, &[("le", &*bound)]].concat();
            self.sample(&format!("{name}_bucket"), &with_bound, count);
        }
        self.sample(&format!("{name}_sum"), labels, histogram.sum.as_secs_f64());
        self.sample(&format!("{name}_count"), labels, count);
    }
}

/// Every upstream of every relay, in the order of their names. The one that is none has an empty name.
fn by_upstream(relays: &Relays) -> impl Iterator<Item = (&str, String, &OfUpstream)> {
    relays.iter().flat_map(|(relay, of_relay)| {
        let upstreams = of_relay.upstreams.iter().map(|(upstream, of)| (upstream.to_string(), of));
        let none = (String::new(), &of_relay.without_upstream);
        let sorted: BTreeMap<String, &OfUpstream> = upstreams.chain([none]).collect();
        sorted.into_iter().map(|(upstream, of)| (&**relay, upstream, of))
    })
}

/// A label's value with what would end it escaped.
struct Escaped<'a>(&'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '\\' => f.write_str("\\\\"),
            '"' => f.write_str("\\\""),
            '\n' => f.write_str("\\n"),
            other => f.write_char(other),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_ends_where_it_is_to() {
        let mut text = Text::default();
        text.sample("x", &[("upstream", "unix:/a\"b\\c\nd"), ("relay", "r")], 1);
        assert_eq!(text.finish(), "x{upstream=\"unix:/a\\\"b\\\\c\\nd\",relay=\"r\"} 1\n");
    }

    #[test]
    fn the_buckets_of_a_histogram_include_those_below() {
        let mut histogram = Histogram::default();
        for ms in [1, 2, 400_000] {
            histogram.note(Duration::from_millis(ms));
        }
        let mut text = Text::default();
        text.histogram("h", &[], &histogram);
        let text = text.finish();
        for line in [
            "h_bucket{le=\"0.001\"} 1",
            "h_bucket{le=\"0.005\"} 2",
            "h_bucket{le=\"300\"} 2",
            "h_bucket{le=\"+Inf\"} 3",
            "h_sum 400.003",
            "h_count 3",
        ] {
            assert!(text.lines().any(|one| one == line), "{line} is not in\n{text}");
        }
    }
}
