//! Moments and durations with the resolution that a report has: a microsecond.

use std::time::{Duration, SystemTime};

/// The last second that RFC 3339 can write, since the epoch.
const LAST: Duration = Duration::from_secs(253_402_300_799);

/// A duration in whole microseconds, as a report has it.
pub const fn whole_micros(time: Duration) -> Duration {
    Duration::new(time.as_secs(), time.subsec_micros() * 1000)
}

/// A moment in whole microseconds since the epoch, within the years that RFC 3339 has: a clock that stands outside of them is
/// shown at their end.
pub(crate) fn since_epoch(moment: SystemTime) -> Duration {
    whole_micros(moment.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()).min(LAST)
}

/// The same as a moment.
pub(crate) fn within_rfc3339(moment: SystemTime) -> SystemTime {
    SystemTime::UNIX_EPOCH + since_epoch(moment)
}
