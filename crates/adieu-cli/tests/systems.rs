//! `adieu send` and `adieu receive` of two systems with each other.
//!
//! `cargo xtask windows` builds adieu.exe, says where it is, and runs these tests twice: built for Windows, where both sides
//! are adieu.exe, and built for Linux, where one of them is and runs under Wine.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// The program under test, and with a Linux one beside it, where the one for Windows is.
const ADIEU: &str = env!("CARGO_BIN_EXE_adieu");
const WINDOWS: &str = "ADIEU_WINDOWS";

/// No transfer here takes so long; the deadline is adieu's own.
const BOUND: [&str; 2] = ["--deadline", "30s"];

fn native() -> Command {
    Command::new(ADIEU)
}

/// adieu.exe: the one under test on Windows, else under Wine.
fn windows() -> Command {
    if cfg!(windows) {
        return native();
    }
    let program = std::env::var_os(WINDOWS).unwrap_or_else(|| panic!("{WINDOWS} must name adieu.exe"));
    let mut command = Command::new("wine");
    command.arg(program).env("WINEDEBUG", "-all");
    command
}

/// A receiver that listens, and where.
struct Receiver {
    child: Child,
    said: BufReader<std::process::ChildStderr>,
    address: String,
}

impl Receiver {
    fn start(mut program: Command, output: &Path, options: &[&str]) -> Self {
        program.args(["receive", "127.0.0.1:0", "--output"]).arg(output).args(BOUND).args(options);
        program.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = program.spawn().expect("it starts");
        let mut said = BufReader::new(child.stderr.take().expect("a pipe"));
        let mut heard = String::new();
        let address = loop {
            let mut line = String::new();
            assert!(said.read_line(&mut line).expect("it is text") > 0, "it does not listen: {heard}");
            if let Some((_, address)) = line.trim().split_once("listening on ") {
                // In JSON it is a string's end.
                break address.split('"').next().unwrap_or_default().to_owned();
            }
            // Wine may say things of its own.
            heard += &line;
        };
        Self { child, said, address }
    }

    /// Its exit status, and what it said.
    fn end(mut self) -> (Option<i32>, String) {
        let mut told = String::new();
        self.said.read_to_string(&mut told).expect("it is text");
        (self.child.wait().expect("it ends").code(), told)
    }
}

fn send(mut program: Command, what: &[&Path], to: &str, options: &[&str]) -> Output {
    let words = program.arg("send").args(BOUND).args(options).args(what).arg(to);
    words.stdin(Stdio::null()).output().expect("it starts")
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Different at every place, as far as a file of these tests goes.
fn content(length: u32) -> Vec<u8> {
    (0..length).flat_map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()).collect()
}

struct Scene {
    place: tempfile::TempDir,
    tree: PathBuf,
    target: PathBuf,
}

impl Scene {
    fn new() -> Self {
        let place = tempfile::tempdir().expect("there is room");
        let (tree, target) = (place.path().join("tree"), place.path().join("target"));
        std::fs::create_dir_all(tree.join("größe/empty")).expect("there is room");
        std::fs::create_dir(&target).expect("there is room");
        std::fs::write(tree.join("größe/a b.txt"), "text\n").expect("there is room");
        std::fs::write(tree.join("long"), content(700_000)).expect("there is room");
        Self { place, tree, target }
    }

    fn check(&self) {
        let there = self.target.join("tree");
        assert_eq!(std::fs::read(there.join("größe/a b.txt")).ok().as_deref(), Some(&b"text\n"[..]));
        assert!(std::fs::read(there.join("long")).is_ok_and(|bytes| bytes == content(700_000)));
        assert!(there.join("größe/empty").is_dir());
        let entries = |directory: &Path| std::fs::read_dir(directory).expect("it is there").count();
        assert_eq!(entries(&there), 2, "no partial is left");
        assert_eq!((entries(&self.target), entries(self.place.path())), (1, 2), "nothing is beside it");
    }
}

/// A tree with a secret, and again, when all of it is there.
fn a_tree_is_stored(sender: fn() -> Command, receiver: fn() -> Command) {
    let scene = Scene::new();
    for options in [&["--secret", "s"][..], &["--secret", "s", "--resume"]] {
        let listening = Receiver::start(receiver(), &scene.target, options);
        let address = listening.address.clone();
        let sent = send(sender(), &[&scene.tree], &address, options);
        let (code, said) = listening.end();
        assert_eq!(sent.status.code(), Some(0), "{} {said}", told(&sent));
        assert_eq!(code, Some(0), "{said}");
        assert!(told(&sent).contains("stored: 2800005 bytes in 2 files"), "{}", told(&sent));
        assert_eq!(told(&sent).contains("all of it there already"), options.len() == 3, "{}", told(&sent));
        scene.check();
    }
}

/// What is piped in at one side comes out at the other, through two processes.
fn a_stream_is_written(sender: fn() -> Command, receiver: fn() -> Command) {
    let mut listening = Receiver::start(receiver(), "-".as_ref(), &[]);
    let mut out = listening.child.stdout.take().expect("a pipe");
    let reading = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        out.read_to_end(&mut bytes).map(|_| bytes)
    });
    let mut sender = sender();
    sender.args(["send", "-", &listening.address, "--accept", "written"]).args(BOUND);
    let mut sender =
        sender.stdin(Stdio::piped()).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().expect("it starts");
    sender.stdin.take().expect("a pipe").write_all(&content(100_000)).expect("it is read");
    let sent = sender.wait_with_output().expect("it ends");
    let (code, said) = listening.end();
    assert_eq!((sent.status.code(), code), (Some(0), Some(0)), "{} {said}", told(&sent));
    let bytes = reading.join().expect("it does not panic").expect("it can be read");
    assert!(bytes == content(100_000), "{} bytes came", bytes.len());
}

#[test]
#[ignore = "needs adieu.exe: cargo xtask windows"]
fn a_tree_goes_from_this_system_to_windows() {
    a_tree_is_stored(native, windows);
}

#[test]
#[ignore = "needs adieu.exe: cargo xtask windows"]
fn a_tree_goes_from_windows_to_this_system() {
    a_tree_is_stored(windows, native);
}

#[test]
#[ignore = "needs adieu.exe: cargo xtask windows"]
fn a_stream_goes_from_this_system_to_windows() {
    a_stream_is_written(native, windows);
}

#[test]
#[ignore = "needs adieu.exe: cargo xtask windows"]
fn a_stream_goes_from_windows_to_this_system() {
    a_stream_is_written(windows, native);
}

/// The first peer takes part in nothing but the hellos. What is piped in after it is gone is all the next one's.
#[test]
#[ignore = "needs adieu.exe: cargo xtask windows"]
fn a_stream_that_nobody_has_taken_yet_is_sent_whole_to_the_next_peer() {
    const HELLO: &[u8] = b"\x89adieu\n\x1A\0\x04\x01\x01\x02\0";
    let place = tempfile::tempdir().expect("there is room");
    let target = place.path().join("target");
    let mut sender = windows();
    sender.args(["send", "-", "127.0.0.1:0", "--listen", "--retry"]).args(BOUND);
    let mut sender = sender.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    let mut said = BufReader::new(sender.stderr.take().expect("a pipe"));
    let mut until = |words: &str| loop {
        let mut line = String::new();
        assert!(said.read_line(&mut line).expect("it is text") > 0, "it has not said '{words}'");
        if line.contains(words) {
            break line;
        }
    };
    let line = until("listening on ");
    let address = line.trim().rsplit(' ').next().expect("it says where").to_owned();
    let mut first = std::net::TcpStream::connect(&address).expect("it listens");
    first.write_all(HELLO).expect("it takes it");
    // Its hello, and then what it says once it waits for its input.
    let mut heard = [0; 40];
    first.read_exact(&mut heard).expect("it speaks");
    drop(first);
    until("waiting for the next connection");
    let mut input = sender.stdin.take().expect("a pipe");
    input.write_all(b"all of it").expect("it is read");
    drop(input);
    let mut receiver = native();
    receiver.args(["receive", "--connect", &address, "--output"]).arg(&target).args(BOUND);
    let done = receiver.output().expect("it starts");
    assert_eq!(done.status.code(), Some(0), "{}", told(&done));
    assert!(sender.wait().expect("it ends").success());
    assert_eq!(std::fs::read(&target).ok().as_deref(), Some(&b"all of it"[..]));
}

#[test]
#[ignore = "needs adieu.exe: cargo xtask windows"]
fn nobody_connects_and_windows_says_so_in_time() {
    let place = tempfile::tempdir().expect("there is room");
    let waiting = ["--connect-timeout", "300ms"];
    let (code, said) = Receiver::start(windows(), place.path(), &waiting).end();
    assert_eq!(code, Some(5), "{said}");
    assert!(said.contains("nobody connected"), "{said}");
}

/// Links and names that only Unix has.
#[cfg(unix)]
#[test]
#[ignore = "needs adieu.exe: cargo xtask windows"]
fn what_windows_cannot_have_is_refused_there_and_said_here() {
    let scene = Scene::new();
    let odd = scene.place.path().join("what?");
    std::fs::write(&odd, "x").expect("there is room");
    std::os::unix::fs::symlink("long", scene.tree.join("link")).expect("links can be made");
    for (what, words) in [
        (&odd, "receiver: Windows cannot have the name 'what?': it has '?' in it"),
        (&scene.tree, "receiver: cannot make the link tree/link: links are not received on Windows"),
    ] {
        let listening = Receiver::start(windows(), &scene.target, &[]);
        let address = listening.address.clone();
        let sent = send(native(), &[what], &address, &[]);
        let (code, said) = listening.end();
        assert_eq!((sent.status.code(), code), (Some(6), Some(7)), "{} {said}", told(&sent));
        assert!(told(&sent).contains(words), "{}", told(&sent));
    }
    assert!(!scene.target.join("tree").exists(), "nothing of it was stored");
}
