//! Moments that are ahead.

use std::time::{Duration, Instant};

/// A century, which is as good as never.
const FAR: Duration = Duration::from_secs(3_155_760_000);

/// The moment that is this time after another. A moment beyond the clock's range becomes one that is a century away.
pub(crate) fn after(now: Instant, time: Duration) -> Instant {
    now.checked_add(time).unwrap_or(now + FAR)
}
