//! With the feature `tracing` each connection has a span with its number and its steps.
//!
//! These tests have a process of their own. `tracing` asks a subscriber once whether it wants a span. If a thread without one
//! makes a connection at that moment, the answer may be lost.

// The functions of its arms that only the other tests use.
#[expect(dead_code, reason = "it is shared with the tests of the library")]
#[path = "library/arms.rs"]
mod arms;

use adieu::ConnectOptions;
use adieu_testkit::peer::Step::{Close, Hold, ReceiveToEof, Send};
use arms::on_both;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::io::Write;
use std::sync::{Mutex, MutexGuard, OnceLock};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

type Fields = BTreeMap<&'static str, String>;

/// A span and the events in it.
#[derive(Clone, Default)]
struct Told {
    span: Fields,
    events: Vec<(Level, Fields)>,
}

/// Notes every span and event of ours. A span's number is its place in the list.
#[derive(Default)]
struct Recorder(Mutex<Vec<Told>>);

/// Installed before this process makes its first connection.
fn recorder() -> &'static Recorder {
    static RECORDER: OnceLock<&Recorder> = OnceLock::new();
    RECORDER.get_or_init(|| {
        let recorder: &Recorder = Box::leak(Box::default());
        tracing::subscriber::set_global_default(recorder).expect("it is the first");
        recorder
    })
}

impl Recorder {
    fn spans(&self) -> MutexGuard<'_, Vec<Told>> {
        self.0.lock().expect("nobody panics with it")
    }

    /// What was told of the last connection whose span has this field.
    fn told(&self, field: &str, value: &str) -> Told {
        let spans = self.spans();
        let told = spans.iter().rfind(|told| told.span.get(field).is_some_and(|known| known == value));
        told.cloned().expect("its span was told")
    }
}

struct Fill<'a>(&'a mut Fields);

impl Visit for Fill<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }
}

fn place(id: &Id) -> usize {
    usize::try_from(id.into_u64() - 1).expect("a place")
}

impl Subscriber for &'static Recorder {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "adieu"
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut fields = Fields::new();
        span.record(&mut Fill(&mut fields));
        fields.insert("span", span.metadata().name().to_owned());
        if span.is_contextual() {
            fields.insert("is within", "the caller's".to_owned());
        }
        let mut spans = self.spans();
        spans.push(Told { span: fields, events: Vec::new() });
        Id::from_u64(spans.len() as u64)
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        values.record(&mut Fill(&mut self.spans()[place(span)].span));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields::new();
        event.record(&mut Fill(&mut fields));
        let span = event.parent().expect("every event is told in its connection's span");
        self.spans()[place(span)].events.push((*event.metadata().level(), fields));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[test]
fn a_connection_has_a_span_with_its_steps_and_its_ending() {
    recorder();
    on_both(|arm| {
        let (mut open, _peer) = arm.to_peer(&[ReceiveToEof, Send(10), Close], &ConnectOptions::new());
        open.write_all(b"ping").expect("taken");
        let id = open.id();
        let report = open.shutdown_send().expect("connected").drain();
        assert!(report.is_graceful(), "{report}");
        let Told { span, events } = recorder().told("id", &id.to_string());
        let text = |address: Option<&adieu::Address>| address.map(ToString::to_string).expect("it has one");
        for (field, expected) in [
            ("span", "connection".to_owned()),
            ("role", "connect".to_owned()),
            ("endpoint", report.endpoint.clone()),
            ("local", text(report.local_address.as_ref())),
            ("peer", text(report.peer_address.as_ref())),
            ("is within", "the caller's".to_owned()),
        ] {
            assert_eq!(span.get(field), Some(&expected), "{field} of {span:?}");
        }
        let steps: Vec<_> =
            events.iter().map(|(level, fields)| (*level, fields["message"].as_str())).collect();
        for step in [
            (Level::DEBUG, "connecting"),
            (Level::DEBUG, "connected"),
            (Level::TRACE, "sent"),
            (Level::DEBUG, "sending side shut down"),
            (Level::TRACE, "received"),
            (Level::DEBUG, "end of the peer's stream"),
            (Level::INFO, report.to_string().as_str()),
        ] {
            assert!(steps.contains(&step), "{step:?} in {steps:?}");
        }
        let (_, ending) = events.iter().find(|(level, _)| *level == Level::INFO).expect("looked for above");
        assert_eq!((ending["ending"].as_str(), ending["phase"].as_str()), ("graceful", "closing"));
        assert_eq!((ending["bytes_accepted"].as_str(), ending["bytes_received"].as_str()), ("4", "10"));
    });
}

#[test]
fn an_ending_that_is_not_graceful_is_a_warning() {
    fn endings(told: &Told) -> Vec<&str> {
        let warnings = told.events.iter().filter(|(level, _)| *level == Level::WARN);
        warnings.map(|(_, fields)| fields["ending"].as_str()).collect()
    }
    recorder();
    on_both(|arm| {
        let (open, _peer) = arm.to_peer(&[Hold], &ConnectOptions::new());
        let id = open.id();
        drop(open);
        assert_eq!(endings(&recorder().told("id", &id.to_string())), ["indeterminate"]);
        let (nobody, _held) = adieu_testkit::places::refusing(([127, 0, 0, 1], 0).into()).expect("loopback");
        assert!(arm.connect(&nobody.into(), &ConnectOptions::new()).is_err());
        let told = recorder().told("endpoint", &nobody.to_string());
        assert_eq!(endings(&told), ["no_connection"]);
        assert!(told.events.iter().any(|(_, fields)| fields["message"] == "attempt failed"));
    });
}
