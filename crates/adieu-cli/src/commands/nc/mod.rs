//! `adieu nc`: a netcat by the command lines, the messages and the exit statuses that scripts know, which tells the truth.
//!
//! Its command lines are getopt's, and it has to start quickly, so it goes past clap. `flavour` says whose command line it is,
//! `plan` what it asks for, and `run` does it. The definition that clap has of it serves the help, the manual page and the
//! completions alone.

mod flavour;
mod plan;
mod run;

use self::flavour::Flavour;
use self::plan::Plan;
use crate::exit::ExitStatus;
use crate::printer::complain;
use std::ffi::{OsStr, OsString};
use std::path::Path;

/// A drop-in netcat that tells the truth: nc's own options, also by the names nc, netcat and ncat
///
/// Its options are those of the netcat that it stands for: see `adieu nc -h`, and docs/nc.md for what is different and why.
/// ADIEU_NC_FLAVOUR=debian, openbsd, traditional or ncat says which.
#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Args {
    /// The netcat's command line
    #[arg(value_name = "WORD", trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<OsString>,
}

/// A command line that is a netcat's.
pub(crate) struct Invocation<'a> {
    /// The first word of the process, as getopt's messages have it; `nc` for `adieu nc`.
    called: &'a OsStr,
    /// The options and operands.
    words: &'a [OsString],
}

impl<'a> Invocation<'a> {
    /// `None`: the command line is not a netcat's.
    pub(crate) fn of(words: &'a [OsString]) -> Option<Self> {
        let (called, rest) = words.split_first()?;
        match rest.split_first() {
            _ if Flavour::of_program(&file_name(called)).is_some() => Some(Self { called, words: rest }),
            Some((command, words)) if command == "nc" => Some(Self { called: command, words }),
            _ => None,
        }
    }

    /// Does what it says.
    pub(crate) fn run(&self) -> ExitStatus {
        self.plan().map_or_else(
            |why| {
                complain(&why);
                ExitStatus::Usage
            },
            run::run,
        )
    }

    fn plan(&self) -> Result<Plan, String> {
        let name = file_name(self.called);
        let flavour = match std::env::var_os("ADIEU_NC_FLAVOUR") {
            Some(value) if !value.is_empty() => Flavour::of_variable(&value)?,
            _ => Flavour::of_program(&name).unwrap_or(Flavour::Debian),
        };
        Err(format!("{flavour}: {} words: this build does not read them", self.words.len()))
    }
}

/// The file name of a program, without what Windows puts at its end.
fn file_name(program: &OsStr) -> String {
    let name = Path::new(program).file_name().unwrap_or(program).to_string_lossy();
    name.strip_suffix(".exe").unwrap_or(&name).to_owned()
}

impl Args {
    /// Of a command line that clap has read.
    pub(crate) fn run(&self) -> ExitStatus {
        Invocation { called: OsStr::new("nc"), words: &self.words }.run()
    }
}
