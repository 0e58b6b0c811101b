//! `send` and `receive` while one of them waits: for its own input or output, for a person, or for somebody else.

use crate::transfer::{Scene, checked, send, start, start_command};
use crate::{BOUND, adieu, signal, until};
use adieu_testkit::places;
use rustix::process::Signal;
use serde_json::Value;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;

/// Waits for its end, which closes its stderr; what is not bounded is killed, and the test fails.
pub(crate) fn ended(mut child: Child) -> (Option<i32>, String) {
    let mut stderr = child.stderr.take().expect("a pipe");
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        let mut said = String::new();
        let _ = tell.send(stderr.read_to_string(&mut said).map(|_| said));
    });
    let Ok(said) = told.recv_timeout(BOUND) else {
        child.kill().expect("it runs");
        panic!("it does not end: {:?}", told.recv());
    };
    (child.wait().expect("it can be waited for").code(), said.expect("it is read"))
}

/// Waits until so much is in a pipe, for which the kernel has no wake-up.
fn holds(pipe: impl AsFd, bytes: u64) {
    until("it does not come", || rustix::io::ioctl_fionread(&pipe).expect("it can be asked") >= bytes);
}

pub(crate) fn spawn(mut command: Command) -> Child {
    command.stderr(Stdio::piped()).spawn().expect("it starts")
}

#[test]
fn a_deadline_ends_a_sender_whose_input_is_silent() {
    let scene = Scene::new();
    places::fifo(&scene.path("fifo")).expect("there is room");
    // A pipe that somebody holds, and a FIFO that nobody has opened.
    for source in ["-", &scene.word("fifo")] {
        let receiver = scene.receive(&["--output", &scene.word("target")]);
        // Long enough to be connected to by, on a machine that is busy.
        let mut command = adieu(&["send", "--deadline", "2s", source, &receiver.address]);
        command.stdin(Stdio::piped());
        let mut sender = spawn(command);
        let held = sender.stdin.take();
        let (code, said) = ended(sender);
        assert_eq!((code, receiver.finish().0), (Some(5), Some(6)), "{source}: {said}");
        assert!(said.contains("no receipt: the deadline passed after 0 bytes sent"), "{source}: {said}");
        drop(held);
    }
}

#[test]
fn a_secret_that_does_not_come_or_does_not_end_is_waited_for_no_longer_than_the_deadline() {
    let scene = Scene::new();
    let (file, pipe) = (scene.file("file", 10), scene.path("pipe"));
    places::fifo(&pipe).expect("there is room");
    let of = |secret: &str| {
        ended(spawn(adieu(&["send", &file, "127.0.0.1:1", "--secret-file", secret, "--deadline", "300ms"])))
    };
    let (code, said) = of(&scene.word("pipe"));
    assert_eq!(code, Some(5), "{said}");
    assert!(said.contains("the deadline passed while waiting for the secret; nothing was sent"), "{said}");
    let (code, said) = of("/dev/zero");
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("a secret has at most 64 KiB"), "{said}");
}

#[test]
fn a_fifo_that_is_sent_plain_is_waited_for_no_longer_than_the_deadline() {
    let scene = Scene::new();
    places::fifo(&scene.path("fifo")).expect("there is room");
    let deadline = ["--deadline", "300ms"];
    let plain = ["send", "--plain", &scene.word("fifo"), "127.0.0.1:1"];
    let (code, said) = ended(spawn(adieu(&[&plain[..], &deadline].concat())));
    assert_eq!(code, Some(5), "{said}");
    assert!(said.contains("the deadline passed while opening "), "{said}");
}

#[test]
fn a_fifo_is_waited_for_until_a_writer_comes_or_a_signal() {
    let scene = Scene::new();
    places::fifo(&scene.path("fifo")).expect("there is room");
    for is_signalled in [true, false] {
        let receiver = scene.receive(&["--output", &scene.word("target")]);
        let mut sender =
            spawn(adieu(&["send", "-v", "--deadline", "20s", &scene.word("fifo"), &receiver.address]));
        let mut said = BufReader::new(sender.stderr.take().expect("a pipe"));
        let mut line = String::new();
        while line != "adieu: agreed on version 3\n" {
            line.clear();
            assert!(said.read_line(&mut line).expect("it is read") > 0, "it has ended");
        }
        if is_signalled {
            signal(&sender, Signal::INT);
        } else {
            std::fs::write(scene.path("fifo"), b"from a writer").expect("it is read from");
        }
        sender.stderr = Some(said.into_inner());
        let (code, said) = ended(sender);
        let codes = if is_signalled { [Some(130), Some(6)] } else { [Some(0), Some(0)] };
        assert_eq!([code, receiver.finish().0], codes, "{said}");
    }
    assert_eq!(std::fs::read(scene.path("target")).ok().as_deref(), Some(&b"from a writer"[..]));
}

#[test]
fn a_receiver_whose_reader_reads_nothing_hears_signals_and_the_deadline_and_does_not_begin_again() {
    let scene = Scene::new();
    let file = scene.file("file", 1_000_000);
    // What was written cannot be taken back, so there is no second attempt.
    for (deadline, code) in [(None, 143), (Some("500ms"), 5)] {
        let mut args = vec!["--output", "-", "--retry"];
        args.extend(deadline.into_iter().flat_map(|d| ["--deadline", d]));
        let mut receiver = scene.receive(&args);
        let sender = spawn(adieu(&["send", "-q", &file, &receiver.address]));
        let stdout = receiver.child.stdout.take().expect("a pipe");
        holds(&stdout, 4096);
        if deadline.is_none() {
            signal(&receiver.child, Signal::TERM);
        }
        let (their_code, heard) = ended(receiver.child);
        assert_eq!((their_code, ended(sender).0), (Some(code), Some(6)), "{heard}");
        drop(stdout);
    }
}

/// O_NONBLOCK belongs to the open file, and whoever shares it may have set it.
#[test]
fn an_output_that_does_not_block_gets_every_byte() {
    let scene = Scene::new();
    let file = scene.file("file", 1_000_000);
    let (reader, writer) = rustix::pipe::pipe().expect("there is room");
    rustix::io::ioctl_fionbio(&writer, true).expect("a pipe can be set so");
    let mut command = adieu(&["receive", "127.0.0.1:0", "--output", "-"]);
    command.stdout(writer);
    let receiver = start_command(scene.directory.path(), command);
    let sender = spawn(adieu(&["send", "--accept", "written", &file, &receiver.address]));
    holds(&reader, 60_000);
    let mut got = Vec::new();
    File::from(reader).read_to_end(&mut got).expect("it is read");
    let ((code, said), (their_code, heard)) = (ended(sender), ended(receiver.child));
    assert_eq!((code, their_code), (Some(0), Some(0)), "{said}{heard}");
    assert!(got == std::fs::read(&file).expect("it is there"));
}

#[test]
fn a_listening_sender_that_may_try_again_is_not_ended_by_a_stranger() {
    let scene = Scene::new();
    let (file, target) = (scene.file("file", 100_000), scene.word("target"));
    let args = ["send", "--listen", "--retry=3", "--secret", "x", &file, "127.0.0.1:0"];
    let sender = start(scene.directory.path(), &args);
    let mut stranger = TcpStream::connect(&sender.address).expect("it listens");
    stranger.write_all(b"GET / HTTP/1.0\r\n\r\n").expect("it is taken");
    stranger.shutdown(Shutdown::Write).expect("it can be ended");
    let end = stranger.read_to_end(&mut Vec::new()).map_err(|error| error.kind());
    assert_eq!(end, Err(std::io::ErrorKind::ConnectionReset), "nothing of it was taken");
    let receive = |secret| {
        let args = ["receive", "--connect", &sender.address, "--output", &target, "--secret", secret];
        adieu(&args).output().expect("it starts").status.code()
    };
    assert_eq!([receive("wrong"), receive("x")], [Some(6), Some(0)]);
    let (code, said, _) = sender.finish();
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(said.matches("; waiting for the next connection").count(), 2, "{said}");
    assert!(scene.same("file", "target"));
}

/// A receiver that agrees, takes everything and says nothing.
fn silent_receiver() -> (String, std::thread::JoinHandle<TcpStream>) {
    let listener = places::listener();
    let address = listener.local_addr().expect("it has one").to_string();
    let thread = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("it connects");
        stream.write_all(b"\x89adieu\n\x1a\0\x04\x01\x01\x02\0").expect("it is taken");
        stream.read_to_end(&mut Vec::new()).expect("it ends");
        stream
    });
    (address, thread)
}

#[test]
fn a_sender_that_is_interrupted_after_all_was_sent_does_not_say_that_it_is_not_stored() {
    let scene = Scene::new();
    let (address, receiver) = silent_receiver();
    let sender = spawn(adieu(&["send", &scene.file("file", 10_000), &address]));
    let stream = receiver.join().expect("no panic");
    signal(&sender, Signal::INT);
    let (code, said) = ended(sender);
    assert_eq!(code, Some(130), "{said}");
    assert!(said.contains("interrupted by SIGINT after 10000 bytes; it may or may not be stored"), "{said}");
    drop(stream);
}

/// The file may well be there, of an earlier time: what is known is that this transfer did not end.
#[test]
fn what_was_not_all_sent_is_not_said_to_be_missing() {
    let scene = Scene::new();
    let file = scene.file("file", 3_000_000);
    std::fs::copy(&file, scene.path("target")).expect("there is room");
    let receiver = scene.receive(&["--output", &scene.word("target")]);
    let args = ["send", "--limit-rate", "500K", "--deadline", "2s", &file, &receiver.address];
    let (code, said) = ended(spawn(adieu(&args)));
    assert_eq!((code, receiver.finish().0), (Some(5), Some(6)), "{said}");
    assert!(said.contains("bytes sent, which is not all of it"), "{said}");
}

#[test]
fn a_receivers_rate_is_kept_from_the_first_bytes_on() {
    let scene = Scene::new();
    let file = scene.file("file", 400_000);
    let args = ["--output", &scene.word("target"), "--limit-rate", "50K", "--deadline", "1s"];
    let receiver = scene.receive(&[&args[..], &["--report", "json"]].concat());
    let (code, said) = send(&["-q", &file, &receiver.address]);
    let (their_code, heard, _) = receiver.finish();
    assert_eq!((code, their_code), (Some(6), Some(5)), "{said}{heard}");
    let moved = checked(&heard, their_code)["bytes_moved"].as_u64().expect("a number");
    assert!(moved > 0 && moved < 120_000, "{moved} bytes in a second");
}

#[test]
fn names_do_not_reach_the_terminal_raw() {
    let scene = Scene::new();
    std::fs::create_dir(scene.path("d")).expect("there is room");
    places::fifo(&scene.path("d/\u{1b}[2Jfifo")).expect("there is room");
    let (code, said) = send(&[&scene.word("d"), "127.0.0.1:1"]);
    assert_eq!(code, Some(7), "{said}");
    assert!(said.contains("d/\\u{1b}[2Jfifo is neither a file, a directory nor a link"), "{said:?}");
    // What the receiver says of a name goes to both.
    std::fs::create_dir_all(scene.path("target/\u{1b}[2Jfile")).expect("there is room");
    let receiver = scene.receive(&["--output", &scene.word("target")]);
    let (code, said) = send(&[&scene.file("\u{1b}[2Jfile", 10), &receiver.address]);
    let (their_code, heard, _) = receiver.finish();
    assert_eq!((code, their_code), (Some(6), Some(7)), "{said}{heard}");
    for said in [said, heard] {
        assert!(said.contains("\\u{1b}[2Jfile is a directory"), "{said:?}");
    }
}

#[test]
fn without_a_terminal_no_bar_is_drawn() {
    let scene = Scene::new();
    let receiver = scene.receive(&["--output", &scene.word("target")]);
    let (code, said) = send(&["--report", "json", &scene.file("file", 100_000), &receiver.address]);
    assert_eq!(receiver.finish().0, Some(0));
    assert_eq!(said.lines().count(), 1, "{said}");
    assert_ne!(checked(&said, code)["hash"], Value::Null);
}
