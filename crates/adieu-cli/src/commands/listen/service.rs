//! What a listener does with a connection, with what it takes open.

use super::introduced::Introduced;
use super::plan::Work;
use crate::addresses::named;
use crate::options::exchange::Exchange;
use crate::os::{self, ExecStatus, Served, command};
use crate::{dump, stdio};
use adieu::exchange::{Closes, ExchangeOptions, Output};
use adieu::{Connection, Interrupt, LocalEnd};
use std::fs::File;
use std::io;
use std::time::Duration;

/// [`Work`] with everything opened that can be before somebody has connected.
pub(super) enum Service {
    Standard {
        closes: Option<Closes>,
    },
    Echo,
    /// What is sent comes from stdin, and what comes is thrown away.
    Nowhere,
    File {
        file: File,
        waits_on: bool,
    },
    Command {
        line: String,
        policy: ExecStatus,
        deadline: Option<Duration>,
        running: command::Running,
    },
}

impl Service {
    /// Opens it, so that what cannot be used is known now, and not when somebody has connected.
    pub(super) fn open(work: &Work, exchange: &Exchange) -> Result<Self, (LocalEnd, io::Error)> {
        let check_input = || exchange.input().map(drop);
        Ok(match work {
            Work::Echo => Self::Echo,
            Work::Command { line, policy, deadline } => Self::Command {
                line: line.clone(),
                policy: *policy,
                deadline: *deadline,
                running: command::Running::guarded(),
            },
            Work::File { path, waits_on } => {
                check_input()?;
                let file = stdio::open(path).map_err(|e| (LocalEnd::Output, e))?;
                Self::File { file, waits_on: *waits_on }
            }
            Work::Standard { .. } if exchange.send_only => {
                check_input()?;
                Self::Nowhere
            }
            Work::Standard { closes } => {
                check_input()?;
                drop(exchange.output()?);
                Self::Standard { closes: *closes }
            }
        })
    }

    /// Whether nobody can be served any more: whoever reads our stdout has gone.
    pub(super) fn is_dead(&self) -> bool {
        matches!(self, Self::Standard { .. }) && adieu_os::stdout_reader_has_gone()
    }

    /// How many descriptors one connection takes: its socket; of a command also two pipes, the pidfd twice, and one more at
    /// a time, for an end that is blocked or for the last acknowledgement, without which it would only be slower.
    pub(super) fn descriptors(&self) -> usize {
        match self {
            Self::Standard { .. } | Self::File { .. } | Self::Echo | Self::Nowhere => 1,
            Self::Command { .. } => 6,
        }
    }

    pub(super) fn serve(
        &self,
        connection: Connection,
        exchange: &Exchange,
        dump: Option<dump::Connection>,
        stop: &Interrupt,
        told: Option<&Introduced>,
    ) -> Served {
        // Before anything is opened or started for it.
        let connection = match connection.handshake() {
            Ok(connection) => connection,
            Err(report) => return Served::Ended(report),
        };
        let options: ExchangeOptions = exchange.options(dump);
        let output = match self {
            Self::Echo => return Served::Ended(Box::new(adieu::exchange::echo_with(connection, options))),
            Self::Command { line, policy, deadline, running } => {
                let mut shell = os::shell(line);
                if let Some(told) = told {
                    for (name, address) in [
                        ("ADIEU_PEER", Some(&told.client)),
                        ("ADIEU_LOCAL", Some(&told.local)),
                        ("ADIEU_PROXY_PEER", told.proxy.as_ref()),
                    ] {
                        shell.env(name, named(address).unwrap_or_default());
                    }
                }
                return command::serve(connection, options, shell, *policy, *deadline, stop, running);
            }
            Self::Nowhere => Ok(Output::null()),
            // Before the client is told that its stream was taken.
            Self::Standard { .. } if adieu_os::stdout_reader_has_gone() => Err(adieu_os::broken_pipe()),
            Self::Standard { closes } => stdio::output().map(|output| match closes {
                Some(when) => output.closes_standard(*when),
                None => output,
            }),
            Self::File { file, waits_on: true } => {
                file.try_clone().and_then(Output::try_from).map(Output::empties_at_first_byte)
            }
            Self::File { file, waits_on: false } => {
                adieu_os::empty_file(file).and_then(|()| file.try_clone()).and_then(Output::try_from)
            }
        };
        let output = output.map_err(|error| (LocalEnd::Output, error));
        match exchange.input().and_then(|input| Ok((input, output?))) {
            Ok((input, output)) => {
                Served::Ended(Box::new(adieu::exchange_with(connection, input, output, options)))
            }
            Err((end, error)) => Served::Failed { end, error },
        }
    }

    /// Whether what it sends comes from our stdin.
    pub(super) const fn reads_stdin(&self) -> bool {
        matches!(self, Self::Standard { .. } | Self::File { .. } | Self::Nowhere)
    }

    /// The commands that run; none with the other services.
    pub(super) fn running(&self) -> command::Running {
        if let Self::Command { running, .. } = self { running.clone() } else { command::Running::default() }
    }
}
