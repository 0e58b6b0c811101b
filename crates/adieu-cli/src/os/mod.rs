//! What differs between operating systems in a program: signals, standard descriptors, commands.
//!
//! One folder per platform, all with the same functions, so that nothing above asks which platform it is on.

#[cfg(unix)]
mod unix;
#[cfg(unix)]
pub(crate) use unix::*;

#[cfg(windows)]
mod windows;
#[cfg(windows)]
pub(crate) use windows::*;

#[cfg(windows)]
pub(crate) mod no_commands;
#[cfg(windows)]
pub(crate) use no_commands as command;
#[cfg(not(linux_kernel))]
mod no_orphans;
#[cfg(not(linux_kernel))]
pub(crate) use no_orphans::{leave_to_another, reap_as_init};

/// What the exit status of a command says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(crate) enum ExecStatus {
    /// Anything but 0: then the peer sees a reset
    #[default]
    Check,
    /// Only 126 (it cannot be run), 127 (there is no such command), and 128 or more (a signal ended it)
    Ignore,
}

#[cfg_attr(windows, expect(dead_code, reason = "there are no commands"))]
impl ExecStatus {
    /// Whether a command has done its work. `None`: a signal ended it.
    pub(crate) fn is_good(self, code: Option<i32>) -> bool {
        match self {
            Self::Check => code == Some(0),
            Self::Ignore => code.is_some_and(|code| code < CANNOT_RUN),
        }
    }
}

/// From here on the shell's status says that a command could not be run, or which signal ended it (sh(1p), "Exit Status for
/// Commands").
const CANNOT_RUN: i32 = 126;

/// What became of a connection that was given to a service.
pub(crate) enum Served {
    /// It has ended.
    Ended(Box<adieu::Report>),
    /// One of our own ends cannot be used: the client is dropped, and sees a reset.
    Failed { end: adieu::LocalEnd, error: std::io::Error },
    /// The command could not be started. Nothing has passed, and it may be tried again.
    #[cfg_attr(windows, expect(dead_code, reason = "there are no commands"))]
    NotStarted { connection: Box<adieu::Connection>, error: std::io::Error },
}

/// From here on, `heard` is called with the first signal, on a thread of its own. The second ends the process at once, and the
/// commands that run with it.
pub(crate) fn heed_signals(
    running: command::Running,
    mut heard: impl FnMut(adieu::Signal) + Send + 'static,
) -> std::io::Result<()> {
    signals::on_signal(move |signal, is_later| {
        if is_later {
            // Held to the end: a command that started now would outlive us.
            let _killed = running.kill_all();
            std::process::exit(crate::exit::ExitStatus::of_signal(signal).number().into());
        }
        heard(signal);
    })
}

/// A standard descriptor that a connection uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standard {
    Input,
    Output,
}
