//! Durations as people write them.
//!
//! By itself, so that the fuzzer can have it (`fuzz/bodies/duration.rs`).

use anyhow::anyhow;
use std::time::Duration;

/// How long a silent input may hold up the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Grace {
    /// For so long.
    For(Duration),
    /// For ever.
    Unlimited,
}

/// One as people write it.
pub(crate) fn duration(text: &str) -> anyhow::Result<Duration> {
    humantime::parse_duration(text)
        .map_err(|error| anyhow!("{error}; write a duration such as 500ms, 2s or 1m30s"))
}

/// A duration that bounds something, so it cannot be zero.
pub(crate) fn limit(text: &str) -> anyhow::Result<Duration> {
    let limit = duration(text)?;
    if limit.is_zero() {
        return Err(anyhow!("it must be more than zero; leave the option out for its default"));
    }
    Ok(limit)
}

/// How long an input may be silent, or `none`.
pub(crate) fn grace(text: &str) -> anyhow::Result<Grace> {
    if text == "none" { Ok(Grace::Unlimited) } else { duration(text).map(Grace::For) }
}
