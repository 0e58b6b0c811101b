//! Numbers with their units, and times, as people read them.

use std::time::Duration;

/// `1 byte`, `5000 bytes`.
pub(crate) fn bytes(count: u64) -> String {
    counted(count, "byte", "bytes")
}

/// A number with the word for one, or for several.
pub fn counted(count: u64, one: &str, several: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { several })
}

/// The verb for one, or for several: that which follows a number of things.
pub const fn verb(count: u64, one: &'static str, several: &'static str) -> &'static str {
    if count == 1 { one } else { several }
}

/// A number of bytes with three digits that count, from ten thousand on in units of 1000: `9999 bytes`, `580 KB`, `1.25 GB`.
#[expect(clippy::cast_precision_loss, reason = "it is printed with three digits")]
pub fn size(count: u64) -> String {
    if count < 10_000 {
        return bytes(count);
    }
    let (mut value, mut unit) = (count as f64 / 1e3, "KB");
    for larger in ["MB", "GB", "TB", "PB", "EB"] {
        // What would be printed as 1000 is one of the larger.
        if value < 999.5 {
            break;
        }
        (value, unit) = (value / 1e3, larger);
    }
    match value {
        value if value < 9.995 => format!("{value:.2} {unit}"),
        value if value < 99.95 => format!("{value:.1} {unit}"),
        value => format!("{value:.0} {unit}"),
    }
}

/// A share as people read it: `0.1 %`, `7 %`, `12.5 %`. Of nothing it is `0 %`.
#[expect(clippy::cast_precision_loss, reason = "a share is printed with two digits")]
pub fn percent(part: u64, whole: u64) -> String {
    let share = if whole == 0 { 0.0 } else { part as f64 / whole as f64 };
    let text = format!("{:.1}", share * 100.0);
    format!("{} %", text.strip_suffix(".0").unwrap_or(&text))
}

/// A time span with three digits that count: `0.21 ms`, `1.23 s`, `2 min 5 s`, `3 h 20 min`.
pub fn span(span: Duration) -> String {
    let seconds = span.as_secs_f64();
    let digits = |value: f64| match value {
        value if value < 10.0 => format!("{value:.2}"),
        value if value < 100.0 => format!("{value:.1}"),
        value => format!("{value:.0}"),
    };
    if seconds < 1.0 {
        format!("{} ms", digits(seconds * 1e3))
    } else if seconds < 120.0 {
        format!("{} s", digits(seconds))
    } else {
        match span.as_secs() {
            seconds @ ..7_200 => format!("{} min {} s", seconds / 60, seconds % 60),
            seconds @ ..172_800 => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
            seconds => format!("{} days {} h", seconds / 86_400, seconds / 3600 % 24),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_three_digits_and_shares_none_too_many() {
        for (count, text) in [
            (9_999, "9999 bytes"),
            (10_000, "10.0 KB"),
            (99_949, "99.9 KB"),
            (99_960, "100 KB"),
            (580_123, "580 KB"),
            (999_400, "999 KB"),
            (999_600, "1.00 MB"),
            (1_250_000_000, "1.25 GB"),
            (u64::MAX, "18.4 EB"),
        ] {
            assert_eq!(size(count), text, "{count}");
        }
        for (part, whole, text) in [
            (0, 5, "0 %"),
            (1, 1000, "0.1 %"),
            (7, 100, "7 %"),
            (1, 8, "12.5 %"),
            (3, 3, "100 %"),
            (0, 0, "0 %"),
        ] {
            assert_eq!(percent(part, whole), text);
        }
    }

    #[test]
    fn spans_are_short_and_have_their_unit() {
        for (nanoseconds, text) in [
            (0, "0.00 ms"),
            (213_400, "0.21 ms"),
            (45_600_000, "45.6 ms"),
            (1_234_000_000, "1.23 s"),
            (119_000_000_000, "119 s"),
            (125_000_000_000, "2 min 5 s"),
            (7_261_000_000_000, "2 h 1 min"),
            (180_000_000_000_000, "2 days 2 h"),
        ] {
            assert_eq!(span(Duration::from_nanos(nanoseconds)), text);
        }
        assert_eq!((bytes(1), bytes(0)), ("1 byte".to_owned(), "0 bytes".to_owned()));
    }
}
