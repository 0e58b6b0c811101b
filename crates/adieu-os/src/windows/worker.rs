//! Pipes and consoles, which nothing can wait for beside sockets: a thread each, that blocks in our place.
//!
//! A thread holds one chunk at most, so memory does not grow with the stream, and it wakes the one wait of the exchange
//! with a [`Waker`]. A thread that blocks when its end is dropped is told to stop waiting (CancelSynchronousIo); one that
//! does not heed that is left behind, and ends with the process.

use super::waker::Waker;
use std::io::{self, Read, Write};
use std::os::windows::io::{AsRawHandle, AsSocket, BorrowedSocket};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use windows_sys::Win32::System::IO::CancelSynchronousIo;

/// How much one call moves at most: a Windows pipe holds less.
const CHUNK: usize = 64 * 1024;

/// How long a write is waited for before the exchange goes on without it: a reader that is there takes a chunk in less,
/// and then nothing is left to a thread when the exchange ends.
const AT_ONCE: Duration = Duration::from_millis(5);

/// How often a thread is told to stop, and the time between: the call does nothing to one that is not yet blocked.
const CANCELS: u32 = 50;
const BETWEEN_CANCELS: Duration = Duration::from_millis(2);

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
    /// The thread is to work on the chunk, or works on it.
    busy: bool,
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
}

/// A thread and what is shared with it.
#[derive(Debug)]
struct Worker {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    /// Starts a thread that calls `work` on the chunk whenever there is something to do.
    fn start(
        name: &str,
        mut work: impl FnMut(&mut Vec<u8>) -> io::Result<usize> + Send + 'static,
    ) -> io::Result<Self> {
        let shared =
            Arc::new(Shared { state: Mutex::default(), changed: Condvar::new(), waker: Waker::new()? });
        let theirs = Arc::clone(&shared);
        let thread = thread::Builder::new().name(name.into()).spawn(move || {
            let mut state = theirs.lock();
            loop {
                state = match (state.stop, state.busy) {
                    (true, _) => return,
                    (false, false) => theirs.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                    (false, true) => {
                        let mut chunk = std::mem::take(&mut state.chunk);
                        drop(state);
                        let result = work(&mut chunk);
                        let mut state = theirs.lock();
                        (state.chunk, state.busy, state.result) = (chunk, false, Some(result));
                        theirs.changed.notify_all();
                        theirs.waker.wake();
                        state
                    }
                };
            }
        })?;
        Ok(Self { shared, thread: Some(thread) })
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.shared.lock().stop = true;
        self.shared.changed.notify_all();
        let Some(thread) = self.thread.take() else { return };
        for _ in 0..CANCELS {
            if thread.is_finished() {
                break;
            }
            #[expect(unsafe_code, reason = "CancelSynchronousIo has no safe wrapper")]
            // SAFETY: the handle is that of a thread we hold. It ends a call that blocks there, or does nothing.
            unsafe {
                CancelSynchronousIo(thread.as_raw_handle());
            }
            thread::sleep(BETWEEN_CANCELS);
        }
    }
}

impl AsSocket for Worker {
    fn as_socket(&self) -> BorrowedSocket<'_> {
        self.shared.waker.as_socket()
    }
}

/// Reads on a thread of its own.
pub(super) struct Reader {
    worker: Worker,
    /// How much of the chunk has been taken.
    taken: usize,
}

impl Reader {
    pub(super) fn new(mut from: impl Read + Send + 'static) -> io::Result<Self> {
        let worker = Worker::start("adieu-input", move |chunk| {
            chunk.resize(CHUNK, 0);
            from.read(chunk)
        })?;
        Ok(Self { worker, taken: 0 })
    }

    pub(super) fn is_ready(&self) -> bool {
        self.worker.shared.lock().result.is_some()
    }

    /// Sees to it that there will be something to wake for.
    pub(super) fn ask(&self) {
        let mut state = self.worker.shared.lock();
        if !state.busy && state.result.is_none() {
            state.busy = true;
            self.worker.shared.changed.notify_all();
        }
    }

    /// `WouldBlock`: nothing has come yet.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
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

impl AsSocket for Reader {
    fn as_socket(&self) -> BorrowedSocket<'_> {
        self.worker.as_socket()
    }
}

/// Writes on a thread of its own.
#[derive(Debug)]
pub(super) struct Writer {
    worker: Worker,
}

impl Writer {
    pub(super) fn new(mut to: impl Write + Send + 'static) -> io::Result<Self> {
        let worker = Worker::start("adieu-output", move |chunk| {
            let n = to.write(chunk)?;
            to.flush()?;
            Ok(n)
        })?;
        Ok(Self { worker })
    }

    /// Whether a call of [`write`](Self::write) will come to something.
    pub(super) fn is_ready(&self) -> bool {
        !self.worker.shared.lock().busy
    }

    /// Writes, and says how much of the first of `bytes` was truly written. What the thread has not finished is asked
    /// for again: `bytes` must begin with the same bytes then. `WouldBlock`: nothing is finished yet.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let shared = &self.worker.shared;
        let mut state = shared.lock();
        if !state.busy && state.result.is_none() {
            state.chunk.clear();
            state.chunk.extend_from_slice(&bytes[..bytes.len().min(CHUNK)]);
            state.busy = true;
            shared.changed.notify_all();
            let waited = shared.changed.wait_timeout_while(state, AT_ONCE, |state| state.busy);
            (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
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
}

impl AsSocket for Writer {
    fn as_socket(&self) -> BorrowedSocket<'_> {
        self.worker.as_socket()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_blocks_ends_when_it_is_dropped() {
        let (read, write) = io::pipe().expect("a pipe");
        let mut reader = Reader::new(read).expect("a thread");
        assert_eq!(reader.read(&mut [0]).expect_err("nothing yet").kind(), io::ErrorKind::WouldBlock);
        let shared = Arc::clone(&reader.worker.shared);
        drop(reader);
        assert_eq!(Arc::strong_count(&shared), 1, "the thread has ended");
        drop(write);
    }

    #[test]
    fn a_writer_says_what_is_written_and_no_more() {
        let (mut read, write) = io::pipe().expect("a pipe");
        let mut writer = Writer::new(write).expect("a thread");
        // More than a pipe holds: nothing is finished as long as nobody reads.
        let bytes = vec![7; CHUNK];
        assert_eq!(writer.write(&bytes).expect_err("nobody reads").kind(), io::ErrorKind::WouldBlock);
        assert!(!writer.is_ready());
        let mut taken = vec![0; CHUNK];
        read.read_exact(&mut taken).expect("it comes");
        while !writer.is_ready() {
            thread::yield_now();
        }
        assert_eq!(writer.write(&bytes).expect("it is finished"), CHUNK);
        assert_eq!(taken, bytes);
    }
}
