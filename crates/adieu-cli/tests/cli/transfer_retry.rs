//! `send` and `receive` that try again: when, for how long, and what they say in the end.

use crate::transfer::{Listening, Scene, checked, send};
use crate::transfer_harm::{Harm, proxies, proxy};
use crate::transfer_waits::{ended, spawn};
use crate::{BOUND, adieu, refusing, signal};
use adieu_testkit::places;
use rustix::process::Signal;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpStream;
use std::process::Child;
use std::time::{Duration, Instant};

/// Reads what it says up to a line with these words.
pub(crate) fn says(child: &mut Child, words: &str) {
    let mut said = BufReader::with_capacity(1, child.stderr.take().expect("a pipe"));
    let (mut line, mut all) = (String::new(), String::new());
    while !line.contains(words) {
        line.clear();
        let n = said.read_line(&mut line).expect("it is read");
        assert!(n > 0, "it has ended, and never said: {words}: {all}");
        all += &line;
    }
    child.stderr = Some(said.into_inner());
}

#[test]
fn a_silent_receiver_is_given_up_in_time_without_a_drain_and_tried_again() {
    let scene = Scene::new();
    let listener = places::listener();
    let address = listener.local_addr().expect("it has one").to_string();
    let args =
        ["--retry=1", "--idle-timeout", "200ms", "--report", "json", &scene.file("file", 1000), &address];
    let began = Instant::now();
    let (code, said) = send(&args);
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert_eq!(code, Some(5), "{said}");
    let report = checked(&said, code);
    let sentence = "nothing was transferred: the peer said nothing for 200 ms: it may be an older one that is busy, \
                    or is no adieu receive";
    assert_eq!((report["message"].as_str(), &report["result"]), (Some(sentence), &"silent".into()));
    assert_eq!(report["attempts"], 2);
    for _ in 0..2 {
        let (mut stream, _) = listener.accept().expect("it connected");
        // The hello, and no end: it was given up.
        assert!(stream.read_to_end(&mut Vec::new()).is_err());
    }
}

/// It says nothing, and neither do nc and its like.
#[test]
fn to_a_plain_listener_the_hint_says_who_must_be_there() {
    let scene = Scene::new();
    let listener = crate::Server::start(&[]);
    let (code, said) = send(&["--idle-timeout", "200ms", &scene.file("file", 10), &listener.address]);
    assert_eq!(code, Some(5), "{said}");
    assert!(
        said.contains("hint: the other side must be adieu receive; to one that takes bytes alone"),
        "{said}"
    );
    assert_eq!(listener.finish().0.code(), Some(4));
}

#[test]
fn a_receiver_gives_a_silent_stranger_up_and_waits_for_the_next() {
    let scene = Scene::new();
    let (file, target) = (scene.file("file", 1000), scene.word("target"));
    let limit = ["--idle-timeout", "1s", "--output", &target];
    let receiver = scene.receive(&limit);
    let stranger = TcpStream::connect(&receiver.address).expect("it listens");
    let (code, heard, _) = receiver.finish();
    assert_eq!(code, Some(5), "{heard}");
    assert!(heard.contains("the peer said nothing for 1 s: it may be an older one"), "{heard}");
    assert!(heard.contains("or is no adieu send"), "{heard}");
    drop(stranger);

    let mut receiver = scene.receive(&[&limit[..], &["--retry=1"]].concat());
    let stranger = TcpStream::connect(&receiver.address).expect("it listens");
    says(&mut receiver.child, "; waiting for the next connection");
    let (code, said) = send(&[&file, &receiver.address]);
    assert_eq!((code, ended(receiver.child).0), (Some(0), Some(0)), "{said}");
    drop(stranger);
}

#[test]
fn a_link_that_is_put_at_the_output_between_two_attempts_is_not_followed() {
    let scene = Scene::new();
    std::fs::create_dir(scene.path("tree")).expect("there is room");
    std::fs::create_dir(scene.path("elsewhere")).expect("there is room");
    std::fs::write(scene.path("tree/file"), "content").expect("there is room");
    let target = scene.word("target");
    let mut receiver = scene.receive(&["--retry=1", "--output", &target]);
    drop(TcpStream::connect(&receiver.address).expect("it listens"));
    says(&mut receiver.child, "still listening");
    std::os::unix::fs::symlink(scene.path("elsewhere"), &target).expect("links can be made");
    let (code, said) = send(&[&scene.word("tree"), &receiver.address]);
    assert_eq!((code, ended(receiver.child).0), (Some(6), Some(7)), "{said}");
    assert!(
        said.contains("is a link now, and was no directory when this began: it is not followed"),
        "{said}"
    );
    assert_eq!(std::fs::read_dir(scene.path("elsewhere")).expect("it is there").count(), 0);
}

#[test]
fn what_may_be_stored_is_not_forgotten_when_a_later_attempt_finds_nobody() {
    let scene = Scene::new();
    let (file, target) = (scene.file("file", 100_000), scene.word("target"));
    let receiver = scene.receive(&["--output", &target]);
    let (address, proxy) = proxy(&receiver.address, Harm::LoseReceipt);
    let (code, said) = send(&["--retry=1", "--report", "json", &file, &address]);
    proxy.join().expect("it does not panic");
    assert_eq!((code, receiver.finish().0), (Some(6), Some(0)), "{said}");
    let report = checked(&said, code);
    assert_eq!((&report["result"], &report["attempts"]), (&"no_receipt".into(), &2.into()));
    assert_eq!((&report["bytes_moved"], &report["bytes"]), (&100_000.into(), &100_000.into()));
    let message = report["message"].as_str().expect("a sentence");
    assert!(message.contains("it may or may not have stored it; then no connection to"), "{message}");
}

#[test]
fn what_was_sent_in_part_is_not_forgotten_when_a_later_attempt_finds_nobody() {
    let scene = Scene::new();
    let (file, target) = (scene.file("file", 30_000_000), scene.word("target"));
    let receiver = scene.receive(&["--output", &target]);
    let (address, proxy) = proxy(&receiver.address, Harm::Cut(2_000_000));
    let (code, said) = send(&["--retry=1", "--report", "json", &file, &address]);
    proxy.join().expect("it does not panic");
    assert_eq!((code, receiver.finish().0), (Some(6), Some(6)), "{said}");
    let report = checked(&said, code);
    assert!(report["bytes_moved"].as_u64().is_some_and(|n| n > 0), "{report}");
    let message = report["message"].as_str().expect("a sentence");
    assert!(message.contains("which is not all of it; then no connection to"), "{message}");
}

/// The sender's end comes with a reset, so that the receiver knows that its answer is not heard.
fn unheard(scene: &Scene, harms: Vec<Harm>) -> (Listening, String, std::thread::JoinHandle<()>) {
    // It reads the end so late that the reset is there.
    let args = ["--retry", "--limit-rate", "2K", "--output", &scene.word("target")];
    let receiver = scene.receive(&args);
    let (address, proxy) = proxies(&receiver.address, harms);
    (receiver, address, proxy)
}

#[test]
fn a_receiver_that_has_stored_waits_for_the_sender_that_does_not_know() {
    let scene = Scene::new();
    let file = scene.file("file", 400);
    let (receiver, address, proxy) = unheard(&scene, vec![Harm::Vanish, Harm::None]);
    let (code, said) = send(&["--retry=1", &file, &address]);
    proxy.join().expect("it does not panic");
    let (their_code, heard, _) = receiver.finish();
    assert_eq!((code, their_code), (Some(0), Some(0)), "{said}{heard}");
    assert!(heard.contains("; waiting for the next connection, for 240 s at most: it is stored"), "{heard}");
    assert!(said.contains("all of it there already"), "{said}");
    assert!(scene.same("file", "target"));
}

#[test]
fn a_receiver_that_waits_although_it_has_stored_exits_0_when_it_is_interrupted() {
    let scene = Scene::new();
    let file = scene.file("file", 400);
    let (mut receiver, address, proxy) = unheard(&scene, vec![Harm::Vanish]);
    assert_eq!(send(&["-q", &file, &address]).0, Some(6));
    proxy.join().expect("it does not panic");
    says(&mut receiver.child, "s at most: it is stored");
    signal(&receiver.child, Signal::INT);
    let (code, heard) = ended(receiver.child);
    assert_eq!(code, Some(0), "{heard}");
    assert!(heard.contains("adieu: stored: 400 bytes in 1 file"), "{heard}");
}

#[test]
fn what_is_damaged_on_the_way_is_sent_again() {
    let scene = Scene::new();
    let (file, target) = (scene.file("file", 1_000_000), scene.word("target"));
    for secret in [&[][..], &["--secret", "x"]] {
        let receiver = scene.receive(&[&["--output", &target, "--retry=1"], secret].concat());
        let (address, proxy) = proxies(&receiver.address, vec![Harm::Flip(4_000_000), Harm::None]);
        let (code, said) = send(&[&["--retry=1", &file, &address], secret].concat());
        proxy.join().expect("it does not panic");
        let (their_code, heard, _) = receiver.finish();
        assert_eq!((code, their_code), (Some(0), Some(0)), "{said}{heard}");
        assert!(said.contains("trying again in 1 s"), "{said}");
        assert!(scene.same("file", "target"));
        std::fs::remove_file(&target).expect("it is there");
    }
}

#[test]
fn a_patience_beyond_the_end_of_time_is_none() {
    let scene = Scene::new();
    let listener = places::listener();
    let address = listener.local_addr().expect("it has one").to_string();
    let gone = std::thread::spawn(move || drop(listener.accept().expect("it connects")));
    let (code, said) = send(&["--idle-timeout", "9999999999999999999s", &scene.file("file", 100), &address]);
    assert_eq!(code, Some(6), "{said}");
    gone.join().expect("it does not panic");
}

#[test]
fn a_signal_between_two_attempts_is_the_ending() {
    let scene = Scene::new();
    let (file, target) = (scene.file("file", 100), scene.word("target"));
    let (nobody, _held) = refusing();
    let sender = ["send", "--retry", &file, &nobody];
    let receiver = ["receive", "--retry", "--connect", &nobody, "--output", &target];
    for (args, by, code) in [(&sender[..], Signal::INT, 130), (&receiver[..], Signal::TERM, 143)] {
        let mut command = adieu(args);
        command.args(["--report", "json"]);
        let mut child = spawn(command);
        says(&mut child, "; trying again in 1 s");
        signal(&child, by);
        let (ended, said) = ended(child);
        assert_eq!(ended, Some(code), "{said}");
        let report = checked(&said, ended);
        assert_eq!(report["result"], "interrupted", "{said}");
        let message = report["message"].as_str().expect("a sentence");
        assert!(message.contains(" while waiting to try again: no connection to"), "{message}");
    }
}

#[test]
fn the_deadline_bounds_the_command_and_not_only_a_connection() {
    let scene = Scene::new();
    let (file, target) = (scene.file("file", 100), scene.word("target"));
    let (nobody, _held) = refusing();
    let limits = ["--deadline", "1500ms", "--report", "json"];
    for (args, during) in [
        (&["send", "--retry", &file, &nobody][..], "the deadline passed while waiting to try again"),
        (
            &["receive", "127.0.0.1:0", "--output", &target],
            "the deadline passed while waiting for a connection",
        ),
        (&["send", "--listen", &file, "127.0.0.1:0"], "the deadline passed while waiting for a connection"),
    ] {
        let mut command = adieu(args);
        command.args(limits);
        let began = Instant::now();
        let (code, said) = ended(spawn(command));
        assert_eq!(code, Some(5), "{said}");
        assert!(began.elapsed() < BOUND / 2, "{:?}", began.elapsed());
        let report = checked(&said, code);
        assert!(report["message"].as_str().is_some_and(|m| m.contains(during)), "{said}");
    }
}

#[test]
fn a_number_that_was_meant_for_retry_is_hinted_at() {
    let scene = Scene::new();
    let (file, target) = (scene.file("file", 100), scene.word("target"));
    for (args, code) in [
        (&["send", "--retry", "3", &*file, "127.0.0.1:1"][..], 7),
        (&["receive", "--retry", "3", "--output", &target], 2),
        (&["receive", "--retry", "3", "127.0.0.1:0", "--output", &target], 2),
    ] {
        let (ended, said) = ended(spawn(adieu(args)));
        assert_eq!(ended, Some(code), "{said}");
        assert!(said.contains("hint: for 3 retries write --retry=3"), "{said}");
    }
}
