//! A side that listens, among clients that are not the one it waits for.

use crate::transfer::{Scene, send, start};
use crate::transfer_harm::{Harm, RECEIPT, frames_until, hello, proxy};
use crate::transfer_retry::says;
use crate::transfer_waits::{ended, spawn};
use crate::{BOUND, adieu, text};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

/// The hello of a sender of this version, without a secret.
fn sender_says(version: u8) -> Vec<u8> {
    [&b"\x89adieu\n\x1a"[..], &[0, 4, 1, version, 1, 0]].concat()
}

#[test]
fn who_guesses_is_silent_or_trickles_neither_ends_a_receiver_nor_keeps_the_right_sender_waiting() {
    let scene = Scene::new();
    let (file, target) = (scene.file("file", 100_000), scene.word("target"));
    let receiver = scene.receive(&["--retry=1", "--secret", "right", "--output", &target]);
    let began = Instant::now();
    let _silent: Vec<TcpStream> =
        (0..3).map(|_| TcpStream::connect(&receiver.address).expect("it listens")).collect();
    let mut trickling = TcpStream::connect(&receiver.address).expect("it listens");
    trickling.write_all(b"\x89ad").expect("it is taken");
    for _ in 0..3 {
        let (code, said) = send(&["--secret", "wrong", &file, &receiver.address]);
        assert_eq!(code, Some(6), "{said}");
    }
    let (code, said) = send(&["--secret", "right", &file, &receiver.address]);
    let (their_code, heard, _) = receiver.finish();
    assert_eq!((code, their_code), (Some(0), Some(0)), "{said}{heard}");
    assert!(began.elapsed() < BOUND, "{:?}", began.elapsed());
    assert_eq!(heard.matches("the secrets of the two sides are not the same").count(), 3, "{heard}");
    assert!(scene.same("file", "target"));
}

#[test]
fn a_listening_sender_is_not_held_up_either() {
    let scene = Scene::new();
    let (file, target) = (scene.file("file", 100_000), scene.word("target"));
    let args = ["send", "--listen", "--retry=1", "--secret", "right", &file, "127.0.0.1:0"];
    let sender = start(scene.directory.path(), &args);
    let _silent = TcpStream::connect(&sender.address).expect("it listens");
    let receive = |secret| {
        let args = ["receive", "--connect", &sender.address, "--output", &target, "--secret", secret];
        ended(spawn(adieu(&args)))
    };
    for _ in 0..2 {
        assert_eq!(receive("wrong").0, Some(6));
    }
    let (code, heard) = receive("right");
    let (their_code, said, _) = sender.finish();
    assert_eq!((code, their_code), (Some(0), Some(0)), "{said}{heard}");
}

#[test]
fn guesses_become_slow() {
    let scene = Scene::new();
    let (file, target) = (scene.file("file", 10), scene.word("target"));
    let receiver = scene.receive(&["--retry", "--secret", "right", "--output", &target]);
    let began = Instant::now();
    for _ in 0..4 {
        assert_eq!(send(&["--secret", "wrong", &file, &receiver.address]).0, Some(6));
    }
    // A quarter of a second after the first, and twice as long each time.
    assert!(began.elapsed() >= Duration::from_millis(1750), "{:?}", began.elapsed());
    assert_eq!(send(&["--secret", "right", &file, &receiver.address]).0, Some(0));
    assert_eq!(receiver.finish().0, Some(0));
}

#[test]
fn a_sender_that_gives_up_uses_no_retry_up() {
    let scene = Scene::new();
    let (file, target) = (scene.file("file", 1000), scene.word("target"));
    let receiver = scene.receive(&["--retry=1", "--output", &target]);
    for _ in 0..4 {
        let mut stranger = TcpStream::connect(&receiver.address).expect("it listens");
        let begin = [&[1, 0, 0, 0, 9, 0][..], &[0xFF; 8]].concat();
        let abort = [&[0x0A, 0, 0, 0, 2][..], b"no"].concat();
        stranger.write_all(&[sender_says(2), begin, abort].concat()).expect("it is taken");
        stranger.shutdown(Shutdown::Write).expect("it can be ended");
        stranger.read_to_end(&mut Vec::new()).expect("it ends");
    }
    let (code, said) = send(&["--retry=1", &file, &receiver.address]);
    let (their_code, heard, _) = receiver.finish();
    assert_eq!((code, their_code), (Some(0), Some(0)), "{said}{heard}");
    assert_eq!(heard.matches("the sender gave up (no)").count(), 4, "{heard}");
}

#[test]
fn a_client_that_leaves_without_a_byte_is_told_of_and_the_next_is_waited_for() {
    let scene = Scene::new();
    let (file, target) = (scene.file("file", 1000), scene.word("target"));
    for (tls, its_tls) in [(&[][..], &[][..]), (&["--self-signed"], &["--tls", "--insecure"])] {
        let receiver = scene.receive(&[&["--output", &target], tls].concat());
        drop(TcpStream::connect(&receiver.address).expect("it listens"));
        let (code, said) = send(&[its_tls, &["--retry=1", &file, &receiver.address]].concat());
        let (their_code, heard, _) = receiver.finish();
        assert_eq!((code, their_code), (Some(0), Some(0)), "{said}{heard}");
        // The sender may have been quicker than the news.
        let left = "has left without a byte; still listening (--accept-first takes the first client)";
        assert!(heard.contains(left) || heard.matches("connection from").count() == 2, "{heard}");

        let receiver = scene.receive(&[&["--output", &target, "--accept-first"], tls].concat());
        drop(TcpStream::connect(&receiver.address).expect("it listens"));
        let (code, heard, _) = receiver.finish();
        assert!(matches!(code, Some(3 | 6)), "{code:?}: {heard}");
    }
    let sender = start(scene.directory.path(), &["send", "--listen", &file, "127.0.0.1:0"]);
    drop(TcpStream::connect(&sender.address).expect("it listens"));
    let args = ["receive", "--connect", &sender.address, "--output", &target];
    let (code, heard) = ended(spawn(adieu(&args)));
    assert_eq!((code, sender.finish().0), (Some(0), Some(0)), "{heard}");
}

#[test]
fn a_second_sender_is_told_that_the_receiver_is_busy() {
    let scene = Scene::new();
    let (file, target) = (scene.file("file", 600_000), scene.word("target"));
    for secret in [&[][..], &["--secret", "x"]] {
        let receiver = scene.receive(&[&["--output", &target], secret].concat());
        let (address, relay) = proxy(&receiver.address, Harm::None);
        let first = spawn(adieu(&[&["send", "--limit-rate", "150K", &file, &address], secret].concat()));
        crate::until("nothing comes", || {
            std::fs::read_dir(scene.directory.path())
                .expect("it is there")
                .any(|entry| entry.expect("it is there").file_name() == ".target.adieu-partial")
        });
        let began = Instant::now();
        let (code, said) = send(&[secret, &[&*file, &receiver.address]].concat());
        assert_eq!(code, Some(6), "{said}");
        assert!(said.contains("the peer is busy with another transfer"), "{said}");
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        if secret.is_empty() {
            // One that does not know what the hello says of it.
            let mut old = TcpStream::connect(&receiver.address).expect("it listens");
            old.write_all(&sender_says(1)).expect("it is taken");
            assert_eq!(hello(&old)[13], 2);
            let receipt = text(&frames_until(RECEIPT, &old));
            assert!(receipt.contains("busy with another transfer"), "{receipt}");
        }
        let (code, said) = ended(first);
        relay.join().expect("it does not panic");
        let (their_code, heard, _) = receiver.finish();
        assert_eq!((code, their_code), (Some(0), Some(0)), "{said}{heard}");
        assert!(heard.contains("was told that this side is busy"), "{heard}");
        std::fs::remove_file(&target).expect("it is there");
    }
}

#[test]
fn a_peer_that_is_no_sender_is_not_told_that_its_bytes_were_taken() {
    let scene = Scene::new();
    let receiver = scene.receive(&["--output", &scene.word("target")]);
    // A plain upload is neither drained nor ended by a FIN.
    let output = crate::run(&["connect", "-q", &receiver.address], &vec![b'x'; 3_000_000]);
    assert_eq!(output.status.code(), Some(4), "{}", crate::text(&output.stderr));
    assert_eq!(receiver.finish().0, Some(6));

    // A listener that is no receiver does not take the hello for a whole stream.
    let file = scene.file("some", 1000);
    let listener = crate::Server::start(&["--output", &scene.word("taken"), "--client-grace", "0s"]);
    let (code, said) = crate::transfer::send(&[&file, &listener.address]);
    assert_eq!(code, Some(6), "{said}");
    assert_eq!(listener.finish().0.code(), Some(4));
}

#[test]
fn a_stranger_that_only_says_hello_neither_ends_a_receiver_that_may_go_on_nor_keeps_the_sender_waiting() {
    let scene = Scene::new();
    let (file, target) = (scene.file("file", 1000), scene.word("target"));
    let limit = ["--idle-timeout", "1s", "--output", &target];
    let receiver = scene.receive(&limit);
    let mut stranger = TcpStream::connect(&receiver.address).expect("it listens");
    // The beginning of a BEGIN is none.
    stranger.write_all(&[sender_says(2), vec![1, 0, 0]].concat()).expect("it is taken");
    let (code, heard) = ended(receiver.child);
    assert_eq!(code, Some(5), "{heard}");
    assert!(heard.contains("the sender said who it is, and then nothing for 1 s"), "{heard}");

    // Three of them use up no retry, and one that is heard has no place.
    let mut receiver = scene.receive(&[&limit[..], &["--retry=1"]].concat());
    for _ in 0..3 {
        let mut stranger = TcpStream::connect(&receiver.address).expect("it listens");
        stranger.write_all(&sender_says(2)).expect("it is taken");
        says(&mut receiver.child, "; waiting for the next connection");
    }
    let mut stranger = TcpStream::connect(&receiver.address).expect("it listens");
    stranger.write_all(&sender_says(2)).expect("it is taken");
    assert_eq!(hello(&stranger).len(), 14);
    let (code, said) = send(&["--retry=0", &file, &receiver.address]);
    assert_eq!((code, ended(receiver.child).0), (Some(0), Some(0)), "{said}");
}

#[test]
fn a_sender_begins_before_its_input_does() {
    let scene = Scene::new();
    let target = scene.word("target");
    for secret in [&[][..], &["--secret", "x"]] {
        for source in ["-", "--exec=read line; echo \"$line\""] {
            let mut receiver = scene.receive(&[&["-v", "--output", &target], secret].concat());
            let mut command = adieu(&[&["send", source, &receiver.address], secret].concat());
            command.stdin(std::process::Stdio::piped());
            let mut sender = spawn(command);
            let mut input = sender.stdin.take().expect("a pipe");
            // It has begun, although it has sent nothing of a file.
            says(&mut receiver.child, "agreed on version");
            input.write_all(b"late\n").expect("it is read");
            drop(input);
            let (code, said) = ended(sender);
            assert_eq!((code, receiver.finish().0), (Some(0), Some(0)), "{said}");
            assert_eq!(std::fs::read(&target).expect("it is there"), b"late\n");
        }
    }
}

/// Descriptors are missing, or memory for a thread: whoever comes then waits, and is served when they are there again.
#[cfg(target_os = "linux")]
#[test]
fn what_is_missing_for_a_moment_makes_a_sender_wait_and_does_not_end_the_receiver() {
    use rustix::process::{Pid, Resource, Rlimit, prlimit};
    let scene = Scene::new();
    let (file, target) = (scene.file("file", 1000), scene.word("target"));
    for resource in [Resource::Nofile, Resource::As] {
        let mut receiver = scene.receive(&["--output", &target]);
        let id = Some(Pid::from_child(&receiver.child));
        let few = if resource == Resource::Nofile {
            5
        } else {
            // A little is left, but not enough for the stack of a thread.
            crate::mapped(&receiver.child) + (1 << 20)
        };
        let maximum = rustix::process::getrlimit(resource).maximum;
        let before = prlimit(id, resource, Rlimit { current: Some(few), maximum }).expect("it is ours");
        let sender = spawn(adieu(&["send", &file, &receiver.address]));
        says(&mut receiver.child, "; clients wait until that is over");
        prlimit(id, resource, before).expect("it is ours");
        let (code, said) = ended(sender);
        let (their_code, heard) = ended(receiver.child);
        assert_eq!((code, their_code), (Some(0), Some(0)), "{said}{heard}");
        std::fs::remove_file(&target).expect("it is there");
    }
}
