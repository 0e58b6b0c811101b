//! `--exec` is not there on Windows.
//!
//! A command that reads a cut stream must be stopped before its stdin is closed, with everything it has started, or it
//! takes what it got for a whole. On Unix a process group does that, and what tells of its end. Here it takes a job object, which nothing
//! makes yet; so the option is refused, and nothing is promised that would not be kept.

use crate::os::{ExecStatus, Served};
use adieu::exchange::ExchangeOptions;
use adieu::{Connection, Interrupt, LocalEnd};
use std::io;

/// Why there are no commands here. `None`: there are.
pub(crate) const REFUSAL: Option<&str> = Some(
    "--exec is not there on Windows: a command that reads a cut stream could not be stopped before its end",
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

/// The commands that run: none.
#[derive(Clone, Default)]
pub(crate) struct Running {}

/// Held while none is started.
pub(crate) struct NoneStarts;

impl Drop for NoneStarts {
    fn drop(&mut self) {}
}

impl Running {
    pub(crate) fn guarded() -> Self {
        Self {}
    }

    #[expect(clippy::unused_self, reason = "elsewhere there are some")]
    pub(crate) fn kill_all(&self) -> NoneStarts {
        NoneStarts
    }
}
