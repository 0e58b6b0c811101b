//! What a sender says of an entry besides its content: when it was modified, and its permission bits.

use std::io;
use std::time::{Duration, SystemTime};

/// When the content of an entry was last modified, between the years 1 and 9999: programs and file systems do strange things with
/// other times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Modified {
    seconds: i64,
    nanoseconds: u32,
}

/// The first second of the year 1, and the last of 9999, since 1970 and without leap seconds.
const FIRST: i64 = -62_135_596_800;
const LAST: i64 = 253_402_300_799;

impl Modified {
    /// So many seconds after the beginning of 1970 in UTC, and nanoseconds after that. `None`: there are a billion of those or more,
    /// or it is before the year 1 or after 9999.
    pub fn new(seconds: i64, nanoseconds: u32) -> Option<Self> {
        ((FIRST..=LAST).contains(&seconds) && nanoseconds < 1_000_000_000)
            .then_some(Self { seconds, nanoseconds })
    }

    /// A time of this system. `None`: as of [`new`](Self::new).
    pub(crate) fn of(time: SystemTime) -> Option<Self> {
        match time.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(after) => Self::new(i64::try_from(after.as_secs()).ok()?, after.subsec_nanos()),
            Err(before) => {
                let before = before.duration();
                let seconds = i64::try_from(before.as_secs()).ok()?;
                match before.subsec_nanos() {
                    0 => Self::new(-seconds, 0),
                    nanoseconds => Self::new(-seconds - 1, 1_000_000_000 - nanoseconds),
                }
            }
        }
    }

    /// As this system has it.
    ///
    /// # Errors
    ///
    /// `Unsupported`: it has no such time.
    pub(crate) fn system_time(self) -> io::Result<SystemTime> {
        let whole = Duration::from_secs(self.seconds.unsigned_abs());
        let start = if self.seconds < 0 {
            SystemTime::UNIX_EPOCH.checked_sub(whole)
        } else {
            SystemTime::UNIX_EPOCH.checked_add(whole)
        };
        start
            .and_then(|start| start.checked_add(Duration::from_nanos(self.nanoseconds.into())))
            .ok_or_else(|| io::Error::new(io::ErrorKind::Unsupported, "this system has no such time"))
    }

    /// As it goes over the wire.
    pub(crate) fn to_bytes(self) -> [u8; 12] {
        let mut bytes = [0; 12];
        bytes[..8].copy_from_slice(&self.seconds.to_be_bytes());
        bytes[8..].copy_from_slice(&self.nanoseconds.to_be_bytes());
        bytes
    }
}

/// What a sender says of the entry whose frame comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attributes {
    /// Its nine permission bits: of a file the same that its own frame has.
    pub mode: u16,
    /// When its content was modified.
    pub modified: Modified,
}

impl Attributes {
    /// As it goes over the wire.
    pub(crate) fn to_bytes(self) -> [u8; 14] {
        let mut bytes = [0; 14];
        bytes[..2].copy_from_slice(&self.mode.to_be_bytes());
        bytes[2..].copy_from_slice(&self.modified.to_bytes());
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_what_they_were_before_1970_too() {
        for (seconds, nanoseconds) in
            [(0, 0), (1, 999_999_999), (-1, 1), (-1, 0), (-2, 999_999_999), (LAST, 0), (FIRST, 0)]
        {
            let modified = Modified::new(seconds, nanoseconds).expect("it is in bounds");
            // Windows begins with 1601, and counts in 100 ns.
            let Some(time) = modified.system_time().ok().filter(|_| cfg!(unix)) else { continue };
            assert_eq!(Modified::of(time), Some(modified));
        }
    }

    #[test]
    fn a_time_that_would_break_something_is_none() {
        for (seconds, nanoseconds) in [
            (0, 1_000_000_000),
            // UTIME_NOW and UTIME_OMIT of Linux.
            (0, (1 << 30) - 1),
            (0, (1 << 30) - 2),
            (0, u32::MAX),
            (LAST + 1, 0),
            (FIRST - 1, 0),
            (i64::MAX, 0),
            (i64::MIN, 0),
        ] {
            assert_eq!(Modified::new(seconds, nanoseconds), None, "{seconds} {nanoseconds}");
        }
    }
}
