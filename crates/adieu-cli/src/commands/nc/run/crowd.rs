//! `ncat -lk` without a command: all clients at once. What any of them sends is printed, and what stdin gives is sent to all.
//!
//! stdin is read while there is a client, by a thread of its own, and each block goes to everybody who is there. Nothing is left out
//! for anybody, so a client that takes nothing holds up the others, as in the original. A client's end, or its reset, is its own
//! matter. If reading stdin fails, every client is reset: its stream is not whole.

use super::session::{Done, Run};
use adieu::Connection;
use adieu::exchange::Input;
use std::io::{self, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What is read of stdin at once, in bytes.
const BLOCK: usize = 16 * 1024;

/// How many blocks may wait for a client that does not take them.
const BLOCKS: usize = 4;

/// Longer than anything is waited for without looking again.
const LONG: Duration = Duration::from_secs(60 * 60);

type Block = Arc<[u8]>;

/// Everybody who gets what stdin gives.
#[derive(Default)]
pub(super) struct Crowd {
    shared: Mutex<Shared>,
    /// There may be a client.
    joined: Condvar,
}

#[derive(Default)]
struct Shared {
    clients: Vec<(u64, SyncSender<Block>)>,
    end: Option<End>,
}

/// Why stdin gives nothing more.
enum End {
    Whole,
    Failed(io::Error),
}

impl Crowd {
    /// Serves a client, on this thread.
    pub(super) fn serve(self: &Arc<Self>, run: &Run, connection: Connection) -> Done {
        let id = connection.id();
        let input = self.join(id);
        let done = run.converse_with(connection, input);
        self.leave(id);
        done
    }

    /// Gives stdin to all, until it ends. Blocks as long as that takes.
    pub(super) fn feed(&self, mut stdin: Input) {
        let mut buffer = vec![0; BLOCK];
        let end = loop {
            self.wait_for_client();
            let block: Block = match read(&mut stdin, &mut buffer) {
                Ok(0) => break End::Whole,
                Ok(length) => buffer[..length].into(),
                Err(error) => break End::Failed(error),
            };
            // What nobody took is for whoever comes next.
            while !self.give(&block) {
                self.wait_for_client();
            }
        };
        let mut shared = self.shared();
        shared.end = Some(end);
        // Each reads its end once it has read what waits for it.
        shared.clients.clear();
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_for_client(&self) {
        let shared = self.joined.wait_while(self.shared(), |shared| shared.clients.is_empty());
        drop(shared.unwrap_or_else(PoisonError::into_inner));
    }

    /// Whether somebody has taken it.
    fn give(&self, block: &Block) -> bool {
        // Not while it is held: whoever leaves must not wait for whoever does not take it.
        let clients = self.shared().clients.clone();
        let mut is_taken = false;
        for (id, client) in clients {
            if client.send(Arc::clone(block)).is_ok() {
                is_taken = true;
            } else {
                self.leave(id);
            }
        }
        is_taken
    }

    /// What a client gets that comes now: everything that is read from now on.
    fn join(self: &Arc<Self>, id: u64) -> io::Result<Input> {
        let mut shared = self.shared();
        match &shared.end {
            None => {
                let (sender, blocks) = sync_channel(BLOCKS);
                let share = Share { crowd: Arc::clone(self), blocks, block: Arc::default(), taken: 0 };
                let input = Input::from_reader(share)?;
                shared.clients.push((id, sender));
                self.joined.notify_one();
                Ok(input)
            }
            Some(End::Whole) => Ok(Input::empty()),
            Some(End::Failed(error)) => Err(copied(error)),
        }
    }

    fn leave(&self, id: u64) {
        self.shared().clients.retain(|(other, _)| *other != id);
    }
}

/// Reads stdin as soon as it gives something.
fn read(stdin: &mut Input, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        stdin.wait(&[], LONG)?;
        match stdin.read(buffer) {
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
            other => return other,
        }
    }
}

fn copied(error: &io::Error) -> io::Error {
    error.raw_os_error().map_or_else(|| error.kind().into(), io::Error::from_raw_os_error)
}

/// What one client gets.
struct Share {
    crowd: Arc<Crowd>,
    blocks: Receiver<Block>,
    block: Block,
    /// So much of the block is read.
    taken: usize,
}

impl Read for Share {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.taken == self.block.len() {
            let Ok(block) = self.blocks.recv() else {
                return match &self.crowd.shared().end {
                    Some(End::Failed(error)) => Err(copied(error)),
                    // Or its client has gone, and nobody reads this.
                    Some(End::Whole) | None => Ok(0),
                };
            };
            (self.block, self.taken) = (block, 0);
        }
        let length = buffer.len().min(self.block.len() - self.taken);
        buffer[..length].copy_from_slice(&self.block[self.taken..self.taken + length]);
        self.taken += length;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all_of(mut share: Share) -> (String, Option<io::ErrorKind>) {
        let mut text = String::new();
        let failed = share.read_to_string(&mut text).err().map(|error| error.kind());
        (text, failed)
    }

    /// A client's share without an exchange.
    fn share(crowd: &Arc<Crowd>, id: u64) -> Share {
        let (sender, blocks) = sync_channel(BLOCKS);
        crowd.shared().clients.push((id, sender));
        crowd.joined.notify_one();
        Share { crowd: Arc::clone(crowd), blocks, block: Arc::default(), taken: 0 }
    }

    #[test]
    fn each_gets_all_and_what_nobody_took_is_the_next_ones() {
        let crowd = Arc::<Crowd>::default();
        let gone = share(&crowd, 1);
        drop(gone);
        let feeding = std::thread::spawn({
            let crowd = Arc::clone(&crowd);
            move || crowd.feed(Input::from_bytes(b"all of it".to_vec()))
        });
        // Whoever comes after the one that took nothing.
        while !crowd.shared().clients.is_empty() {
            std::thread::yield_now();
        }
        let late = share(&crowd, 2);
        assert_eq!(all_of(late), ("all of it".to_owned(), None));
        feeding.join().expect("it ends");
        assert!(crowd.join(3).is_ok(), "who comes after the end gets an end");
    }

    #[test]
    fn a_stdin_that_fails_is_no_end() {
        let crowd = Arc::<Crowd>::default();
        let there = share(&crowd, 1);
        let input = Input::from_reader(std::io::Cursor::new(b"half").chain(Fails)).expect("a thread");
        crowd.feed(input);
        assert_eq!(all_of(there), ("half".to_owned(), Some(io::ErrorKind::InvalidData)));
        assert!(crowd.join(2).is_err());
    }

    struct Fails;

    impl Read for Fails {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::InvalidData.into())
        }
    }
}
