//! What a listener does with a connection.

use super::Args;
use crate::options::InputKind;
use crate::os::command;
use crate::printer::complain;
use crate::stdio;
use adieu::exchange::Output;
use adieu::{Connection, Interrupt, LocalEnd, Report, describe_error};
use std::fs::File;
use std::io;

/// Resolved from the arguments, with everything opened that can be.
pub(super) enum Service {
    Standard,
    Echo,
    File(File),
    Command { line: String, running: command::Running },
}

impl Service {
    pub(super) fn new(args: &Args) -> Result<Self, (LocalEnd, io::Error)> {
        if args.echo {
            return Ok(Self::Echo);
        }
        if let Some(command) = &args.exec {
            return Ok(Self::Command { line: command.clone(), running: command::Running::default() });
        }
        // Found out now, and not when somebody has connected.
        stdio::input().map_err(|e| (LocalEnd::Input, e))?;
        match &args.output {
            Some(path) => stdio::open(path).map(Self::File).map_err(|e| {
                complain(&format!("cannot write to {}: {}", path.display(), describe_error(&e)));
                (LocalEnd::Output, e)
            }),
            None => stdio::output().map(|_| Self::Standard).map_err(|e| (LocalEnd::Output, e)),
        }
    }

    pub(super) fn input_kind(&self) -> InputKind {
        if let Self::Command { .. } = self { InputKind::Command } else { InputKind::Stdin }
    }

    /// How many connections it serves at once by default.
    pub(super) fn at_once(&self) -> u32 {
        match self {
            Self::Standard | Self::File(_) => 1,
            Self::Echo | Self::Command { .. } => 1024,
        }
    }

    /// How many descriptors one connection takes: its socket; of a command also two pipes, the pidfd, and one more at a
    /// time, for an end that is blocked or for the last acknowledgement, without which it would only be slower.
    pub(super) fn descriptors(&self) -> usize {
        match self {
            Self::Standard | Self::File(_) | Self::Echo => 1,
            Self::Command { .. } => 5,
        }
    }

    pub(super) fn serve(
        &self,
        connection: Connection,
        stop: &Interrupt,
    ) -> Result<Report, (LocalEnd, io::Error)> {
        // Before anything is opened or started for it.
        let connection = match connection.handshake() {
            Ok(connection) => connection,
            Err(report) => return Ok(*report),
        };
        let input = || stdio::input().map_err(|e| (LocalEnd::Input, e));
        let output = |result: io::Result<Output>| result.map_err(|e| (LocalEnd::Output, e));
        Ok(match self {
            Self::Echo => adieu::exchange::echo(connection),
            Self::Standard => adieu::exchange(connection, input()?, output(stdio::output())?),
            Self::File(file) => {
                let input = input()?;
                let file = stdio::empty(file).and_then(|()| file.try_clone()).and_then(Output::try_from);
                adieu::exchange(connection, input, output(file)?)
            }
            Self::Command { line, running } => return command::serve(connection, line, stop, running),
        })
    }

    /// The commands that run; none with the other services.
    pub(super) fn running(&self) -> command::Running {
        if let Self::Command { running, .. } = self { running.clone() } else { command::Running::default() }
    }
}
