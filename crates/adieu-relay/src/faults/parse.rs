//! How faults are written: read, and written again.
//!
//! ```text
//! faults    = fault *("," fault)
//! fault     = name ["=" value] *("@" where)
//! where     = size | duration | percent | "up" | "down"
//! ```

use super::words::{duration, percent, shown_duration, shown_percent, shown_size, size};
use super::{ALWAYS, Faults, PlannedFault};
use adieu::faults::Fault;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// What there is.
const NAMES: &str = "fin, rst, stall, drop-fin, half-open, unread-close, tls-cut, latency, rate";

/// Why a text names no faults.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseFaultsError {
    /// There is nothing between two commas, or nothing at all.
    #[error("a fault is missing: it is one of {NAMES}")]
    Nothing,
    /// No fault has that name.
    #[error("'{0}' is not a fault: write one of {NAMES}")]
    Name(String),
    /// It is one that needs a value.
    #[error("{name} needs a value, as in {name}={example}")]
    NoValue {
        /// The fault.
        name: &'static str,
        /// One that would do.
        example: &'static str,
    },
    /// The value is not one of its kind.
    #[error("'{value}' is no value for {name}: write {name}={example}")]
    Value {
        /// The fault.
        name: &'static str,
        /// What was written.
        value: String,
        /// One that would do.
        example: &'static str,
    },
    /// It takes none.
    #[error("{name} takes no value: write {name}, or {name}@{value} if that is where it comes")]
    NeedlessValue {
        /// The fault.
        name: &'static str,
        /// What was written.
        value: String,
    },
    /// What stands after an @ says neither where nor how often.
    #[error(
        "'@{0}' says neither where a fault comes nor how often: write a size (64KiB), a duration (10s), a percentage (5%), up or down"
    )]
    Where(String),
    /// The same is said twice.
    #[error("of {name}, {what} is said twice")]
    Twice {
        /// The fault.
        name: &'static str,
        /// What.
        what: &'static str,
    },
}

impl FromStr for Faults {
    type Err = ParseFaultsError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let list = text.split(',').map(|one| read(one.trim())).collect::<Result<_, _>>()?;
        Ok(Self { list, seed: 0 })
    }
}

fn read(text: &str) -> Result<PlannedFault, ParseFaultsError> {
    let mut parts = text.split('@').map(str::trim);
    let first = parts.next().unwrap_or_default();
    let (name, value) = match first.split_once('=') {
        Some((name, value)) => (name.trim(), Some(value.trim())),
        None => (first, None),
    };
    let fault = fault(name, value)?;
    let name = fault.name();
    let [mut bytes, mut after, mut chance] = [None::<()>; 3];
    let (mut after_bytes, mut after_time, mut per_million) = (0, Duration::ZERO, ALWAYS);
    let [mut up, mut down] = [false; 2];
    for word in parts {
        let twice = |what, is_first: bool| {
            if is_first { Ok(()) } else { Err(ParseFaultsError::Twice { name, what }) }
        };
        if word == "up" || word == "down" {
            let side = if word == "up" { &mut up } else { &mut down };
            twice("the direction", !std::mem::replace(side, true))?;
        } else if let Some(number) = percent(word) {
            twice("how often", chance.replace(()).is_none())?;
            per_million = number;
        } else if let Some(number) = size(word) {
            twice("after how many bytes", bytes.replace(()).is_none())?;
            after_bytes = number;
        } else if let Some(time) = duration(word) {
            twice("after how long", after.replace(()).is_none())?;
            after_time = time;
        } else {
            return Err(ParseFaultsError::Where(word.to_owned()));
        }
    }
    let is_both = !(up || down);
    Ok(PlannedFault {
        fault,
        after_bytes,
        after: after_time,
        per_million,
        up: up || is_both,
        down: down || is_both,
    })
}

fn fault(name: &str, value: Option<&str>) -> Result<Fault, ParseFaultsError> {
    let fault = match name {
        "fin" => Fault::End,
        "rst" => Fault::Reset,
        "drop-fin" => Fault::KeepEnd,
        "half-open" => Fault::HalfOpen,
        "unread-close" => Fault::UnreadClose,
        "tls-cut" => Fault::TlsCut,
        "stall" => {
            let time = value.map(|value| of_kind("stall", value, "10s", duration)).transpose()?;
            return Ok(Fault::Stall(time));
        }
        "latency" => return latency(value),
        "rate" => {
            let read = |value: &str| size(value.strip_suffix("/s").unwrap_or(value)).filter(|rate| *rate > 0);
            return needed("rate", value, "1MiB/s", read).map(Fault::Rate);
        }
        "" => return Err(ParseFaultsError::Nothing),
        other => return Err(ParseFaultsError::Name(other.to_owned())),
    };
    match value {
        None => Ok(fault),
        Some(value) => Err(ParseFaultsError::NeedlessValue { name: fault.name(), value: value.to_owned() }),
    }
}

fn latency(value: Option<&str>) -> Result<Fault, ParseFaultsError> {
    needed("latency", value, "50ms±10ms", |value| {
        let (delay, jitter) = match value.split_once('±').or_else(|| value.split_once("+-")) {
            Some((delay, jitter)) => (delay, duration(jitter.trim())?),
            None => (value, Duration::ZERO),
        };
        Some(Fault::Latency { delay: duration(delay.trim())?, jitter, seed: 0 })
    })
}

fn needed<T>(
    name: &'static str,
    value: Option<&str>,
    example: &'static str,
    read: impl FnOnce(&str) -> Option<T>,
) -> Result<T, ParseFaultsError> {
    let value = value.ok_or(ParseFaultsError::NoValue { name, example })?;
    of_kind(name, value, example, read)
}

fn of_kind<T>(
    name: &'static str,
    value: &str,
    example: &'static str,
    read: impl FnOnce(&str) -> Option<T>,
) -> Result<T, ParseFaultsError> {
    read(value).ok_or_else(|| ParseFaultsError::Value { name, value: value.to_owned(), example })
}

/// As it is written, with nothing that goes without saying.
impl fmt::Display for PlannedFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.fault.name())?;
        match self.fault {
            Fault::Stall(Some(time)) => write!(f, "={}", shown_duration(time))?,
            Fault::Latency { delay, jitter, .. } => {
                write!(f, "={}", shown_duration(delay))?;
                if !jitter.is_zero() {
                    write!(f, "±{}", shown_duration(jitter))?;
                }
            }
            Fault::Rate(rate) => write!(f, "={}/s", shown_size(rate))?,
            _ => {}
        }
        if self.after_bytes > 0 {
            write!(f, "@{}", shown_size(self.after_bytes))?;
        }
        if !self.after.is_zero() {
            write!(f, "@{}", shown_duration(self.after))?;
        }
        if self.per_million != ALWAYS {
            write!(f, "@{}", shown_percent(self.per_million))?;
        }
        match (self.up, self.down) {
            (true, false) => f.write_str("@up"),
            (false, true) => f.write_str("@down"),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, planned) in self.iter().enumerate() {
            let comma = if place > 0 { "," } else { "" };
            write!(f, "{comma}{planned}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read_as(text: &str) -> Faults {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    fn refused(text: &str) -> String {
        text.parse::<Faults>().expect_err("it is none").to_string()
    }

    #[test]
    fn every_word_has_its_meaning() {
        let text = "fin@1MiB,rst@50%,stall@10s,drop-fin,half-open,unread-close,tls-cut,latency=50ms±10ms,rate=1MiB/s";
        let faults = read_as(text);
        assert_eq!(faults.to_string(), text);
        let of = |place: usize| *faults.iter().nth(place).expect("there are nine");
        assert_eq!((of(0).fault, of(0).after_bytes, of(0).up, of(0).down), (Fault::End, 1 << 20, true, true));
        assert_eq!((of(1).fault, of(1).per_million), (Fault::Reset, 500_000));
        assert_eq!((of(2).fault, of(2).after), (Fault::Stall(None), Duration::from_secs(10)));
        assert_eq!(of(8).fault, Fault::Rate(1 << 20));
        let one = read_as(" stall=2s @ 100 B @ 1m @ 0.5% @ down ");
        let one = one.iter().next().expect("one");
        assert_eq!(one.fault, Fault::Stall(Some(Duration::from_secs(2))));
        assert_eq!((one.after_bytes, one.after, one.per_million), (100, Duration::from_secs(60), 5000));
        assert!(!one.up && one.down);
        assert_eq!(read_as("latency=5ms+-1ms"), read_as("latency=5ms±1ms"));
    }

    #[test]
    fn what_is_wrong_is_said() {
        assert!(refused("").starts_with("a fault is missing"));
        assert!(refused("fin,,rst").starts_with("a fault is missing"));
        assert!(refused("reset").starts_with("'reset' is not a fault: write one of fin, rst"));
        assert_eq!(refused("latency"), "latency needs a value, as in latency=50ms±10ms");
        assert_eq!(refused("rate=0"), "'0' is no value for rate: write rate=1MiB/s");
        assert_eq!(
            refused("fin=1MiB"),
            "fin takes no value: write fin, or fin@1MiB if that is where it comes"
        );
        assert!(refused("rst@often").starts_with("'@often' says neither where"));
        assert!(refused("rst@1M").starts_with("'@1M' says neither where"), "a month, or a megabyte?");
        assert!(refused("rst@101%").starts_with("'@101%' says"));
        assert_eq!(refused("rst@1s@2s"), "of rst, after how long is said twice");
        assert_eq!(refused("rst@up@up"), "of rst, the direction is said twice");
    }

    fn any_fault() -> impl Strategy<Value = Fault> {
        let time = || (0..100_000_000_u64).prop_map(Duration::from_micros);
        prop_oneof![
            Just(Fault::End),
            Just(Fault::Reset),
            Just(Fault::KeepEnd),
            Just(Fault::HalfOpen),
            Just(Fault::UnreadClose),
            Just(Fault::TlsCut),
            prop::option::of(time()).prop_map(Fault::Stall),
            (time(), time()).prop_map(|(delay, jitter)| Fault::Latency { delay, jitter, seed: 0 }),
            (1..u64::MAX).prop_map(Fault::Rate),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(
            list in prop::collection::vec(
                (any_fault(), any::<u64>(), 0..1_000_000_000_u64, 0..=ALWAYS, 0..3),
                1..5,
            )
        ) {
            let list = list.into_iter().map(|(fault, after_bytes, micros, per_million, way)| PlannedFault {
                fault,
                after_bytes,
                after: Duration::from_micros(micros),
                per_million,
                up: way != 1,
                down: way != 2,
            });
            let faults = Faults { list: list.collect(), seed: 0 };
            prop_assert_eq!(faults.to_string().parse::<Faults>(), Ok(faults));
        }

        #[test]
        fn no_text_makes_it_panic(text in ".{0,60}") {
            let _ = text.parse::<Faults>();
        }
    }
}
