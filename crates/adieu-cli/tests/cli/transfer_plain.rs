//! `send --plain`: bytes alone, to a peer that answers no receipt.

use crate::adieu;
use crate::transfer::{Scene, checked, send};
use adieu_testkit::places;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::process::Stdio;

#[test]
fn plain_says_how_far_the_evidence_goes_and_no_more() {
    let scene = Scene::new();
    let file = scene.file("file", 100_000);
    let server = crate::Server::start(&["--output", &scene.word("target")]);
    let (code, said) = send(&["--plain", &file, &server.address]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("100000 of 100000 bytes acknowledged by the peer's TCP"), "{said}");
    assert!(said.contains("whether they are stored is not known"), "{said}");
    server.finish();
    assert!(scene.same("file", "target"));
    let server = crate::Server::start(&["--exec", "kill -9 $PPID"]);
    let (code, said) = send(&["--plain", &scene.file("large", 10_000_000), &server.address]);
    assert_eq!(code, Some(4), "{said}");
    assert!(said.contains("whether anything is stored is not known"), "{said}");
}

/// Sends plain to a peer that ends its side when it is told to, and ours ends before or after that.
fn plain_to_a_peer_that_ends(first: bool) -> Value {
    let listener = places::listener();
    let address = listener.local_addr().expect("it has one").to_string();
    let mut sender = adieu(&["send", "--plain", "-v", "--report", "json", "-", &address])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let feed = sender.stdin.take().expect("a pipe");
    let mut said = std::io::BufReader::new(sender.stderr.take().expect("a pipe"));
    let mut wait_for = |words: &str| {
        let mut line = String::new();
        while !line.contains(words) {
            line.clear();
            assert!(std::io::BufRead::read_line(&mut said, &mut line).expect("it is read") > 0, "{words}");
        }
        line
    };
    let (mut peer, _) = listener.accept().expect("it connects");
    if first {
        peer.shutdown(Shutdown::Write).expect("it can be ended");
        wait_for("the peer has ended its side");
    }
    (&feed).write_all(b"all of it").expect("it is taken");
    drop(feed);
    peer.read_to_end(&mut Vec::new()).expect("it ends");
    wait_for("our sending side is shut down");
    drop(peer);
    let report = wait_for("{\"report_version\"");
    checked(&report, sender.wait().expect("it can be waited for").code())
}

/// What a peer ended before our end says nothing of what it read after that.
#[test]
fn plain_claims_an_end_after_ours_only_of_a_peer_that_ended_after_us() {
    for (peer_is_first, words) in [
        (
            false,
            "9 of 9 bytes acknowledged by the peer's TCP, and it closed gracefully after our end; whether",
        ),
        (
            true,
            "9 of 9 bytes acknowledged by the peer's TCP, which had ended its side before it had our end; whether",
        ),
    ] {
        let report = plain_to_a_peer_that_ends(peer_is_first);
        assert_eq!(report["exit_code"], 0, "{report}");
        assert!(report["message"].as_str().is_some_and(|m| m.contains(words)), "{report}");
        assert_eq!(report["connection"]["peer_ended_after_us"], !peer_is_first, "{report}");
    }
}
