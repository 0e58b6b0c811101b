//! Numbers with their units, and times, as people read them.

use std::time::Duration;

/// `1 byte`, `5000 bytes`.
pub(crate) fn bytes(count: u64) -> String {
    counted(count, "byte", "bytes")
}

/// A number with the word for one, or for several.
pub(crate) fn counted(count: u64, one: &str, several: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { several })
}

/// A time span with three digits that count: `0.21 ms`, `1.2 s`, `2 min 5 s`.
pub(crate) fn span(span: Duration) -> String {
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
        let whole = span.as_secs();
        format!("{} min {} s", whole / 60, whole % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_short_and_have_their_unit() {
        for (nanoseconds, text) in [
            (0, "0.00 ms"),
            (213_400, "0.21 ms"),
            (45_600_000, "45.6 ms"),
            (1_234_000_000, "1.23 s"),
            (119_000_000_000, "119 s"),
            (125_000_000_000, "2 min 5 s"),
        ] {
            assert_eq!(span(Duration::from_nanos(nanoseconds)), text);
        }
        assert_eq!((bytes(1), bytes(0)), ("1 byte".to_owned(), "0 bytes".to_owned()));
    }
}
