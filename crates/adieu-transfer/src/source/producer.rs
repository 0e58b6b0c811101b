//! A command whose output is what is sent, and whose exit status says whether that was all of it.

use super::error::SourceError;
use std::fmt;
use std::fs::File;
use std::io;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

/// Makes the command, once for each attempt.
#[derive(Clone)]
pub(crate) struct Producer(Arc<dyn Fn() -> Command + Send + Sync>);

impl fmt::Debug for Producer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Producer")
    }
}

impl Producer {
    pub(crate) fn new(make: impl Fn() -> Command + Send + Sync + 'static) -> Self {
        Self(Arc::new(make))
    }

    /// Starts it. Its output is read from the file.
    pub(crate) fn start(&self) -> Result<(Running, File), SourceError> {
        let fail = |e| SourceError::new("start", "the command".as_ref(), e);
        let mut command = self.0();
        let is_group = adieu_os::lead_group(&mut command);
        let mut child = command.stdout(Stdio::piped()).spawn().map_err(fail)?;
        let output = child.stdout.take().ok_or_else(|| fail(io::ErrorKind::BrokenPipe.into()))?;
        let running = Running { child, is_group, has_ended: false };
        #[cfg(unix)]
        let file = File::from(std::os::fd::OwnedFd::from(output));
        #[cfg(windows)]
        let file = File::from(std::os::windows::io::OwnedHandle::from(output));
        Ok((running, file))
    }
}

/// A command that was started. If the transfer ends before it does, it is stopped, with all that it started if it can be.
pub(crate) struct Running {
    child: Child,
    /// It leads a group of its own.
    is_group: bool,
    /// It was waited for, so its number may be another's.
    has_ended: bool,
}

impl Running {
    /// Whether it has ended, and well.
    ///
    /// # Errors
    ///
    /// It has ended otherwise: what it gave is not all of it.
    pub(crate) fn has_ended_well(&mut self) -> Result<bool, SourceError> {
        let status = self.child.try_wait();
        self.has_ended = !matches!(status, Ok(None));
        match status {
            Ok(None) => Ok(false),
            Ok(Some(status)) if status.success() => Ok(true),
            Ok(Some(status)) => Err(SourceError::words(format!(
                "the command failed ({status}): what it gave is not sent as whole"
            ))),
            Err(error) => Err(SourceError::new("wait for", "the command".as_ref(), error)),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.has_ended {
            return;
        }
        adieu_os::stop_command(&mut self.child, self.is_group);
        // It is gone by then, or is so in a moment.
        let _ = self.child.wait();
    }
}
