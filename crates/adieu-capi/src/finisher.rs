//! Finishing for event loops: begin, what to wait for, advance, free.

use crate::border::guarded;
use crate::error::{ADIEU_WAITING, adieu_error};
use crate::options::{adieu_finish_options, read};
use crate::report::{adieu_report, write};
use crate::socket::{NO_SOCKET, adieu_socket, own};
use crate::words::NoNumber;
use adieu::{Finisher, Progress};
use adieu_os::{OwnedSocket, Pollable};
use std::ffi::{c_int, c_short};
use std::time::{Duration, Instant};

/// A connection that is being finished on the event loop of its program: adieu_finisher_begin()
/// makes one, and adieu_finisher_free() frees it.
pub struct adieu_finisher {
    state: State,
}

enum State {
    Running(Box<Finisher<OwnedSocket>>),
    Ended(Box<adieu_report>),
    /// A panic came in its midst.
    Broken,
}

/// What a finisher waits for. It is laid out for poll(): { socket, events, 0 } is a struct pollfd,
/// or a WSAPOLLFD.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct adieu_waits {
    /// What to wait on. It is the socket, or while only acknowledgements are missing another
    /// descriptor (Linux); so it may change with each adieu_finisher_advance(). It belongs to the
    /// finisher. -1 or INVALID_SOCKET, which poll() skips: only the time is waited for.
    pub socket: adieu_socket,
    /// POLLIN, POLLOUT, both or neither, as poll() has them; POLLRDNORM and POLLWRNORM on Windows.
    /// Level-triggered and edge-triggered are both right.
    pub events: c_short,
    /// The longest time in milliseconds until the next call of adieu_finisher_advance(). -1: as
    /// long as no event comes. 0: call it at once.
    pub timeout_ms: c_int,
}

#[cfg(unix)]
const EVENTS: (c_short, c_short) = (libc::POLLIN, libc::POLLOUT);
#[cfg(windows)]
const EVENTS: (c_short, c_short) = {
    use windows_sys::Win32::Networking::WinSock as ws;
    (ws::POLLRDNORM, ws::POLLWRNORM)
};

/// Begins to finish a connection on the event loop of the program: no thread, and no call blocks.
///
/// The loop calls adieu_finisher_advance(), waits as adieu_finisher_waits() says, and calls
/// adieu_finisher_advance() again, until that returns 0. The socket becomes non-blocking and
/// belongs to the finisher. Nothing is sent before the first adieu_finisher_advance().
///
/// `options` may be NULL for the defaults; they are copied. What `user` leads to must live as long
/// as the finisher.
///
/// Returns 0, and the finisher in *finisher, for adieu_finisher_free(). Or an error: *finisher is
/// NULL, and the socket is closed, except after ADIEU_ERROR_NOT_OPEN, and except on Windows what is
/// not a socket.
///
/// Threads: any; one finisher is used by one thread at a time. Platforms: all.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn adieu_finisher_begin(
    socket: adieu_socket,
    options: *const adieu_finish_options,
    finisher: *mut *mut adieu_finisher,
) -> c_int {
    let begun = guarded(Err(adieu_error::Bug), || {
        let (_network, owned) = own(socket)?;
        // SAFETY: the header asks the program for options of the size that they say, or none.
        let finish = unsafe { read(options) }?;
        if finisher.is_null() {
            return Err(adieu_error::InvalidArgument);
        }
        let running = Finisher::begin(owned, &finish).map_err(|error| adieu_error::of_refused(&error))?;
        Ok(Box::new(adieu_finisher { state: State::Running(Box::new(running)) }))
    });
    let (made, result) = match begun {
        Ok(made) => (Box::into_raw(made), adieu_error::None),
        Err(result) => (std::ptr::null_mut(), result),
    };
    if !finisher.is_null() {
        // SAFETY: it is not null, and the header asks for a place for a pointer. If it is null nothing was made.
        unsafe { finisher.write(made) };
    }
    result.code()
}

/// Goes as far as it can without waiting.
///
/// Returns 0: the connection is finished, its socket is closed, and *report is true; to call it
/// again gives the same. Or ADIEU_WAITING: wait as adieu_finisher_waits() says, and call it again.
/// Or an error. `report` may be NULL. The time is the system's monotonic clock's.
///
/// Threads: any; one finisher is used by one thread at a time. Platforms: all.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn adieu_finisher_advance(
    finisher: *mut adieu_finisher,
    report: *mut adieu_report,
) -> c_int {
    // SAFETY: the header asks for a finisher of ours that no other thread uses meanwhile, or null.
    let Some(finisher) = (unsafe { finisher.as_mut() }) else {
        return adieu_error::InvalidArgument.code();
    };
    // SAFETY: likewise for a report of the size that it says, or null.
    unsafe {
        finisher.step(report, |running| match running.advance(Instant::now()) {
            Progress::Waiting => None,
            Progress::Finished(report) => Some(adieu_report::of(&report)),
        })
    }
}

/// Tells what a finisher waits for, after adieu_finisher_advance() returned ADIEU_WAITING. NULL, or
/// one that has ended, waits for nothing: its timeout is 0.
///
/// Threads: any; one finisher is used by one thread at a time. Platforms: all.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn adieu_finisher_waits(finisher: *const adieu_finisher) -> adieu_waits {
    let nothing = adieu_waits { socket: NO_SOCKET, events: 0, timeout_ms: 0 };
    guarded(nothing, || {
        // SAFETY: the header asks for a finisher of ours that no other thread uses meanwhile, or null.
        let Some(adieu_finisher { state: State::Running(running) }) = (unsafe { finisher.as_ref() }) else {
            return nothing;
        };
        let waits = running.waits();
        let (readable, writable) = EVENTS;
        adieu_waits {
            socket: waits.on.map_or(NO_SOCKET, raw),
            events: if waits.readable { readable } else { 0 } | if waits.writable { writable } else { 0 },
            timeout_ms: waits
                .until
                .map_or(-1, |until| whole_milliseconds(until.saturating_duration_since(Instant::now()))),
        }
    })
}

/// Rounded up: a wait that is too short by a part of a millisecond would be repeated at once.
fn whole_milliseconds(time: Duration) -> c_int {
    c_int::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(c_int::MAX)
}

#[cfg(unix)]
fn raw(on: Pollable<'_>) -> adieu_socket {
    std::os::fd::AsRawFd::as_raw_fd(&on)
}

#[cfg(windows)]
#[expect(clippy::cast_possible_truncation, reason = "both are as wide as a pointer")]
fn raw(on: Pollable<'_>) -> adieu_socket {
    std::os::windows::io::AsRawSocket::as_raw_socket(&on) as adieu_socket
}

/// Resets the connection on purpose: the peer sees an error, and what it has not received is lost.
///
/// Returns 0, and the report in *report, which may be NULL; or an error. If the connection is
/// finished already, it changes nothing and gives the same report again. The finisher is to be freed
/// as usual.
///
/// Threads: any; one finisher is used by one thread at a time. Platforms: all.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn adieu_finisher_abort(
    finisher: *mut adieu_finisher,
    report: *mut adieu_report,
) -> c_int {
    // SAFETY: the header asks for a finisher of ours that no other thread uses meanwhile, or null.
    let Some(finisher) = (unsafe { finisher.as_mut() }) else {
        return adieu_error::InvalidArgument.code();
    };
    let aborted = guarded(State::Broken, || match std::mem::replace(&mut finisher.state, State::Broken) {
        State::Running(running) => {
            adieu_report::of(&running.abort()).map_or(State::Broken, |report| State::Ended(Box::new(report)))
        }
        ended => ended,
    });
    finisher.state = aborted;
    // SAFETY: likewise for a report of the size that it says, or null.
    unsafe { finisher.step(report, |_| None) }
}

/// Frees a finisher. NULL is none.
///
/// A finisher that is freed before its end closes its socket. If our sending side is shut down
/// already, the system goes on delivering what was sent; otherwise the peer sees a reset.
/// adieu_finisher_abort() resets in any case.
///
/// Threads: any. Platforms: all.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn adieu_finisher_free(finisher: *mut adieu_finisher) {
    if finisher.is_null() {
        return;
    }
    // SAFETY: the header asks for a finisher of adieu_finisher_begin() that is not used any more.
    let freed = unsafe { Box::from_raw(finisher) };
    guarded((), || drop(freed));
}

impl adieu_finisher {
    /// Does one thing with a connection that has not ended, and gives the report if it has.
    ///
    /// # Safety
    ///
    /// `report` is null, or leads to as many bytes as its first field says.
    unsafe fn step(
        &mut self,
        report: *mut adieu_report,
        body: impl FnOnce(&mut Finisher<OwnedSocket>) -> Option<Result<adieu_report, NoNumber>>,
    ) -> c_int {
        if let State::Running(running) = &mut self.state {
            match guarded(Err(()), || Ok(body(running))) {
                Ok(None) => return ADIEU_WAITING,
                Ok(Some(Ok(report))) => self.state = State::Ended(Box::new(report)),
                Ok(Some(Err(_))) | Err(()) => self.state = State::Broken,
            }
        }
        match &self.state {
            // SAFETY: as the caller promises.
            State::Ended(ended) if unsafe { write(report, ended) } => adieu_error::None.code(),
            State::Ended(_) => adieu_error::InvalidArgument.code(),
            State::Running(_) => ADIEU_WAITING,
            State::Broken => adieu_error::Bug.code(),
        }
    }
}
