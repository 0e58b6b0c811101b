//! What `adieu relay` is going to do: its relays, what describes them, and what is said of them.
//!
//! Certificates are read here. Nothing is created, nothing is resolved, and nobody listens.

use super::arguments::Args;
use super::config_file::{self, ConfigFile, Lines, TopLines, Wrong};
use super::described::Described;
use super::together::{self, Found};
use crate::no_plan::NoPlan;
use crate::options::endpoint_of_metrics;
use crate::options::reporting::{Kind, Reports};
use adieu::Endpoint;
use adieu::tls::ServerConfig;
use std::path::{Path, PathBuf};

pub(crate) struct Plan {
    pub(super) relays: Vec<Described>,
    /// What describes them, to be read anew.
    pub(super) origin: Origin,
    pub(super) reports: Reports,
    /// Where a line for each connection is appended.
    pub(super) log: Option<PathBuf>,
    /// Where metrics are served.
    pub(super) metrics: Option<Endpoint>,
    pub(super) port_file: Option<PathBuf>,
    /// Nothing is to be done.
    pub(super) is_check: bool,
}

/// What describes the relays.
pub(super) enum Origin {
    File(File),
    CommandLine(Box<CommandLine>),
}

/// The command line of one relay. The files that it names may change.
pub(super) struct CommandLine {
    args: Args,
    /// The certificate that was made for this run: it stays.
    made: Option<ServerConfig>,
}

/// A file that describes relays, and what it said of the process as a whole, which only a start can heed.
pub(super) struct File {
    pub(super) path: PathBuf,
    log: Option<PathBuf>,
    metrics: Option<String>,
    lines: TopLines,
}

impl File {
    /// What is wrong in a line of it.
    pub(super) fn in_line(&self, wrong: &Wrong) -> String {
        format!("{}: {wrong}", self.path.display())
    }

    /// What is wrong with the key of the whole process that names the log, if it is the file that names it.
    pub(super) fn of_log(&self, log: &Path, what: &str) -> Option<String> {
        let line = self.lines.log.filter(|_| self.log.as_deref() == Some(log))?;
        Some(self.in_line(&Wrong::of_key("log", line, what)))
    }

    /// The same of the endpoint of the metrics.
    pub(super) fn of_metrics(&self, metrics: &Endpoint, what: &str) -> Option<String> {
        let own = self.metrics.as_deref().and_then(|own| endpoint_of_metrics(own).ok());
        let line = self.lines.metrics.filter(|_| own.as_ref() == Some(metrics))?;
        Some(self.in_line(&Wrong::of_key("metrics", line, what)))
    }
}

impl Plan {
    pub(crate) fn new(args: Args) -> Result<Self, NoPlan> {
        let (mut log, mut metrics) = (args.log.clone(), args.metrics.clone());
        let mut file = None;
        let relays = match &args.config {
            None => alone(Described::new(&args)?)?,
            Some(path) => {
                if let Some(option) = config_file::option_of_a_relay(std::env::args_os()) {
                    return Err(NoPlan::refused(format!(
                        "--{option} is for one relay: with --config, write it into the file"
                    )));
                }
                let read = DescribedInFile::read(path)?;
                log = log.or_else(|| read.log.clone());
                metrics = metrics.or_else(|| read.metrics.clone());
                let DescribedInFile { log, metrics, lines, .. } = read;
                file = Some(File { path: path.clone(), log, metrics, lines });
                read.relays
            }
        };
        if let (Some(log), Some(file)) = (&log, &args.reporting.report_file)
            && log == file
        {
            let own = if args.log.is_some() { "--log" } else { "'log' of the --config file" };
            return Err(NoPlan::refused(format!("{own} and --report-file are the same file")));
        }
        let metrics = metrics.as_deref().map(endpoint_of_metrics).transpose()?;
        if let Some(at) = &metrics
            && let Some(relay) = together::relay_at(at, &relays)
        {
            let whose = relays[relay].lines.as_ref().map_or_else(|| "the relay".to_owned(), relay_of);
            let what = format!("metrics cannot be served on {at}: {whose} listens there");
            let in_file = file.as_ref().and_then(|file| file.of_metrics(at, &what));
            return Err(NoPlan::refused(in_file.unwrap_or(what)));
        }
        if args.port_file.is_some() && relays.len() != 1 {
            return Err(NoPlan::refused("--port-file has room for one relay's port"));
        }
        let reports = args.reporting.plan(Kind::Service);
        let (port_file, is_check) = (args.port_file.clone(), args.check);
        let origin = if let Some(file) = file {
            Origin::File(file)
        } else {
            let made = relays.first().and_then(|relay| relay.made.clone());
            Origin::CommandLine(Box::new(CommandLine { args, made }))
        };
        Ok(Self { relays, origin, reports, log, metrics, port_file, is_check })
    }
}

/// What a file describes.
pub(super) struct DescribedInFile {
    log: Option<PathBuf>,
    metrics: Option<String>,
    lines: TopLines,
    pub(super) relays: Vec<Described>,
}

impl DescribedInFile {
    /// Whether it says of the process as a whole what it said at the start.
    pub(super) fn is_of_this_process(&self, started_with: &File) -> bool {
        (&self.log, &self.metrics) == (&started_with.log, &started_with.metrics)
    }

    /// Reads it, and plans each relay of it.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it, with the lines.
    pub(super) fn read(path: &Path) -> Result<Self, NoPlan> {
        let text = config_file::read(path)?;
        let all = |wrong: Vec<Wrong>| NoPlan::RefusedAll {
            whys: wrong.iter().map(|wrong| format!("{}: {wrong}", path.display())).collect(),
        };
        let ConfigFile { log, metrics, lines, relays: tables } = ConfigFile::parse(&text).map_err(all)?;
        let mut relays: Vec<Described> = Vec::new();
        let mut wrong = Vec::new();
        for table in tables {
            match Described::new(&table.args) {
                Ok(described) => relays.push(Described { lines: Some(table.lines()), ..described }),
                Err(no_plan) => match why_not(no_plan) {
                    Ok(why) => {
                        let again = |args: &Args| Described::new(args).err().and_then(|e| why_not(e).ok());
                        wrong.push(table.blame(&why, again));
                    }
                    Err(other) => return Err(other),
                },
            }
        }
        let called = |relay: usize| relays[relay].lines.as_ref().map(relay_of).unwrap_or_default();
        for Found { relay, key, what } in together::wrong(&relays, &called) {
            let line = relays[relay].lines.as_ref().map_or(1, |lines| lines.of(key));
            wrong.push(Wrong::of_key(key, line, &what));
        }
        wrong.sort();
        if wrong.is_empty() { Ok(Self { log, metrics, lines, relays }) } else { Err(all(wrong)) }
    }
}

/// The sentence of a plan that was refused. An `Err` has what is not a sentence about one relay.
fn why_not(no_plan: NoPlan) -> Result<String, NoPlan> {
    match no_plan {
        NoPlan::Refused { why, hint: Some(hint) } => Ok(format!("{why}: {hint}")),
        NoPlan::Refused { why, hint: None } | NoPlan::Failed { why } => Ok(why),
        other => Err(other),
    }
}

impl CommandLine {
    /// The files that are read anew: certificates, keys, and roots.
    pub(super) fn files(&self) -> Vec<&Path> {
        self.args.tls.files()
    }

    /// Its relay as the files that it names have it now.
    ///
    /// # Errors
    ///
    /// A file cannot be used.
    pub(super) fn again(&self) -> Result<Described, NoPlan> {
        Described::again(&self.args, self.made.as_ref())
    }
}

fn relay_of(lines: &Lines) -> String {
    format!("the relay of line {}", lines.table)
}

/// The one relay of a command line, unless it is at odds with itself.
fn alone(described: Described) -> Result<Vec<Described>, NoPlan> {
    let relays = vec![described];
    match together::wrong(&relays, &|_| "this relay".to_owned()).pop() {
        Some(found) => Err(NoPlan::refused(found.what)),
        None => Ok(relays),
    }
}
