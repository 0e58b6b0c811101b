//! Real processes, killed with SIGKILL at chosen moments; the other side runs here, over loopback.
//!
//! The process that is killed is this test binary, started again with one test and what it has to do in its environment.

use crate::memory::BOUND;
use crate::support::{How, content, go_on, partials, place, write};
use adieu::{ConnectOptions, Endpoint, Limits, ListenOptions, Listener};
use adieu_transfer::{
    ReceiveOptions, SendOptions, Sources, Storage, TransferEvent, TransferOutcome, Verdict, Wire,
};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

const TASK: &str = "ADIEU_TEST_TASK";
const SIZE: usize = 4_000_000;

/// When a process kills itself: at the first event of that name, or when so many percent have been moved.
fn is_it(moment: &str, event: TransferEvent<'_>, moved: &mut u64) -> bool {
    if let TransferEvent::Moved { bytes } = event {
        *moved += bytes;
    }
    match (moment, event) {
        ("agreed", TransferEvent::Agreed { .. })
        | ("all sent", TransferEvent::AllSent)
        | ("all received", TransferEvent::AllReceived)
        | ("created", TransferEvent::Created { .. })
        | ("synced", TransferEvent::Synced)
        | ("renamed", TransferEvent::Renamed)
        | ("names synced", TransferEvent::NamesSynced)
        | ("receipted", TransferEvent::Receipted) => true,
        (percent, TransferEvent::Moved { .. }) => {
            percent.parse::<u64>().is_ok_and(|p| *moved >= SIZE as u64 * p / 100)
        }
        _ => false,
    }
}

/// The body of the process that is killed; nothing in an ordinary run.
#[test]
fn child() {
    let Ok(task) = std::env::var(TASK) else { return };
    let words: Vec<&str> = task.split('|').collect();
    let [role, address, path, moment, resume] = words[..] else { panic!("{task}") };
    let connection =
        adieu::connect(&address.parse().expect("an address"), &ConnectOptions::new()).expect("it listens");
    let mut wire = Wire::new(connection, None);
    let mut moved = 0;
    let mut observe = |event: TransferEvent<'_>| {
        if is_it(moment, event, &mut moved) {
            let own = rustix::process::getpid();
            rustix::process::kill_process(own, rustix::process::Signal::KILL).expect("it is ours");
        }
        go_on(event)
    };
    let resume = resume == "true";
    if role == "send" {
        let sources = Sources::new([path]).expect("it is there");
        let options = SendOptions { resume, limit_rate: Some(400 << 20), ..SendOptions::default() };
        adieu_transfer::send(&mut wire, &sources, &options, &mut observe);
    } else {
        let mut storage = Storage::at(path.as_ref()).expect("it can be written to");
        let options = ReceiveOptions { resume, ..ReceiveOptions::default() };
        adieu_transfer::receive(&mut wire, &mut storage, &options, &mut observe);
    }
    wire.finish();
}

fn start(role: &str, address: &Endpoint, path: &Path, moment: &str, resume: bool) -> Child {
    let own = std::env::current_exe().expect("it runs");
    let path = path.display();
    Command::new(own)
        .args(["processes::child", "--exact", "--nocapture"])
        .env(TASK, format!("{role}|{address}|{path}|{moment}|{resume}"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it can be started again")
}

struct Scene {
    place: tempfile::TempDir,
    source: PathBuf,
    target: PathBuf,
    new: Vec<u8>,
    listener: Listener,
}

impl Scene {
    fn new() -> Self {
        let place = place();
        let new = content(9, SIZE);
        let source = write(&place.path().join("source"), &new);
        let target = write(&place.path().join("target"), b"old");
        let options = ListenOptions::new().limits(Limits::new().idle_timeout(BOUND));
        let listener = Listener::bind(&Endpoint::tcp("127.0.0.1", 0), &options).expect("loopback");
        Self { place, source, target, new, listener }
    }

    /// Starts the other role's process, which is killed at the moment, and plays this role here.
    fn play(&self, killed: &str, moment: &str, resume: bool) -> TransferOutcome {
        let path = if killed == "send" { &self.source } else { &self.target };
        let mut child = start(killed, self.listener.local_endpoint(), path, moment, resume);
        let mut wire = Wire::new(crate::support::accept(&self.listener), None);
        let how = How { resume, ..How::default() };
        let outcome = if killed == "send" {
            let mut storage = Storage::at(&self.target).expect("it can be written to");
            adieu_transfer::receive(&mut wire, &mut storage, &how.receiving(), &mut go_on)
        } else {
            let sources = Sources::new([&self.source]).expect("it is there");
            adieu_transfer::send(&mut wire, &sources, &how.sending(), &mut go_on)
        };
        wire.finish();
        let status = child.wait().expect("it can be waited for");
        if moment != "never" {
            use std::os::unix::process::ExitStatusExt;
            assert_eq!(status.signal(), Some(9), "{killed} at {moment}: {status:?}");
        }
        outcome
    }

    fn is_new(&self) -> bool {
        let there = std::fs::read(&self.target).expect("there is always one");
        assert!(there == self.new || there == b"old", "neither the old file nor the whole new one");
        there == self.new
    }
}

#[test]
fn a_sender_that_is_killed_leaves_the_old_file_and_a_partial_to_resume_from() {
    for resume in [false, true] {
        for moment in ["agreed", "1", "50", "99", "100", "all sent"] {
            let scene = Scene::new();
            let received = scene.play("send", moment, resume);
            let what = format!("{moment}, {:?}", received.verdict);
            // After its end the receiver has everything; before that, it can have nothing.
            assert_eq!(received.verdict == Verdict::Stored, scene.is_new(), "{what}");
            assert!(moment == "all sent" || !scene.is_new(), "{what}");
            assert!(resume || partials(scene.place.path()).is_empty(), "{what}");
            let again = scene.play("send", "never", true);
            assert_eq!(again.verdict, Verdict::Stored, "{what}");
            assert!(scene.is_new(), "{what}");
            if resume && moment == "99" {
                assert!(again.resumed_from.is_some_and(|there| there > 0), "{what}: {again:?}");
            }
            assert_eq!(partials(scene.place.path()), Vec::<PathBuf>::new(), "{what}");
        }
    }
}

#[test]
fn a_receiver_that_is_killed_confirms_nothing_and_a_retry_finds_what_is_there() {
    for (moment, is_stored) in [
        ("agreed", false),
        ("created", false),
        ("1", false),
        ("50", false),
        ("99", false),
        ("100", false),
        ("all received", false),
        ("synced", false),
        ("renamed", true),
        ("names synced", true),
    ] {
        let scene = Scene::new();
        let sent = scene.play("receive", moment, true);
        let Verdict::NoReceipt { all_sent, .. } = &sent.verdict else {
            panic!("{moment}: {:?}", sent.verdict);
        };
        assert_eq!(scene.is_new(), is_stored, "{moment}");
        let may = sent.sentence().contains("it may or may not have stored it");
        assert_eq!(may, *all_sent, "{moment}: {}", sent.sentence());
        assert!(*all_sent || !is_stored, "{moment}");
        let again = scene.play("receive", "never", true);
        assert_eq!(again.verdict, Verdict::Stored, "{moment}");
        assert!(scene.is_new(), "{moment}");
        match moment {
            "synced" => assert_eq!((again.moved, again.files_kept), (0, 0), "the whole partial is there"),
            "renamed" | "names synced" => {
                assert_eq!((again.moved, again.files_kept), (0, 1), "it is found stored");
                assert!(again.sentence().contains("all of it there already"), "{}", again.sentence());
            }
            "99" => assert!(again.resumed_from.is_some_and(|there| there > 0), "{again:?}"),
            _ => {}
        }
        assert_eq!(partials(scene.place.path()), Vec::<PathBuf>::new(), "{moment}");
    }
}

#[test]
fn a_receipt_that_was_sent_before_the_kill_counts() {
    let scene = Scene::new();
    let sent = scene.play("receive", "receipted", false);
    assert_eq!(sent.verdict, Verdict::Stored);
    assert!(scene.is_new());
}
