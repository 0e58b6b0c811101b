//! Waiting with `poll` for one connection, on behalf of the program that called.
//!
//! What is waited for is decided by the [link](crate::link); here is only the sleep, and the calls that need one.

use crate::handle::Direction;
use crate::link::{HandshakeTurn, Link, Moved, without_empty_ones};
use crate::os::{self, AsPollable, Watch};
use adieu_proto::{LocalEnd, Waiting};
use socket2::Socket;
use std::io::{self, IoSlice};
use std::time::{Duration, Instant};

/// Sleeps until what is waited for may be there, a timer or `until` has come, or the interrupt was raised.
pub(super) fn wait(link: &mut Link<Socket>, waiting: Waiting, until: Option<Instant>) -> io::Result<()> {
    link.wait_for(waiting);
    link.tick();
    link.act();
    let Some(socket) = link.handle.as_ref().map(AsPollable::as_pollable) else { return Ok(()) };
    if waiting.acknowledgement {
        let watch = os::AcknowledgementWatch::new(socket).ok();
        // What came before the watch began is not news to it, so look again before sleeping.
        link.core.handle_acknowledged();
        link.act();
        if link.outcome().is_none() {
            // Before the watch: an interrupt that is put off until between the two would be waited for by neither.
            let left = link.time_left();
            let interrupt = Watch::readable(link.interrupt().map(AsPollable::as_pollable));
            let look_again = watch.is_none().then_some(os::LOOK_AGAIN);
            let timeout = [left, look_again].into_iter().flatten().min();
            os::wait(
                &mut [Watch::readable(watch.as_ref().map(AsPollable::as_pollable)), interrupt],
                timeout,
            )?;
            link.core.handle_acknowledged();
        }
    } else {
        let left = link.time_left();
        let interrupt = Watch::readable(link.interrupt().map(AsPollable::as_pollable));
        let mut watches = [Watch::new(socket, waiting.receive, waiting.send), interrupt];
        let bound = until.map(|until| until.saturating_duration_since(Instant::now()));
        os::wait(&mut watches, [left, bound].into_iter().flatten().min())?;
    }
    // Whether time is up is judged on the way into the next wait, once the socket was asked again.
    link.act();
    Ok(())
}

/// Makes the handshake, if there is one to make. False: there is no connection.
pub(crate) fn ensure_connected(link: &mut Link<Socket>) -> bool {
    ensure_connected_until(link, None).unwrap_or_default()
}

/// As [`ensure_connected`], but waits no longer than until this moment. `None`: the handshake is not done by then.
fn ensure_connected_until(link: &mut Link<Socket>, until: Option<Instant>) -> Option<bool> {
    while link.is_handshaking() {
        match link.handshake() {
            HandshakeTurn::Done => return Some(true),
            HandshakeTurn::Failed => return Some(false),
            HandshakeTurn::Wait(_) if is_past(until) => return None,
            HandshakeTurn::Wait(direction) => {
                let receive = direction == Direction::Receive;
                let waiting = Waiting { receive, send: !receive, ..Waiting::default() };
                if let Err(error) = wait(link, waiting, until) {
                    link.local_failure(LocalEnd::Socket, &error);
                    link.act();
                }
            }
        }
    }
    Some(link.core.milestones().connected.is_some())
}

fn is_past(until: Option<Instant>) -> bool {
    until.is_some_and(|until| until <= Instant::now())
}

/// Waits until our kernel has taken all that waits here.
pub(super) fn finish_sending(link: &mut Link<Socket>) {
    while link.has_unsent() && link.core.wants().send {
        let waited = match link.send(&[]) {
            Moved::Blocked => wait(link, Waiting { send: true, ..Waiting::default() }, None),
            Moved::Bytes(_) | Moved::Ended => Ok(()),
        };
        if waited.is_err() {
            break;
        }
        link.act();
    }
    link.wait_for(Waiting::default());
}

/// A stream of the peer that was cut is answered by a reset, which waits until what was sent before is delivered.
pub(super) fn await_delivery(link: &mut Link<Socket>) {
    while link.outcome().is_none() && link.core.is_leaving() {
        if wait(link, Waiting::default(), None).is_err() {
            break;
        }
    }
}

/// Receives, as soon as something comes.
pub(super) fn read(link: &mut Link<Socket>, buffer: &mut [u8]) -> io::Result<usize> {
    if buffer.is_empty() {
        return Ok(0);
    }
    // Without a limit something comes, if only an end.
    read_until(link, buffer, None).map(Option::unwrap_or_default)
}

/// Receives, and waits no longer than `limit`, for the handshake too. `None`: nothing came by then.
pub(super) fn read_within(
    link: &mut Link<Socket>,
    buffer: &mut [u8],
    limit: Duration,
) -> io::Result<Option<usize>> {
    if buffer.is_empty() {
        return link.check_ended().map(|()| None);
    }
    read_until(link, buffer, Instant::now().checked_add(limit))
}

fn read_until(
    link: &mut Link<Socket>,
    buffer: &mut [u8],
    until: Option<Instant>,
) -> io::Result<Option<usize>> {
    let result = match ensure_connected_until(link, until) {
        None => Ok(None),
        Some(false) => Err(link.never_connected()),
        Some(true) => read_waiting(link, buffer, until),
    };
    link.wait_for(Waiting::default());
    result
}

fn read_waiting(
    link: &mut Link<Socket>,
    buffer: &mut [u8],
    until: Option<Instant>,
) -> io::Result<Option<usize>> {
    loop {
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
        wait(link, Waiting { receive: true, ..Waiting::default() }, until)?;
    }
}

/// Sends, as soon as our kernel takes something.
pub(crate) fn write(link: &mut Link<Socket>, buffer: &[u8]) -> io::Result<usize> {
    if buffer.is_empty() {
        return Ok(0);
    }
    write_by(link, |link| link.try_write(buffer))
}

/// Sends from several buffers, as soon as our kernel takes something.
pub(super) fn write_vectored(link: &mut Link<Socket>, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
    let buffers = without_empty_ones(buffers);
    if buffers.is_empty() {
        return Ok(0);
    }
    write_by(link, |link| link.try_write_vectored(buffers))
}

fn write_by(
    link: &mut Link<Socket>,
    try_write: impl Fn(&mut Link<Socket>) -> Option<io::Result<usize>>,
) -> io::Result<usize> {
    if !ensure_connected(link) {
        return Err(link.never_connected());
    }
    let result = write_waiting(link, try_write);
    link.wait_for(Waiting::default());
    result
}

fn write_waiting(
    link: &mut Link<Socket>,
    try_write: impl Fn(&mut Link<Socket>) -> Option<io::Result<usize>>,
) -> io::Result<usize> {
    loop {
        link.check_stop();
        link.act();
        if let Some(result) = try_write(link) {
            let n = result?;
            finish_sending(link);
            // What our kernel has not taken whole is not written, and will not be.
            return if link.has_unsent() { Err(link.ended()) } else { Ok(n) };
        }
        wait(link, Waiting { send: true, ..Waiting::default() }, None)?;
    }
}
