//! Ladders: no segment is lost in a fold, what matters keeps a row of its own, and rows agree with the facts.

use adieu_explain::{
    ladder::{Ladder, Mark, Recording, Row},
    segment::{Flags, Segment, Timestamp},
    table::{Finished, Limits, Table},
};
use proptest::{prelude::*, test_runner::RngSeed};
use std::net::SocketAddr;

use crate::{frames, own};

const CLIENT: ([u8; 4], u16) = ([10, 0, 0, 1], 40_000);
const SERVER: ([u8; 4], u16) = ([10, 0, 0, 2], 80);

const FOLDING: Recording = Recording { end: None, rows: 60, rows_in_all: 1000, folds: true };

fn ends() -> [SocketAddr; 2] {
    [CLIENT.into(), SERVER.into()]
}

/// A segment of the client (`from` 0) or the server, without its frame and time.
fn segment(from: usize, flags: Flags, sequence: u32, acknowledgement: u32, payload: &[u8]) -> Segment<'_> {
    Segment {
        flags,
        sequence,
        acknowledgement,
        payload,
        payload_len: u32::try_from(payload.len()).expect("it is short"),
        window: 1000,
        ..Segment::between(ends()[from], ends()[1 - from])
    }
}

fn observed(segments: &[Segment<'_>], recording: Recording) -> Vec<Finished> {
    let mut table = Table::new(Limits { ladders: Some(recording), ..Limits::default() });
    let mut all = Vec::new();
    for (frame, segment) in (1..).zip(segments) {
        let time = Timestamp::from_nanoseconds(i64::try_from(frame).expect("it is small") * 10_000_000);
        table.observe(&Segment { frame, time, ..*segment }, &mut |one| all.push(one));
    }
    table.finish(&mut |one| all.push(one));
    all
}

fn ladder(segments: &[Segment<'_>], recording: Recording) -> Ladder {
    let mut all = observed(segments, recording);
    assert_eq!(all.len(), 1);
    *all.remove(0).ladder.expect("it was asked for")
}

/// The handshake, `count` segments of 100 bytes of the server with an acknowledgement each, and an RST of the client.
fn download(count: u32) -> Vec<Segment<'static>> {
    const DATA: &[u8] = &[7; 100];
    let mut all = vec![
        segment(0, Flags::SYN, 10, 0, &[]),
        segment(1, Flags::SYN | Flags::ACK, 50, 11, &[]),
        segment(0, Flags::ACK, 11, 51, &[]),
    ];
    for number in 0..count {
        all.push(segment(1, Flags::ACK | Flags::PSH, 51 + number * 100, 11, DATA));
        all.push(segment(0, Flags::ACK, 11, 151 + number * 100, &[]));
    }
    all.push(segment(0, Flags::RST | Flags::ACK, 11, 51 + count * 100, &[]));
    all
}

#[test]
fn a_long_run_is_one_row_between_the_segments_that_matter() {
    let ladder = ladder(&download(500), FOLDING);
    let [Row::Rung(syn), Row::Rung(_), rows @ .., Row::Rung(rst)] = ladder.rows() else {
        panic!("{:?}", ladder.rows());
    };
    assert!(syn.flags.syn() && rst.flags.rst());
    let [Row::Run(run)] = &rows.iter().filter(|row| matches!(row, Row::Run(_))).collect::<Vec<_>>()[..]
    else {
        panic!("{rows:?}");
    };
    assert!(ladder.rows().len() == 2 + 3 + 1 + 3 + 1, "{:?}", ladder.rows());
    // Three before the fold, three after it.
    assert_eq!(run.segments.iter().sum::<u64>(), 1001 - 6);
    assert_eq!((run.bytes[0], run.bytes[1] / 100, run.again, run.gaps), (0, run.segments[1], [0, 0], 0));
    assert_eq!(run.last.frame - run.first.frame + 1, 1001 - 6);
}

#[test]
fn a_short_run_is_drawn_segment_by_segment() {
    let ladder = ladder(&download(3), FOLDING);
    assert!(ladder.rows().iter().all(|row| matches!(row, Row::Rung(_))), "{:?}", ladder.rows());
    assert_eq!(ladder.rows().len(), 10);
}

#[test]
fn what_is_sent_again_and_what_is_missing_have_rows_that_say_so() {
    let mut segments = download(4);
    // The second data segment is lost by the capture, and the last is sent again.
    let again = segments[9];
    segments.insert(11, again);
    segments.remove(5);
    let ladder = ladder(&segments, FOLDING);
    let rungs: Vec<_> = ladder
        .rows()
        .iter()
        .filter_map(|row| if let Row::Rung(rung) = row { Some(rung) } else { None })
        .collect();
    assert_eq!(rungs.iter().filter(|rung| rung.mark == Mark::Again).count(), 1, "{rungs:?}");
    assert_eq!(rungs.iter().map(|rung| rung.gap).collect::<Vec<_>>().iter().sum::<u64>(), 100, "{rungs:?}");
    // The acknowledgement shows it first.
    assert_eq!(rungs[5].gap, 100, "{rungs:?}");
}

#[test]
fn what_does_not_fold_ends_and_counts_the_rest() {
    let recording = Recording { rows: 20, folds: false, ..FOLDING };
    let ladder = ladder(&download(50), recording);
    assert_eq!((ladder.rows().len(), ladder.not_kept()), (20, 84));
    let mut ladder = ladder;
    ladder.truncate(5);
    assert_eq!((ladder.rows().len(), ladder.not_kept()), (5, 99));
}

#[test]
fn rows_in_all_are_bounded_and_freed() {
    let recording = Recording { rows_in_all: 10, ..FOLDING };
    let mut segments = download(3);
    let second: Vec<Segment<'_>> = segments
        .iter()
        .map(|one| {
            let port =
                |end: SocketAddr| if end == ends()[0] { SocketAddr::new(end.ip(), 40_001) } else { end };
            Segment { source: port(one.source), destination: port(one.destination), ..*one }
        })
        .collect();
    segments.extend(&second);
    // The first has all rows, and the second none.
    let all = observed(&segments, recording);
    let rows: Vec<Option<usize>> =
        all.iter().map(|one| one.ladder.as_ref().map(|ladder| ladder.rows().len())).collect();
    assert_eq!(rows, [Some(10), None]);
}

#[test]
fn only_the_connections_of_the_end_have_a_ladder() {
    let stranger = Some(SocketAddr::from(([10, 0, 0, 3], 1)));
    let all = observed(&download(1), Recording { end: stranger, ..FOLDING });
    assert!(all[0].ladder.is_none());
    let all = observed(&download(1), Recording { end: Some(ends()[1]), ..FOLDING });
    assert!(all[0].ladder.is_some());
}

#[test]
fn the_rows_of_every_capture_agree_with_the_facts() {
    for set in ["own", "more"] {
        let mut files: Vec<String> = own::expected(set).into_iter().map(|row| row.file).collect();
        files.dedup();
        for file in files {
            let recording = Recording { rows: 100_000, rows_in_all: 100_000, folds: false, ..FOLDING };
            let mut table = Table::new(Limits { ladders: Some(recording), ..Limits::default() });
            let mut all = Vec::new();
            let segments = frames::read(&own::directory(set).join(&file));
            for segment in &segments {
                table.observe(&segment.borrowed(), &mut |one| all.push(one));
            }
            table.finish(&mut |one| all.push(one));
            let mut rows = 0;
            for one in &all {
                let verdict = one.judge();
                let ladder = one.ladder.as_ref().expect("it was asked for");
                let rungs: Vec<_> = ladder
                    .rows()
                    .iter()
                    .filter_map(|row| if let Row::Rung(rung) = row { Some(rung) } else { None })
                    .collect();
                rows += rungs.len();
                let count = |mark| rungs.iter().filter(|rung| rung.mark == mark).count() as u64;
                let again = verdict.c2s.retransmissions + verdict.s2c.retransmissions;
                assert_eq!(count(Mark::Again), again, "{file}");
                assert_eq!(count(Mark::Copy), verdict.duplicates, "{file}");
                assert_eq!(count(Mark::BadChecksum), verdict.bad_checksums, "{file}");
                let probes = verdict.c2s.keep_alives + verdict.s2c.keep_alives;
                assert_eq!(count(Mark::KeepAlive), probes, "{file}");
            }
            assert_eq!(rows, segments.len(), "{file}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { rng_seed: RngSeed::Fixed(16), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_fold_loses_a_segment(
        steps in proptest::collection::vec((0..2_usize, 0..12_u8, 0..2000_u32), 1..300), rows in 4..40_usize,
    ) {
        const DATA: &[u8] = &[7; 40];
        let segments: Vec<Segment<'_>> = steps
            .iter()
            .map(|&(from, kind, number)| match kind {
                0 => segment(from, Flags::FIN | Flags::ACK, number, number, &[]),
                1 => segment(from, Flags::RST, number, 0, &[]),
                2..5 => segment(from, Flags::ACK, number, number, &[]),
                _ => segment(from, Flags::ACK, number / 40 * 40, number, DATA),
            })
            .collect();
        let ladder = ladder(&segments, Recording { rows, ..FOLDING });
        let (mut count, mut bytes, mut last) = (0, 0, 0);
        for row in ladder.rows() {
            prop_assert!(row.first().frame > last);
            match row {
                Row::Rung(rung) => {
                    last = rung.seen.frame;
                    count += 1;
                    bytes += u64::from(rung.payload_len);
                }
                Row::Run(run) => {
                    last = run.last.frame;
                    prop_assert!(run.segments.iter().sum::<u64>() >= 2);
                    count += run.segments.iter().sum::<u64>();
                    bytes += run.bytes.iter().sum::<u64>();
                }
            }
        }
        prop_assert!(ladder.rows().len() <= rows);
        prop_assert_eq!(count, segments.len() as u64);
        prop_assert_eq!(bytes, segments.iter().map(|one| u64::from(one.payload_len)).sum::<u64>());
    }
}
