//! Standard input as a capture that is still being written.
//!
//! A thread reads, so that whoever explains is woken in time although nothing comes, and a signal can end the capture.

use crate::os::{self, Standard};
use std::io::{self, ErrorKind, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

/// How often whoever explains looks at the time.
const TICK: Duration = Duration::from_millis(200);

/// How long the program that writes the capture has for its last bytes after a signal that both got.
const LAST_BYTES: Duration = Duration::from_millis(1500);

const PIECE: usize = 64 << 10;

/// Standard input. A read that nothing comes for fails with [`ErrorKind::TimedOut`] and can be repeated.
pub(super) struct Live {
    pieces: Receiver<io::Result<Vec<u8>>>,
    piece: Vec<u8>,
    used: usize,
    interrupted: Arc<AtomicBool>,
    /// Since when a signal is known.
    since: Option<Instant>,
}

impl Live {
    /// Begins to read. From here on a signal ends the capture, and a second one the process.
    pub(super) fn new() -> io::Result<Self> {
        os::check_standard(Standard::Input)?;
        let interrupted = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&interrupted);
        os::heed_signals(os::command::Running::default(), move |_| flag.store(true, Ordering::Relaxed))?;
        let (give, pieces) = sync_channel(4);
        std::thread::Builder::new().name("adieu-capture".into()).spawn(move || {
            let mut stdin = io::stdin().lock();
            loop {
                let mut piece = vec![0; PIECE];
                let read = match stdin.read(&mut piece) {
                    Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                    Ok(count) => {
                        piece.truncate(count);
                        Ok(piece)
                    }
                    Err(error) => Err(error),
                };
                let is_last = read.as_ref().map_or(true, Vec::is_empty);
                if give.send(read).is_err() || is_last {
                    return;
                }
            }
        })?;
        Ok(Self { pieces, piece: Vec::new(), used: 0, interrupted, since: None })
    }

    /// Whether a signal has ended the capture for long enough.
    fn is_over(&mut self) -> bool {
        if self.since.is_none() && self.interrupted.load(Ordering::Relaxed) {
            self.since = Some(Instant::now());
        }
        self.since.is_some_and(|since| since.elapsed() > LAST_BYTES)
    }
}

impl Read for Live {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.used == self.piece.len() {
            if self.is_over() {
                return Ok(0);
            }
            self.piece = match self.pieces.recv_timeout(TICK) {
                Ok(piece) => piece?,
                Err(RecvTimeoutError::Timeout) => return Err(ErrorKind::TimedOut.into()),
                Err(RecvTimeoutError::Disconnected) => Vec::new(),
            };
            self.used = 0;
        }
        let count = buffer.len().min(self.piece.len() - self.used);
        buffer[..count].copy_from_slice(&self.piece[self.used..self.used + count]);
        self.used += count;
        Ok(count)
    }
}
