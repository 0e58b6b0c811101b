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
    /// The line that says how many were dropped.
    dropped: fn(u64) -> String,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    target: Arc<Target>,
    /// Each with where it goes: the target of those to come may be another.
    queue: VecDeque<(Arc<Target>, Vec<u8>)>,
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
        self.queue.push_back((Arc::clone(&self.target), line));
    }
}

impl Sink {
    pub(crate) fn new(target: Target, dropped: fn(u64) -> String) -> Self {
        let state = State {
            target: Arc::new(target),
            queue: VecDeque::new(),
            queued: 0,
            dropped: 0,
            has_thread: false,
            writing: false,
            is_torn: false,
            failure: None,
        };
        let shared = Shared { dropped, state: Mutex::new(state), changed: Condvar::new() };
        Self { shared: Arc::new(shared) }
    }

    /// Writes later lines to another target. Lines that are queued still go to the one before.
    pub(crate) fn go_on_in(&self, target: Target) {
        let mut state = self.shared.state();
        state.target = Arc::new(target);
        state.is_torn = false;
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
            let written = state.target.write_now(&mut rest);
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
        if state.is_idle() && state.target.write_now(&mut rest).is_ok() && !rest.is_empty() {
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
            let Some((target, line)) = state.queue.pop_front() else { continue };
            state.queued -= line.len();
            state.writing = true;
            drop(state);
            let written = target.write_waiting(&mut opened, &line);
            let mut state = self.state();
            state.writing = false;
            if let Err(error) = written {
                state.failure.get_or_insert(error);
            }
            drop(state);
            self.changed.notify_all();
        }
    }
}

impl Target {
    /// Writes as much as takes no waiting, and leaves the rest, also if it fails.
    fn write_now(&self, bytes: &mut &[u8]) -> io::Result<()> {
        let stream = match self {
            Self::Stderr => LinesTo::Stderr,
            Self::File(file) => LinesTo::File(file),
            Self::Fifo(_) => return Ok(()),
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

    /// `opened`: the FIFO that was opened last, with its target.
    fn write_waiting(
        self: &Arc<Self>,
        opened: &mut Option<(Arc<Self>, File)>,
        line: &[u8],
    ) -> io::Result<()> {
        match &**self {
            Self::Stderr => adieu_os::write_waiting(LinesTo::Stderr, line),
            Self::File(file) => adieu_os::write_waiting(LinesTo::File(file), line),
            Self::Fifo(path) => {
                let file = match opened.take().filter(|(of, _)| Arc::ptr_eq(of, self)) {
                    Some((_, file)) => file,
                    None => File::options().write(true).open(path)?,
                };
                let (_, file) = opened.insert((Arc::clone(self), file));
                adieu_os::write_waiting(LinesTo::File(file), line)
            }
        }
    }
}
