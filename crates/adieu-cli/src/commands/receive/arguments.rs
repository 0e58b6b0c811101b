//! What `adieu receive` is asked for, as it was written.

use crate::commands::transfer::arguments::{DEADLINE, DEADLINE_MORE, IDLE_TIMEOUT_MORE, Transfer};
use crate::options::Shared;
use crate::options::reporting::Reporting;
use crate::parsing::rules::{CommandSide, Rules, With};
use clap::ArgAction;
use clap::builder::BoolishValueParser;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// Receive what an adieu send sends, store each file whole or not at all, and answer with a receipt
///
/// Received bytes are written to a partial beside the final name, hashed, synced and renamed; then the receipt is sent. A file
/// that is not whole never appears under its name, and an existing file is replaced in one step. Exit status 0 means whole,
/// verified and stored.
///
/// With --keep-open it serves until a signal. A stranger, or a transfer that fails, does not end it. SIGTERM or SIGHUP stops
/// accepting, lets the running transfer finish within --grace, then aborts it; SIGINT aborts at once. After SIGTERM the exit
/// status is 0 if every transfer ended by itself, and 4 if one was aborted; after SIGINT it is 130, and after SIGHUP 143.
#[derive(Debug, clap::Args)]
#[command(mut_arg("input_grace", |a| a.hide(true)), mut_arg("idle_timeout", |a| a.help(IDLE_TIMEOUT_OF_RECEIVE).long_help(idle_timeout())), mut_arg("deadline", |a| a.help(DEADLINE).long_help(deadline())))]
pub(crate) struct Args {
    /// The endpoint, in one word or two
    #[arg(help = "Where to listen: host:port, [::1]:port, host port, :port (every address), tls://host:port or unix:path; port 0 lets the system choose", value_name = "ENDPOINT", num_args = 0..=2, default_value = "127.0.0.1:27015",
          add = Rules::new().endpoint(CommandSide::Listens))]
    pub(super) endpoint: Vec<OsString>,

    /// Where it is stored: in this directory, or under this name if it is one file or one directory; - is stdout, which stores
    /// nothing
    ///
    /// A link to a file is replaced, and not followed.
    #[arg(short, long, value_name = "PATH", required = true, env = "ADIEU_OUTPUT", hide_env_values = true)]
    pub(super) output: PathBuf,

    /// Serve one sender after another until a signal, and log a line for each; --output must be a directory
    ///
    /// A file replaces one of the same name, also another sender's, unless --no-clobber is given. A sender that connects while
    /// another is served is told that this side is busy; with --retry it comes again.
    #[arg(short, long, env = "ADIEU_KEEP_OPEN", hide_env_values = true, action = ArgAction::SetTrue,
          value_parser = BoolishValueParser::new(),
          add = Rules::new().meaningless_with(&[With::Any("connect"), With::Any("retry")]))]
    pub(super) keep_open: bool,

    /// With --keep-open, after SIGTERM: how long the running transfer may take to finish
    #[arg(long, value_name = "DURATION", default_value = "10s", env = "ADIEU_GRACE", hide_env_values = true,
          value_parser = crate::options::durations::duration,
          add = Rules::new().needs("keep_open"))]
    pub(super) grace: Duration,

    /// Replace nothing: refuse a file whose name exists, and store the others
    ///
    /// Both sides name what was refused, and exit 6. A file that is there with the same content, and was offered (--resume),
    /// counts as stored.
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
const IDLE_TIMEOUT_OF_RECEIVE: &str = "End the connection if the peer sends nothing and takes nothing for this long while it is the peer's turn [default: none; 5m with \
     --keep-open]";

fn idle_timeout() -> String {
    format!("{IDLE_TIMEOUT_OF_RECEIVE}\n\n{IDLE_TIMEOUT_MORE}")
}

fn deadline() -> String {
    format!("{DEADLINE}\n\n{DEADLINE_MORE} With --keep-open it bounds each transfer, and not the command.")
}

impl Args {
    /// What is said, and where.
    pub(crate) const fn reporting(&self) -> &Reporting {
        &self.shared.reporting
    }
}
