//! The options that `send` and `receive` share, as they were written.

use crate::options::FirstClient;
use crate::options::own_file::own_file;
use crate::options::proxy::ProxyOptions;
use crate::options::rate::Rate;
use crate::options::retry;
use crate::options::socket::Source;
use crate::options::tls::EitherTls;
use crate::parsing::rules::{CommandSide, Rules};
use clap::builder::{BoolishValueParser, NonEmptyStringValueParser, PathBufValueParser, TypedValueParser};
use clap::{ArgAction, Args};
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

/// What the shared options mean for a transfer; and what the manual page says besides.
pub(crate) const IDLE_TIMEOUT: &str = "End the connection if the peer sends nothing and takes nothing for this long while it is the peer's turn [default: none]";
pub(crate) const IDLE_TIMEOUT_MORE: &str = "A slow input or output of this side does not count. The same limit bounds how long the peer \
    may take to say who it is (exit 5), which without this option is 30s, and 10s at most for a client of a side that listens.";
pub(crate) const DEADLINE: &str = "End the command after this long, whatever happens: waiting, all attempts and the pauses between them \
    included [default: none]";
pub(crate) const DEADLINE_MORE: &str =
    "The exit status is 5, or 6 if everything was sent and is not confirmed.";

/// Retries, if no number is given. The help says it too.
const RETRIES: u32 = 10;

/// What both commands have.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Transfer")]
pub(crate) struct Transfer {
    /// Go on where a transfer was cut: the sender asks what is there and sends the rest, and the receiver keeps partials
    ///
    /// Both sides compare the hash of what is there.
    #[arg(long, env = "ADIEU_RESUME", hide_env_values = true, action = ArgAction::SetTrue,
          value_parser = BoolishValueParser::new())]
    pub(crate) resume: bool,

    /// Try again, at most this many times, if the connection fails, the peer is silent, or damaged data was received [default: 0;
    /// 10 without a number]
    ///
    /// The side that connects pauses for 1 s to 30 s between attempts. The side that listens waits for the next client, however
    /// many strangers connect before it. The sender goes on from what the receiver has if the receiver has --resume, and begins
    /// again otherwise. A receiver that has stored everything, and could not say so, waits 4 minutes for the sender, and exits 0
    /// even if it does not return.
    #[arg(long, value_name = "TIMES", env = "ADIEU_RETRY", hide_env_values = true, num_args = 0..=1,
          require_equals = true, default_missing_value = "10", value_parser = crate::options::number)]
    pub(crate) retry: Option<u32>,

    /// A passphrase that both sides must have: it authenticates and encrypts
    ///
    /// On a command line others can see it: better put it in a file (--secret-file), or in ADIEU_SECRET.
    #[arg(
        long,
        value_name = "PASSPHRASE",
        env = "ADIEU_SECRET",
        hide_env_values = true,
        conflicts_with = "secret_file",
        value_parser = NonEmptyStringValueParser::new(),
        add = Rules::new().guards(|_| true)
    )]
    pub(crate) secret: Option<String>,

    /// Read the passphrase from this file, of at most 64 KiB
    #[arg(long, value_name = "FILE", env = "ADIEU_SECRET_FILE", hide_env_values = true,
          add = Rules::new().guards(|_| true))]
    pub(crate) secret_file: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) rate: Rate,

    /// When listening: write the port, or the path of a Unix socket, to this file once adieu listens
    #[arg(long, value_name = "FILE", env = "ADIEU_PORT_FILE", hide_env_values = true,
          value_parser = PathBufValueParser::new().try_map(own_file),
          add = Rules::new().of_side(CommandSide::Listens))]
    pub(crate) port_file: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) first_client: FirstClient,

    #[command(flatten)]
    pub(crate) tls: EitherTls,

    #[command(flatten)]
    pub(crate) source: Source,

    #[command(flatten)]
    pub(crate) proxy: ProxyOptions,
}

impl Transfer {
    /// A number after --retry is a word of its own: what to say of it.
    pub(crate) fn hint<'a>(&self, words: impl Iterator<Item = &'a OsStr>) -> Option<String> {
        retry::hint(self.retry, words)
    }

    /// Whether the only word of a side that listens was meant for --retry: as a port it would be a small one.
    pub(crate) fn takes_word_from_retry(&self, words: &[OsString]) -> bool {
        let is_small =
            |word: &OsString| word.to_str().and_then(|word| word.parse().ok()).is_some_and(|n: u32| n < 100);
        self.retry == Some(RETRIES) && matches!(words, [one] if is_small(one))
    }

    pub(crate) fn has_secret(&self) -> bool {
        self.secret.is_some() || self.secret_file.is_some()
    }
}
