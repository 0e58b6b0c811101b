//! The fuzz target of segments under proptest; the fuzzer itself is `cargo xtask fuzz`.

#[path = "../../../../fuzz/bodies/segments.rs"]
mod segments;

#[path = "../../../../fuzz/bodies/both.rs"]
mod both;

use proptest::{prelude::*, test_runner::RngSeed};

proptest! {
    #![proptest_config(ProptestConfig { rng_seed: RngSeed::Fixed(16), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_segments_are_observed_and_the_verdict_agrees_with_itself(
        data in prop::collection::vec(any::<u8>(), 0..600),
    ) {
        segments::holds(&data);
    }

    /// Flags, positions and lengths as they are in connections, so that more than the first segments matter.
    #[test]
    fn likely_segments_are_observed_and_the_verdict_agrees_with_itself(
        recipes in prop::collection::vec(
            (any::<u8>(), prop::sample::select(vec![2_u8, 18, 16, 16, 24, 17, 17, 4, 20, 20]), 0..30_u8, 0..30_u8, 0..4_u8, 0..8_u8, any::<u8>()),
            0..40,
        ),
    ) {
        let data: Vec<u8> = recipes
            .iter()
            .flat_map(|&(way, flags, low, ack, len, kind, later)| [way & 0xdf, flags, 0, low, 0, 0, ack, 0, len, 9, kind, later])
            .collect();
        segments::holds(&data);
    }

    #[test]
    fn any_segments_of_two_captures_are_compared(data in prop::collection::vec(any::<u8>(), 0..800)) {
        both::holds(&data);
    }

    /// Handshakes, data and ends near each other, so that connections are paired and have something to compare.
    #[test]
    fn likely_segments_of_two_captures_are_compared(
        recipes in prop::collection::vec(
            (any::<u8>(), prop::sample::select(vec![2_u8, 18, 16, 24, 17, 4, 20]), 0..20_u8, 0..20_u8, any::<u8>(), any::<[u8; 3]>()),
            0..60,
        ),
    ) {
        let data: Vec<u8> = recipes
            .iter()
            .flat_map(|&(way, flags, near, ack, len, [kind, later, extra])| {
                [way, flags, if flags & 2 == 0 { near } else { 0 }, 9, ack, len, 9, kind | 0x20, later, extra]
            })
            .collect();
        both::holds(&data);
    }
}
