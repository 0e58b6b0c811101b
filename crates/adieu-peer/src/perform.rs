//! Performs a script on a connected socket, and keeps the log.

use crate::control::Control;
use crate::log::{Failure, FailureKind, PeerLog};
use crate::os;
use crate::pattern::{Pattern, Verifier};
use crate::rendezvous::{Connection, TICK};
use crate::script::{Action, STEP_BOUND, Script, Step, pattern_sent_by};
use socket2::Socket;
use std::{
    io,
    net::Shutdown,
    thread,
    time::{Duration, Instant},
};

/// Bytes moved by one system call.
const CHUNK: usize = 64 * 1024;

/// How long a wait goes on without progress once the program has exited: what it left in the kernels arrives
/// at once, and what never comes must not hold the test. Under Wine it comes through the one server of all its programs.
const AFTER_RELEASE: Duration = Duration::from_millis(if cfg!(windows) { 5_000 } else { 1_500 });

/// How long nothing must have come for [`Step::AwaitStalled`].
const STALLED: Duration = Duration::from_millis(150);

type Done = Result<(), (FailureKind, String)>;

pub(crate) fn perform(
    script: &Script,
    connection: Connection,
    cut: Option<Action>,
    control: &Control,
) -> PeerLog {
    let mut peer = Peer {
        outgoing: Outgoing { pattern: pattern_sent_by(script), sent: 0, reset: false },
        incoming: Incoming { verifier: Verifier::new(Pattern::of_program()), eof: false, reset: false },
        connection: Some(connection),
        cut,
        control,
    };
    let mut failure = peer.prepare().err().map(|(kind, what)| Failure { step: None, kind, what });
    if failure.is_none() {
        for (index, step) in script.iter().enumerate() {
            control.step.reach(index as u64);
            if let Err((kind, what)) = peer.step(*step) {
                failure = Some(Failure { step: Some(index), kind, what });
                break;
            }
        }
    }
    let reset_in_the_end = peer.look_for_a_reset();
    drop(peer.connection.take());
    if failure.is_none() {
        control.step.reach(script.len() as u64);
    }
    PeerLog {
        connected: true,
        received: peer.incoming.verifier.count(),
        first_wrong: peer.incoming.verifier.first_wrong(),
        eof: peer.incoming.eof,
        reset: peer.incoming.reset || peer.outgoing.reset || reset_in_the_end,
        sent: peer.outgoing.sent,
        completed: failure.is_none(),
        failure,
    }
}

/// The sending half: counts what the kernel accepted.
struct Outgoing {
    pattern: Pattern,
    sent: u64,
    reset: bool,
}

/// The receiving half: verifies what came, and notes how it ended.
struct Incoming {
    verifier: Verifier,
    eof: bool,
    reset: bool,
}

struct Peer<'a> {
    outgoing: Outgoing,
    incoming: Incoming,
    connection: Option<Connection>,
    cut: Option<Action>,
    control: &'a Control,
}

impl Peer<'_> {
    fn prepare(&self) -> Done {
        // Short time-outs let every blocking call look at its bound and at the release.
        let socket = self.socket()?;
        os::be_brief(socket, TICK).map_err(|error| os("setsockopt", &error))
    }

    fn socket(&self) -> Result<&Socket, (FailureKind, String)> {
        match &self.connection {
            Some(connection) => Ok(&connection.socket),
            None => Err((FailureKind::Os, "the script goes on after its close".into())),
        }
    }

    fn step(&mut self, step: Step) -> Done {
        let control = self.control;
        let Some(connection) = &self.connection else {
            return Err((FailureKind::Os, "the script goes on after its close".into()));
        };
        let socket = &connection.socket;
        match step {
            Step::ReceiveBuffer(size) => {
                socket.set_recv_buffer_size(size).map_err(|error| os("SO_RCVBUF", &error))
            }
            Step::Send(n) => self.outgoing.send(socket, n, control),
            Step::Receive(n) => self.incoming.receive(socket, n, control),
            Step::ReceiveToEof => self.incoming.receive_to_eof(socket, CHUNK, Duration::ZERO, control),
            Step::ReceiveSlowly { chunk, pause } => {
                self.incoming.receive_to_eof(socket, chunk, pause, control)
            }
            Step::Trickle { chunk, pause, total } => {
                let mut left = total;
                while left > 0 {
                    let _released = control.released.wait_for(1, pause);
                    let n = chunk.clamp(1, left);
                    self.outgoing.send(socket, n, control)?;
                    left -= n;
                }
                Ok(())
            }
            Step::Silence(time) => {
                let _released = control.released.wait_for(1, time);
                Ok(())
            }
            Step::ShutdownSend => shut_down(socket, Shutdown::Write),
            Step::ShutdownReceive => shut_down(socket, Shutdown::Read),
            Step::Reset => {
                let aborted =
                    socket.set_linger(Some(Duration::ZERO)).map_err(|error| os("SO_LINGER", &error));
                self.connection = None;
                aborted
            }
            Step::CloseUnread(n) => {
                let arrived = await_unread(socket, n, control);
                self.connection = None;
                arrived
            }
            Step::Close => {
                self.connection = None;
                Ok(())
            }
            Step::AwaitAcknowledged => await_acknowledged(socket, control),
            Step::AwaitClientBytes(n) => await_unread(socket, n, control),
            Step::AwaitStalled => await_stalled(socket, control),
            Step::Urgent => self.outgoing.send_urgent(socket),
            Step::Hold => {
                // The one wait without a bound of its own: the harness always releases, also when it fails.
                let _released = control.released.wait_for(1, 4 * STEP_BOUND);
                Ok(())
            }
            Step::Duplex { send } => {
                let (outgoing, incoming) = (&mut self.outgoing, &mut self.incoming);
                thread::scope(|scope| {
                    let sending = thread::Builder::new().spawn_scoped(scope, || {
                        outgoing.send(socket, send, control)?;
                        shut_down(socket, Shutdown::Write)
                    });
                    let sending = sending.map_err(|error| os("starting a thread", &error))?;
                    let received = incoming.receive_to_eof(socket, CHUNK, Duration::ZERO, control);
                    sending.join().unwrap_or(Err((FailureKind::Os, "the sending thread panicked".into())))?;
                    received
                })
            }
            Step::Echo => echo(socket, &mut self.incoming, &mut self.outgoing, control),
            Step::DropPackets => match &mut self.cut {
                Some(cut) => cut().map_err(|error| os("cutting the wire", &error)),
                None => Err((FailureKind::Os, "this peer's wire cannot be cut".into())),
            },
        }
    }

    /// A reset that came after the last step that could see it is pending on the socket.
    fn look_for_a_reset(&self) -> bool {
        let pending = self.connection.as_ref().and_then(|held| held.socket.take_error().ok().flatten());
        pending.is_some_and(|error| is_reset(&error))
            || self.connection.as_ref().is_some_and(|held| os::look(&held.socket).error)
    }
}

impl Outgoing {
    fn send(&mut self, socket: &Socket, n: u64, control: &Control) -> Done {
        let mut buffer = vec![0; CHUNK];
        let mut bound = Bound::new();
        let end = self.sent + n;
        while self.sent < end {
            let size = usize::try_from(end - self.sent).map_or(CHUNK, |left| left.min(CHUNK));
            self.pattern.fill(self.sent, &mut buffer[..size]);
            match os::send(socket, &buffer[..size], TICK) {
                Ok(accepted) => {
                    self.sent += accepted as u64;
                    bound.progress();
                }
                Err(error) => self.failed("send", &error, &bound, control)?,
            }
        }
        Ok(())
    }

    fn send_urgent(&mut self, socket: &Socket) -> Done {
        let mut byte = [0];
        self.pattern.fill(self.sent, &mut byte);
        match socket.send_out_of_band(&byte) {
            Ok(_) => {
                self.sent += 1;
                Ok(())
            }
            Err(error) => Err(os("send MSG_OOB", &error)),
        }
    }

    fn failed(&mut self, call: &str, error: &io::Error, bound: &Bound, control: &Control) -> Done {
        if is_reset(error) {
            self.reset = true;
            return Err((FailureKind::ConnectionEnded, format!("{call}: {error}")));
        }
        bound.still_waiting(call, error, control)
    }
}

impl Incoming {
    /// One `recv`; 0 is EOF or reset, or nothing yet.
    fn receive_some(
        &mut self,
        socket: &Socket,
        buffer: &mut [u8],
        bound: &mut Bound,
        control: &Control,
    ) -> Result<usize, (FailureKind, String)> {
        match os::receive(socket, buffer, TICK) {
            Ok(0) => {
                self.eof = true;
                Ok(0)
            }
            Ok(n) => {
                self.verifier.take(&buffer[..n]);
                bound.progress();
                Ok(n)
            }
            Err(error) if is_reset(&error) => {
                self.reset = true;
                Ok(0)
            }
            Err(error) => bound.still_waiting("recv", &error, control).map(|()| 0),
        }
    }

    fn ended(&self) -> bool {
        self.eof || self.reset
    }

    fn receive(&mut self, socket: &Socket, n: u64, control: &Control) -> Done {
        let mut buffer = vec![0; CHUNK];
        let mut bound = Bound::new();
        let end = self.verifier.count() + n;
        while self.verifier.count() < end {
            let left = end - self.verifier.count();
            let size = usize::try_from(left).map_or(CHUNK, |left| left.min(CHUNK));
            self.receive_some(socket, &mut buffer[..size], &mut bound, control)?;
            if self.ended() {
                let how = if self.reset { "a reset" } else { "EOF" };
                return Err((FailureKind::ConnectionEnded, format!("{how} with {left} bytes to come")));
            }
        }
        Ok(())
    }

    fn receive_to_eof(&mut self, socket: &Socket, chunk: usize, pause: Duration, control: &Control) -> Done {
        let mut buffer = vec![0; chunk];
        let mut bound = Bound::new();
        while !self.ended() {
            if !pause.is_zero() {
                let _released = control.released.wait_for(1, pause);
            }
            self.receive_some(socket, &mut buffer, &mut bound, control)?;
        }
        Ok(())
    }
}

fn echo(socket: &Socket, incoming: &mut Incoming, outgoing: &mut Outgoing, control: &Control) -> Done {
    let mut buffer = vec![0; CHUNK];
    let mut bound = Bound::new();
    while !incoming.ended() {
        let mut left = incoming.receive_some(socket, &mut buffer, &mut bound, control)?;
        let mut from = 0;
        while left > 0 {
            match os::send(socket, &buffer[from..from + left], TICK) {
                Ok(n) => {
                    outgoing.sent += n as u64;
                    from += n;
                    left -= n;
                    bound.progress();
                }
                Err(error) => outgoing.failed("send", &error, &bound, control)?,
            }
        }
    }
    Ok(())
}

/// The limit of one step's waiting: time without progress.
struct Bound {
    last_progress: Instant,
}

impl Bound {
    fn new() -> Self {
        Self { last_progress: Instant::now() }
    }

    fn progress(&mut self) {
        self.last_progress = Instant::now();
    }

    /// Passes an error that only says "nothing yet", until the bound; refuses every other.
    fn still_waiting(&self, call: &str, error: &io::Error, control: &Control) -> Done {
        match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted => {
                self.check(call, control)
            }
            _ => Err(os(call, error)),
        }
    }

    fn check(&self, call: &str, control: &Control) -> Done {
        let (since, limit) = match control.released_at.get() {
            Some(released) => (self.last_progress.max(*released), AFTER_RELEASE),
            None => (self.last_progress, STEP_BOUND),
        };
        if since.elapsed() > limit {
            return Err((FailureKind::NoProgress, format!("{call}: no progress for {limit:?}")));
        }
        Ok(())
    }
}

/// Waits until `reached` says so, looking again every few milliseconds: no call blocks until a queue in the
/// kernel has a certain length. Ends with the connection.
fn await_queue(
    what: &str,
    socket: &Socket,
    control: &Control,
    mut reached: impl FnMut() -> io::Result<bool>,
) -> Done {
    let bound = Bound::new();
    loop {
        let looked = os::look(socket);
        let ended = looked.error || looked.hung_up;
        if reached().map_err(|error| os(what, &error))? {
            return Ok(());
        }
        if ended {
            return Err((FailureKind::ConnectionEnded, format!("{what}: the connection ended first")));
        }
        bound.check(what, control)?;
        thread::sleep(Duration::from_millis(2));
    }
}

fn await_unread(socket: &Socket, n: u64, control: &Control) -> Done {
    await_queue("waiting for unread bytes", socket, control, || Ok(os::unread(socket)? >= n))
}

fn await_acknowledged(socket: &Socket, control: &Control) -> Done {
    #[cfg(unix)]
    if socket.local_addr().is_ok_and(|address| address.is_unix()) {
        // What was sent stands in the other's queue. Its SIOCOUTQ counts what nobody has read.
        return Ok(());
    }
    await_queue("waiting for acknowledgements", socket, control, || {
        // A reset empties the queue too: that is not an acknowledgement.
        Ok(!os::look(socket).error && os::unacknowledged(socket)? == 0)
    })
}

fn await_stalled(socket: &Socket, control: &Control) -> Done {
    let mut last = (0, Instant::now());
    await_queue("waiting for a blocked sender", socket, control, || {
        let unread = os::unread(socket)?;
        if unread != last.0 {
            last = (unread, Instant::now());
        }
        Ok(unread > 0 && last.1.elapsed() >= STALLED)
    })
}

fn shut_down(socket: &Socket, how: Shutdown) -> Done {
    match socket.shutdown(how) {
        Ok(()) => Ok(()),
        // The connection is reset already; the steps that receive will say so.
        Err(error) if error.kind() == io::ErrorKind::NotConnected => {
            Err((FailureKind::ConnectionEnded, format!("shutdown: {error}")))
        }
        Err(error) => Err(os("shutdown", &error)),
    }
}

/// EPIPE too: it is how Linux reports an RST that came after a FIN, and this peer never sends after its own
/// shutdown.
fn is_reset(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted | io::ErrorKind::BrokenPipe
    )
}

fn os(call: &str, error: &io::Error) -> (FailureKind, String) {
    (FailureKind::Os, format!("{call}: {error}"))
}
