//! A FIN is a promise: nobody who knows that a stream is not whole makes one, to the peer, to a command, or to stdout.

use crate::{BOUND, Server, adieu, ask, text, until};
use adieu_testkit::places;
use socket2::SockRef;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::{Child, Stdio};
use std::time::Duration;

/// Sends it and half-closes, and receives to the end: what came, and whether the end was a reset.
fn told(mut stream: TcpStream, request: &[u8]) -> (Vec<u8>, bool) {
    let mut writing = stream.try_clone().expect("a socket can be cloned");
    let request = request.to_vec();
    let feeding = std::thread::spawn(move || {
        writing.write_all(&request).and_then(|()| writing.shutdown(Shutdown::Write))
    });
    let mut answer = Vec::new();
    let end = stream.read_to_end(&mut answer);
    // A reset is told once, to whoever asks first.
    let ends = [feeding.join().expect("feeding does not panic"), end.map(drop)];
    let is_reset = |end: std::io::Result<()>| end.is_err_and(|e| e.kind() == ErrorKind::ConnectionReset);
    (answer, ends.into_iter().any(is_reset))
}

#[test]
fn a_listener_whose_stdout_has_no_reader_resets_and_ends() {
    for args in [&["--keep-open"][..], &[]] {
        let (reader, writer) = std::io::pipe().expect("a pipe can be made");
        let own = writer.try_clone().expect("it can be cloned");
        let mut command = adieu(&["listen", "127.0.0.1:0"]);
        let mut server = Server::of_with(command.args(args), Stdio::null(), writer.into());
        drop(reader);
        places::nobody_reads(&own).expect("a pipe");
        assert_eq!(told(server.connect(), b"small\n"), (Vec::new(), true), "{args:?}");
        let status = server.child.wait().expect("it ends");
        assert_eq!(status.code(), Some(7), "{args:?}");
    }
}

#[test]
fn an_input_that_is_given_up_by_default_is_indeterminate_and_a_reset_for_the_peer() {
    let (mut child, mut peer) = connected(&[]);
    let mut stdin = child.stdin.take().expect("stdin is a pipe");
    stdin.write_all(b"first").expect("adieu reads");
    peer.shutdown(Shutdown::Write).expect("the peer's side can end");
    peer.read_exact(&mut [0; 5]).expect("what stdin gave");
    assert_eq!(end_of(&mut peer), Some(ErrorKind::ConnectionReset));
    let output = child.wait_with_output().expect("it ends");
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(8), "{said}");
    assert!(said.contains("our input was given up before its end"), "{said}");
    assert!(said.contains("--input-grace"), "{said}");
    drop(stdin);
}

/// How the stream ends. A signal for this process, of a child that has ended, is no end.
fn end_of(stream: &mut TcpStream) -> Option<ErrorKind> {
    stream.read_to_end(&mut Vec::new()).err().map(|error| error.kind())
}

/// `adieu connect` with a stdin that stays open, and its peer.
fn connected(args: &[&str]) -> (Child, TcpStream) {
    let listener = places::listener();
    let address = listener.local_addr().expect("bound").to_string();
    let child = adieu(&[&["connect", &address], args].concat())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the built binary starts");
    let (peer, _) = listener.accept().expect("it connects");
    peer.set_read_timeout(Some(BOUND)).expect("a timeout can be set");
    (child, peer)
}

#[test]
fn the_peers_end_goes_on_to_stdout_while_stdin_is_open() {
    let (mut child, mut peer) = connected(&["--input-grace", "none"]);
    peer.write_all(b"answer").expect("adieu receives");
    peer.shutdown(Shutdown::Write).expect("the peer's side can end");
    let mut answer = String::new();
    let mut stdout = child.stdout.take().expect("stdout is a pipe");
    stdout.read_to_string(&mut answer).expect("it ends");
    assert_eq!(answer, "answer");
    assert!(child.try_wait().expect("it can be asked").is_none(), "stdin is still open");
    drop(child.stdin.take());
    let mut rest = Vec::new();
    peer.read_to_end(&mut rest).expect("now our side ends");
    drop(peer);
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
}

#[test]
fn a_reader_of_stdout_that_leaves_is_noticed_while_the_peer_is_silent() {
    let (mut child, mut peer) = connected(&[]);
    drop(child.stdout.take());
    assert_eq!(end_of(&mut peer), Some(ErrorKind::ConnectionReset));
    assert_eq!(child.wait().expect("it ends").code(), Some(7));
}

#[test]
fn a_client_that_stops_at_our_end_is_not_cut_by_a_listener_without_an_input() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let file = directory.path().join("received").display().to_string();
    let cases = [vec!["--output", &file], vec![]];
    std::thread::scope(|scope| {
        for args in &cases {
            scope.spawn(move || {
                let server = Server::start(args);
                let mut stream = server.connect();
                // More than 2 s, after which an open input of ours is given up.
                stream.set_read_timeout(Some(Duration::from_millis(2500))).expect("a timeout can be set");
                let error = stream.read(&mut [0; 1]).expect_err("our end comes after the client's");
                assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}");
                stream.set_read_timeout(Some(BOUND)).expect("a timeout can be set");
                assert_eq!(ask(stream, b"all of it"), b"");
                let (status, stdout, said) = server.finish();
                assert_eq!(status.code(), Some(0), "{said}");
                assert_eq!(text(&stdout), if args.is_empty() { "all of it" } else { "" });
            });
        }
    });
    assert_eq!(std::fs::read(file).expect("it is there"), b"all of it");
}

#[test]
fn a_client_that_waits_for_our_end_gets_it_after_its_silence() {
    for args in [&["--client-grace", "50ms"][..], &["--client-grace", "0s"]] {
        let server = Server::start(&[&["--output", "/dev/null"], args].concat());
        let mut stream = server.connect();
        stream.write_all(b"some").expect("the server takes it");
        stream.read_to_end(&mut Vec::new()).expect("the server ends its side");
        drop(stream);
        assert_eq!(server.finish().0.code(), Some(0));
    }
}

#[test]
fn a_killed_client_resets_also_while_it_drains() {
    let (mut child, mut peer) = connected(&[]);
    drop(child.stdin.take());
    assert_eq!(peer.read(&mut [0; 1]).expect("our half-close"), 0);
    child.kill().expect("it runs");
    child.wait().expect("it can be waited for");
    // EPIPE is what an RST becomes after the FIN.
    peer.write_all(b"answer").and_then(|()| peer.flush()).ok();
    until("the peer sees the reset", || {
        let error = SockRef::from(&peer).take_error().expect("it can be asked");
        error.is_some() || peer.write(b"x").is_err()
    });
}

#[cfg(target_os = "linux")]
mod linux_tests {
    use super::*;
    use rustix::process::Signal;
    use std::process::Command;

    #[test]
    fn a_command_that_fails_resets_after_its_answer_is_delivered() {
        let upload = vec![b'x'; 10_000_000];
        for (line, request, answer) in [
            ("head -c 1000 >/dev/null; exit 2", &upload[..], ""),
            ("echo part; exit 1", b"small\n", "part\n"),
            ("echo part; exec 1>&-; exit 1", b"small\n", "part\n"),
            ("false", b"small\n", ""),
            ("cat >/dev/full", b"small\n", ""),
            ("./no-such-command", b"small\n", ""),
            ("cat >/dev/null; kill -9 $$", b"small\n", ""),
        ] {
            let server = Server::start(&["--exec", line]);
            assert_eq!(told(server.connect(), request), (answer.into(), true), "{line}");
            let (status, _, said) = server.finish();
            assert_eq!(status.code(), Some(7), "{line}: {said}");
            assert!(said.contains("adieu: the command "), "{line}: {said}");
        }
    }

    #[test]
    fn a_long_answer_of_a_command_that_fails_is_delivered_to_a_slow_client_before_the_reset() {
        let server = Server::start(&["--exec", "head -c 3000000 /dev/zero; exit 9"]);
        let stream = server.connect();
        // All of it is in the two kernels' buffers when the command fails, or waits for them.
        SockRef::from(&stream).set_recv_buffer_size(64 << 10).expect("a buffer can be small");
        let (answer, reset) = told(stream, b"");
        assert_eq!((answer.len(), reset), (3_000_000, true));
        assert_eq!(server.finish().0.code(), Some(7));
    }

    #[test]
    fn a_service_tells_each_client_of_its_own_command() {
        let mut server = Server::start(&["--keep-open", "--exec", "read -r code; exit $code"]);
        for (code, reset) in [("0\n", false), ("3\n", true), ("0\n", false)] {
            assert_eq!(told(server.connect(), code.as_bytes()), (Vec::new(), reset));
        }
        server.line();
        server.signal(Signal::TERM);
        server.finish();
    }

    #[test]
    fn an_exit_status_that_is_no_failure_can_be_said_to_be_none() {
        for (line, reset, code) in [
            ("cat >/dev/null; grep nothing", false, 0),
            ("kill -9 $$", true, 7),
            ("(kill -9 $(exec sh -c 'echo $PPID'))", true, 7),
            ("./none", true, 7),
        ] {
            let server = Server::start(&["--exec", line, "--exec-status", "ignore"]);
            assert_eq!(told(server.connect(), b"x"), (Vec::new(), reset), "{line}");
            assert_eq!(server.finish().0.code(), Some(code), "{line}");
        }
    }

    #[test]
    fn a_command_that_ends_its_side_first_is_not_waited_for_until_the_client_has_ended() {
        let server = Server::start(&["--exec", "echo first; exec >&-; cat >/dev/null"]);
        let mut stream = server.connect();
        let mut answer = String::new();
        // The client ends only after this end.
        stream.read_to_string(&mut answer).expect("the server ends its side");
        assert_eq!(answer, "first\n");
        stream.write_all(b"second").expect("the server receives");
        drop(stream);
        assert_eq!(server.finish().0.code(), Some(0));
    }

    #[test]
    fn an_output_that_cannot_take_a_small_message_resets() {
        for args in [&["--output", "/dev/full"][..], &["--output", "/dev/full", "--keep-open"]] {
            let server = Server::start(args);
            assert_eq!(told(server.connect(), b"small\n"), (Vec::new(), true), "{args:?}");
            server.signal(Signal::TERM);
            server.finish();
        }
    }

    /// A command that copies its input, and publishes it at its end; the FIFO ends when all of it has.
    struct Publishing {
        directory: tempfile::TempDir,
        line: String,
    }

    impl Publishing {
        fn new() -> Self {
            let directory = tempfile::tempdir().expect("a directory can be made");
            let at = directory.path().display().to_string();
            let line = format!("cd {at} && exec 3>alive && cat >part && mv part whole");
            places::fifo(&directory.path().join("alive")).expect("there is room");
            Self { directory, line }
        }

        /// Whoever reads to its end knows that no process of the command is left.
        fn alive(&self) -> std::fs::File {
            std::fs::File::open(self.directory.path().join("alive")).expect("the command opens it")
        }

        fn has_some(&self) -> bool {
            std::fs::metadata(self.directory.path().join("part")).is_ok_and(|about| about.len() > 0)
        }

        fn is_published(&self) -> bool {
            self.directory.path().join("whole").exists()
        }
    }

    #[test]
    fn the_command_of_a_killed_listener_does_not_take_the_half_for_the_whole() {
        let command = Publishing::new();
        let mut server = Server::start(&["--exec", &command.line]);
        let mut stream = server.connect();
        stream.write_all(b"half of it").expect("the server takes it");
        let mut alive = command.alive();
        until("the command has some", || command.has_some());
        server.child.kill().expect("it runs");
        alive.read_to_end(&mut Vec::new()).expect("all of it ends");
        assert!(!command.is_published());
        assert_eq!(end_of(&mut stream), Some(ErrorKind::ConnectionReset));
    }

    #[test]
    fn the_command_of_a_whole_stream_publishes_it() {
        let command = Publishing::new();
        let server = Server::start(&["--exec", &command.line]);
        let stream = server.connect();
        let mut alive = std::thread::scope(|scope| {
            let asking = scope.spawn(|| ask(stream, b"all of it"));
            let alive = command.alive();
            assert_eq!(asking.join().expect("no panic"), b"");
            alive
        });
        alive.read_to_end(&mut Vec::new()).expect("all of it ends");
        assert!(command.is_published());
        assert_eq!(server.finish().0.code(), Some(0));
    }

    mod over_tls {
        use super::Server;
        use adieu_testkit::tls::authority::Authority;
        use adieu_testkit::tls::peer::Step::{
            CloseNotify, CutRecord, Fin, Handshake, ReceiveToEnd, Send, Silence,
        };
        use adieu_testkit::tls::peer::{Address, Log, Peer, Script, Setup};
        use std::time::Duration;

        fn client(args: &[&str], script: &'static Script) -> (Log, Server) {
            let (certificate, key) = &Authority::loopback().files;
            let (certificate, key) = (certificate.display().to_string(), key.display().to_string());
            let server = Server::start_at(
                "tls://127.0.0.1:0",
                &[&["--cert", &certificate, "--key", &key], args].concat(),
            );
            let address = server.address.trim_start_matches("tls://").parse().expect("an address");
            let place = Address::Tcp(address);
            let peer = Peer::connect(Setup::PLAIN, move || Some(place.clone()), script);
            (peer.expect("a thread can be had").finish(), server)
        }

        const CUT: &Script =
            &[Handshake, Send(300_000), Silence(Duration::from_millis(100)), Fin, ReceiveToEnd];
        const CUT_IN_A_RECORD: &Script = &[Handshake, Send(4), CutRecord(100), Fin, ReceiveToEnd];
        const WHOLE: &Script = &[Handshake, Send(300_000), CloseNotify, Fin, ReceiveToEnd];

        #[test]
        fn a_service_whose_incoming_stream_was_cut_resets_its_answer_after_delivering_it() {
            for args in [&["--echo"][..], &["--exec", "cat"], &["--output", "/dev/null"]] {
                let (log, server) = client(args, CUT);
                assert!(log.reset && !log.close_notify && !log.eof, "{args:?}: {log:?}");
                if args == ["--echo"] {
                    assert_eq!(log.received, 300_000, "what was answered is delivered: {log:?}");
                }
                let (status, _, said) = server.finish();
                assert_eq!(status.code(), Some(6), "{args:?}: {said}");
            }
            let (log, server) = client(&["--echo"], WHOLE);
            assert!(!log.reset && log.close_notify && log.received == 300_000, "{log:?}");
            assert_eq!(server.finish().0.code(), Some(0));
        }

        #[test]
        fn a_command_does_not_take_a_cut_stream_for_the_whole() {
            for (args, script) in
                [(&[][..], CUT), (&[], CUT_IN_A_RECORD), (&["--tls-eof", "framed"], CUT_IN_A_RECORD)]
            {
                let directory = tempfile::tempdir().expect("a directory can be made");
                let line = format!("cd {} && cat >part && mv part whole", directory.path().display());
                let (log, server) = client(&[&["--exec", &line], args].concat(), script);
                // It ends after the command and everything that it has started.
                let (status, _, said) = server.finish();
                assert_eq!(status.code(), Some(6), "{args:?}: {said}");
                assert!(!directory.path().join("whole").exists(), "{args:?}: {log:?}");
            }
        }
    }

    /// Waits until no process has this word in its command line.
    fn await_no_command_of(word: &str) {
        until("no command is left", || {
            let processes = std::fs::read_dir("/proc").expect("proc(5)").filter_map(Result::ok);
            let mut lines =
                processes.map(|entry| std::fs::read(entry.path().join("cmdline")).unwrap_or_default());
            !lines.any(|line| line.windows(word.len()).any(|part| part == word.as_bytes()))
        });
    }

    #[test]
    fn more_commands_than_the_soft_limit_of_descriptors_are_guarded() {
        let directory = tempfile::tempdir().expect("a directory can be made");
        let at = directory.path().display().to_string();
        let line = format!("cd {at} && cat >$$.part && mv $$.part $$.whole");
        let mut command = Command::new("sh");
        command.args([
            "-c",
            "ulimit -Sn 48; exec \"$0\" \"$@\"",
            crate::ADIEU,
            "listen",
            "127.0.0.1:0",
            "--keep-open",
        ]);
        let mut server = Server::of(command.args(["--exec", &line]));
        let clients: Vec<TcpStream> = (0..60).map(|_| server.connect()).collect();
        for mut client in &clients {
            client.write_all(b"half of it").expect("the kernel takes it");
        }
        let names = |ending: &str| {
            let entries = std::fs::read_dir(directory.path()).expect("it is there").filter_map(Result::ok);
            entries.filter(|entry| entry.file_name().to_string_lossy().ends_with(ending)).count()
        };
        until("every command runs", || names(".part") == clients.len());
        server.child.kill().expect("it runs");
        await_no_command_of(&at);
        assert_eq!(names(".whole"), 0);
    }

    #[test]
    fn a_listener_that_is_killed_while_commands_start_publishes_nothing() {
        for round in 0..12_u64 {
            let directory = tempfile::tempdir().expect("a directory can be made");
            let at = directory.path().display().to_string();
            let line = format!("cd {at} && cat >$$.part && mv $$.part $$.whole");
            let mut server = Server::start(&["--keep-open", "--exec", &line]);
            let clients: Vec<TcpStream> = (0..4).map(|_| server.connect()).collect();
            for mut client in &clients {
                client.write_all(b"half of it").expect("the kernel takes it");
            }
            // The moment is what is tried: none is waited for.
            std::thread::sleep(Duration::from_micros(400 * round));
            server.child.kill().expect("it runs");
            await_no_command_of(&at);
            let entries = std::fs::read_dir(directory.path()).expect("it is there").filter_map(Result::ok);
            let published =
                entries.filter(|entry| entry.file_name().to_string_lossy().ends_with(".whole")).count();
            assert_eq!(published, 0, "round {round}");
        }
    }
}
