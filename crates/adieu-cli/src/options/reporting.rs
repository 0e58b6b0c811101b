//! What is said of a connection, and where: the options, and what they come to.
//!
//! Nothing is opened here: the printer opens the report's file once the plan is complete.

use super::own_file::own_file;
use crate::parsing::rules::{Rules, With};
use clap::builder::{BoolishValueParser, PathBufValueParser, TypedValueParser};
use clap::{ArgAction, Args, ValueEnum};
use std::path::PathBuf;

/// What is said of a connection, and where.
#[derive(Debug, Clone, Args, Default)]
#[command(next_help_heading = "Reporting")]
pub(crate) struct Reporting {
    /// Format of the report on stderr; with "json" all of stderr is JSON, one object a line [default: text]
    #[arg(long, value_name = "FORMAT", env = "ADIEU_REPORT", hide_env_values = true,
          add = Rules::new().also_over_udp())]
    report: Option<ReportFormat>,

    /// Write the report to this file, and bad endings to stderr too; JSON is the default format if its name ends in .json
    ///
    /// The file is replaced. A service (--keep-open, or receive --retry) appends to it.
    #[arg(long, value_name = "FILE", env = "ADIEU_REPORT_FILE", hide_env_values = true,
          value_parser = PathBufValueParser::new().try_map(own_file),
          add = Rules::new().also_over_udp().meaningless_with(&[With::Value("report", "none")]))]
    pub(crate) report_file: Option<PathBuf>,

    /// Print each step on stderr as it happens
    #[arg(short, long, env = "ADIEU_VERBOSE", hide_env_values = true, conflicts_with = "quiet", overrides_with = "verbose",
          action = ArgAction::SetTrue, value_parser = BoolishValueParser::new(),
          add = Rules::new().also_over_udp())]
    verbose: bool,

    /// Say nothing on stderr if all went well; with --report json, print only the reports
    ///
    /// The fingerprint of a certificate made for this run is printed in any case.
    #[arg(short, long, env = "ADIEU_QUIET", hide_env_values = true, overrides_with = "quiet", action = ArgAction::SetTrue,
          value_parser = BoolishValueParser::new(),
          add = Rules::new().also_over_udp())]
    pub(crate) quiet: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportFormat {
    /// One sentence: the ending, then the numbers
    Text,
    /// One line of JSON, described by docs/report.schema.json; docs/transfer-report.schema.json for a transfer,
    /// docs/check.schema.json for a check, docs/events.schema.json for all else on stderr
    Json,
    /// No report: only the exit status
    None,
}

impl Reporting {
    /// From here on stderr is in the format that was asked for.
    pub(crate) fn apply(&self) {
        if self.report == Some(ReportFormat::Json) {
            crate::said::speak_json();
        }
    }

    /// What is reported, where and how. `kind`: of what.
    pub(crate) fn plan(&self, kind: Kind) -> Reports {
        let Self { quiet, verbose, .. } = *self;
        Reports { quiet, verbose, ..Reports::new(self.report, self.report_file.clone(), kind) }
    }
}

/// What the reports are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One connection, or one transfer at once: the file has its report, and nothing else.
    Once,
    /// A transfer that waits for whoever connects: the file goes on.
    Waiting,
    /// Connection after connection: the file goes on, and a line says whose it is, and when.
    Service,
}

/// What is said of a connection, and where, as it was resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reports {
    pub(crate) format: ReportFormat,
    /// Where reports go instead of stderr.
    pub(crate) file: Option<PathBuf>,
    pub(crate) kind: Kind,
    pub(crate) quiet: bool,
    pub(crate) verbose: bool,
}

impl Reports {
    /// As a format and a file ask for them, neither quiet nor verbose.
    pub(crate) fn new(format: Option<ReportFormat>, file: Option<PathBuf>, kind: Kind) -> Self {
        let is_json = file.as_ref().is_some_and(|path| path.extension().is_some_and(|e| e == "json"));
        let default = if is_json { ReportFormat::Json } else { ReportFormat::Text };
        Self { format: format.unwrap_or(default), file, kind, quiet: false, verbose: false }
    }

    /// No report at all.
    pub(crate) fn none() -> Self {
        Self::new(Some(ReportFormat::None), None, Kind::Once)
    }
}
