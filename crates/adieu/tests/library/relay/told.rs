//! What is told of a relay, as a sentence and as JSON.

use super::{Setup, on_both};
use crate::arms::runtime;
use adieu::{ConnectOptions, ListenOptions, RelayOptions, RelayReport};
use adieu_testkit::schema::Schema;
use serde_json::Value;
use socket2::SockRef;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::Duration;

/// A report's JSON, which fits its schema and is read as what it was written from.
fn json_of(report: &RelayReport) -> Value {
    let schema = Schema::of("relay-report");
    let json = serde_json::to_value(report).expect("plain data");
    assert_eq!(schema.faults(&json), [""; 0], "{json}");
    let mut other = json.clone();
    other["a_to_b"]["end"] = "torn".into();
    assert!(!schema.is_valid(&other));
    let error = serde_json::from_value::<RelayReport>(other).expect_err("no such end");
    assert_eq!(error.to_string(), "the end 'torn' is not known");
    assert_eq!(&serde_json::from_value::<RelayReport>(json.clone()).expect("it was just written"), report);
    json
}

#[test]
fn a_whole_relay_is_told_with_both_reports_and_both_directions() {
    on_both(|setup: Setup| {
        let (mut client, mut server, relaying) = setup.pair();
        client.write_all(b"x").expect("there is room");
        client.shutdown(Shutdown::Write).expect("connected");
        server.read_to_end(&mut Vec::new()).expect("an EOF");
        drop(server);
        client.read_to_end(&mut Vec::new()).expect("an EOF");
        drop(client);
        let report = relaying.join().expect("no panic");
        let json = json_of(&report);
        assert_eq!((&json["graceful"], &json["a_to_b"]["end"]), (&true.into(), &"whole".into()));
        assert_eq!(json["a"], serde_json::to_value(&report.a).expect("plain data"));
        let said = report.to_string();
        assert!(said.starts_with("a: graceful: 1 byte received"), "{said}");
        assert!(
            said.ends_with("a to b: 1 byte, passed on whole; b to a: 0 bytes, passed on whole"),
            "{said}"
        );
    });
}

#[test]
fn a_cut_says_where_and_how() {
    on_both(|setup: Setup| {
        let (mut client, mut server, relaying) = setup.pair();
        server.write_all(b"half an answer").expect("there is room");
        client.read_exact(&mut [0; 14]).expect("it is passed on");
        SockRef::from(&server).set_linger(Some(Duration::ZERO)).expect("it is a TCP socket");
        drop(server);
        let _ = client.read_to_end(&mut Vec::new());
        let report = relaying.join().expect("no panic");
        let json = json_of(&report);
        assert_eq!((&json["graceful"], &json["b"]["ending"]), (&false.into(), &"reset".into()));
        let ends = (&json["a_to_b"]["end"], &json["b_to_a"]["end"]);
        assert_eq!(ends, (&"cut_at_sink".into(), &"cut_at_source".into()));
        let said = report.to_string();
        let (up, down) = ("cut at its sink (reset by the peer)", "cut at its source (reset by the peer)");
        assert!(said.ends_with(&format!("a to b: 0 bytes, {up}; b to a: 14 bytes, {down}")), "{said}");
    });
}

/// A relay looks at the clock once for each turn, and while it sleeps there are none.
#[test]
fn a_relay_that_is_dropped_is_told_with_the_time_at_which_it_was() {
    const ASLEEP: Duration = Duration::from_millis(60);
    let upstream = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let onward = upstream.local_addr().expect("bound").into();
    let report = runtime().block_on(async {
        let place = "127.0.0.1:0".parse().expect("an endpoint");
        let listener = adieu::tokio::Listener::bind(&place, &ListenOptions::new()).await.expect("loopback");
        let at = listener.local_endpoint().to_string();
        let _client = TcpStream::connect(at).expect("it listens");
        let client = listener.accept().await.expect("a client");
        let server = adieu::tokio::connect(&onward, &ConnectOptions::new()).await.expect("it listens");
        let ending = client.ending_handle();
        let options = RelayOptions::new();
        let relaying = adieu::tokio::relay(client, server, &options);
        tokio::time::timeout(ASLEEP, relaying).await.expect_err("both are silent");
        ending.try_report().expect("it is over")
    });
    assert!(report.ended_after >= ASLEEP, "{report:?}");
}
