//! The exit statuses: part of the interface.

use adieu::{Ending, Signal};
use std::process::ExitCode;

/// What `--help` and the man page say of the exit status.
pub(crate) const TABLE: &str = "\
Exit status:
  0    graceful: both directions ended by EOF, everything was acknowledged, nothing spoke against it
       (over UDP: nothing was refused, and more is not told there)
  1    a bug in adieu
  2    usage
  3    no connection: name, route, refusal, proxy, TLS handshake
  4    reset (by the peer, or aborted by us because the user asked for it)
  5    timed out, or the deadline passed; also bytes left unacknowledged
  6    truncated or not confirmed: no close_notify, for example; over UDP: some are known to be lost
  7    our own input or output failed: stdin, stdout, disk, the command
  8    indeterminate: a fact needed for \"graceful\" could not be had
  130  interrupted (SIGINT)
  143  terminated (SIGTERM, or SIGHUP: the terminal was closed)

A service (--keep-open, relay) that SIGTERM has stopped exits 0 if every connection ended
by itself within --grace, and 4 if one had to be aborted. check exits 0 if all are open,
and 3 if not.";

/// The same, after examples: one command line a line, indented.
pub(crate) fn table_after(examples: &str) -> String {
    format!("Examples:\n{examples}\n\n{TABLE}")
}

/// How the process ends. The endings' own numbers come from [`adieu::exit_code`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExitStatus {
    /// All is well, and there was no connection to speak of.
    Success,
    /// adieu has a bug: it panicked.
    Bug,
    /// The arguments are wrong (clap uses the same number).
    Usage,
    /// Our own input or output failed, outside of a connection.
    LocalFailure,
    /// The command that was to follow cannot be run, as env(1) and a shell have it.
    CommandNotRun,
    /// There is no such command, as env(1) and a shell have it.
    NoCommand,
    /// What a connection's report says.
    Ending(u8),
    /// What a netcat of this flavour exits with: not the numbers of the table.
    Netcat(u8),
}

impl ExitStatus {
    /// A signal ended it.
    pub(crate) const fn of_signal(signal: Signal) -> Self {
        Self::Ending(adieu::exit_code(Ending::Interrupted { signal }))
    }

    pub(crate) const fn number(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Bug => 1,
            Self::Usage => 2,
            Self::LocalFailure => 7,
            Self::Ending(number) | Self::Netcat(number) => number,
            Self::CommandNotRun => 126,
            Self::NoCommand => 127,
        }
    }
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        Self::from(status.number())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use adieu::{LocalEnd, Missing, Side, Timer};

    #[test]
    fn the_table_has_a_line_for_every_status() {
        let endings = [
            Ending::Graceful,
            Ending::NoConnection,
            Ending::Reset { by: Side::Peer },
            Ending::TimedOut { timer: Timer::Idle },
            Ending::Truncated,
            Ending::LocalFailure { end: LocalEnd::Input },
            Ending::Indeterminate { missing: Missing::PeerEof },
            Ending::Interrupted { signal: Signal::Interrupt },
            Ending::Interrupted { signal: Signal::Terminate },
            Ending::Interrupted { signal: Signal::Hangup },
        ];
        let numbers: Vec<u8> = endings.into_iter().map(adieu::exit_code).collect();
        assert_eq!(numbers, [0, 3, 4, 5, 6, 7, 8, 130, 143, 143]);
        for number in numbers.into_iter().chain([ExitStatus::Bug.number(), ExitStatus::Usage.number()]) {
            assert!(
                TABLE.lines().any(|line| line.trim_start().starts_with(&format!("{number} "))),
                "{number}"
            );
        }
    }
}
