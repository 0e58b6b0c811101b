//! The fuzz target of headers of the PROXY protocol under proptest; the fuzzer itself is `cargo xtask fuzz`.

#[path = "../../../fuzz/bodies/proxy_header.rs"]
mod proxy_header;

use proptest::prelude::*;

proptest! {
    #[test]
    fn any_octets_are_a_header_that_can_be_said_again_or_none(
        line in "(TCP4|TCP6|UNKNOWN| |[0-9.]{1,12}|[0-9a-f:]{1,12}|[0-9]{1,6}|\r\n|\\PC){0,10}(\r\n)?",
        command in prop::sample::select(vec![0x20_u8, 0x21, 0x11, 0x22]),
        family in prop::sample::select(vec![0_u8, 0x11, 0x12, 0x21, 0x22, 0x31, 0x32, 0x10, 0x41]),
        block in prop::collection::vec(any::<u8>(), 0..260),
    ) {
        proxy_header::holds(line.as_bytes());
        let length = u16::try_from(block.len()).expect("short").to_be_bytes();
        proxy_header::holds(&[&[command, family], &length[..], &block].concat());
    }

    #[test]
    fn any_tlvs_are_read_or_refused(kinds in prop::collection::vec((any::<u8>(), 0..20_usize), 0..6)) {
        let tlvs = kinds.iter().flat_map(|(kind, length)| {
            let size = u8::try_from(*length).expect("short");
            [&[*kind, 0, size][..], &vec![7; *length]].concat()
        });
        let block: Vec<u8> = [0; 12].into_iter().chain(tlvs).collect();
        let length = u16::try_from(block.len()).expect("short").to_be_bytes();
        proxy_header::holds(&[&[0x21, 0x11], &length[..], &block].concat());
    }
}
