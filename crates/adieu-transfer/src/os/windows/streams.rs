//! Streams of our own that may be silent, or take nothing: a thread each, because nothing can wait for a pipe or a console
//! without blocking. One that blocks when it is not needed any more is left behind, and ends with the process.

use crate::transport::Transport;
use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::os::windows::io::AsHandle;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// How much a thread reads at once: a pipe holds less.
const CHUNK: usize = 64 * 1024;

/// A pipe, console or device that is read to its end.
#[derive(Debug)]
pub(crate) struct Input(Arc<Mutex<Stream>>);

/// What a thread reads, and what of that was taken.
#[derive(Debug)]
struct Stream {
    /// At most one chunk waits here, and one in the thread. An empty one is the end.
    chunks: Receiver<io::Result<Vec<u8>>>,
    /// What came last, and how much of it was taken.
    chunk: Vec<u8>,
    taken: usize,
    failed: Option<io::Error>,
    ended: bool,
}

/// The one reader of our standard input: what its thread has read and nobody has taken is the next attempt's.
static STDIN: Mutex<Option<Arc<Mutex<Stream>>>> = Mutex::new(None);

impl Input {
    /// Our standard input.
    pub(crate) fn stdin() -> io::Result<Self> {
        let mut reader = STDIN.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(stream) = &*reader {
            return Ok(Self(Arc::clone(stream)));
        }
        let stdin = io::stdin();
        let Self(stream) = if stdin.is_terminal() {
            // std turns what is typed from UTF-16 into UTF-8.
            Self::start(stdin)?
        } else {
            Self::start(File::from(stdin.as_handle().try_clone_to_owned()?))?
        };
        Ok(Self(Arc::clone(reader.insert(stream))))
    }

    /// # Errors
    ///
    /// There are no threads left.
    pub(crate) fn new(file: File) -> io::Result<Self> {
        Self::start(file)
    }

    fn start(mut from: impl Read + Send + 'static) -> io::Result<Self> {
        let (sender, chunks) = mpsc::sync_channel(1);
        thread::Builder::new().name("adieu-input".into()).spawn(move || {
            loop {
                let mut chunk = vec![0; CHUNK];
                let read = from.read(&mut chunk).map(|n| {
                    chunk.truncate(n);
                    chunk
                });
                let is_last = !read.as_ref().is_ok_and(|chunk| !chunk.is_empty());
                // Nobody listens any more, or there is nothing more to say.
                if sender.send(read).is_err() || is_last {
                    return;
                }
            }
        })?;
        let stream = Stream { chunks, chunk: Vec::new(), taken: 0, failed: None, ended: false };
        Ok(Self(Arc::new(Mutex::new(stream))))
    }

    fn lock(&self) -> MutexGuard<'_, Stream> {
        // Nothing is done under the lock that could leave the stream half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a read does not wait.
    pub(crate) fn is_ready(&mut self) -> bool {
        self.lock().has_something_within(Duration::ZERO)
    }

    /// Waits until a read does not wait, at most so long. The peer is not watched: whoever waits looks at it in between.
    #[expect(clippy::unnecessary_wraps, reason = "elsewhere it can fail")]
    pub(crate) fn wait<T: Transport>(&mut self, _: &T, limit: Duration) -> io::Result<()> {
        self.lock().has_something_within(limit);
        Ok(())
    }
}

impl Stream {
    fn has_something_within(&mut self, limit: Duration) -> bool {
        if self.taken < self.chunk.len() || self.failed.is_some() || self.ended {
            return true;
        }
        match self.chunks.recv_timeout(limit) {
            Ok(Ok(chunk)) => {
                self.ended = chunk.is_empty();
                (self.chunk, self.taken) = (chunk, 0);
            }
            Ok(Err(error)) => self.failed = Some(error),
            Err(RecvTimeoutError::Timeout) => return false,
            Err(RecvTimeoutError::Disconnected) => self.ended = true,
        }
        true
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut stream = self.lock();
        while !stream.has_something_within(Duration::MAX) {}
        if let Some(error) = stream.failed.take() {
            stream.ended = true;
            return Err(error);
        }
        let rest = &stream.chunk[stream.taken..];
        let n = rest.len().min(buffer.len());
        buffer[..n].copy_from_slice(&rest[..n]);
        stream.taken += n;
        Ok(n)
    }
}

/// Writes all of it and tells `written` of each piece. While nobody takes it, `alive` is called now and then, and says
/// whether to go on.
///
/// # Errors
///
/// `TimedOut`: it is not to go on.
pub(crate) fn write_through(
    mut file: &File,
    bytes: &[u8],
    alive: &mut dyn FnMut() -> bool,
    written: &mut dyn FnMut(&[u8]),
) -> io::Result<()> {
    const WAIT: Duration = Duration::from_millis(50);
    if file.metadata().is_ok_and(|m| m.is_file()) {
        file.write_all(bytes)?;
        written(bytes);
        return Ok(());
    }
    for piece in bytes.chunks(CHUNK) {
        let (sender, done) = mpsc::channel();
        let (mut to, copy) = (file.try_clone()?, piece.to_vec());
        thread::Builder::new()
            .name("adieu-output".into())
            .spawn(move || drop(sender.send(to.write_all(&copy))))?;
        loop {
            match done.recv_timeout(WAIT) {
                Ok(result) => break result?,
                Err(RecvTimeoutError::Timeout) if alive() => {}
                Err(_) => return Err(io::ErrorKind::TimedOut.into()),
            }
        }
        written(piece);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_pipe_is_waited_for_and_its_end_is_an_end() {
        let (read, mut write) = io::pipe().expect("a pipe");
        let mut input = Input::start(read).expect("a thread");
        assert!(!input.is_ready());
        write.write_all(b"some").expect("it is open");
        let mut there = [0; 4];
        input.read_exact(&mut there).expect("it comes");
        assert_eq!(&there, b"some");
        drop(write);
        assert_eq!(input.read(&mut there).expect("it has ended"), 0);
        assert!(input.is_ready());
        assert_eq!(input.read(&mut there).expect("it has ended"), 0);
    }

    #[test]
    fn a_pipe_that_nobody_reads_is_waited_for_only_as_long_as_one_should() {
        let (mut read, write) = io::pipe().expect("a pipe");
        let write = File::from(std::os::windows::io::OwnedHandle::from(write));
        let (mut asked, mut total) = (0, 0);
        let mut alive = || {
            asked += 1;
            asked < 3
        };
        let bytes = vec![7; 4 * CHUNK];
        let stopped = write_through(&write, &bytes, &mut alive, &mut |piece| total += piece.len());
        assert_eq!(stopped.expect_err("nobody reads").kind(), io::ErrorKind::TimedOut);
        assert!(asked == 3 && total < bytes.len(), "{asked} {total}");
        let mut first = [0; CHUNK];
        read.read_exact(&mut first).expect("it was written");
    }
}
