//! Waiting with `poll` for one connection, on behalf of the program that called.
//!
//! What is waited for is decided by the [link](crate::link); here is only the sleep, and the calls that need one. A whole
//! connection sleeps with its link in hand. A half of a [split](super::split) one lets go of the link meanwhile, so the calls ask
//! a [`Waiter`] for both.

use crate::handle::{Handle, Readiness};
use crate::link::{HandshakeTurn, Link, Looked, Moved, without_empty_ones};
use crate::os::{self, AcknowledgementWatch, AsPollable, Pollable, Watch};
use crate::{LookAhead, LookAheadError, Report};
use adieu_proto::{LocalEnd, Waiting};
use socket2::Socket;
use std::io::{self, IoSlice};
use std::time::{Duration, Instant};

/// A link and the way in which its thread sleeps.
pub(crate) trait Waiter {
    type Handle: Handle;

    fn link(&mut self) -> &mut Link<Self::Handle>;

    /// Sleeps until what is waited for may be there, a timer or `until` has come, or the interrupt was raised.
    fn wait(&mut self, waiting: Waiting, until: Option<Instant>) -> io::Result<()>;

    /// Nothing is waited for any more: the program is busy.
    fn rest(&mut self);
}

impl Waiter for Box<Link<Socket>> {
    type Handle = Socket;

    fn link(&mut self) -> &mut Link<Socket> {
        self
    }

    fn wait(&mut self, waiting: Waiting, until: Option<Instant>) -> io::Result<()> {
        self.wait_for(waiting);
        self.tick();
        self.act();
        sleep(self, waiting, until)
    }

    fn rest(&mut self) {
        self.wait_for(Waiting::default());
    }
}

/// Sleeps with the link in hand, after everything was tried and the core was told.
pub(super) fn sleep(link: &mut Link<Socket>, waiting: Waiting, until: Option<Instant>) -> io::Result<()> {
    let Some(sleep) = Sleep::prepare(link, waiting, until) else { return Ok(()) };
    if let Some(socket) = link.handle.as_ref().map(AsPollable::as_pollable) {
        let interrupt = Watch::readable(link.interrupt().map(AsPollable::as_pollable));
        os::wait(&mut [sleep.watch(socket), interrupt], sleep.timeout)?;
    }
    sleep.end(link);
    Ok(())
}

/// A sleep that is prepared: what is waited for, and how long it may last.
pub(super) struct Sleep {
    waiting: Waiting,
    acknowledgements: Option<AcknowledgementWatch>,
    pub(super) timeout: Option<Duration>,
}

impl Sleep {
    /// After everything was tried. `None`: there is nothing to sleep for.
    pub(super) fn prepare<H: Handle>(
        link: &mut Link<H>,
        waiting: Waiting,
        until: Option<Instant>,
    ) -> Option<Self> {
        let socket = link.handle.as_ref().map(Handle::pollable)?;
        let mut acknowledgements = None;
        let mut look_again = None;
        if waiting.acknowledgement {
            acknowledgements = AcknowledgementWatch::new(socket).ok();
            look_again = acknowledgements.is_none().then_some(os::LOOK_AGAIN);
            // What came before the watch began is not news to it, so look again before sleeping.
            link.core.handle_acknowledged();
            link.act();
            if link.outcome().is_some() {
                return None;
            }
        }
        // Before the watches: an interrupt that is put off until between the two would be waited for by neither.
        let left = link.time_left();
        let bound = until.map(|until| until.saturating_duration_since(Instant::now()));
        let timeout = [left, bound, look_again].into_iter().flatten().min();
        Some(Self { waiting, acknowledgements, timeout })
    }

    /// What to wait for beside the interrupt.
    pub(super) fn watch<'a>(&'a self, socket: Pollable<'a>) -> Watch<'a> {
        if self.waiting.acknowledgement {
            Watch::readable(self.acknowledgements.as_ref().map(AsPollable::as_pollable))
        } else {
            Watch::new(socket, self.waiting.receive, self.waiting.send)
        }
    }

    /// It is over. Whether time is up is judged on the way into the next one, once the socket was asked again.
    pub(super) fn end<H: Handle>(self, link: &mut Link<H>) {
        if self.waiting.acknowledgement {
            link.core.handle_acknowledged();
        }
        link.act();
    }
}

/// Makes the handshake, if there is one to make. False: there is no connection.
pub(crate) fn ensure_connected(waiter: &mut impl Waiter) -> bool {
    ensure_connected_until(waiter, None).unwrap_or_default()
}

/// As [`ensure_connected`], but waits no longer than until this moment. `None`: the handshake is not done by then.
fn ensure_connected_until(waiter: &mut impl Waiter, until: Option<Instant>) -> Option<bool> {
    while waiter.link().is_handshaking() {
        match waiter.link().handshake() {
            HandshakeTurn::Done => return Some(true),
            HandshakeTurn::Failed => return Some(false),
            HandshakeTurn::Wait(_) if is_past(until) => return None,
            HandshakeTurn::Wait(readiness) => {
                let receive = readiness == Readiness::Receive;
                let waiting = Waiting { receive, send: !receive, ..Waiting::default() };
                if let Err(error) = waiter.wait(waiting, until) {
                    let link = waiter.link();
                    link.local_failure(LocalEnd::Socket, &error);
                    link.act();
                }
            }
        }
    }
    Some(waiter.link().core.milestones().connected.is_some())
}

fn is_past(until: Option<Instant>) -> bool {
    until.is_some_and(|until| until <= Instant::now())
}

/// Waits until our kernel has taken all that waits here.
pub(super) fn finish_sending(waiter: &mut impl Waiter) {
    while waiter.link().has_unsent() && waiter.link().core.wants().send {
        let slept = match waiter.link().send(&[]) {
            Moved::Blocked => waiter.wait(Waiting { send: true, ..Waiting::default() }, None),
            Moved::Bytes(_) | Moved::Ended => Ok(()),
        };
        if slept.is_err() {
            break;
        }
        waiter.link().act();
    }
    waiter.rest();
}

/// Shuts down the sending side. False: it could not be.
pub(super) fn shut_down(waiter: &mut impl Waiter) -> bool {
    ensure_connected(waiter);
    waiter.link().core.release_end();
    waiter.link().core.handle_input_eof();
    waiter.link().act();
    finish_sending(waiter);
    // A stream of the peer that was cut is answered by a reset, which waits until what was sent before is delivered.
    while waiter.link().outcome().is_none() && waiter.link().core.is_leaving() {
        if waiter.wait(Waiting::default(), None).is_err() {
            break;
        }
    }
    waiter.link().core.milestones().shutdown_send.is_some()
}

/// Closes a connection whose sending side is shut down, once everything is acknowledged if the peer has ended too.
pub(super) fn close(waiter: &mut impl Waiter) -> Report {
    let link = waiter.link();
    link.act();
    // An EOF that is there already counts, also if nobody has asked for it yet.
    link.receive_eof();
    let now = link.now();
    link.core.handle_close(now);
    link.act();
    // With TLS the peer's close_notify is the end of its bytes, and its FIN is still to come.
    while waiter.link().awaits_eof() {
        if waiter.wait(Waiting { receive: true, ..Waiting::default() }, None).is_err() {
            break;
        }
    }
    while waiter.link().outcome().is_none() && waiter.link().core.wants().acknowledgement {
        if waiter.wait(Waiting { acknowledgement: true, ..Waiting::default() }, None).is_err() {
            break;
        }
    }
    let link = waiter.link();
    if link.outcome().is_none() {
        link.give_up();
    }
    link.final_report()
}

/// Receives, as soon as something comes.
pub(super) fn read(waiter: &mut impl Waiter, buffer: &mut [u8]) -> io::Result<usize> {
    if buffer.is_empty() {
        return Ok(0);
    }
    // Without a limit something comes, if only an end.
    read_until(waiter, buffer, None).map(Option::unwrap_or_default)
}

/// Receives, and waits no longer than `limit`, for the handshake too. `None`: nothing came by then.
pub(super) fn read_within(
    waiter: &mut impl Waiter,
    buffer: &mut [u8],
    limit: Duration,
) -> io::Result<Option<usize>> {
    if buffer.is_empty() {
        return waiter.link().check_ended().map(|()| None);
    }
    read_until(waiter, buffer, Instant::now().checked_add(limit))
}

fn read_until(
    waiter: &mut impl Waiter,
    buffer: &mut [u8],
    until: Option<Instant>,
) -> io::Result<Option<usize>> {
    let result = match ensure_connected_until(waiter, until) {
        None => Ok(None),
        Some(false) => Err(waiter.link().never_connected()),
        Some(true) => read_waiting(waiter, buffer, until),
    };
    waiter.rest();
    result
}

fn read_waiting(
    waiter: &mut impl Waiter,
    buffer: &mut [u8],
    until: Option<Instant>,
) -> io::Result<Option<usize>> {
    loop {
        let link = waiter.link();
        link.check_stop();
        link.act();
        if link.has_unsent() {
            // The peer may wait for it before it says anything.
            link.send(&[]);
        }
        if let Some(result) = link.try_read(buffer) {
            return result.map(Some);
        }
        if is_past(until) {
            return Ok(None);
        }
        let send = link.has_unsent() && link.core.wants().send;
        waiter.wait(Waiting { receive: true, send, ..Waiting::default() }, until)?;
    }
}

/// Looks at what the peer sends first.
pub(super) fn look_ahead<T>(
    waiter: &mut impl Waiter,
    limit: Duration,
    mut look: impl FnMut(&[u8]) -> LookAhead<T>,
) -> Result<T, LookAheadError> {
    let until = Instant::now().checked_add(limit);
    let mut seen = 0;
    let result = loop {
        match waiter.link().look_ahead(&mut look, &mut seen) {
            Looked::Found(value) => break Ok(value),
            Looked::Failed(error) => break Err(error),
            Looked::Blocked if is_past(until) => break Err(LookAheadError::TimedOut),
            Looked::Blocked => {}
        }
        if let Err(error) = waiter.wait(Waiting { receive: true, ..Waiting::default() }, until) {
            break Err(LookAheadError::Ended(error));
        }
    };
    waiter.rest();
    result
}

/// Sends, as soon as our kernel takes something.
pub(crate) fn write(waiter: &mut impl Waiter, buffer: &[u8]) -> io::Result<usize> {
    if buffer.is_empty() {
        return Ok(0);
    }
    write_by(waiter, |link| link.try_write(buffer))
}

/// Sends from several buffers, as soon as our kernel takes something.
pub(super) fn write_vectored(waiter: &mut impl Waiter, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
    let buffers = without_empty_ones(buffers);
    if buffers.is_empty() {
        return Ok(0);
    }
    write_by(waiter, |link| link.try_write_vectored(buffers))
}

fn write_by<W: Waiter>(
    waiter: &mut W,
    try_write: impl Fn(&mut Link<W::Handle>) -> Option<io::Result<usize>>,
) -> io::Result<usize> {
    if !ensure_connected(waiter) {
        return Err(waiter.link().never_connected());
    }
    let result = write_waiting(waiter, try_write);
    waiter.rest();
    result
}

fn write_waiting<W: Waiter>(
    waiter: &mut W,
    try_write: impl Fn(&mut Link<W::Handle>) -> Option<io::Result<usize>>,
) -> io::Result<usize> {
    loop {
        let link = waiter.link();
        link.check_stop();
        link.act();
        if let Some(result) = try_write(link) {
            let n = result?;
            finish_sending(waiter);
            // What our kernel has not taken whole is not written, and will not be.
            let link = waiter.link();
            return if link.has_unsent() { Err(link.ended()) } else { Ok(n) };
        }
        waiter.wait(Waiting { send: true, ..Waiting::default() }, None)?;
    }
}
