//! A thread for each end that blocks and that nothing can wait for beside sockets. It blocks in our place. Such ends are the readers
//! and writers of a program, and on Windows pipes and consoles.
//!
//! A thread holds one chunk at most, so memory does not grow with the stream. It wakes the one wait of the exchange with a
//! [`Waker`]. If it still blocks when its end is dropped, it is left behind, and ends when its call returns or with the process.
//! On Windows a thread that blocks in a system call of ours is told to stop waiting first.

use crate::{AsPollable, Pollable, Waker};
use std::io::{self, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How much one call moves at most: a Windows pipe holds less.
const CHUNK: usize = 64 * 1024;

/// How long a write to a pipe is waited for before the exchange goes on without it: a reader that is there takes a chunk in
/// less, and then nothing is left to a thread when the exchange ends.
#[cfg(windows)]
const AT_ONCE: Duration = Duration::from_millis(5);

/// What a thread is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Job {
    /// To read into the chunk, or to write it.
    Move,
    /// To write out whatever is held back, and to let go.
    End,
}

/// What the exchange and the thread share.
#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    waker: Waker,
}

#[derive(Debug, Default)]
struct State {
    chunk: Vec<u8>,
    /// What the thread is to do, or does.
    job: Option<Job>,
    /// What came of it.
    result: Option<io::Result<usize>>,
    /// The exchange's end is gone.
    stop: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing is done under the lock that could leave the state half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ask(&self, state: &mut State, job: Job) {
        state.job = Some(job);
        self.changed.notify_all();
    }
}

/// A thread and what is shared with it.
#[derive(Debug)]
struct Worker {
    shared: Arc<Shared>,
    #[cfg_attr(not(windows), allow(dead_code, reason = "nothing ends its call"))]
    thread: Option<JoinHandle<()>>,
    /// It blocks in system calls of ours alone, which can be ended.
    #[cfg(windows)]
    in_system_calls: bool,
}

impl Worker {
    /// Starts a thread that calls `work` on the chunk whenever there is something to do.
    fn start(
        name: &str,
        mut work: impl FnMut(Job, &mut Vec<u8>) -> io::Result<usize> + Send + 'static,
    ) -> io::Result<Self> {
        let shared =
            Arc::new(Shared { state: Mutex::default(), changed: Condvar::new(), waker: Waker::new()? });
        let theirs = Arc::clone(&shared);
        let thread = thread::Builder::new().name(name.into()).spawn(move || {
            let mut state = theirs.lock();
            loop {
                state = match (state.stop, state.job) {
                    (true, _) => return,
                    (false, None) => theirs.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                    (false, Some(job)) => {
                        let mut chunk = std::mem::take(&mut state.chunk);
                        drop(state);
                        let result = work(job, &mut chunk);
                        let mut state = theirs.lock();
                        (state.chunk, state.job, state.result) = (chunk, None, Some(result));
                        theirs.changed.notify_all();
                        theirs.waker.wake();
                        state
                    }
                };
            }
        })?;
        Ok(Self {
            shared,
            thread: Some(thread),
            #[cfg(windows)]
            in_system_calls: false,
        })
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.shared.lock().stop = true;
        self.shared.changed.notify_all();
        #[cfg(windows)]
        if let Some(thread) = self.thread.take().filter(|_| self.in_system_calls) {
            crate::windows::end_waits_of(&thread);
        }
    }
}

/// A reader or writer of the program's. After its end, or a failure, it is dropped and never called again.
struct Foreign<T> {
    inner: Option<T>,
    /// It has come to its end.
    has_ended: bool,
}

impl<T> Foreign<T> {
    fn new(inner: T) -> Self {
        Self { inner: Some(inner), has_ended: false }
    }

    /// Calls it. A panic of it is a failure.
    fn call(&mut self, mut call: impl FnMut(&mut T) -> io::Result<usize>) -> io::Result<usize> {
        let Some(inner) = self.inner.as_mut() else {
            return if self.has_ended { Ok(0) } else { Err(io::Error::other("it has failed before")) };
        };
        let result = loop {
            match catch_unwind(AssertUnwindSafe(|| call(inner))) {
                Ok(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                // To us that word says that a thread is at work.
                Ok(Err(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                    break Err(io::Error::other(error));
                }
                Ok(result) => break result,
                Err(_) => break Err(io::Error::other("it panicked")),
            }
        };
        if result.is_err() {
            // A failure that its destructor adds would be no news.
            let _ = self.let_go();
        }
        result
    }

    /// Drops it.
    fn let_go(&mut self) -> io::Result<()> {
        let inner = self.inner.take();
        catch_unwind(AssertUnwindSafe(|| drop(inner))).map_err(|_| io::Error::other("it panicked"))
    }
}

/// Reads on a thread of its own.
pub(crate) struct Reader {
    worker: Worker,
    /// How much of the chunk has been taken.
    taken: usize,
}

impl Reader {
    /// A pipe or a console.
    #[cfg(windows)]
    pub(crate) fn of_system(mut from: impl Read + Send + 'static) -> io::Result<Self> {
        let mut worker = Worker::start("adieu-input", move |_, chunk| {
            chunk.resize(CHUNK, 0);
            from.read(chunk)
        })?;
        worker.in_system_calls = true;
        Ok(Self { worker, taken: 0 })
    }

    /// A reader of the program's. It may do anything that its type allows: block, fail, panic, lie.
    pub(crate) fn of_program(from: impl Read + Send + 'static) -> io::Result<Self> {
        let mut from = Foreign::new(from);
        let worker = Worker::start("adieu-input", move |_, chunk| {
            chunk.resize(CHUNK, 0);
            let result = from.call(|from| match from.read(chunk)? {
                n if n > chunk.len() => Err(more_than_there_is()),
                n => Ok(n),
            });
            if matches!(result, Ok(0)) {
                from.has_ended = true;
                // All that it had to give is given.
                let _ = from.let_go();
            }
            result
        })?;
        Ok(Self { worker, taken: 0 })
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.worker.shared.lock().result.is_some()
    }

    /// What is readable once there is something, which is asked for.
    pub(crate) fn pollable(&self) -> Pollable<'_> {
        self.ask();
        self.worker.shared.waker.as_pollable()
    }

    fn ask(&self) {
        let shared = &self.worker.shared;
        let mut state = shared.lock();
        if state.job.is_none() && state.result.is_none() {
            shared.ask(&mut state, Job::Move);
        }
    }

    /// `WouldBlock`: nothing has come yet.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let shared = &self.worker.shared;
        let mut state = shared.lock();
        match state.result.take() {
            None => {
                drop(state);
                self.ask();
                Err(io::ErrorKind::WouldBlock.into())
            }
            Some(Ok(filled)) if self.taken < filled => {
                let n = buffer.len().min(filled - self.taken);
                buffer[..n].copy_from_slice(&state.chunk[self.taken..self.taken + n]);
                self.taken += n;
                if self.taken < filled {
                    state.result = Some(Ok(filled));
                } else {
                    self.taken = 0;
                    shared.waker.clear();
                    drop(state);
                    // Meanwhile what was read is sent.
                    self.ask();
                }
                Ok(n)
            }
            // An end, or a failure.
            Some(last) => {
                shared.waker.clear();
                last
            }
        }
    }
}

/// Writes on a thread of its own.
#[derive(Debug)]
pub(crate) struct Writer {
    worker: Worker,
    /// How long a write is waited for.
    patience: Duration,
    end: End,
}

/// How far the end of a writer has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    NotYet,
    Asked,
    Over,
}

impl Writer {
    /// A pipe or a console.
    #[cfg(windows)]
    pub(crate) fn of_system(mut to: impl Write + Send + 'static) -> io::Result<Self> {
        let mut worker = Worker::start("adieu-output", move |job, chunk| {
            let n = if job == Job::Move { to.write(chunk)? } else { 0 };
            to.flush()?;
            Ok(n)
        })?;
        worker.in_system_calls = true;
        Ok(Self { worker, patience: AT_ONCE, end: End::NotYet })
    }

    /// A writer of the program's. It may do anything that its type allows: block, fail, panic, lie, hold back.
    pub(crate) fn of_program(to: impl Write + Send + 'static) -> io::Result<Self> {
        let mut to = Foreign::new(to);
        let worker = Worker::start("adieu-output", move |job, chunk| {
            to.call(|to| {
                if job == Job::Move {
                    to.write_all(chunk)?;
                }
                loop {
                    match to.flush() {
                        Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                        result => return result.map(|()| chunk.len()),
                    }
                }
            })?;
            if job == Job::Move {
                return Ok(chunk.len());
            }
            // Only then it has nothing more to do, a file is closed for example.
            to.let_go().map(|()| 0)
        })?;
        Ok(Self { worker, patience: Duration::ZERO, end: End::NotYet })
    }

    /// Whether a call of [`write`](Self::write) or [`end`](Self::end) will come to something.
    pub(crate) fn is_ready(&self) -> bool {
        self.worker.shared.lock().job.is_none()
    }

    /// What is readable once a call will come to something.
    pub(crate) fn pollable(&self) -> Pollable<'_> {
        self.worker.shared.waker.as_pollable()
    }

    /// Writes, and says how much of the first of `bytes` was truly written, and flushed. What the thread has not finished is
    /// asked for again: `bytes` must begin with the same bytes then. `WouldBlock`: nothing is finished yet.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let shared = &self.worker.shared;
        let mut state = shared.lock();
        if state.job.is_none() && state.result.is_none() {
            state.chunk.clear();
            state.chunk.extend_from_slice(&bytes[..bytes.len().min(CHUNK)]);
            shared.ask(&mut state, Job::Move);
            if !self.patience.is_zero() {
                let waited =
                    shared.changed.wait_timeout_while(state, self.patience, |state| state.job.is_some());
                (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
            }
        }
        match state.result.take() {
            None => Err(io::ErrorKind::WouldBlock.into()),
            Some(Ok(0)) => Err(io::ErrorKind::WriteZero.into()),
            Some(result) => {
                shared.waker.clear();
                result
            }
        }
    }

    /// Ends a writer of the program's that has taken everything: it is flushed and dropped. `WouldBlock`: not yet.
    pub(crate) fn end(&mut self) -> io::Result<()> {
        let shared = &self.worker.shared;
        let mut state = shared.lock();
        if self.end == End::Over {
            return Ok(());
        }
        if self.end == End::NotYet && state.job.is_none() && state.result.is_none() {
            shared.ask(&mut state, Job::End);
            self.end = End::Asked;
        }
        match state.result.take() {
            None => Err(io::ErrorKind::WouldBlock.into()),
            Some(result) => {
                shared.waker.clear();
                self.end = End::Over;
                result.map(drop)
            }
        }
    }

    /// Whether its end was asked for and has not come.
    pub(crate) fn is_ending(&self) -> bool {
        self.end == End::Asked
    }
}

fn more_than_there_is() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "it says that it moved more bytes than there are")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(windows)]
    #[test]
    fn a_reader_that_blocks_ends_when_it_is_dropped() {
        let (read, write) = io::pipe().expect("a pipe");
        let mut reader = Reader::of_system(read).expect("a thread");
        assert_eq!(reader.read(&mut [0]).expect_err("nothing yet").kind(), io::ErrorKind::WouldBlock);
        let shared = Arc::clone(&reader.worker.shared);
        drop(reader);
        assert_eq!(Arc::strong_count(&shared), 1, "the thread has ended");
        drop(write);
    }

    /// What a call comes to once it comes to something.
    fn when_done<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
        loop {
            match call() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => thread::yield_now(),
                result => return result,
            }
        }
    }

    #[test]
    fn a_writer_says_what_is_written_and_no_more() {
        let (mut read, write) = io::pipe().expect("a pipe");
        let mut writer = Writer::of_program(write).expect("a thread");
        // More than a pipe holds: nothing is finished as long as nobody reads.
        let bytes = vec![7; CHUNK];
        let more = [&bytes[..], &[8]].concat();
        let mut written = 0;
        while written < more.len() {
            let first = writer.write(&more[written..]).expect_err("it is a thread's");
            assert_eq!(first.kind(), io::ErrorKind::WouldBlock);
            let reading = thread::spawn(move || {
                let mut taken = vec![0; CHUNK];
                let n = read.read(&mut taken).expect("it comes");
                taken.truncate(n);
                (read, taken)
            });
            let n = when_done(|| writer.write(&more[written..])).expect("it is read");
            written += n;
            let rest;
            (read, rest) = reading.join().expect("no panic");
            assert!(rest.len() <= n);
            let mut left = vec![0; n - rest.len()];
            read.read_exact(&mut left).expect("it was written");
        }
        assert_eq!(written, CHUNK + 1);
    }

    /// Takes everything in small pieces, fails to flush it after so many times, and tells when it is dropped.
    struct Holding {
        flushes: usize,
        dropped: Arc<Mutex<bool>>,
    }

    impl Write for Holding {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            Ok(bytes.len().min(3))
        }

        fn flush(&mut self) -> io::Result<()> {
            self.flushes = self.flushes.checked_sub(1).ok_or(io::ErrorKind::StorageFull)?;
            Ok(())
        }
    }

    impl Drop for Holding {
        fn drop(&mut self) {
            *self.dropped.lock().expect("no panic") = true;
        }
    }

    #[test]
    fn what_is_not_flushed_is_not_written_and_the_end_is_after_the_last_flush() {
        for flushes in 0..4 {
            let dropped = Arc::new(Mutex::new(false));
            let holding = Holding { flushes, dropped: Arc::clone(&dropped) };
            let mut writer = Writer::of_program(holding).expect("a thread");
            let mut came = vec![
                when_done(|| writer.write(b"abcdef")),
                when_done(|| writer.write(b"ghi")),
                when_done(|| writer.end()).map(|()| 0),
            ];
            let failed = came.split_off(flushes.min(3));
            assert!(came.iter().all(Result::is_ok), "{flushes}: {came:?}");
            if let Some(first) = failed.first() {
                assert_eq!(first.as_ref().map_err(io::Error::kind), Err(io::ErrorKind::StorageFull));
                assert!(failed[1..].iter().all(Result::is_err), "a failure stays one: {failed:?}");
            }
            assert!(*dropped.lock().expect("no panic"), "{flushes}: it is let go before that is told");
        }
    }

    #[test]
    fn a_reader_is_read_to_its_end_and_never_after_it() {
        struct Pieces(Vec<Result<usize, io::ErrorKind>>);
        impl Read for Pieces {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                let piece = self.0.pop().expect("it is not read after its end");
                buffer[..2].copy_from_slice(b"xy");
                piece.map_err(Into::into)
            }
        }
        let reader = Reader::of_program(Pieces(vec![Ok(0), Err(io::ErrorKind::Interrupted), Ok(2), Ok(1)]));
        let mut reader = reader.expect("a thread");
        let mut buffer = [0; 8];
        for expected in [1, 2, 0, 0] {
            assert_eq!(when_done(|| reader.read(&mut buffer)).expect("it is read"), expected);
        }
    }

    #[test]
    fn a_reader_that_fails_panics_or_lies_has_failed_and_stays_so() {
        type Read1 = fn(&mut [u8]) -> io::Result<usize>;
        struct By(Read1);
        impl Read for By {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                self.0(buffer)
            }
        }
        let failing: [Read1; 4] = [
            |_| Err(io::ErrorKind::ConnectionReset.into()),
            |_| Err(io::ErrorKind::WouldBlock.into()),
            |_| std::panic::resume_unwind(Box::new("no message")),
            |buffer| Ok(buffer.len() + 1),
        ];
        for by in failing {
            let mut reader = Reader::of_program(By(by)).expect("a thread");
            for _ in 0..2 {
                when_done(|| reader.read(&mut [0; 8])).expect_err("it fails");
            }
        }
    }
}
