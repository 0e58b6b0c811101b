//! How many clients a relay lets in: `--max-connections` and its neighbours. Which networks they may come from is
//! [`access`](super::access)'s.

use super::at_least_one;
use super::durations::{Grace, limit_or_none};
use crate::parsing::rules::Rules;
use adieu_relay::{AcceptRate, Admission, WhenFull};
use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use std::num::NonZero;
use std::time::Duration;

/// How many clients are let in, as it was written.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Access")]
pub(crate) struct AdmissionOptions {
    /// Have at most this many connections open at once [default: as many as descriptors allow]
    #[arg(long, value_name = "N", env = "ADIEU_MAX_CONNECTIONS", hide_env_values = true, value_parser = at_least_one)]
    max_connections: Option<u32>,

    /// Have at most this many connections open per IPv4 address, or per /64 network of IPv6; reset further clients [default: no
    /// limit]
    ///
    /// --when-full does not change that.
    #[arg(long, value_name = "N", env = "ADIEU_MAX_PER_SOURCE", hide_env_values = true, value_parser = at_least_one,
          add = Rules::new().not_for_unix())]
    max_per_source: Option<u32>,

    /// Accept at most this many clients a second, such as 100; or 30/m a minute, 30/h an hour [default: no limit]
    ///
    /// After a pause, as many are accepted at once as in one second.
    #[arg(long, value_name = "RATE", env = "ADIEU_ACCEPT_RATE", hide_env_values = true, value_parser = rate)]
    accept_rate: Option<AcceptRate>,

    /// What happens to clients beyond --max-connections and --accept-rate
    #[arg(
        long,
        value_name = "WHAT",
        default_value = "wait",
        env = "ADIEU_WHEN_FULL",
        hide_env_values = true
    )]
    when_full: Full,

    /// Reset a connection over which no byte has passed in either direction for this long; "none" sets no limit
    ///
    /// So clients that say nothing hold no place. With TLS the time begins after the handshake, which --connect-timeout bounds.
    #[arg(long, value_name = "DURATION", default_value = "60s", env = "ADIEU_FIRST_BYTE_TIMEOUT", hide_env_values = true,
          value_parser = limit_or_none, help_heading = "Time limits")]
    first_byte_timeout: Grace,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Full {
    /// They wait in the backlog until there is a place
    Wait,
    /// They are reset at once
    Reset,
}

impl AdmissionOptions {
    /// The bounds, beside what is asked already.
    pub(crate) fn bounds(&self, admission: Admission) -> Admission {
        let number = |number: Option<u32>| number.and_then(NonZero::new);
        admission
            .max_connections(number(self.max_connections))
            .max_per_source(number(self.max_per_source))
            .accept_rate(self.accept_rate)
            .when_full(match self.when_full {
                Full::Wait => WhenFull::Wait,
                Full::Reset => WhenFull::Reset,
            })
    }

    /// How long a connection may be without a byte. `None`: for ever.
    pub(crate) fn first_byte_timeout(&self) -> Option<Duration> {
        self.first_byte_timeout.limit()
    }
}

/// How many clients in which time.
fn rate(text: &str) -> Result<AcceptRate> {
    let (number, within) = match text.split_once('/') {
        None | Some((_, "s")) => (text.trim_end_matches("/s"), Some(1)),
        Some((number, "m")) => (number, Some(60)),
        Some((number, "h")) => (number, Some(60 * 60)),
        Some((number, _)) => (number, None),
    };
    let rate = number.parse().ok().zip(within);
    rate.and_then(|(number, seconds)| AcceptRate::new(number, Duration::from_secs(seconds)))
        .context("write a number of clients in a second such as 100, in a minute such as 30/m, or in an hour such as 30/h")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_number_and_a_time() {
        let of = |clients, seconds| AcceptRate::new(clients, Duration::from_secs(seconds));
        assert_eq!(rate("100").ok(), of(100, 1));
        assert_eq!(rate("100/s").ok(), of(100, 1));
        assert_eq!(rate("30/m").ok(), of(30, 60));
        assert_eq!(rate("5/h").ok(), of(5, 3600));
        for wrong in ["", "0", "-1", "ten", "5/d", "5/", "/s", "1.5", "5/s/s"] {
            assert!(rate(wrong).is_err(), "{wrong}");
        }
    }
}
