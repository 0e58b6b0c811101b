//! How fast a process uses up its descriptors.

use std::time::Duration;

/// When a process will have used up its descriptors (EMFILE), if it goes on as it did: `opened` more than at the beginning after
/// this time, and now `open` of `limit`. `None`: it does not grow.
///
/// # Examples
///
/// ```
/// use adieu_explain::live::growth::time_until_full;
/// use std::time::Duration;
///
/// let left = time_until_full(10, Duration::from_secs(5), 24, 1024);
/// assert_eq!(left, Some(Duration::from_secs(500)));
/// assert_eq!(time_until_full(0, Duration::from_secs(5), 24, 1024), None);
/// ```
pub fn time_until_full(opened: i64, after: Duration, open: u64, limit: u64) -> Option<Duration> {
    let opened = u64::try_from(opened).ok().filter(|opened| *opened > 0)?;
    let left = u128::from(limit.saturating_sub(open)) * after.as_millis() / u128::from(opened);
    Some(Duration::from_millis(u64::try_from(left).unwrap_or(u64::MAX)))
}
