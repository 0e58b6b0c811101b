//! Somewhere to write to that never holds up whoever has something to say.
//!
//! A line is written at once where that takes no waiting. Where it would wait (a full pipe, a stopped terminal, a FIFO that
//! nobody reads), it is queued, and a thread that is started then does the waiting. The queue is bounded: what has no room in it
//! is dropped and counted, and the count is written as soon as something can be. Lines keep their order.

use adieu_os::LinesTo;
use std::borrow::Cow;
use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What is queued at most, in bytes.
const ROOM: usize = 256 * 1024;

/// Once lines were dropped, others are queued when there is no more than this: else every short line would find room for
/// itself and for the count of the long ones before it.
const ROOM_AGAIN: usize = ROOM / 2;

/// Where the lines go.
pub(crate) enum Target {
    Stderr,
    File(File),
    /// A FIFO that nobody reads yet: to open it is to wait for somebody who does.
    Fifo(PathBuf),
}

/// Lines on their way. Clones write to the same.
#[derive(Clone)]
pub(crate) struct Sink {
    shared: Arc<Shared>,
}

struct Shared {
    target: Target,
    /// The line that says how many were dropped.
    dropped: fn(u64) -> String,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Vec<u8>>,
    /// Bytes in the queue.
    queued: usize,
    /// Lines that were dropped since the last one that was queued.
    dropped: u64,
    has_thread: bool,
    /// The thread is writing what it has taken from the queue.
    writing: bool,
    /// The last line was written in part, and then the system refused the rest: the next one begins a new line.
    is_torn: bool,
    /// The first failure of the thread.
    failure: Option<io::Error>,
}

impl State {
    fn is_idle(&self) -> bool {
        self.queue.is_empty() && !self.writing && self.dropped == 0
    }

    fn push(&mut self, line: Vec<u8>) {
        self.queued += line.len();
        self.queue.push_back(line);
    }
}

impl Sink {
    pub(crate) fn new(target: Target, dropped: fn(u64) -> String) -> Self {
        let shared = Shared { target, dropped, state: Mutex::default(), changed: Condvar::new() };
        Self { shared: Arc::new(shared) }
    }

    /// Writes a line, or queues or drops it.
    ///
    /// # Errors
    ///
    /// What the system said, if it could be written without waiting. Of a line that is queued, [`Sink::finish`] tells.
    pub(crate) fn write(&self, line: &str) -> io::Result<()> {
        let mut state = self.shared.state();
        let line = if state.is_torn { Cow::Owned(format!("\n{line}")) } else { Cow::Borrowed(line) };
        let mut rest = line.as_bytes();
        if state.is_idle() {
            let written = self.shared.write_now(&mut rest);
            if let Some(last) = line.as_bytes()[..line.len() - rest.len()].last() {
                state.is_torn = written.is_err() && *last != b'\n';
            }
            written?;
            if rest.is_empty() {
                return Ok(());
            }
        }
        state.is_torn = false;
        // What is larger than all the room goes when nothing is before it.
        let room = if state.dropped > 0 { ROOM_AGAIN } else { ROOM };
        if state.queued > 0 && state.queued + rest.len() > room {
            state.dropped += 1;
            return Ok(());
        }
        self.shared.note_dropped(&mut state);
        state.push(rest.to_vec());
        self.start(&mut state);
        Ok(())
    }

    /// Writes what is worth nothing later, such as a progress bar: now or not at all.
    #[cfg(unix)]
    pub(crate) fn write_now_or_never(&self, bytes: &[u8]) {
        let mut state = self.shared.state();
        let mut rest = bytes;
        if state.is_idle() && self.shared.write_now(&mut rest).is_ok() && !rest.is_empty() {
            // A part of it has been written, or nobody can tell whether it could be without waiting.
            state.push(rest.to_vec());
            self.start(&mut state);
        }
    }

    /// Waits until everything is written, at most so long.
    ///
    /// # Errors
    ///
    /// A line that was queued could not be written, or is not written yet.
    pub(crate) fn finish(&self, limit: Duration) -> io::Result<()> {
        let state = self.shared.state();
        let waited = self.shared.changed.wait_timeout_while(state, limit, |state| !state.is_idle());
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        match state.failure.take() {
            Some(error) => Err(error),
            None if state.is_idle() => Ok(()),
            None => Err(io::Error::new(io::ErrorKind::TimedOut, "nobody reads it")),
        }
    }

    fn start(&self, state: &mut State) {
        if !state.has_thread {
            let shared = Arc::clone(&self.shared);
            let thread = std::thread::Builder::new().name("adieu-says".into()).stack_size(64 * 1024);
            state.has_thread = thread.spawn(move || shared.run()).is_ok();
        }
        if state.has_thread {
            self.shared.changed.notify_all();
        } else {
            // It is tried again with the next line.
            state.dropped += state.queue.drain(..).count() as u64;
            state.queued = 0;
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing of ours panics while it is held.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes as much as takes no waiting, and leaves the rest, also if it fails.
    fn write_now(&self, bytes: &mut &[u8]) -> io::Result<()> {
        let stream = match &self.target {
            Target::Stderr => LinesTo::Stderr,
            Target::File(file) => LinesTo::File(file),
            Target::Fifo(_) => return Ok(()),
        };
        while !bytes.is_empty() {
            match adieu_os::write_now(stream, bytes) {
                Ok(n) => *bytes = &bytes[n..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn note_dropped(&self, state: &mut State) {
        if state.dropped > 0 {
            let line = (self.dropped)(std::mem::take(&mut state.dropped));
            state.push(line.into_bytes());
        }
    }

    /// The thread: does the waiting, as long as the process lives.
    fn run(&self) {
        let mut opened = None;
        loop {
            let mut state = self.state();
            while state.queue.is_empty() {
                self.note_dropped(&mut state);
                if state.queue.is_empty() {
                    state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
            }
            let line = state.queue.pop_front().unwrap_or_default();
            state.queued -= line.len();
            state.writing = true;
            drop(state);
            let written = self.write_waiting(&mut opened, &line);
            let mut state = self.state();
            state.writing = false;
            if let Err(error) = written {
                state.failure.get_or_insert(error);
            }
            drop(state);
            self.changed.notify_all();
        }
    }

    fn write_waiting(&self, opened: &mut Option<File>, line: &[u8]) -> io::Result<()> {
        match &self.target {
            Target::Stderr => adieu_os::write_waiting(LinesTo::Stderr, line),
            Target::File(file) => adieu_os::write_waiting(LinesTo::File(file), line),
            Target::Fifo(path) => {
                let file = match opened {
                    Some(file) => file,
                    None => opened.insert(File::options().write(true).open(path)?),
                };
                adieu_os::write_waiting(LinesTo::File(file), line)
            }
        }
    }
}
