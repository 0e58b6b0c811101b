//! What `adieu selftest` is asked for.

use crate::options::reporting::Reporting;
use clap::builder::Resettable;

/// Test adieu on this system: real peers that misbehave, on loopback, in about ten seconds
///
/// Each scenario of the closing matrix that needs no special rights is run: a peer on loopback answers, stays silent, resets or never
/// reads, and this program connects to it as `adieu connect`. A table says what must come of it, and what did. Nothing is sent beyond
/// this machine, and nothing is left behind.
///
/// The table is what a report about a new system needs: adieu selftest --report-file selftest.txt.
#[derive(clap::Args)]
#[command(
    mut_arg("report", |arg| arg.help("Format of the results; \"json\" is one object (docs/selftest.schema.json) [default: text]")),
    mut_arg("report_file", |arg| arg.help("Write the results to this file instead; JSON is the default format if its name ends in .json").long_help(Resettable::Reset)),
    mut_arg("verbose", |arg| arg.help("Say what each scenario shows, too")),
    mut_arg("quiet", |arg| arg.help("Print only the scenarios that failed").long_help(Resettable::Reset)))]
pub(crate) struct Args {
    /// Run only the scenarios whose names contain one of these words [default: all]
    #[arg(value_name = "WORD", num_args = 1..)]
    pub(super) word: Vec<String>,

    #[command(flatten)]
    pub(super) reporting: Reporting,
}

impl Args {
    pub(crate) fn reporting(&self) -> &Reporting {
        &self.reporting
    }
}
