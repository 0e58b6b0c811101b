//! The options that every command shares: one definition for help, man page, completions and environment.

pub(crate) mod access;
pub(crate) mod admission;
pub(crate) mod durations;
pub(crate) mod exchange;
pub(crate) mod foreign;
pub(crate) mod front;
pub(crate) mod own_file;
pub(crate) mod proxy;
pub(crate) mod rate;
pub(crate) mod reporting;
pub(crate) mod retry;
pub(crate) mod socket;
pub(crate) mod timers;
pub(crate) mod tls;
pub(crate) mod upstreams;

use self::reporting::Reporting;
use self::socket::SocketOptions;
use self::timers::Timers;
use crate::parsing::rules::{CommandSide, Rules, With};
use adieu::{ConnectOptions, Endpoint, Limits, ListenOptions, ParseEndpointError};
use anyhow::{Context, anyhow};
use clap::builder::BoolishValueParser;
use clap::{ArgAction, Args, ValueEnum};
use std::ffi::{OsStr, OsString};
use std::path::Path;

#[derive(Debug, Clone, Args, Default)]
pub(crate) struct Shared {
    #[command(flatten)]
    pub(crate) timers: Timers,
    #[command(flatten)]
    pub(crate) reporting: Reporting,
    #[command(flatten)]
    pub(crate) socket: SocketOptions,

    /// How bytes are moved: the speed differs, and nothing else; for tests and comparisons
    #[arg(long, value_name = "PATH", env = "ADIEU_DATA_PATH", hide = true, default_value = "auto",
          add = Rules::new().also_over_udp())]
    pub(crate) data_path: DataPath,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum DataPath {
    #[default]
    Auto,
    Portable,
    Direct,
}

impl Shared {
    /// The library's options of a side that connects.
    pub(crate) fn connect_options(&self, limits: Limits) -> ConnectOptions {
        ConnectOptions::new().limits(limits).socket(self.socket.asked()).data_path(self.data_path.into())
    }

    /// The library's options of a side that listens.
    pub(crate) fn listen_options(&self, limits: Limits) -> ListenOptions {
        ListenOptions::new().limits(limits).socket(self.socket.asked()).data_path(self.data_path.into())
    }
}

impl From<DataPath> for adieu::DataPath {
    fn from(path: DataPath) -> Self {
        match path {
            DataPath::Auto => Self::Auto,
            DataPath::Portable => Self::Portable,
            DataPath::Direct => Self::Direct,
        }
    }
}

/// Which client of a single connection counts.
#[derive(Debug, Clone, Args, Default)]
pub(crate) struct FirstClient {
    /// Serve the first client, even if it leaves without a byte, as a port scan or a health check does
    ///
    /// By default such a client is told, and the listener waits for the next.
    #[arg(long, env = "ADIEU_ACCEPT_FIRST", hide_env_values = true, action = ArgAction::SetTrue,
          value_parser = BoolishValueParser::new(),
          add = Rules::new().of_side(CommandSide::Listens).meaningless_with(&[With::Any("keep_open")]))]
    pub(crate) accept_first: bool,
}

/// A number of things of which there must be one.
pub(crate) fn at_least_one(text: &str) -> anyhow::Result<u32> {
    let number = text.parse().ok().filter(|number| *number > 0);
    number.with_context(|| format!("write a number from 1 to {}", u32::MAX))
}

/// A number of things of which there may be none.
pub(crate) fn number(text: &str) -> anyhow::Result<u32> {
    text.parse().ok().with_context(|| format!("write a number from 0 to {}", u32::MAX))
}

/// An endpoint to connect to, from one word (`host:port`) or two (`host port`).
pub(crate) fn connecting_endpoint(words: &[OsString]) -> anyhow::Result<Endpoint> {
    endpoint(words, |word| Endpoint::for_connecting(word))
}

/// An endpoint from one word, which is parsed by `parse`, or two.
fn endpoint(
    words: &[OsString],
    parse: impl FnOnce(&OsString) -> Result<Endpoint, ParseEndpointError>,
) -> anyhow::Result<Endpoint> {
    match words {
        [one] => parse(one).map_err(|error| {
            let why =
                one.to_str().and_then(foreign::instead_of).map_or_else(|| error.into(), anyhow::Error::msg);
            why.context(format!("'{}' is not an endpoint", one.display()))
        }),
        [host, port] => {
            let wrong = || format!("'{} {}' is not an endpoint", host.display(), port.display());
            let (Some(host), Some(port)) = (host.to_str(), port.to_str()) else {
                return Err(anyhow!("{}: it is not UTF-8", wrong()));
            };
            Endpoint::from_host_and_service(host, port).with_context(wrong)
        }
        _ => Err(anyhow!("an endpoint is one word (host:port) or two (host port)")),
    }
}

/// Whether a word can only be a port: a number, or the name of a service that is no file here.
pub(crate) fn is_port(word: &OsStr) -> bool {
    let Some(text) = word.to_str() else { return false };
    text.bytes().all(|b| b.is_ascii_digit())
        || (Endpoint::from_host_and_service("localhost", text).is_ok() && !Path::new(word).exists())
}

/// An endpoint where a command listens: also `9000` and `:9000`.
pub(crate) fn listening_endpoint(words: &[OsString]) -> anyhow::Result<Endpoint> {
    endpoint(words, |word| Endpoint::for_listening(word))
}

/// The same, where a socket of the service manager may be given too, as `fd:NAME` or `fd:NUMBER`.
pub(crate) fn listening_or_passed_endpoint(words: &[OsString]) -> anyhow::Result<Endpoint> {
    let passed = match words {
        [one] => one.to_str().and_then(|word| {
            let (scheme, name) = word.split_at_checked(3)?;
            scheme.eq_ignore_ascii_case("fd:").then_some(name)
        }),
        _ => None,
    };
    match passed {
        Some("") => Err(anyhow!("'fd:' needs the name or the number of a socket, as in fd:web or fd:3")),
        Some(name) => Ok(Endpoint::passed(name)),
        None => listening_endpoint(words),
    }
}

/// Where metrics are served: what a listener takes, and what HTTP goes over.
pub(crate) fn endpoint_of_metrics(text: &str) -> anyhow::Result<Endpoint> {
    match listening_or_passed_endpoint(&[text.into()])? {
        Endpoint::Udp { .. } | Endpoint::Tls { .. } => {
            anyhow::bail!("--metrics is served over HTTP: give host:port, :port, unix:path or fd:NAME")
        }
        other => Ok(other),
    }
}

#[cfg(test)]
mod tests {
    use super::durations::{Grace, grace, limit};
    use super::*;
    use std::time::Duration;

    #[test]
    fn durations_are_written_as_people_write_them() {
        assert_eq!(limit("1m30s").ok(), Some(Duration::from_secs(90)));
        assert_eq!(limit("500ms").ok(), Some(Duration::from_millis(500)));
        for wrong in ["", "0s", "2", "-1s", "soon"] {
            assert!(limit(wrong).is_err(), "{wrong}");
        }
        let zero = limit("0s").expect_err("it bounds something").to_string();
        assert_eq!(zero, "it must be more than zero; leave the option out for its default");
        let unitless = limit("60").expect_err("it has no unit").to_string();
        assert_eq!(unitless, "time unit needed: write 60s for seconds, or a duration such as 500ms or 1m30s");
        assert_eq!(grace("none").ok(), Some(Grace::Unlimited));
        assert_eq!(grace("0s").ok(), Some(Grace::For(Duration::ZERO)));
    }

    #[test]
    fn an_endpoint_is_one_word_or_two() {
        let words = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
        for parse in [connecting_endpoint, listening_endpoint, listening_or_passed_endpoint] {
            assert_eq!(parse(&words(&["h:1"])).ok(), Some(Endpoint::tcp("h", 1)));
            assert_eq!(parse(&words(&["::1", "1"])).ok(), Some(Endpoint::tcp("::1", 1)));
            assert_eq!(parse(&words(&["fd", "3"])).ok(), Some(Endpoint::tcp("fd", 3)));
            assert!(parse(&words(&["h", "x"])).is_err());
            assert!(parse(&words(&["fd:"])).is_err());
        }
        let passed = listening_or_passed_endpoint(&words(&["FD:3"])).ok();
        assert_eq!(passed, Some(Endpoint::passed("3")));
        let every_address = Some(Endpoint::tcp("", 3));
        assert_eq!(listening_endpoint(&words(&["3"])).ok(), every_address);
        assert_eq!(listening_or_passed_endpoint(&words(&[":3"])).ok(), every_address);
        for wrong in [&["3"][..], &[":3"], &["fd:3"]] {
            assert!(connecting_endpoint(&words(wrong)).is_err(), "{wrong:?}");
        }
        assert!(listening_endpoint(&words(&["fd:3"])).is_err());
    }
}
