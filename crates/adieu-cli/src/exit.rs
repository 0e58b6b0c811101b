//! The exit statuses: part of the interface.

use adieu::{Ending, Missing, Side, Signal, Timer};
use std::process::ExitCode;

/// Exit statuses, each with what it means where it is listed: in the help and the manual page of a command.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Statuses {
    /// In the order of the numbers.
    pub(crate) meanings: &'static [(u8, &'static str)],
    /// What is to be said of all of them. Empty: nothing.
    pub(crate) note: &'static str,
}

pub(crate) const SUCCESS: u8 = ExitStatus::Success.number();
pub(crate) const BUG: u8 = ExitStatus::Bug.number();
pub(crate) const USAGE: u8 = ExitStatus::Usage.number();
pub(crate) const NO_CONNECTION: u8 = adieu::exit_code(Ending::NoConnection);
pub(crate) const RESET: u8 = adieu::exit_code(Ending::Reset { by: Side::Peer });
pub(crate) const TIMED_OUT: u8 = adieu::exit_code(Ending::TimedOut { timer: Timer::Idle });
pub(crate) const TRUNCATED: u8 = adieu::exit_code(Ending::Truncated);
pub(crate) const LOCAL_FAILURE: u8 = ExitStatus::LocalFailure.number();
pub(crate) const INDETERMINATE: u8 = adieu::exit_code(Ending::Indeterminate { missing: Missing::PeerEof });
pub(crate) const COMMAND_NOT_RUN: u8 = ExitStatus::CommandNotRun.number();
pub(crate) const NO_COMMAND: u8 = ExitStatus::NoCommand.number();
pub(crate) const INTERRUPTED: u8 = ExitStatus::of_signal(Signal::Interrupt).number();
pub(crate) const TERMINATED: u8 = ExitStatus::of_signal(Signal::Terminate).number();

/// Of a connection: `connect`, `listen` and `demo`, and the program as a whole.
pub(crate) const OF_A_CONNECTION: Statuses = Statuses {
    meanings: &[
        (
            SUCCESS,
            "graceful: both directions ended, and everything that was sent was acknowledged (over UDP: nothing was refused)",
        ),
        (BUG, "a bug in adieu"),
        (USAGE, "usage: the command line is wrong, and nothing was done"),
        (NO_CONNECTION, "no connection: the name, the route, a refusal, the proxy, or the TLS handshake"),
        (RESET, "reset, by the peer or by adieu"),
        (TIMED_OUT, "a time limit passed, or bytes were left unacknowledged"),
        (
            TRUNCATED,
            "truncated: the stream was cut, for example TLS without close_notify (over UDP: datagrams are known to be lost)",
        ),
        (LOCAL_FAILURE, "adieu's own input or output failed: stdin, stdout, a file, or the command"),
        (INDETERMINATE, "indeterminate: a fact that \"graceful\" needs could not be learnt"),
        (INTERRUPTED, "interrupted by SIGINT (Ctrl-C)"),
        (TERMINATED, "terminated by SIGTERM, or by SIGHUP because the terminal was closed"),
    ],
    note: "",
};

/// Of a command that only prints.
pub(crate) const OF_PRINTING: Statuses = Statuses {
    meanings: &[
        (SUCCESS, "it was printed"),
        (BUG, "a bug in adieu"),
        (USAGE, "usage: the command line is wrong"),
        (LOCAL_FAILURE, "it could not be written"),
    ],
    note: "",
};

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
    use adieu::LocalEnd;

    #[test]
    fn the_table_has_a_line_for_every_ending() {
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
        for number in numbers.into_iter().chain([BUG, USAGE]) {
            assert!(OF_A_CONNECTION.meanings.iter().any(|(listed, _)| *listed == number), "{number}");
        }
    }
}
