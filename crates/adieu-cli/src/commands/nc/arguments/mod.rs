//! A netcat's command line, read as its own program reads it, and resolved to a plan.
//!
//! | part | is |
//! | --- | --- |
//! | `getopt` | options and operands in getopt's ways, with getopt's messages |
//! | `tables` | the options of each flavour, and how far each is that of the original |
//! | `numbers` | numbers, times and ports as the C library's functions read them |
//! | `openbsd`, `traditional`, `ncat` | what each flavour makes of them, checked in its order and refused in its words |
//! | `access` | who may connect: ncat's host specifications |
//!
//! Every refusal is a [`Stop`]: the text that the flavour prints, and its exit status.

mod access;
mod getopt;
mod ncat;
mod numbers;
mod openbsd;
pub(super) mod tables;
#[cfg(test)]
pub(super) mod tests;
mod traditional;

use super::flavour::Flavour;
use super::plan::{AtInputEnd, ExitRule, Family, Mode, Plan, SocketChoices, Transport};
use crate::exit::ExitStatus;
use crate::options::access::Access;
use crate::options::reporting::Reports;
use crate::{printer, said, stdout};
use std::ffi::{OsStr, OsString};

/// What the process itself says, beside the command line.
#[derive(Debug, Clone)]
pub(super) struct Surroundings {
    pub(super) flavour: Flavour,
    /// The first word of the process, which getopt's messages begin with.
    pub(super) called: OsString,
    /// Its file name, which the other messages begin with.
    pub(super) program: String,
    pub(super) exit: ExitRule,
    /// `ADIEU_NC_EXEC=allow`: the traditional netcat's `-e` and `-c` are wanted.
    pub(super) allows_exec: bool,
    pub(super) reports: Reports,
}

/// Why nothing is run: a text, where it belongs, and the exit status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stop {
    /// Whole lines, the last one with its end.
    pub(super) text: String,
    pub(super) on_stdout: bool,
    pub(super) status: u8,
}

impl Stop {
    /// A text on stderr. The end of its last line is added.
    fn new(text: impl AsRef<str>, status: u8) -> Self {
        Self { text: format!("{}\n", text.as_ref()), on_stdout: false, status }
    }

    /// A usage error of ours: of no flavour.
    pub(super) fn refused(text: &str) -> Self {
        Self::new(text, ExitStatus::Usage.number())
    }

    /// Says it, and gives the exit status.
    pub(super) fn conclude(self) -> ExitStatus {
        if self.on_stdout {
            let printed = stdout::print(self.text.as_bytes());
            return if printed == ExitStatus::Success { ExitStatus::Netcat(self.status) } else { printed };
        }
        if said::is_json() {
            printer::complain(self.text.trim_end());
        } else {
            said::page(&self.text);
        }
        ExitStatus::Netcat(self.status)
    }
}

/// The plan of a command line. `words`: all but the program's name.
///
/// # Errors
///
/// There is nothing to run: the help was asked for, or the command line is refused.
pub(super) fn plan(around: &Surroundings, words: &[OsString]) -> Result<Plan, Stop> {
    match around.flavour {
        Flavour::Debian | Flavour::OpenBsd => openbsd::plan(around, words),
        Flavour::Traditional => traditional::plan(around, words),
        Flavour::Ncat => ncat::plan(around, words),
    }
}

/// A plan that connects to nothing yet, with nothing asked for.
fn blank(around: &Surroundings) -> Plan {
    Plan {
        flavour: around.flavour,
        program: around.program.clone(),
        verbosity: 0,
        tells_tests: false,
        mode: Mode::Connect { host: String::new(), ports: Vec::new() },
        transport: Transport::Tcp,
        family: Family::Any,
        numeric: false,
        source: None,
        source_port: None,
        connect_timeout: None,
        idle_timeout: None,
        interval: None,
        at_input_end: AtInputEnd::KeepOpen,
        zero_io: false,
        randomize: false,
        keep_listening: false,
        detached: false,
        send_only: false,
        recv_only: false,
        crlf: false,
        telnet: false,
        receive_limit: None,
        passes_socket: false,
        exec: None,
        tls: None,
        proxy: None,
        access: Access::default(),
        max_connections: None,
        socket: SocketChoices::default(),
        dumps: Vec::new(),
        exit: around.exit,
        reports: around.reports.clone(),
    }
}

/// A word that must be text: a host, a port, a number.
fn text(word: &OsStr) -> String {
    word.to_string_lossy().into_owned()
}

/// What is said of an option that is left out.
fn not_supported(program: &str, option: &str, because: &str) -> String {
    format!("{program}: {option}: not supported, because {because}")
}
