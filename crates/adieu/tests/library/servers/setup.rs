//! A server that runs, on either face, and what its clients do.

use crate::arms::{Arm, BOUND, runtime};
use adieu::{Address, Drained, Endpoint, ListenError, ListenOptions, Report, ServerEvent};
use adieu_testkit::scenario::is_wine;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// What a handler does with a connection.
#[derive(Debug, Clone)]
pub(super) enum Work {
    /// Sends back what it receives.
    Echo,
    /// Sends half of the answer, the rest once a byte has come, and ends well.
    Answer,
    /// Panics with the connection in its hands, without a word on stderr.
    Panic,
    /// Reads one byte, gives the connection to somebody else who echoes, and returns.
    HandOn,
    /// Waits for something else than the connection.
    Stuck(Arc<Mutex<mpsc::Receiver<()>>>),
    /// Reads until the connection ends, and then waits for something else.
    Lingering(Arc<Mutex<mpsc::Receiver<()>>>),
}

pub(super) const HALF: usize = 50_000;

pub(super) fn answer_of(n: usize) -> Vec<u8> {
    (0..=250).cycle().take(n).collect()
}

/// How many are being served at once, and how many were at most.
#[derive(Default)]
pub(super) struct Load {
    pub(super) now: AtomicUsize,
    pub(super) most: AtomicUsize,
}

pub(super) struct One<'a>(&'a Load);

impl Load {
    pub(super) fn one(&self) -> One<'_> {
        self.most.fetch_max(self.now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        One(self)
    }
}

impl Drop for One<'_> {
    fn drop(&mut self) {
        self.0.now.fetch_sub(1, Ordering::SeqCst);
    }
}

pub(super) fn work(work: &Work, load: &Load, mut connection: adieu::Connection) -> io::Result<()> {
    let _one = load.one();
    match work {
        Work::Echo => drop(adieu::exchange::echo(connection)),
        Work::Answer => {
            let answer = answer_of(2 * HALF);
            connection.write_all(&answer[..HALF])?;
            connection.read_exact(&mut [0; 1])?;
            connection.write_all(&answer[HALF..])?;
            connection.shutdown_send().map_err(io::Error::other)?.drain();
        }
        Work::Panic => std::panic::resume_unwind(Box::new("on purpose")),
        Work::HandOn => {
            connection.read_exact(&mut [0; 1])?;
            std::thread::spawn(move || adieu::exchange::echo(connection));
        }
        // It ends when the test does.
        Work::Stuck(end) => drop(end.lock().expect("no panic").recv()),
        Work::Lingering(end) => {
            let _ = connection.read_exact(&mut [0; 1]);
            let _ = end.lock().expect("no panic").recv();
        }
    }
    Ok(())
}

pub(super) async fn work_async(
    work: Work,
    load: Arc<Load>,
    mut connection: adieu::tokio::Connection,
) -> io::Result<()> {
    let _one = load.one();
    match work {
        Work::Echo => drop(adieu::tokio::echo(connection).await),
        Work::Answer => {
            let answer = answer_of(2 * HALF);
            connection.write_all(&answer[..HALF]).await?;
            connection.read_exact(&mut [0; 1]).await?;
            connection.write_all(&answer[HALF..]).await?;
            connection.shutdown_send().await.map_err(io::Error::other)?.drain().await;
        }
        Work::Panic => std::panic::resume_unwind(Box::new("on purpose")),
        Work::HandOn => {
            connection.read_exact(&mut [0; 1]).await?;
            tokio::spawn(adieu::tokio::echo(connection));
        }
        Work::Stuck(_) => std::future::pending().await,
        Work::Lingering(_) => {
            let _ = connection.read_exact(&mut [0; 1]).await;
            std::future::pending::<()>().await;
        }
    }
    Ok(())
}

#[derive(Clone)]
pub(super) enum Handle {
    Blocking(adieu::ServerHandle),
    Tokio(adieu::tokio::ServerHandle),
}

impl Handle {
    pub(super) fn begin_shutdown(&self, limit: Duration) {
        match self {
            Self::Blocking(handle) => handle.begin_shutdown(limit),
            Self::Tokio(handle) => handle.begin_shutdown(limit),
        }
    }

    pub(super) fn shutdown(&self, limit: impl Into<Option<Duration>>) -> Drained {
        match self {
            Self::Blocking(handle) => handle.shutdown(limit),
            Self::Tokio(handle) => runtime().block_on(handle.shutdown(limit)),
        }
    }
}

/// A server that runs.
pub(super) struct Serving {
    pub(super) handle: Handle,
    pub(super) endpoint: Endpoint,
    pub(super) reports: mpsc::Receiver<Report>,
    pub(super) accept_errors: mpsc::Receiver<ListenError>,
    pub(super) load: Arc<Load>,
    pub(super) thread: JoinHandle<Result<Drained, ListenError>>,
}

pub(super) type Observer = Arc<dyn Fn(&ServerEvent<'_>) + Send + Sync>;

pub(super) type LetsIn = Arc<dyn Fn(&Address) -> bool + Send + Sync>;

pub(super) struct Setup {
    pub(super) endpoint: Endpoint,
    pub(super) options: ListenOptions,
    pub(super) at_once: Option<usize>,
    pub(super) is_shut_down_before: bool,
    pub(super) late_clients: Option<usize>,
    pub(super) observer: Option<Observer>,
    pub(super) lets_in: Option<LetsIn>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            endpoint: Endpoint::tcp("127.0.0.1", 0),
            options: ListenOptions::new(),
            at_once: None,
            is_shut_down_before: false,
            late_clients: None,
            observer: None,
            lets_in: None,
        }
    }
}

impl Arm {
    pub(super) fn serve(self, doing: Work) -> Serving {
        self.serve_with(Setup::default(), doing)
    }

    pub(super) fn serve_with(self, setup: Setup, doing: Work) -> Serving {
        let (tell_report, reports) = mpsc::channel();
        let (tell_error, accept_errors) = mpsc::channel();
        let (tell, told) = mpsc::channel();
        let load = Arc::new(Load::default());
        let shared = Arc::clone(&load);
        let Setup { endpoint, options, at_once, is_shut_down_before, late_clients, observer, lets_in } =
            setup;
        let lets_in = lets_in.unwrap_or_else(|| Arc::new(|_| true));
        /// The same builder on both faces.
        macro_rules! server {
            ($listener:expr, $type:path, $handle:path) => {{
                let endpoint = $listener.local_endpoint().clone();
                let mut server = <$type>::new($listener.with_filter(move |client| lets_in(client)))
                    // Whoever asks no more is gone.
                    .observer(move |event| match event {
                        ServerEvent::Ended { report, .. } => drop(tell_report.send((*report).clone())),
                        ServerEvent::CannotAccept { error } => drop(tell_error.send((*error).clone())),
                        _ => {}
                    });
                if let Some(observer) = observer {
                    server = server.observer(move |event| observer(event));
                }
                if let Some(number) = late_clients {
                    server = server.late_clients(number);
                }
                if let Some(at_once) = at_once {
                    server = server.max_connections(at_once);
                }
                let handle = $handle(server.handle());
                if is_shut_down_before {
                    assert_eq!(handle.shutdown(BOUND), Drained::default());
                }
                tell.send((handle, endpoint)).expect("it is waited for");
                server
            }};
        }
        let thread = std::thread::spawn(move || match self {
            Self::Blocking => {
                let listener = adieu::Listener::bind(&endpoint, &options).expect("it can be bound");
                let server = server!(listener, adieu::Server, Handle::Blocking);
                server.serve(move |connection| work(&doing, &shared, connection))
            }
            Self::Tokio => {
                let runtime = runtime();
                let listener =
                    runtime.block_on(async { adieu::tokio::Listener::bind(&endpoint, &options).await });
                let listener = listener.expect("it can be bound");
                let server = server!(listener, adieu::tokio::Server, Handle::Tokio);
                runtime.block_on(
                    server
                        .serve(move |connection| work_async(doing.clone(), Arc::clone(&shared), connection)),
                )
            }
        });
        let (handle, endpoint) = told.recv_timeout(BOUND).expect("it is bound");
        Serving { handle, endpoint, reports, accept_errors, load, thread }
    }
}

impl Serving {
    pub(super) fn connect(&self) -> TcpStream {
        connect(&self.endpoint)
    }

    pub(super) fn client_in_the_middle(&self) -> TcpStream {
        client_in_the_middle(&self.endpoint)
    }

    pub(super) fn report(&self) -> Report {
        self.reports.recv_timeout(BOUND).expect("a connection ends")
    }

    pub(super) fn finish(self) -> Drained {
        let ended = self.thread.join().expect("it does not panic");
        let refused = self.accept_errors.try_iter();
        ended.unwrap_or_else(|error| panic!("{error}, after {:?}", refused.collect::<Vec<_>>()))
    }
}

pub(super) fn connect(endpoint: &Endpoint) -> TcpStream {
    let stream = TcpStream::connect(endpoint.to_string()).expect("it listens");
    stream.set_read_timeout(Some(BOUND)).expect("not zero");
    stream.set_write_timeout(Some(BOUND)).expect("not zero");
    stream
}

/// Waits until this many connections wait to be accepted: a client's kernel has made one a moment before the listener's has.
pub(super) fn await_backlog(endpoint: &Endpoint, number: usize) {
    let Endpoint::Tcp { port, .. } = endpoint else { return };
    // Of a listening socket (state 0A) the receive queue counts connections: proc_net_tcp.
    let (port, full) = (format!(":{port:04X} "), format!(" 0A 00000000:{number:08X} "));
    let is_full = || {
        let sockets = std::fs::read_to_string("/proc/net/tcp").expect("Linux tells");
        sockets.lines().any(|line| line.contains(&port) && line.contains(&full))
    };
    let began = Instant::now();
    while cfg!(target_os = "linux") && !is_full() {
        assert!(began.elapsed() < BOUND, "no {number} connections wait to be accepted");
        std::thread::yield_now();
    }
}

/// A client that has half of its answer.
pub(super) fn client_in_the_middle(endpoint: &Endpoint) -> TcpStream {
    let mut stream = connect(endpoint);
    read_half(&mut stream);
    stream
}

pub(super) fn read_half(stream: &mut impl Read) {
    let mut half = vec![0; HALF];
    stream.read_exact(&mut half).expect("half of the answer");
    assert!(half == answer_of(HALF));
}

/// Asks for the rest of an answer, and sees it end well.
pub(super) fn read_rest(mut stream: TcpStream) {
    stream.write_all(b"x").expect("it is served");
    stream.shutdown(Shutdown::Write).expect("it is connected");
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).expect("it ends well");
    assert!(rest == answer_of(2 * HALF)[HALF..]);
}

pub(super) fn echo(mut stream: TcpStream) {
    stream.write_all(b"word").expect("it is served");
    stream.shutdown(Shutdown::Write).expect("it is connected");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it ends well");
    assert_eq!(answer, "word");
}

pub(super) fn expect_reset(stream: &mut TcpStream) {
    let end = stream.read_to_end(&mut Vec::new()).map_err(|error| error.kind());
    // Wine tells no reset to who only receives.
    assert!(
        end == Err(io::ErrorKind::ConnectionReset) || is_wine(),
        "a cut stream does not look whole: {end:?}"
    );
}
