//! `adieu explain --both` on connections of two real kernels, recorded on both sides of a box that is between them: what it says
//! against what the box did.

use crate::{run, text};
use adieu_testkit::box_between::{End, Packet, Progress, TRANSLATED_ADDRESS, Way};
use adieu_testkit::waits::{patient, until};
use serde_json::Value;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

/// The clock at the server is ahead.
const SKEW: Duration = Duration::from_millis(3_700);

/// What the client and the server do with their ends of the connection.
struct Deeds {
    client: fn(TcpStream),
    server: fn(TcpStream),
}

/// A request of 10,000 octets and an answer of 30,000; the server is the first to end.
const TALK: Deeds = Deeds {
    client: |mut stream| {
        stream.write_all(&[b'q'; 10_000]).expect("the server takes it");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("an orderly end");
        assert_eq!(answer.len(), 30_000);
    },
    server: |mut stream| {
        stream.read_exact(&mut [0; 10_000]).expect("the request comes");
        stream.write_all(&[b'a'; 30_000]).expect("the client takes it");
        stream.shutdown(Shutdown::Write).expect("connected");
        assert_eq!(stream.read(&mut [0]).expect("an orderly end"), 0);
    },
};

/// What `--both` says of the one connection that the two captures have.
fn told(
    test: &str,
    deeds: &Deeds,
    deed: impl FnMut(End, Packet) -> Vec<(End, Packet)> + Send,
    is_over: impl Fn(&Progress) -> bool + Send,
) -> Option<Value> {
    let way = Way::or_skip(test)?;
    let middle = way.set_up().expect("the box hears both hosts");
    let captures = thread::scope(|scope| {
        let way = &way;
        let carrying = scope.spawn(|| middle.carry(SKEW, deed, is_over).expect("it ends as expected"));
        let listening = scope.spawn(|| {
            way.enter(End::Server).expect("the namespace is there");
            TcpListener::bind(way.server_address()).expect("a port is free")
        });
        let listener = listening.join().expect("it listens");
        let address: SocketAddr = listener.local_addr().expect("an address");
        scope.spawn(move || {
            way.enter(End::Client).expect("the namespace is there");
            let stream = TcpStream::connect(address).expect("the box carries it");
            (deeds.client)(patient(stream));
        });
        scope.spawn(move || {
            listener.set_nonblocking(true).expect("it can be set");
            let mut come = None;
            until("no client has come", || {
                come = listener.accept().ok();
                come.is_some()
            });
            let (stream, _) = come.expect("it is there");
            (deeds.server)(patient(stream));
        });
        carrying.join().expect("the box does not panic")
    });
    let directory = tempfile::tempdir().expect("there is room for a directory");
    let [a, b] = ["client.pcap", "server.pcap"].map(|name| directory.path().join(name));
    let mut found = Vec::new();
    for (path, capture) in [&a, &b].into_iter().zip(&captures) {
        std::fs::write(path, capture).expect("there is room");
    }
    let [a, b] = [a, b].map(|path| path.to_str().expect("UTF-8").to_owned());
    // The order of the captures is no matter.
    for (order, nearer, ahead) in [([&a, &b], "a", 3_700_000_000_i64), ([&b, &a], "b", -3_700_000_000)] {
        let output = run(&["explain", "--both", "--format", "json", order[0], order[1]], b"");
        assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
        let out = text(&output.stdout);
        let lines: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        let [one] = &lines[..] else { panic!("{out}") };
        assert_eq!((&one["in"], &one["paired_by"]), (&"both".into(), &"both_numbers".into()), "{one}");
        assert_eq!(one["nearer_to_client"], nearer, "{one}");
        let clock = |key: &str| one["clock"][key].as_i64().expect("the clocks are aligned");
        assert!((clock("b_ahead_ns") - ahead).abs() <= clock("uncertainty_ns"), "{one}");
        assert_eq!((&one["c2s"]["hops"], &one["s2c"]["hops"]), (&1.into(), &1.into()), "{one}");
        assert_eq!(one["changes"], Value::Array(Vec::new()), "{one}");
        found.push(one.clone());
    }
    assert_eq!(found[0]["ending"], found[1]["ending"]);
    Some(found.swap_remove(0))
}

/// What is not in both captures, in all.
fn not_in_both(one: &Value) -> u64 {
    ["c2s", "s2c"].iter().map(|way| of(one, way, "segments") - of(one, way, "in_both")).sum()
}

fn of(one: &Value, way: &str, key: &str) -> u64 {
    one[way][key].as_u64().expect("a number")
}

fn passes(from: End, packet: Packet) -> Vec<(End, Packet)> {
    vec![(from.other(), packet)]
}

#[test]
fn an_orderly_end_through_a_box_is_the_same_on_both_sides() {
    let name = "an_orderly_end_through_a_box_is_the_same_on_both_sides";
    let Some(one) = told(name, &TALK, passes, Progress::both_have_ended) else { return };
    assert_eq!(
        (&one["ending"], &one["agree"], &one["rst_by"]),
        (&"graceful".into(), &true.into(), &"-".into())
    );
    assert_eq!((not_in_both(&one), &one["events"]), (0, &Value::Array(Vec::new())), "{one}");
    assert_eq!(
        (&one["client_translated"], &one["server_translated"]),
        (&false.into(), &false.into()),
        "{one}"
    );
    assert!(of(&one, "c2s", "segments") >= 10 && of(&one, "s2c", "segments") >= 24, "{one}");
}

/// The box answers the client's second data by an RST in the server's name, as a packet filter that rejects does, and sends the
/// server one in the client's.
#[test]
fn a_reset_of_a_box_is_the_boxs() {
    let deeds = Deeds {
        client: |mut stream| {
            stream.write_all(b"hello").expect("our kernel accepts it");
            stream.read_exact(&mut [0; 5]).expect("the server answers");
            stream.write_all(b"again").expect("our kernel accepts it");
            assert_eq!(stream.read(&mut [0]).expect_err("a reset").kind(), ErrorKind::ConnectionReset);
        },
        server: |mut stream| {
            stream.read_exact(&mut [0; 5]).expect("the client speaks");
            stream.write_all(b"world").expect("our kernel accepts it");
            assert_eq!(stream.read(&mut [0]).expect_err("a reset").kind(), ErrorKind::ConnectionReset);
        },
    };
    let (mut first, mut rejected) = (None, false);
    let deed = move |from: End, packet: Packet| {
        let has_data = from == End::Client && packet.payload_len() > 0;
        if !has_data || *first.get_or_insert(packet.sequence()) == packet.sequence() {
            return passes(from, packet);
        }
        if std::mem::replace(&mut rejected, true) {
            return vec![];
        }
        vec![(End::Client, packet.rejection()), (End::Server, packet.abort())]
    };
    let Some(one) =
        told("a_reset_of_a_box_is_the_boxs", &deeds, deed, |progress| progress.resets_to == [1, 1])
    else {
        return;
    };
    assert_eq!((&one["ending"], &one["rst_by"]), (&"reset".into(), &"middlebox".into()), "{one}");
    let said = one["sentence"].as_str().expect("text");
    assert!(said.starts_with("something between A and B reset the connection"), "{said}");
    for reset in one["resets"].as_array().expect("a list") {
        assert_eq!((&reset["fate"], &reset["by"]), (&"injected".into(), &"middlebox".into()), "{one}");
    }
    assert_eq!(one["resets"].as_array().map(Vec::len), Some(2), "{one}");
}

#[test]
fn a_segment_that_a_box_lost_is_the_only_one_that_is_not_on_both_sides() {
    let (mut data, mut lost) = (0, false);
    let deed = move |from: End, packet: Packet| {
        data += u32::from(from == End::Server && packet.payload_len() > 0);
        // The third with data of the server, once.
        if data == 3 && !std::mem::replace(&mut lost, true) { vec![] } else { passes(from, packet) }
    };
    let name = "a_segment_that_a_box_lost_is_the_only_one_that_is_not_on_both_sides";
    let Some(one) = told(name, &TALK, deed, Progress::both_have_ended) else { return };
    assert_eq!(
        (&one["ending"], &one["agree"], &one["rst_by"]),
        (&"graceful".into(), &true.into(), &"-".into())
    );
    assert_eq!((not_in_both(&one), of(&one, "c2s", "segments")), (1, of(&one, "c2s", "in_both")), "{one}");
    // A way of microseconds repairs a loss so soon that the asking for it is told from no reordering.
    assert_eq!(of(&one, "s2c", "lost") + of(&one, "s2c", "lost_or_missed"), 1, "{one}");
    assert_eq!(of(&one, "s2c", "missing_at_end_bytes"), 0, "{one}");
    assert_eq!(one["events"][0]["from"], "server", "{one}");
    assert!(one["events"][0]["bytes"].as_u64().is_some_and(|bytes| (1..=1448).contains(&bytes)), "{one}");
}

#[test]
fn a_translated_address_is_told() {
    let deed = |from: End, mut packet: Packet| {
        if from == End::Client {
            packet.set_source(TRANSLATED_ADDRESS);
        } else {
            packet.set_destination("192.0.2.1".parse().expect("an address"));
        }
        passes(from, packet)
    };
    let Some(one) = told("a_translated_address_is_told", &TALK, deed, Progress::both_have_ended) else {
        return;
    };
    assert_eq!((&one["ending"], not_in_both(&one)), (&"graceful".into(), 0), "{one}");
    assert_eq!(
        (&one["client_translated"], &one["server_translated"]),
        (&true.into(), &false.into()),
        "{one}"
    );
    let client = one["client_in_b"].as_str().expect("an address");
    assert_eq!((&one["client"], client.split(':').next()), (&"192.0.2.1".into(), Some("192.0.2.9")), "{one}");
}

/// The server closes with octets unread: the RST is its own, and passes the box.
#[test]
fn a_reset_that_passed_a_box_is_its_senders() {
    let deeds = Deeds {
        client: |mut stream| {
            stream.write_all(&[b'q'; 1_000]).expect("our kernel accepts it");
            assert_eq!(stream.read(&mut [0]).expect_err("a reset").kind(), ErrorKind::ConnectionReset);
        },
        server: |stream| {
            // There is something that it leaves unread.
            assert_eq!(stream.peek(&mut [0]).expect("the client speaks"), 1);
        },
    };
    let name = "a_reset_that_passed_a_box_is_its_senders";
    let Some(one) = told(name, &deeds, passes, |progress| progress.resets_to[0] == 1) else { return };
    assert_eq!(
        (&one["ending"], &one["rst_by"], &one["agree"]),
        (&"reset".into(), &"server".into(), &true.into()),
        "{one}"
    );
    assert_eq!((&one["resets"][0]["fate"], not_in_both(&one)), (&"both".into(), 0), "{one}");
}
