//! `adieu man` has no options.

/// Print the manual page, in roff
#[derive(clap::Args)]
pub(crate) struct Args {}
