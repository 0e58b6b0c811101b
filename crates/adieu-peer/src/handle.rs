//! A peer at work on its own thread, and the handle of its owner.

use crate::control::Control;
use crate::endpoint::{Bind, Endpoint};
use crate::log::{Failure, FailureKind, PeerLog};
use crate::script::{Action, Script, Site};
use crate::{perform, rendezvous};
use std::io;
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// A running peer. Dropping it releases it and waits for its thread.
#[derive(Debug)]
pub struct PeerHandle {
    endpoint: Option<Endpoint>,
    control: Arc<Control>,
    thread: Option<JoinHandle<PeerLog>>,
}

impl PeerHandle {
    /// Starts a peer that listens and performs `script` on the first connection.
    ///
    /// # Errors
    ///
    /// What the system says when it cannot listen.
    pub fn listen(bind: Bind, script: &'static Script) -> io::Result<Self> {
        Self::listen_at(bind, script, Site::default())
    }

    /// As [`PeerHandle::listen`], at another site.
    ///
    /// # Errors
    ///
    /// What the system says when the site cannot be entered or listened in.
    pub fn listen_at(bind: Bind, script: &'static Script, mut site: Site) -> io::Result<Self> {
        let (ready, listening) = mpsc::channel();
        let mut handle = Self::spawn(script, move |control| {
            let entered = site.enter.as_mut().map_or(Ok(()), |enter| enter());
            let listener = entered.and_then(|()| rendezvous::Listener::open(bind, script));
            let listener = match listener {
                Ok(listener) => listener,
                Err(error) => {
                    let _ = ready.send(Err(error));
                    return Err((FailureKind::Os, "cannot listen".to_owned()));
                }
            };
            let _ = ready.send(Ok(listener.endpoint().clone()));
            Ok((listener.accept(control)?, site.cut))
        })?;
        let endpoint = listening.recv().map_err(|_| io::Error::other("the peer's thread died"))??;
        handle.endpoint = Some(endpoint);
        Ok(handle)
    }

    /// Starts a peer that connects, and performs `script`, as soon as `find` gives the endpoint. It is asked
    /// again and again, for at most [`STEP_BOUND`](crate::STEP_BOUND): it may wait for a program to write its port into a file.
    ///
    /// # Errors
    ///
    /// What the system says when no thread can be had.
    pub fn connect(
        find: impl FnMut() -> Option<Endpoint> + Send + 'static,
        script: &'static Script,
    ) -> io::Result<Self> {
        Self::spawn(script, move |control| Ok((rendezvous::connect(control, find)?, None)))
    }

    fn spawn(
        script: &'static Script,
        connect: impl FnOnce(&Control) -> Result<(rendezvous::Connection, Option<Action>), (FailureKind, String)>
        + Send
        + 'static,
    ) -> io::Result<Self> {
        let control = Arc::new(Control::default());
        let shared = Arc::clone(&control);
        let thread = thread::Builder::new().name("peer".into()).spawn(move || {
            let log = match connect(&shared) {
                Ok((connection, cut)) => perform::perform(script, connection, cut, &shared),
                Err((kind, what)) => {
                    PeerLog { failure: Some(Failure { step: None, kind, what }), ..PeerLog::default() }
                }
            };
            shared.ended.reach(1);
            log
        })?;
        Ok(Self { endpoint: None, control, thread: Some(thread) })
    }

    /// Where the peer listens.
    ///
    /// # Panics
    ///
    /// If this peer connects.
    pub fn endpoint(&self) -> &Endpoint {
        self.endpoint.as_ref().expect("only a listening peer has an endpoint")
    }

    /// Waits until the script has come to the step with this index, or beyond, and says whether it has.
    pub fn wait_for_step(&self, step: usize, bound: Duration) -> bool {
        self.control.step.wait_for(step as u64, bound)
    }

    /// Waits until the script has ended, or failed, and says whether it has.
    pub fn wait_for_end(&self, bound: Duration) -> bool {
        self.control.ended.wait_for(1, bound)
    }

    /// Tells the peer that the program has exited: [`Step::Hold`](crate::Step::Hold) ends, and every other wait soon does.
    pub fn release(&self) {
        self.control.released_at.get_or_init(Instant::now);
        self.control.released.reach(1);
    }

    /// Releases the peer, waits for it, and gives its log.
    ///
    /// # Panics
    ///
    /// If the peer's thread did, which is a bug of this crate.
    pub fn finish(mut self) -> PeerLog {
        self.release();
        let thread = self.thread.take().expect("the thread is taken here only");
        thread.join().expect("the peer's thread writes failures down and does not panic")
    }
}

impl Drop for PeerHandle {
    fn drop(&mut self) {
        self.release();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
