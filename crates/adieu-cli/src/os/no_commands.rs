//! `--exec` is not there but on Linux.
//!
//! A command that reads a cut stream must be stopped before its stdin is closed, with everything it has started, or it
//! takes what it got for a whole. On Linux a process group and a pidfd do that. On Windows it takes a job object, elsewhere
//! another way to wait for a process, which nothing here makes yet; so the option is refused, and nothing is promised that
//! would not be kept.

use crate::os::{ExecStatus, Served};
use adieu::exchange::ExchangeOptions;
use adieu::{Connection, Interrupt, LocalEnd};
use std::io;

/// Why there are no commands here. `None`: there are.
pub(crate) const REFUSAL: Option<&str> = Some(
    "--exec is there on Linux alone: elsewhere a command that reads a cut stream could not be stopped before its end",
);

pub(crate) fn serve(
    _: Connection,
    _: ExchangeOptions,
    _: std::process::Command,
    _: ExecStatus,
    _: Option<std::time::Duration>,
    _: &Interrupt,
    _: &Running,
) -> Served {
    Served::Failed { end: LocalEnd::Command, error: io::ErrorKind::Unsupported.into() }
}

/// Nobody has orphans here.
pub(crate) fn leave_to_another() -> io::Result<()> {
    Ok(())
}

/// The commands that run: none.
#[derive(Clone, Default)]
pub(crate) struct Running;

/// Held while none is started.
pub(crate) struct NoneStarts;

impl Drop for NoneStarts {
    fn drop(&mut self) {}
}

impl Running {
    pub(crate) fn guarded() -> Self {
        Self
    }

    #[expect(clippy::unused_self, reason = "elsewhere there are some")]
    pub(crate) fn kill_all(&self) -> NoneStarts {
        NoneStarts
    }
}

/// Nothing: there is no process here whom others are left to.
#[expect(clippy::unnecessary_wraps, reason = "elsewhere it may fail")]
pub(crate) fn reap_as_init() -> io::Result<()> {
    Ok(())
}
