//! SplitMix64 (Steele, Lea, Flood 2014): numbers that look random and are the same in every version and process for the same seed.

/// What the state grows by with each number: 2^64 divided by the golden ratio.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// A generator, whose state is its seed at first.
pub(crate) struct SplitMix(u64);

impl SplitMix {
    /// The generator of one of many series with the same seed.
    pub(crate) fn of_series(seed: u64, number: u64) -> Self {
        Self(seed ^ number.wrapping_mul(STEP))
    }

    pub(crate) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        mix(self.0)
    }
}

/// Spreads every bit over all: the finalizer.
pub(crate) fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}
