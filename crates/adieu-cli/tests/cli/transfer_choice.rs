//! What `send` leaves out of a directory, and what it says that it would send.

use crate::transfer::{Scene, checked, send};
use crate::{adieu, run, text};
use adieu_testkit::places;
use serde_json::Value;
use std::os::unix::fs::symlink;
use std::process::Stdio;

/// A directory `t` with files, a link, and what no receiver could have.
fn tree(scene: &Scene) -> String {
    for directory in ["t/src", "t/target/deep", "t/empty"] {
        std::fs::create_dir_all(scene.path(directory)).expect("there is room");
    }
    for (file, content) in
        [("t/a.log", "log"), ("t/src/main.rs", "main"), ("t/src/b.log", "log"), ("t/target/deep/x", "x")]
    {
        std::fs::write(scene.path(file), content).expect("there is room");
    }
    symlink("main.rs", scene.path("t/src/link")).expect("links can be made");
    scene.word("t")
}

fn make_special(scene: &Scene) {
    places::fifo(&scene.path("t/fifo")).expect("there is room");
    drop(std::os::unix::net::UnixListener::bind(scene.path("t/src/socket")).expect("there is room"));
    symlink("/etc/passwd", scene.path("t/src/out")).expect("links can be made");
    // What another transfer has left.
    std::fs::write(scene.path("t/.x.adieu-partial"), "half").expect("there is room");
}

/// Everything below a directory, sorted.
fn below(scene: &Scene, directory: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![scene.path(directory)];
    while let Some(at) = open.pop() {
        for entry in std::fs::read_dir(&at).expect("it can be listed") {
            let path = entry.expect("it can be listed").path();
            if path.is_dir() && !path.is_symlink() {
                open.push(path.clone());
            }
            let name = path.strip_prefix(scene.path(directory)).expect("it is below");
            found.push(name.to_str().expect("UTF-8").to_owned());
        }
    }
    found.sort();
    found
}

#[test]
fn what_is_excluded_does_not_arrive_and_the_rest_is_stored() {
    let scene = Scene::new();
    let tree = tree(&scene);
    std::fs::create_dir(scene.path("out")).expect("there is room");
    let receiver = scene.receive(&["--output", &scene.word("out")]);
    let args = ["--exclude", "*.log", "--exclude", "/target", "--exclude=empty/", &tree, &receiver.address];
    let (code, said) = send(&args);
    assert_eq!((code, receiver.finish().0), (Some(0), Some(0)), "{said}");
    assert!(said.contains("stored: 4 bytes in 1 file"), "{said}");
    assert_eq!(below(&scene, "out"), ["t", "t/src", "t/src/link", "t/src/main.rs"]);
}

#[test]
fn a_pattern_may_leave_out_what_is_named_but_not_everything() {
    let scene = Scene::new();
    tree(&scene);
    let (log, source) = (scene.word("t/a.log"), scene.word("t/src/main.rs"));
    let receiver = scene.receive(&["--output", &scene.word("out")]);
    let (code, said) = send(&["--exclude", "*.log", &log, &source, &receiver.address]);
    assert_eq!((code, receiver.finish().0), (Some(0), Some(0)), "{said}");
    assert_eq!(std::fs::read(scene.path("out")).ok().as_deref(), Some(&b"main"[..]));
    for (args, words) in [
        (&["--exclude", "*.log", &*log, "h:1"][..], "nothing is left to send"),
        (&["--exclude", "[a", &log, "h:1"], "unclosed character class"),
        (&["--exclude", "!a", &log, "h:1"], "would take in again"),
        (&["--exclude", "", &log, "h:1"], "--exclude"),
        (&["--exclude", "x", "--plain", &log, "h:1"], "cannot be used together"),
        (&["--dry-run", "--plain", &log, "h:1"], "cannot be used together"),
    ] {
        let (code, said) = send(args);
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains(words), "{words}: {said}");
    }
}

#[test]
fn a_pattern_may_come_from_a_variable() {
    let scene = Scene::new();
    let tree = tree(&scene);
    let mut command = adieu(&["send", "--dry-run", &tree, "nobody.invalid:1"]);
    command.env("ADIEU_EXCLUDE", "*.log").env("ADIEU_RESUME", "0");
    let output = command.stdin(Stdio::null()).output().expect("it starts");
    assert!(text(&output.stdout).contains("excluded 2, skipped 0"), "{}", text(&output.stdout));
}

#[test]
fn what_cannot_be_sent_is_named_and_left_out_and_the_rest_is_stored() {
    let scene = Scene::new();
    let tree = tree(&scene);
    make_special(&scene);
    std::fs::create_dir(scene.path("out")).expect("there is room");
    // Without the option nothing is sent, as ever.
    let (code, said) = send(&[&tree, "127.0.0.1:1"]);
    assert_eq!(code, Some(7), "{said}");
    for json in [false, true] {
        let receiver = scene.receive(&["--output", &scene.word("out")]);
        let report: &[&str] = if json { &["--report", "json"] } else { &[] };
        let (code, said) = send(&[&["--skip-special", &*tree, &receiver.address], report].concat());
        let (their_code, heard, _) = receiver.finish();
        assert_eq!((code, their_code), (Some(6), Some(0)), "{said}{heard}");
        for name in ["/t/fifo", "t/src/out", "/t/src/socket", "t/.x.adieu-partial"] {
            assert!(
                said.lines().any(|line| line.contains("left out: ") && line.contains(name)),
                "{name}: {said}"
            );
        }
        if json {
            let report = checked(&said, code);
            assert_eq!((&report["result"], &report["left_out"]), (&"in_part".into(), &4.into()));
            assert_eq!((&report["receipt"], &report["files"]), (&"stored".into(), &4.into()));
        } else {
            assert!(said.contains("4 entries ("), "{said}");
            assert!(
                said.contains("left out, which cannot be sent; the rest is stored: 11 bytes in 4 files"),
                "{said}"
            );
        }
    }
    assert_eq!(std::fs::read(scene.path("out/t/src/main.rs")).ok().as_deref(), Some(&b"main"[..]));
    assert_eq!(below(&scene, "out").len(), 10);
}

#[test]
fn a_receiver_that_fails_is_told_of_first_also_if_something_was_left_out() {
    let scene = Scene::new();
    let tree = tree(&scene);
    make_special(&scene);
    let receiver = scene.receive(&["--output", &scene.file("file", 10)]);
    let (code, said) = send(&["--skip-special", &tree, &receiver.address]);
    assert_eq!(code, Some(6), "{said}");
    assert!(said.contains("receiver: a directory, or more than one file, is sent"), "{said}");
    receiver.finish();
}

#[test]
fn a_dry_run_says_what_would_be_sent_and_connects_to_nobody() {
    let scene = Scene::new();
    let tree = tree(&scene);
    let listener = places::listener();
    listener.set_nonblocking(true).expect("it can be set");
    let address = listener.local_addr().expect("it has one").to_string();
    let args =
        ["send", "--dry-run", "--exclude", "target/", &tree, &address, "--report-file", &scene.word("r")];
    let output = run(&args, b"");
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
    let said = text(&output.stdout);
    for line in [
        "directory                 t",
        "file                   3  t/a.log",
        "link                      t/src/link -> main.rs",
        "file                   4  t/src/main.rs",
    ] {
        assert!(said.lines().any(|said| said == line), "{line}: {said}");
    }
    assert!(said.lines().any(|l| l.starts_with("excluded ") && l.ends_with("/t/target")), "{said}");
    assert!(!said.contains("deep"), "{said}");
    let last = "would send: files 3, directories 3, links 1; bytes 10; excluded 1, skipped 0";
    assert_eq!(said.lines().last(), Some(last));
    assert!(listener.accept().is_err() && !scene.path("r").exists());
    // What it cannot send ends it as it would end the transfer.
    make_special(&scene);
    let output = run(&["send", "--dry-run", &tree, &address], b"");
    assert_eq!(output.status.code(), Some(7));
    assert!(text(&output.stderr).contains("for files that are not whole yet"), "{}", text(&output.stderr));
    let args = ["send", "--dry-run", "--skip-special", &tree, "-", &address, "--report", "json"];
    let output = run(&args, b"");
    assert_eq!(output.status.code(), Some(6));
    let lines: Vec<Value> =
        text(&output.stdout).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let last = lines.last().expect("there is one");
    let figures = ["files", "directories", "links", "bytes", "unsized_files", "excluded", "skipped"];
    assert_eq!(figures.map(|name| last[name].as_u64()), [5, 5, 1, 11, 1, 0, 4].map(Some), "{last}");
    let fifo =
        lines.iter().find(|line| line["why"].as_str().is_some_and(|why| why.contains("neither a file")));
    assert_eq!(fifo.expect("there is one")["entry"], "skipped");
    assert!(listener.accept().is_err());
}

#[test]
fn a_dry_run_finds_what_cannot_be_read_and_a_gone_reader() {
    let scene = Scene::new();
    let tree = tree(&scene);
    if !rustix::process::geteuid().is_root() {
        let closed = std::os::unix::fs::PermissionsExt::from_mode(0o000);
        std::fs::set_permissions(scene.path("t/a.log"), closed).expect("it is ours");
        let output = run(&["send", "--dry-run", &tree, "h:1"], b"");
        assert_eq!(output.status.code(), Some(7));
        assert!(text(&output.stderr).contains("cannot read "), "{}", text(&output.stderr));
    }
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("it is there");
    let output = adieu(&["send", "--dry-run", &tree, "h:1"]).stdin(Stdio::null()).stdout(full).output();
    let output = output.expect("it starts");
    assert_eq!(output.status.code(), Some(7));
    assert!(text(&output.stderr).contains("cannot write to stdout"), "{}", text(&output.stderr));
}

#[test]
fn a_receiver_that_replaces_nothing_keeps_what_is_there_and_both_sides_name_it() {
    let scene = Scene::new();
    let tree = tree(&scene);
    std::fs::create_dir_all(scene.path("out/t/src")).expect("there is room");
    std::fs::write(scene.path("out/t/src/main.rs"), "precious").expect("there is room");
    for json in [false, true] {
        let report: &[&str] = if json { &["--report", "json"] } else { &[] };
        let receiver = scene.receive(&[&["--no-clobber", "--output", &*scene.word("out")], report].concat());
        let (code, said) = send(&[&[&*tree, &receiver.address], report].concat());
        let (their_code, heard, _) = receiver.finish();
        assert_eq!((code, their_code), (Some(6), Some(6)), "{said}{heard}");
        for said in [&said, &heard] {
            assert!(said.contains("not stored: the name is taken, and nothing is replaced"), "{said}");
            assert!(said.contains("t/src/main.rs"), "{said}");
        }
        if json {
            let (sent, got) = (checked(&said, code), checked(&heard, their_code));
            assert_eq!((&sent["result"], &got["result"]), (&"refused".into(), &"in_part".into()));
            // All are there by now.
            assert_eq!((&got["left_out"], &got["receipt_files"]), (&4.into(), &0.into()));
        }
    }
    assert_eq!(std::fs::read(scene.path("out/t/src/main.rs")).ok().as_deref(), Some(&b"precious"[..]));
    assert_eq!(std::fs::read(scene.path("out/t/a.log")).ok().as_deref(), Some(&b"log"[..]));
    let (code, said) = {
        let args = ["receive", "127.0.0.1:0", "--no-clobber", "--output", "-"];
        let output = adieu(&args).stdin(Stdio::null()).output().expect("it starts");
        (output.status.code(), text(&output.stderr))
    };
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("--no-clobber") && said.contains("--output"), "{said}");
}

#[test]
fn times_and_permissions_of_directories_are_preserved_if_it_is_asked_for() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let scene = Scene::new();
    let tree = tree(&scene);
    std::fs::set_permissions(scene.path("t/src"), PermissionsExt::from_mode(0o700)).expect("it is ours");
    for (at, date) in [("t/a.log", "1999-12-31 23:59:59.5 UTC"), ("t/src", "1969-07-20 20:17 UTC")] {
        let touched = std::process::Command::new("touch").args(["-d", date]).arg(scene.path(at)).status();
        assert!(touched.expect("there is a touch").success());
    }
    std::fs::create_dir(scene.path("out")).expect("there is room");
    for (secret, resume) in [(false, false), (true, true)] {
        let secret: &[&str] = if secret { &["--secret", "x"] } else { &[] };
        let receiver = scene.receive(&[&["--output", &*scene.word("out")], secret].concat());
        let resume: &[&str] = if resume { &["--resume"] } else { &[] };
        let args = [&["--preserve", &*tree, &receiver.address], secret, resume].concat();
        let (code, said) = send(&args);
        let (their_code, heard, _) = receiver.finish();
        assert_eq!((code, their_code), (Some(0), Some(0)), "{said}{heard}");
        for at in ["t", "t/a.log", "t/src", "t/src/main.rs", "t/target/deep", "t/empty"] {
            let of = |path: std::path::PathBuf| {
                let there = std::fs::metadata(path).expect("it is there");
                (there.mtime(), there.mtime_nsec(), there.mode() & 0o700)
            };
            assert_eq!(of(scene.path(at)), of(scene.path("out").join(at)), "{at}");
        }
        let src = std::fs::metadata(scene.path("out/t/src")).expect("it is there");
        assert_eq!((src.mtime(), src.mode() & 0o777), (-14_182_980, 0o700));
    }
}

#[test]
fn a_receiver_that_is_too_old_to_preserve_anything_is_sent_nothing() {
    use std::io::{Read, Write};
    let scene = Scene::new();
    let file = scene.file("file", 10);
    let listener = places::listener();
    let address = listener.local_addr().expect("it has one").to_string();
    let old = std::thread::spawn(move || {
        let (mut peer, _) = listener.accept().expect("it connects");
        let hello = [&b"\x89adieu\n\x1a"[..], &[0, 4, 1, 2, 2, 0]].concat();
        peer.write_all(&hello).expect("it is taken");
        let mut said = Vec::new();
        // Its end may be a reset.
        let _ = peer.read_to_end(&mut said);
        said
    });
    let (code, said) = send(&["--preserve", &file, &address]);
    assert_eq!(code, Some(6), "{said}");
    assert!(said.contains("nothing was transferred: the receiver speaks version 2"), "{said}");
    assert!(said.contains("hint: leave out --preserve, or update the receiver"), "{said}");
    let heard = old.join().expect("it does not panic");
    // Our hello, and an ABORT: no BEGIN.
    assert_eq!((heard.get(11), heard.get(14)), (Some(&3), Some(&0x0A)), "{heard:?}");
}
