//! What `send` takes as its words, and what it sends besides files: stdin, and what a command gives.

use crate::transfer::{Scene, send, start};
use crate::transfer_waits::{ended, spawn};
use crate::{adieu, signal};
use rustix::process::Signal;
use std::process::Stdio;

#[test]
fn a_host_and_a_port_may_be_two_words() {
    let scene = Scene::new();
    let (file, target) = (scene.file("file", 1000), scene.word("target"));
    let receiver = scene.receive(&["--output", &target]);
    let (host, port) = receiver.address.split_once(':').expect("an address");
    let (code, said) = send(&[&file, host, port]);
    assert_eq!((code, receiver.finish().0), (Some(0), Some(0)), "{said}");
    assert!(scene.same("file", "target"));
}

#[test]
fn what_could_be_meant_otherwise_is_refused_with_what_to_write() {
    let scene = Scene::new();
    let (file, other) = (scene.file("file", 10), scene.file("other", 10));
    for (args, words) in [
        (&[&*file, &other][..], "is a file, and the receiver's endpoint is missing"),
        (&[&file, &other, "9000"], "is a file here; if it is a host, write"),
        (&[&file, "9000"], "'9000' is only a port"),
        (&[&file, "nobody"], "'nobody' has no port: write nobody:PORT"),
        (&[&file], "send takes what to send and where to"),
        (&["--exec", "true", &file, "127.0.0.1:1"], "give no files with it"),
        (&["--exec", "true", "--plain", "127.0.0.1:1"], "cannot be used together"),
    ] {
        let (code, said) = send(args);
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains(words), "{words}: {said}");
        assert!(!said.contains("write other:PORT"), "{said}");
    }
}

#[test]
fn what_a_command_gives_is_stored_only_if_it_exits_with_0() {
    let scene = Scene::new();
    let target = scene.word("target");
    for (command, codes, content) in [
        ("printf content; exit 0", [Some(0), Some(0)], Some(&b"content"[..])),
        // It has closed its output, and fails later.
        ("printf half; exec >&-; sleep 0.3; exit 3", [Some(7), Some(6)], None),
        ("printf half; kill -9 $$", [Some(7), Some(6)], None),
        ("exit 1", [Some(7), Some(6)], None),
        ("true", [Some(0), Some(0)], Some(b"")),
    ] {
        let receiver = scene.receive(&["--output", &target]);
        let (code, said) = send(&["--exec", command, &receiver.address]);
        let (their_code, heard, _) = receiver.finish();
        assert_eq!([code, their_code], codes, "{command}: {said}{heard}");
        assert_eq!(std::fs::read(&target).ok().as_deref(), content, "{command}");
        if content.is_none() {
            let why = if command.contains("kill") { "signal: 9" } else { "exit status: " };
            assert!(said.contains("the command failed") && said.contains(why), "{said}");
            assert!(heard.contains("the sender gave up (the command failed"), "{heard}");
        }
        let _ = std::fs::remove_file(&target);
    }
}

#[test]
fn a_command_has_a_name_for_what_it_gives_and_two_words_for_the_receiver() {
    let scene = Scene::new();
    std::fs::create_dir(scene.path("directory")).expect("there is room");
    let receiver = scene.receive(&["--output", &scene.word("directory")]);
    let (host, port) = receiver.address.split_once(':').expect("an address");
    let (code, said) = send(&["--exec", "echo content", "--name", "dump.sql", host, port]);
    assert_eq!((code, receiver.finish().0), (Some(0), Some(0)), "{said}");
    assert_eq!(std::fs::read(scene.path("directory/dump.sql")).ok().as_deref(), Some(&b"content\n"[..]));
}

#[test]
fn a_signal_ends_a_sender_whose_command_is_silent() {
    let scene = Scene::new();
    let receiver = scene.receive(&["--output", &scene.word("target")]);
    let begun = scene.word("begun");
    let command = format!("echo > {begun}; exec sleep 60");
    let sender = spawn(adieu(&["send", "--exec", &command, &receiver.address]));
    crate::until("the command does not begin", || std::path::Path::new(&begun).exists());
    signal(&sender, Signal::TERM);
    assert_eq!([ended(sender).0, receiver.finish().0], [Some(143), Some(6)]);
    assert!(!scene.path("target").exists());
}

#[test]
fn a_command_that_is_sent_is_stopped_with_all_that_it_started() {
    for why in ["signal", "deadline", "failure"] {
        let scene = Scene::new();
        let mut receiver = scene.receive(&["--output", &scene.word("target")]);
        let (begun, told) = (scene.path("begun"), scene.path("told"));
        let command = format!(
            "(trap '' TERM; sleep 60 | cat) & trap 'echo > {}; exit' TERM; echo > {}; while :; do sleep 0.05; done",
            told.display(),
            begun.display()
        );
        let deadline: &[_] = if why == "deadline" { &["--deadline", "2s"] } else { &[] };
        // All of it has the sender's stderr, which has an end only when they are gone.
        let sender = spawn(adieu(&[&["send", "--exec", &command, &receiver.address], deadline].concat()));
        crate::until("the command does not begin", || begun.exists());
        match why {
            "signal" => signal(&sender, Signal::TERM),
            "failure" => receiver.child.kill().expect("it runs"),
            _ => {}
        }
        let code = if why == "signal" {
            143
        } else if why == "deadline" {
            5
        } else {
            6
        };
        let (ended, said) = ended(sender);
        assert_eq!(ended, Some(code), "{why}: {said}");
        assert!(told.exists(), "{why}: it was killed before it was told to end");
        receiver.finish();
    }
}

#[test]
fn a_command_from_a_variable_yields_to_files_that_are_written() {
    let scene = Scene::new();
    let (file, target) = (scene.file("file", 1000), scene.word("target"));
    for has_file in [true, false] {
        let receiver = scene.receive(&["--output", &target]);
        let (host, port) = receiver.address.split_once(':').expect("an address");
        let words = if has_file { [&*file, &receiver.address] } else { [host, port] };
        let mut sender = adieu(&[&["send"], &words[..]].concat());
        let output = sender.env("ADIEU_SEND_EXEC", "echo content").output().expect("it starts");
        let said = crate::text(&output.stderr);
        assert_eq!((output.status.code(), receiver.finish().0), (Some(0), Some(0)), "{said}");
        assert_eq!(scene.same("file", "target"), has_file);
    }
}

#[test]
fn accept_first_is_for_the_side_that_listens() {
    for args in [
        &["send", "--accept-first", "x", "127.0.0.1:1"][..],
        &["receive", "--accept-first", "--connect", "127.0.0.1:1", "--output", "x"],
    ] {
        let output = adieu(args).output().expect("it starts");
        let said = crate::text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("--accept-first is for the side that listens"), "{said}");
    }
}

#[test]
fn an_empty_stdin_is_said() {
    let scene = Scene::new();
    let receiver = scene.receive(&["--output", &scene.word("target")]);
    let sender = adieu(&["send", "-", &receiver.address]).stdin(Stdio::null()).output().expect("it starts");
    assert_eq!((sender.status.code(), receiver.finish().0), (Some(0), Some(0)));
    let said = crate::text(&sender.stderr);
    assert!(said.contains("stdin was empty: what was sent has no content"), "{said}");
}

#[test]
fn tls_on_one_side_alone_is_named_by_both() {
    let scene = Scene::new();
    let (file, target) = (scene.file("file", 10), scene.word("target"));
    let receiver = scene.receive(&["--output", &target, "--self-signed"]);
    let (code, said) = send(&[&file, &receiver.address]);
    assert_eq!(code, Some(6), "{said}");
    assert!(said.contains("the peer speaks TLS, and this side does not"), "{said}");
    let (_, heard, _) = receiver.finish();
    assert!(heard.contains("it must speak TLS to this port"), "{heard}");

    let receiver = scene.receive(&["--output", &target]);
    let (code, said) = send(&["--tls", "--insecure", &file, &receiver.address]);
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("which is not TLS: leave TLS out"), "{said}");
    let (code, heard, _) = receiver.finish();
    assert_eq!(code, Some(6), "{heard}");
    assert!(heard.contains("the peer begins a TLS handshake, and this side listens without TLS"), "{heard}");

    let sender = start(scene.directory.path(), &["send", "--listen", "--self-signed", &file, "127.0.0.1:0"]);
    let args = ["receive", "--connect", &sender.address, "--output", &target];
    let (code, heard) = ended(spawn(adieu(&args)));
    assert_eq!(code, Some(6), "{heard}");
    assert!(heard.contains("the peer speaks TLS, and this side does not"), "{heard}");
    sender.finish();
}

#[test]
fn what_the_other_side_has_and_this_one_has_not_is_hinted_at_with_its_option() {
    const SECRET: &str = "  hint: give the secret with --secret-file or ADIEU_SECRET\n";
    const SPEAK: &str = "  hint: write tls:// before the endpoint, or --tls\n";
    const BOTH: &str = "  hint: leave tls:// or --tls out there, or give this side --cert or --self-signed\n";
    let scene = Scene::new();
    let (file, target) = (scene.file("file", 10), scene.word("target"));
    for (listens, connects, ours, theirs) in [
        (&["--secret", "x"][..], &[][..], Some(SECRET), None),
        (&[], &["--secret", "x"], None, Some(SECRET)),
        (&["--self-signed"], &[], Some(SPEAK), None),
        (&[], &["--tls", "--insecure"], None, Some(BOTH)),
    ] {
        let receiver = scene.receive(&[&["--output", &target], listens].concat());
        let (_, said) = send(&[connects, &[&file, &receiver.address]].concat());
        let (_, heard, _) = receiver.finish();
        for (text, hint) in [(said, ours), (heard, theirs)] {
            assert_eq!(hint.is_some_and(|hint| text.ends_with(hint)), hint.is_some(), "{text}");
            assert!(hint.is_some() || !text.contains("hint:"), "{text}");
        }
    }
    // In JSON too.
    let receiver = scene.receive(&["--output", &target, "--secret", "x"]);
    let (_, said) = send(&["--report", "json", &file, &receiver.address]);
    assert!(said.contains("\"hint\":\"give the secret with --secret-file or ADIEU_SECRET\""), "{said}");
    receiver.finish();
    // A receiver that waits for the next one says it at each.
    let receiver = scene.receive(&["--output", &target, "--retry=1"]);
    for _ in 0..2 {
        send(&["--tls", "--insecure", &file, &receiver.address]);
    }
    assert_eq!(send(&[&file, &receiver.address]).0, Some(0));
    let (_, heard, _) = receiver.finish();
    assert_eq!(heard.matches(BOTH).count(), 2, "{heard}");
}
