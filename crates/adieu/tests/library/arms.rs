//! Both drivers under the same words: the async one is run to its end on a runtime of its own at every call.

use adieu::tls::{Client, Server};
use adieu::{
    Address, AdoptError, ConnectError, ConnectOptions, Counts, EndingHandle, Endpoint, ListenOptions,
    Listener, Report, ShutdownError, SideOptions, Transport,
};
use adieu_testkit::peer::{Bind, PeerHandle, PeerLog, Script};
use adieu_testkit::places;
use std::future::Future;
use std::io::{self, IoSlice, Read, Write};
use std::net::{SocketAddr, TcpStream};
#[cfg(unix)]
use std::os::fd::BorrowedFd as Borrowed;
#[cfg(windows)]
use std::os::windows::io::BorrowedSocket as Borrowed;
use std::rc::Rc;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::Runtime;

/// No test of ours takes so long, on however busy a machine.
pub(crate) const BOUND: Duration = Duration::from_secs(if cfg!(windows) { 60 } else { 20 });

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arm {
    Blocking,
    Tokio,
}

/// Runs a test's body on each driver, bounded: a hang fails the test by name and is left behind.
pub(crate) fn on_both(body: fn(Arm)) {
    for arm in [Arm::Blocking, Arm::Tokio] {
        bounded(&format!("{arm:?}"), move || body(arm));
    }
}

/// Runs `body` on a thread of its own, bounded.
pub(crate) fn bounded(what: &str, body: impl FnOnce() + Send + 'static) {
    let (tell, told) = mpsc::channel();
    let thread = thread::spawn(move || {
        body();
        let _ = tell.send(());
    });
    match told.recv_timeout(BOUND) {
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("{what} hangs"),
        Ok(()) => {}
        Err(mpsc::RecvTimeoutError::Disconnected) => {
            let panic = thread.join().expect_err("it told nothing, so it panicked");
            std::panic::resume_unwind(panic);
        }
    }
}

/// How a connection ends whose peer has reset it and that does not send. See [`adieu_testkit::scenario::UNDER_WINE`].
pub(crate) fn after_a_reset() -> &'static str {
    if adieu_testkit::scenario::is_wine() { "indeterminate" } else { "reset" }
}

/// A listener over TLS, and the options of who connects to it.
pub(crate) fn secure_listener() -> (Listener, ConnectOptions) {
    let server = ListenOptions::new().tls(Server::self_signed().build().expect("a key"));
    let listener = Listener::bind(&Endpoint::tls("127.0.0.1", 0), &server).expect("loopback");
    (listener, ConnectOptions::new().tls(Client::new().insecure().build().expect("no files")))
}

pub(crate) fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// An open connection of either driver.
pub(crate) enum Open {
    Blocking(adieu::Connection),
    Tokio(Rc<Runtime>, adieu::tokio::Connection),
}

/// A half-closed one.
pub(crate) enum Half {
    Blocking(adieu::HalfClosed),
    Tokio(Rc<Runtime>, adieu::tokio::HalfClosed),
}

fn run<T>(runtime: &Runtime, future: impl Future<Output = T>) -> T {
    runtime.block_on(future)
}

impl Arm {
    pub(crate) fn connect(self, endpoint: &Endpoint, options: &ConnectOptions) -> Result<Open, ConnectError> {
        match self {
            Self::Blocking => adieu::connect(endpoint, options).map(Open::Blocking),
            Self::Tokio => {
                let runtime = Rc::new(runtime());
                let connection = run(&runtime, adieu::tokio::connect(endpoint, options))?;
                Ok(Open::Tokio(runtime, connection))
            }
        }
    }

    /// Connects by TCP Fast Open.
    #[cfg(target_os = "linux")]
    pub(crate) fn fast_open(
        self,
        endpoint: &Endpoint,
        options: &ConnectOptions,
        first: &[u8],
    ) -> Result<Open, ConnectError> {
        match self {
            Self::Blocking => adieu::fast_open(endpoint, options, first).map(Open::Blocking),
            Self::Tokio => {
                let runtime = Rc::new(runtime());
                let connection = run(&runtime, adieu::tokio::fast_open(endpoint, options, first))?;
                Ok(Open::Tokio(runtime, connection))
            }
        }
    }

    /// Connects to a peer that performs `script`.
    pub(crate) fn to_peer(self, script: &'static Script, options: &ConnectOptions) -> (Open, PeerHandle) {
        let peer = PeerHandle::listen(Bind::TCP4, script).expect("a peer on loopback");
        let endpoint = peer.endpoint().to_string().parse().expect("an endpoint");
        (self.connect(&endpoint, options).expect("the peer accepts"), peer)
    }

    /// Connects to a socket of the standard library.
    pub(crate) fn to_std(self, options: &ConnectOptions) -> (Open, TcpStream) {
        let listener = places::listener();
        let endpoint = Endpoint::from(listener.local_addr().expect("bound"));
        let open = self.connect(&endpoint, options).expect("it listens");
        let (stream, _) = listener.accept().expect("it has connected");
        stream.set_read_timeout(Some(BOUND)).expect("not zero");
        stream.set_write_timeout(Some(BOUND)).expect("not zero");
        (open, stream)
    }

    /// Takes a standard stream over that this side has begun.
    pub(crate) fn adopt(self, stream: TcpStream, options: &ConnectOptions) -> Open {
        self.adopt_as(stream, options).expect("a connected stream")
    }

    /// Takes a standard stream over.
    pub(crate) fn adopt_as(self, stream: TcpStream, options: &impl SideOptions) -> Result<Open, AdoptError> {
        match self {
            Self::Blocking => adieu::Connection::from_socket(stream, options).map(Open::Blocking),
            Self::Tokio => {
                let runtime = Rc::new(runtime());
                let adopted = run(&runtime, async {
                    stream.set_nonblocking(true)?;
                    let stream = tokio::net::TcpStream::from_std(stream)?;
                    adieu::tokio::Connection::from_socket(stream, options)
                });
                adopted.map(|adopted| Open::Tokio(runtime, adopted))
            }
        }
    }
}

impl Open {
    pub(crate) fn shutdown_send(self) -> Result<Half, ShutdownError> {
        match self {
            Self::Blocking(open) => open.shutdown_send().map(Half::Blocking),
            Self::Tokio(runtime, open) => {
                let half = run(&runtime, open.shutdown_send())?;
                Ok(Half::Tokio(runtime, half))
            }
        }
    }

    pub(crate) fn echo(self) -> Report {
        match self {
            Self::Blocking(open) => adieu::exchange::echo(open),
            Self::Tokio(runtime, open) => run(&runtime, adieu::tokio::echo(open)),
        }
    }

    pub(crate) fn read_within(&mut self, buffer: &mut [u8], limit: Duration) -> io::Result<Option<usize>> {
        match self {
            Self::Blocking(open) => open.read_within(buffer, limit),
            Self::Tokio(runtime, open) => run(runtime, open.read_within(buffer, limit)),
        }
    }

    pub(crate) fn id(&self) -> u64 {
        match self {
            Self::Blocking(open) => open.id(),
            Self::Tokio(_, open) => open.id(),
        }
    }

    pub(crate) fn ending_handle(&self) -> EndingHandle {
        match self {
            Self::Blocking(open) => open.ending_handle(),
            Self::Tokio(_, open) => open.ending_handle(),
        }
    }

    pub(crate) fn transport(&self) -> Transport {
        match self {
            Self::Blocking(open) => open.transport(),
            Self::Tokio(_, open) => open.transport(),
        }
    }

    pub(crate) fn abort(self) -> Report {
        match self {
            Self::Blocking(open) => open.abort(),
            Self::Tokio(_, open) => open.abort(),
        }
    }

    pub(crate) fn defer_interrupt(&mut self, limit: Duration) {
        match self {
            Self::Blocking(open) => open.defer_interrupt(limit),
            Self::Tokio(_, open) => open.defer_interrupt(limit),
        }
    }

    pub(crate) fn counts(&self) -> Counts {
        match self {
            Self::Blocking(open) => open.counts(),
            Self::Tokio(_, open) => open.counts(),
        }
    }

    pub(crate) fn socket(&self) -> Option<Borrowed<'_>> {
        match self {
            Self::Blocking(open) => open.socket(),
            Self::Tokio(_, open) => open.socket(),
        }
    }

    /// Ours, and the peer's.
    pub(crate) fn socket_addrs(&self) -> (Option<SocketAddr>, Option<SocketAddr>) {
        match self {
            Self::Blocking(open) => (open.local_addr(), open.peer_addr()),
            Self::Tokio(_, open) => (open.local_addr(), open.peer_addr()),
        }
    }

    pub(crate) fn addresses(&self) -> (Option<String>, Option<String>) {
        let text = |address: Option<&Address>| address.map(ToString::to_string);
        match self {
            Self::Blocking(open) => (text(open.local_address()), text(open.peer_address())),
            Self::Tokio(_, open) => (text(open.local_address()), text(open.peer_address())),
        }
    }
}

impl Half {
    pub(crate) fn drain_within(self, limit: Duration) -> Report {
        match self {
            Self::Blocking(half) => half.drain_within(limit),
            Self::Tokio(runtime, half) => run(&runtime, half.drain_within(limit)),
        }
    }

    pub(crate) fn id(&self) -> u64 {
        match self {
            Self::Blocking(half) => half.id(),
            Self::Tokio(_, half) => half.id(),
        }
    }

    pub(crate) fn ending_handle(&self) -> EndingHandle {
        match self {
            Self::Blocking(half) => half.ending_handle(),
            Self::Tokio(_, half) => half.ending_handle(),
        }
    }

    pub(crate) fn close(self) -> Report {
        match self {
            Self::Blocking(half) => half.close(),
            Self::Tokio(runtime, half) => run(&runtime, half.close()),
        }
    }

    pub(crate) fn drain(self) -> Report {
        match self {
            Self::Blocking(half) => half.drain(),
            Self::Tokio(runtime, half) => run(&runtime, half.drain()),
        }
    }

    pub(crate) fn abort(self) -> Report {
        match self {
            Self::Blocking(half) => half.abort(),
            Self::Tokio(_, half) => half.abort(),
        }
    }

    pub(crate) fn mark_end(&mut self) {
        match self {
            Self::Blocking(half) => half.mark_end(),
            Self::Tokio(_, half) => half.mark_end(),
        }
    }
}

impl Read for Open {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Blocking(open) => open.read(buffer),
            Self::Tokio(runtime, open) => runtime.block_on(open.read(buffer)),
        }
    }
}

impl Read for Half {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Blocking(half) => half.read(buffer),
            Self::Tokio(runtime, half) => runtime.block_on(half.read(buffer)),
        }
    }
}

impl Write for Open {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        match self {
            Self::Blocking(open) => open.write(buffer),
            Self::Tokio(runtime, open) => runtime.block_on(open.write(buffer)),
        }
    }

    fn write_vectored(&mut self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Self::Blocking(open) => open.write_vectored(buffers),
            Self::Tokio(runtime, open) => runtime.block_on(open.write_vectored(buffers)),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The peer's log once it has seen how our stream ended.
pub(crate) fn log_of(peer: PeerHandle) -> PeerLog {
    assert!(peer.wait_for_end(BOUND), "the peer's script does not end");
    peer.finish()
}
