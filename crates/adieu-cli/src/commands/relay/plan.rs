//! What `adieu relay` is going to do: its relays, what describes them, and what is said of them.
//!
//! Certificates are read here. Nothing is created, nothing is resolved, and nobody listens.

use super::arguments::Args;
use super::config_file::{self, ConfigFile, Table, Wrong};
use super::described::Described;
use super::together;
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
                file = Some(File { path: path.clone(), log: read.log, metrics: read.metrics });
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
            let whose = relays[relay].line.map_or_else(|| "the relay".to_owned(), relay_of_line);
            return Err(NoPlan::refused(format!("metrics cannot be served on {at}: {whose} listens there")));
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
        let ConfigFile { log, metrics, relays: tables } = ConfigFile::parse(&text).map_err(all)?;
        let mut relays: Vec<Described> = Vec::new();
        let mut wrong = Vec::new();
        for Table { line, args } in tables {
            match Described::new(&args) {
                Ok(described) => relays.push(Described { line: Some(line), ..described }),
                Err(NoPlan::Refused { why, hint }) => {
                    let what = hint.map_or_else(|| why.clone(), |hint| format!("{why}: {hint}"));
                    wrong.push(Wrong { line, what: config_file::with_keys(&what) });
                }
                Err(NoPlan::Failed { why }) => {
                    wrong.push(Wrong { line, what: config_file::with_keys(&why) });
                }
                Err(other) => return Err(other),
            }
        }
        let line_of = |relay: usize| relays[relay].line.unwrap_or_default();
        for found in together::wrong(&relays, &|relay| relay_of_line(line_of(relay))) {
            wrong.push(Wrong { line: line_of(found.relay), what: found.what });
        }
        wrong.sort();
        if wrong.is_empty() { Ok(Self { log, metrics, relays }) } else { Err(all(wrong)) }
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

fn relay_of_line(line: usize) -> String {
    format!("the relay of line {line}")
}

/// The one relay of a command line, unless it is at odds with itself.
fn alone(described: Described) -> Result<Vec<Described>, NoPlan> {
    let relays = vec![described];
    match together::wrong(&relays, &|_| "this relay".to_owned()).pop() {
        Some(found) => Err(NoPlan::refused(found.what)),
        None => Ok(relays),
    }
}
