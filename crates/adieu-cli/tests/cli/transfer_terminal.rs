//! What `send` and `receive` draw on a terminal.

use crate::adieu;
use crate::cuts::terminal;
use crate::transfer::{Scene, start_with};
use adieu_testkit::places;
use rustix::termios::{Winsize, tcsetwinsize};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::os::fd::OwnedFd;
use std::process::Stdio;

/// Everything that is drawn until nobody holds the terminal any more.
fn drawn(master: OwnedFd) -> String {
    let (mut master, mut got, mut buffer) = (File::from(master), Vec::new(), [0; 4096]);
    // A terminal whose other end is closed is an error on Linux, and an end elsewhere.
    while let Ok(n) = master.read(&mut buffer)
        && n > 0
    {
        got.extend(&buffer[..n]);
    }
    String::from_utf8_lossy(&got).into_owned()
}

/// Runs it with a terminal of so many columns as stderr: the exit status, and everything that was drawn there.
fn on_a_terminal(columns: u16, args: &[&str]) -> (Option<i32>, String) {
    let (master, slave) = terminal(false);
    let size = Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(&slave, size).expect("it is ours");
    // The command holds the terminal until it is dropped, and then only the program does.
    let mut sender = adieu(args).env("TERM", "xterm").stderr(slave).spawn().expect("it starts");
    let drawn = drawn(master);
    (sender.wait().expect("it can be waited for").code(), drawn)
}

#[test]
fn a_terminal_sees_a_bar_with_rate_time_left_and_phase_and_then_the_result_alone() {
    let scene = Scene::new();
    let (file, target) = (scene.file("file", 400_000), scene.word("target"));
    let receiver = scene.receive(&["--output", &target]);
    let (code, drawn) = on_a_terminal(80, &["send", "--limit-rate", "400K", &file, &receiver.address]);
    assert_eq!((code, receiver.finish().0), (Some(0), Some(0)), "{drawn}");
    for part in ["file █", " of 390.62 KiB, ", " KiB/s, ", "s left", "waiting for the receipt"] {
        assert!(drawn.contains(part), "{part} in {drawn:?}");
    }
    let last = drawn.trim_end().rsplit(['\r', '\n']).next().unwrap_or_default();
    assert!(last.trim_start_matches("\u{1b}[2K").starts_with("adieu: stored: 400000 bytes"), "{drawn:?}");

    for quiet in ["-q", "-v"] {
        let receiver = scene.receive(&["--output", &target]);
        let (code, drawn) = on_a_terminal(80, &["send", quiet, &file, &receiver.address]);
        assert_eq!((code, receiver.finish().0), (Some(0), Some(0)), "{drawn}");
        assert!(!drawn.contains(['█', '\u{1b}']), "{drawn:?}");
        assert_eq!(drawn.is_empty(), quiet == "-q", "{drawn:?}");
    }
}

#[test]
fn the_bar_is_one_line_on_a_narrow_terminal_and_its_rate_never_more_than_the_limit() {
    let scene = Scene::new();
    let file = scene.file("backup-2026-11-of-everything.tar.gz", 400_000);
    for columns in [80, 40, 20] {
        let receiver = scene.receive(&["--output", &scene.word("target")]);
        let (code, drawn) = on_a_terminal(columns, &["send", "--limit-rate", "1M", &file, &receiver.address]);
        assert_eq!((code, receiver.finish().0), (Some(0), Some(0)), "{drawn}");
        assert!(!drawn.contains("\u{1b}[1A"), "the cursor goes up at {columns} columns: {drawn:?}");
        assert!(!drawn.contains(" MiB/s"), "{drawn:?}");
    }
}

/// The bar would share the line with the content, and erase it.
#[test]
fn no_bar_is_drawn_where_the_content_goes_to_a_terminal_and_none_syncs_what_is_not_stored() {
    let scene = Scene::new();
    let file = scene.file("file", 400_000);
    for stdout_is_terminal in [true, false] {
        let (master, slave) = terminal(false);
        let mut command = adieu(&["receive", "127.0.0.1:0", "--output", "-"]);
        let stdout =
            if stdout_is_terminal { slave.try_clone().expect("it is ours").into() } else { Stdio::null() };
        command.env("TERM", "xterm").stdout(stdout);
        let receiver = start_with(scene.directory.path(), command, slave);
        let sender = std::thread::spawn({
            let args = ["send", "--limit-rate", "1M", "--accept", "written", &file, &receiver.address]
                .map(str::to_owned);
            move || adieu(&args.each_ref().map(String::as_str)).output().expect("it starts")
        });
        let drawn = drawn(master);
        assert_eq!(sender.join().expect("no panic").status.code(), Some(0), "{drawn:?}");
        assert_eq!(receiver.finish().0, Some(0), "{drawn:?}");
        assert_eq!(drawn.contains("\u{1b}["), !stdout_is_terminal, "{drawn:?}");
        assert!(!drawn.contains("syncing"), "{drawn:?}");
    }
}

#[test]
fn a_peer_that_says_no_hello_is_what_is_waited_for() {
    let scene = Scene::new();
    let silent = places::listener();
    let address = silent.local_addr().expect("it has one").to_string();
    let file = scene.file("file", 10);
    let (code, drawn) = on_a_terminal(80, &["send", "--idle-timeout", "500ms", &file, &address]);
    assert_eq!(code, Some(5), "{drawn}");
    assert!(drawn.contains("⠁ waiting for the peer's hello"), "{drawn:?}");
}

#[test]
fn plain_says_on_a_terminal_what_it_waits_for_after_three_seconds() {
    let scene = Scene::new();
    let listener = places::listener();
    let address = listener.local_addr().expect("it has one").to_string();
    let (master, slave) = terminal(false);
    let args = ["send", "--plain", "--idle-timeout", "10s", &scene.file("file", 10), &address];
    let mut sender = adieu(&args).env("TERM", "xterm").stderr(slave).spawn().expect("it starts");
    let (peer, _) = listener.accept().expect("it connects");
    let mut line = String::new();
    let mut said = BufReader::new(File::from(master));
    said.read_line(&mut line).expect("it is read");
    assert!(line.contains("still waiting for the peer to end its side, 3 s after our half-close"), "{line}");
    drop(peer);
    sender.wait().expect("it can be waited for");
}
