//! `adieu nc`: a netcat by the command lines, the messages and the exit statuses that scripts know, which tells the truth.
//!
//! Its command lines are getopt's, and it has to start quickly, so it goes past clap. `flavour` says whose command line it is,
//! `arguments` reads it, `plan` is what it asks for, and `run` does it; `help` and `explain` say what it would do. The
//! definition that clap has of it serves the help, the manual page and the completions alone.

mod arguments;
#[cfg(test)]
mod document;
mod explain;
mod flavour;
mod guide;
mod help;
mod plan;
mod run;

pub(crate) use guide::GUIDE;
pub(crate) use help::options_for_manual;

use self::arguments::{Stop, Surroundings};
use self::flavour::Flavour;
use self::plan::ExitRule;
use crate::exit::ExitStatus;
use crate::no_plan::NoPlan;
use crate::options::reporting::{Kind, ReportFormat, Reports};
use crate::{said, stdout};
use clap::ValueEnum;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// Take netcat's own command lines, and tell the truth about how the connection ended
///
/// adieu is a netcat if it is called as adieu nc, or by the names nc, netcat or ncat (a link). Its options are those of the netcat
/// that it stands for, and it moves the same bytes. Where the original exits 0 after a reset, after a cut answer, or with bytes
/// that nobody acknowledged, adieu exits 1 and says so in one sentence.
///
/// The variable ADIEU_NC_FLAVOUR (debian, openbsd, traditional or ncat) says whose command line it is. adieu nc -h lists the options
/// of that flavour, and docs/nc.md has each difference with its reason.
#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Args {
    /// The netcat's command line
    #[arg(value_name = "WORD", trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<OsString>,
}

impl Args {
    /// Of a command line that clap has read.
    pub(crate) fn run(&self) -> ExitStatus {
        Invocation { called: OsStr::new("nc"), words: &self.words }.run()
    }
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
        let around = match self.surroundings() {
            Ok(around) => around,
            Err(why) => return NoPlan::refused(why).conclude(),
        };
        if self.words.first().is_some_and(|word| word == "--explain") {
            return self.explain(&around);
        }
        // Only ncat knows the word, and whoever tries it elsewhere wants what -h says, with examples, and perhaps through a pager.
        let help = [OsString::from("-h")];
        let asks_for_help = matches!(self.words, [word] if word == "--help");
        match arguments::plan(&around, if asks_for_help { &help } else { self.words }) {
            Ok(plan) => run::run(plan),
            Err(stop) if asks_for_help => {
                let text = format!(
                    "{}\n{}\nMore of each option: adieu man nc.\n",
                    stop.text,
                    GUIDE.examples(usize::MAX)
                );
                Stop { text, on_stdout: true, ..stop }.conclude()
            }
            Err(stop) => stop.conclude(),
        }
    }

    /// `--explain LINE`.
    fn explain(&self, around: &Surroundings) -> ExitStatus {
        let [_, line] = self.words else {
            let how = "write one line in quotes: adieu nc --explain 'nc -q 1 host 80 < file'";
            return Stop::refused(&format!("{}: {how}", around.program)).conclude();
        };
        let is_chosen = std::env::var_os("ADIEU_NC_FLAVOUR").is_some();
        match explain::explain(&line.to_string_lossy(), around, is_chosen) {
            Ok(text) => stdout::print(text.as_bytes()),
            Err(stop) => stop.conclude(),
        }
    }

    /// What the program's name, the variables, and options of adieu's own say. They come before the flavour's options are read,
    /// so that what is wrong with these is already told in the format that was asked for.
    fn surroundings(&self) -> Result<Surroundings, String> {
        let program = file_name(self.called);
        let flavour = match variable("ADIEU_NC_FLAVOUR")? {
            Some(value) => Flavour::of_variable(&value)?,
            None => Flavour::of_program(&program).unwrap_or(Flavour::Debian),
        };
        let exit = match one_of("ADIEU_NC_EXIT", &["truth", "compat"])? {
            Some("compat") => ExitRule::Compat,
            _ => ExitRule::Truth,
        };
        let allows_exec = one_of("ADIEU_NC_EXEC", &["allow", "refuse"])? == Some("allow");
        let reports = self.reports()?;
        Ok(Surroundings { flavour, called: self.called.to_owned(), program, exit, allows_exec, reports })
    }

    /// Where the report goes, and how; without any of these there is none.
    fn reports(&self) -> Result<Reports, String> {
        let written = |name: &str| -> Result<Option<OsString>, String> {
            let value = value_of(self.words, name);
            match value {
                Some(value) if value.is_empty() => Err(format!("{name}: a value is missing")),
                value => Ok(value.map(OsStr::to_owned)),
            }
        };
        let (format, format_name) = match written("--report")? {
            Some(value) => (Some(value), "--report"),
            None => (variable("ADIEU_REPORT")?, "ADIEU_REPORT"),
        };
        let format = match format {
            None => None,
            Some(value) => {
                let known = value.to_str().and_then(|value| ReportFormat::from_str(value, false).ok());
                let value = adieu::shown(value.as_encoded_bytes());
                Some(known.ok_or_else(|| format!("{format_name} {value}: write text, json or none"))?)
            }
        };
        let file = match written("--report-file")? {
            Some(value) => Some(value),
            None => variable("ADIEU_REPORT_FILE")?,
        };
        let file = file.map(PathBuf::from);
        if format == Some(ReportFormat::Json) {
            said::speak_json();
        }
        Ok(match (format, file) {
            (None, None) => Reports::none(),
            (format, file) => Reports::new(format, file, Kind::Once),
        })
    }
}

/// The value of a long option of adieu's own. What stands behind `--`, or is another option's value, cannot be told from it
/// here; nothing else begins so.
fn value_of<'a>(words: &'a [OsString], name: &str) -> Option<&'a OsStr> {
    let mut words = words.iter().take_while(|word| *word != "--");
    let mut found = None;
    while let Some(word) = words.next() {
        let bytes = word.as_encoded_bytes();
        if bytes == name.as_bytes() {
            found = Some(words.next().map_or(OsStr::new(""), OsString::as_os_str));
        } else if let Some(word) = word.to_str()
            && let Some(value) = word.strip_prefix(name).and_then(|rest| rest.strip_prefix('='))
        {
            found = Some(OsStr::new(value));
        }
    }
    found
}

/// The value of a variable.
fn variable(name: &str) -> Result<Option<OsString>, String> {
    match std::env::var_os(name) {
        Some(value) if value.is_empty() => Err(format!("{name}: a value is missing")),
        value => Ok(value),
    }
}

/// The value of a variable that may be one of these.
fn one_of(name: &str, known: &[&'static str]) -> Result<Option<&'static str>, String> {
    let Some(value) = variable(name)? else { return Ok(None) };
    let found = known.iter().find(|word| value == **word).copied();
    let shown = adieu::shown(value.as_encoded_bytes());
    found.map(Some).ok_or_else(|| format!("{name}={shown}: write {}", known.join(" or ")))
}

/// The file name of a program, without what Windows puts at its end.
fn file_name(program: &OsStr) -> String {
    let name = Path::new(program).file_name().unwrap_or(program).to_string_lossy();
    name.strip_suffix(".exe").unwrap_or(&name).to_owned()
}
