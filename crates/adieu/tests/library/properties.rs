//! However a stream is cut into pieces, every byte arrives, once and in order, and the end is graceful.

use crate::arms::{Arm, BOUND, bounded};
use adieu::{ConnectOptions, Limits};
use adieu_testkit::pattern::{Pattern, Verifier};
use proptest::prelude::*;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;

/// Sends the program's pattern in pieces of these sizes.
fn write_in(chunks: &[usize], to: &mut impl Write) {
    let mut offset = 0;
    for &size in chunks {
        let mut bytes = vec![0; size];
        Pattern::of_program().fill(offset, &mut bytes);
        to.write_all(&bytes).expect("the other side reads");
        offset += size as u64;
    }
}

/// Reads to EOF with buffers of these sizes, again and again.
fn read_in(chunks: &[usize], from: &mut impl Read) -> Verifier {
    let mut verifier = Verifier::new(Pattern::of_program());
    for &size in chunks.iter().cycle() {
        let mut buffer = vec![0; size];
        match from.read(&mut buffer).expect("no error on loopback") {
            0 => break,
            n => verifier.take(&buffer[..n]),
        }
    }
    verifier
}

fn sum(chunks: &[usize]) -> u64 {
    chunks.iter().map(|&size| size as u64).sum()
}

fn conserve(arm: Arm, up: &[usize], down: Vec<usize>, reads: &[usize], peer_first: bool) {
    let (mut open, mut peer): (_, TcpStream) =
        arm.to_std(&ConnectOptions::new().limits(Limits::new().deadline(BOUND)));
    let (wanted_up, wanted_down) = (sum(up), sum(&down));
    let peer_reads = reads.to_vec();
    let serving = thread::spawn(move || {
        let serve_up = |peer: &mut TcpStream| read_in(&peer_reads, peer);
        let mut got = None;
        if !peer_first {
            got = Some(serve_up(&mut peer));
        }
        write_in(&down, &mut peer);
        peer.shutdown(Shutdown::Write).expect("connected");
        got.unwrap_or_else(|| serve_up(&mut peer))
    });
    write_in(up, &mut open);
    let mut half = open.shutdown_send().expect("connected");
    let got = read_in(reads, &mut half);
    let report = half.close();
    let peer_got = serving.join().expect("the peer does not panic");
    assert!(report.is_graceful(), "{report}");
    assert_eq!((peer_got.count(), peer_got.first_wrong()), (wanted_up, None));
    assert_eq!((got.count(), got.first_wrong()), (wanted_down, None));
    assert_eq!((report.bytes_accepted, report.bytes_acknowledged), (wanted_up, Some(wanted_up)));
    assert_eq!((report.bytes_received, report.bytes_written), (wanted_down, wanted_down));
}

fn sizes() -> impl Strategy<Value = usize> {
    prop_oneof![Just(1), 1..100_usize, 1_000..70_000_usize]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn bytes_are_conserved_in_pieces_of_any_size(
        // Below what the kernels' buffers hold, so that nobody has to read and write at once.
        up in prop::collection::vec(sizes(), 0..12),
        down in prop::collection::vec(sizes(), 0..4),
        reads in prop::collection::vec(sizes(), 1..6),
        peer_first: bool,
        tokio: bool,
    ) {
        let arm = if tokio { Arm::Tokio } else { Arm::Blocking };
        bounded("the exchange", move || conserve(arm, &up, down, &reads, peer_first));
    }
}
