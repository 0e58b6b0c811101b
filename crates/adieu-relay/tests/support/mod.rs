//! A relay that runs in this process, and servers to stand behind it. Every wait is bounded.

#![allow(dead_code, unused_imports, reason = "each test program uses its own part")]

use adieu::Endpoint;
use adieu_relay::{Closed, Drained, Handle, Relay, RelayConfig, RelayEvent, Upstream};
use adieu_testkit::places::{self, refusing};
pub(crate) use adieu_testkit::waits::{is_reset, until};
use socket2::Socket;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// Nothing here waits for longer.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

/// What an observer was told, as far as it is of use here: a line each.
pub(crate) struct Running {
    pub(crate) at: SocketAddr,
    pub(crate) handle: Handle,
    pub(crate) told: Receiver<String>,
    pub(crate) closed: Receiver<Closed>,
    pub(crate) over: JoinHandle<Drained>,
}

/// A relay on a port of its own, to these upstreams, with the defaults.
pub(crate) fn config(upstreams: &[SocketAddr]) -> RelayConfig {
    let upstreams = upstreams.iter().map(|at| Upstream::new(Endpoint::from(*at)));
    RelayConfig::new(Endpoint::tcp("127.0.0.1", 0), upstreams)
}

impl Running {
    pub(crate) fn start(config: RelayConfig) -> Self {
        let (tell, told) = channel();
        let (tell_closed, closed) = channel();
        let relay = Relay::bind([config], move |event| {
            let line = match event {
                RelayEvent::Closed(closed) => {
                    let _ = tell_closed.send((*closed).clone());
                    return;
                }
                RelayEvent::TurnedAway { why, closed, .. } => {
                    assert_eq!(
                        (closed.turned_away(), closed.by()),
                        (Some(*why), adieu_relay::EndedBy::Relay)
                    );
                    why.name().to_owned()
                }
                RelayEvent::UpstreamDown { upstream, .. } => format!("down {upstream}"),
                RelayEvent::UpstreamUp { upstream, .. } => format!("up {upstream}"),
                RelayEvent::NameFailed { host, .. } => format!("unresolved {host}"),
                _ => return,
            };
            let _ = tell.send(line);
        });
        let relay = relay.expect("it listens");
        let at = relay.local_endpoints()[0].to_string();
        let at = at.trim_start_matches("tls://").parse().expect("an address");
        let handle = relay.handle();
        let over = std::thread::spawn(move || relay.run().expect("it ran"));
        Self { at, handle, told, closed, over }
    }

    /// A client from this address of ours.
    pub(crate) fn connect_from(&self, last: u8) -> TcpStream {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
        let socket = socket.expect("a socket");
        let source = SocketAddr::from((IpAddr::from(Ipv4Addr::new(127, 0, 0, last)), 0));
        socket.bind(&source.into()).expect("an address of ours");
        socket.connect(&self.at.into()).expect("the relay listens");
        let stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(LIMIT)).expect("a timeout");
        stream
    }

    pub(crate) fn connect(&self) -> TcpStream {
        self.connect_from(1)
    }

    pub(crate) fn told(&self) -> String {
        self.told.recv_timeout(LIMIT).expect("something is told")
    }

    pub(crate) fn closed(&self) -> Closed {
        self.closed.recv_timeout(LIMIT).expect("the connection ends")
    }

    pub(crate) fn shut_down(self) -> Drained {
        self.shut_down_within(Duration::ZERO)
    }

    pub(crate) fn shut_down_within(self, grace: Duration) -> Drained {
        self.handle.shutdown(grace);
        self.over.join().expect("it does not panic")
    }
}

/// A port, and who listens there.
pub(crate) fn listener() -> (TcpListener, SocketAddr) {
    let listener = places::listener();
    let at = listener.local_addr().expect("an address");
    (listener, at)
}

/// A server that says its name to each client, echoes, and ends when the client does.
pub(crate) struct Server {
    pub(crate) at: SocketAddr,
}

impl Server {
    pub(crate) fn named(name: u8) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").expect("a port"), name)
    }

    pub(crate) fn on(listener: TcpListener, name: u8) -> Self {
        let at = listener.local_addr().expect("an address");
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                std::thread::spawn(move || serve(stream, name));
            }
        });
        Self { at }
    }
}

fn serve(mut stream: TcpStream, name: u8) {
    let mut bytes = [0; 1024];
    let mut written = stream.write_all(&[name]);
    while written.is_ok() {
        match stream.read(&mut bytes) {
            Ok(0) | Err(_) => return,
            Ok(n) => written = stream.write_all(&bytes[..n]),
        }
    }
}

/// The name of the server that a client was given.
pub(crate) fn server_of(mut client: &TcpStream) -> u8 {
    let mut name = [0];
    client.read_exact(&mut name).expect("its server says its name");
    name[0]
}

/// A port that is taken and refuses until it listens.
pub(crate) struct Refusing {
    pub(crate) at: SocketAddr,
    socket: Socket,
}

impl Refusing {
    pub(crate) fn new() -> Self {
        let (at, socket) = refusing(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).expect("a port");
        Self { at, socket }
    }

    pub(crate) fn listen(self) -> TcpListener {
        self.socket.listen(128).expect("it is bound");
        self.socket.into()
    }
}

/// A port that is taken and refuses for as long as the test program runs.
pub(crate) fn refused() -> SocketAddr {
    let refusing = Refusing::new();
    std::mem::forget(refusing.socket);
    refusing.at
}

/// A port that is free: it was bound and let go.
pub(crate) fn free() -> SocketAddr {
    TcpListener::bind((own_address(), 0)).and_then(|listener| listener.local_addr()).expect("a port")
}

/// A loopback address that no other test has, where a system has more than one: a port there that was let go is not given to
/// somebody else.
fn own_address() -> Ipv4Addr {
    static COUNT: AtomicU8 = AtomicU8::new(1);
    if !cfg!(target_os = "linux") {
        return Ipv4Addr::LOCALHOST;
    }
    let [.., high, low] = std::process::id().to_be_bytes();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    Ipv4Addr::new(127, high | 0x80, low, count.clamp(1, 254))
}
