//! The bodies of the fuzz targets under proptest: any bytes, and damaged captures.

#[path = "../../../../fuzz/bodies/capture.rs"]
mod capture;
#[path = "../../../../fuzz/bodies/packet.rs"]
mod packet;

use proptest::{prelude::*, test_runner::RngSeed};

const CAPTURES: [&[u8]; 4] = [
    include_bytes!("../fixtures/own/reused_4tuple.pcap"),
    include_bytes!("../fixtures/own/format_pcapng.pcapng"),
    include_bytes!("../fixtures/own/linktype_sll2.pcap"),
    include_bytes!("../fixtures/own/tls12_truncated_fin_alert.pcap"),
];

proptest! {
    #![proptest_config(ProptestConfig { rng_seed: RngSeed::Fixed(16), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read_as_a_capture(data in proptest::collection::vec(any::<u8>(), 0..300)) {
        capture::holds(&data);
    }

    #[test]
    fn damaged_captures_are_read(
        which in 0..CAPTURES.len(), size in 1..=255_u8,
        damages in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..12),
        cut in any::<proptest::sample::Index>(),
    ) {
        let mut data = vec![size];
        data.extend(CAPTURES[which]);
        for (at, value) in damages {
            let at = 1 + at.index(data.len() - 1);
            data[at] = value;
        }
        data.truncate(data.len() - cut.index(data.len()) / 8);
        capture::holds(&data);
    }

    #[test]
    fn any_bytes_are_decoded_as_a_frame(
        link in prop_oneof![Just(0_u16), Just(1), Just(101), Just(113), Just(276), any::<u16>()],
        data in proptest::collection::vec(any::<u8>(), 1..300),
    ) {
        packet::holds(&[&link.to_be_bytes(), &data[..]].concat());
    }
}
