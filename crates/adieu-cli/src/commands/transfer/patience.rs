//! What may block for ever, such as opening a FIFO, is done on a thread of its own, so that a signal or the deadline ends the wait.

use std::io;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

/// While it is waited for, a signal and the deadline are looked at so often.
const LOOK: Duration = Duration::from_millis(50);

/// Does what may block for ever, such as opening a FIFO, on a thread of its own. `go_on` is asked now and then, and `Ok(None)` is
/// that it did not want to.
pub(crate) fn wait_for<R: Send + 'static>(
    work: impl FnOnce() -> io::Result<R> + Send + 'static,
    go_on: &dyn Fn() -> bool,
) -> io::Result<Option<R>> {
    let (done, result) = mpsc::channel();
    // It may be that nobody waits for it any more.
    thread::Builder::new().name("adieu-open".into()).spawn(move || drop(done.send(work())))?;
    loop {
        match result.recv_timeout(LOOK) {
            Ok(result) => return result.map(Some),
            Err(RecvTimeoutError::Timeout) if go_on() => {}
            Err(RecvTimeoutError::Timeout) => return Ok(None),
            Err(RecvTimeoutError::Disconnected) => return Err(io::Error::other("its reader is gone")),
        }
    }
}
