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
use std::time::Duration;

const EXAMPLES: &str = "  adieu receive --output inbox/ :27015
  adieu receive --keep-open --no-clobber --secret-file key --report-file inbox.log --output inbox/ :27015";

/// Receive what an adieu send sends, store it whole or not at all, and answer a receipt
///
/// What comes is written to a partial beside its name, hashed, synced and renamed; then the receipt is sent. A file that
/// is not whole never appears under its name, and an existing one is replaced in one step. Exit status 0 means: whole,
/// verified and stored.
///
/// With --keep-open it serves until a signal. SIGTERM or SIGHUP stops accepting, lets the transfer that runs finish within
/// --grace, then aborts it; SIGINT aborts at once. A stranger, or a transfer that fails, does not end it. The exit
/// status after SIGTERM is 0 if every connection ended by itself, and 4 if one had to be aborted; after SIGINT (Ctrl-C) it is
/// 130, and after SIGHUP 143.
#[derive(Debug, clap::Args)]
#[command(after_long_help = exit::table_after(EXAMPLES), mut_arg("input_grace", |a| a.hide(true)), mut_arg("idle_timeout", |a| a.help(idle_timeout())), mut_arg("deadline", |a| a.help(deadline())))]
pub(crate) struct Args {
    /// The endpoint, in one word or two
    #[arg(help = "Where to listen: host:port, [::1]:port, host port, tls://host:port, or unix:path. A port alone, as 9000 or :9000, is that port of every address; port 0 lets the system choose", value_name = "ENDPOINT", num_args = 0..=2, default_value = "127.0.0.1:27015",
          add = Rules::new().endpoint(CommandSide::Listens))]
    pub(super) endpoint: Vec<OsString>,

    /// Where it goes: a directory takes everything under its name; else it is the name of the one file, or of a directory
    /// that is made; - is stdout, and then nothing is stored. A link to a file is replaced
    #[arg(short, long, value_name = "PATH", required = true, env = "ADIEU_OUTPUT", hide_env_values = true)]
    pub(super) output: PathBuf,

    /// Serve one sender after the other until a signal comes, and log each with a line. --output must be a directory. A file
    /// replaces one of its name, also of another sender, unless --no-clobber is given. A sender that comes while another is
    /// served is told that this side is busy: with --retry it comes again
    #[arg(short, long, env = "ADIEU_KEEP_OPEN", hide_env_values = true, action = ArgAction::SetTrue,
          value_parser = BoolishValueParser::new(),
          add = Rules::new().meaningless_with(&[With::Any("connect"), With::Any("retry")]))]
    pub(super) keep_open: bool,

    /// With --keep-open, after SIGTERM: how long the transfer that runs may take to finish
    #[arg(long, value_name = "DURATION", default_value = "10s", env = "ADIEU_GRACE", hide_env_values = true,
          value_parser = humantime::parse_duration,
          add = Rules::new().needs("keep_open"))]
    pub(super) grace: Duration,

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

/// What a service's limits are by default, and what they bound.
fn idle_timeout() -> String {
    IDLE_TIMEOUT.replace("[default: none;", "[default: none, 5m with --keep-open;")
}

fn deadline() -> String {
    DEADLINE.replace(" [default", ". With --keep-open it bounds each transfer, and not the command [default")
}

impl Args {
    /// What is said, and where.
    pub(crate) const fn reporting(&self) -> &Reporting {
        &self.shared.reporting
    }
}
