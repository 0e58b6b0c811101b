//! Syncs on a thread of its own, so that who waits for one can hear a signal and say the last words.
//!
//! A sync may take minutes, nothing can break it off, and the thread that makes it handles no signal meanwhile. No process
//! ends before its threads: until the disk answers, one that has left is a zombie, and holds the partial's lock. One thread
//! makes all of a receiver's, since a file may be small and a thread for each would take longer than its sync.

use super::partial::Open;
use crate::os::{Directory, SyncAtOnce};
use crate::pace::SLICE;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

/// Before a sync, it is asked at most so often: that costs a system call.
const OFTEN: Duration = Duration::from_millis(10);

/// A sync is waited for: of what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Awaited {
    /// Of content. Nothing of it has its name.
    Content,
    /// Of names that content has already.
    Names,
}

/// What a wait for a sync asks now and then: whether to go on.
pub(crate) type Wanted<'a> = &'a mut dyn FnMut(Awaited) -> bool;

/// What is to be synced.
pub(super) enum Job {
    File(Arc<Open>),
    Directory(Arc<Directory>),
    FileSystem(SyncAtOnce, Arc<Directory>),
}

impl Job {
    fn run(&self) -> io::Result<()> {
        match self {
            Self::File(file) => file.sync_all(),
            Self::Directory(directory) => directory.sync(),
            Self::FileSystem(at_once, root) => at_once.sync(root),
        }
    }
}

/// Why nothing is known to be on the disk.
pub(super) enum NotSynced {
    Failed(io::Error),
    /// Nobody waited for it any more.
    Left,
}

#[derive(Debug, Default)]
pub(super) struct Syncer {
    /// Started with the first sync.
    worker: Option<Worker>,
    /// When it was last asked whether to go on.
    asked: Option<Instant>,
}

#[derive(Debug)]
struct Worker {
    jobs: Sender<Job>,
    done: Receiver<io::Result<()>>,
}

impl Worker {
    fn start() -> io::Result<Self> {
        let (jobs, wanted) = channel::<Job>();
        let (tell, done) = channel();
        thread::Builder::new().name("adieu-sync".into()).spawn(move || {
            for job in wanted {
                let result = job.run();
                // The descriptor, and the lock with it, is given back before it is waited for no more.
                drop(job);
                if tell.send(result).is_err() {
                    break;
                }
            }
        })?;
        Ok(Self { jobs, done })
    }
}

impl Syncer {
    /// Syncs, and asks `wanted` now and then whether it should go on waiting: also between many syncs of which none is long.
    pub(super) fn sync(&mut self, job: Job, wanted: &mut dyn FnMut() -> bool) -> Result<(), NotSynced> {
        if self.asked.is_none_or(|at| at.elapsed() >= OFTEN) {
            self.asked = Some(Instant::now());
            if !wanted() {
                return Err(NotSynced::Left);
            }
        }
        let worker = match self.worker.take() {
            Some(worker) => worker,
            None => match Worker::start() {
                Ok(worker) => worker,
                // No thread is to be had; a sync is.
                Err(_) => return job.run().map_err(NotSynced::Failed),
            },
        };
        let gone = || NotSynced::Failed(io::Error::other("the thread that syncs is gone"));
        worker.jobs.send(job).map_err(|_| gone())?;
        loop {
            match worker.done.recv_timeout(SLICE) {
                Ok(result) => {
                    self.worker = Some(worker);
                    return result.map_err(NotSynced::Failed);
                }
                // A worker that is left ends with its sync; the next job has another.
                Err(RecvTimeoutError::Timeout) if !wanted() => return Err(NotSynced::Left),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(gone()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_makes_many_short_syncs_is_asked_between_them() {
        let file = tempfile::tempfile().and_then(Open::unlocked).expect("there is room");
        let file = Arc::new(file);
        let mut syncer = Syncer::default();
        let mut asked = 0;
        let until = Instant::now() + Duration::from_secs(20);
        // None of them is waited for so long that the wait itself asks.
        while syncer
            .sync(Job::File(Arc::clone(&file)), &mut || {
                asked += 1;
                asked < 4
            })
            .is_ok()
        {
            assert!(Instant::now() < until, "it is asked {asked} times");
        }
        assert_eq!(asked, 4);
    }
}
