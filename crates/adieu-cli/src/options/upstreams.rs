//! How a relay's clients are spread over its upstreams, and when an upstream counts as down.

use super::durations::{Grace, duration, limit, limit_or_none};
use super::number;
use adieu_relay::{Balance, Health, RelayConfig};
use clap::{Args, ValueEnum};
use std::time::Duration;

/// How clients are spread over the upstreams, as it was written.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Upstreams")]
pub(crate) struct UpstreamOptions {
    /// How clients are spread over several upstreams
    #[arg(
        long,
        value_name = "HOW",
        default_value = "round-robin",
        env = "ADIEU_BALANCE",
        hide_env_values = true
    )]
    balance: BalanceBy,

    /// Treat an upstream as down after this many failed attempts to connect within --fail-timeout; 0 means never
    ///
    /// If all are down, a client is given to the one that has been left alone for the longest time.
    #[arg(long, value_name = "N", default_value = "1", env = "ADIEU_MAX_FAILS", hide_env_values = true, value_parser = number)]
    max_fails: u32,

    /// Give no clients to an upstream that is down for this long; then one client tries it
    #[arg(long, value_name = "DURATION", default_value = "10s", env = "ADIEU_FAIL_TIMEOUT", hide_env_values = true,
          value_parser = limit)]
    fail_timeout: Duration,

    /// Let an upstream that is back grow to its full share of clients over this long; 0s gives it at once
    #[arg(long, value_name = "DURATION", default_value = "10s", env = "ADIEU_SLOW_START", hide_env_values = true,
          value_parser = duration)]
    slow_start: Duration,

    /// Resolve the names of upstreams again this often; "none" resolves them once
    ///
    /// Open connections stay. While the resolver fails, the last addresses are kept.
    #[arg(long, value_name = "DURATION", default_value = "30s", env = "ADIEU_RESOLVE_EVERY", hide_env_values = true,
          value_parser = limit_or_none)]
    resolve_every: Grace,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum BalanceBy {
    /// One after the other
    RoundRobin,
    /// The one with the fewest open connections of this relay
    Least,
    /// By the client's address, so that a client keeps its upstream; if that is down, only its clients go to others
    Hash,
}

impl UpstreamOptions {
    pub(crate) fn apply_to(&self, config: &mut RelayConfig) {
        config.balance = match self.balance {
            BalanceBy::RoundRobin => Balance::RoundRobin,
            BalanceBy::Least => Balance::Least,
            BalanceBy::Hash => Balance::Hash,
        };
        let Self { max_fails, fail_timeout, slow_start, .. } = *self;
        config.health = Health { max_fails, fail_timeout, slow_start };
        config.resolve_every = self.resolve_every.limit();
    }
}
