//! Unix sockets: the same endings, a file that comes and goes with its listener, and other programs at the other end.

use crate::{ADIEU, BOUND, Server, adieu, run, text};
use adieu_testkit::skip::counterpart;
use rustix::process::Signal;
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Instant;

/// A place for a socket, and the endpoint there.
fn place() -> (tempfile::TempDir, PathBuf, String) {
    let directory = tempfile::tempdir().expect("there is room for a directory");
    let path = directory.path().join("socket");
    let endpoint = format!("unix:{}", path.display());
    (directory, path, endpoint)
}

#[test]
fn a_unix_socket_is_served_and_its_file_removed() {
    let (_directory, path, endpoint) = place();
    let server = Server::start_at(&endpoint, &["--echo"]);
    let client = run(&["connect", &endpoint, "--report", "json"], b"over there");
    assert_eq!((&client.stdout[..], client.status.code()), (&b"over there"[..], Some(0)));
    assert!(
        text(&client.stderr).contains("\"bytes_acknowledged\":null"),
        "a Unix socket acknowledges nothing"
    );
    assert_eq!(server.finish().0.code(), Some(0));
    assert!(!path.exists());
}

#[test]
fn a_signal_leaves_no_socket_file_behind() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        for connected in [false, true] {
            let (_directory, path, endpoint) = place();
            let server = Server::start_at(&endpoint, &["--echo", "--keep-open", "--grace", "1ms"]);
            let client = connected.then(|| UnixStream::connect(&path).expect("it listens"));
            if let Some(mut client) = client.as_ref() {
                // Its answer says that it is being served.
                client.write_all(b"x").expect("it reads");
                client.read_exact(&mut [0]).expect("it echoes");
            }
            server.signal(signal);
            let code = match (signal, connected) {
                (Signal::INT, _) => 130,
                (Signal::TERM, false) => 0,
                (Signal::TERM, true) => 4,
                _ => 143,
            };
            assert_eq!(server.finish().0.code(), Some(code), "{signal:?} {connected}");
            assert!(!path.exists(), "{signal:?} {connected}");
        }
    }
}

#[test]
fn the_socket_of_a_listener_that_was_killed_is_taken_over() {
    let (_directory, path, endpoint) = place();
    let killed = Server::start_at(&endpoint, &["--echo"]);
    killed.signal(Signal::KILL);
    assert_eq!(killed.finish().0.code(), None);
    assert!(path.exists(), "nobody could remove it");
    let refused = run(&["connect", &endpoint], b"");
    assert_eq!(refused.status.code(), Some(3));
    assert!(text(&refused.stderr).contains("hint: nothing listens there"), "{}", text(&refused.stderr));
    if cfg!(target_os = "linux") {
        // An abstract name goes with its server.
        let nobody = run(&["connect", "unix:@adieu-nobody"], b"");
        let said = text(&nobody.stderr);
        assert!(said.contains("hint: nothing listens there: is the server running"), "{said}");
        assert!(!said.contains("left its name behind"), "{said}");
    }

    let heir = Server::start_at(&endpoint, &["--echo"]);
    assert_eq!(run(&["connect", &endpoint], b"again").stdout, b"again");
    assert_eq!(heir.finish().0.code(), Some(0));
    assert!(!path.exists());
}

#[test]
fn what_is_no_socket_is_called_what_it_is() {
    let (directory, path, endpoint) = place();
    std::fs::write(&path, b"").expect("a file can be made");
    let said = text(&run(&["connect", &endpoint], b"").stderr);
    assert!(said.contains("hint: that is a file, not a socket"), "{said}");
    let endpoint = format!("unix:{}", directory.path().display());
    let said = text(&run(&["connect", &endpoint], b"").stderr);
    assert!(said.contains("hint: that is a directory, not a socket"), "{said}");
}

#[test]
fn a_name_that_is_too_long_is_told_the_bound() {
    let (path, name) = (format!("unix:/{}", "x".repeat(200)), format!("unix:@{}", "x".repeat(200)));
    let most = if cfg!(target_os = "linux") { 107 } else { 103 };
    for command in ["connect", "listen"] {
        let output = run(&[command, &path], b"");
        let said = text(&output.stderr);
        let bound = format!("the path has 201 bytes, and a Unix socket's has at most {most}");
        assert!(said.contains(&bound) && said.contains("hint: go nearer with cd"), "{said}");
        assert_eq!(output.status.code(), Some(3));
        if cfg!(target_os = "linux") {
            let said = text(&run(&[command, &name], b"").stderr);
            assert!(said.contains("the name has 200 bytes, and a Unix socket's has at most 107"), "{said}");
        }
    }
}

#[test]
fn a_living_listener_keeps_its_socket_and_its_one_client() {
    let (_directory, path, endpoint) = place();
    let first = Server::start_at(&endpoint, &["--echo"]);
    let second = run(&["listen", &endpoint], b"");
    let said = text(&second.stderr);
    assert_eq!(second.status.code(), Some(3), "{said}");
    assert!(said.contains("something is listening there (EADDRINUSE"), "{said}");
    assert!(said.contains("hint: choose another path"), "{said}");
    // It serves one connection and no more: the second's look at it was none.
    assert_eq!(run(&["connect", &endpoint], b"mine").stdout, b"mine");
    assert_eq!(first.finish().0.code(), Some(0));
    assert!(!path.exists());
}

#[test]
fn what_is_no_socket_is_left_alone() {
    let (_directory, path, endpoint) = place();
    std::fs::write(&path, "precious").expect("a file can be written");
    let output = run(&["listen", &endpoint], b"");
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("a file that is not a socket is there"), "{said}");
    assert_eq!(std::fs::read_to_string(&path).ok().as_deref(), Some("precious"));
}

#[cfg(not(target_os = "linux"))]
#[test]
fn an_abstract_name_is_an_error_where_there_is_none() {
    let output = run(&["connect", "unix:@app"], b"");
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output.stderr).contains("abstract names of Unix sockets are Linux's"));
}

#[test]
fn an_abort_over_a_unix_socket_is_not_called_a_reset() {
    let (_directory, path, endpoint) = place();
    let listener = adieu_testkit::places::unix_listener(&path);
    let output = {
        let mut child = adieu(&["connect", &endpoint, "-v", "--deadline", "200ms"])
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the built binary starts");
        let (mut peer, _) = listener.accept().expect("it connects");
        let stdin = child.stdin.take();
        let mut received = Vec::new();
        // Nobody can make this anything but an end: it is why -v may not say "reset".
        assert_eq!(peer.read_to_end(&mut received).ok(), Some(0));
        drop(stdin);
        child.wait_with_output().expect("it can be waited for")
    };
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(5), "{said}");
    assert!(!said.contains("reset"), "{said}");
}

/// Runs another program to its end, bounded, with this on stdin.
fn run_other(program: &Path, args: &[&str], input: &[u8]) -> Output {
    let mut command = Command::new("timeout");
    command.arg(BOUND.as_secs().to_string()).arg(program).args(args);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the counterpart starts");
    let mut stdin = child.stdin.take().expect("stdin is a pipe");
    stdin.write_all(input).expect("less than a pipe holds");
    drop(stdin);
    child.wait_with_output().expect("it can be waited for")
}

#[test]
fn ncat_and_socat_are_served_as_clients() {
    for (program, args) in [("ncat", &["-U"][..]), ("socat", &["-t", "10", "-"])] {
        let Some(other) = counterpart("ncat_and_socat_are_served_as_clients", program) else { continue };
        let (_directory, path, endpoint) = place();
        let server = Server::start_at(&endpoint, &["--exec", "wc -c", "--report", "json"]);
        let target = match program {
            "ncat" => path.display().to_string(),
            _ => format!("UNIX-CONNECT:{}", path.display()),
        };
        let output = run_other(&other, &[args, &[&target]].concat(), &vec![b'x'; 20_000]);
        assert_eq!(text(&output.stdout).trim(), "20000", "{program}: {}", text(&output.stderr));
        let (status, _, said) = server.finish();
        assert_eq!(status.code(), Some(0), "{program}: {said}");
    }
}

#[test]
fn of_listeners_that_start_at_once_one_has_the_socket_and_serves() {
    let (_directory, path, endpoint) = place();
    drop(UnixListener::bind(&path).expect("a new path"));
    let rivals: Vec<Child> = (0..6)
        .map(|_| {
            let mut command = Command::new(ADIEU);
            command.args(["listen", &endpoint, "--echo"]).stdin(Stdio::null()).stderr(Stdio::null());
            command.spawn().expect("the built binary starts")
        })
        .collect();
    // The losers end by themselves, so whoever is left is the one that listens.
    let mut left = rivals;
    let until = Instant::now() + BOUND;
    while left.len() > 1 && Instant::now() < until {
        left.retain_mut(|rival| match rival.try_wait().expect("it can be waited for") {
            Some(status) => {
                assert_eq!(status.code(), Some(3));
                false
            }
            None => true,
        });
        std::thread::yield_now();
    }
    assert_eq!(left.len(), 1);
    assert_eq!(run(&["connect", &endpoint], b"who").stdout, b"who");
    assert_eq!(left[0].wait().expect("it can be waited for").code(), Some(0));
    assert!(!path.exists());
}

#[cfg(target_os = "linux")]
mod linux_tests {
    use super::*;
    use std::io::{BufRead, BufReader};

    /// A program that listens; waits until its socket is there.
    fn start_other(program: &Path, args: &[&str], path: &Path) -> Child {
        let mut command = Command::new("timeout");
        command.arg(BOUND.as_secs().to_string()).arg(program).args(args);
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        let child = child.expect("the counterpart starts");
        // A connection would be its one client. That it listens says nothing else.
        crate::until("the counterpart does not listen", || listens(path));
        child
    }

    /// The kernel's table of Unix sockets: the flag is `__SO_ACCEPTCON`. proc_pid_net(5)
    fn listens(path: &Path) -> bool {
        let table = std::fs::read_to_string("/proc/net/unix").expect("Linux");
        let path = path.to_str().expect("a temporary path is UTF-8");
        table.lines().any(|line| line.ends_with(path) && line.contains(" 00010000 "))
    }

    /// macOS has file names of UTF-8 alone.
    #[test]
    fn a_path_need_not_be_text() {
        use std::ffi::OsString;
        use std::os::unix::ffi::OsStringExt;
        let directory = tempfile::tempdir().expect("there is room for a directory");
        let path = directory.path().join(OsString::from_vec(b"\xff.sock".to_vec()));
        let endpoint = [&b"unix:"[..], path.as_os_str().as_encoded_bytes()].concat();
        let word = OsString::from_vec(endpoint.clone());
        let port_file = directory.path().join("place");
        let mut server = adieu(&["listen", "--echo", "--accept-first", "--port-file"])
            .args([port_file.as_os_str(), &word])
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the built binary starts");
        let mut line = String::new();
        let mut said = BufReader::new(server.stderr.take().expect("a pipe"));
        said.read_line(&mut line).expect("what it says is UTF-8");
        assert!(line.ends_with("/\u{fffd}.sock\n"), "{line}");
        assert_eq!(std::fs::read(&port_file).expect("it is there"), [&endpoint[..], b"\n"].concat());
        let client = adieu(&["connect", "--report", "json"])
            .arg(&word)
            .stdin(std::fs::File::open("/dev/null").expect("it is there"))
            .output()
            .expect("the built binary starts");
        let report = text(&client.stderr);
        assert_eq!(client.status.code(), Some(0), "{report}");
        assert!(report.contains("/\u{fffd}.sock\","), "{report}");
        assert_eq!(server.wait().expect("it can be waited for").code(), Some(0));
        assert!(!path.exists());
        let sent = adieu(&["send", "/dev/null"]).arg(&word).output().expect("the built binary starts");
        assert_eq!(sent.status.code(), Some(3), "nobody is there: {}", text(&sent.stderr));
        // What is not a path has to be text.
        let wrong = adieu(&["connect"]).arg(OsString::from_vec(b"\xff:80".to_vec())).output();
        let wrong = wrong.expect("the built binary starts");
        assert_eq!(wrong.status.code(), Some(2));
        assert!(text(&wrong.stderr).contains("is not UTF-8"), "{}", text(&wrong.stderr));
    }

    /// A name that no other test, and no other run, has.
    fn abstract_name(test: &str) -> String {
        format!("unix:@adieu-{test}-{}", std::process::id())
    }

    #[test]
    fn an_abstract_name_is_served_and_belongs_to_one_listener() {
        let endpoint = abstract_name("served");
        let first = Server::start_at(&endpoint, &["--echo"]);
        assert_eq!(first.address, endpoint);
        let second = run(&["listen", &endpoint], b"");
        let said = text(&second.stderr);
        assert_eq!(second.status.code(), Some(3), "{said}");
        assert!(said.contains("something is listening there") && said.contains("another name"), "{said}");
        let client = run(&["connect", &endpoint, "--report", "json"], b"no file");
        assert_eq!((&client.stdout[..], client.status.code()), (&b"no file"[..], Some(0)));
        assert!(text(&client.stderr).contains(&format!("\"peer_address\":\"{endpoint}\"")));
        assert_eq!(first.finish().0.code(), Some(0));
        assert_eq!(run(&["connect", &endpoint], b"").status.code(), Some(3), "the name went with its socket");
    }

    #[test]
    fn socat_serves_us() {
        let Some(socat) = counterpart("socat_serves_us", "socat") else { return };
        let (_directory, path, endpoint) = place();
        let address = format!("UNIX-LISTEN:{}", path.display());
        let mut server = start_other(&socat, &["-t", "10", &address, "SYSTEM:wc -c"], &path);
        let output = run(&["connect", &endpoint], &vec![b'x'; 20_000]);
        assert_eq!(text(&output.stdout).trim(), "20000", "{}", text(&output.stderr));
        assert_eq!(output.status.code(), Some(0));
        server.wait().expect("it can be waited for");
    }

    #[test]
    fn ncat_takes_all_that_we_send() {
        let Some(ncat) = counterpart("ncat_takes_all_that_we_send", "ncat") else { return };
        let (_directory, path, endpoint) = place();
        // Its --exec throws the command's answer away at our end, so it only receives.
        let name = path.display().to_string();
        let server = start_other(&ncat, &["-lU", &name, "--recv-only"], &path);
        let output = run(&["connect", &endpoint], &vec![b'x'; 20_000]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let received = server.wait_with_output().expect("it can be waited for").stdout;
        assert_eq!(received.len(), 20_000);
    }

    #[test]
    fn socat_knows_the_same_abstract_names() {
        let Some(socat) = counterpart("socat_knows_the_same_abstract_names", "socat") else { return };
        let endpoint = abstract_name("socat");
        let name = endpoint.strip_prefix("unix:@").expect("it is one");
        let server = Server::start_at(&endpoint, &["--echo"]);
        let output = run_other(&socat, &["-t", "10", "-", &format!("ABSTRACT-CONNECT:{name}")], b"same name");
        assert_eq!(text(&output.stdout), "same name", "{}", text(&output.stderr));
        assert_eq!(server.finish().0.code(), Some(0));
    }
}
