//! What `adieu send` is asked for, as it was written.

use super::exclude::Pattern;
use crate::commands::transfer::arguments::{DEADLINE, IDLE_TIMEOUT, Transfer};
use crate::exit;
use crate::options::reporting::Reporting;
use crate::options::{Shared, is_port};
use crate::parsing::raw_words;
use crate::parsing::rules::{CommandSide, Rules};
use clap::builder::{BoolishValueParser, NonEmptyStringValueParser, OsStringValueParser, TypedValueParser};
use clap::{ArgAction, ArgMatches, ValueEnum};
use std::ffi::OsString;
use std::path::PathBuf;

const EXAMPLES: &str = "  adieu send report.pdf backup.example:27015
  adieu send --exclude target/ --exclude '*.log' --dry-run project backup.example:27015
  adieu send --preserve --resume photos backup.example:27015
  adieu send --skip-special /var/lib/service backup.example:27015";

/// Send files to an adieu receive, which answers when they are stored
///
/// The receiver writes to a partial, compares the hash, syncs, renames, and only then answers with a receipt. Our sending
/// side stays open until then. Exit status 0 means: stored and synced under its name at the receiver, and the
/// receipt has our own count and hash. What was sent and is not confirmed is 6, or 5 if --deadline passed before everything
/// was sent; a receiver that says nothing, so that nothing is sent, is 5.
///
/// Directories are sent with all that is in them; links in them as links. A link that points out of the directory that was named
/// is refused, and then nothing is sent.
#[derive(Debug, clap::Args)]
#[command(after_long_help = exit::table_after(EXAMPLES), override_usage = "adieu send [OPTIONS] FILE... ENDPOINT\n       adieu send [OPTIONS] --exec COMMAND ENDPOINT", mut_arg("input_grace", |a| a.hide(true)), mut_arg("idle_timeout", |a| a.help(IDLE_TIMEOUT)), mut_arg("deadline", |a| a.help(DEADLINE)))]
pub(crate) struct Args {
    /// Files, directories, or - for stdin; and at the end the receiver: host:port, [::1]:port, host port, tls://host:port, or
    /// unix:path
    #[arg(value_name = "FILE... ENDPOINT", required = true, num_args = 1..,
          add = Rules::new().endpoint_is_last(CommandSide::Connects))]
    pub(super) words: Vec<PathBuf>,

    /// Send what this command (a line for the shell) writes to its stdout. It is stored only if the command exits with status 0;
    /// otherwise the receiver is told that it is not whole, and the exit status is 7
    #[arg(long, value_name = "COMMAND", env = "ADIEU_SEND_EXEC", hide_env_values = true, conflicts_with = "plain",
          value_parser = NonEmptyStringValueParser::new(),
          add = Rules::new().yields_if(names_files))]
    pub(super) exec: Option<String>,

    /// Wait at ENDPOINT for a receiver that connects
    #[arg(short, long, env = "ADIEU_LISTEN", hide_env_values = true, action = ArgAction::SetTrue,
          value_parser = BoolishValueParser::new(),
          add = Rules::new().turns_side())]
    pub(super) listen: bool,

    /// Send only the bytes of one file, to a peer that is not adieu receive (nc, socat): there is no receipt, and the exit
    /// status is that of the connection. Not with --resume, --retry, --secret, --secret-file, --limit-rate, --name or --accept
    #[arg(long, env = "ADIEU_PLAIN", hide_env_values = true, action = ArgAction::SetTrue,
          value_parser = BoolishValueParser::new(),
          conflicts_with_all = ["resume", "retry", "secret", "secret_file", "limit_rate", "name", "accept"],
          add = Rules::new().sends_in_the_clear())]
    pub(super) plain: bool,

    /// The name that what is sent gets at a receiver whose output is a directory, if it is one file, one directory, or stdin;
    /// as in a/b it is below directories, which are made [default: its own, or "stdin", or "output" with --exec]
    #[arg(long, value_name = "NAME", env = "ADIEU_NAME", hide_env_values = true,
          value_parser = OsStringValueParser::new().try_map(not_empty))]
    pub(super) name: Option<OsString>,

    /// Which receipt is a success: stored alone, or also written, which a receiver gives that writes to its stdout
    #[arg(
        long,
        value_name = "RECEIPT",
        env = "ADIEU_ACCEPT",
        hide_env_values = true,
        default_value = "stored"
    )]
    pub(super) accept: Accept,

    /// Leave out files and directories that match this pattern, a directory with all that is in it. A pattern without "/" matches a
    /// name at any depth, also one that is given as FILE; one with "/" at its beginning or in its middle matches a path below the
    /// directory that is given as FILE; one with "/" at its end matches only directories. "*" and "?" match no "/", "**" matches any
    /// number of directories, [abc] one of these, {a,b} one of these words. Can be given several times
    #[arg(long, value_name = "GLOB", env = "ADIEU_EXCLUDE", hide_env_values = true, action = ArgAction::Append,
          conflicts_with_all = ["plain", "exec"], help_heading = "What is sent",
          value_parser = NonEmptyStringValueParser::new().try_map(|glob| Pattern::new(&glob)))]
    pub(super) exclude: Vec<Pattern>,

    /// Leave out what cannot be sent of a directory, and name it, instead of sending nothing: a FIFO, a socket, a device, a link
    /// that leads out of the directory. The rest is sent and stored, and the exit status is 6 if anything was left out
    #[arg(long, env = "ADIEU_SKIP_SPECIAL", hide_env_values = true, action = ArgAction::SetTrue,
          value_parser = BoolishValueParser::new(), conflicts_with = "plain", help_heading = "What is sent")]
    pub(super) skip_special: bool,

    /// Preserve the times of files and directories, and the permissions of directories, which the receiver sets when everything
    /// is there. Files have their permissions and links are links in any case. A receiver that is too old for this is sent
    /// nothing
    #[arg(long, env = "ADIEU_PRESERVE", hide_env_values = true, action = ArgAction::SetTrue,
          value_parser = BoolishValueParser::new(), conflicts_with = "plain", help_heading = "What is sent")]
    pub(super) preserve: bool,

    /// Say on stdout what would be sent, with sizes, and what is left out, and connect to nobody. With --report json it is one JSON
    /// object a line
    #[arg(long, env = "ADIEU_DRY_RUN", hide_env_values = true, action = ArgAction::SetTrue,
          value_parser = BoolishValueParser::new(), conflicts_with = "plain", help_heading = "What is sent")]
    pub(super) dry_run: bool,

    #[command(flatten)]
    pub(super) transfer: Transfer,

    #[command(flatten)]
    pub(super) shared: Shared,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Accept {
    /// On its disk, synced, under its name
    Stored,
    /// That, or written to the receiver's stdout
    Written,
}

/// Whether what is to be sent stands before the endpoint, which is one word, or a host and a port: then a command from a
/// variable is for other runs.
fn names_files(matches: &ArgMatches) -> bool {
    let words = raw_words(matches, "words");
    match &words[..] {
        [] | [_] => false,
        [_, last] => !is_port(last),
        _ => true,
    }
}

fn not_empty(name: OsString) -> Result<OsString, &'static str> {
    if name.is_empty() { Err("a file has a name") } else { Ok(name) }
}

impl Args {
    /// What is said, and where.
    pub(crate) const fn reporting(&self) -> &Reporting {
        &self.shared.reporting
    }
}
