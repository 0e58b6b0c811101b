//! `--limit-rate`: one definition for every command that moves bytes.

use crate::parsing::rules::Rules;
use anyhow::{Result, anyhow};
use clap::Args;

/// How fast bytes go.
#[derive(Debug, Clone, Args, Default)]
pub(crate) struct Rate {
    /// Move at most this many bytes per second in each direction, such as 500K or 10M
    #[arg(long, value_name = "RATE", env = "ADIEU_LIMIT_RATE", hide_env_values = true, value_parser = rate,
          add = Rules::new().also_over_udp())]
    pub(crate) limit_rate: Option<u64>,
}

/// Bytes per second as people write them.
fn rate(text: &str) -> Result<u64> {
    let (digits, shift) = match text.char_indices().last() {
        Some((at, 'K' | 'k')) => (&text[..at], 10),
        Some((at, 'M' | 'm')) => (&text[..at], 20),
        Some((at, 'G' | 'g')) => (&text[..at], 30),
        _ => (text, 0),
    };
    let number: u64 = digits.parse().map_err(|_| anyhow!("write bytes per second, as in 500K or 10M"))?;
    match number.checked_mul(1 << shift) {
        Some(0) | None => Err(anyhow!("it must be at least 1, and less than 16 EiB")),
        Some(rate) => Ok(rate),
    }
}

#[cfg(test)]
mod tests {
    use super::rate;

    #[test]
    fn rates_are_written_as_people_write_them() {
        assert_eq!(rate("500K").ok(), Some(500 << 10));
        assert_eq!(rate("10m").ok(), Some(10 << 20));
        assert_eq!(rate("1G").ok(), Some(1 << 30));
        assert_eq!(rate("17").ok(), Some(17));
        for wrong in ["", "K", "0", "-1M", "fast", "99999999999G"] {
            assert!(rate(wrong).is_err(), "{wrong}");
        }
    }
}
