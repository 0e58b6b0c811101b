//! Each connection has a number, and with the feature `tracing` a span of that number with its steps.

use crate::arms::on_both;
use adieu::ConnectOptions;
use adieu_testkit::peer::Step::{Close, Hold, ReceiveToEof, Send};
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::io::Write;
use std::sync::{Arc, Mutex};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// What a subscriber was told, in words.
#[derive(Default)]
struct Told {
    spans: Vec<Fields>,
    events: Vec<(Level, Fields)>,
}

type Fields = BTreeMap<&'static str, String>;

/// Notes every span and event of ours. A span's number is its place in the list.
#[derive(Clone, Default)]
struct Recorder(Arc<Mutex<Told>>);

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

impl Subscriber for Recorder {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "adieu" || metadata.target() == "test"
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut fields = Fields::new();
        span.record(&mut Fill(&mut fields));
        fields.insert("span", span.metadata().name().to_owned());
        if span.is_contextual() {
            fields.insert("is within", "the caller's".to_owned());
        }
        let mut told = self.0.lock().expect("nobody panics with it");
        told.spans.push(fields);
        Id::from_u64(told.spans.len() as u64)
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        values.record(&mut Fill(&mut self.0.lock().expect("nobody panics with it").spans[place(span)]));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields::new();
        event.record(&mut Fill(&mut fields));
        let mut told = self.0.lock().expect("nobody panics with it");
        let span = event.parent().expect("every event is told in its connection's span");
        let id = told.spans[place(span)]["id"].clone();
        fields.insert("in", id);
        told.events.push((*event.metadata().level(), fields));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[test]
fn a_connection_has_a_span_with_its_steps_and_its_ending() {
    on_both(|arm| {
        let recorder = Recorder::default();
        let told = Arc::clone(&recorder.0);
        let (id, report) = tracing::subscriber::with_default(recorder, || {
            let (mut open, _peer) = arm.to_peer(&[ReceiveToEof, Send(10), Close], &ConnectOptions::new());
            open.write_all(b"ping").expect("taken");
            (open.id(), open.shutdown_send().expect("connected").drain())
        });
        assert!(report.is_graceful(), "{report}");
        let told = told.lock().expect("nobody panics with it");
        let [span] = &told.spans[..] else { panic!("one connection: {:?}", told.spans) };
        let text = |address: Option<&adieu::Address>| address.map(ToString::to_string).expect("it has one");
        for (field, expected) in [
            ("span", "connection".to_owned()),
            ("id", id.to_string()),
            ("role", "connect".to_owned()),
            ("endpoint", report.endpoint.clone()),
            ("local", text(report.local_address.as_ref())),
            ("peer", text(report.peer_address.as_ref())),
            ("is within", "the caller's".to_owned()),
        ] {
            assert_eq!(span.get(field), Some(&expected), "{field} of {span:?}");
        }
        assert!(told.events.iter().all(|(_, fields)| fields["in"] == id.to_string()), "{:?}", told.events);
        let steps: Vec<_> =
            told.events.iter().map(|(level, fields)| (*level, fields["message"].as_str())).collect();
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
        let (_, ending) =
            told.events.iter().find(|(level, _)| *level == Level::INFO).expect("looked for above");
        assert_eq!((ending["ending"].as_str(), ending["phase"].as_str()), ("graceful", "closing"));
        assert_eq!((ending["bytes_accepted"].as_str(), ending["bytes_received"].as_str()), ("4", "10"));
    });
}

#[test]
fn an_ending_that_is_not_graceful_is_a_warning() {
    on_both(|arm| {
        let recorder = Recorder::default();
        let told = Arc::clone(&recorder.0);
        tracing::subscriber::with_default(recorder, || {
            let (open, _peer) = arm.to_peer(&[Hold], &ConnectOptions::new());
            drop(open);
            let nobody = adieu_testkit::places::refusing(([127, 0, 0, 1], 0).into()).expect("loopback");
            assert!(arm.connect(&nobody.0.into(), &ConnectOptions::new()).is_err());
        });
        let told = told.lock().expect("nobody panics with it");
        let endings: Vec<_> = told
            .events
            .iter()
            .filter(|(level, _)| *level == Level::WARN)
            .map(|(_, f)| &f["ending"])
            .collect();
        assert_eq!(endings, ["indeterminate", "no_connection"], "{:?}", told.events);
        assert!(told.events.iter().any(|(_, fields)| fields["message"] == "attempt failed"));
    });
}

#[test]
fn a_connection_has_a_number_of_its_own() {
    on_both(|arm| {
        let [(one, _p), (other, _q)] = [(); 2].map(|()| arm.to_std(&ConnectOptions::new()));
        assert_ne!(one.id(), other.id());
        let (id, handle) = (one.id(), one.ending_handle());
        let half = one.shutdown_send().expect("connected");
        assert_eq!((half.id(), handle.id()), (id, id), "it stays the same");
    });
}
