//! A scenario's program as a thread of this process: how a library's own driver is held against the matrix.

use super::{Endpoint, Exit, Observed, Program};
use crate::scenario::Signal;
use serde_json::Value;
use std::{
    fs::File,
    io,
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};

/// What a driver in this process is given, in place of a command line and standard streams.
#[derive(Debug)]
pub struct Given {
    /// What to connect to.
    pub endpoint: Endpoint,
    /// Where the bytes to send come from.
    pub stdin: File,
    /// Where the received bytes go.
    pub stdout: File,
}

/// Called on the driver's thread first: goes where the target is.
pub type Enter = Box<dyn FnOnce() -> io::Result<()> + Send>;

pub(super) struct InProcess<S> {
    stop: S,
    told: mpsc::Receiver<io::Result<Value>>,
}

impl<S> InProcess<S> {
    /// Starts a thread that is not joined: one that hangs is left behind with all it holds, and the scenario fails.
    pub(super) fn start(
        name: &str,
        enter: Option<Enter>,
        given: Given,
        stop: S,
        drive: impl FnOnce(Given) -> Value + Send + 'static,
    ) -> io::Result<Self> {
        let (tell, told) = mpsc::channel();
        thread::Builder::new().name(name.into()).spawn(move || {
            let entered = enter.map_or(Ok(()), |enter| enter());
            // Nobody listens any more after a hang.
            let _ = tell.send(entered.map(|()| drive(given)));
        })?;
        Ok(Self { stop, told })
    }
}

impl<S: Fn(Signal) + Clone + Send> Program for InProcess<S> {
    fn signaller(&self) -> impl FnOnce(Signal) -> io::Result<()> + Send + use<S> {
        let stop = self.stop.clone();
        move |signal| {
            stop(signal);
            Ok(())
        }
    }

    fn wait(self, limit: Duration, observed: &mut Observed) {
        match self.told.recv_timeout(limit) {
            Ok(Ok(report)) => {
                let code = report.get("exit_code").and_then(Value::as_i64);
                observed.exit = code.and_then(|code| i32::try_from(code).ok()).map(Exit::Code);
                observed.stderr = report.to_string();
            }
            Ok(Err(error)) => observed.trouble.push(format!("entering where the target is: {error}")),
            Err(RecvTimeoutError::Timeout) => observed.hung = true,
            Err(RecvTimeoutError::Disconnected) => observed.trouble.push("the driver panicked".into()),
        }
    }
}
