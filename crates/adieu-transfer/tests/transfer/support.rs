//! Places, contents, and a whole transfer in this process.

use crate::memory::{BOUND, End, Fault, Killed, pair, silence_kills};
use adieu::{ConnectOptions, Connection, Endpoint, Limits, ListenOptions, Listener};
use adieu_transfer::{
    ReceiveOptions, Secret, SendOptions, Sources, Storage, TransferEvent, TransferOutcome, Wire,
};
use std::cell::RefCell;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;
use tempfile::TempDir;

/// In memory where there is such a place, so that no disk is waited for.
pub(crate) fn place() -> TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    made.expect("there is room for a directory")
}

/// Bytes that differ at every place.
pub(crate) fn content(seed: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_be_bytes());
    hasher.finalize_xof().fill(&mut bytes);
    bytes
}

pub(crate) fn write(path: &Path, bytes: &[u8]) -> PathBuf {
    std::fs::write(path, bytes).expect("it can be written");
    path.to_owned()
}

/// An observer that never cancels.
pub(crate) fn go_on(_: TransferEvent<'_>) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

#[derive(Debug, Clone, Default)]
pub(crate) struct How {
    pub(crate) resume: bool,
    pub(crate) preserve: bool,
    pub(crate) secrets: [Option<&'static str>; 2],
    /// The receiver's, for its disk.
    pub(crate) deadline: Option<Instant>,
}

impl How {
    fn secret(&self, side: usize) -> Option<Secret> {
        self.secrets[side].and_then(|s| Secret::new(s.as_bytes()))
    }

    pub(crate) fn sending(&self) -> SendOptions {
        let (resume, preserve) = (self.resume, self.preserve);
        SendOptions { resume, preserve, secret: self.secret(0), ..SendOptions::default() }
    }

    pub(crate) fn receiving(&self) -> ReceiveOptions {
        let (resume, secret, deadline) = (self.resume, self.secret(1), self.deadline);
        ReceiveOptions { resume, secret, deadline, ..ReceiveOptions::default() }
    }
}

/// What a side came to, and in how many steps. `None`: it was killed.
pub(crate) type Ended = Option<(TransferOutcome, u64)>;

/// One transfer in memory; each side has its fault. A step of the transfer is a step in which a side may die, too.
pub(crate) fn transfer(paths: &[PathBuf], target: &Path, how: &How, faults: [Fault; 2]) -> (Ended, Ended) {
    silence_kills();
    let (sender, receiver) = pair(faults);
    let storage = Storage::at(target).expect("the target can be written to");
    std::thread::scope(|scope| {
        let sending = scope.spawn(|| {
            run(sender, |link, observe| {
                let sources = Sources::new(paths).expect("they are there");
                adieu_transfer::send(link, &sources, &how.sending(), observe)
            })
        });
        let receiving = scope.spawn(|| {
            let mut storage = storage;
            run(receiver, |link, observe| {
                adieu_transfer::receive(link, &mut storage, &how.receiving(), observe)
            })
        });
        (ended(sending.join()), ended(receiving.join()))
    })
}

fn ended(joined: std::thread::Result<(TransferOutcome, u64)>) -> Ended {
    match joined {
        Ok(ended) => Some(ended),
        Err(payload) if payload.is::<Killed>() => None,
        Err(payload) => std::panic::resume_unwind(payload),
    }
}

fn run(
    end: End,
    side: impl FnOnce(&mut Shared<'_>, &mut dyn FnMut(TransferEvent<'_>) -> ControlFlow<()>) -> TransferOutcome,
) -> (TransferOutcome, u64) {
    let end = RefCell::new(end);
    let outcome = side(&mut Shared(&end), &mut |_| {
        end.borrow_mut().step();
        ControlFlow::Continue(())
    });
    (outcome, end.into_inner().finish())
}

/// An end that its observer may use too.
pub(crate) struct Shared<'a>(&'a RefCell<End>);

impl adieu_transfer::Transport for Shared<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.0.borrow_mut().read(buffer)
    }

    fn read_within(
        &mut self,
        buffer: &mut [u8],
        limit: std::time::Duration,
    ) -> std::io::Result<Option<usize>> {
        // Patience with a silent peer is bounded by the test's.
        self.0.borrow_mut().read_within(buffer, limit.min(BOUND))
    }

    fn write_all(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.0.borrow_mut().write_all(bytes)
    }

    fn shutdown_send(&mut self) -> std::io::Result<()> {
        self.0.borrow_mut().shutdown_send()
    }

    #[cfg(unix)]
    fn watched(&self) -> Vec<std::os::fd::BorrowedFd<'_>> {
        Vec::new()
    }
}

/// One transfer over loopback, with something that is done at each side's steps.
pub(crate) fn over_tcp(
    paths: &[PathBuf],
    target: &Path,
    how: &How,
    at_sender: &mut (dyn FnMut(TransferEvent<'_>) + Send),
    at_receiver: &mut (dyn FnMut(TransferEvent<'_>) + Send),
) -> (TransferOutcome, TransferOutcome) {
    let limits = Limits::new().idle_timeout(BOUND);
    let listening = ListenOptions::new().limits(limits.clone());
    let options = ConnectOptions::new().limits(limits);
    let listener = Listener::bind(&Endpoint::tcp("127.0.0.1", 0), &listening).expect("loopback");
    let endpoint = listener.local_endpoint().clone();
    let mut storage = Storage::at(target).expect("the target can be written to");
    std::thread::scope(|scope| {
        let sending = scope.spawn(|| {
            let sources = Sources::new(paths).expect("they are there");
            let connection = adieu::connect(&endpoint, &options).expect("it listens");
            let mut wire = Wire::new(connection, None);
            let outcome = adieu_transfer::send(&mut wire, &sources, &how.sending(), &mut |event| {
                at_sender(event);
                ControlFlow::Continue(())
            });
            wire.finish();
            outcome
        });
        let mut wire = Wire::new(accept(&listener), None);
        let received = adieu_transfer::receive(&mut wire, &mut storage, &how.receiving(), &mut |event| {
            at_receiver(event);
            ControlFlow::Continue(())
        });
        wire.finish();
        (sending.join().expect("it does not panic"), received)
    })
}

/// The next client. A test to which nobody connects fails.
pub(crate) fn accept(listener: &Listener) -> Connection {
    listener.accept_within(BOUND).expect("it listens").expect("somebody connects")
}

/// Every file that is a partial, below a directory.
pub(crate) fn partials(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).expect("it can be listed") {
        let path = entry.expect("it can be listed").path();
        if path.is_dir() {
            found.extend(partials(&path));
        } else if path.to_string_lossy().contains(".adieu-partial") {
            found.push(path);
        }
    }
    found
}
