//! What `adieu send` is asked for, as it was written.

use super::exclude::Pattern;
use crate::commands::transfer::arguments::{
    DEADLINE, DEADLINE_MORE, IDLE_TIMEOUT, IDLE_TIMEOUT_MORE, Transfer,
};
use crate::options::reporting::Reporting;
use crate::options::{Shared, is_port};
use crate::parsing::raw_words;
use crate::parsing::rules::{CommandSide, Rules};
use clap::builder::{BoolishValueParser, NonEmptyStringValueParser, OsStringValueParser, TypedValueParser};
use clap::{ArgAction, ArgMatches, ValueEnum};
use std::ffi::OsString;
use std::path::PathBuf;

/// Send files, directories or a stream to an adieu receive, and exit 0 only if they are stored there
///
/// The receiver writes to a partial, compares the hash, syncs, renames, and then sends a receipt. The sender keeps its side open
/// until the receipt is there, and compares it with its own count and hash. If something was sent and no receipt says that it is
/// stored, the exit status is 6.
///
/// A directory is sent with everything in it, and links in it as links. If a link leads out of the directory, nothing is sent.
#[derive(Debug, clap::Args)]
#[command(override_usage = "adieu send [OPTIONS] FILE... ENDPOINT\n       adieu send [OPTIONS] --exec COMMAND ENDPOINT", mut_arg("input_grace", |a| a.hide(true)), mut_arg("idle_timeout", |a| a.help(IDLE_TIMEOUT).long_help(format!("{IDLE_TIMEOUT}\n\n{IDLE_TIMEOUT_MORE}"))), mut_arg("deadline", |a| a.help(DEADLINE).long_help(format!("{DEADLINE}\n\n{DEADLINE_MORE}"))))]
pub(crate) struct Args {
    /// Files, directories, or - for stdin; and at the end the receiver: host:port, [::1]:port, host port, tls://host:port or
    /// unix:path
    #[arg(value_name = "FILE... ENDPOINT", required = true, num_args = 1..,
          add = Rules::new().endpoint_is_last(CommandSide::Connects))]
    pub(super) words: Vec<PathBuf>,

    /// Send what this command (a line for the shell) prints; it is stored only if the command exits 0
    ///
    /// If the command fails, the receiver is told that the stream is not whole, and the exit status is 7.
    #[arg(long, value_name = "COMMAND", env = "ADIEU_SEND_EXEC", hide_env_values = true, conflicts_with = "plain",
          value_parser = NonEmptyStringValueParser::new(),
          add = Rules::new().yields_if(names_files))]
    pub(super) exec: Option<String>,

    /// Wait at ENDPOINT for a receiver that connects
    #[arg(short, long, env = "ADIEU_LISTEN", hide_env_values = true, action = ArgAction::SetTrue,
          value_parser = BoolishValueParser::new(),
          add = Rules::new().turns_side())]
    pub(super) listen: bool,

    /// Send the bytes of one file to a peer that is not adieu receive, such as nc or socat: there is no receipt
    ///
    /// The exit status is that of the connection. This excludes --resume, --retry, --secret, --secret-file, --limit-rate, --name
    /// and --accept.
    #[arg(long, env = "ADIEU_PLAIN", hide_env_values = true, action = ArgAction::SetTrue,
          value_parser = BoolishValueParser::new(),
          conflicts_with_all = ["resume", "retry", "secret", "secret_file", "limit_rate", "name", "accept"],
          add = Rules::new().sends_in_the_clear())]
    pub(super) plain: bool,

    /// Name at a receiver whose output is a directory, if one file, one directory or stdin is sent [default: its own; "stdin";
    /// "output" with --exec]
    ///
    /// A name such as a/b is below directories, which are made.
    #[arg(long, value_name = "NAME", env = "ADIEU_NAME", hide_env_values = true,
          value_parser = OsStringValueParser::new().try_map(not_empty))]
    pub(super) name: Option<OsString>,

    /// Which receipt counts as success: only stored, or also written, which a receiver sends that writes to its stdout
    #[arg(
        long,
        value_name = "RECEIPT",
        env = "ADIEU_ACCEPT",
        hide_env_values = true,
        default_value = "stored"
    )]
    pub(super) accept: Accept,

    /// Leave out files and directories that match this pattern, such as target/ or '*.log' (can be given again)
    ///
    /// A directory is left out with everything in it. A pattern without "/" matches a name at any depth, also one that is given
    /// as FILE. A pattern with "/" at its beginning or in its middle matches a path below the directory that is given as FILE;
    /// with "/" at its end it matches directories only. "*" and "?" match no "/", "**" matches any number of directories, [abc]
    /// one of these characters, and {a,b} one of these words.
    #[arg(long, value_name = "GLOB", env = "ADIEU_EXCLUDE", hide_env_values = true, action = ArgAction::Append,
          conflicts_with_all = ["plain", "exec"], help_heading = "What is sent",
          value_parser = NonEmptyStringValueParser::new().try_map(|glob| Pattern::new(&glob)))]
    pub(super) exclude: Vec<Pattern>,

    /// Leave out what cannot be sent of a directory, instead of sending nothing: FIFOs, sockets, devices, and links that lead out
    /// of it
    ///
    /// What is left out is named. The rest is sent and stored, and the exit status is 6 if anything was left out.
    #[arg(long, env = "ADIEU_SKIP_SPECIAL", hide_env_values = true, action = ArgAction::SetTrue,
          value_parser = BoolishValueParser::new(), conflicts_with = "plain", help_heading = "What is sent")]
    pub(super) skip_special: bool,

    /// Preserve the times of files and directories, and the permissions of directories
    ///
    /// The receiver sets them when everything is there. Permissions of files, and links, are kept in any case. A receiver that is
    /// too old for this is sent nothing.
    #[arg(long, env = "ADIEU_PRESERVE", hide_env_values = true, action = ArgAction::SetTrue,
          value_parser = BoolishValueParser::new(), conflicts_with = "plain", help_heading = "What is sent")]
    pub(super) preserve: bool,

    /// Print what would be sent, with sizes, and what would be left out, and connect to nobody; with --report json as JSON
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
    /// On the receiver's disk, synced, under its name
    Stored,
    /// Stored, or written to the receiver's stdout
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
    if name.is_empty() { Err("the name is empty") } else { Ok(name) }
}

impl Args {
    /// What is said, and where.
    pub(crate) const fn reporting(&self) -> &Reporting {
        &self.shared.reporting
    }
}
