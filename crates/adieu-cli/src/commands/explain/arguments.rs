//! What `adieu explain` is asked for, as it was written.

use clap::{ValueEnum, ValueHint};
use std::ffi::OsString;

/// What `--help` says after the options.
const AFTER: &str = "\
Examples:
  adieu explain trace.pcap                        one line for each connection
  adieu explain --format json trace.pcapng.gz     the same for a program
  tcpdump -i eth0 -U -w - tcp | adieu explain -   each connection as it ends

Exit status:
  0    every capture was read to its end, however the connections ended
  1    a bug in adieu
  2    usage, or a file is not a capture
  6    a capture is cut or damaged: what came before that place is explained
  7    a file could not be read, or stdout failed
  130  interrupted (SIGINT) while it read a file; a capture on stdin ends with the signal
  143  terminated (SIGTERM) while it read a file
If several captures have different ones, it is the largest.";

/// Say how the TCP connections of a capture ended, and who ended them
///
/// adieu reads pcap and pcapng files, also compressed with gzip or zstd, and prints one line for each TCP connection on stdout.
/// A capture does not show everything: what cannot be known from it is not guessed.
///
/// Connections of a file are in the order of their first packets. A capture on stdin can still be written: each connection is
/// printed two seconds after its end, and Ctrl-C prints the ones that are open.
#[derive(Debug, clap::Args)]
#[command(after_long_help = AFTER)]
pub(crate) struct Args {
    /// The captures to read; - is stdin
    #[arg(value_name = "FILE", num_args = 1.., required = true, value_hint = ValueHint::FilePath)]
    pub(super) file: Vec<OsString>,

    /// How to print the connections [default: text]
    #[arg(long, value_name = "FORMAT", env = "ADIEU_FORMAT", hide_env_values = true)]
    pub(super) format: Option<Format>,
}

/// How connections are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// One line for people
    Text,
    /// One line of JSON; null is what cannot be known
    Json,
}
