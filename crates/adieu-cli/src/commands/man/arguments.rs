//! What `adieu man` is asked for.

use clap::ValueHint;
use clap::builder::NonEmptyStringValueParser;
use std::path::PathBuf;

/// Print a manual page, or write all of them
///
/// There is a page for the program, adieu(1), one for each command, such as adieu-connect(1), and one for the protocol of send and
/// receive, adieu-protocol(7). They are made from the same definitions as the help.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The page: a command such as relay, or protocol [default: the page of the program]
    #[arg(value_name = "PAGE", value_parser = NonEmptyStringValueParser::new(), conflicts_with = "all")]
    pub(super) page: Option<String>,

    /// Write every page into this directory, which is made: man1 and man7 below it, as man(1) looks for them
    #[arg(long, value_name = "DIRECTORY", env = "ADIEU_ALL", hide_env_values = true, value_hint = ValueHint::DirPath)]
    pub(super) all: Option<PathBuf>,
}
