//! A real misbehaving peer on this machine: its behaviour is data, a list of [`Step`]s.
//!
//! The peer runs on its own thread, accepts (or makes) one connection, performs its script and keeps a
//! [`PeerLog`]. It never panics: a step that fails is written down and ends the script. No step waits without a
//! bound, and all waits end soon after [`PeerHandle::release`], so a test that failed still ends.
//!
//! What the peer sends is [`Pattern::of_peer`], what it expects is [`Pattern::of_program`].

mod perform;
mod rendezvous;
#[cfg(test)]
mod tests;

use crate::{pattern::Pattern, progress::Progress};
use std::{
    fmt, io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    path::PathBuf,
    sync::{Arc, mpsc},
    thread::{self, JoinHandle},
    time::Duration,
};

/// A wait of the peer that sees no progress for this long fails its step. Longer than any scenario's hang limit:
/// a peer that gave up first would end a hang that is to be seen.
pub const STEP_BOUND: Duration = Duration::from_secs(45);

/// What the peer does, step by step. At the end of its script it closes, if it has not before.
pub type Script = [Step];

/// One thing a peer does on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Sets the kernel's receive buffer (Linux doubles the number), so that what we may have in flight stays
    /// small. As the first step of a script it is set before listening, early enough for the first window.
    ReceiveBuffer(usize),
    /// Sends the next `n` bytes of the peer's pattern.
    Send(u64),
    /// Receives exactly `n` bytes.
    Receive(u64),
    /// Receives until EOF, or until a reset, which is written down and does not end the script.
    ReceiveToEof,
    /// Receives until EOF, at most `chunk` bytes every `pause`: slow, but alive.
    ReceiveSlowly {
        /// Most bytes at a time.
        chunk: usize,
        /// Time between two chunks.
        pause: Duration,
    },
    /// Sends `total` bytes of the pattern, `chunk` at a time with a `pause` before each.
    Trickle {
        /// Bytes at a time.
        chunk: u64,
        /// Time before each chunk.
        pause: Duration,
        /// Bytes in all.
        total: u64,
    },
    /// Sends and receives nothing for this long. It is the peer's behaviour, never used to wait for something.
    Silence(Duration),
    /// Shuts down its sending side: FIN.
    ShutdownSend,
    /// Shuts down its receiving side. On Linux nothing of this is seen on the wire.
    ShutdownReceive,
    /// Aborts: RST instead of FIN (zero linger). On a Unix socket there is no reset; it just closes.
    Reset,
    /// Waits until at least `n` received bytes stand unread in its kernel, then closes: the kernel sends RST.
    CloseUnread(u64),
    /// Closes.
    Close,
    /// Waits until all it sent is acknowledged: it stands in our kernel, or further.
    AwaitAcknowledged,
    /// Waits until at least `n` received bytes stand unread in its kernel.
    AwaitClientBytes(u64),
    /// Waits until received bytes stand unread and no more have come for 150 ms: the sender is blocked.
    AwaitStalled,
    /// Sends the next byte of the pattern as urgent data (`MSG_OOB`).
    Urgent,
    /// Keeps the connection open, doing nothing, until the harness says that the program has exited.
    Hold,
    /// Sends `send` bytes and then shuts down its sending side, while it receives to EOF, both at full speed.
    Duplex {
        /// Bytes to send.
        send: u64,
    },
    /// Sends back all it receives until EOF. It verifies what it receives, so what comes back is the
    /// program's pattern, not the peer's.
    Echo,
    /// From now on every packet from and to the peer is dropped silently. Only for a peer whose [`Place`]
    /// can cut its wire.
    DropPackets,
}

/// Where the peer is found: what a user types.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// A host, as a name or an address without brackets, and a port.
    Tcp {
        /// Name or address.
        host: String,
        /// Port.
        port: u16,
    },
    /// The path of a Unix socket.
    Unix(PathBuf),
}

impl Endpoint {
    /// The endpoint of this address.
    pub fn of(address: SocketAddr) -> Self {
        Self::Tcp { host: address.ip().to_string(), port: address.port() }
    }

    /// The address, if the host is one.
    pub fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp { host, port } => Some(SocketAddr::new(host.parse().ok()?, *port)),
            Self::Unix(_) => None,
        }
    }
}

/// As adieu's command line writes it: `host:port`, `[::1]:port`, `unix:path`.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// Where a listening peer listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bind {
    /// On this address; port 0 lets the kernel choose.
    Tcp(SocketAddr),
    /// On a Unix socket in a directory of its own.
    Unix,
}

impl Bind {
    /// 127.0.0.1, a port of the kernel's choice.
    pub const TCP4: Self = Self::Tcp(SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0));
    /// `::1`, a port of the kernel's choice.
    pub const TCP6: Self = Self::Tcp(SocketAddr::new(std::net::IpAddr::V6(Ipv6Addr::LOCALHOST), 0));
}

/// Called on the peer's thread; the error goes into the log.
pub type Action = Box<dyn FnMut() -> io::Result<()> + Send>;

/// Where the peer's thread runs: on this machine as it is, or somewhere whose wire can be cut.
#[derive(Default)]
pub struct Place {
    /// Called first on the peer's thread, to enter its network namespace.
    pub enter: Option<Action>,
    /// Makes [`Step::DropPackets`] true.
    pub cut: Option<Action>,
}

/// How the stream to the peer ended, as the peer saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReceivedEnd {
    /// `recv` returned 0.
    Eof,
    /// An RST arrived.
    Reset,
}

/// Why a step failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// The connection ended before the step did: the program's choice, maybe the right one.
    ConnectionEnded,
    /// Nothing happened until the wait's bound.
    NoProgress,
    /// A system call failed in another way: the harness, not the program.
    Os,
}

/// A step that could not be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The step's place in the script; `None` before the first, while connecting.
    pub step: Option<usize>,
    /// Why.
    pub kind: FailureKind,
    /// In words.
    pub what: String,
}

/// What the peer saw and did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeerLog {
    /// A connection came to be.
    pub connected: bool,
    /// Bytes received, in order.
    pub received: u64,
    /// Offset of the first received byte that was not the program's pattern.
    pub first_wrong: Option<u64>,
    /// EOF, once seen. `None`: the peer did not receive so far.
    pub eof: bool,
    /// An RST arrived, before or after EOF.
    pub reset: bool,
    /// Bytes that the peer's kernel accepted for sending; whether they arrived is another matter.
    pub sent: u64,
    /// The script ran to its end.
    pub completed: bool,
    /// The step that ended the script early.
    pub failure: Option<Failure>,
}

impl PeerLog {
    /// How the stream to the peer ended; a reset outweighs an EOF seen before it.
    pub fn end(&self) -> Option<ReceivedEnd> {
        if self.reset { Some(ReceivedEnd::Reset) } else { self.eof.then_some(ReceivedEnd::Eof) }
    }
}

/// What the peer's thread and its owner tell each other.
#[derive(Debug, Default)]
struct Control {
    /// Number of the step being performed, from 0; the script's length when it has ended.
    step: Progress,
    /// 1: the script has ended, in whatever way.
    ended: Progress,
    /// 1: the program has exited; waits end.
    released: Progress,
}

/// A running peer. Dropping it releases it and waits for its thread.
#[derive(Debug)]
pub struct PeerHandle {
    endpoint: Option<Endpoint>,
    control: Arc<Control>,
    thread: Option<JoinHandle<PeerLog>>,
}

impl PeerHandle {
    /// Starts a peer that listens and performs `script` on the first connection.
    ///
    /// # Errors
    ///
    /// What the system says when it cannot listen.
    pub fn listen(bind: Bind, script: &'static Script) -> io::Result<Self> {
        Self::listen_at(bind, script, Place::default())
    }

    /// As [`PeerHandle::listen`], in another place.
    ///
    /// # Errors
    ///
    /// What the system says when the place cannot be entered or listened in.
    pub fn listen_at(bind: Bind, script: &'static Script, mut place: Place) -> io::Result<Self> {
        let (ready, listening) = mpsc::channel();
        let mut handle = Self::spawn(script, move |control| {
            let entered = place.enter.as_mut().map_or(Ok(()), |enter| enter());
            let listener = entered.and_then(|()| rendezvous::Listener::open(bind, script));
            let listener = match listener {
                Ok(listener) => listener,
                Err(error) => {
                    let _ = ready.send(Err(error));
                    return Err((FailureKind::Os, "cannot listen".to_owned()));
                }
            };
            let _ = ready.send(Ok(listener.endpoint().clone()));
            Ok((listener.accept(control)?, place.cut))
        })?;
        let endpoint = listening.recv().map_err(|_| io::Error::other("the peer's thread died"))??;
        handle.endpoint = Some(endpoint);
        Ok(handle)
    }

    /// Starts a peer that connects, and performs `script`, as soon as `find` gives the endpoint. It is asked
    /// again and again, for at most [`STEP_BOUND`]: it may wait for a program to write its port into a file.
    ///
    /// # Errors
    ///
    /// What the system says when no thread can be had.
    pub fn connect(
        find: impl FnMut() -> Option<Endpoint> + Send + 'static,
        script: &'static Script,
    ) -> io::Result<Self> {
        Self::spawn(script, move |control| Ok((rendezvous::connect(control, find)?, None)))
    }

    fn spawn(
        script: &'static Script,
        connect: impl FnOnce(&Control) -> Result<(rendezvous::Connection, Option<Action>), (FailureKind, String)>
        + Send
        + 'static,
    ) -> io::Result<Self> {
        let control = Arc::new(Control::default());
        let shared = Arc::clone(&control);
        let thread = thread::Builder::new().name("peer".into()).spawn(move || {
            let log = match connect(&shared) {
                Ok((connection, cut)) => perform::perform(script, connection, cut, &shared),
                Err((kind, what)) => {
                    PeerLog { failure: Some(Failure { step: None, kind, what }), ..PeerLog::default() }
                }
            };
            shared.ended.reach(1);
            log
        })?;
        Ok(Self { endpoint: None, control, thread: Some(thread) })
    }

    /// Where the peer listens.
    ///
    /// # Panics
    ///
    /// If this peer connects.
    pub fn endpoint(&self) -> &Endpoint {
        self.endpoint.as_ref().expect("only a listening peer has an endpoint")
    }

    /// Waits until the script has come to the step with this index, or beyond, and says whether it has.
    pub fn wait_for_step(&self, step: usize, bound: Duration) -> bool {
        self.control.step.wait_for(step as u64, bound)
    }

    /// Waits until the script has ended, or failed, and says whether it has.
    pub fn wait_for_end(&self, bound: Duration) -> bool {
        self.control.ended.wait_for(1, bound)
    }

    /// Tells the peer that the program has exited: [`Step::Hold`] ends, and every other wait soon does.
    pub fn release(&self) {
        self.control.released.reach(1);
    }

    /// Releases the peer, waits for it, and gives its log.
    ///
    /// # Panics
    ///
    /// If the peer's thread did, which is a bug of the test kit.
    pub fn finish(mut self) -> PeerLog {
        self.release();
        let thread = self.thread.take().expect("the thread is taken here only");
        thread.join().expect("the peer's thread writes failures down and does not panic")
    }
}

impl Drop for PeerHandle {
    fn drop(&mut self) {
        self.release();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What the peer sends if its script has no [`Step::Echo`], else what it gets.
pub fn pattern_sent_by(script: &Script) -> Pattern {
    if script.contains(&Step::Echo) { Pattern::of_program() } else { Pattern::of_peer() }
}
