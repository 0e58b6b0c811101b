//! The peers of the lines: servers that are there before a line runs, and clients of one that listens.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// No wait of a peer is longer.
const BOUND: Duration = Duration::from_secs(30);

/// The file in the line's directory that a line writes to.
pub(crate) const OUT: &str = "out";

/// What a line meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scene {
    /// Nobody is there.
    Nobody,
    /// A TCP server at each of these ports.
    Tcp(&'static [u16], Server),
    /// A server at a Unix socket of this name in the line's directory.
    Unix(&'static str, Server),
    /// A UDP server at this port, which answers each datagram, or none.
    Udp(u16, bool),
    /// A Unix datagram socket of this name, which takes what comes.
    UnixDatagrams(&'static str),
    /// A proxy at this port, behind which is a server that answers a line.
    Proxy(u16, Protocol),
    /// The line listens at this TCP port.
    Listens(u16, Client),
    /// The line listens at a Unix socket of this name.
    ListensUnix(&'static str, Client),
    /// openssl at this port, with TLS: it answers each line with what is in it, the other way round, and ends after its client. ncat
    /// as a server drops its command's answer if the client's end comes first.
    Tls(u16),
    /// The line listens at this TCP port with TLS, and ncat is its client.
    ListensTls(u16),
    /// The line listens at this UDP port, and ends by itself, or with the test.
    ListensUdp(u16, Ends),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Server {
    /// Takes a connection, and ends when its peer has ended.
    Takes,
    /// Reads a line, answers it, and ends.
    Line,
    /// Reads a line, answers it, and ends when its peer has ended.
    Stays,
    /// Reads a line, answers it, and stays until the line has ended.
    Never,
    /// Reads to the end, and answers then.
    AtEnd,
    /// Says something, and ends when its peer has ended.
    Greets,
    /// Says something, and ends.
    SaysAndEnds,
    /// Reads a line, answers half of it, and resets.
    Cuts,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Connect,
    Socks4,
    Socks5,
}

/// A client of a line that listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Client {
    /// Sends a line, half-closes, and reads to the end.
    Sends,
    /// Reads a line, sends one, half-closes, and reads to the end.
    ReadsFirst,
    /// Two of the first kind, one after another; then the test ends the line.
    Two,
    /// Sends a line, reads one, half-closes, and reads to the end.
    Asks,
    /// Two that ask, one after another; then the test ends the line.
    TwoAsk,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ends {
    Itself,
    WithTest,
}

impl Scene {
    /// The program that is its peer.
    pub(crate) fn counterpart(self) -> Option<&'static str> {
        match self {
            Self::Tls(_) => Some("openssl"),
            Self::ListensTls(_) => Some("ncat"),
            _ => None,
        }
    }

    /// The line would go on for ever.
    pub(crate) fn is_ended_by_test(self) -> bool {
        matches!(
            self,
            Self::Listens(_, Client::Two | Client::TwoAsk)
                | Self::ListensUnix(_, Client::Two)
                | Self::ListensUdp(_, Ends::WithTest)
        )
    }

    /// The lines that have to be in stdout or in the file before the test may end the run: only they tell that it has received all.
    pub(crate) fn lines_to_wait_for(self) -> usize {
        match self {
            Self::ListensUdp(_, Ends::WithTest) => 1,
            Self::Listens(_, Client::Two) | Self::ListensUnix(_, Client::Two) => 2,
            _ => 0,
        }
    }
}

/// Both kinds of stream.
trait Stream: Read + Write + Send {
    fn end(&self);
    fn reset(self: Box<Self>);
}

impl Stream for TcpStream {
    fn end(&self) {
        // The other side may be gone.
        let _ = self.shutdown(std::net::Shutdown::Write);
    }

    /// Once the peer has read what was sent: a reset takes what is unread with it.
    fn reset(self: Box<Self>) {
        let port = |address: io::Result<SocketAddr>| address.map(|address| address.port());
        if let (Ok(here), Ok(there)) = (port(self.local_addr()), port(self.peer_addr())) {
            until("the peer does not read", || has_been_read(here, there).then_some(()));
        }
        socket2::SockRef::from(&*self).set_linger(Some(Duration::ZERO)).expect("linger can be set");
    }
}

impl Stream for UnixStream {
    fn end(&self) {
        let _ = self.shutdown(std::net::Shutdown::Write);
    }

    fn reset(self: Box<Self>) {}
}

/// A peer, and what it received.
pub(crate) struct Peer {
    scene: Scene,
    servers: Vec<JoinHandle<String>>,
    /// The line has ended.
    is_over: Arc<AtomicBool>,
}

/// What a peer received, once its line has ended.
pub(crate) struct Received {
    texts: Vec<String>,
    servers: Vec<JoinHandle<String>>,
    is_over: Arc<AtomicBool>,
}

impl Received {
    pub(crate) fn finish(self, directory: &Path) -> String {
        self.is_over.store(true, Ordering::Relaxed);
        let mut all = self.texts;
        all.extend(self.servers.into_iter().map(|server| server.join().expect("a peer does not panic")));
        // What the line has written to a file.
        if let Ok(bytes) = std::fs::read(directory.join(OUT)) {
            all.push(format!("out: {}", String::from_utf8_lossy(&bytes)));
        }
        all.join("\n--\n")
    }
}

impl Peer {
    /// The servers of a scene.
    pub(crate) fn start(scene: &Scene, directory: &Path) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let over = || Arc::clone(&is_over);
        let servers = match *scene {
            Scene::Tcp(ports, server) => ports
                .iter()
                .map(|port| serve_tcp(*port, over(), move |stream, over| serve(stream, server, over)))
                .collect(),
            Scene::Proxy(port, protocol) => {
                vec![serve_tcp(port, over(), move |mut stream, over| {
                    let asked = negotiate(&mut stream, protocol);
                    format!("{asked} {}", serve(stream, Server::Line, over))
                })]
            }
            Scene::Unix(name, server) => {
                let listener = UnixListener::bind(directory.join(name)).expect("a socket can be made");
                listener.set_nonblocking(true).expect("it can be");
                let over = over();
                vec![std::thread::spawn(move || {
                    let accepted = until_over(&over, || listener.accept().ok());
                    accepted.map_or_else(String::new, |(stream, _)| {
                        stream.set_nonblocking(false).expect("it can be");
                        stream.set_read_timeout(Some(BOUND)).expect("it can be");
                        serve(Box::new(stream), server, &over)
                    })
                })]
            }
            Scene::Tls(port) => {
                let mut child = openssl_server(directory, port);
                until("openssl does not listen", || is_in_table("tcp", port, " 0A ").then_some(()));
                vec![std::thread::spawn(move || {
                    child.wait().expect("it can be waited for");
                    String::new()
                })]
            }
            Scene::Udp(port, answers) => vec![serve_udp(port, answers, over())],
            Scene::UnixDatagrams(name) => {
                let socket = UnixDatagram::bind(directory.join(name)).expect("a socket can be made");
                socket.set_nonblocking(true).expect("it can be");
                let over = over();
                vec![std::thread::spawn(move || {
                    let mut all = String::new();
                    let mut buffer = [0; 2000];
                    while let Some(length) = until_over(&over, || socket.recv(&mut buffer).ok()) {
                        all += &String::from_utf8_lossy(&buffer[..length]);
                        all.push('|');
                    }
                    all
                })]
            }
            _ => Vec::new(),
        };
        Self { scene: *scene, servers, is_over }
    }

    /// Does what a client does, if the line listens.
    pub(crate) fn act(self, directory: &Path) -> Received {
        let texts = match self.scene {
            Scene::Listens(port, client) => talk(client, || {
                TcpStream::connect(("127.0.0.1", port)).ok().map(|stream| Box::new(stream) as _)
            }),
            Scene::ListensUnix(name, client) => {
                let path: PathBuf = directory.join(name);
                talk(client, || UnixStream::connect(&path).ok().map(|stream| Box::new(stream) as _))
            }
            Scene::ListensUdp(port, _) => vec![send_datagram(port)],
            Scene::ListensTls(port) => {
                until("nobody listens", || is_in_table("tcp", port, " 0A ").then_some(()));
                let mut child = ncat(&["--ssl", "127.0.0.1", &port.to_string()], Stdio::piped());
                say(child.stdin.as_mut().expect("it is a pipe"), "hello 1\n");
                let output = child.wait_with_output().expect("it can be waited for");
                vec![String::from_utf8_lossy(&output.stdout).into_owned()]
            }
            _ => Vec::new(),
        };
        Received { texts, servers: self.servers, is_over: self.is_over }
    }
}

/// Waits for something, until the line has ended and it is certain that it will not come.
fn until_over<T>(is_over: &AtomicBool, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    loop {
        let was_over = is_over.load(Ordering::Relaxed);
        if let Some(found) = look() {
            return Some(found);
        }
        if was_over {
            return None;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + BOUND;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn serve_tcp(
    port: u16,
    is_over: Arc<AtomicBool>,
    serve: impl FnOnce(Box<dyn Stream>, &AtomicBool) -> String + Send + 'static,
) -> JoinHandle<String> {
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("the network is ours alone");
    listener.set_nonblocking(true).expect("it can be");
    std::thread::spawn(move || {
        let accepted = until_over(&is_over, || listener.accept().ok());
        accepted.map_or_else(String::new, |(stream, _)| {
            stream.set_nonblocking(false).expect("it can be");
            stream.set_read_timeout(Some(BOUND)).expect("it can be");
            serve(Box::new(stream), &is_over)
        })
    })
}

/// A line that the peer has sent, or what it has sent until its end.
fn line(stream: &mut impl Read) -> String {
    let mut bytes = Vec::new();
    // The peer may have ended or reset.
    let _ = BufReader::with_capacity(1, stream).read_until(b'\n', &mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

fn rest(stream: &mut impl Read) -> String {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

fn say(stream: &mut impl Write, text: &str) {
    // The peer may be gone.
    let _ = stream.write_all(text.as_bytes());
}

fn serve(mut stream: Box<dyn Stream>, server: Server, is_over: &AtomicBool) -> String {
    match server {
        Server::Takes => rest(&mut stream),
        Server::Line | Server::Stays | Server::Never => {
            let mut asked = line(&mut stream);
            // In one piece, which one receive takes whole.
            say(&mut stream, &format!("220 imok 200 OK VERSION curr_items: {}\n", asked.trim_end()));
            if server == Server::Line {
                stream.end();
            }
            asked += &rest(&mut stream);
            if server == Server::Never {
                until_over(is_over, || None::<()>);
            }
            asked
        }
        Server::AtEnd => {
            let asked = rest(&mut stream);
            say(&mut stream, &format!("got {} bytes\n", asked.len()));
            asked
        }
        Server::Greets => {
            say(&mut stream, "220 mail.example.com ESMTP\r\n");
            rest(&mut stream)
        }
        Server::SaysAndEnds => {
            say(&mut stream, "SSH-2.0-OpenSSH_9.2\r\n");
            stream.end();
            rest(&mut stream)
        }
        Server::Cuts => {
            let asked = line(&mut stream);
            say(&mut stream, "half of an ans");
            stream.reset();
            asked
        }
    }
}

/// The proxy's part of the conversation: what it was asked for.
fn negotiate(stream: &mut Box<dyn Stream>, protocol: Protocol) -> String {
    let byte = |stream: &mut Box<dyn Stream>| {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("the client speaks");
        byte[0]
    };
    let take = |stream: &mut Box<dyn Stream>, count: usize| -> Vec<u8> {
        (0..count).map(|_| byte(stream)).collect()
    };
    match protocol {
        Protocol::Connect => {
            let first = line(stream);
            while line(stream).trim_end() != "" {}
            say(stream, "HTTP/1.0 200 Connection established\r\n\r\n");
            first.split(" HTTP").next().unwrap_or_default().to_owned()
        }
        Protocol::Socks5 => {
            let head = take(stream, 2);
            take(stream, head[1].into());
            stream.write_all(&[5, 0]).expect("the client reads");
            let head = take(stream, 4);
            let host = match head[3] {
                1 => take(stream, 4).iter().map(u8::to_string).collect::<Vec<_>>().join("."),
                3 => {
                    let length = take(stream, 1)[0];
                    String::from_utf8_lossy(&take(stream, length.into())).into_owned()
                }
                _ => format!("{:?}", take(stream, 16)),
            };
            let port = take(stream, 2);
            stream.write_all(&[5, 0, 0, 1, 127, 0, 0, 1, 0, 0]).expect("the client reads");
            format!("{host}:{}", u16::from_be_bytes([port[0], port[1]]))
        }
        Protocol::Socks4 => {
            let head = take(stream, 8);
            while take(stream, 1) != [0] {}
            stream.write_all(&[0, 90, 0, 0, 0, 0, 0, 0]).expect("the client reads");
            format!("{:?}:{}", &head[4..], u16::from_be_bytes([head[2], head[3]]))
        }
    }
}

fn serve_udp(port: u16, answers: bool, is_over: Arc<AtomicBool>) -> JoinHandle<String> {
    let socket = UdpSocket::bind(("127.0.0.1", port)).expect("the network is ours alone");
    socket.set_nonblocking(true).expect("it can be");
    std::thread::spawn(move || {
        let (mut all, mut buffer) = (String::new(), [0; 2000]);
        while let Some((length, from)) = until_over(&is_over, || socket.recv_from(&mut buffer).ok()) {
            let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
            if answers {
                socket.send_to(format!("echo:{text}").as_bytes(), from).expect("it can be sent");
            }
            // What a scan sends is not what counts.
            if !matches!(text.as_str(), "X" | "\0" | "") {
                all += &format!("{text}|");
            }
        }
        all
    })
}

fn talk(client: Client, connect: impl Fn() -> Option<Box<dyn Stream>>) -> Vec<String> {
    let one = |number: u32| {
        let mut stream = until("nobody listens", &connect);
        let mut read = String::new();
        if client == Client::ReadsFirst {
            read += &line(&mut stream);
        }
        say(&mut stream, &format!("hello {number}\n"));
        if matches!(client, Client::Asks | Client::TwoAsk) {
            read += &line(&mut stream);
        }
        stream.end();
        read += &rest(&mut stream);
        read
    };
    match client {
        Client::Two | Client::TwoAsk => vec![one(1), one(2)],
        _ => vec![one(1)],
    }
}

/// openssl, as a server of one client with a certificate that nobody vouches for.
fn openssl_server(directory: &Path, port: u16) -> Child {
    let mut making = Command::new("openssl");
    making.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]);
    making.args(["-days", "2", "-subj", "/CN=localhost", "-out", "certificate.pem", "-keyout", "key.pem"]);
    let made = making.current_dir(directory).stdin(Stdio::null()).output().expect("it was there before");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let mut command = Command::new("openssl");
    command.args(["s_server", "-rev", "-quiet", "-naccept", "1", "-accept", &format!("127.0.0.1:{port}")]);
    command.args(["-cert", "certificate.pem", "-key", "key.pem"]).current_dir(directory);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("it was there before")
}

/// The real ncat, as a peer that speaks TLS.
fn ncat(words: &[&str], input: Stdio) -> Child {
    let mut command = Command::new("ncat");
    command.args(words).stdin(input).stdout(Stdio::piped()).stderr(Stdio::null());
    command.spawn().expect("it was there before")
}

/// Whether the kernel's table of this network has such a port. `state`: what stands behind its addresses.
fn is_in_table(protocol: &str, port: u16, state: &str) -> bool {
    ["", "6"].iter().any(|version| {
        let table = std::fs::read_to_string(format!("/proc/thread-self/net/{protocol}{version}"));
        table.is_ok_and(|table| {
            table.lines().any(|line| line.contains(&format!(":{port:04X} ")) && line.contains(state))
        })
    })
}

/// Whether nothing is on its way from one port of this network to another, nor waits to be read there.
fn has_been_read(from: u16, to: u16) -> bool {
    let table = std::fs::read_to_string("/proc/thread-self/net/tcp").unwrap_or_default();
    let queues = |local: u16, remote: u16| {
        table.lines().find_map(|line| {
            let mut fields = line.split_whitespace().skip(1);
            let is_at =
                |field: Option<&str>, port: u16| field.is_some_and(|f| f.ends_with(&format!(":{port:04X}")));
            let (is_local, is_remote) = (is_at(fields.next(), local), is_at(fields.next(), remote));
            let queues = fields.nth(1)?.split_once(':').filter(|_| is_local && is_remote)?;
            Some((queues.0.to_owned(), queues.1.to_owned()))
        })
    };
    let is_empty = |queue: &str| queue.bytes().all(|digit| digit == b'0');
    // A peer that is gone reads nothing more.
    queues(from, to).is_none_or(|(sending, _)| is_empty(&sending))
        && queues(to, from).is_none_or(|(_, waiting)| is_empty(&waiting))
}

/// Sends a datagram to a port, once somebody is there.
fn send_datagram(port: u16) -> String {
    let socket = UdpSocket::bind(("127.0.0.1", 0)).expect("loopback");
    until("nobody is bound", || is_in_table("udp", port, "").then_some(()));
    socket.send_to(b"hello\n", ("127.0.0.1", port)).expect("it can be sent");
    String::new()
}
