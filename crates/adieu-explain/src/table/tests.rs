use super::*;
use crate::{
    segment::{Flags, TunnelId},
    verdict::Ending,
};
use proptest::prelude::*;

const SECOND: i64 = 1_000_000_000;

/// What left the table: why, the frames of the connection, and its ending.
type Left = (Reason, u64, u64, Option<Ending>);

struct Capture {
    table: Option<Table>,
    frame: u64,
    time: i64,
    left: Vec<Left>,
}

impl Capture {
    fn new(limits: Limits) -> Self {
        Self { table: Some(Table::new(limits)), frame: 0, time: 0, left: Vec::new() }
    }

    fn table(&self) -> &Table {
        self.table.as_ref().expect("the capture goes on")
    }

    /// A segment between a client's port and the server, a millisecond after the last.
    fn segment(&mut self, port: i32, flags: Flags, sequence: u32, acknowledgement: u32) {
        self.segment_in(TunnelId::NONE, port, flags, sequence, acknowledgement);
    }

    /// The same in a tunnel. A negative port: from the server.
    fn segment_in(&mut self, tunnel: TunnelId, port: i32, flags: Flags, sequence: u32, acknowledgement: u32) {
        self.frame += 1;
        self.time += SECOND / 1000;
        let client = ([10, 0, 0, 1], u16::try_from(port.abs()).expect("a port")).into();
        let server = ([10, 0, 0, 2], 80).into();
        let (source, destination) = if port < 0 { (server, client) } else { (client, server) };
        let time = Timestamp::from_nanoseconds(self.time);
        let segment = Segment {
            frame: self.frame,
            time,
            tunnel,
            flags,
            sequence,
            acknowledgement,
            ..Segment::between(source, destination)
        };
        let left = &mut self.left;
        let table = self.table.as_mut().expect("the capture goes on");
        table.observe(&segment, &mut |one| left.push(told(&one)));
    }

    fn handshake(&mut self, port: i32, sequence: u32) {
        self.segment(port, Flags::SYN, sequence, 0);
        self.segment(-port, Flags::SYN | Flags::ACK, 900, sequence.wrapping_add(1));
        self.segment(port, Flags::ACK, sequence.wrapping_add(1), 901);
    }

    /// Both sides end, the client first.
    fn close(&mut self, port: i32, sequence: u32) {
        self.segment(port, Flags::FIN | Flags::ACK, sequence.wrapping_add(1), 901);
        self.segment(-port, Flags::FIN | Flags::ACK, 901, sequence.wrapping_add(2));
        self.segment(port, Flags::ACK, sequence.wrapping_add(2), 902);
    }

    fn wait(&mut self, seconds: i64) {
        self.time += seconds * SECOND;
    }

    fn finish(mut self) -> Vec<Left> {
        let table = self.table.take().expect("the capture goes on");
        table.finish(&mut |one| self.left.push(told(&one)));
        self.left
    }
}

fn told(one: &Finished) -> Left {
    let ending = one.judge().ending.value().copied();
    (one.reason, one.connection.first().frame, one.connection.last().frame, ending)
}

#[test]
fn both_directions_are_one_connection() {
    let mut capture = Capture::new(Limits::default());
    capture.handshake(1, 5);
    capture.handshake(2, 5);
    capture.close(1, 5);
    assert_eq!(capture.table().len(), 2);
    let left = capture.finish();
    assert_eq!(left.len(), 2);
    assert_eq!(left[0], (Reason::CaptureEnded, 1, 9, Some(Ending::Graceful)));
    assert_eq!((left[1].1, left[1].2), (4, 6));
}

#[test]
fn the_same_addresses_in_two_tunnels_are_two_connections() {
    let mut capture = Capture::new(Limits::default());
    for tunnel in [0, 1, 2, 1] {
        capture.segment_in(TunnelId::from_number(tunnel), 1, Flags::SYN, 5, 0);
    }
    assert_eq!(capture.table().len(), 3);
}

#[test]
fn a_connection_that_is_over_lingers_for_late_segments() {
    let mut capture = Capture::new(Limits::default());
    capture.handshake(1, 5);
    capture.close(1, 5);
    capture.wait(50);
    // The server's FIN once more: the last acknowledgement was lost behind the capture.
    capture.segment(-1, Flags::FIN | Flags::ACK, 901, 7);
    capture.wait(50);
    capture.segment(2, Flags::SYN, 1, 0);
    assert_eq!(capture.left, []);
    capture.wait(11);
    capture.segment(2, Flags::SYN, 1, 0);
    assert_eq!(capture.left, [(Reason::Over, 1, 7, Some(Ending::Graceful))]);
    assert_eq!(capture.table().len(), 1);
}

#[test]
fn few_may_linger_and_memory_follows_what_is_open() {
    let limits = Limits { lingering: 3, ..Limits::default() };
    let mut capture = Capture::new(limits);
    for port in 1..1000 {
        capture.handshake(port, 5);
        capture.close(port, 5);
        assert!(capture.table().len() <= 4);
    }
    assert_eq!(capture.left.len(), 996);
    assert!(capture.left.iter().all(|left| left.0 == Reason::Over && left.3 == Some(Ending::Graceful)));
}

#[test]
fn the_one_that_was_idle_longest_makes_room() {
    let limits = Limits { connections: 2, ..Limits::default() };
    let mut capture = Capture::new(limits);
    capture.handshake(1, 5);
    capture.handshake(2, 5);
    capture.segment(1, Flags::ACK, 6, 901);
    capture.handshake(3, 5);
    assert_eq!(capture.left.len(), 1);
    assert_eq!((capture.left[0].0, capture.left[0].1), (Reason::Evicted, 4));
    assert_eq!((capture.table().len(), capture.table().evicted()), (2, 1));
    // One that is over goes first, and is not counted.
    capture.close(3, 5);
    capture.handshake(4, 5);
    assert_eq!(capture.left[1].0, Reason::Over);
    assert_eq!(capture.table().evicted(), 1);
}

#[test]
fn a_flood_of_syns_displaces_nothing_but_syns() {
    let mut capture = Capture::new(Limits { connections: 10, ..Limits::default() });
    for port in 1..4 {
        capture.handshake(port, 5);
    }
    capture.close(3, 5);
    for port in 1000..11_000 {
        capture.segment(port, Flags::SYN, 7, 0);
        if port % 2 == 0 {
            capture.segment(-port, Flags::SYN | Flags::ACK, 900, 8);
        }
        assert!(capture.table().len() <= 10);
    }
    assert_eq!(capture.table().evicted(), 10_000 - 7);
    capture.close(1, 5);
    let left = capture.finish();
    // What answer would have come to those that made room is not known.
    let made_room: Vec<_> = left.iter().filter(|left| left.0 == Reason::Evicted).collect();
    assert_eq!(made_room.len(), 10_000 - 7);
    assert!(made_room.iter().all(|left| left.3.is_none()));
    let known =
        |reason, first| left.iter().find(|left| left.1 == first && left.0 == reason).and_then(|left| left.3);
    assert_eq!(known(Reason::CaptureEnded, 1), Some(Ending::Graceful));
    assert_eq!(known(Reason::CaptureEnded, 4), Some(Ending::Open));
    // The capture ends before an answer to the last SYNs could have come.
    assert_eq!(left.iter().filter(|left| left.0 == Reason::CaptureEnded && left.3.is_none()).count(), 4);
}

/// Many TLS connections of which the capture missed a frame: what waits for it is bounded over all of them.
#[test]
fn what_waits_for_missing_octets_is_bounded() {
    const HELLO: [u8; 100] = {
        let mut hello = [0; 100];
        [hello[0], hello[1], hello[2], hello[4], hello[5], hello[9], hello[10]] = [22, 3, 1, 200, 1, 3, 3];
        hello
    };
    let limits = Limits { octets: 50_000, ..Limits::default() };
    let (mut table, mut left) = (Table::new(limits), Vec::new());
    for port in 1..=100 {
        let (client, server) = (([10, 0, 0, 1], port).into(), ([10, 0, 0, 2], 443).into());
        for (sequence, flags, payload) in [
            (5, Flags::SYN, &HELLO[..0]),
            (6, Flags::ACK, &HELLO),
            (1006, Flags::ACK, &[7; 1400]),
            (2500, Flags::ACK, &[8; 1400]),
        ] {
            let payload_len = u32::try_from(payload.len()).expect("it is short");
            let segment =
                Segment { flags, sequence, payload, payload_len, ..Segment::between(client, server) };
            table.observe(&segment, &mut |one| left.push(one));
            assert!(table.held <= 50_000, "{}", table.held);
        }
    }
    assert!(table.held > 40_000, "{}", table.held);
    for port in 1..=100 {
        let (client, server) = (([10, 0, 0, 1], port).into(), ([10, 0, 0, 2], 443).into());
        let syn = Segment { sequence: 9, flags: Flags::SYN | Flags::ACK, ..Segment::between(client, server) };
        table.observe(&syn, &mut |one| left.push(one));
    }
    assert_eq!((left.len(), table.held), (100, 0));
}

#[test]
fn a_syn_after_the_end_begins_the_next_connection() {
    let mut capture = Capture::new(Limits::default());
    capture.handshake(1, 5);
    capture.close(1, 5);
    capture.handshake(1, 70_000);
    assert_eq!(capture.left, [(Reason::UsedAnew, 1, 6, Some(Ending::Graceful))]);
    // A refusal each time is a connection each time, also with the same number.
    for _ in 0..2 {
        capture.segment(2, Flags::SYN, 9, 0);
        capture.segment(-2, Flags::RST | Flags::ACK, 0, 10);
    }
    let left = capture.finish();
    assert_eq!(left[1], (Reason::UsedAnew, 10, 11, Some(Ending::Refused)));
    assert_eq!(left[3], (Reason::CaptureEnded, 12, 13, Some(Ending::Refused)));
    assert_eq!(left.len(), 4);
}

#[test]
fn a_stray_syn_ends_no_connection() {
    let mut capture = Capture::new(Limits::default());
    capture.handshake(1, 5);
    capture.segment(1, Flags::SYN, 70_000, 0);
    // What RFC 5961, 4.2, has the server say.
    capture.segment(-1, Flags::ACK, 901, 6);
    capture.close(1, 5);
    let left = capture.finish();
    assert_eq!(left[0], (Reason::CaptureEnded, 1, 8, Some(Ending::Graceful)));
    assert_eq!((left[1].1, left[1].3), (4, None), "the SYN is told by itself, and its answer is not awaited");
    assert_eq!(left.len(), 2);
}

#[test]
fn a_syn_that_is_answered_ends_what_was_open() {
    for (answer, ending) in
        [(Flags::SYN | Flags::ACK, Ending::Open), (Flags::RST | Flags::ACK, Ending::Refused)]
    {
        let mut capture = Capture::new(Limits::default());
        capture.handshake(1, 5);
        capture.segment(1, Flags::SYN, 70_000, 0);
        capture.segment(1, Flags::SYN, 70_000, 0);
        capture.segment(-1, answer, 100, 70_001);
        if ending == Ending::Open {
            capture.segment(1, Flags::ACK, 70_001, 101);
        }
        let left = capture.finish();
        assert_eq!((left[0].0, left[0].1, left[0].2), (Reason::UsedAnew, 1, 3));
        assert_eq!((left[1].1, left[1].3), (4, Some(ending)));
        assert_eq!(left.len(), 2);
    }
}

#[test]
fn a_syn_of_a_peer_that_has_restarted_begins_anew_after_its_reset() {
    let mut capture = Capture::new(Limits::default());
    capture.handshake(1, 5);
    capture.segment(1, Flags::SYN, 70_000, 0);
    capture.segment(-1, Flags::ACK, 901, 6);
    capture.segment(1, Flags::RST, 6, 0);
    capture.handshake(1, 70_000);
    let left = capture.finish();
    assert_eq!((left[0].0, left[0].1, left[0].2), (Reason::UsedAnew, 1, 6));
    // The first SYN of the next one is the one before the reset.
    assert_eq!((left[1].1, left[1].2), (4, 9));
    assert_eq!(left.len(), 2);
}

#[test]
fn a_damaged_syn_begins_nothing() {
    let mut table = Table::new(Limits::default());
    let mut left = Vec::new();
    let (client, server) = (([10, 0, 0, 1], 1).into(), ([10, 0, 0, 2], 80).into());
    let syn = Segment { flags: Flags::SYN, sequence: 5, ..Segment::between(client, server) };
    table.observe(&syn, &mut |one| left.push(told(&one)));
    table.observe(&Segment { sequence: 9, checksum: Checksum::Bad, ..syn }, &mut |one| left.push(told(&one)));
    assert_eq!((table.len(), left.len()), (1, 0));
}

proptest! {
    #[test]
    fn whatever_comes_no_more_is_held_than_allowed_and_nothing_is_lost(
        steps in proptest::collection::vec((0..6_i32, 0..6_u8, 0..3_u32, any::<bool>(), 0..40_i64), 1..200),
        connections in 1..5_usize, lingering in 0..3_usize,
    ) {
        let mut capture = Capture::new(Limits { connections, lingering, ..Limits::default() });
        for (port, flags, sequence, back, seconds) in steps {
            capture.wait(seconds - 2);
            let flags = [Flags::SYN, Flags::SYN | Flags::ACK, Flags::ACK, Flags::FIN | Flags::ACK, Flags::RST, Flags::RST | Flags::ACK]
                [usize::from(flags)];
            let port = if back { -port - 1 } else { port + 1 };
            capture.segment(port, flags, sequence * 1000, sequence * 1000 + 1);
            prop_assert!(capture.table().len() <= connections);
        }
        let held = capture.table().len();
        let before = capture.left.len();
        let left = capture.finish();
        prop_assert!(left.len() >= before + held);
        let ended = &left[before..];
        prop_assert!(ended.iter().all(|left| left.0 == Reason::CaptureEnded));
    }
}

#[test]
fn a_connection_whose_ends_another_one_has_is_not_open() {
    let mut capture = Capture::new(Limits::default());
    capture.handshake(1, 5);
    capture.wait(100);
    capture.handshake(1, 70_005);
    let left = capture.finish();
    let endings: Vec<_> = left.iter().map(|left| (left.0, left.3)).collect();
    assert_eq!(endings, [(Reason::UsedAnew, None), (Reason::CaptureEnded, Some(Ending::Open))]);
}
