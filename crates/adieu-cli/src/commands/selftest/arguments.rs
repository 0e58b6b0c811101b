//! What `adieu selftest` is asked for.

use crate::options::reporting::{ReportFormat, Reporting};
use clap::ValueEnum;
use clap::builder::{PossibleValue, PossibleValuesParser, Resettable, TypedValueParser};

/// The formats with what they mean here: they are not a connection's report.
fn formats() -> impl TypedValueParser<Value = ReportFormat> {
    let meanings = [
        ("text", "A table, a line for each scenario"),
        ("json", "One line of JSON, described by docs/selftest.schema.json"),
        ("none", "No results: only the exit status"),
    ];
    let values = meanings.map(|(name, meaning)| PossibleValue::new(name).help(meaning));
    PossibleValuesParser::new(values).try_map(|name| ReportFormat::from_str(&name, false))
}

/// Test adieu on this system: real peers that misbehave, on loopback, in about ten seconds
///
/// Each scenario of the closing matrix that needs no special rights is run: a peer on loopback answers, stays silent, resets or never
/// reads, and this program connects to it as `adieu connect`. A table says what must come of it, and what did. Nothing is sent beyond
/// this machine, and nothing is left behind.
///
/// The table is what a report about a new system needs: adieu selftest --report-file selftest.txt.
#[derive(clap::Args)]
#[command(
    mut_arg("report", |arg| arg.value_parser(formats()).help("Format of the results [default: text]")),
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
