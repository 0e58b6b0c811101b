//! What `adieu receive` is asked for, as it was written.

use crate::commands::transfer::arguments::{DEADLINE, IDLE_TIMEOUT, Transfer};
use crate::exit;
use crate::options::Shared;
use crate::options::reporting::Reporting;
use crate::parsing::rules::{CommandSide, Rules, With};
use clap::ArgAction;
use clap::builder::BoolishValueParser;
use std::ffi::OsString;
use std::path::PathBuf;

const EXAMPLES: &str = "  adieu receive --output inbox/ :27015
  adieu receive --no-clobber --output inbox/ :27015";

/// Receive what an adieu send sends, store it whole or not at all, and answer a receipt
///
/// What comes is written to a partial beside its name, hashed, synced and renamed; then the receipt is sent. A file that
/// is not whole never appears under its name, and an existing one is replaced in one step. Exit status 0 means: whole,
/// verified and stored.
#[derive(Debug, clap::Args)]
#[command(after_long_help = exit::table_after(EXAMPLES), mut_arg("input_grace", |a| a.hide(true)), mut_arg("idle_timeout", |a| a.help(IDLE_TIMEOUT)), mut_arg("deadline", |a| a.help(DEADLINE)))]
pub(crate) struct Args {
    /// The endpoint, in one word or two
    #[arg(help = "Where to listen: host:port, [::1]:port, host port, tls://host:port, or unix:path. A port alone, as 9000 or :9000, is that port of every address; port 0 lets the system choose", value_name = "ENDPOINT", num_args = 0..=2, default_value = "127.0.0.1:27015",
          add = Rules::new().endpoint(CommandSide::Listens))]
    pub(super) endpoint: Vec<OsString>,

    /// Where it goes: a directory takes everything under its name; else it is the name of the one file, or of a directory
    /// that is made; - is stdout, and then nothing is stored. A link to a file is replaced
    #[arg(short, long, value_name = "PATH", required = true, env = "ADIEU_OUTPUT", hide_env_values = true)]
    pub(super) output: PathBuf,

    /// Replace nothing: a file whose name something has is refused, and the others are stored. Both sides name what was
    /// refused, and exit with 6. A file that was offered (--resume) and is there with the same content counts as stored
    #[arg(long, env = "ADIEU_NO_CLOBBER", hide_env_values = true, action = ArgAction::SetTrue,
          value_parser = BoolishValueParser::new(),
          add = Rules::new().meaningless_with(&[With::Value("output", "-")]))]
    pub(super) no_clobber: bool,

    /// Connect to a sender that listens at ENDPOINT
    #[arg(short, long, env = "ADIEU_CONNECT", hide_env_values = true, action = ArgAction::SetTrue,
          value_parser = BoolishValueParser::new(),
          add = Rules::new().turns_side())]
    pub(super) connect: bool,

    #[command(flatten)]
    pub(super) transfer: Transfer,

    #[command(flatten)]
    pub(super) shared: Shared,
}

impl Args {
    /// What is said, and where.
    pub(crate) const fn reporting(&self) -> &Reporting {
        &self.shared.reporting
    }
}
