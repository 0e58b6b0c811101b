//! What a listener does with a connection.

use super::Args;
use crate::options::InputKind;
use crate::os::{self, ExecStatus, Served, command};
use crate::stdio;
use adieu::exchange::{Closes, Output};
use adieu::{Connection, Interrupt, LocalEnd};
use std::fs::File;
use std::io;
use std::time::Duration;

/// By default a client that sends nothing to stdout keeps our sending side open for this long, if stdin gives nothing.
const STDOUT_CLIENT_GRACE: Duration = Duration::from_secs(2);

/// The same with `--output`, which only receives.
const FILE_CLIENT_GRACE: Duration = Duration::from_secs(30);

/// Resolved from the arguments, with everything opened that can be.
pub(super) enum Service {
    /// Standard input and output, the latter closed after a client's end unless there is another client to come.
    Standard {
        closes: Option<Closes>,
    },
    Echo,
    /// A file, emptied by the first client, or by the first byte if a client without one does not count.
    File {
        file: File,
        waits_on: bool,
    },
    Command {
        line: String,
        policy: ExecStatus,
        /// From the connection's beginning, the command included.
        deadline: Option<Duration>,
        running: command::Running,
    },
}

impl Service {
    pub(super) fn new(args: &Args) -> Result<Self, (LocalEnd, io::Error)> {
        if args.echo {
            return Ok(Self::Echo);
        }
        if let Some(command) = &args.exec {
            let (line, policy) = (command.clone(), args.exec_status);
            let deadline = args.shared.timers.deadline;
            return Ok(Self::Command { line, policy, deadline, running: command::Running::guarded() });
        }
        // Found out now, and not when somebody has connected.
        stdio::input().map_err(|e| (LocalEnd::Input, e))?;
        if let Some(path) = &args.output {
            let file = stdio::open(path).map_err(|e| (LocalEnd::Output, e))?;
            return Ok(Self::File { file, waits_on: args.waits_on() });
        }
        let closes = match (args.keep_open, args.waits_on()) {
            (true, _) => None,
            (false, false) => Some(Closes::Always),
            (false, true) => Some(Closes::AfterAByte),
        };
        stdio::output().map(|_| Self::Standard { closes }).map_err(|e| (LocalEnd::Output, e))
    }

    pub(super) fn input_kind(&self) -> InputKind {
        if let Self::Command { .. } = self { InputKind::Command } else { InputKind::Served }
    }

    /// If our input gives nothing: how long a silent client keeps our sending side open.
    pub(super) fn client_grace(&self) -> Option<Duration> {
        match self {
            Self::Standard { .. } => Some(STDOUT_CLIENT_GRACE),
            Self::File { .. } => Some(FILE_CLIENT_GRACE),
            Self::Echo | Self::Command { .. } => None,
        }
    }

    /// Whether nobody can be served any more: whoever reads our stdout has gone.
    pub(super) fn is_dead(&self) -> bool {
        matches!(self, Self::Standard { .. }) && os::stdout_reader_has_gone()
    }

    /// How many connections it serves at once by default.
    pub(super) fn at_once(&self) -> u32 {
        match self {
            Self::Standard { .. } | Self::File { .. } => 1,
            Self::Echo | Self::Command { .. } => 1024,
        }
    }

    /// How many descriptors one connection takes: its socket; of a command also two pipes, the pidfd twice, and one more at
    /// a time, for an end that is blocked or for the last acknowledgement, without which it would only be slower.
    pub(super) fn descriptors(&self) -> usize {
        match self {
            Self::Standard { .. } | Self::File { .. } | Self::Echo => 1,
            Self::Command { .. } => 6,
        }
    }

    pub(super) fn serve(&self, connection: Connection, stop: &Interrupt) -> Served {
        // Before anything is opened or started for it.
        let connection = match connection.handshake() {
            Ok(connection) => connection,
            Err(report) => return Served::Ended(report),
        };
        let output = match self {
            Self::Echo => return Served::Ended(Box::new(adieu::exchange::echo(connection))),
            Self::Command { line, policy, deadline, running } => {
                return command::serve(connection, line, *policy, *deadline, stop, running);
            }
            // Before the client is told that its stream was taken.
            Self::Standard { .. } if os::stdout_reader_has_gone() => Err(os::broken_pipe()),
            Self::Standard { closes } => stdio::output().map(|output| match closes {
                Some(when) => output.closes_standard(*when),
                None => output,
            }),
            Self::File { file, waits_on: true } => {
                file.try_clone().and_then(Output::try_from).map(Output::empties_at_first_byte)
            }
            Self::File { file, waits_on: false } => {
                stdio::empty(file).and_then(|()| file.try_clone()).and_then(Output::try_from)
            }
        };
        match (stdio::input(), output) {
            (Ok(input), Ok(output)) => Served::Ended(Box::new(adieu::exchange(connection, input, output))),
            (Err(error), _) => Served::Failed { end: LocalEnd::Input, error },
            (_, Err(error)) => Served::Failed { end: LocalEnd::Output, error },
        }
    }

    /// Whether what it sends comes from our stdin.
    pub(super) const fn reads_stdin(&self) -> bool {
        matches!(self, Self::Standard { .. } | Self::File { .. })
    }

    /// The commands that run; none with the other services.
    pub(super) fn running(&self) -> command::Running {
        if let Self::Command { running, .. } = self { running.clone() } else { command::Running::default() }
    }
}
