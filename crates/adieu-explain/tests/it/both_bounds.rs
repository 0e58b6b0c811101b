//! Two captures with more connections than are kept: what makes room, and that it is told.

use adieu_explain::{
    both::{Both, Limits, Point, Told, WhyAlone},
    segment::{Flags, Segment, Timestamp},
    table,
    verdict::Ending,
};
use std::net::SocketAddr;

/// A segment of a client: its port, who sends, what.
type Packet = (u16, bool, Flags, u32, u32);

/// What was told, and how many connections were given up.
#[derive(Debug, Default)]
struct Outcome {
    paired: Vec<u16>,
    alone: [Vec<(u16, WhyAlone)>; 2],
    evicted: [u64; 2],
    not_kept: u64,
}

fn observe(both: &mut Both, point: Point, number: u64, packet: Packet, told: &mut impl FnMut(Told)) {
    let (port, is_client, flags, sequence, acknowledgement) = packet;
    let (client, server): (SocketAddr, SocketAddr) =
        (([10, 0, 0, 1], port).into(), ([192, 0, 2, 1], 80).into());
    let (source, destination) = if is_client { (client, server) } else { (server, client) };
    let time = Timestamp::from_nanoseconds(i64::try_from(number).expect("small") * 1_000_000);
    let segment = Segment {
        frame: number + 1,
        time,
        flags,
        sequence,
        acknowledgement,
        window: 1000,
        ..Segment::between(source, destination)
    };
    both.observe(point, &segment, told);
}

/// Both captures, a frame of each in turn.
fn compared(limits: Limits, captures: [&[Packet]; 2]) -> Outcome {
    let mut both = Both::new(limits);
    let mut outcome = Outcome::default();
    let note = |outcome: &mut Outcome, one: Told| match one {
        Told::Pair(pair) => outcome.paired.push(pair.ends[0][0].port()),
        Told::Alone(one) => outcome.alone[one.point.index()].push((one.verdict.client.port(), one.why)),
    };
    let longest = captures.iter().map(|one| one.len()).max().unwrap_or(0);
    for number in 0..longest {
        for point in [Point::A, Point::B] {
            if let Some(packet) = captures[point.index()].get(number) {
                observe(&mut both, point, number as u64, *packet, &mut |one| note(&mut outcome, one));
            }
        }
    }
    outcome.evicted = both.evicted();
    for point in [Point::A, Point::B] {
        both.end(point, &mut |one| note(&mut outcome, one));
    }
    outcome.not_kept = both.finish(&mut |one| note(&mut outcome, one));
    outcome.paired.sort_unstable();
    outcome
}

fn handshake(port: u16) -> [Packet; 3] {
    let (ack, syn) = (Flags::ACK, Flags::SYN);
    let number = u32::from(port);
    [
        (port, true, syn, number, 0),
        (port, false, syn.with(ack), 9 * number, number + 1),
        (port, true, ack, number + 1, 9 * number + 1),
    ]
}

fn whole(port: u16) -> Vec<Packet> {
    let (ack, number) = (Flags::ACK, u32::from(port));
    let fin = Flags::FIN.with(ack);
    let mut packets = handshake(port).to_vec();
    packets.extend([
        (port, true, fin, number + 1, 9 * number + 1),
        (port, false, fin, 9 * number + 1, number + 2),
        (port, true, ack, number + 2, 9 * number + 2),
    ]);
    packets
}

fn syn(port: u16) -> Packet {
    (port, true, Flags::SYN, u32::from(port), 0)
}

fn limits(connections: usize, opening: usize, waiting: usize) -> Limits {
    let table = table::Limits { connections, opening, lingering: 5, ..table::Limits::default() };
    Limits { table, waiting, segments: 100_000 }
}

/// The flood is in A alone, as where a firewall stands between. The second capture starts to see the real ones last.
#[test]
fn a_flood_of_syns_displaces_no_connection_that_waits_for_its_other_half() {
    let real: Vec<u16> = (1..=40).collect();
    let mut first = Vec::new();
    for (number, syns) in (1_000..5_000).collect::<Vec<u16>>().chunks(100).enumerate() {
        first.extend(whole(real[number]));
        first.extend(syns.iter().map(|port| syn(*port)));
    }
    let mut second: Vec<Packet> = vec![syn(60_000); first.len()];
    second.extend(real.iter().flat_map(|port| whole(*port)));
    let outcome = compared(limits(1000, 30, 50), [&first, &second]);
    assert_eq!(outcome.paired, real);
    // In the table 30 of them remain, and each of the others is told as not followed. Of all of them those are kept that came
    // last, beside the real ones that still waited.
    assert_eq!(outcome.evicted, [4_000 - 30, 0]);
    let count = |why: WhyAlone| outcome.alone[0].iter().filter(|(_, one)| *one == why).count();
    assert_eq!(outcome.alone[0].len(), 4_000);
    assert_eq!(count(WhyAlone::NotKept) as u64, outcome.not_kept);
    assert!((4_000 - 50 - 30..4_000).contains(&count(WhyAlone::NotKept)), "{}", outcome.not_kept);
    assert_eq!(outcome.alone[1].len(), 1);
}

/// Both captures have the flood: what leaves the tables early meets its other half.
#[test]
fn a_flood_in_both_captures_is_paired_in_step() {
    let mut packets: Vec<Packet> = (1_000..5_000).map(syn).collect();
    packets.extend(whole(7));
    let outcome = compared(limits(1000, 30, 10), [&packets, &packets]);
    let mut expected = vec![7];
    expected.extend(1_000..5_000);
    assert_eq!((outcome.paired.len(), outcome.not_kept), (4_001, 0));
    assert_eq!((outcome.paired, outcome.evicted), (expected, [3_970 + 1; 2]));
}

/// Connections that are open at the end of the first capture are looked for in the second.
#[test]
fn what_a_capture_leaves_open_waits_for_the_end_of_the_other() {
    let packets: Vec<Packet> = (1..=200).flat_map(handshake).collect();
    let outcome = compared(limits(1000, 30, 10), [&packets, &packets]);
    assert_eq!((outcome.paired, outcome.not_kept), ((1..=200).collect(), 0));
    assert_eq!(outcome.alone, [[], []]);
}

#[test]
fn a_connection_that_was_given_up_claims_no_ending() {
    let mut packets: Vec<Packet> = (1_000..1_100).map(syn).collect();
    packets.extend(whole(7));
    let mut both = Both::new(limits(1000, 30, 10));
    let mut endings = Vec::new();
    let mut note = |one: Told| {
        if let Told::Alone(one) = one {
            endings.push((one.why, one.verdict.ending.value().copied()));
        }
    };
    for (number, packet) in (0..).zip(&packets) {
        observe(&mut both, Point::A, number, *packet, &mut note);
    }
    both.finish(&mut note);
    assert_eq!(endings.len(), 101);
    assert!(endings.contains(&(WhyAlone::NoFrames, Some(Ending::Graceful))), "{endings:?}");
    let given_up = endings.iter().filter(|(why, _)| *why == WhyAlone::NotKept);
    assert!(given_up.clone().count() > 0);
    assert!(given_up.clone().all(|(_, ending)| ending.is_none()), "{endings:?}");
}
