//! `adieu listen fd:NAME`: sockets that a service manager opened and passed.

use crate::{ADIEU, Server, ask, text};
use rustix::process::Signal;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::{Command, Stdio};

/// What a service manager does: the socket stands where it belongs, and the variables name the process that the shell becomes.
const PASS: &str =
    "export LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=web; exec 3<&0 </dev/null; exec \"$0\" \"$@\"";

/// A listener that was passed this socket.
fn activated(socket: impl Into<OwnedFd>, args: &[&str]) -> Server {
    activated_by(&mut Command::new("sh"), socket, args)
}

fn activated_by(shell: &mut Command, socket: impl Into<OwnedFd>, args: &[&str]) -> Server {
    let stdin = Stdio::from(socket.into());
    Server::of_with(shell.args(["-c", PASS, ADIEU, "listen"]).args(args), stdin, Stdio::piped())
}

fn bound() -> (TcpListener, std::net::SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let address = listener.local_addr().expect("bound");
    (listener, address)
}

#[test]
fn a_socket_of_the_service_manager_is_listened_on_by_its_name_or_its_number() {
    for name in ["fd:web", "fd:3", "FD:web"] {
        let (listener, address) = bound();
        // A client that came before the service was started.
        let early = TcpStream::connect(address).expect("it listens");
        let server = activated(listener, &[name, "-k", "--echo"]);
        assert_eq!(server.address, address.to_string());
        assert_eq!(ask(early, b"early"), b"early");
        assert_eq!(ask(server.connect(), b"late"), b"late");
        server.signal(Signal::TERM);
        let (status, _, said) = server.finish();
        assert_eq!(status.code(), Some(0), "{said}");
        assert!(said.contains("2 connections served"), "{said}");
    }
}

#[test]
fn the_file_of_a_socket_that_was_passed_is_left_to_the_service_manager() {
    let directory = tempfile::tempdir().expect("there is room");
    let path = directory.path().join("s");
    let server = activated(UnixListener::bind(&path).expect("a new path"), &["fd:web", "--echo"]);
    assert_eq!(server.address, format!("unix:{}", path.display()));
    let mut client = UnixStream::connect(&path).expect("it listens");
    client.write_all(b"word").expect("it is served");
    client.shutdown(Shutdown::Write).expect("it is connected");
    let mut answer = String::new();
    client.read_to_string(&mut answer).expect("it ends well");
    let (status, _, said) = server.finish();
    assert_eq!((status.code(), answer.as_str()), (Some(0), "word"), "{said}");
    assert!(path.exists());
}

#[test]
fn what_was_not_passed_or_cannot_be_listened_on_is_said() {
    let (listener, _) = bound();
    let datagrams = std::net::UdpSocket::bind("127.0.0.1:0").expect("loopback");
    let file = std::fs::File::open("/dev/null").expect("it is there");
    for (socket, name, says) in [
        (
            OwnedFd::from(listener),
            "fd:wbe",
            "cannot listen on fd:wbe: the service manager passed no socket 'wbe', only 3 (web)",
        ),
        (
            datagrams.into(),
            "fd:web",
            "cannot listen on fd:web: it is not a stream socket of TCP or a Unix socket",
        ),
        (file.into(), "fd:3", "cannot listen on fd:3: it is not a socket"),
    ] {
        let mut shell = Command::new("sh");
        shell.args(["-c", PASS, ADIEU, "listen", name]).stdin(Stdio::from(socket));
        let output = shell.output().expect("there is a shell");
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{said}");
        assert!(said.contains(says), "{said}");
    }
    let output = crate::run(&["listen", "fd:web"], b"");
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("the service manager passed no sockets to this process"), "{said}");
    assert!(said.contains("hint: start it from a socket unit"), "{said}");
    let output = crate::run(&["listen", "fd:"], b"");
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("'fd:' needs the name or the number of a socket"));
}

#[cfg(target_os = "linux")]
mod linux_tests {
    use super::*;
    use adieu_testkit::skip;

    /// Whoever else had the socket would keep it listening while nobody accepts.
    #[test]
    fn neither_commands_nor_their_guard_have_the_socket() {
        let (listener, _) = bound();
        let link = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&listener));
        let socket = std::fs::read_link(link).expect("an open descriptor").to_string_lossy().into_owned();
        let server =
            activated(listener, &["fd:web", "-k", "--exec", "ls -l /proc/$$/fd /proc/$PPID/fd; cat"]);
        let children = format!("/proc/{0}/task/{0}/children", server.child.id());
        let guards = std::fs::read_to_string(children).expect("it runs");
        let listed = String::from_utf8(ask(server.connect(), b"")).expect("names");
        assert_eq!(listed.matches(&socket).count(), 1, "the listener alone: {listed}");
        for guard in guards.split_whitespace() {
            let theirs = std::fs::read_dir(format!("/proc/{guard}/fd")).expect("it runs");
            let mut links = theirs.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
            assert!(!links.any(|link| link.to_string_lossy() == socket.as_str()), "the guard has it");
        }
        server.signal(Signal::TERM);
        assert_eq!(server.finish().0.code(), Some(0));
    }

    #[test]
    fn the_first_process_of_a_container_has_its_socket_too() {
        let test = "the_first_process_of_a_container_has_its_socket_too";
        let namespace = ["--pid", "--fork", "--mount-proc"];
        let tried = Command::new("unshare").args(namespace).arg("true").output();
        if let Err(error) = tried.and_then(|tried| {
            if tried.status.success() { Ok(()) } else { Err(std::io::Error::other(text(&tried.stderr))) }
        }) {
            return skip::loudly(test, &error);
        }
        let (listener, _) = bound();
        let mut shell = Command::new("unshare");
        shell.args(namespace).arg("sh");
        let server = activated_by(&mut shell, listener, &["fd:web", "--exec", "cat"]);
        assert_eq!(ask(server.connect(), b"word"), b"word");
        let (status, _, said) = server.finish();
        assert_eq!(status.code(), Some(0), "{said}");
    }
}
