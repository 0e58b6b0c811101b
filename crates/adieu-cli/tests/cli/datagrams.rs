//! `connect` and `listen` over UDP, against other programs and sockets of the test's own.

use crate::{BOUND, Server, adieu, run, signal, text, until};
use adieu_testkit::schema::Schema;
use adieu_testkit::skip::counterpart;
use rustix::process::Signal;
use std::io::{Read, Write};
use std::net::{SocketAddr, UdpSocket};
use std::process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio};

const HOSTS: [&str; 2] = ["127.0.0.1", "::1"];

fn socket(host: &str) -> (UdpSocket, String) {
    let socket = UdpSocket::bind((host, 0)).expect("loopback has ports");
    socket.set_read_timeout(Some(BOUND)).expect("a time");
    let endpoint = format!("udp://{}", socket.local_addr().expect("it is bound"));
    (socket, endpoint)
}

/// Closes a socket, and waits until nobody has it any more: a program that another test starts has it too for a moment.
fn close(socket: UdpSocket) {
    let address = socket.local_addr().expect("it is bound");
    drop(socket);
    let table = if address.is_ipv4() { "/proc/net/udp" } else { "/proc/net/udp6" };
    let port = format!(":{:04X}", address.port());
    let has_it = |line: &str| line.split_whitespace().nth(1).is_some_and(|local| local.ends_with(&port));
    until("somebody still has the port", || {
        // Where there is no such table it cannot be asked.
        std::fs::read_to_string(table).map_or(true, |table| !table.lines().any(has_it))
    });
}

#[test]
fn broadcast_allows_a_networks_broadcast_address() {
    let receiver = UdpSocket::bind("0.0.0.0:0").expect("a port");
    receiver.set_read_timeout(Some(BOUND)).expect("a time");
    let port = receiver.local_addr().expect("it is bound").port();
    let endpoint = format!("udp://127.255.255.255:{port}");
    let refused = run(&["connect", &endpoint], b"hi");
    assert_eq!(refused.status.code(), Some(3));
    assert!(text(&refused.stderr).contains("a network's broadcast address needs --broadcast"), "{refused:?}");

    let output = run(&["connect", "--broadcast", "--silence", "0s", &endpoint], b"hi");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let mut datagram = [0; 8];
    let length = receiver.recv(&mut datagram).expect("it was sent");
    assert_eq!(&datagram[..length], b"hi");

    let stream = run(&["connect", "--broadcast", "127.0.0.1:9"], b"");
    assert_eq!(stream.status.code(), Some(2));
    assert!(text(&stream.stderr).contains("--broadcast"), "{stream:?}");
}

/// A program with pipes to its ends.
struct Program {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: ChildStdout,
}

impl Program {
    fn start(command: &mut Command) -> Self {
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take().expect("a pipe"));
        Self { child, stdin, stdout }
    }

    fn say(&mut self, words: &str) {
        self.stdin.as_mut().expect("it is open").write_all(words.as_bytes()).expect("it is read");
    }

    #[track_caller]
    fn hears(&mut self, words: &str) {
        let mut heard = vec![0; words.len()];
        self.stdout.read_exact(&mut heard).expect("it has its output");
        assert_eq!(text(&heard), words);
    }

    /// Its end, after the end of its input.
    fn finish(mut self) -> Output {
        drop(self.stdin.take());
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        self.stdout.read_to_end(&mut stdout).expect("it ends");
        let mut said = self.child.stderr.take().expect("a pipe");
        said.read_to_end(&mut stderr).expect("it ends");
        Output { status: self.child.wait().expect("it ends"), stdout, stderr }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // One that has ended is not to be killed any more.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts a program that receives on a port that is free. Its arguments are made for the port.
#[cfg(target_os = "linux")]
fn receiver(
    program: &std::path::Path,
    host: &str,
    arguments: impl Fn(u16) -> Vec<String>,
) -> (Program, String) {
    for _ in 0..10 {
        let (free, _) = socket(host);
        let address = free.local_addr().expect("it is bound");
        drop(free);
        let mut started = Program::start(Command::new(program).args(arguments(address.port())));
        let mut receives = false;
        until("it neither receives nor ends", || {
            receives = is_bound(&started.child, address.port());
            receives || started.child.try_wait().expect("it can be waited for").is_some()
        });
        if receives {
            return (started, format!("udp://{address}"));
        }
    }
    panic!("somebody else takes every port");
}

/// Whether a process has a UDP socket on this port.
#[cfg(target_os = "linux")]
fn is_bound(child: &Child, port: u16) -> bool {
    let of_process = std::fs::read_dir(format!("/proc/{}/fd", child.id()));
    let links =
        of_process.into_iter().flatten().flatten().filter_map(|fd| std::fs::read_link(fd.path()).ok());
    let inodes: Vec<String> = links
        .filter_map(|link| Some(link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned()))
        .collect();
    let tables =
        ["/proc/net/udp", "/proc/net/udp6"].map(|table| std::fs::read_to_string(table).unwrap_or_default());
    tables.iter().flat_map(|table| table.lines()).any(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        fields.len() > 9
            && fields[1].ends_with(&format!(":{port:04X}"))
            && inodes.iter().any(|inode| inode == fields[9])
    })
}

#[cfg(target_os = "linux")]
#[test]
fn other_programs_receive_what_is_sent_and_their_answers_come_back() {
    let test = "other_programs_receive_what_is_sent";
    for host in HOSTS {
        let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
        for name in ["nc.openbsd", "ncat", "socat"] {
            let Some(program) = counterpart(test, name) else { continue };
            let (mut other, endpoint) = receiver(&program, host, |port| match name {
                "socat" if host == "::1" => words(&["-", &format!("UDP6-LISTEN:{port},bind=[::1]")]),
                "socat" => words(&["-", &format!("UDP4-LISTEN:{port},bind=127.0.0.1")]),
                _ => words(&["-u", "-l", host, &port.to_string()]),
            });
            let mut ours = Program::start(&mut adieu(&["connect", &endpoint, "--silence", "100ms"]));
            ours.say("question\n");
            other.hears("question\n");
            other.say("answer\n");
            ours.hears("answer\n");
            let ended = ours.finish();
            let said = text(&ended.stderr);
            assert_eq!(ended.status.code(), Some(0), "{name} {host}: {said}");
            assert_eq!(
                said,
                "adieu: 1 datagram (9 bytes) sent, none refused, 1 datagram (7 bytes) received; \
                 UDP does not tell whether those sent arrived\n",
                "{name} {host}"
            );
        }
    }
}

#[test]
fn other_programs_send_to_a_listener_and_are_answered() {
    let test = "other_programs_send_to_a_listener";
    for host in HOSTS {
        for name in ["nc.openbsd", "nc.traditional", "ncat", "socat"] {
            let Some(program) = counterpart(test, name) else { continue };
            if name == "nc.traditional" && host == "::1" {
                // It speaks IPv4 alone.
                continue;
            }
            let at = if host == "::1" { "udp://[::1]:0" } else { "udp://127.0.0.1:0" };
            let command = &mut adieu(&["listen", at, "--silence", "100ms"]);
            let mut server = Server::of_with(command, Stdio::piped(), Stdio::piped());
            let address: SocketAddr =
                server.address.strip_prefix("udp://").and_then(|at| at.parse().ok()).expect("an address");
            let port = address.port().to_string();
            let mut client = Command::new(program);
            let mut client = Program::start(match name {
                "socat" => client.args(["-".to_owned(), format!("UDP:{address}")]),
                _ => client.args(["-u", host, &port]),
            });
            client.say("question\n");
            assert!(server.line().starts_with(&format!("adieu: connection from {}", address.ip_in_words())));
            let mut stdin = server.child.stdin.take().expect("a pipe");
            stdin.write_all(b"answer\n").expect("it is read");
            client.hears("answer\n");
            drop(stdin);
            let (status, stdout, said) = server.finish();
            assert_eq!((status.code(), text(&stdout)), (Some(0), "question\n".to_owned()), "{name}: {said}");
            assert!(said.contains("1 datagram (9 bytes) received"), "{name}: {said}");
        }
    }
}

trait InWords {
    fn ip_in_words(&self) -> String;
}

impl InWords for SocketAddr {
    /// As it stands before a port.
    fn ip_in_words(&self) -> String {
        if self.is_ipv6() { format!("[{}]:", self.ip()) } else { format!("{}:", self.ip()) }
    }
}

#[test]
fn nobody_there_is_no_connection_and_the_report_has_the_numbers() {
    for host in HOSTS {
        let (gone, endpoint) = socket(host);
        close(gone);
        let ended = run(&["connect", &endpoint, "--report", "json", "--silence", "20s"], b"hello");
        let report: serde_json::Value = serde_json::from_slice(&ended.stderr).expect("one object");
        assert!(Schema::of("report").is_valid(&report), "{report}");
        assert_eq!((ended.status.code(), &report["ending"]), (Some(3), &"no_connection".into()), "{report}");
        assert_eq!((&report["transport"], &report["datagrams_sent"]), (&"udp".into(), &1.into()));
        assert_eq!((&report["datagrams_refused"], &report["bytes_acknowledged"]), (&1.into(), &().into()));
        assert_eq!(report["error_name"], "ECONNREFUSED");
        assert!(report["hint"].as_str().is_some_and(|hint| hint.contains("is this its port")), "{report}");
    }
}

#[test]
fn stdin_is_cut_as_it_is_read_and_a_name_leads_to_who_receives() {
    let (receiving, endpoint) = socket("127.0.0.1");
    let endpoint = endpoint.replace("127.0.0.1", "localhost");
    let mut file = tempfile::tempfile().expect("room");
    file.write_all(&vec![7; 40_000]).expect("room");
    std::io::Seek::rewind(&mut file).expect("a file");
    let sending = adieu(&["connect", &endpoint, "--silence", "200ms"])
        .stdin(file)
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut room = vec![0; 65_536];
    let sizes = [0; 3].map(|_| receiving.recv(&mut room).expect("it comes"));
    assert_eq!(sizes, [16_384, 16_384, 7_232]);
    let ended = sending.wait_with_output().expect("it ends");
    assert_eq!(ended.status.code(), Some(0), "{}", text(&ended.stderr));
    assert!(text(&ended.stderr).contains("3 datagrams (40000 bytes) sent, none refused; UDP does not tell"));
}

#[test]
fn lines_can_end_with_cr_lf_and_one_way_can_be_enough() {
    let (receiving, endpoint) = socket("127.0.0.1");
    let ended = run(&["connect", &endpoint, "--crlf", "--send-only", "--silence", "50ms"], b"a line\n");
    assert_eq!(ended.status.code(), Some(0), "{}", text(&ended.stderr));
    let mut room = [0; 16];
    let n = receiving.recv(&mut room).expect("it came");
    assert_eq!(&room[..n], b"a line\r\n");
    let ended = run(&["connect", &endpoint, "--recv-only", "--silence", "50ms"], b"not sent");
    assert!(text(&ended.stderr).contains("nothing sent, nothing received"), "{}", text(&ended.stderr));
}

/// A side that one way alone leaves out may be closed.
#[test]
fn what_one_way_alone_does_not_need_is_not_opened() {
    let (receiving, endpoint) = socket("127.0.0.1");
    let run_without = |closed: &str, args: &[&str]| {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("exec \"$0\" \"$@\" {closed}"), crate::ADIEU]).args(args);
        shell.args(["--silence", "50ms"]).stdin(Stdio::null()).output().expect("a shell starts")
    };
    for (closed, option) in [("<&-", "--recv-only"), (">&-", "--send-only")] {
        let ended = run_without(closed, &["connect", &endpoint, option]);
        assert_eq!(ended.status.code(), Some(0), "{option}: {}", text(&ended.stderr));
    }
    // Whoever sends to the other listener is known before it listens: it is told of by the first datagram.
    for (closed, option) in [("<&-", "--recv-only"), (">&-", "--send-only")] {
        let ended =
            run_without(closed, &["listen", "udp://127.0.0.1:0", option, "--connect-timeout", "50ms"]);
        assert_eq!(ended.status.code(), Some(5), "{option}: {}", text(&ended.stderr));
    }
    drop(receiving);
}

#[test]
fn every_address_is_told_of_and_ipv4_is_ipv4_there() {
    let mut server = Server::start_at("udp://:0", &["--allow", "127.0.0.0/8", "--silence", "100ms"]);
    let said = server.line();
    assert!(said.starts_with("adieu: that is every address of this machine, of IP"), "{said}");
    let port = server.address.rsplit_once(':').expect("a port").1.to_owned();
    let (client, _) = socket("127.0.0.1");
    client.send_to(b"word", format!("127.0.0.1:{port}")).expect("loopback");
    let (status, stdout, said) = server.finish();
    assert_eq!((status.code(), text(&stdout)), (Some(0), "word".to_owned()), "{said}");
}

#[test]
fn the_report_file_of_a_service_goes_on() {
    let directory = tempfile::tempdir().expect("room");
    let path = directory.path().join("log");
    std::fs::write(&path, "an earlier run\n").expect("room");
    let file = path.to_str().expect("text");
    let server = Server::start_at("udp://127.0.0.1:0", &["--echo", "--keep-open", "--report-file", file]);
    server.signal(Signal::TERM);
    let (status, _, said) = server.finish();
    assert_eq!(status.code(), Some(0), "{said}");
    let log = std::fs::read_to_string(&path).expect("it is there");
    assert!(log.starts_with("an earlier run\n") && log.lines().count() == 2, "{log}");
}

#[test]
fn silence_ends_it_and_an_expected_answer_that_does_not_come_is_a_time_out() {
    let (_silent, endpoint) = socket("127.0.0.1");
    let ended = run(&["connect", &endpoint, "--silence", "50ms"], b"?");
    assert_eq!(ended.status.code(), Some(0), "{}", text(&ended.stderr));
    let ended = run(&["connect", &endpoint, "--idle-timeout", "50ms"], b"?");
    assert_eq!(ended.status.code(), Some(5), "{}", text(&ended.stderr));
    assert!(text(&ended.stderr).contains("the peer was silent for the whole idle timeout"));
    let ended = run(&["connect", &endpoint, "--silence", "none", "--deadline", "50ms"], b"?");
    assert_eq!(ended.status.code(), Some(5), "{}", text(&ended.stderr));
}

#[test]
fn a_service_takes_from_all_and_sigterm_is_its_end() {
    for (by, code) in [(Signal::TERM, 0), (Signal::INT, 130)] {
        let mut server =
            Server::start_at("udp://127.0.0.1:0", &["--echo", "--keep-open", "--report", "json"]);
        let address = server.address.strip_prefix("udp://").expect("an endpoint").to_owned();
        for words in [&b"one"[..], b"", b"three"] {
            let (client, _) = socket("127.0.0.1");
            client.send_to(words, &address).expect("loopback");
            let mut room = [0; 16];
            let n = client.recv(&mut room).expect("it comes back");
            assert_eq!(&room[..n], words);
        }
        server.signal(by);
        let report: serde_json::Value = serde_json::from_str(&server.line()).expect("one object");
        assert_eq!(report["exit_code"], code, "{report}");
        assert_eq!((&report["datagrams_received"], &report["peer_address"]), (&3.into(), &().into()));
        let (status, _, _) = server.finish();
        assert_eq!(status.code(), Some(code));
    }
}

#[test]
fn what_is_received_can_go_to_a_file() {
    let directory = tempfile::tempdir().expect("room");
    let path = directory.path().join("received");
    std::fs::write(&path, "what it had before, which is longer").expect("room");
    let file = path.to_str().expect("text");
    let server = Server::start_at(
        "udp://127.0.0.1:0",
        &["--output", file, "--silence", "50ms", "--port-file", "/dev/null"],
    );
    let address = server.address.strip_prefix("udp://").expect("an endpoint").to_owned();
    let (client, _) = socket("127.0.0.1");
    client.send_to(b"all of it", &address).expect("loopback");
    let (status, _, said) = server.finish();
    assert_eq!(status.code(), Some(0), "{said}");
    assert_eq!(std::fs::read_to_string(&path).expect("it is there"), "all of it");
}

#[test]
fn who_is_not_let_in_is_left_aside() {
    let server = Server::start_at(
        "udp://127.0.0.1:0",
        &["--allow", "127.0.0.2", "--silence", "100ms", "--report", "json"],
    );
    let address = server.address.strip_prefix("udp://").expect("an endpoint").to_owned();
    let (stranger, _) = socket("127.0.0.1");
    let (friend, _) = socket("127.0.0.2");
    for (from, words) in [(&stranger, "no"), (&friend, "yes"), (&stranger, "no")] {
        from.send_to(words.as_bytes(), &address).expect("loopback");
    }
    let (status, stdout, said) = server.finish();
    assert_eq!((status.code(), text(&stdout)), (Some(0), "yes".to_owned()), "{said}");
    let report = said.lines().last().and_then(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let report = report.expect("one object");
    assert!(report["datagrams_ignored"].as_u64().is_some_and(|n| n >= 1), "{report}");
    assert_eq!(report["datagrams_received"], 1, "{report}");
}

#[test]
fn a_listener_that_nobody_sends_to_says_so() {
    let ended = run(&["listen", "udp://127.0.0.1:0", "--connect-timeout", "50ms"], b"");
    let said = text(&ended.stderr);
    assert_eq!(ended.status.code(), Some(5), "{said}");
    assert!(said.contains("while waiting for a datagram on udp://127.0.0.1:"), "{said}");
    assert!(said.contains("nobody sent anything"), "{said}");

    let mut server = Server::start_at("udp://127.0.0.1:0", &[]);
    signal(&server.child, Signal::TERM);
    assert!(server.line().contains("interrupted by SIGTERM while waiting for a datagram"));
    assert_eq!(server.finish().0.code(), Some(143));
}

/// What each side says in a dumped exchange, in its order.
const TALK: [(bool, &str); 5] =
    [(true, "ask\n"), (false, ""), (false, "an answer"), (true, "more\n"), (false, "done")];

/// Talks to a socket of the test's own, and dumps it. Gives the two addresses, ours first.
fn dumped(dump: &std::path::Path, host: &str) -> [String; 2] {
    let (peer, endpoint) = socket(host);
    let mut ours = Program::start(adieu(&["connect", &endpoint, "--silence", "1ms", "--dump"]).arg(dump));
    let mut room = [0; 64];
    let mut asker = peer.local_addr().expect("it is bound");
    for (we_say, words) in TALK {
        if we_say {
            ours.say(words);
            let (length, from) = peer.recv_from(&mut room).expect("it asks");
            assert_eq!(&room[..length], words.as_bytes());
            asker = from;
        } else {
            peer.send_to(words.as_bytes(), asker).expect("loopback");
            ours.hears(words);
        }
    }
    let ended = ours.finish();
    assert_eq!(ended.status.code(), Some(0), "{}", text(&ended.stderr));
    [asker.to_string(), endpoint.trim_start_matches("udp://").to_owned()]
}

#[test]
fn a_dump_has_each_datagram_as_a_block() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let path = directory.path().join("dump");
    for host in HOSTS {
        let [ours, peers] = dumped(&path, host);
        let dump = std::fs::read_to_string(&path).expect("it was made");
        let words: Vec<_> =
            dump.lines().filter_map(|line| line.split_once("Z ")).map(|line| line.1).collect();
        let blocks = TALK.map(|(we_say, words)| {
            let s = if words.len() == 1 { "" } else { "s" };
            format!("{} {} byte{s}", if we_say { '>' } else { '<' }, words.len())
        });
        assert_eq!(words[0], format!("> from {ours} to {peers}"));
        assert_eq!(words[1..=TALK.len()], blocks, "{dump}");
        assert!(words[TALK.len() + 1].starts_with("= closed: 2 datagrams"), "{dump}");
        let begin = dump.lines().filter(|line| line.starts_with("00000000  ")).count();
        assert_eq!(begin, 4, "each that has something begins at its beginning: {dump}");
    }
}

#[test]
fn a_capture_has_each_datagram_as_a_packet() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let path = directory.path().join("dump.pcapng");
    for host in HOSTS {
        let [ours, peers] = dumped(&path, host);
        let packets = crate::captures::read(&path);
        let talk: Vec<_> = packets.iter().map(|packet| (packet.goes_out, text(&packet.payload))).collect();
        assert_eq!(talk, TALK.map(|(we_say, words)| (we_say, words.to_owned())));
        for packet in &packets {
            let (from, to) = if packet.goes_out { (&ours, &peers) } else { (&peers, &ours) };
            assert_eq!((&packet.addresses.0, &packet.addresses.1), (from, to));
        }
        let comment = packets[0].comment.as_ref().expect("the first says whose they are");
        assert!(comment.contains("our end is "), "{comment}");
        assert!(packets[1..].iter().all(|packet| packet.comment.is_none()));
    }
}

#[test]
fn a_listener_dumps_what_everybody_sends() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let path = directory.path().join("dump");
    let name = path.to_str().expect("a temporary path is UTF-8");
    let server = Server::start_at("udp://127.0.0.1:0", &["--keep-open", "--echo", "--dump", name]);
    let to = server.address.strip_prefix("udp://").expect("it is UDP").to_owned();
    for _ in 0..2 {
        let (client, _) = socket("127.0.0.1");
        client.send_to(b"hello", &to).expect("loopback");
        client.recv(&mut [0; 8]).expect("it is sent back");
    }
    signal(&server.child, Signal::TERM);
    assert_eq!(server.finish().0.code(), Some(0));
    let dump = std::fs::read_to_string(&path).expect("it was made");
    for (block, times) in [(" < 5 bytes\n", 2), (" > 5 bytes\n", 2), ("|hello|", 4), (" = closed: ", 1)] {
        assert_eq!(dump.matches(block).count(), times, "{block}: {dump}");
    }

    // Packets have addresses.
    let capture = format!("{name}.pcapng");
    let output = run(&["listen", "udp://127.0.0.1:0", "--keep-open", "--dump", &capture], b"");
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("has the packets of one peer"), "{said}");
    assert!(!std::path::Path::new(&capture).exists());
}

#[cfg(target_os = "linux")]
#[test]
fn a_dump_of_datagrams_on_a_full_disk_is_a_failure() {
    let (_receiving, endpoint) = socket("127.0.0.1");
    let output = run(&["connect", &endpoint, "--silence", "1ms", "--dump", "/dev/full"], b"x");
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(7), "{said}");
    assert!(said.contains("cannot write the dump to /dev/full: No space left on device"), "{said}");
}

#[test]
fn what_means_nothing_over_udp_is_refused_and_never_left_out() {
    let (_receiving, endpoint) = socket("127.0.0.1");
    let said = |args: &[&str], variables: &[(&str, &str)]| {
        let mut command = adieu(args);
        let ended = command.envs(variables.iter().copied()).stdin(Stdio::null()).output().expect("it starts");
        (ended.status.code(), text(&ended.stderr))
    };
    for (command, option) in [
        ("connect", "--tls"),
        ("connect", "--fastopen"),
        ("connect", "--mptcp"),
        ("connect", "--proxy=socks5://127.0.0.1:1"),
        ("connect", "--nodelay=on"),
        ("connect", "--input-grace=1s"),
        ("listen", "--exec=cat"),
        ("listen", "--accept-first"),
        ("listen", "--first-byte-timeout=1s"),
        ("listen", "--self-signed"),
    ] {
        let (code, told) = said(&[command, &endpoint, option], &[]);
        let name = option.split('=').next().unwrap_or_default();
        assert_eq!(code, Some(2), "{option}: {told}");
        assert!(told.contains(&format!("{name} means nothing over UDP")), "{option}: {told}");
    }
    let quick = ["connect", endpoint.as_str(), "--silence", "1ms"];
    // Set for other runs.
    let (code, told) = said(&quick, &[("ADIEU_NODELAY", "on"), ("ADIEU_INPUT_GRACE", "1s")]);
    assert_eq!(code, Some(0), "{told}");
    // Set to keep others out, or to go no other way.
    for (variable, value) in [("ADIEU_TLS", "true"), ("ADIEU_PROXY", "socks5://127.0.0.1:1")] {
        let (code, told) = said(&quick, &[(variable, value)]);
        assert_eq!(code, Some(2), "{told}");
        assert!(told.contains(&format!("{variable} is set, and over UDP it means nothing")), "{told}");
    }
    let (code, told) = said(&["connect", "127.0.0.1:9", "--silence", "1s"], &[]);
    assert_eq!(code, Some(2), "{told}");
    assert!(told.contains("--silence is only for UDP"), "{told}");
    for args in [["send", "/dev/null", &endpoint], ["receive", "--output=.", &endpoint]] {
        let (code, told) = said(&args, &[]);
        assert_eq!(code, Some(2), "{told}");
        assert!(told.contains("a transfer needs a stream, and UDP has none"), "{told}");
    }
}
