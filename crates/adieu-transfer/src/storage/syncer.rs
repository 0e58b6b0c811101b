//! Syncs on a thread of its own, so that who waits for one can leave.
//!
//! A sync may take minutes, nothing can break it off, and the thread that makes it handles no signal meanwhile: not even the
//! second, which should end the process at once. One thread makes all of a receiver's, since a file may be small and a
//! thread for each would take longer than its sync.

use crate::os::{Directory, SyncAtOnce};
use crate::pace::SLICE;
use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;

/// What is to be synced.
pub(super) enum Job {
    File(Arc<File>),
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
    /// Syncs, and asks `wanted` now and then whether it should go on waiting.
    pub(super) fn sync(&mut self, job: Job, wanted: &mut dyn FnMut() -> bool) -> Result<(), NotSynced> {
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
