//! `adieu relay` as a service: what the service manager is told, the units, and being PID 1.

use crate::relay::{accept, refusing, upstream};
use crate::{ADIEU, BOUND, Server, adieu, until};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use rustix::process::Signal;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::process::{Command, Stdio};
use std::time::Instant;

/// A descriptor that comes with a message is not for what other tests start.
#[cfg(not(target_vendor = "apple"))]
const FOR_NOBODY_ELSE: RecvFlags = RecvFlags::CMSG_CLOEXEC;
/// macOS has no such flag, and no service manager that says anything to these.
#[cfg(target_vendor = "apple")]
const FOR_NOBODY_ELSE: RecvFlags = RecvFlags::empty();

/// The socket of a service manager, and what it is told.
struct Manager {
    socket: UnixDatagram,
    directory: tempfile::TempDir,
}

impl Manager {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("there is room");
        let socket = UnixDatagram::bind(directory.path().join("notify")).expect("a new path");
        socket.set_read_timeout(Some(BOUND)).expect("a timeout can be set");
        Self { socket, directory }
    }

    fn path(&self) -> std::path::PathBuf {
        self.directory.path().join("notify")
    }

    fn told(&self) -> String {
        let mut bytes = [0; 4096];
        let n = self.socket.recv(&mut bytes).expect("something is told");
        String::from_utf8(bytes[..n].to_vec()).expect("a text")
    }

    /// The next, which comes with a descriptor.
    fn told_with_a_descriptor(&self) -> (String, OwnedFd) {
        let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let mut bytes = [0; 4096];
        let received = recvmsg(
            &self.socket,
            &mut [std::io::IoSliceMut::new(&mut bytes)],
            &mut ancillary,
            FOR_NOBODY_ELSE,
        );
        let n = received.expect("something is told").bytes;
        let mut descriptors = ancillary.drain().filter_map(|message| match message {
            RecvAncillaryMessage::ScmRights(descriptors) => descriptors.into_iter().next(),
            _ => None,
        });
        let descriptor = descriptors.next().expect("a descriptor comes with it");
        (String::from_utf8(bytes[..n].to_vec()).expect("a text"), descriptor)
    }

    /// The next that begins so.
    fn told_of(&self, begins: &str) -> String {
        let began = Instant::now();
        while began.elapsed() < BOUND {
            let told = self.told();
            if told.starts_with(begins) {
                return told;
            }
        }
        panic!("{begins} is not told");
    }
}

#[test]
fn the_service_manager_is_told_of_the_start_a_reload_and_the_stop() {
    let manager = Manager::new();
    let (listener, address) = upstream();
    let config = manager.directory.path().join("relay.toml");
    let listen = refusing();
    std::fs::write(&config, format!("[[relay]]\nlisten = \"{listen}\"\nto = \"{address}\"\n")).expect("room");
    let mut command = adieu(&["relay", "--config"]);
    command.arg(&config).env("NOTIFY_SOCKET", manager.path());
    let server = Server::of(&mut command);
    assert_eq!(manager.told_of("READY"), format!("READY=1\nSTATUS=listening on {listen}\n"));
    let mut client = server.connect();
    let mut upstream_side = accept(&listener);
    server.signal(Signal::HUP);
    let told = manager.told();
    let micros = told.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").expect("a reload is told");
    assert!(micros.trim_end().parse::<u64>().is_ok_and(|micros| micros > 0), "{told}");
    assert!(manager.told_of("READY").starts_with("READY=1\n"));
    server.signal(Signal::TERM);
    let told = manager.told();
    assert!(told.starts_with("STOPPING=1\nSTATUS=waiting for 1 connection to end\n"), "{told}");
    // The grace, and a little more.
    assert!(told.contains("\nEXTEND_TIMEOUT_USEC=15000000\n"), "{told}");
    client.shutdown(Shutdown::Write).expect("it is open");
    assert_eq!(upstream_side.read(&mut [0]).expect("the half-close passes"), 0);
    drop(upstream_side);
    assert_eq!(client.read(&mut [0]).expect("an end"), 0);
    let (status, _, said) = server.finish();
    assert_eq!(status.code(), Some(0), "{said}");
}

#[test]
fn the_watchdog_hears_of_us_until_the_stop() {
    let manager = Manager::new();
    let mut command = adieu(&["relay", "127.0.0.1:0", "127.0.0.1:9"]);
    command.env("NOTIFY_SOCKET", manager.path()).env("WATCHDOG_USEC", "400000").env_remove("WATCHDOG_PID");
    let server = Server::of(&mut command);
    assert!(manager.told().starts_with("READY=1\n"));
    for _ in 0..3 {
        assert_eq!(manager.told_of("WATCHDOG"), "WATCHDOG=1\n");
    }
    server.signal(Signal::TERM);
    assert!(manager.told_of("STOPPING=1").contains("waiting for 0 connections"));
    let (status, _, said) = server.finish();
    assert_eq!(status.code(), Some(0), "{said}");
}

/// What a service manager does: the socket stands where it belongs, and the variables name the process that the shell becomes.
const PASS: &str = "export LISTEN_PID=$$ LISTEN_FDS=1; exec 3<&0 </dev/null; exec \"$0\" \"$@\"";

#[test]
fn a_socket_of_the_service_manager_serves_its_earliest_client() {
    let (listener, address) = upstream();
    let (passed, at) = upstream();
    let mut early = TcpStream::connect(&at).expect("it listens");
    early.set_read_timeout(Some(BOUND)).expect("a timeout can be set");
    let stdin = Stdio::from(OwnedFd::from(passed));
    let mut command = Command::new("sh");
    let args = ["-c", PASS, ADIEU, "relay", "fd:relay", &address];
    command.args(args).env("LISTEN_FDNAMES", "relay");
    let server = Server::of_with(&mut command, stdin, Stdio::piped());
    assert_eq!(server.address, at);
    early.write_all(b"x").expect("it is taken");
    let mut upstream_side = accept(&listener);
    upstream_side.read_exact(&mut [0]).expect("it passes");
}

/// It is known to be a Unix socket only once it is there.
#[test]
fn networks_mean_nothing_for_a_unix_socket_that_was_passed_at_sighup_too() {
    let (_listener, address) = upstream();
    let directory = tempfile::tempdir().expect("there is room");
    let [socket, file] = ["socket", "relays.toml"].map(|name| directory.path().join(name));
    let passed = UnixListener::bind(&socket).expect("a new path");
    let text = format!("[[relay]]\nlisten = \"fd:relay\"\nto = [\"{address}\"]\n");
    std::fs::write(&file, &text).expect("there is room");
    let mut command = Command::new("sh");
    command.args(["-c", PASS, ADIEU, "relay", "--config"]).arg(&file).env("LISTEN_FDNAMES", "relay");
    let mut server = Server::of_with(&mut command, Stdio::from(OwnedFd::from(passed)), Stdio::piped());
    std::fs::write(&file, text + "allow = [\"192.0.2.0/24\"]\n").expect("there is room");
    server.signal(Signal::HUP);
    let said = server.line_with("the settings stay as they are");
    assert!(said.contains("mean nothing for a Unix socket"), "{said}");
}

#[test]
fn over_a_restart_the_service_manager_keeps_the_socket_and_no_client_is_refused() {
    let manager = Manager::new();
    let (listener, address) = upstream();
    let listen = refusing();
    let mut command = adieu(&["relay", &listen, &address]);
    let server = Server::of(command.env("NOTIFY_SOCKET", manager.path()));
    let (told, kept) = manager.told_with_a_descriptor();
    let name = format!("adieu-{}", listen.replace(':', "%3A"));
    assert_eq!(told, format!("FDSTORE=1\nFDNAME={name}\n"));
    server.signal(Signal::TERM);
    let (status, _, said) = server.finish();
    assert_eq!(status.code(), Some(0), "{said}");

    let mut between = TcpStream::connect(&listen).expect("it still listens");
    between.set_read_timeout(Some(BOUND)).expect("a timeout can be set");
    between.write_all(b"x").expect("it is taken");
    let mut command = Command::new("sh");
    command.args(["-c", PASS, ADIEU, "relay", &listen, &address]).env("LISTEN_FDNAMES", &name);
    let server = Server::of_with(&mut command, Stdio::from(kept), Stdio::piped());
    assert_eq!(server.address, listen);
    accept(&listener).read_exact(&mut [0]).expect("it passes");
    assert_eq!(between.read(&mut [0]).expect("its upstream has ended"), 0);
}

#[test]
fn a_kept_socket_that_no_relay_has_any_more_is_closed() {
    let manager = Manager::new();
    let (kept, at) = upstream();
    let stdin = Stdio::from(OwnedFd::from(kept));
    let mut command = Command::new("sh");
    command.args(["-c", PASS, ADIEU, "relay", &refusing(), "127.0.0.1:9"]);
    command.env("LISTEN_FDNAMES", "adieu-gone").env("NOTIFY_SOCKET", manager.path());
    let _server = Server::of_with(&mut command, stdin, Stdio::piped());
    assert_eq!(manager.told_of("FDSTOREREMOVE"), "FDSTOREREMOVE=1\nFDNAME=adieu-gone\n");
    // The test's own handle went with the command.
    drop(command);
    until("it still listens", || TcpStream::connect(&at).is_err());
}

#[cfg(target_os = "linux")]
mod linux_tests {
    use super::*;
    use adieu_testkit::skip;
    use rustix::process::{Pid, kill_process};

    #[test]
    fn a_manager_with_an_abstract_socket_is_told_too_and_a_wrong_one_is_no_end() {
        use std::os::linux::net::SocketAddrExt;
        let name = format!("adieu-notify-{}", std::process::id());
        let address = std::os::unix::net::SocketAddr::from_abstract_name(&name).expect("a name");
        let socket = UnixDatagram::bind_addr(&address).expect("a new name");
        socket.set_read_timeout(Some(BOUND)).expect("a timeout can be set");
        let mut command = adieu(&["relay", "127.0.0.1:0", "127.0.0.1:9"]);
        let _server = Server::of(command.env("NOTIFY_SOCKET", format!("@{name}")));
        let mut bytes = [0; 256];
        let n = socket.recv(&mut bytes).expect("it is told");
        assert!(bytes[..n].starts_with(b"READY=1\n"));

        let mut command = adieu(&["relay", "127.0.0.1:0", "127.0.0.1:9"]);
        let mut server = Server::of(command.env("NOTIFY_SOCKET", "/nonexistent/notify"));
        assert!(server.line().contains("cannot notify the service manager"));
        assert!(TcpStream::connect(&server.address).is_ok());
    }

    /// As in a container: the relay is PID 1, and orphans become its children.
    #[test]
    fn as_pid_1_it_stops_at_sigterm_and_leaves_no_zombies() {
        let (listener, address) = upstream();
        // The shell becomes the relay, so its child becomes an orphan of PID 1 when the subshell ends.
        let script = "(sleep 0.3 & exit); exec \"$0\" \"$@\"";
        let namespace = ["--user", "--map-root-user", "--pid", "--fork", "--mount-proc", "--kill-child"];
        let tried = Command::new("unshare").args(namespace).arg("true").output();
        if !tried.as_ref().is_ok_and(|tried| tried.status.success()) {
            let test = "as_pid_1_it_stops_at_sigterm_and_leaves_no_zombies";
            return skip::loudly(
                test,
                &std::io::Error::other(format!("no namespace of processes: {tried:?}")),
            );
        }
        let mut command = Command::new("unshare");
        command.args(namespace).args(["sh", "-c", script, ADIEU, "relay", "127.0.0.1:0", &address]);
        let server = Server::of(&mut command);
        let mut client = server.connect();
        client.write_all(b"x").expect("it is taken");
        accept(&listener).read_exact(&mut [0]).expect("it passes");
        let children = |of: u32| {
            let listed =
                std::fs::read_to_string(format!("/proc/{of}/task/{of}/children")).unwrap_or_default();
            listed.split_whitespace().filter_map(|one| one.parse::<u32>().ok()).collect::<Vec<_>>()
        };
        let init = children(server.child.id())[0];
        until("the orphan stays, as a zombie", || children(init).is_empty());
        drop(client);
        let pid = Pid::from_raw(i32::try_from(init).expect("a process")).expect("a process");
        kill_process(pid, Signal::TERM).expect("it lives");
        let (status, _, said) = server.finish();
        assert_eq!(status.code(), Some(0), "{said}");
    }
}
