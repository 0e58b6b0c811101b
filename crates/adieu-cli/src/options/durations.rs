//! Durations as people write them.
//!
//! By itself, so that the fuzzer can have it (`fuzz/bodies/duration.rs`).

use anyhow::anyhow;
use std::time::Duration;

/// How long something that is silent is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Grace {
    /// For this long.
    For(Duration),
    /// For ever.
    Unlimited,
}

impl Grace {
    /// As the library has it: `None` is no limit.
    pub(crate) fn limit(self) -> Option<Duration> {
        match self {
            Self::For(limit) => Some(limit),
            Self::Unlimited => None,
        }
    }
}

/// One as people write it.
pub(crate) fn duration(text: &str) -> anyhow::Result<Duration> {
    if text.starts_with('-') {
        return Err(anyhow!("it cannot be negative; write a duration such as 500ms, 2s or 1m30s"));
    }
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(anyhow!(
            "time unit needed: write {text}s for seconds, or a duration such as 500ms or 1m30s"
        ));
    }
    humantime::parse_duration(text).map_err(|error| match error {
        humantime::DurationError::UnknownUnit { .. } => {
            anyhow!("{error}; write a duration such as 500ms, 2s or 1m30s")
        }
        // Its other words are a parser's.
        _ => anyhow!("write a duration such as 500ms, 2s or 1m30s"),
    })
}

/// A duration that bounds something, so it cannot be zero.
pub(crate) fn limit(text: &str) -> anyhow::Result<Duration> {
    let limit = duration(text)?;
    if limit.is_zero() {
        return Err(anyhow!("it must be more than zero; leave the option out for its default"));
    }
    Ok(limit)
}

/// A duration that bounds something, or `none`.
pub(crate) fn limit_or_none(text: &str) -> anyhow::Result<Grace> {
    if text == "none" { Ok(Grace::Unlimited) } else { limit(text).map(Grace::For) }
}

/// How long an input may be silent, or `none`.
pub(crate) fn grace(text: &str) -> anyhow::Result<Grace> {
    if text == "none" { Ok(Grace::Unlimited) } else { duration(text).map(Grace::For) }
}
