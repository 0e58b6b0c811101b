//! Real programs through a relay: curl, redis, PostgreSQL, SSH.
//!
//! The servers listen on Unix sockets in directories of their own, or are given each connection, so no port is taken twice.

use super::{BOUND, listener, relay_to};
use adieu_testkit::skip::counterpart;
use adieu_testkit::tls::peer::Address;
use adieu_testkit::waits::{patient, until};
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// The user `nobody`, and its group.
const NOBODY: u32 = 65534;

/// A server, which ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Killed, PostgreSQL would leave its processes and its shared memory behind.
        let _ = rustix::process::kill_process(
            rustix::process::Pid::from_child(&self.0),
            rustix::process::Signal::INT,
        );
        let began = Instant::now();
        while matches!(self.0.try_wait(), Ok(None)) && began.elapsed() < BOUND {
            thread::sleep(Duration::from_millis(5));
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn said(command: &mut Command) -> (Option<i32>, String) {
    let output = command.stdin(Stdio::null()).output().expect("it starts");
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn curl_has_a_whole_page_and_sees_one_that_was_cut() {
    let Some(curl) = counterpart("curl through a relay", "curl") else { return };
    let (server, address) = listener();
    let serving = thread::spawn(move || {
        for is_whole in [true, false] {
            let stream = patient(server.accept().expect("the relay connects").0);
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut octet = [0];
                std::io::Read::read_exact(&mut &stream, &mut octet).expect("a request");
                head.push(octet[0]);
            }
            (&stream).write_all(b"HTTP/1.0 200 OK\r\n\r\nhalf a page").expect("taken");
            if !is_whole {
                // Without a length only a reset tells.
                until("it is never acknowledged", || {
                    adieu_testkit::peer::os::unacknowledged(&socket2::SockRef::from(&stream)).ok() == Some(0)
                });
                socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).expect("a socket");
            }
        }
    });
    let (relay, front, _directory) = relay_to(address, &[]);
    let url = format!("http://{front}/");
    assert_eq!(said(Command::new(&curl).args(["-s", &url])), (Some(0), "half a page".into()));
    assert_eq!(said(Command::new(&curl).args(["-s", &url])), (Some(56), "half a page".into()));
    serving.join().expect("no panic");
    let told = relay.stop().expect("it ends").told.expect("it has a log");
    assert_eq!([&*told[0].ending, &*told[1].ending], ["graceful", "reset"]);
}

#[test]
fn redis_answers_through_a_relay() {
    let Some(server) = counterpart("redis through a relay", "redis-server") else { return };
    let Some(cli) = counterpart("redis through a relay", "redis-cli") else { return };
    let directory = tempfile::tempdir().expect("there is room");
    let socket = directory.path().join("socket");
    let mut redis = Command::new(server);
    redis.args(["--port", "0", "--save", "", "--unixsocket"]).arg(&socket);
    redis.current_dir(&directory).stdout(Stdio::null()).stdin(Stdio::null());
    let _redis = Running(redis.spawn().expect("it starts"));
    until("redis does not listen", || UnixStream::connect(&socket).is_ok());
    let (relay, front, _log) = relay_to(Address::Unix(socket), &[]);
    let ask = |words: &[&str]| {
        let port = front.port().to_string();
        said(Command::new(&cli).args(["-h", "127.0.0.1", "-p", &port]).args(words))
    };
    let big = "x".repeat(100_000);
    assert_eq!(ask(&["set", "key", &big]), (Some(0), "OK\n".into()));
    assert_eq!(ask(&["get", "key"]), (Some(0), big + "\n"));
    let told = relay.stop().expect("it ends").told.expect("it has a log");
    assert!(told.iter().all(|told| told.ending == "graceful"), "{told:?}");
}

/// A command that runs as an ordinary user: this one, or nobody if this is root. The servers refuse to run as root, or do much more.
fn as_user(program: &Path) -> Command {
    let mut command = Command::new(program);
    if rustix::process::geteuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// An empty directory of that user.
fn directory_of_user() -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("there is room");
    give_to_user(directory.path());
    directory
}

fn give_to_user(path: &Path) {
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(path, Some(NOBODY), Some(NOBODY)).expect("root may");
    }
}

/// Where PostgreSQL's server is. Debian has it outside of PATH, in a directory of its version.
fn programs_of_postgres(test: &str) -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut directories: Vec<PathBuf> = versions.map(|entry| entry.path().join("bin")).collect();
    directories.retain(|directory| directory.join("initdb").is_file());
    directories.sort();
    directories.pop().or_else(|| Some(counterpart(test, "initdb")?.parent()?.to_owned()))
}

#[test]
fn psql_queries_through_a_relay_and_hears_a_servers_last_word() {
    let test = "PostgreSQL through a relay";
    let Some(psql) = counterpart(test, "psql") else { return };
    let Some(programs) = programs_of_postgres(test) else { return };
    let directory = directory_of_user();
    let data = directory.path().join("data");
    let mut initdb = as_user(&programs.join("initdb"));
    initdb.args(["--no-sync", "--username=adieu", "--auth=trust", "--encoding=UTF8", "--locale=C"]);
    assert!(initdb.arg("-D").arg(&data).current_dir(&directory).status().expect("it starts").success());
    let mut server = as_user(&programs.join("postgres"));
    server.arg("-D").arg(&data).arg("-k").arg(directory.path()).args(["-p", "5432", "-h", "", "-F"]);
    let _server = Running(server.current_dir(&directory).spawn().expect("it starts"));
    let socket = directory.path().join(".s.PGSQL.5432");
    let (relay, front, _log) = relay_to(Address::Unix(socket), &[]);
    let query = |sql: &str| {
        let mut command = Command::new(&psql);
        let port = front.port().to_string();
        command.args(["--no-psqlrc", "-h", "127.0.0.1", "-p", &port, "-U", "adieu", "-d", "postgres"]);
        let output = command.args(["-At", "-c", sql]).stdin(Stdio::null()).output().expect("it starts");
        let [said, complained] =
            [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
        (output.status.code(), said, complained)
    };
    // Until it listens a client is reset by the relay, and while it begins it refuses to serve.
    until("PostgreSQL does not serve", || query("select 1").0 == Some(0));
    let (code, said, complained) = query("select repeat('x', 1000000)");
    assert_eq!((code, said.len()), (Some(0), 1_000_001), "{complained}");
    let (code, _, complained) = query("select pg_terminate_backend(pg_backend_pid())");
    assert_eq!(code, Some(2), "{complained}");
    assert!(complained.contains("terminating connection due to administrator command"), "{complained}");
    let told = relay.stop().expect("it ends").told.expect("it has a log");
    let last: Vec<&str> = told.iter().rev().take(3).map(|told| &*told.ending).collect();
    assert_eq!(last, ["graceful"; 3], "{told:?}");
}

#[test]
fn sftp_copies_both_ways_through_a_relay() {
    let test = "SSH through a relay";
    let Some(sshd) = counterpart(test, "sshd") else { return };
    let Some(sftp) = counterpart(test, "sftp") else { return };
    let Some(keygen) = counterpart(test, "ssh-keygen") else { return };
    let directory = directory_of_user();
    let at = |name: &str| directory.path().join(name);
    for key in ["host", "user"] {
        let mut keygen = Command::new(&keygen);
        keygen.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(at(key));
        assert!(keygen.stdin(Stdio::null()).status().expect("it starts").success());
    }
    give_to_user(&at("host"));
    let known = std::fs::read_to_string(at("host.pub")).expect("it was written");
    std::fs::write(at("known"), format!("host {known}")).expect("there is room");
    let bytes: Vec<u8> = (0..1_000_000_u32).flat_map(u32::to_be_bytes).collect();
    std::fs::write(at("sent"), &bytes).expect("there is room");

    let (listener, address) = listener();
    let mut server = as_user(&sshd);
    // One connection, which is its stdin and stdout.
    server.args(["-i", "-e", "-f", "/dev/null", "-h"]).arg(at("host"));
    for option in [
        format!("AuthorizedKeysFile={}", at("user.pub").display()),
        "StrictModes=no".into(),
        // Without PAM an account whose password an ordinary user cannot read may count as locked.
        "UsePAM=yes".into(),
        "PidFile=none".into(),
        // No shell: nobody has none.
        "Subsystem=sftp internal-sftp".into(),
        "ForceCommand=internal-sftp".into(),
    ] {
        server.arg("-o").arg(option);
    }
    let serving = thread::spawn(move || {
        let (stream, _) = listener.accept().expect("the relay connects");
        let output = OwnedFd::from(stream.try_clone().expect("descriptors"));
        server.stdin(OwnedFd::from(stream)).stdout(output);
        let running = server.spawn().expect("it starts");
        // It alone has the connection.
        drop(server);
        running.wait_with_output().expect("it is ours").status
    });
    let (relay, front, _log) = relay_to(address, &[]);
    let user = if rustix::process::geteuid().is_root() {
        "nobody".to_owned()
    } else {
        std::env::var("USER").expect("a user has a name")
    };
    let mut copying = Command::new(&sftp);
    copying.args(["-q", "-F", "/dev/null", "-b", "-", "-P", &front.port().to_string(), "-i"]).arg(at("user"));
    for option in [
        format!("UserKnownHostsFile={}", at("known").display()),
        "HostKeyAlias=host".into(),
        "IdentitiesOnly=yes".into(),
    ] {
        copying.arg("-o").arg(option);
    }
    let mut copying =
        copying.arg(format!("{user}@127.0.0.1")).stdin(Stdio::piped()).spawn().expect("it starts");
    let [sent, there, back] = ["sent", "there", "back"].map(|name| at(name).display().to_string());
    write!(copying.stdin.take().expect("a pipe"), "put {sent} {there}\nget {there} {back}\n").expect("taken");
    assert!(copying.wait().expect("it is ours").success());
    assert!(std::fs::read(at("back")).expect("it was written") == bytes, "other bytes came back");
    serving.join().expect("no panic");
    let told = relay.stop().expect("it ends").told.expect("it has a log");
    assert_eq!((told.len(), &*told[0].ending), (1, "graceful"), "{told:?}");
}
