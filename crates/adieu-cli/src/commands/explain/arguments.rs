//! What `adieu explain` is asked for, as it was written.

use super::ends;
use crate::options::access::network;
use crate::options::durations::limit;
use crate::parsing::rules::Rules;
use adieu_explain::segment::Timestamp;
use clap::builder::{BoolishValueParser, NonEmptyStringValueParser};
use clap::{ArgAction, ValueEnum, ValueHint};
use ipnet::IpNet;
use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::{Duration, UNIX_EPOCH};

/// Say how the TCP connections of a capture, or of this machine, ended, and who ended them
///
/// adieu reads pcap and pcapng files, also compressed with gzip or zstd. For each TCP connection it says in one sentence how it
/// ended and who ended it, with the facts behind it. A capture does not show everything, and adieu does not guess what it cannot
/// know from it.
///
/// Connections of a file are in the order of their first packets, except that one that lasts longer than thousands of others can come
/// later. A capture on stdin may still be written to: each connection is printed two seconds after its end, and Ctrl-C prints those
/// that are open.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The captures to read; - is stdin
    #[arg(value_name = "FILE", num_args = 1.., required_unless_present_any = ["code", "live", "watch"], value_hint = ValueHint::FilePath)]
    pub(super) file: Vec<OsString>,

    /// Format of the connections [default: text]
    #[arg(long, value_name = "FORMAT", env = "ADIEU_FORMAT", hide_env_values = true)]
    pub(super) format: Option<Format>,

    /// Count the connections of all captures by ending, for each port, server and network, worst first
    #[arg(long, env = "ADIEU_SUMMARY", hide_env_values = true, action = ArgAction::SetTrue,
          value_parser = BoolishValueParser::new())]
    pub(super) summary: bool,

    /// Compare two captures: say which endings became more frequent, or less, from the first to the second
    #[arg(long, env = "ADIEU_COMPARE", hide_env_values = true, action = ArgAction::SetTrue,
          value_parser = BoolishValueParser::new())]
    pub(super) compare: bool,

    /// Compare two captures of the same connections, taken at two places: what was lost, changed or made between
    ///
    /// The captures can come from both ends, or from both sides of a firewall. Their order does not matter, and their clocks may
    /// differ.
    #[arg(long, env = "ADIEU_BOTH", hide_env_values = true, action = ArgAction::SetTrue,
          value_parser = BoolishValueParser::new())]
    pub(super) both: bool,

    /// Draw the connections of this address and port as a ladder, segment by segment, with frame numbers
    #[arg(long, value_name = "ADDRESS:PORT", env = "ADIEU_FOLLOW", hide_env_values = true, value_parser = ends::end)]
    pub(super) follow: Option<SocketAddr>,

    /// Write a page of HTML for a ticket to this file instead of printing; - is stdout
    ///
    /// The page has bars of the endings, and the worst connections with their facts and ladders. It is one file without scripts,
    /// and loads nothing. With --summary, --compare or --follow it has what they print. An existing file is replaced only if it is
    /// such a page.
    #[arg(long, value_name = "FILE", env = "ADIEU_HTML", hide_env_values = true, value_hint = ValueHint::FilePath)]
    pub(super) html: Option<PathBuf>,

    /// Print only connections with this ending (can be given again, or with commas)
    #[arg(long, value_name = "ENDING", env = "ADIEU_ONLY", hide_env_values = true, value_delimiter = ',')]
    pub(super) only: Vec<Only>,

    /// Print only connections of this address, on either side (can be given again, or with commas)
    #[arg(long, value_name = "ADDRESS", env = "ADIEU_HOST", hide_env_values = true, value_delimiter = ',', value_parser = ends::host)]
    pub(super) host: Vec<IpAddr>,

    /// Print only connections of this network, such as 192.0.2.0/24, on either side (can be given again, or with commas)
    #[arg(long, value_name = "CIDR", env = "ADIEU_NET", hide_env_values = true, value_delimiter = ',', value_parser = network)]
    pub(super) net: Vec<IpNet>,

    /// Print only connections of this port, on either side (can be given again, or with commas)
    #[arg(long, value_name = "PORT", env = "ADIEU_PORT", hide_env_values = true, value_delimiter = ',', value_parser = ends::port)]
    pub(super) port: Vec<u16>,

    /// Print only connections with a packet at this time or later, in UTC, such as 2026-11-30T06:00:00Z
    #[arg(long, value_name = "TIME", env = "ADIEU_SINCE", hide_env_values = true, value_parser = time)]
    pub(super) since: Option<Timestamp>,

    /// Print only connections with a packet at this time or earlier
    #[arg(long, value_name = "TIME", env = "ADIEU_UNTIL", hide_env_values = true, value_parser = time)]
    pub(super) until: Option<Timestamp>,

    /// Take segments with a wrong TCP checksum as if it were right
    ///
    /// A receiver drops them, so adieu leaves them out. A capture from the sending host can have wrong checksums that the network
    /// card corrects later (checksum offload).
    #[arg(long, env = "ADIEU_IGNORE_CHECKSUMS", hide_env_values = true, action = ArgAction::SetTrue,
          value_parser = BoolishValueParser::new())]
    pub(super) ignore_checksums: bool,

    #[command(flatten)]
    pub(super) live: LiveArgs,

    /// Instead of captures, say what an error, an exit status, a TLS alert or a conn_state of Zeek means for an ending, and what
    /// to look at next
    ///
    /// An error is a number or a name. A number that means several things has all of them explained.
    #[arg(long, value_name = "CODE", env = "ADIEU_CODE", hide_env_values = true, allow_hyphen_values = true,
          value_parser = NonEmptyStringValueParser::new(),
          conflicts_with_all = ["file", "only", "host", "net", "port", "since", "until", "summary", "compare", "both", "follow", "html", "ignore_checksums"])]
    pub(super) code: Option<String>,
}

/// What is looked at instead of captures.
#[derive(Debug, clap::Args)]
pub(super) struct LiveArgs {
    /// Instead of captures, print the TCP sockets of this machine that hang, and whose they are (Linux)
    ///
    /// A socket hangs if the peer has ended and the program has not closed (CLOSE_WAIT), if it is the other way round
    /// (FIN_WAIT_2), or if the peer does not acknowledge or does not read what was sent. --host, --net and --port choose among
    /// them.
    #[arg(long, env = "ADIEU_LIVE", hide_env_values = true, action = ArgAction::SetTrue,
          value_parser = BoolishValueParser::new(),
          conflicts_with_all = ["file", "only", "since", "until", "summary", "compare", "both", "follow", "html", "ignore_checksums", "code"])]
    pub(super) live: bool,

    /// With --live: look again and again until a signal, and show how each program's sockets and descriptors grow [default: every
    /// 2s]
    ///
    /// It says when a program will have no descriptor left (EMFILE). On a terminal each look replaces the one before;
    /// elsewhere it adds lines. INTERVAL is the time between two looks, as in --watch=10s.
    #[arg(long, value_name = "INTERVAL", env = "ADIEU_WATCH", hide_env_values = true, num_args = 0..=1,
          require_equals = true, default_missing_value = "2s", value_parser = limit, add = Rules::new().needs("live"))]
    pub(super) watch: Option<Duration>,
}

/// A time as RFC 3339 has it; a space may stand for the T, and the Z may be left out.
fn time(text: &str) -> Result<Timestamp, String> {
    let time = humantime::parse_rfc3339_weak(text)
        .map_err(|error| format!("{error}: write it as 2026-11-30T06:00:00Z"))?;
    let nanoseconds = match time.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_nanos()).unwrap_or(i64::MAX),
        Err(before) => {
            i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, |nanoseconds| -nanoseconds)
        }
    };
    Ok(Timestamp::from_nanoseconds(nanoseconds))
}

/// How connections are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// A sentence and the facts behind it, each with how sure it is
    Text,
    /// One line with the sentence
    Brief,
    /// One line of JSON (docs/explain.schema.json); null is what cannot be known
    Json,
    /// Zeek's conn.log: tab-separated values with header lines
    Zeek,
    /// Flow events as Suricata's EVE log has them, one line of JSON each
    Eve,
}

/// Which endings are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Only {
    /// All but graceful, also what is open or cannot be known
    NotGraceful,
    /// Both sides ended by FIN, and everything was acknowledged
    Graceful,
    /// A reset ended it
    Reset,
    /// A SYN was answered by a reset
    Refused,
    /// No SYN was answered
    NoAnswer,
    /// TCP ended in order, but the message was cut
    Truncated,
    /// One side fell silent while the other waited for it
    Silent,
    /// It has not ended
    Open,
}
