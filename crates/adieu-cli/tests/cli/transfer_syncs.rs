//! A receiver whose disk fails or is slow: strace makes its syncs fail and last.

use crate::transfer::{Listening, Scene, send, start_command};
use crate::{ADIEU, signal, until};
use adieu_testkit::skip::counterpart;
use rustix::process::{Pid, Signal, kill_process};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// A receiver with that done to its system calls. `None`: there is no strace here.
fn receive(test: &str, scene: &Scene, inject: &str, args: &[&str]) -> Option<Listening> {
    let mut command = Command::new(counterpart(test, "strace")?);
    // As a grandchild, so that what was started is the receiver itself.
    command.args(["-D", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync,syncfs", "-e"]);
    command.arg(format!("inject={inject}")).args([ADIEU, "receive", "127.0.0.1:0", "--output"]).args(args);
    Some(start_command(scene.directory.path(), command))
}

fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).expect("it is there");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("it is there").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Waits until it has begun to sync.
fn syncs(receiver: &Listening) {
    let tasks = format!("/proc/{}/task", receiver.child.id());
    until("it does not sync", || {
        std::fs::read_dir(&tasks).expect("it runs").flatten().any(|task| {
            std::fs::read_to_string(task.path().join("comm")).is_ok_and(|name| name.trim() == "adieu-sync")
        })
    });
}

/// Waits until it has ended, but for the sync under way. Then the tracer goes, which would hold that up for all its time, as a
/// slow disk does: the system lets nobody wait for a process of which a thread is still in a call.
fn end(receiver: Listening) -> (Option<i32>, String) {
    let status = |field: &str| -> String {
        let status = std::fs::read_to_string(format!("/proc/{}/status", receiver.child.id()))
            .expect("no one has waited");
        let line = status.lines().find_map(|line| line.strip_prefix(field)).expect("every process has it");
        line.split_whitespace().next().expect("it has a value").to_owned()
    };
    until("it does not end", || status("State:") == "Z");
    let tracer = status("TracerPid:").parse().expect("a number");
    // It may have ended with what it traced.
    if let Some(tracer) = Pid::from_raw(tracer) {
        let _ = kill_process(tracer, Signal::KILL);
    }
    let (code, heard, _) = receiver.finish();
    (code, heard)
}

#[test]
fn after_a_failed_sync_no_partial_is_kept() {
    let scene = Scene::new();
    let file = scene.file("file", 100_000);
    std::fs::create_dir(scene.path("tree")).expect("there is room");
    for file in 0..20 {
        scene.file(&format!("tree/f{file}"), 100);
    }
    for (sent, into, said) in [
        (file, "one", "cannot sync file: input/output error (EIO 5); its partial is removed"),
        (scene.word("tree"), "many", "cannot sync"),
    ] {
        std::fs::create_dir(scene.path(into)).expect("there is room");
        let test = "after_a_failed_sync_no_partial_is_kept";
        let failing = "fsync,syncfs:error=EIO:when=1";
        let Some(receiver) = receive(test, &scene, failing, &[&scene.word(into), "--resume"]) else { return };
        let (code, words) = crate::transfer::send(&["--resume", &sent, &receiver.address]);
        let (their_code, heard, _) = receiver.finish();
        assert_eq!((code, their_code), (Some(6), Some(7)), "{words}{heard}");
        assert!(heard.contains(said) && heard.contains("it is no longer known how much"), "{heard}");
        // Nor the directory that was made for them.
        assert_eq!(names(&scene.path(into)), [""; 0]);
    }
}

#[test]
fn a_failed_sync_of_a_directory_says_what_is_true_and_which_one() {
    let scene = Scene::new();
    let file = scene.file("file", 1000);
    std::fs::create_dir(scene.path("d")).expect("there is room");
    let test = "a_failed_sync_of_a_directory_says_what_is_true_and_which_one";
    let Some(receiver) = receive(test, &scene, "fsync:error=EIO:when=2", &[&scene.word("d")]) else { return };
    assert_eq!(send(&[&file, &receiver.address]).0, Some(6));
    let (code, heard, _) = receiver.finish();
    assert_eq!(code, Some(7), "{heard}");
    let said = format!(
        "cannot sync the directory {}: input/output error (EIO 5); what came is there",
        scene.word("d")
    );
    assert!(heard.contains(&said) && heard.contains("without --resume"), "{heard}");
    assert!(scene.same("file", "d/file"));
}

#[test]
fn a_signal_during_a_long_sync_ends_the_receiver_and_nothing_is_renamed() {
    let scene = Scene::new();
    let file = scene.file("file", 1000);
    let test = "a_signal_during_a_long_sync_ends_the_receiver_and_nothing_is_renamed";
    let long = "fsync:delay_enter=60000000:when=1";
    let Some(receiver) = receive(test, &scene, long, &[&scene.word("target")]) else { return };
    let (address, sending) = (receiver.address.clone(), file);
    let sender = std::thread::spawn(move || send(&[&sending, &address]));
    syncs(&receiver);
    let began = Instant::now();
    signal(&receiver.child, Signal::TERM);
    let (code, heard) = end(receiver);
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert_eq!(code, Some(143), "{heard}");
    let said = "interrupted by SIGTERM after 1000 bytes while they were synced; nothing of it is stored";
    assert!(heard.contains(said), "{heard}");
    assert_eq!(names(scene.directory.path()), ["file", "port"]);
    assert_eq!(sender.join().expect("it does not panic").0, Some(6));
}

#[test]
fn a_deadline_ends_a_long_sync() {
    let scene = Scene::new();
    let file = scene.file("file", 1000);
    let long = "fsync:delay_enter=60000000:when=1";
    let args = [&scene.word("target"), "--deadline", "300ms"];
    let Some(receiver) = receive("a_deadline_ends_a_long_sync", &scene, long, &args) else { return };
    assert_eq!(send(&[&file, &receiver.address]).0, Some(6));
    let (code, heard) = end(receiver);
    assert_eq!(code, Some(5), "{heard}");
    assert!(heard.contains("not stored: the deadline passed"), "{heard}");
    assert_eq!(names(scene.directory.path()), ["file", "port"]);
}

#[test]
fn a_signal_when_the_file_has_its_name_lets_the_receipt_be_sent() {
    let scene = Scene::new();
    let file = scene.file("file", 1000);
    let test = "a_signal_when_the_file_has_its_name_lets_the_receipt_be_sent";
    let long = "fsync:delay_enter=200000:when=2";
    let Some(receiver) = receive(test, &scene, long, &[&scene.word("target")]) else { return };
    let (address, sending) = (receiver.address.clone(), file);
    let sender = std::thread::spawn(move || send(&[&sending, &address]));
    until("it is not renamed", || scene.path("target").exists());
    signal(&receiver.child, Signal::TERM);
    let (code, heard, _) = receiver.finish();
    let (their_code, said) = sender.join().expect("it does not panic");
    assert_eq!((code, their_code), (Some(0), Some(0)), "{heard}{said}");
    assert!(
        !heard.contains("does not know") && said.starts_with("adieu: stored: 1000 bytes"),
        "{heard}{said}"
    );
}

#[test]
fn a_second_signal_during_a_sync_of_names_ends_the_receiver_at_once() {
    for signals in [&[Signal::TERM][..], &[Signal::TERM, Signal::INT]] {
        let scene = Scene::new();
        let file = scene.file("file", 1000);
        let test = "a_second_signal_during_a_sync_of_names_ends_the_receiver_at_once";
        let long = "fsync:delay_enter=60000000:when=2";
        let Some(receiver) = receive(test, &scene, long, &[&scene.word("target")]) else { return };
        let (address, sending) = (receiver.address.clone(), file);
        let sender = std::thread::spawn(move || send(&[&sending, &address]));
        until("it is not renamed", || scene.path("target").exists());
        let began = Instant::now();
        for one in signals {
            signal(&receiver.child, *one);
        }
        let (code, heard) = end(receiver);
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
        assert!(matches!(code, Some(143 | 130)), "{code:?} {heard}");
        // Only the first lets it say anything.
        assert_eq!(heard.contains("it may or may not be stored"), signals.len() == 1, "{heard}");
        assert_eq!(sender.join().expect("it does not panic").0, Some(6));
    }
}
