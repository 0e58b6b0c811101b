//! A transport in memory that fails as it is told: a side dies, the link is cut, a bit flips.

use adieu_transfer::Transport;
use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// No wait of a test is longer.
pub(crate) const BOUND: Duration = Duration::from_secs(20);

/// Like the buffers of a socket: who writes more waits for the other.
const CAPACITY: usize = 64 * 1024;

/// The payload of a panic that stands for SIGKILL.
pub(crate) struct Killed;

/// A panic that stands for SIGKILL is none to report.
pub(crate) fn silence_kills() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if panic.payload().downcast_ref::<Killed>().is_none() {
                usual(panic);
            }
        }));
    });
}

/// What goes wrong, and after how many steps of a side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    /// The side dies.
    Kill(u64),
    /// Both sides see a reset from then on.
    Cut(u64),
    /// This bit of what the side sends arrives otherwise.
    Flip(u64),
}

#[derive(Default)]
struct Link {
    /// From side 0 and from side 1.
    streams: [VecDeque<u8>; 2],
    ended: [bool; 2],
    /// Who waits to receive. If both do, neither will ever send: what an idle timeout is for.
    waiting: [bool; 2],
    reset: bool,
}

struct Shared {
    link: Mutex<Link>,
    changed: Condvar,
}

pub(crate) struct End {
    side: usize,
    shared: Arc<Shared>,
    fault: Fault,
    pub(crate) steps: u64,
    sent_bits: u64,
    finished: bool,
}

/// Two ends, each with its fault.
pub(crate) fn pair(faults: [Fault; 2]) -> (End, End) {
    let shared = Arc::new(Shared { link: Mutex::default(), changed: Condvar::new() });
    let end = |side: usize| End {
        side,
        shared: Arc::clone(&shared),
        fault: faults[side],
        steps: 0,
        sent_bits: 0,
        finished: false,
    };
    (end(0), end(1))
}

impl End {
    fn lock(&self) -> MutexGuard<'_, Link> {
        self.shared.link.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A moment in which something may go wrong.
    pub(crate) fn step(&mut self) {
        self.steps += 1;
        match self.fault {
            Fault::Kill(at) if at < self.steps => std::panic::panic_any(Killed),
            Fault::Cut(at) if at < self.steps => {
                self.lock().reset = true;
                self.shared.changed.notify_all();
            }
            _ => {}
        }
    }

    /// So that dropping it is an end and no reset.
    pub(crate) fn finish(mut self) -> u64 {
        self.finished = true;
        self.steps
    }

    fn wait<'a>(&'a self, link: MutexGuard<'a, Link>, until: Instant) -> MutexGuard<'a, Link> {
        let left = until.saturating_duration_since(Instant::now());
        self.shared.changed.wait_timeout(link, left).unwrap_or_else(PoisonError::into_inner).0
    }
}

impl Drop for End {
    fn drop(&mut self) {
        let mut link = self.lock();
        let unread = !link.streams[1 - self.side].is_empty();
        // As the kernel does: a close with unread bytes, or without an end of our own, resets.
        if !self.finished || unread || !link.ended[self.side] {
            link.reset = true;
        }
        drop(link);
        self.shared.changed.notify_all();
    }
}

impl Transport for End {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.read_within(buffer, BOUND)?;
        Ok(read.unwrap_or_else(|| panic!("nothing came within {BOUND:?}")))
    }

    fn read_within(&mut self, buffer: &mut [u8], limit: Duration) -> io::Result<Option<usize>> {
        self.step();
        let until = Instant::now() + limit;
        let mut link = self.lock();
        loop {
            let stream = &mut link.streams[1 - self.side];
            if !stream.is_empty() {
                let n = io::Read::read(stream, buffer)?;
                self.shared.changed.notify_all();
                return Ok(Some(n));
            }
            if link.reset {
                return Err(io::ErrorKind::ConnectionReset.into());
            }
            if link.ended[1 - self.side] {
                return Ok(Some(0));
            }
            if buffer.is_empty() || Instant::now() >= until {
                return Ok(None);
            }
            link.waiting[self.side] = true;
            let nothing_comes = link.streams.iter().all(VecDeque::is_empty) && link.ended == [false; 2];
            if link.waiting == [true; 2] && nothing_comes {
                link.reset = true;
                self.shared.changed.notify_all();
                continue;
            }
            link = self.wait(link, until);
            link.waiting[self.side] = false;
        }
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut bytes = bytes.to_vec();
        if let Fault::Flip(bit) = self.fault {
            let begin = self.sent_bits;
            if (begin..begin + bytes.len() as u64 * 8).contains(&bit) {
                let bit = bit - begin;
                bytes[usize::try_from(bit / 8).expect("it fits")] ^= 1 << (bit % 8);
            }
        }
        self.sent_bits += bytes.len() as u64 * 8;
        let until = Instant::now() + BOUND;
        for piece in bytes.chunks(CAPACITY / 4) {
            self.step();
            let mut link = self.lock();
            loop {
                if link.reset {
                    return Err(io::ErrorKind::ConnectionReset.into());
                }
                if link.streams[self.side].len() + piece.len() <= CAPACITY {
                    break;
                }
                assert!(Instant::now() < until, "nobody reads within {BOUND:?}");
                link = self.wait(link, until);
            }
            link.streams[self.side].extend(piece);
            self.shared.changed.notify_all();
        }
        Ok(())
    }

    fn shutdown_send(&mut self) -> io::Result<()> {
        self.step();
        let mut link = self.lock();
        if link.reset {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        link.ended[self.side] = true;
        self.shared.changed.notify_all();
        Ok(())
    }

    #[cfg(unix)]
    fn watched(&self) -> Vec<std::os::fd::BorrowedFd<'_>> {
        Vec::new()
    }
}
