//! The date at the foot of each manual page.
//!
//! Whoever makes packages sets SOURCE_DATE_EPOCH, so a page has the date of its package and the same build gives the same page.
//! The clock is never read.
//!
//! Source: <https://reproducible-builds.org/specs/source-date-epoch/>.

use std::time::{Duration, UNIX_EPOCH};

/// For a build without SOURCE_DATE_EPOCH: the date of this version. A test compares it with CHANGELOG.md.
const RELEASED: &str = "2026-11-30";

/// As `2026-11-30`.
pub(super) fn date() -> String {
    at(option_env!("SOURCE_DATE_EPOCH"))
}

fn at(epoch: Option<&str>) -> String {
    // 32 bits last until 2106.
    match epoch.and_then(|seconds| seconds.trim().parse::<u32>().ok()) {
        Some(seconds) => {
            let time = UNIX_EPOCH + Duration::from_secs(seconds.into());
            let text = humantime::format_rfc3339_seconds(time).to_string();
            text.split('T').next().unwrap_or(RELEASED).to_owned()
        }
        None => RELEASED.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_is_that_of_the_package_or_of_the_release() {
        assert_eq!(at(Some("1796040773")), "2026-11-30");
        assert_eq!(at(Some("951782400")), "2000-02-29");
        assert_eq!(at(Some("yesterday")), RELEASED);
        assert_eq!(at(None), RELEASED);
    }
}
