//! `send` and `receive` as two processes: what each says, with which exit status, and what is on the disk.

use crate::{adieu, text};
use adieu_testkit::schema::Schema;
use serde_json::Value;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// A listening `adieu receive` or `adieu send --listen`.
pub(crate) struct Listening {
    pub(crate) child: Child,
    pub(crate) address: String,
}

pub(crate) fn start(directory: &Path, args: &[&str]) -> Listening {
    let mut command = adieu(args);
    command.stdout(Stdio::piped());
    start_command(directory, command)
}

/// Its stdout is as the command has it.
pub(crate) fn start_command(directory: &Path, command: Command) -> Listening {
    start_with(directory, command, Stdio::piped())
}

/// Its stdout is as the command has it, its stderr as given.
pub(crate) fn start_with(directory: &Path, mut command: Command, stderr: impl Into<Stdio>) -> Listening {
    let port = directory.join("port");
    // Of an earlier one.
    let _ = std::fs::remove_file(&port);
    let child = command
        .arg("--port-file")
        .arg(&port)
        .stdin(Stdio::null())
        .stderr(stderr)
        .spawn()
        .expect("the built binary starts");
    let mut written = String::new();
    crate::until("it does not listen", || std::fs::read_to_string(&port).map(|port| written = port).is_ok());
    Listening { child, address: format!("127.0.0.1:{}", written.trim()) }
}

impl Listening {
    pub(crate) fn finish(self) -> (Option<i32>, String, Vec<u8>) {
        let _bounded = crate::bounded(&self.child);
        let output = self.child.wait_with_output().expect("it can be waited for");
        (output.status.code(), text(&output.stderr), output.stdout)
    }
}

pub(crate) fn send(args: &[&str]) -> (Option<i32>, String) {
    let output = crate::run(&[&["send"], args].concat(), b"");
    (output.status.code(), text(&output.stderr))
}

pub(crate) struct Scene {
    pub(crate) directory: tempfile::TempDir,
}

impl Scene {
    pub(crate) fn new() -> Self {
        Self { directory: tempfile::tempdir().expect("there is room") }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn word(&self, name: &str) -> String {
        self.path(name).to_str().expect("a UTF-8 path").to_owned()
    }

    pub(crate) fn file(&self, name: &str, length: usize) -> String {
        let bytes: Vec<u8> =
            (0..=250u8).cycle().zip(0..length).map(|(byte, at)| byte ^ (at >> 8).to_le_bytes()[0]).collect();
        std::fs::write(self.path(name), bytes).expect("there is room");
        self.word(name)
    }

    pub(crate) fn receive(&self, args: &[&str]) -> Listening {
        start(self.directory.path(), &[&["receive", "127.0.0.1:0"], args].concat())
    }

    pub(crate) fn same(&self, a: &str, b: &str) -> bool {
        std::fs::read(self.path(a)).expect("it is there") == std::fs::read(self.path(b)).unwrap_or_default()
    }
}

#[test]
fn a_sent_file_is_stored_and_both_exit_0_with_the_same_hash() {
    let scene = Scene::new();
    let (file, target) = (scene.file("file", 1_000_000), scene.word("target"));
    let receiver = scene.receive(&["--output", &target]);
    let (code, said) = send(&[&file, &receiver.address]);
    let (their_code, heard, _) = receiver.finish();
    assert_eq!((code, their_code), (Some(0), Some(0)), "{said}{heard}");
    assert!(said.starts_with("adieu: stored: 1000000 bytes in 1 file (file, 976.5 KiB in "), "{said}");
    assert!(heard.contains(&format!("bytes in 1 file ({target}, 976.5 KiB in ")), "{heard}");
    let hash = |said: &str| said.rsplit_once(", BLAKE3 ").map(|(_, hash)| hash.to_owned());
    assert!(hash(&said).is_some() && hash(&said) == hash(&heard), "{heard} and {said}");
    assert!(scene.same("file", "target"));
}

#[test]
fn the_receiver_may_connect_and_the_sender_listen() {
    let scene = Scene::new();
    let (file, target) = (scene.file("file", 100_000), scene.word("target"));
    let sender = start(scene.directory.path(), &["send", "--listen", &file, "127.0.0.1:0"]);
    let args = ["receive", "--connect", &sender.address, "--output", &target, "-q"];
    let output = adieu(&args).stdin(Stdio::null()).output().expect("it starts");
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
    let (code, said, _) = sender.finish();
    assert_eq!(code, Some(0), "{said}");
    assert!(scene.same("file", "target"));
}

fn feed(args: &[&str], input: &[u8]) -> Output {
    crate::run(&[&["send"], args].concat(), input)
}

#[test]
fn stdin_is_sent_under_a_name_and_stdout_is_only_written() {
    let scene = Scene::new();
    std::fs::create_dir(scene.path("d")).expect("there is room");
    let receiver = scene.receive(&["--output", &scene.word("d")]);
    let output = feed(&["--name", "dump.sql", "-", &receiver.address], b"from stdin");
    assert_eq!((output.status.code(), receiver.finish().0), (Some(0), Some(0)));
    assert_eq!(std::fs::read(scene.path("d/dump.sql")).ok().as_deref(), Some(&b"from stdin"[..]));

    std::fs::create_dir(scene.path("tree")).expect("there is room");
    std::fs::write(scene.path("tree/file"), b"in a tree").expect("there is room");
    let receiver = scene.receive(&["--output", &scene.word("d")]);
    let sent = send(&["--name", "a/b", &scene.word("tree"), &receiver.address]);
    assert_eq!((sent.0, receiver.finish().0), (Some(0), Some(0)), "{}", sent.1);
    assert_eq!(std::fs::read(scene.path("d/a/b/file")).ok().as_deref(), Some(&b"in a tree"[..]));

    for (accept, code) in [("stored", 6), ("written", 0)] {
        let receiver = scene.receive(&["--output", "-"]);
        let output = feed(&["-", &receiver.address, "--accept", accept], b"to stdout");
        let (their_code, heard, stdout) = receiver.finish();
        let said = text(&output.stderr);
        assert_eq!((output.status.code(), their_code), (Some(code), Some(0)), "{said}{heard}");
        assert!(said.contains("written to the receiver's stdout, not stored: 9 bytes"), "{said}");
        assert_eq!(stdout, b"to stdout");
    }
}

pub(crate) fn checked(said: &str, code: Option<i32>) -> Value {
    let line = said.lines().last().unwrap_or_default();
    let report = Schema::of("transfer-report").checked(line);
    assert_eq!(report["exit_code"].as_i64(), code.map(i64::from));
    report
}

#[test]
fn the_json_report_fits_its_schema_whatever_came_of_it() {
    assert!(!Schema::of("transfer-report").is_valid(&serde_json::json!({"result": "stored"})));
    let scene = Scene::new();
    let (file, target) = (scene.file("file", 10_000), scene.word("target"));
    let json = ["--report", "json"];
    for (secret, resume) in [(None, false), (Some("x"), true)] {
        let mut more: Vec<&str> = json.to_vec();
        more.extend(secret.into_iter().flat_map(|s| ["--secret", s]));
        more.extend(resume.then_some("--resume"));
        let receiver = scene.receive(&[&["--output", &target], &more[..]].concat());
        let (code, said) = send(&[&[&*file, &receiver.address], &more[..]].concat());
        let (their_code, heard, _) = receiver.finish();
        let (sent, got) = (checked(&said, code), checked(&heard, their_code));
        for report in [&sent, &got] {
            assert_eq!((&report["result"], &report["receipt"]), (&"stored".into(), &"stored".into()));
            assert_eq!((&report["bytes"], &report["receipt_bytes"]), (&10_000.into(), &10_000.into()));
            assert_eq!(report["hash"], report["receipt_hash"]);
            let there = if resume { 10_000.into() } else { Value::Null };
            assert_eq!(report["resumed_from"], there);
            assert_eq!(report["encrypted_by"], secret.map_or(Value::Null, |_| "secret".into()));
        }
        assert_eq!(sent["hash"], got["hash"]);
        assert_eq!((&sent["stored_us"], got["stored_us"].is_u64()), (&Value::Null, true));
    }
    let (code, said) = send(&[&[&*file, "127.0.0.1:1"], &json[..]].concat());
    let report = checked(&said, code);
    assert_eq!((code, &report["result"]), (Some(3), &"no_connection".into()));
    assert_eq!((&report["bytes"], &report["hash"]), (&Value::Null, &Value::Null));
    let (code, said) = send(&[&["/nowhere", "127.0.0.1:1"], &json[..]].concat());
    assert_eq!((code, &checked(&said, code)["result"]), (Some(7), &"local_failure".into()));
}

/// Runs this in a thread that has a small file system of its own at a directory. `false`: this machine cannot.
pub(crate) fn on_own_disk(test: &str, at: &Path, bytes: u64, read_only: bool, body: impl FnOnce() + Send) {
    std::thread::scope(|scope| {
        let thread =
            scope.spawn(move || match adieu_testkit::places::own_file_system(at, bytes, read_only) {
                Ok(()) => body(),
                Err(error) => adieu_testkit::skip::loudly(test, &error),
            });
        if let Err(panic) = thread.join() {
            std::panic::resume_unwind(panic);
        }
    });
}

#[test]
fn a_full_disk_is_told_to_the_sender_in_the_receivers_words() {
    let scene = Scene::new();
    let file = scene.file("file", 8_000_000);
    std::fs::create_dir(scene.path("disk")).expect("there is room");
    let target = scene.word("disk/target");
    on_own_disk("a_full_disk", &scene.path("disk"), 1 << 20, false, || {
        std::fs::write(&target, b"old").expect("there is room for that");
        for resume in [false, true] {
            let mut args = vec!["--output", &*target];
            args.extend(resume.then_some("--resume"));
            let receiver = scene.receive(&args);
            let (code, said) = send(&[&file, &receiver.address]);
            let (their_code, heard, _) = receiver.finish();
            assert_eq!((code, their_code), (Some(6), Some(7)), "{said}{heard}");
            assert!(
                said.starts_with("adieu: receiver: no space left on device (ENOSPC 28) after 10"),
                "{said}"
            );
            assert!(heard.contains("adieu: no space left on device (ENOSPC 28) after 10"), "{heard}");
            assert_eq!(std::fs::read(&target).ok().as_deref(), Some(&b"old"[..]));
            assert_eq!(scene.path("disk/.target.adieu-partial").exists(), resume);
        }
    });
}

#[test]
fn a_target_that_cannot_be_written_to_is_known_before_anybody_connects() {
    let scene = Scene::new();
    std::fs::create_dir(scene.path("disk")).expect("there is room");
    on_own_disk("a_read_only_target", &scene.path("disk"), 1 << 20, true, || {
        for target in ["disk", "disk/target", "nowhere/target"] {
            let args = ["receive", "127.0.0.1:0", "--output", &scene.word(target)];
            let output = adieu(&args).stdin(Stdio::null()).output().expect("it starts");
            assert_eq!(output.status.code(), Some(7));
            let said = text(&output.stderr);
            assert!(said.contains("(EROFS 30)") || said.contains("(ENOENT 2)"), "{said}");
        }
    });
    let args = ["receive", "127.0.0.1:0", "--output", "/dev/null"];
    let output = adieu(&args).stdin(Stdio::null()).output().expect("it starts");
    assert_eq!(output.status.code(), Some(7), "{}", text(&output.stderr));
}

#[test]
fn retry_waits_for_a_receiver_that_comes_later() {
    let scene = Scene::new();
    let (file, target) = (scene.file("file", 10_000), scene.word("target"));
    let socket = format!("unix:{}", scene.word("socket"));
    let mut sender = adieu(&["send", "--retry=3", &file, &socket])
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut said = String::new();
    let mut stderr = std::io::BufReader::new(sender.stderr.take().expect("a pipe"));
    std::io::BufRead::read_line(&mut stderr, &mut said).expect("it says that it tries again");
    assert!(said.contains("trying again in 1 s"), "{said}");
    let args = ["receive", &socket, "--output", &target];
    let receiver = adieu(&args).stdin(Stdio::null()).output().expect("it starts");
    assert_eq!(receiver.status.code(), Some(0), "{}", text(&receiver.stderr));
    assert_eq!(sender.wait().expect("it can be waited for").code(), Some(0));
    assert!(scene.same("file", "target"));
}

#[test]
fn a_signal_ends_either_side_at_once_and_the_other_knows() {
    let scene = Scene::new();
    let target = scene.word("target");
    for sender_is_signalled in [true, false] {
        let receiver = scene.receive(&["--output", &target]);
        // Its stdin is open and silent: both wait.
        let mut sender = adieu(&["send", "-", &receiver.address])
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut feed = sender.stdin.take().expect("a pipe");
        feed.write_all(&vec![7; 100_000]).expect("it reads");
        let partial = scene.path(".target.adieu-partial");
        let there = || std::fs::metadata(&partial).is_ok_and(|m| m.len() >= 100_000);
        crate::until("what was fed does not arrive", there);
        let signalled = if sender_is_signalled { &sender } else { &receiver.child };
        crate::signal(signalled, rustix::process::Signal::INT);
        let output = sender.wait_with_output().expect("it can be waited for");
        let (their_code, heard, _) = receiver.finish();
        let codes = if sender_is_signalled { (Some(130), Some(6)) } else { (Some(6), Some(130)) };
        assert_eq!((output.status.code(), their_code), codes, "{}{heard}", text(&output.stderr));
        assert!(!scene.path("target").exists() && !partial.exists());
        drop(feed);
    }
}

#[test]
fn what_cannot_be_meant_is_a_usage_error() {
    for args in [
        &["send"][..],
        &["send", "file"],
        &["send", "file", "no-endpoint"],
        &["send", "--plain", "--resume", "file", "127.0.0.1:1"],
        &["send", "--secret", "x", "--secret-file", "y", "file", "127.0.0.1:1"],
        &["send", "--secret", "", "file", "127.0.0.1:1"],
        &["receive"],
        &["receive", "--output", "x", "--limit-rate", "fast"],
        &["send", "/dev/null", "/dev/null", "127.0.0.1:1"],
        &["send", "-", "-", "127.0.0.1:1"],
    ] {
        let output = adieu(args).stdin(Stdio::null()).output().expect("it starts");
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", text(&output.stderr));
    }
    let args = ["send", "--limit-rate", "0", "file", "127.0.0.1:1"];
    let said = text(&adieu(&args).stdin(Stdio::null()).output().expect("it starts").stderr);
    assert!(said.contains("it must be at least 1, and less than 16 EiB"), "{said}");
}

#[test]
fn a_report_does_not_take_the_place_of_what_is_sent_or_stored() {
    let scene = Scene::new();
    let (file, target) = (scene.file("file", 100), scene.word("target"));
    let link = scene.word("link");
    std::os::unix::fs::symlink(&file, &link).expect("there is room");
    for args in [
        &["send", &*file, "127.0.0.1:1", "--report-file", &*link][..],
        &["send", "--listen", &link, "127.0.0.1:0", "--port-file", &file],
        &["receive", "127.0.0.1:0", "--output", &target, "--report-file", &target],
    ] {
        let output = adieu(args).stdin(Stdio::null()).output().expect("it starts");
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
        assert!(said.contains("one would be lost"), "{args:?}: {said}");
        assert_eq!(std::fs::metadata(&file).map(|m| m.len()).ok(), Some(100), "{args:?}");
        assert!(!scene.path("target").exists());
    }
}

#[test]
fn a_limited_rate_is_kept() {
    let scene = Scene::new();
    let (file, target) = (scene.file("file", 400_000), scene.word("target"));
    let receiver = scene.receive(&["--output", &target]);
    let began = Instant::now();
    let (code, said) = send(&["--limit-rate", "1M", &file, &receiver.address]);
    assert_eq!((code, receiver.finish().0), (Some(0), Some(0)), "{said}");
    assert!(began.elapsed() > Duration::from_millis(300), "{:?}", began.elapsed());
}

#[test]
fn what_cannot_be_sent_is_found_before_anybody_is_connected_to() {
    let scene = Scene::new();
    std::fs::create_dir(scene.path("t")).expect("there is room");
    scene.file("t/a", 10);
    for (make, said) in [
        (&["mkfifo", "t/x"][..], "t/x is neither a file, a directory nor a link"),
        (&["ln", "-s", "/etc/passwd", "t/x"], "the link 't/x' points to '/etc/passwd', which is absolute"),
        (&["ln", "-s", "a/../../b", "t/x"], "the link 't/x' points to 'a/../../b': a '..' behind a name"),
    ] {
        let made = Command::new(make[0]).args(&make[1..]).current_dir(scene.directory.path()).status();
        assert!(made.expect("every system has it").success());
        // Nobody listens there, which would be 3.
        let (code, words) = send(&[&scene.word("t"), "127.0.0.1:1"]);
        assert_eq!(code, Some(7), "{words}");
        assert!(words.contains(said), "{words}");
        std::fs::remove_file(scene.path("t/x")).expect("it is ours");
    }
}
