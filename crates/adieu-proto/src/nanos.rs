//! Times as the machine keeps them: in eight octets, of which a connection has some forty.
//!
//! A [`Duration`] takes sixteen. A service holds tens of thousands of connections that say nothing, so what one takes counts.

use core::num::NonZeroU64;
use core::ops::Div;
use core::time::Duration;

/// A moment since the connection's start, or a length of time, to the nanosecond. An `Option` of it takes no more room.
///
/// What is longer than 584 years is [`MAX`](Self::MAX), and stays so.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Nanos(NonZeroU64);

impl Nanos {
    pub(crate) const ZERO: Self = Self(NonZeroU64::MIN);
    /// Never, in practice.
    pub(crate) const MAX: Self = Self(NonZeroU64::MAX);

    /// One more than the count, so that none is zero.
    const fn of(nanos: u64) -> Self {
        Self(NonZeroU64::MIN.saturating_add(nanos))
    }

    const fn count(self) -> u64 {
        self.0.get() - 1
    }

    pub(crate) const fn from_millis(millis: u64) -> Self {
        Self::of(millis.saturating_mul(1_000_000))
    }

    pub(crate) const fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.count()))
    }

    /// The time from `other` to this. Of what is never, it is as long.
    pub(crate) const fn saturating_sub(self, other: Self) -> Self {
        if self.0.get() == u64::MAX { self } else { Self::of(self.count().saturating_sub(other.count())) }
    }

    pub(crate) const fn saturating_mul(self, times: u32) -> Self {
        Self::of(self.count().saturating_mul(times as u64))
    }
}

impl From<Duration> for Nanos {
    fn from(time: Duration) -> Self {
        let whole = time.as_secs().checked_mul(1_000_000_000);
        whole.and_then(|whole| whole.checked_add(u64::from(time.subsec_nanos()))).map_or(Self::MAX, Self::of)
    }
}

impl From<Nanos> for Duration {
    fn from(time: Nanos) -> Self {
        if time == Nanos::MAX { Self::MAX } else { Self::from_nanos(time.count()) }
    }
}

impl Div<u32> for Nanos {
    type Output = Self;

    fn div(self, parts: u32) -> Self {
        Self::of(self.count() / u64::from(parts))
    }
}

impl Default for Nanos {
    fn default() -> Self {
        Self::ZERO
    }
}

impl core::fmt::Debug for Nanos {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        Duration::from(*self).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_comes_back_as_it_was_and_takes_half_the_room() {
        let year = Duration::from_secs(86_400 * 365);
        for time in [Duration::ZERO, Duration::from_nanos(1), Duration::new(145, 999_999_999), year * 500] {
            assert_eq!(Duration::from(Nanos::from(time)), time);
        }
        for time in [year * 600, Duration::from_nanos(u64::MAX), Duration::MAX] {
            assert_eq!(Nanos::from(time), Nanos::MAX, "{time:?}");
        }
        assert_eq!(Duration::from(Nanos::MAX), Duration::MAX);
        assert_eq!(size_of::<Option<Nanos>>(), 8);
    }

    #[test]
    fn sums_and_differences_end_at_the_bounds() {
        let ms = Nanos::from_millis;
        assert_eq!((ms(5).saturating_add(ms(3)), ms(5).saturating_sub(ms(3))), (ms(8), ms(2)));
        assert_eq!(
            (ms(3).saturating_sub(ms(5)), ms(3).saturating_mul(4), ms(9) / 2),
            (ms(0), ms(12), ms(4).saturating_add(ms(1) / 2))
        );
        assert_eq!(Nanos::MAX.saturating_add(ms(1)), Nanos::MAX);
        assert_eq!(Nanos::MAX.saturating_sub(ms(1)), Nanos::MAX);
        assert_eq!(ms(1).saturating_mul(u32::MAX).saturating_mul(u32::MAX), Nanos::MAX);
        assert!(Nanos::ZERO < ms(1) && ms(1) < Nanos::MAX);
    }
}
