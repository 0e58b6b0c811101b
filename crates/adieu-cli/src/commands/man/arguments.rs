//! What `adieu man` is asked for.

use clap::builder::NonEmptyStringValueParser;

/// Print the manual page, in roff
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The command to describe, such as relay [default: all of them, in one page]
    #[arg(value_name = "COMMAND", value_parser = NonEmptyStringValueParser::new())]
    pub(super) command: Option<String>,
}
