//! Sizes, durations and percentages, as faults are written with them: no word is two of them.

use super::ALWAYS;
use std::time::Duration;

const SIZES: [(&str, u64); 8] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("kB", 1000),
    ("KB", 1000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("B", 1),
];

/// Longest names first: `ms` ends as `s` does.
const TIMES: [(&str, u64); 6] = [
    ("us", 1_000),
    ("ms", 1_000_000),
    ("min", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
];

/// Bytes: a whole number, alone or with a unit.
pub(super) fn size(word: &str) -> Option<u64> {
    let (number, unit) =
        SIZES.iter().find_map(|(name, unit)| Some((word.strip_suffix(name)?, *unit))).unwrap_or((word, 1));
    whole(number)?.checked_mul(unit)
}

pub(super) fn shown_size(bytes: u64) -> String {
    let unit = SIZES[..3].iter().rev().find(|(_, unit)| bytes > 0 && bytes.is_multiple_of(*unit));
    unit.map_or_else(|| format!("{bytes}B"), |(name, unit)| format!("{}{name}", bytes / unit))
}

/// A whole number with a unit of time, or several: `1m30s`.
pub(super) fn duration(word: &str) -> Option<Duration> {
    let mut left = word;
    let mut nanos = 0_u64;
    while !left.is_empty() {
        let digits = left.find(|c: char| !c.is_ascii_digit())?;
        let (number, rest) = left.split_at(digits);
        let letters = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
        let (name, rest) = rest.split_at(letters);
        let (_, unit) = TIMES.iter().find(|(known, _)| *known == name)?;
        nanos = nanos.checked_add(whole(number)?.checked_mul(*unit)?)?;
        left = rest;
    }
    (!word.is_empty()).then(|| Duration::from_nanos(nanos))
}

pub(super) fn shown_duration(time: Duration) -> String {
    let micros = time.as_micros();
    if micros.is_multiple_of(1_000_000) {
        format!("{}s", micros / 1_000_000)
    } else if micros.is_multiple_of(1000) {
        format!("{}ms", micros / 1000)
    } else {
        format!("{micros}us")
    }
}

/// A percentage, with up to four digits after the point, as so many of a million.
pub(super) fn percent(word: &str) -> Option<u32> {
    let number = word.strip_suffix('%')?.trim_end();
    let (units, parts) = number.split_once('.').unwrap_or((number, "0"));
    if parts.len() > 4 {
        return None;
    }
    let parts = whole(&format!("{parts:0<4}"))?;
    let all = whole(units)?.checked_mul(10_000)?.checked_add(parts)?;
    u32::try_from(all).ok().filter(|all| *all <= ALWAYS)
}

pub(super) fn shown_percent(per_million: u32) -> String {
    let (units, parts) = (per_million / 10_000, per_million % 10_000);
    let shown = format!("{units}.{parts:04}");
    format!("{}%", shown.trim_end_matches('0').trim_end_matches('.'))
}

fn whole(number: &str) -> Option<u64> {
    let number = number.trim();
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { number.parse().ok() } else { None }
}
