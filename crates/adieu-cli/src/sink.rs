//! Somewhere to write to that never holds up whoever has something to say.
//!
//! A line is written at once where that takes no waiting. Where it would wait (a full pipe, a stopped terminal, a FIFO that
//! nobody reads), it is queued, and a thread that is started then does the waiting. The queue is bounded: what has no room in it
//! is dropped and counted, and the count is written as soon as something can be. Lines keep their order.
//!
//! A sink may leave all to the thread, for one who must not even wait for a disk ([`Sink::beside`]).

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

/// What is queued at most where nothing is written at once, in bytes: several thousand lines.
const ROOM_BESIDE: usize = 8 * 1024 * 1024;

/// What the thread writes at once at most, in bytes, unless one line is longer.
const BATCH: usize = 64 * 1024;

/// Once lines were dropped, others are queued when no more than this part of the room is taken: else every short line would find room for
/// itself and for the count of the long ones before it.
const AGAIN: usize = 2;

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
    /// Hears of each failure. `None`: [`Sink::finish`] tells of the first.
    failed: Option<Box<Failed>>,
    state: Mutex<State>,
    changed: Condvar,
}

/// Who hears that a line could not be written.
type Failed = dyn Fn(&io::Error) + Send + Sync;

struct State {
    target: Arc<Target>,
    /// Nothing is written by whoever says it.
    is_beside: bool,
    /// Each with where it goes: the target of those to come may be another.
    queue: VecDeque<(Arc<Target>, Vec<u8>)>,
    /// Bytes in the queue.
    queued: usize,
    /// Lines that were dropped since the last one that was queued.
    dropped: u64,
    /// Lines that were dropped in all.
    lost: u64,
    has_thread: bool,
    /// The thread waits for something to write.
    is_resting: bool,
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

    /// What is queued at most, in bytes.
    fn room(&self) -> usize {
        if self.is_beside { ROOM_BESIDE } else { ROOM }
    }

    fn drop_lines(&mut self, lines: u64) {
        self.dropped += lines;
        self.lost += lines;
    }

    fn push(&mut self, line: Vec<u8>) {
        self.queued += line.len();
        self.queue.push_back((Arc::clone(&self.target), line));
    }
}

impl Sink {
    pub(crate) fn new(target: Target, dropped: fn(u64) -> String) -> Self {
        Self::with(target, dropped, false, None)
    }

    /// The same, but every line is written by the thread: whoever says it does not wait for a disk either. `failed` hears of each
    /// line that could not be written, on that thread.
    pub(crate) fn beside(
        target: Target,
        dropped: fn(u64) -> String,
        failed: impl Fn(&io::Error) + Send + Sync + 'static,
    ) -> Self {
        Self::with(target, dropped, true, Some(Box::new(failed)))
    }

    fn with(
        target: Target,
        dropped: fn(u64) -> String,
        is_beside: bool,
        failed: Option<Box<Failed>>,
    ) -> Self {
        let state = State {
            target: Arc::new(target),
            is_beside,
            queue: VecDeque::new(),
            queued: 0,
            dropped: 0,
            lost: 0,
            has_thread: false,
            is_resting: false,
            writing: false,
            is_torn: false,
            failure: None,
        };
        let shared = Shared { dropped, failed, state: Mutex::new(state), changed: Condvar::new() };
        Self { shared: Arc::new(shared) }
    }

    /// From here on every line is written by the thread, as with [`beside`](Self::beside).
    pub(crate) fn go_on_beside(&self) {
        self.shared.state().is_beside = true;
    }

    /// Writes later lines to another target. Lines that are queued still go to the one before.
    pub(crate) fn go_on_in(&self, target: Target) {
        let mut state = self.shared.state();
        state.target = Arc::new(target);
        state.is_torn = false;
    }

    /// Writes a line, or queues or drops it. False: it is dropped.
    ///
    /// # Errors
    ///
    /// What the system said, if it could be written without waiting. Of a line that is queued, [`Sink::finish`] tells.
    pub(crate) fn write(&self, line: &str) -> io::Result<bool> {
        let mut state = self.shared.state();
        let is_beside = state.is_beside;
        let line =
            if state.is_torn && !is_beside { Cow::Owned(format!("\n{line}")) } else { Cow::Borrowed(line) };
        let mut rest = line.as_bytes();
        if !is_beside && state.is_idle() {
            let written = state.target.write_now(&mut rest);
            if let Some(last) = line.as_bytes()[..line.len() - rest.len()].last() {
                state.is_torn = written.is_err() && *last != b'\n';
            }
            written?;
            if rest.is_empty() {
                return Ok(true);
            }
        }
        state.is_torn &= is_beside;
        // What is larger than all the room goes when nothing is before it.
        let room = if state.dropped > 0 { state.room() / AGAIN } else { state.room() };
        if state.queued > 0 && state.queued + rest.len() > room {
            state.drop_lines(1);
            return Ok(false);
        }
        self.shared.note_dropped(&mut state);
        state.push(rest.to_vec());
        self.start(&mut state);
        Ok(true)
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
    /// A line that was queued could not be written, or is not written yet; or lines were dropped since the beginning.
    pub(crate) fn finish(&self, limit: Duration) -> io::Result<()> {
        let state = self.shared.state();
        let waited = self.shared.changed.wait_timeout_while(state, limit, |state| !state.is_idle());
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        match state.failure.take() {
            Some(error) => Err(error),
            None if state.lost > 0 => {
                let (were, lost) = (if state.lost == 1 { "line was" } else { "lines were" }, state.lost);
                Err(io::Error::other(format!("{lost} {were} dropped, because the reader did not keep up")))
            }
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
        if state.is_resting {
            self.shared.changed.notify_all();
        } else if !state.has_thread {
            // A thread is tried again with the next line. Without one, what would wait is dropped.
            for (target, line) in std::mem::take(&mut state.queue) {
                let mut rest = &*line;
                let written = target.write_now(&mut rest);
                state.is_torn =
                    line[..line.len() - rest.len()].last().map_or(state.is_torn, |last| *last != b'\n');
                if !rest.is_empty() {
                    state.drop_lines(1);
                }
                if let Err(error) = written {
                    state.failure.get_or_insert(error);
                }
            }
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
                    state.is_resting = true;
                    state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                    state.is_resting = false;
                }
            }
            let Some((target, mut lines)) = state.queue.pop_front() else { continue };
            let goes_too = |(to, next): &(Arc<Target>, Vec<u8>), lines: &[u8]| {
                Arc::ptr_eq(to, &target) && lines.len() + next.len() <= BATCH
            };
            while state.queue.front().is_some_and(|next| goes_too(next, &lines)) {
                lines.extend(state.queue.pop_front().into_iter().flat_map(|(_, next)| next));
            }
            state.queued -= lines.len();
            state.writing = true;
            let mut is_torn = state.is_torn;
            drop(state);
            let failure = self.write_lines(&target, &mut opened, &lines, &mut is_torn);
            let mut state = self.state();
            state.writing = false;
            if Arc::ptr_eq(&state.target, &target) {
                state.is_torn = is_torn;
            }
            if let Some(error) = failure {
                state.failure.get_or_insert(error);
            }
            drop(state);
            self.changed.notify_all();
        }
    }

    /// Writes lines, and after one that cannot be written the next. Gives the first failure, if nobody else hears of it.
    fn write_lines(
        &self,
        target: &Arc<Target>,
        opened: &mut Option<(Arc<Target>, File)>,
        mut lines: &[u8],
        is_torn: &mut bool,
    ) -> Option<io::Error> {
        let mut failure = None;
        while !lines.is_empty() {
            let begun =
                if *is_torn { Cow::Owned([&b"\n"[..], lines].concat()) } else { Cow::Borrowed(lines) };
            let mut rest = &*begun;
            let Err(error) = target.write_waiting(opened, &mut rest) else {
                *is_torn = false;
                break;
            };
            let written = &begun[..begun.len() - rest.len()];
            let consumed = written.len().saturating_sub(usize::from(*is_torn));
            *is_torn = written.last().map_or(*is_torn, |last| *last != b'\n');
            // The line that was refused is lost. Each of those after it is tried.
            let line_end = lines[consumed..].iter().position(|byte| *byte == b'\n');
            lines = line_end.map_or(&[], |at| &lines[consumed + at + 1..]);
            match &self.failed {
                Some(failed) => failed(&error),
                None => failure = failure.or(Some(error)),
            }
        }
        failure
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
        lines: &mut &[u8],
    ) -> io::Result<()> {
        match &**self {
            Self::Stderr => adieu_os::write_waiting(LinesTo::Stderr, lines),
            Self::File(file) => {
                // It says how much was written.
                self.write_now(lines)?;
                adieu_os::write_waiting(LinesTo::File(file), lines)
            }
            Self::Fifo(path) => {
                let file = match opened.take().filter(|(of, _)| Arc::ptr_eq(of, self)) {
                    Some((_, file)) => file,
                    None => File::options().write(true).open(path)?,
                };
                let (_, file) = opened.insert((Arc::clone(self), file));
                adieu_os::write_waiting(LinesTo::File(file), lines)
            }
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader};
    use std::os::fd::OwnedFd;

    /// Nobody reads, and whoever says something is not held up. Once somebody reads, what was queued comes in its order, and then how
    /// many lines were dropped.
    #[test]
    fn beside_nothing_waits_for_a_reader_and_what_is_dropped_is_counted() {
        let (reader, writer) = io::pipe().expect("a pipe");
        let target = Target::File(File::from(OwnedFd::from(writer)));
        let sink = Sink::beside(target, |lines| format!("dropped {lines}\n"), |error| panic!("{error}"));
        let line = format!("{}\n", "x".repeat(999));
        let kept = (0..20_000).filter(|_| sink.write(&line).expect("it is not written here")).count();
        assert!((ROOM_BESIDE / 1000..20_000).contains(&kept), "{kept}");
        let lost = 20_000 - kept;
        let told = sink.finish(Duration::ZERO).expect_err("lines are lost").to_string();
        assert_eq!(told, format!("{lost} lines were dropped, because the reader did not keep up"));
        let mut lines = BufReader::new(reader).lines().map(|line| line.expect("text"));
        assert_eq!(lines.by_ref().take(kept).filter(|line| line.len() == 999).count(), kept);
        assert_eq!(lines.next().expect("the count"), format!("dropped {lost}"));
    }

    #[test]
    fn beside_a_failure_is_heard_for_each_line() {
        let (reader, writer) = io::pipe().expect("a pipe");
        drop(reader);
        let failures = Arc::new(Mutex::new(0));
        let counted = Arc::clone(&failures);
        let target = Target::File(File::from(OwnedFd::from(writer)));
        let sink = Sink::beside(target, |_| String::new(), move |_| *counted.lock().expect("no panic") += 1);
        for _ in 0..3 {
            assert!(sink.write("line\n").expect("it is not written here"));
        }
        sink.finish(Duration::from_secs(20)).expect("nothing is left");
        assert_eq!(*failures.lock().expect("no panic"), 3);
    }
}
