//! What must not look whole does not, whatever cuts it; and what is whole is not cut.

use crate::{Server, adieu, ask, text};
use adieu_testkit::places;
use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::process::Stdio;

#[test]
fn a_command_that_ends_its_output_early_still_gets_all_its_input() {
    let directory = tempfile::tempdir().expect("there is room for a directory");
    let path = directory.path().join("got");
    for _ in 0..3 {
        let line = format!("exec >&-; sleep 0.2; cat >{}", path.display());
        let server = Server::start(&["--exec", &line]);
        ask(server.connect(), &vec![7; 3_000_000]);
        let (status, _, said) = server.finish();
        assert_eq!(status.code(), Some(0), "{said}");
        assert_eq!(std::fs::metadata(&path).expect("the file is there").len(), 3_000_000);
    }
}

#[test]
fn a_process_that_is_killed_in_mid_upload_resets() {
    use rustix::process::Signal;
    for number in [Signal::KILL, Signal::QUIT, Signal::USR1] {
        let listener = places::listener();
        let address = listener.local_addr().expect("it has an address").to_string();
        let mut child = adieu(&["connect", &address])
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the built binary starts");
        let mut input = child.stdin.take().expect("stdin is a pipe");
        input.write_all(b"half of").expect("adieu takes it");
        let (mut stream, _) = listener.accept().expect("adieu connects");
        stream.read_exact(&mut [0; 7]).expect("adieu sends");
        crate::signal(&child, number);
        let error = stream.read_to_end(&mut Vec::new()).expect_err("a cut stream looks whole");
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        child.wait().expect("it can be waited for");
    }
}

/// A terminal's two ends: with lines, as people have it, or without echo and line discipline.
pub(crate) fn terminal(has_lines: bool) -> (OwnedFd, OwnedFd) {
    let rustix_openpty::Pty { controller: master, user: slave } =
        rustix_openpty::openpty(None, None).expect("there is a terminal to be had");
    let mut modes = rustix::termios::tcgetattr(&slave).expect("it is a terminal");
    if !has_lines {
        modes.make_raw();
    }
    rustix::termios::tcsetattr(&slave, rustix::termios::OptionalActions::Now, &modes).expect("it is ours");
    (master, slave)
}

#[test]
fn a_terminal_that_hangs_up_is_no_end_of_the_input() {
    let server = Server::start(&["--exec", "cat"]);
    let (master, slave) = terminal(false);
    let mut child = adieu(&["connect", &server.address])
        .stdin(slave)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the built binary starts");
    let mut master = std::fs::File::from(master);
    master.write_all(b"half").expect("the terminal takes it");
    let mut echoed = child.stdout.take().expect("stdout is a pipe");
    echoed.read_exact(&mut [0; 4]).expect("it went there and back");
    drop(master);
    let output = child.wait_with_output().expect("it can be waited for");
    assert_eq!(output.status.code(), Some(7), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("our input failed while sending"), "{}", text(&output.stderr));
    let (_, _, said) = server.finish();
    assert!(said.contains("reset by the peer"), "{said}");
}

#[test]
fn a_terminals_master_as_output_gets_every_byte() {
    let listener = places::listener();
    let address = listener.local_addr().expect("it has an address").to_string();
    let sending = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("adieu connects");
        stream.write_all(&vec![b'x'; 20_000]).expect("adieu takes it");
        stream.shutdown(Shutdown::Write).expect("half-closing works");
        stream.read_to_end(&mut Vec::new()).expect("adieu ends");
    });
    let (master, slave) = terminal(false);
    let mut child = adieu(&["connect", "-q", &address])
        .stdin(Stdio::null())
        // Ours stays open: with the last master, a terminal's bytes go.
        .stdout(master.try_clone().expect("it can be cloned"))
        .spawn()
        .expect("the built binary starts");
    let mut slave = std::fs::File::from(slave);
    let mut got = vec![0; 20_000];
    slave.read_exact(&mut got).expect("all of it arrives");
    assert!(got.iter().all(|b| *b == b'x'));
    assert_eq!(child.wait().expect("it can be waited for").code(), Some(0));
    sending.join().expect("sending does not panic");
}
