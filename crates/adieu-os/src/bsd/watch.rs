//! Being woken by an acknowledgement, and by the end of a process: kqueue.

use rustix::event::kqueue::{Event, EventFilter, EventFlags, ProcessEvents, kevent, kqueue};
use rustix::io::Errno;
use rustix::process::Pid;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::time::Duration;

/// How often it wakes at least, should nothing be told: twenty looks a second.
const AT_LEAST: Duration = Duration::from_millis(50);

/// Wakes when a socket's TCP acknowledges something, which an acknowledgement of our FIN is.
///
/// Once both directions have ended, `poll` says so for good, and cannot wait any more. A filter with EV_CLEAR can: it tells only of what
/// comes after the last time that it was asked. TCP wakes whoever waits for room to send at each acknowledgement (`sowwakeup` in
/// `tcp_input` or `tcp_do_segment`; `tcp_handle_wakeup` of macOS), and the filter calls a socket that sends no more ready each time
/// (`filt_sowrite`, EV_EOF). The lock of the connection is held meanwhile, so who is woken sees the state that the acknowledgement led to.
///
/// None of this was run by us on those systems, so a timer of the same queue wakes too, 20 times a second.
///
/// Source: kqueue(2): EVFILT_WRITE, EVFILT_TIMER, EV_CLEAR.
pub struct AcknowledgementWatch {
    kqueue: OwnedFd,
}

impl AcknowledgementWatch {
    /// Begins to watch: what changes from now on wakes.
    ///
    /// # Errors
    ///
    /// The system has no descriptors or no memory left, or no timer as exact as this one.
    pub fn new(socket: BorrowedFd<'_>) -> io::Result<Self> {
        let mut watch = Self { kqueue: kqueue()? };
        let flags = EventFlags::ADD | EventFlags::CLEAR;
        let nothing = std::ptr::null_mut();
        let changes = [
            Event::new(EventFilter::Write(socket.as_raw_fd()), flags, nothing),
            Event::new(EventFilter::Timer { ident: 0, timer: Some(AT_LEAST) }, flags, nothing),
        ];
        change(&watch.kqueue, &changes)?;
        // The state as it is now: what comes after it is news.
        watch.consume();
        Ok(watch)
    }

    /// Takes the news that made the descriptor readable, so that it waits for the next.
    pub fn consume(&mut self) {
        let mut news = [MaybeUninit::<Event>::uninit(); 2];
        #[expect(unsafe_code, reason = "a kqueue does not own the descriptors that it watches")]
        // SAFETY: nothing new is watched. A failure takes nothing, and then the caller merely looks once more.
        let _ = unsafe { kevent(&self.kqueue, &[], &mut news, Some(Duration::ZERO)) };
    }
}

/// Adds to what a queue watches, and takes nothing from it.
///
/// # Errors
///
/// One of the filters is refused: with no room for events kevent(2) says so by its own error.
fn change(kqueue: &OwnedFd, changes: &[Event]) -> Result<(), Errno> {
    let mut nothing: [MaybeUninit<Event>; 0] = [];
    #[expect(unsafe_code, reason = "a kqueue does not own the descriptors that it watches")]
    // SAFETY: what is watched is open now, and leaves the queue when it is closed, says kqueue(2).
    unsafe { kevent(kqueue, changes, &mut nothing, Some(Duration::ZERO)) }.map(drop)
}

impl AsFd for AcknowledgementWatch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.kqueue.as_fd()
    }
}

impl AsRawFd for AcknowledgementWatch {
    fn as_raw_fd(&self) -> RawFd {
        self.kqueue.as_raw_fd()
    }
}

/// A descriptor that is readable once a process has ended, and stays so. The process is a child of ours that was not waited for: its number
/// may not be another's. It is not inherited by what we start.
///
/// # Errors
///
/// The system has no descriptors or no memory left.
///
/// Source: kqueue(2): EVFILT_PROC, NOTE_EXIT. An event that nobody takes stays in its queue.
pub(crate) fn end_of(process: Pid) -> io::Result<OwnedFd> {
    let kqueue = kqueue()?;
    let filter = EventFilter::Proc { pid: process, flags: ProcessEvents::EXIT };
    let added = [Event::new(filter, EventFlags::ADD, std::ptr::null_mut())];
    match change(&kqueue, &added) {
        Ok(()) => Ok(kqueue),
        // A child that has ended already: most of these systems do not find it any more.
        Err(Errno::SRCH) => Ok(io::pipe()?.0.into()),
        Err(error) => Err(error.into()),
    }
}
