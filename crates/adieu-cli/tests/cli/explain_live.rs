//! `adieu explain --live`: real sockets that hang, in networks of the tests' own, as text and as JSON.

use crate::{adieu, text, until};
use adieu_testkit::box_between::{End, Progress, Way};
use adieu_testkit::namespace::{self, Namespaces};
use adieu_testkit::schema::Schema;
use serde_json::Value;
use socket2::SockRef;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::process::{Command, Stdio};
use std::thread;

/// Runs `body` in a network of its own; skips it where that cannot be.
fn in_own_network(test: &str, body: fn()) {
    let test = test.to_owned();
    let standing = thread::spawn(move || match namespace::own_loopback() {
        Ok(()) => body(),
        Err(error) => adieu_testkit::skip::loudly(&test, &error),
    });
    standing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
}

/// One look, with these options too.
fn look(more: &[&str]) -> String {
    let args: Vec<&str> = ["explain", "--live"].iter().chain(more).copied().collect();
    let output = adieu(&args).stdin(Stdio::null()).output().expect("the built binary starts");
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
    text(&output.stdout)
}

/// The lines of a look, each checked against the schema.
fn json() -> Vec<Value> {
    let schema = Schema::of("explain-live");
    look(&["--format", "json"]).lines().map(|line| schema.checked(line)).collect()
}

/// The line of the socket with these addresses. `None`: it does not hang.
fn socket(lines: &[Value], local: SocketAddr, peer: SocketAddr) -> Option<Value> {
    let is_it = |line: &&Value| {
        line["kind"] == "socket" && line["local"] == local.to_string() && line["peer"] == peer.to_string()
    };
    lines.iter().find(is_it).cloned()
}

/// The same, once it is as wanted.
fn socket_once(local: SocketAddr, peer: SocketAddr, is_so: impl Fn(&Value) -> bool) -> Value {
    let mut found = Value::Null;
    until("the socket is not found as it should be", || {
        found = socket(&json(), local, peer).unwrap_or_default();
        !found.is_null() && is_so(&found)
    });
    found
}

/// Both ends of a connection over loopback: client, server.
fn pair(listener: &TcpListener) -> (TcpStream, TcpStream) {
    let client = TcpStream::connect(listener.local_addr().expect("an address")).expect("it listens");
    (client, listener.accept().expect("a client has come").0)
}

fn addresses(stream: &TcpStream) -> (SocketAddr, SocketAddr) {
    (stream.local_addr().expect("an address"), stream.peer_addr().expect("a peer"))
}

/// Whether this process holds a socket by this descriptor. A program that another test starts may hold it too until it runs.
fn is_held_by_us(found: &Value, stream: &TcpStream) -> bool {
    let holders = found["holders"].as_array().expect("a list");
    holders.iter().any(|one| one["pid"] == std::process::id() && one["descriptor"] == stream.as_raw_fd())
}

#[test]
fn both_sides_of_a_leak_are_found() {
    in_own_network("both_sides_of_a_leak_are_found", || {
        let listener = adieu_testkit::places::listener();
        let (mut client, server) = pair(&listener);
        let (client_address, server_address) = addresses(&client);
        client.write_all(b"ten bytes!").expect("connected");
        drop(client);
        // The server's program leaks.
        let leak = socket_once(server_address, client_address, |found| found["state"] == "CLOSE_WAIT");
        assert_eq!((&leak["owner"], &leak["unread_bytes"]), (&"process".into(), &10.into()), "{leak}");
        assert_eq!((&leak["end_unread"], &leak["unacked_bytes"]), (&true.into(), &0.into()), "{leak}");
        assert!(is_held_by_us(&leak, &server), "{leak}");
        assert!(leak["at_least_ms"].as_u64().is_some_and(|time| time < 60_000), "{leak}");
        // The client's program has closed: nobody owns its half.
        let orphan = socket_once(client_address, server_address, |found| found["state"] == "FIN_WAIT_2");
        assert_eq!((&orphan["owner"], &orphan["uid"]), (&"nobody".into(), &Value::Null), "{orphan}");
        assert_eq!(orphan["holders"], Value::Array(Vec::new()));
        assert!(
            orphan["dropped_in_ms"].as_u64().is_some_and(|time| (1..=60_000).contains(&time)),
            "{orphan}"
        );

        let out = look(&[]);
        let leak = format!(
            "  fd {}, {server_address} with {client_address}: CLOSE_WAIT for at least ",
            server.as_raw_fd()
        );
        assert!(out.contains(&leak), "{out}");
        assert!(
            out.contains("the peer has ended its side, and the program has not closed; 10 bytes unread"),
            "{out}"
        );
        assert!(out.contains(&format!("(process {}, ", std::process::id())), "{out}");
        assert!(out.contains(" descriptors open): 1 CLOSE_WAIT\n"), "{out}");
        assert!(out.contains("\nwithout an owner: the kernel finishes them: 1 FIN_WAIT_2\n"), "{out}");
        assert!(
            out.contains("it has no owner, and which program it was is not known; the kernel drops it in "),
            "{out}"
        );
        assert!(out.contains("\"for at least\" is the time since the last acknowledgement came"), "{out}");

        // Received: first the bytes with the end, which came in segments of their own or together.
        let mut rest = Vec::new();
        (&server).read_to_end(&mut rest).expect("an orderly end");
        let read = socket_once(server_address, client_address, |found| found["end_unread"] == false);
        assert_eq!(read["unread_bytes"], 0);
        assert!(look(&[]).contains("has not closed; everything was read, the end too"));

        // A filter leaves out what is not wanted, and says nothing false of the rest.
        let out = look(&["--port", "1"]);
        assert!(out.lines().next().is_some_and(|line| line.ends_with(": none hangs")), "{out}");
    });
}

#[test]
fn a_program_that_waits_after_its_own_end_is_the_owner() {
    in_own_network("a_program_that_waits_after_its_own_end_is_the_owner", || {
        let listener = TcpListener::bind("[::1]:0").expect("a port is free");
        let (client, mut server) = pair(&listener);
        let (client_address, server_address) = addresses(&client);
        client.shutdown(Shutdown::Write).expect("connected");
        server.write_all(b"seven b").expect("the client still receives");
        let waits = socket_once(client_address, server_address, |found| {
            found["state"] == "FIN_WAIT_2" && found["unread_bytes"] == 7
        });
        assert_eq!((&waits["owner"], &waits["dropped_in_ms"]), (&"process".into(), &Value::Null), "{waits}");
        assert_eq!((&waits["end_unread"], &waits["stall"]), (&false.into(), &Value::Null), "{waits}");
        assert!(is_held_by_us(&waits, &client), "{waits}");
        let out = look(&[]);
        assert!(out.contains("the program has shut down its sending side and waits for the peer to end its own; 7 bytes unread"), "{out}");
    });
}

#[test]
fn bytes_that_a_peer_does_not_read_are_counted() {
    in_own_network("bytes_that_a_peer_does_not_read_are_counted", || {
        let listener = adieu_testkit::places::listener();
        let (mut client, server) = pair(&listener);
        let (client_address, server_address) = addresses(&client);
        client.set_nonblocking(true).expect("it can be set");
        // Until nothing more can be queued, and nothing more leaves while it is looked at.
        let (mut full, mut queued) = (Value::Null, 0);
        until("the send queue does not stall", || {
            while client.write(&[7; 16_000]).is_ok() {}
            let before = adieu_testkit::peer::os::unacknowledged(&SockRef::from(&client)).expect("SIOCOUTQ");
            full = socket(&json(), client_address, server_address).unwrap_or_default();
            queued = adieu_testkit::peer::os::unacknowledged(&SockRef::from(&client)).expect("SIOCOUTQ");
            full["stall"] == "window_closed" && before == queued
        });
        assert_eq!((&full["state"], &full["fin_unacked"]), (&"ESTABLISHED".into(), &false.into()), "{full}");
        let told = |key: &str| full[key].as_u64().expect("a number");
        assert_eq!(told("unacked_bytes") + told("unsent_bytes"), queued, "{full}");
        assert!(told("unsent_bytes") > 0 && told("last_sent_ms") > 0, "{full}");
        let out = look(&[]);
        assert!(
            out.contains("the peer's window is closed: its program does not read; no data has left for "),
            "{out}"
        );
        assert!(out.contains(&format!("; {} bytes not sent; ", told("unsent_bytes"))), "{out}");
        drop(server);
    });
}

#[test]
fn a_connection_that_nobody_accepted_is_told_so() {
    in_own_network("a_connection_that_nobody_accepted_is_told_so", || {
        let listener = TcpListener::bind("0.0.0.0:0").expect("a port is free");
        let port = listener.local_addr().expect("an address").port();
        let mut client = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
        let (client_address, server_address) = addresses(&client);
        client.write_all(b"hello").expect("connected");
        drop(client);
        let waits = socket_once(server_address, client_address, |found| found["state"] == "CLOSE_WAIT");
        assert_eq!((&waits["owner"], &waits["unread_bytes"]), (&"not_accepted".into(), &5.into()), "{waits}");
        let out = look(&[]);
        assert!(out.contains("\nnot accepted yet by the program that listens: 1 CLOSE_WAIT\n"), "{out}");
        assert!(out.contains("and the program has not accepted the connection; 5 bytes unread"), "{out}");
    });
}

#[test]
fn an_end_that_nobody_acknowledges_is_in_last_ack() {
    let Some(pair) = Namespaces::or_skip("an_end_that_nobody_acknowledges_is_in_last_ack") else { return };
    thread::scope(|scope| {
        let peers = scope.spawn(|| {
            pair.enter_peers().expect("the namespace is there");
            TcpListener::bind(pair.peer_address()).expect("a port is free")
        });
        let listener = peers.join().expect("it listens");
        let pair = &pair;
        scope.spawn(move || {
            pair.enter_programs().expect("the namespace is there");
            let mut client = TcpStream::connect(listener.local_addr().expect("an address")).expect("a wire");
            let (client_address, server_address) = addresses(&client);
            drop(listener.accept().expect("a client has come"));
            assert_eq!(client.read(&mut [0]).expect("an orderly end"), 0);
            pair.cut().expect("the wire can be cut");
            client.write_all(&[1; 100]).expect("our kernel accepts it");
            drop(client);
            let last = socket_once(client_address, server_address, |found| {
                found["state"] == "LAST_ACK" && found["stall"] == "unanswered"
            });
            assert_eq!((&last["owner"], &last["fin_unacked"]), (&"nobody".into(), &true.into()), "{last}");
            let bytes = |key: &str| last[key].as_u64().expect("a number");
            assert_eq!(bytes("unacked_bytes") + bytes("unsent_bytes"), 100, "{last}");
            assert!(bytes("attempts") > 0, "{last}");
            let out = look(&[]);
            assert!(out.contains("both sides have ended, and the peer has not acknowledged our FIN; 100 bytes not acknowledged; sent again "), "{out}");
        });
    });
}

/// Both FINs cross: the box holds the first until it has the second, and carries nothing after them.
#[test]
fn ends_that_cross_and_that_nobody_acknowledges_are_in_closing() {
    let Some(way) = Way::or_skip("ends_that_cross_and_that_nobody_acknowledges_are_in_closing") else {
        return;
    };
    let middle = way.set_up().expect("the box hears both hosts");
    thread::scope(|scope| {
        let way = &way;
        scope.spawn(|| {
            let mut held = Vec::new();
            let deed = |from: End, packet: adieu_testkit::box_between::Packet| {
                if packet.is_fin() && held.iter().all(|(to, _)| *to != from) {
                    // Again from the same host, or the first of it.
                    held = vec![(from.other(), packet)];
                    return vec![];
                }
                let mut out = vec![(from.other(), packet)];
                if out[0].1.is_fin() {
                    out.append(&mut held);
                }
                out
            };
            middle.carry(std::time::Duration::ZERO, deed, Progress::both_have_sent_fins).expect("both end");
        });
        let listening = scope.spawn(|| {
            way.enter(End::Server).expect("the namespace is there");
            TcpListener::bind(way.server_address()).expect("a port is free")
        });
        let listener = listening.join().expect("it listens");
        // It bounds accept(2); socket(7).
        SockRef::from(&listener).set_read_timeout(Some(adieu_testkit::waits::BOUND)).expect("not zero");
        scope.spawn(move || {
            way.enter(End::Client).expect("the namespace is there");
            let client = TcpStream::connect(listener.local_addr().expect("an address")).expect("a way");
            let (client_address, server_address) = addresses(&client);
            let (server, _) = listener.accept().expect("a client has come");
            client.shutdown(Shutdown::Write).expect("connected");
            drop(server);
            let found = socket_once(client_address, server_address, |found| found["state"] == "CLOSING");
            assert_eq!(
                (&found["owner"], &found["fin_unacked"]),
                (&"process".into(), &true.into()),
                "{found}"
            );
            assert!(is_held_by_us(&found, &client), "{found}");
            let out = look(&[]);
            assert!(
                out.contains("both sides have ended at once, and the peer has not acknowledged our FIN"),
                "{out}"
            );
            drop(client);
            let found = socket_once(client_address, server_address, |found| found["owner"] == "nobody");
            assert_eq!(
                (&found["state"], &found["holders"]),
                (&"CLOSING".into(), &Value::Array(Vec::new())),
                "{found}"
            );
        });
    });
}

#[test]
fn a_watch_shows_another_programs_leak_grow_and_when_it_is_full() {
    in_own_network("a_watch_shows_another_programs_leak_grow_and_when_it_is_full", || {
        let listener = adieu_testkit::places::listener();
        let port = listener.local_addr().expect("an address").port();
        // A shell that opens a connection for each line that it is given, and closes none.
        let script = "ulimit -n 64; while read -r fd; do eval \"exec $fd<>/dev/tcp/127.0.0.1/$0\"; done";
        let mut leaking = Command::new("bash")
            .args(["-c", script, &port.to_string()])
            .stdin(Stdio::piped())
            .spawn()
            .expect("bash is there");
        let mut orders = leaking.stdin.take().expect("a pipe");
        let mut leak = |descriptor: u32| {
            writeln!(orders, "{descriptor}").expect("it reads");
            drop(listener.accept().expect("it connects"));
        };
        leak(20);
        let mut watching = adieu(&["explain", "--live", "--watch=20ms", "--format", "json"])
            .stdout(Stdio::piped())
            .stdin(Stdio::null())
            .spawn()
            .expect("the built binary starts");
        let schema = Schema::of("explain-live");
        let mut lines = BufReader::new(watching.stdout.take().expect("a pipe")).lines();
        let mut next = |is_so: &dyn Fn(&Value) -> bool| loop {
            let line = lines.next().expect("it goes on").expect("it is text");
            let line = schema.checked(&line);
            if line["pid"] == leaking.id() && is_so(&line) {
                return line;
            }
        };
        let first = next(&|line| line["sockets"]["CLOSE_WAIT"] == 1);
        assert_eq!((&first["program"], &first["descriptor_limit"]), (&"bash".into(), &64.into()), "{first}");
        let open = first["descriptors"].as_u64().expect("a number");
        leak(21);
        leak(22);
        let later = next(&|line| line["sockets"]["CLOSE_WAIT"] == 3);
        assert_eq!((&later["opened"], &later["descriptors"]), (&2.into(), &(open + 2).into()), "{later}");
        let (watched, full) = (later["watched_ms"].as_u64(), later["full_in_ms"].as_u64());
        let expected = watched.expect("a time") * (64 - open - 2) / 2;
        assert!(full.expect("it grows").abs_diff(expected) <= 64, "{later}");
        crate::signal(&watching, rustix::process::Signal::INT);
        assert_eq!(watching.wait().expect("it ends").code(), Some(0));
        let out = look(&[]);
        assert!(
            out.contains(&format!(
                "\nbash (process {}, {} of 64 descriptors open): 3 CLOSE_WAIT\n",
                leaking.id(),
                open + 2
            )),
            "{out}"
        );
        drop(orders);
        leaking.wait().expect("it ends at its stdin's end");
    });
}

#[test]
fn a_watch_draws_a_terminal_over_and_over() {
    in_own_network("a_watch_draws_a_terminal_over_and_over", || {
        let listener = adieu_testkit::places::listener();
        let mut left = TcpStream::connect(listener.local_addr().expect("an address")).expect("it listens");
        drop(listener.accept().expect("it connects"));
        assert_eq!(left.read(&mut [0; 1]).expect("the peer has ended"), 0);
        let (master, terminal) = crate::cuts::terminal(true);
        let size = rustix::termios::Winsize { ws_row: 24, ws_col: 200, ws_xpixel: 0, ws_ypixel: 0 };
        rustix::termios::tcsetwinsize(&terminal, size).expect("it is ours");
        let mut watching = adieu(&["explain", "--live", "--watch=20ms"])
            .env("TERM", "xterm")
            .env_remove("NO_COLOR")
            .stdin(Stdio::null())
            .stdout(Stdio::from(terminal))
            .spawn()
            .expect("the built binary starts");
        let (mut drawn, mut reader) = (Vec::new(), std::fs::File::from(master));
        let pages = |drawn: &[u8]| drawn.windows(3).filter(|piece| *piece == b"\x1b[H").count();
        while pages(&drawn) < 4 {
            let mut piece = [0; 4096];
            let count = reader.read(&mut piece).expect("it draws");
            drawn.extend_from_slice(&piece[..count]);
        }
        crate::signal(&watching, rustix::process::Signal::INT);
        assert_eq!(watching.wait().expect("it ends").code(), Some(0));
        let drawn = text(&drawn);
        assert!(drawn.starts_with("\x1b[2J\x1b[H"), "{drawn:?}");
        let page = drawn.split("\x1b[H").nth(3).expect("it drew four");
        // Other tests of this process open and close descriptors meanwhile, so there may be just one more or less.
        assert!([" descriptors in ", " descriptor in "].iter().any(|part| page.contains(part)), "{page:?}");
        for part in
            ["every 20ms until Ctrl-C", "1 CLOSE_WAIT (+0); ", " of this network namespace: ", "\x1b[J"]
        {
            assert!(page.contains(part), "{part:?} in {page:?}");
        }
        drop(left);
    });
}

#[test]
fn what_makes_no_sense_with_a_look_is_refused() {
    for (args, said) in [
        (&["--live", "capture.pcap"][..], "cannot be used"),
        (&["--live", "--code", "104"], "cannot be used"),
        (&["--live", "--only", "reset"], "cannot be used"),
        (&["--watch", "capture.pcap"], "--live"),
        (&["--live", "--watch=0s"], "more than zero"),
        (&["--live", "--format", "zeek"], "only the formats text and json"),
    ] {
        let args: Vec<&str> = ["explain"].iter().chain(args).copied().collect();
        let output = adieu(&args).stdin(Stdio::null()).output().expect("the built binary starts");
        let err = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {err}");
        assert!(err.contains(said), "{args:?}: {err}");
    }
}
