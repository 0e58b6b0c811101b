//! Numbers, times and ports as the C library's functions read them, which the netcats use.

use std::time::Duration;

/// As `strtonum` reads a number: the value, or what is wrong with it.
///
/// Source: strtonum(3) of OpenBSD.
pub(super) fn strtonum(text: &str, least: i64, most: i64) -> Result<i64, &'static str> {
    let trimmed = text.trim_start_matches(is_space);
    let digits = trimmed.strip_prefix(['-', '+']).unwrap_or(trimmed);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("invalid");
    }
    // What does not fit is at one of the ends.
    let overflow = if trimmed.starts_with('-') { i64::MIN } else { i64::MAX };
    match trimmed.parse().unwrap_or(overflow) {
        number if number < least => Err("too small"),
        number if number > most => Err("too large"),
        number => Ok(number),
    }
}

/// As `atoi` reads a number: as far as there is one, and 0 without.
pub(super) fn atoi(text: &str) -> i32 {
    let trimmed = text.trim_start_matches(is_space);
    let digits = trimmed.strip_prefix(['-', '+']).unwrap_or(trimmed);
    let length = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    let number = &trimmed[..trimmed.len() - digits.len() + length];
    number.parse().unwrap_or(if length == 0 {
        0
    } else if number.starts_with('-') {
        i32::MIN
    } else {
        i32::MAX
    })
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t'..='\r')
}

/// Seconds that are not negative.
pub(super) fn seconds(number: i64) -> Duration {
    Duration::from_secs(u64::try_from(number).unwrap_or(0))
}

/// A time as ncat reads it: seconds, or with `ms`, `s`, `m` or `h`. `None`: not a time.
pub(super) fn ncat_time(text: &str) -> Option<Duration> {
    let length = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(length);
    let factor = match unit.to_ascii_lowercase().as_str() {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return None,
    };
    let number: f64 = number.trim().parse().ok()?;
    Duration::try_from_secs_f64(number * factor).ok()
}

/// A port as `getaddrinfo` reads one: a number, or the name of a service.
pub(super) fn service(text: &str, is_udp: bool) -> Option<u16> {
    match strtonum(text, 0, u16::MAX.into()) {
        Ok(number) => u16::try_from(number).ok(),
        Err("invalid") => service_port(text, is_udp),
        Err(_) => None,
    }
}

/// The port of a service by its name. A number is no name.
pub(super) fn service_port(name: &str, is_udp: bool) -> Option<u16> {
    if name.is_empty() || name.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    adieu_os::port_of_service(name, if is_udp { socket2::Type::DGRAM } else { socket2::Type::STREAM })
}

/// What `getaddrinfo` says of a port that it does not know.
pub(super) const UNKNOWN_SERVICE: &str = "getaddrinfo: Servname not supported for ai_socktype";

/// The numbers from `low` to `high`, in random order.
pub(super) fn shuffle(ports: &mut [u16]) {
    // The hasher's keys are the system's random numbers: enough to hide an order, and no crate more.
    use std::hash::{BuildHasher, RandomState};
    let random = RandomState::new();
    for last in (1..ports.len()).rev() {
        let chosen = random.hash_one(last) % (last as u64 + 1);
        ports.swap(last, usize::try_from(chosen).unwrap_or(last));
    }
}

/// Whether `inet_aton` takes a text for an address: one to four numbers, decimal, octal or hexadecimal.
///
/// Source: inet_aton(3).
pub(super) fn is_inet_aton(text: &str) -> bool {
    let parts: Vec<&str> = text.split('.').collect();
    let value = |part: &str| {
        let hex = part.strip_prefix("0x").or_else(|| part.strip_prefix("0X"));
        match hex {
            Some(hex) => u32::from_str_radix(hex, 16),
            None if part.len() > 1 && part.starts_with('0') => u32::from_str_radix(part, 8),
            None => part.parse(),
        }
    };
    let Some((last, heads)) = parts.split_last() else { return false };
    let bits_left = 32 - 8 * u32::try_from(heads.len()).unwrap_or(4).min(4);
    heads.len() < 4
        && heads.iter().all(|part| value(part).is_ok_and(|octet| octet < 256))
        && value(last).is_ok_and(|rest| u64::from(rest) < 1_u64 << bits_left)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strtonum_says_what_is_wrong() {
        assert_eq!(strtonum("5", 0, 10), Ok(5));
        assert_eq!(strtonum(" +5", 0, 10), Ok(5));
        assert_eq!(strtonum("-1", -5, 10), Ok(-1));
        for (text, wrong) in [
            ("", "invalid"),
            ("x", "invalid"),
            ("5x", "invalid"),
            ("=5", "invalid"),
            ("-1", "too small"),
            ("11", "too large"),
            ("99999999999999999999", "too large"),
            ("-99999999999999999999", "too small"),
        ] {
            assert_eq!(strtonum(text, 0, 10), Err(wrong), "{text}");
        }
    }

    #[test]
    fn atoi_reads_as_far_as_there_is_a_number() {
        for (text, number) in [("5", 5), ("5x", 5), ("x", 0), ("", 0), (" -3", -3), ("99999999999", i32::MAX)]
        {
            assert_eq!(atoi(text), number, "{text}");
        }
    }

    #[test]
    fn ncat_has_units() {
        let ms = |ms| Some(Duration::from_millis(ms));
        for (text, time) in [
            ("5", ms(5000)),
            ("500ms", ms(500)),
            ("1.5", ms(1500)),
            ("2m", ms(120_000)),
            ("1h", ms(3_600_000)),
            ("3S", ms(3000)),
            ("5x", None),
            ("x", None),
            ("", None),
            ("-1", None),
        ] {
            assert_eq!(ncat_time(text), time, "{text}");
        }
    }

    #[test]
    fn a_shuffle_keeps_every_port() {
        let mut ports: Vec<u16> = (1..=500).collect();
        shuffle(&mut ports);
        assert!(!ports.is_sorted());
        ports.sort_unstable();
        assert_eq!(ports, (1..=500).collect::<Vec<_>>());
    }

    #[test]
    fn inet_aton_takes_more_than_dotted_quads() {
        for (text, is) in [
            ("127.0.0.1", true),
            ("127.1", true),
            ("1234", true),
            ("0x7f.1", true),
            ("4294967295", true),
            ("4294967296", false),
            ("256.1", false),
            ("1.2.3.4.5", false),
            ("localhost", false),
            ("", false),
            ("::1", false),
        ] {
            assert_eq!(is_inet_aton(text), is, "{text}");
        }
    }
}
