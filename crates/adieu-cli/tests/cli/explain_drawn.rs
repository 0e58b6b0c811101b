//! `adieu explain` on a dump of adieu: what its calls showed is told, and nothing that only a wire has.

use crate::{run, text};
use adieu_testkit::places::listener;
use adieu_testkit::schema::Schema;
use adieu_testkit::waits::{patient, reset};
use serde_json::Value;
use std::io::{Read, Write};
use std::thread;

/// How the server ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// After the client has, by its FIN.
    Orderly,
    /// By an RST, as soon as the client has spoken.
    Reset,
}

/// Makes a dump of a connection to a server that takes a line and answers with ten octets.
pub(crate) fn dumped(path: &str, end: End) {
    let listener = listener();
    let endpoint = listener.local_addr().expect("an address").to_string();
    thread::scope(|scope| {
        scope.spawn(move || {
            let mut stream = patient(listener.accept().expect("a client comes").0);
            stream.read_exact(&mut [0; 6]).expect("a line");
            stream.write_all(b"ten octets").expect("there is room");
            match end {
                End::Orderly => assert_eq!(stream.read(&mut [0]).expect("an orderly end"), 0),
                End::Reset => reset(stream),
            }
        });
        let output = run(&["connect", "--dump", path, &endpoint], b"hello\n");
        assert_eq!(output.status.success(), end == End::Orderly, "{}", text(&output.stderr));
    });
}

fn told(end: End) -> (Value, String) {
    let directory = tempfile::tempdir().expect("there is room for a directory");
    let path = directory.path().join("dump.pcapng");
    let path = path.to_str().expect("UTF-8");
    dumped(path, end);
    let output = run(&["explain", "--format", "json", path], b"");
    assert_eq!(output.status.code(), Some(0));
    let drawn =
        format!("adieu: {path}: adieu wrote this capture: its segments are drawn from a program's calls");
    assert!(text(&output.stderr).starts_with(&drawn), "{}", text(&output.stderr));
    let one = Schema::of("explain").checked(text(&output.stdout).trim_end());
    assert_eq!((&one["drawn"], &one["handshake_us"]), (&true.into(), &Value::Null), "{one}");
    for unknown in ["ended_first", "close_notify", "tls"] {
        assert_eq!(
            (&one[unknown], &one["unknown"][unknown]["reason"]),
            (&Value::Null, &"drawn".into()),
            "{one}"
        );
    }
    assert_eq!([&one["unread_server"], &one["unread_client"]], [&Value::Null; 2], "{one}");
    let out = text(&run(&["explain", path], b"").stdout);
    for made_up in [
        "TTL",
        "IP identification",
        "segment,",
        "segments,",
        "sent again",
        "handshake",
        "t ended first",
        "same time",
    ] {
        assert!(!out.contains(made_up), "{made_up}: {out}");
    }
    (one, out)
}

#[test]
fn an_orderly_end_in_a_dump_does_not_show_who_ended_first() {
    let (one, out) = told(End::Orderly);
    assert_eq!(
        (&one["ending"], &one["grades"]["ending"]),
        (&"graceful".into(), &"concluded".into()),
        "{one}"
    );
    assert_eq!(
        (&one["unacked_c2s"], &one["c2s"]["sent"], &one["s2c"]["sent"]),
        (&0.into(), &6.into(), &10.into()),
        "{one}"
    );
    assert!(
        out.contains("  seen       adieu wrote this capture: its segments are drawn from a program's calls"),
        "{out}"
    );
    assert!(out.contains(" both ended, both by FIN: 6 of 6 bytes of the client and 10 of 10 bytes of the server were acknowledged.\n"), "{out}");
}

#[test]
fn a_reset_in_a_dump_does_not_show_who_sent_it_or_why() {
    let (one, out) = told(End::Reset);
    assert_eq!((&one["ending"], &one["rst_kind"]), (&"reset".into(), &Value::Null), "{one}");
    assert_eq!(
        (&one["grades"]["rst_by"], &one["unknown"]["rst_kind"]["reason"]),
        (&"hinted".into(), &"drawn".into()),
        "{one}"
    );
    assert_eq!(
        (&one["resets"][0]["signs"], &one["resets"][0]["candidates"]),
        (&Value::Array(vec![]), &Value::Array(vec![])),
        "{one}"
    );
    assert!(out.contains(" probably reset the connection"), "{out}");
    assert!(out.contains("bytes of the client and "), "{out}");
    assert!(out.contains("A capture of the wire would tell more."), "{out}");
}
