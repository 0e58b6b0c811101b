//! Every example of every `--help` is run, as it is shown, in a shell: real sockets on loopback in the place of the hosts and ports
//! that an example names.
//!
//! An example that has no scene here fails the test, so a new one cannot be forgotten.

#![cfg(unix)]

use adieu_testkit::places;
use adieu_testkit::skip::{installed, not_here};
use adieu_testkit::tls::authority::Authority;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

const ADIEU: &str = env!("CARGO_BIN_EXE_adieu");

/// `nc` has a help of its own, without them: its manual page has them.
const COMMANDS: [&str; 11] = [
    "connect",
    "listen",
    "send",
    "receive",
    "check",
    "relay",
    "explain",
    "demo",
    "selftest",
    "completions",
    "man",
];

/// No wait is longer.
const BOUND: Duration = Duration::from_secs(30);

/// How an example is run.
#[derive(Debug, Clone, Copy)]
enum Scene {
    /// It ends by itself with this status. `with`: what an example's endpoints stand for.
    Ends(i32, With),
    /// It listens, this is done to it, and then it is to exit with this status.
    Serves(Client, i32),
    /// What it says where it cannot be run is checked: this option makes of it what can be.
    Instead(&'static str, i32),
    /// It needs what a test does not have: a right, or an interface.
    Needs(&'static str),
}

/// What answers at the endpoints of an example.
#[derive(Debug, Clone, Copy)]
enum With {
    Nobody,
    /// `adieu listen --echo`, with more options.
    Echo(&'static [&'static str]),
    /// `adieu receive --output stored`.
    Receiver,
    /// A program that answers a datagram with itself.
    Datagrams,
    /// A program that answers "imok".
    Zookeeper,
}

/// What is done to an example that listens.
#[derive(Debug, Clone, Copy)]
enum Client {
    /// Sends a text and reads to the end.
    Sends,
    /// The same over TLS.
    SendsInTls,
    /// `adieu send`, with these options.
    Sender(&'static [&'static str]),
    /// `adieu send` of an archive, to a receiver that stores nothing.
    Streams,
}

/// The examples, each with how it is run.
#[expect(clippy::match_same_arms, reason = "they stand in the order of the commands")]
fn scene(line: &str) -> Option<Scene> {
    use Client as C;
    use Scene as S;
    use With as W;
    const ECHO: W = W::Echo(&[]);
    Some(match line {
        r"printf 'GET / HTTP/1.0\r\n\r\n' | adieu connect example.org:80" => S::Ends(0, ECHO),
        "adieu connect --retry --idle-timeout 30s db.example:9000 < query > answer" => S::Ends(0, ECHO),
        "adieu connect --ca ca.pem tls://api.example:8443 --report json < request" => {
            S::Ends(0, W::Echo(&["--cert", "site.pem", "--key", "site.key"]))
        }
        "adieu connect --exec ./client unix:/run/app.sock" => S::Ends(0, W::Echo(&["--unix"])),
        "echo ping | adieu connect udp://192.0.2.10:9999" => S::Ends(0, W::Datagrams),

        "adieu listen :9000 > upload.bin" => S::Serves(C::Sends, 0),
        "adieu listen --keep-open --exec ./handler :9000" => S::Serves(C::Sends, 0),
        "adieu listen --keep-open --echo --self-signed --allow 127.0.0.0/8 :9443" => {
            S::Serves(C::SendsInTls, 0)
        }
        "adieu listen --port-file port --output got.bin 127.0.0.1:0" => S::Serves(C::Sends, 0),

        "adieu send report.pdf backup.example:27015"
        | "adieu send --retry --resume --preserve photos backup.example:27015"
        | "adieu send --exec 'tar -c photos' --name photos.tar backup.example:27015" => {
            S::Ends(0, W::Receiver)
        }
        // A FIFO is left out, and that is told.
        "adieu send --skip-special service backup.example:27015" => S::Ends(6, W::Receiver),
        "adieu send --exclude '*.log' --dry-run project backup.example:27015" => S::Ends(0, W::Nobody),

        "adieu receive --output inbox/ :27015" | "adieu receive --retry --resume --output inbox/ :27015" => {
            S::Serves(C::Sender(&[]), 0)
        }
        "adieu receive --keep-open --no-clobber --secret-file key -o inbox/ :27015" => {
            S::Serves(C::Sender(&["--secret-file", "key"]), 0)
        }
        "adieu receive --output - :27015 | tar -x" => S::Serves(C::Streams, 0),

        "adieu check db.example:5432 cache.example:6379"
        | "adieu check --wait 60s db.example:5432 -- ./serve" => S::Ends(0, ECHO),
        // Not all of its ports are open.
        "adieu check server.example:20-25,80,443" => S::Ends(3, W::Nobody),
        "adieu check tls://example.org:443 --min-days 14" => {
            S::Ends(0, W::Echo(&["--cert", "site.pem", "--key", "site.key"]))
        }
        "adieu check zk.example:2181 --send ruok --expect imok" => S::Ends(0, W::Zookeeper),

        "adieu relay 127.0.0.1:8080 192.0.2.10:80 192.0.2.11:80 --log relay.jsonl" => {
            S::Instead("--check", 0)
        }
        "adieu relay tls://:8443 127.0.0.1:8080 --cert site.pem --key site.key" => S::Instead("--check", 0),
        "adieu relay :8443 192.0.2.10:443 --route '*.example.net=192.0.2.11:443'" => S::Instead("--check", 0),

        "adieu explain trace.pcap"
        | "adieu explain --only not-graceful --port 5432 trace.pcap"
        | "adieu explain --format json trace.pcapng.gz"
        | "adieu explain --compare before.pcap after.pcap"
        | "adieu explain --both client.pcap server.pcap"
        | "adieu explain --html page.html trace.pcap"
        | "adieu explain --code ECONNRESET" => S::Ends(0, W::Nobody),
        "adieu explain --live" if cfg!(target_os = "linux") => S::Ends(0, W::Nobody),
        "tcpdump -i eth0 -U -w - tcp | adieu explain -" => S::Needs("an interface, and the right to capture"),

        "adieu nc -N server.example 80 < request" => S::Ends(0, ECHO),
        "adieu nc -zv server.example 20-25" => S::Ends(1, W::Nobody),
        "adieu nc -l 9000 > upload.bin" => S::Serves(C::Sends, 0),
        "adieu nc --explain 'nc -q 1 server.example 80 < file'" => S::Ends(0, W::Nobody),

        "adieu demo" => S::Ends(0, W::Nobody),
        "adieu demo --fault reset" => S::Ends(4, W::Nobody),
        "adieu demo --fault stall" => S::Ends(5, W::Nobody),
        "adieu selftest" | "adieu selftest --report-file selftest.txt" | "adieu selftest -v never_reads" => {
            S::Ends(0, W::Nobody)
        }

        "adieu completions bash > ~/.local/share/bash-completion/completions/adieu"
        | "adieu completions zsh > ~/.zfunc/_adieu"
        | "adieu completions fish > ~/.config/fish/completions/adieu.fish" => S::Ends(0, W::Nobody),

        "adieu man --all ~/.local/share/man" | "adieu man protocol > adieu-protocol.7" => {
            S::Ends(0, W::Nobody)
        }
        "adieu man connect | man -l -" => match installed("man") {
            Some(_) => S::Ends(0, W::Nobody),
            None => S::Needs("man(1)"),
        },

        // Of adieu --help.
        "adieu connect example.org:7 < request > answer; echo $?" => S::Ends(0, ECHO),
        _ => return None,
    })
}

/// The examples of a help: what stands below a line that begins with "# ".
fn examples(help: &str) -> Vec<String> {
    let lines: Vec<&str> = help.lines().collect();
    let pairs = lines.windows(2).filter(|pair| pair[0].starts_with("  # "));
    pairs.map(|pair| pair[1].trim().to_owned()).collect()
}

/// Those of the manual page, which stand between `.EX` and `.EE`.
fn examples_of_page(page: &str) -> Vec<String> {
    let blocks = page.split(".EX\n").skip(1).filter_map(|rest| rest.split("\n.EE").next());
    blocks
        .map(|block| {
            block.replace("\\-", "-").replace("\\(aq", "'").replace("\\(ti", "~").replace("\\e", "\\")
        })
        .collect()
}

fn printed(args: &[&str]) -> String {
    let output = Command::new(ADIEU).args(args).output().expect("the built binary starts");
    String::from_utf8(output.stdout).expect("it is UTF-8")
}

/// What examples name.
fn prepared() -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("there is room");
    let path = directory.path();
    for folder in ["photos/2026", "project/target", "service", "inbox", "stored", "home/.zfunc"] {
        std::fs::create_dir_all(path.join(folder)).expect("there is room");
    }
    for folder in [".local/share/bash-completion/completions", ".config/fish/completions"] {
        std::fs::create_dir_all(path.join("home").join(folder)).expect("there is room");
    }
    for file in
        ["request", "query", "file", "report.pdf", "key", "photos/2026/one", "project/a.log", "project/main"]
    {
        std::fs::write(path.join(file), "content\n").expect("there is room");
    }
    for (program, text) in
        [("handler", "exec cat"), ("client", "echo hello\nread answer"), ("serve", "exit 0")]
    {
        let path = path.join(program);
        std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).expect("there is room");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("it is ours");
    }
    // A capture without a packet: magic, version 2.4, and Ethernet.
    let mut capture = vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0];
    capture.extend([0; 8]);
    capture.extend([0, 0, 4, 0, 1, 0, 0, 0]);
    for file in ["trace.pcap", "trace.pcapng.gz", "before.pcap", "after.pcap", "client.pcap", "server.pcap"] {
        std::fs::write(path.join(file), &capture).expect("there is room");
    }
    let authority = Authority::loopback();
    std::fs::copy(&authority.files.0, path.join("site.pem")).expect("there is room");
    std::fs::copy(&authority.files.1, path.join("site.key")).expect("there is room");
    std::fs::copy(Authority::shared().file(), path.join("ca.pem")).expect("there is room");
    adieu_testkit::places::fifo(&path.join("service/fifo")).expect("a FIFO can be made");
    directory
}

/// A command in a directory where `adieu` is the binary under test, in a group of its own, which is killed after a time.
struct Running {
    child: Child,
    stderr: BufReader<std::process::ChildStderr>,
    over: mpsc::Sender<()>,
}

impl Running {
    fn start(line: &str, directory: &Path) -> Self {
        let binary = Path::new(ADIEU).parent().expect("a binary is in a folder");
        let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap_or_default());
        let mut command = Command::new("sh");
        for (name, _) in std::env::vars_os().filter(|(n, _)| n.to_string_lossy().starts_with("ADIEU_")) {
            command.env_remove(name);
        }
        // So that a signal meets adieu and not the shell.
        let is_alone = line.starts_with("adieu ") && !line.contains(['|', ';']);
        let mut child = command
            .args(["-c", &format!("{}{line}", if is_alone { "exec " } else { "" })])
            .current_dir(directory)
            .env("PATH", path)
            .env("HOME", directory.join("home"))
            .env("SSL_CERT_FILE", directory.join("ca.pem"))
            .env("MANPAGER", "cat")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .expect("a shell starts");
        let stderr = BufReader::new(child.stderr.take().expect("stderr is a pipe"));
        let group = Pid::from_child(&child);
        let (over, is_over) = mpsc::channel::<()>();
        std::thread::spawn(move || {
            if is_over.recv_timeout(BOUND) == Err(mpsc::RecvTimeoutError::Timeout) {
                let _ = kill_process_group(group, Signal::KILL);
            }
        });
        Self { child, stderr, over }
    }

    /// Where it listens, which it says first.
    fn address(&mut self) -> String {
        loop {
            let mut line = String::new();
            let n = self.stderr.read_line(&mut line).expect("stderr is readable");
            assert_ne!(n, 0, "it does not say where it listens");
            if let Some((_, at)) = line.trim_end().split_once("istening on ") {
                return at.replace("0.0.0.0 ", "127.0.0.1:");
            }
        }
    }

    fn terminate(&self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).expect("it runs");
    }

    fn finish(mut self) -> (Option<i32>, String) {
        let mut said = String::new();
        self.stderr.read_to_string(&mut said).expect("stderr is readable");
        let status = self.child.wait().expect("it can be waited for");
        drop(self.over);
        (status.code(), said)
    }
}

/// A peer of an example, which lives as long as this.
enum Peer {
    None,
    Command(Running),
    Thread,
}

impl With {
    /// Starts it, and gives where it is.
    fn start(self, directory: &Path) -> (Peer, String) {
        match self {
            Self::Nobody => (Peer::None, String::new()),
            Self::Echo(&["--unix"]) => command("adieu listen --keep-open --echo unix:app.sock", directory),
            Self::Echo(options) => command(
                &format!("adieu listen --keep-open --echo {} 127.0.0.1:0", options.join(" ")),
                directory,
            ),
            Self::Receiver => command("adieu receive --keep-open --output stored 127.0.0.1:0", directory),
            Self::Datagrams => {
                let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
                let at = socket.local_addr().expect("it has an address");
                std::thread::spawn(move || {
                    let mut buffer = [0; 2048];
                    while let Ok((n, from)) = socket.recv_from(&mut buffer) {
                        let _ = socket.send_to(&buffer[..n], from);
                    }
                });
                (Peer::Thread, at.to_string())
            }
            Self::Zookeeper => {
                let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
                let at = listener.local_addr().expect("it has an address");
                std::thread::spawn(move || {
                    for mut stream in listener.incoming().flatten() {
                        let _ = stream.read_exact(&mut [0; 4]).and_then(|()| stream.write_all(b"imok"));
                        let _ = stream.shutdown(std::net::Shutdown::Write);
                        let _ = stream.read_to_end(&mut Vec::new());
                    }
                });
                (Peer::Thread, at.to_string())
            }
        }
    }
}

fn command(line: &str, directory: &Path) -> (Peer, String) {
    let mut running = Running::start(line, directory);
    let at = running.address();
    (Peer::Command(running), at)
}

/// The endpoints that examples connect to.
const CONNECTED: [&str; 9] = [
    "example.org:443",
    "example.org:80",
    "example.org:7",
    "db.example:9000",
    "db.example:5432",
    "cache.example:6379",
    "api.example:8443",
    "zk.example:2181",
    "backup.example:27015",
];

/// An example with endpoints of this machine. `at`: of the peer, if there is one. `refusing`: where nobody listens.
fn here(line: &str, at: &str, refusing: SocketAddr) -> String {
    let address = at.rsplit_once("://").map_or(at, |(_, address)| address);
    let mut line = line.to_owned();
    if !at.is_empty() {
        for endpoint in CONNECTED {
            line = line.replace(endpoint, address);
        }
        line = line.replace("192.0.2.10:9999", address).replace("unix:/run/app.sock", at);
        line = line.replace("server.example 80", &address.replace(':', " "));
    }
    let port = refusing.port().to_string();
    line = line.replace("server.example", "127.0.0.1").replace("20-25,80,443", &port).replace("20-25", &port);
    for listened in [" :9000", " :9443", " :27015"] {
        line = line.replace(listened, " 127.0.0.1:0");
    }
    line.replace("nc -l 9000", "nc -v -l 0")
}

fn run(line: &str, scene: Scene) -> Result<(), String> {
    let directory = prepared();
    let directory = directory.path();
    let (refusing, _held) = places::refusing(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).expect("loopback");
    let (expected, (code, said)) = match scene {
        Scene::Needs(what) => {
            not_here(line, &format!("it needs {what}"));
            return Ok(());
        }
        Scene::Instead(option, code) => {
            let line = line.replacen("adieu relay", &format!("adieu relay {option}"), 1);
            (code, Running::start(&line, directory).finish())
        }
        Scene::Ends(code, with) => {
            let (peer, at) = with.start(directory);
            let ended = Running::start(&here(line, &at, refusing), directory).finish();
            if let Peer::Command(peer) = peer {
                peer.terminate();
                peer.finish();
            }
            (code, ended)
        }
        Scene::Serves(client, code) => {
            let mut server = Running::start(&here(line, "", refusing), directory);
            let at = server.address();
            client.comes(&at, directory);
            if line.contains("--keep-open") {
                server.terminate();
            }
            (code, server.finish())
        }
    };
    if code == Some(expected) { Ok(()) } else { Err(format!("{line}: {code:?}, not {expected}: {said}")) }
}

impl Client {
    fn comes(self, at: &str, directory: &Path) {
        match self {
            Self::Sends => {
                let mut stream = TcpStream::connect(at).expect("it listens");
                stream.write_all(b"hello\n").expect("it is taken");
                stream.shutdown(std::net::Shutdown::Write).expect("it is open");
                stream.set_read_timeout(Some(BOUND)).expect("a limit can be set");
                stream.read_to_end(&mut Vec::new()).expect("it ends its side");
            }
            Self::SendsInTls => {
                let line = format!("echo hello | adieu connect --insecure {at} | grep -q hello");
                let (code, said) = Running::start(&line, directory).finish();
                assert_eq!(code, Some(0), "{line}: {said}");
            }
            Self::Streams => {
                let line = format!("tar -c photos | adieu send --accept written - {at}");
                let (code, said) = Running::start(&line, directory).finish();
                assert_eq!(code, Some(0), "{line}: {said}");
            }
            Self::Sender(options) => {
                let line = format!("adieu send {} report.pdf {at}", options.join(" "));
                let (code, said) = Running::start(&line, directory).finish();
                assert_eq!(code, Some(0), "{line}: {said}");
            }
        }
    }
}

#[test]
fn every_example_does_what_it_is_shown_for() {
    let mut lines: Vec<String> = examples(&printed(&["--help"]));
    for command in COMMANDS {
        let found = examples(&printed(&[command, "--help"]));
        assert!(found.len() >= 3, "{command} has {} examples", found.len());
        // The manual page has the same.
        assert_eq!(examples_of_page(&printed(&["man", command])), found, "{command}");
        lines.extend(found);
    }
    lines.extend(examples_of_page(&printed(&["man", "nc"])));
    let lines: BTreeSet<String> = lines.into_iter().collect();
    assert!(lines.len() > 40, "{}", lines.len());
    let mut wrong = Vec::new();
    for line in lines {
        match scene(&line) {
            None => wrong.push(format!("{line}: nobody has said how it is run")),
            Some(scene) => wrong.extend(run(&line, scene).err()),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
