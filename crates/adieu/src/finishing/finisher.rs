//! The [`Finisher`]: finishing for the event loops of others.

use super::{Finish, Finishing};
use crate::handle::{Handle, Readiness};
use crate::os::{self, AcknowledgementWatch, AsPollable, Pollable};
use crate::tls::RustlsConnection;
use crate::{AdoptError, Report};
use socket2::SockRef;
#[cfg(unix)]
use std::os::fd::AsFd as AsHandle;
#[cfg(windows)]
use std::os::windows::io::AsSocket as AsHandle;
use std::time::Instant;

/// Finishes a connection on the event loop of its program: no thread, and nothing blocks.
///
/// The loop calls [`advance`](Self::advance), waits as [`waits`](Self::waits) says, and calls `advance` again, until that gives
/// the report. `S` is whatever has the socket. If that owns it (a `TcpStream`, an `OwnedFd`), the socket is closed before the
/// report is given. If it only borrows it (a `&TcpStream`, a `BorrowedFd`), its owner closes it afterwards, which SO_LINGER
/// has then been set for: an orderly close, or a reset.
///
/// Dropped before the report, it closes the connection as far as it has come. If our FIN is queued, our system still delivers
/// what was sent before it; if it is not, because nothing was advanced yet, the peer sees a reset.
///
/// # The loop
///
/// 1. [`begin`](Self::begin), then [`advance`](Self::advance) at once: that sends the FIN.
/// 2. While it says [`Waiting`](Progress::Waiting), ask for [`waits`](Self::waits), each time anew: what to wait on can change with
///    every `advance`.
/// 3. Wait for [`on`](FinisherWaits::on) as `readable` and `writable` say, and no longer than until
///    [`until`](FinisherWaits::until). Of many finishers the earliest `until` counts.
/// 4. `advance` those that are ready and those whose time has come. It does no harm to advance one too often.
///
/// The example `poll_server` is such a loop over many connections, with `poll`.
///
/// # Examples
///
/// ```
/// use adieu::{Finish, Finisher, Progress};
/// use std::io::Write;
/// use std::net::{TcpListener, TcpStream};
/// use std::time::Instant;
///
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let mut client = TcpStream::connect(listener.local_addr()?)?;
/// client.write_all(b"this is a test")?;
/// # let server = std::thread::spawn(move || {
/// #     let (mut stream, _) = listener.accept()?;
/// #     std::io::copy(&mut stream, &mut std::io::sink())
/// # });
///
/// let mut finisher = Finisher::begin(client, &Finish::new())?;
/// let report = loop {
///     match finisher.advance(Instant::now()) {
///         Progress::Finished(report) => break report,
///         Progress::Waiting => {
///             let waits = finisher.waits();
///             // Here the loop waits for `waits.on` to become readable or writable, or for `waits.until` to come.
///             # let _ = waits;
///             # std::thread::yield_now();
///         }
///     }
/// };
/// assert!(report.is_graceful(), "{report}");
/// # server.join().expect("it does not panic")?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "nothing goes on before it is advanced"]
pub struct Finisher<S: AsHandle> {
    finishing: Finishing<Given<S>>,
    acknowledgements: Option<AcknowledgementWatch>,
}

/// How far a [`Finisher`] has come.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Progress {
    /// It waits: see [`Finisher::waits`].
    Waiting,
    /// The connection is finished, and this is its report. To advance further gives the same again.
    Finished(Box<Report>),
}

/// What a [`Finisher`] waits for.
#[derive(Debug, Clone, Copy)]
pub struct FinisherWaits<'a> {
    /// What to register with the loop, as a `BorrowedFd` (Windows: a `BorrowedSocket`). It is the socket itself, or while only
    /// acknowledgements are missing another descriptor, which becomes readable when they come (Linux). `None`: only the time is
    /// waited for, or nothing any more.
    ///
    /// A loop that keeps registrations (epoll, mio) compares it with the one before. If it has changed, it removes the old one and
    /// registers the new one. The socket that is kept stays readable after the peer's end, so a level-triggered loop would spin.
    /// Closing at the end removes what is registered.
    pub on: Option<Pollable<'a>>,
    /// Wait for it to become readable. Level-triggered and edge-triggered are both right: `advance` takes everything there is, or
    /// asks to be called again at once.
    pub readable: bool,
    /// Wait for it to become writable: TLS has something to send.
    pub writable: bool,
    /// Call [`advance`](Finisher::advance) at this moment at the latest. `None`: only readiness is waited for.
    pub until: Option<Instant>,
}

impl<S: AsHandle> Finisher<S> {
    /// Takes over a connected stream socket. It is made non-blocking, and clones of it share that. Nothing is sent before
    /// [`advance`](Self::advance).
    ///
    /// # Errors
    ///
    /// It is not a socket, has no stream, or is not connected; or the system refuses. What was given is dropped.
    pub fn begin(socket: S, finish: &Finish) -> Result<Self, AdoptError> {
        Finishing::begin(Given(socket), finish).map(Self::of)
    }

    /// The same, but of a socket on which the program speaks TLS with rustls: our `close_notify` comes before the FIN, and what
    /// comes is decrypted. See [`finish_tls`](crate::finish_tls()), also for the features that it needs.
    ///
    /// # Errors
    ///
    /// As [`begin`](Self::begin); or the handshake is not over ([`AdoptError::Handshaking`]).
    #[cfg_attr(docsrs, doc(cfg(feature = "tls-core")))]
    pub fn begin_tls(
        socket: S,
        connection: impl Into<RustlsConnection>,
        finish: &Finish,
    ) -> Result<Self, AdoptError> {
        Finishing::begin_tls(Given(socket), connection.into(), finish).map(Self::of)
    }

    fn of(finishing: Finishing<Given<S>>) -> Self {
        Self { finishing, acknowledgements: None }
    }

    /// Goes as far as it can without waiting. `now`: the time, as the loop has it.
    pub fn advance(&mut self, now: Instant) -> Progress {
        self.finishing.link_mut().set_time(now);
        if self.acknowledgements.is_some() || self.finishing.waiting().acknowledgement {
            self.look_for_acknowledgements();
        }
        if self.finishing.turn() || (self.begin_to_watch() && self.finishing.turn()) {
            self.acknowledgements = None;
            return Progress::Finished(Box::new(self.finishing.report()));
        }
        Progress::Waiting
    }

    fn look_for_acknowledgements(&mut self) {
        if let Some(watch) = &mut self.acknowledgements {
            watch.consume();
        }
        self.finishing.may_be_acknowledged();
    }

    /// Once only acknowledgements are waited for, something is to wake for them. True: it is there since just now, and what came
    /// before it is no news to it.
    fn begin_to_watch(&mut self) -> bool {
        if !self.finishing.waiting().acknowledgement || self.acknowledgements.is_some() {
            return false;
        }
        let handle = self.finishing.link().handle.as_ref();
        self.acknowledgements = handle.and_then(|handle| AcknowledgementWatch::new(handle.pollable()).ok());
        if self.acknowledgements.is_some() {
            self.finishing.may_be_acknowledged();
        }
        self.acknowledgements.is_some()
    }

    /// What it waits for.
    pub fn waits(&self) -> FinisherWaits<'_> {
        let waiting = self.finishing.waiting();
        let until = self.finishing.until();
        if waiting.acknowledgement {
            let on = self.acknowledgements.as_ref().map(AsPollable::as_pollable);
            let look_again = on.is_none().then(|| Instant::now() + os::LOOK_AGAIN);
            let until = [until, look_again].into_iter().flatten().min();
            return FinisherWaits { on, readable: on.is_some(), writable: false, until };
        }
        let on = self.finishing.link().handle.as_ref().map(Handle::pollable);
        let on = on.filter(|_| waiting.receive || waiting.send);
        FinisherWaits { on, readable: waiting.receive, writable: waiting.send, until }
    }

    /// Closes abortively: the peer sees a reset, and what it has not received is lost.
    pub fn abort(mut self) -> Report {
        self.finishing.link_mut().abort()
    }
}

impl<S: AsHandle> std::fmt::Debug for Finisher<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Finisher").field(self.finishing.link()).finish()
    }
}

/// A socket as its program has it.
struct Given<S>(S);

impl<S: AsHandle> Handle for Given<S> {
    fn socket(&self) -> SockRef<'_> {
        SockRef::from(&self.0)
    }

    fn pollable(&self) -> Pollable<'_> {
        self.0.as_pollable()
    }

    fn attempt<T>(
        &self,
        _: Readiness,
        mut call: impl FnMut(&SockRef<'_>) -> std::io::Result<T>,
    ) -> std::io::Result<T> {
        call(&self.socket())
    }
}
