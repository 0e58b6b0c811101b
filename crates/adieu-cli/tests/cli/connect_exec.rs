//! `connect --exec`: a command's stdin and stdout are the two directions, and what it leaves half done looks half done.

use crate::{BOUND, Server, adieu, proxies, run, text, until};
use adieu_testkit::places;
use adieu_testkit::skip::counterpart;
use rustix::process::Signal;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Output, Stdio};

/// A listener of the standard library, and a `connect` to it that runs this command.
struct Scene {
    child: Option<Child>,
    stream: TcpStream,
    directory: tempfile::TempDir,
}

impl Scene {
    /// `line` may have the directory of the scene as `{}`.
    fn new(line: &str, options: &[&str]) -> Self {
        let directory = tempfile::tempdir().expect("there is room");
        let line = line.replace("{}", directory.path().to_str().expect("UTF-8"));
        let listener = places::listener();
        let address = listener.local_addr().expect("bound").to_string();
        let words = [&["connect", &address, "--exec", &line][..], options].concat();
        let child = adieu(&words)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the built binary starts");
        let (stream, _) = listener.accept().expect("it connects");
        stream.set_read_timeout(Some(BOUND)).expect("not zero");
        Self { child: Some(child), stream, directory }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn finish(&mut self) -> (Option<i32>, String) {
        let child = self.child.take().expect("it is finished once");
        let Output { status, stdout, stderr } = child.wait_with_output().expect("it can be waited for");
        assert_eq!(text(&stdout), "", "the command's output is the peer's");
        (status.code(), text(&stderr))
    }

    /// What the peer reads to the end, and how that ends.
    fn read(&mut self) -> (Vec<u8>, Option<ErrorKind>) {
        let mut got = Vec::new();
        let error = self.stream.read_to_end(&mut got).err().map(|error| error.kind());
        (got, error)
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn has(path: &Path, content: &[u8]) {
    assert_eq!(std::fs::read(path).ok().as_deref(), Some(content), "{}", path.display());
}

#[test]
fn the_two_directions_are_the_commands() {
    let mut scene = Scene::new("echo $ADIEU_PEER $ADIEU_LOCAL; exec >&-; cat >{}/got", &["--report", "json"]);
    let (question, error) = scene.read();
    let (ours, theirs) = (scene.stream.local_addr().expect("one"), scene.stream.peer_addr().expect("one"));
    assert_eq!((text(&question), error), (format!("{ours} {theirs}\n"), None));
    // It has half-closed, and still takes the answer.
    scene.stream.write_all(b"the answer").expect("it is taken");
    scene.stream.shutdown(std::net::Shutdown::Write).expect("connected");
    let (code, said) = scene.finish();
    assert_eq!(code, Some(0), "{said}");
    has(&scene.path("got"), b"the answer");
    let report: serde_json::Value =
        serde_json::from_str(said.lines().last().expect("a report")).expect("JSON");
    assert_eq!((&report["role"], &report["command_exit_code"]), (&"connect".into(), &0.into()), "{report}");
}

#[test]
fn a_producer_that_fails_is_a_reset_and_no_end() {
    for (line, status, why) in [
        ("printf half; exit 3", 7, "the command exited with 3"),
        ("printf half; kill -9 $$", 7, "the command was ended by"),
    ] {
        let mut scene = Scene::new(line, &[]);
        assert_eq!(scene.read(), (b"half".to_vec(), Some(ErrorKind::ConnectionReset)), "{line}");
        let (code, said) = scene.finish();
        assert_eq!(code, Some(status), "{said}");
        assert!(said.contains(why), "{said}");
    }
    // The peer's end comes when it has read ours.
    let mut scene = Scene::new("printf whole; exit 3", &["--exec-status", "ignore"]);
    assert_eq!(scene.read(), (b"whole".to_vec(), None));
    scene.stream.shutdown(std::net::Shutdown::Write).expect("connected");
    let (code, said) = scene.finish();
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn a_stream_that_is_cut_does_not_look_whole_to_the_command() {
    let mut scene = Scene::new("cat >{}/got && touch {}/whole", &[]);
    scene.stream.write_all(b"half of").expect("it is taken");
    until("the command does not read", || {
        std::fs::read(scene.path("got")).is_ok_and(|got| got == b"half of")
    });
    let stream = scene.stream.try_clone().expect("a socket can be cloned");
    socket2::SockRef::from(&stream).set_linger(Some(std::time::Duration::ZERO)).expect("linger can be set");
    scene.stream =
        TcpStream::connect(TcpListener::bind("127.0.0.1:0").expect("free").local_addr().expect("bound"))
            .expect("it listens");
    drop(stream);
    let (code, said) = scene.finish();
    assert_eq!(code, Some(4), "{said}");
    assert!(!scene.path("whole").exists(), "the command took a reset for the end");
}

#[test]
fn a_command_does_not_outlive_us_and_sees_no_end() {
    for (signal, code) in [(Signal::KILL, None), (Signal::TERM, Some(143)), (Signal::INT, Some(130))] {
        let mut scene = Scene::new("echo $$ >{}/pid; cat >/dev/null && touch {}/whole", &[]);
        let path = scene.path("pid");
        until("the command does not run", || std::fs::read(&path).is_ok_and(|pid| pid.ends_with(b"\n")));
        let pid = std::fs::read_to_string(&path).expect("it is there").trim().to_owned();
        let child = scene.child.as_ref().expect("it runs");
        crate::signal(child, signal);
        let (_, error) = scene.read();
        assert_eq!(error, Some(ErrorKind::ConnectionReset), "{signal:?}");
        let (status, said) = scene.finish();
        assert_eq!(status, code, "{said}");
        until("the command outlives us", || {
            // One that nobody has waited for yet is no command any more.
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with('Z'))
        });
        assert!(!scene.path("whole").exists(), "the command took our death for the end");
    }
}

#[test]
fn over_tls_a_unix_socket_and_a_proxy_it_is_the_same() {
    let directory = tempfile::tempdir().expect("there is room");
    let unix = format!("unix:{}", directory.path().join("socket").display());
    let test = "over_tls_a_unix_socket_and_a_proxy_it_is_the_same";
    let proxy = counterpart(test, "microsocks").map(|program| proxies::microsocks(&program, &[]));
    for way in ["tls://127.0.0.1:0", &unix, "127.0.0.1:0"] {
        // It answers before our end: with this proxy an end of ours would end the answer too.
        let mut server = Server::start_at(way, &["--exec", "head -c 5 | tr a-z A-Z", "--accept-first"]);
        let got = directory.path().join("got");
        let line = format!("printf shout; head -c 5 >{}", got.display());
        let mut words = vec!["connect".to_owned(), server.address.clone(), "--exec".to_owned(), line];
        if way.starts_with("tls:") {
            let said = server.line();
            words.extend(["--pin".to_owned(), said.rsplit_once(' ').expect("the fingerprint").1.to_owned()]);
        } else if way.starts_with("127") {
            // Without the counterpart it is as on the first way.
            let Some((_, port)) = &proxy else { continue };
            words.extend(["--proxy".to_owned(), format!("socks5://127.0.0.1:{port}")]);
        }
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let output = run(&words, b"");
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        has(&got, b"SHOUT");
        std::fs::remove_file(&got).expect("it is there");
        assert_eq!(server.finish().0.code(), Some(0));
    }
}

#[test]
fn nothing_is_run_without_a_connection_and_stdin_is_left_alone() {
    let directory = tempfile::tempdir().expect("there is room");
    let ran = directory.path().join("ran");
    let line = format!("touch {}", ran.display());
    let output = run(&["connect", "127.0.0.1:1", "--exec", &line], b"");
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    let output = run(&["connect", "127.0.0.1:1", "--exec", &line, "--fastopen"], b"");
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
    assert!(
        text(&output.stderr).contains("cannot be used with --exec but over TLS"),
        "{}",
        text(&output.stderr)
    );
    assert!(!ran.exists());
    // Closed standard descriptors are none of its business.
    let server = Server::start(&["--echo"]);
    let line = format!("printf x; exec >&-; cat >{}", ran.display());
    let shell = format!("exec {} connect {} --exec '{line}' <&- >&-", crate::ADIEU, server.address);
    let status = std::process::Command::new("sh").arg("-c").arg(shell).status().expect("there is a shell");
    assert_eq!(status.code(), Some(0));
    has(&ran, b"x");
}

#[test]
fn a_variable_that_is_meant_for_listen_runs_nothing_here() {
    let directory = tempfile::tempdir().expect("there is room");
    let ran = directory.path().join("ran");
    let line = format!("touch {}; exec >&-; cat >/dev/null", ran.display());
    for (variable, runs) in [("ADIEU_EXEC", false), ("ADIEU_CONNECT_EXEC", true)] {
        let server = Server::start(&["--echo", "--accept-first"]);
        let mut command = adieu(&["connect", &server.address]);
        let output = command.env(variable, &line).stdin(Stdio::null()).output().expect("it starts");
        assert_eq!((output.status.code(), ran.exists()), (Some(0), runs), "{}", text(&output.stderr));
    }
}
