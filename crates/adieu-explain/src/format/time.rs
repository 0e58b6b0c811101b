//! Times of a capture as text, without a clock or a time zone.

use crate::segment::Timestamp;

/// A time in UTC by RFC 3339, with nanoseconds: `2026-11-30T06:00:00.123456789Z`. Any timestamp has one: they lie between
/// the years 1677 and 2262.
pub fn rfc3339(time: Timestamp) -> String {
    let Civil { year, month, day, hour, minute, second, nanosecond } = Civil::of(time);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{nanosecond:09}Z")
}

/// The same as Suricata writes it: microseconds, and a numeric zone without a colon.
pub(super) fn suricata(time: Timestamp) -> String {
    let Civil { year, month, day, hour, minute, second, nanosecond } = Civil::of(time);
    let microsecond = nanosecond / 1000;
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{microsecond:06}+0000")
}

/// Seconds since 1970 with microseconds, as Zeek writes them.
pub(super) fn epoch(time: Timestamp) -> String {
    let microseconds = time.as_nanoseconds().div_euclid(1000);
    let sign = if microseconds < 0 { "-" } else { "" };
    let microseconds = microseconds.unsigned_abs();
    format!("{sign}{}.{:06}", microseconds / 1_000_000, microseconds % 1_000_000)
}

/// A time in the Gregorian calendar, in UTC.
struct Civil {
    year: i64,
    month: i64,
    day: i64,
    hour: i64,
    minute: i64,
    second: i64,
    nanosecond: i64,
}

impl Civil {
    fn of(time: Timestamp) -> Self {
        let nanoseconds = time.as_nanoseconds();
        let (seconds, nanosecond) =
            (nanoseconds.div_euclid(1_000_000_000), nanoseconds.rem_euclid(1_000_000_000));
        let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        // Years that begin in March have their leap day at their end, and 400 of them have always 146,097 days.
        let shifted = days + 719_468;
        let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let march_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * march_month + 2) / 5 + 1;
        let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
        let year = era * 400 + year_of_era + i64::from(month <= 2);
        Self {
            year,
            month,
            day,
            hour: second / 3600,
            minute: second / 60 % 60,
            second: second % 60,
            nanosecond,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        for (nanoseconds, text) in [
            (0, "1970-01-01T00:00:00.000000000Z"),
            (-1, "1969-12-31T23:59:59.999999999Z"),
            (951_782_400_000_000_000, "2000-02-29T00:00:00.000000000Z"),
            (1_709_251_199_000_000_001, "2024-02-29T23:59:59.000000001Z"),
            (4_107_542_400_000_000_000, "2100-03-01T00:00:00.000000000Z"),
            (i64::MAX, "2262-04-11T23:47:16.854775807Z"),
            (i64::MIN, "1677-09-21T00:12:43.145224192Z"),
        ] {
            assert_eq!(rfc3339(Timestamp::from_nanoseconds(nanoseconds)), text);
        }
        assert_eq!(epoch(Timestamp::from_nanoseconds(1_500_000_001_999)), "1500.000001");
        assert_eq!(suricata(Timestamp::EPOCH), "1970-01-01T00:00:00.000000+0000");
    }
}
