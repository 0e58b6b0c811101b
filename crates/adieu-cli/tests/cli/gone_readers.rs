//! A stdout whose reader has gone ends the connection, also while the peer is silent: whatever stdout is, whatever the connection
//! runs over, and whichever side we are.

use crate::cuts::terminal;
use crate::{ADIEU, BOUND, Server, adieu, text, until};
use adieu_testkit::places;
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;

/// Makes a stdout, and its reader.
type Make = fn() -> (OwnedFd, File);

/// What stdout may be.
const OUTPUTS: [(&str, Make); 4] = [
    ("a pipe", || {
        let (reader, writer) = std::io::pipe().expect("there are pipes");
        (writer.into(), OwnedFd::from(reader).into())
    }),
    ("a Unix socket", || {
        let (ours, its) = UnixStream::pair().expect("there are sockets");
        (its.into(), OwnedFd::from(ours).into())
    }),
    ("a terminal", || {
        let (master, slave) = terminal(false);
        (slave, master.into())
    }),
    ("a terminal's master", || {
        let (master, slave) = terminal(false);
        (master, slave.into())
    }),
];

/// Where to listen, and with what.
fn places(directory: &tempfile::TempDir) -> [(String, &'static [&'static str]); 4] {
    let unix = |name: &str| format!("unix:{}", directory.path().join(name).display());
    [
        ("127.0.0.1:0".to_owned(), &[]),
        ("tls://127.0.0.1:0".to_owned(), &["--self-signed"]),
        (unix("plain"), &[]),
        (unix("secure"), &["--self-signed"]),
    ]
}

/// Where it listens, and what a client needs to trust it.
fn found(server: &mut Server, options: &[&str]) -> Vec<String> {
    let mut words = vec![server.address.clone()];
    if !options.is_empty() {
        let line = server.line();
        let pin = line.rsplit(' ').next().expect("it ends with the fingerprint").to_owned();
        words.extend(["--tls".to_owned(), "--pin".to_owned(), pin]);
    }
    words
}

/// Reads the banner, within bounds, and gives the reader back.
fn heard(mut reader: File, what: &str) -> File {
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        let mut banner = [0; 6];
        let read = reader.read_exact(&mut banner).map(|()| banner);
        // Nobody waits for it any more after the bound.
        let _ = tell.send((read, reader));
    });
    let (read, reader) = told.recv_timeout(BOUND).unwrap_or_else(|_| panic!("{what}: nothing is heard"));
    assert_eq!(read.ok().as_ref(), Some(b"banner"), "{what}");
    reader
}

/// How a program ends, within bounds.
fn ended(child: &mut Child, what: &str) -> Option<i32> {
    let mut status = None;
    until(&format!("{what}: nobody reads, and it goes on"), || {
        status = child.try_wait().expect("it can be asked");
        status.is_some()
    });
    status.and_then(|status| status.code())
}

/// The banner has come to the reader, who then leaves. How the program ends.
fn left(mut child: Child, reader: File, what: &str) {
    drop(heard(reader, what));
    let code = ended(&mut child, what);
    let said = std::io::read_to_string(child.stderr.take().expect("a pipe")).expect("stderr is readable");
    assert_eq!(code, Some(7), "{what}: {said}");
}

/// Plain Unix sockets have no reset, and so the other side sees an end.
fn has_resets(place: &str, options: &[&str]) -> bool {
    !place.starts_with("unix:") || !options.is_empty()
}

#[test]
fn who_connects_notices_it() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    for (place, options) in places(&directory) {
        for (output, make) in OUTPUTS {
            for stdin_is_open in [false, output == "a pipe"] {
                let what = format!("{place} {output}, stdin open: {stdin_is_open}");
                let answer = ["--exec", "printf banner; exec sleep 60"];
                let mut server = Server::start_at(&place, &[&answer[..], options].concat());
                let words = found(&mut server, options);
                let (its, reader) = make();
                let child = adieu(&["connect"])
                    .args(words)
                    .stdin(if stdin_is_open { Stdio::piped() } else { Stdio::null() })
                    .stdout(its)
                    .stderr(Stdio::piped())
                    .spawn()
                    .expect("the built binary starts");
                left(child, reader, &what);
                // Without a reset the command there may work on, for a stream that was whole.
                if !place.starts_with("unix:") {
                    let (status, _, said) = server.finish();
                    assert_ne!(status.code(), Some(0), "{what}: {said}");
                }
            }
        }
    }
}

#[test]
fn who_listens_notices_it() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    for (place, options) in places(&directory) {
        for (output, make) in OUTPUTS {
            let all = [&[][..], &["--keep-open"], &["--recv-only"]];
            for more in if output == "a pipe" { &all[..] } else { &all[..1] } {
                let what = format!("{place} {output} {more:?}");
                let (its, reader) = make();
                let mut command = adieu(&["listen", &place]);
                let mut server =
                    Server::of_with(command.args(options).args(*more), Stdio::null(), its.into());
                drop(command);
                let mut client = adieu(&["connect", "-q"])
                    .args(found(&mut server, options))
                    .stdin(Stdio::piped())
                    .stdout(Stdio::null())
                    .stderr(Stdio::null())
                    .spawn()
                    .expect("the built binary starts");
                let mut input = client.stdin.take().expect("a pipe");
                input.write_all(b"banner").expect("it is taken");
                drop(heard(reader, &what));
                assert_eq!(ended(&mut server.child, &what), Some(7), "{what}");
                drop(input);
                let cut = ended(&mut client, &what) != Some(0);
                assert!(cut || !has_resets(&place, options), "{what}");
            }
        }
    }
}

/// A command may leave its stdin; that is no failure, and what it says still goes.
#[test]
fn a_command_that_leaves_its_stdin_may_speak_on() {
    let server = Server::start(&["--exec", "exec <&-; sleep 0.1; printf said"]);
    let mut stream = server.connect();
    let mut said = String::new();
    stream.read_to_string(&mut said).expect("it is whole");
    assert_eq!(said, "said");
    drop(stream);
    let (status, _, words) = server.finish();
    assert_eq!(status.code(), Some(0), "{words}");
}

/// The reader of a FIFO that is given as a file.
#[test]
fn a_fifo_as_the_output_of_a_listener_is_watched_too() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let path = directory.path().join("fifo");
    places::fifo(&path).expect("a FIFO");
    let opening = path.clone();
    let reader = std::thread::spawn(move || File::open(opening).expect("it is there"));
    let mut server = Server::start(&["--output", &path.display().to_string()]);
    let reader = reader.join().expect("no panic");
    let mut stream = server.connect();
    stream.write_all(b"banner").expect("it is taken");
    drop(heard(reader, "a FIFO"));
    let mut rest = Vec::new();
    assert_eq!(stream.read_to_end(&mut rest).map_err(|e| e.kind()), Err(ErrorKind::ConnectionReset));
    assert_eq!(ended(&mut server.child, "a FIFO"), Some(7));
}

/// With a limited rate, or a dump, which have ways of their own.
#[test]
fn what_is_done_with_the_bytes_hides_it_from_nobody() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let dump = directory.path().join("dump").display().to_string();
    for more in [&["--limit-rate", "100"][..], &["--dump", &dump], &["--crlf"], &["--recv-only"]] {
        let listener = places::listener();
        let address = listener.local_addr().expect("bound").to_string();
        let (reader, writer) = std::io::pipe().expect("there are pipes");
        let child = adieu(&[&["connect", &address], more].concat())
            .stdin(Stdio::piped())
            .stdout(writer)
            .stderr(Stdio::piped())
            .spawn()
            .expect("the built binary starts");
        let (mut peer, _): (TcpStream, _) = listener.accept().expect("it connects");
        peer.set_read_timeout(Some(BOUND)).expect("a timeout can be set");
        peer.write_all(b"banner").expect("it is taken");
        left(child, OwnedFd::from(reader).into(), &format!("{more:?}"));
        assert_eq!(
            peer.read_to_end(&mut Vec::new()).map_err(|e| e.kind()),
            Err(ErrorKind::ConnectionReset),
            "{more:?}"
        );
    }
}

/// As a shell has it: the reader is `head`, and stdin a terminal, a pipe, or nothing.
#[test]
fn head_ends_a_silent_download() {
    let server = Server::start(&["--keep-open", "--exec", "echo banner; exec sleep 60"]);
    for stdin in ["</dev/null", "", "<&-"] {
        let line = format!("{ADIEU} connect -q {} {stdin} | head -n 1", server.address);
        let mut shell = Command::new("sh")
            .args(["-c", &line])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the shell starts");
        until(&format!("{line}: it goes on"), || shell.try_wait().expect("it can be asked").is_some());
        let output = shell.wait_with_output().expect("it has ended");
        // Without a stdin nothing is begun.
        assert_eq!(text(&output.stdout), if stdin == "<&-" { "" } else { "banner\n" }, "{line}");
    }
}
