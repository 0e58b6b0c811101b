//! Two captures of one connection: what is said of the way between them, against a simulated path whose truth is known.

use crate::{conversation::*, frames, words};
use adieu_explain::{
    both::{
        self, Alone, AloneRecord, Both, Change, Changed, Comparison, Fate, Limits, PairRecord, PairedBy,
        Point, Told, WhyAlone,
    },
    segment::{Flags, Segment, Timestamp, TunnelId},
    verdict::{Actor, Ending, Grade, Side},
};
use proptest::{prelude::*, test_runner::RngSeed};
use std::path::Path;

/// What two captures come to, read in step.
fn compared(captures: [&[frames::Owned]; 2]) -> Vec<Told> {
    let mut both = Both::new(Limits::default());
    let mut next = [0; 2];
    let mut told = Vec::new();
    while let Some(point) = both.behind() {
        let at = &mut next[point.index()];
        match captures[point.index()].get(*at) {
            Some(owned) => both.observe(point, &owned.borrowed(), &mut |one| told.push(one)),
            None => both.end(point, &mut |one| told.push(one)),
        }
        *at += 1;
    }
    both.finish(&mut |one| told.push(one));
    told
}

fn pair(told: &[Told]) -> Option<&Comparison> {
    let mut pairs =
        told.iter().filter_map(|one| if let Told::Pair(pair) = one { Some(&**pair) } else { None });
    let first = pairs.next();
    assert!(pairs.next().is_none(), "one connection is paired once");
    first
}

fn plans() -> impl Strategy<Value = Plan> {
    let path = (0..30_u64, 0..6_u64, prop_oneof![Just(0), 0..120_u64], prop_oneof![Just(0), 0..80_u64]);
    let clocks = (-5_000_000_000_i64..5_000_000_000, prop_oneof![Just(0), -200_000..200_000_i64]);
    let actions = prop::collection::vec((0..2_usize, 1..6000_u64), 0..6);
    let ending = prop::sample::select(vec![
        End::None,
        End::Fin(0),
        End::Fin(1),
        End::Abort(0),
        End::Abort(1),
        End::Abort(1),
    ]);
    let inject = prop::option::of((0..900_u64, 0..3_usize, any::<bool>()));
    let boxes = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    (path, clocks, actions, ending, inject, boxes, any::<u64>()).prop_map(
        |(path, clocks, actions, ending, inject, boxes, seed)| Plan {
            delay: path.0,
            jitter: path.1,
            lost: path.2,
            missed: path.3,
            offset: clocks.0,
            drift: clocks.1,
            actions,
            ending,
            inject,
            translates: boxes.0,
            renumbers: boxes.1 && !boxes.0,
            clocks_in_segments: boxes.2,
            counts_packets: boxes.3,
            turned: boxes.4,
            seed,
        },
    )
}

/// Whatever is claimed is so.
fn check(plan: &Plan) -> Result<(), TestCaseError> {
    let truth = run(plan);
    // Which capture is A is no matter.
    let at = |point: Point| point.index() ^ usize::from(plan.turned);
    let captures = [Point::A, Point::B].map(|point| &truth.captures[at(point)].frames[..]);
    let told = compared(captures);
    let Some(pair) = pair(&told) else { return Ok(()) };
    for text in both::facts(pair).into_iter().map(|fact| fact.text).chain([both::sentence(pair)]) {
        prop_assert_eq!(words::wrong_numbers(&text), None, "{}", text);
    }
    let packet = |point: Point, frame: u64| {
        let capture = &truth.captures[at(point)];
        let number = capture.packets[usize::try_from(frame - 1).expect("few frames")];
        &truth.packets[number]
    };
    if let Some(nearer) = pair.nearer_to_client {
        prop_assert_eq!(at(nearer), 0, "{:?}", pair.clocks);
    }
    if let Some(clocks) = pair.clocks {
        let real = if plan.turned { -plan.offset } else { plan.offset };
        // A drift that is not seen is less than what the bounds leave.
        let drifted = truth.duration / 1_000_000 * plan.drift.abs() / 1000 + 2000;
        let wrong = (clocks.offset - real).abs();
        prop_assert!(wrong <= clocks.uncertainty + drifted, "{} {:?}", real, clocks);
    }
    for passage in &pair.passages {
        let here: Vec<(Point, &Packet)> = [Point::A, Point::B]
            .into_iter()
            .filter_map(|point| Some((point, packet(point, passage.frames[point.index()]?))))
            .collect();
        let (point, one) = here[0];
        let passed_other = one.passed[at(point.other())];
        match passage.fate {
            Fate::Both if passage.grade == Grade::Seen => {
                // Packets that are the same in all that a capture shows cannot be told apart.
                prop_assert!(one.looks_like(here[1].1), "{:?} {:?}", passage, here);
            }
            Fate::Lost => prop_assert!(!passed_other && !one.injected, "{:?} {:?}", passage, one),
            Fate::MissedByOther => prop_assert!(passed_other, "{:?} {:?}", passage, one),
            Fate::Injected if passage.grade == Grade::Seen || plan.missed == 0 => {
                prop_assert!(one.injected, "{:?} {:?}", passage, one);
            }
            Fate::AcknowledgedBetween => prop_assert!(false, "nothing does that: {:?} {:?}", passage, one),
            _ => {}
        }
    }
    for reset in &pair.resets {
        let (point, frame) = [Point::A, Point::B]
            .into_iter()
            .find_map(|point| Some((point, reset.frames[point.index()]?)))
            .expect("it is in one of them");
        let one = packet(point, frame);
        let real = match (one.injected, reset.name_of) {
            (true, _) => Actor::Middlebox,
            (false, Side::Client) => Actor::Client,
            (false, Side::Server) => Actor::Server,
        };
        if reset.by.grade() == Some(Grade::Seen)
            || (plan.missed == 0 && reset.by.grade() > Some(Grade::Hinted))
        {
            prop_assert_eq!(reset.by.value(), Some(&real), "{:?} {:?}", reset, one);
        }
    }
    let resets = truth.packets.iter().any(|one| one.is_reset);
    match pair.ending.value() {
        // The frame that contradicts it may be one that both captures missed.
        Some(Ending::Graceful) => prop_assert!(truth.graceful || plan.missed > 0, "{:?}", pair.ending),
        Some(Ending::Reset | Ending::Refused) => prop_assert!(resets, "{:?}", pair.ending),
        _ => {}
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig {
        rng_seed: RngSeed::Fixed(16), failure_persistence: None, cases: 1500, ..ProptestConfig::default()
    })]

    #[test]
    fn what_is_said_of_the_way_between_is_so(plan in plans()) {
        check(&plan)?;
    }
}

/// What the two captures of a case come to, near the client and near the server, given in this order or the other.
fn told(name: &str, turned: bool) -> Vec<Told> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/both");
    let read = |letter: &str| frames::read(&directory.join(format!("{name}-{letter}.pcap")));
    let (client, server) = (read("a"), read("b"));
    compared(if turned { [&server, &client] } else { [&client, &server] })
}

fn pairs(told: &[Told]) -> Vec<&Comparison> {
    told.iter().filter_map(|one| if let Told::Pair(pair) = one { Some(&**pair) } else { None }).collect()
}

fn alone(told: &[Told]) -> Vec<&Alone> {
    told.iter().filter_map(|one| if let Told::Alone(alone) = one { Some(&**alone) } else { None }).collect()
}

/// Segments of both directions with this fate.
fn count(pair: &Comparison, fate: Fate) -> usize {
    pair.passages.iter().filter(|passage| passage.fate == fate).count()
}

fn column(value: Option<String>) -> String {
    value.unwrap_or_else(|| "-".to_owned())
}

#[test]
fn real_captures_of_both_ends_come_to_what_happened() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/both");
    let expected = std::fs::read_to_string(directory.join("expected.tsv")).expect("the truth is there");
    for row in expected.lines().skip(1) {
        let [name, ending, rst_by] = row.split('\t').collect::<Vec<_>>()[..] else { panic!("{row}") };
        for turned in [false, true] {
            let told = told(name, turned);
            let pairs = pairs(&told);
            let near_client = if turned { Point::B } else { Point::A };
            assert!(!pairs.is_empty(), "{name}");
            for pair in pairs {
                let record = serde_json::to_value(PairRecord::of(pair)).expect("names, numbers and texts");
                let text = |key: &str| column(record[key].as_str().map(str::to_owned));
                assert_eq!((&*text("ending"), &*text("rst_by")), (ending, rst_by), "{name}: {record}");
                assert_eq!(pair.nearer_to_client, Some(near_client), "{name}");
                if let Some(clocks) = pair.clocks {
                    let skew = if turned { -3_700_000_000 } else { 3_700_000_000_i64 };
                    assert!((clocks.offset - skew).abs() <= clocks.uncertainty, "{name}: {clocks:?}");
                    assert!(clocks.by_handshake && clocks.drift.is_none(), "{name}: {clocks:?}");
                    assert!((12_000_000..16_000_000).contains(&clocks.uncertainty), "{name}: {clocks:?}");
                }
            }
        }
    }
}

#[test]
fn a_reset_that_its_sender_did_not_send_was_made_between() {
    for (name, made, grade) in [
        ("injected_to_the_client", 1, Grade::Seen),
        ("injected_to_both", 2, Grade::Concluded),
        ("injected_to_the_client_who_is_idle", 1, Grade::Concluded),
        ("rejected_data", 1, Grade::Concluded),
        ("reset_passed", 0, Grade::Seen),
        ("reset_lost", 0, Grade::Seen),
    ] {
        let told = told(name, false);
        let pair = pairs(&told)[0];
        assert_eq!(count(pair, Fate::Injected), made, "{name}");
        let made: Vec<_> = pair.resets.iter().filter(|reset| reset.fate == Fate::Injected).collect();
        assert!(
            made.iter().all(|reset| reset.fate_grade == grade && reset.by.grade() == Some(grade)),
            "{name}: {made:?}"
        );
    }
}

#[test]
fn what_was_lost_is_told_and_what_the_other_side_believes() {
    let reset = told("reset_lost", false);
    let sentence = both::sentence(pairs(&reset)[0]);
    assert!(
        sentence.contains("did not arrive at A: the client went on and had a half-open connection"),
        "{sentence}"
    );

    let lost = told("lost_and_sent_again", false);
    let pair = pairs(&lost)[0];
    assert_eq!((count(pair, Fate::Lost), pair.ways[1].lost_octets), (2, 2896));
    assert_eq!(pair.ways[0].in_both + pair.ways[1].in_both + 2, pair.passages.len() as u64);

    let answers = told("answers_lost", true);
    let sentence = both::sentence(pairs(&answers)[0]);
    assert!(
        sentence.starts_with("the server answered the SYN, and none of its 5 answers arrived at B"),
        "{sentence}"
    );

    let acknowledged = told("acknowledged_between", false);
    let pair = pairs(&acknowledged)[0];
    assert_eq!((pair.ways[1].acknowledged_between, pair.ways[0].missing_at_end), (1, 700));

    let filtered = told("filtered", false);
    let [one] = alone(&filtered)[..] else { panic!("{filtered:?}") };
    assert_eq!((one.point, one.why, one.nearer_to_client), (Point::A, WhyAlone::NotThere, true));
    let record = serde_json::to_value(AloneRecord::of(one)).expect("names, numbers and texts");
    assert_eq!((&record["in"], &record["ending"]), (&"a".into(), &"refused".into()));
}

#[test]
fn translated_addresses_and_rewritten_numbers_are_found_and_told() {
    let address = told("only_the_address_translated", false);
    let pair = pairs(&address)[0];
    assert_eq!(
        (pair.paired_by, pair.translated(), pair.number_offsets),
        (PairedBy::BothNumbers, [true, false], [0, 0])
    );
    assert_eq!(pair.ends[0].map(|end| end.to_string())[1], "10.8.0.77:60002");

    let all = told("translated", false);
    let pair = pairs(&all)[0];
    assert_eq!((pair.paired_by, pair.number_offsets), (PairedBy::ServerNumber, [0x1234_5678, 0]));
    let changed: Vec<Changed> =
        pair.changes.iter().filter(|change| change.from == Side::Client).map(|change| change.what).collect();
    assert_eq!(changed, [Changed::Mss, Changed::WindowScale, Changed::SackPermitted, Changed::Timestamps]);
    let Change { before, after, count, .. } = pair.changes[0];
    assert_eq!((before, after, count), (Some(1460), Some(1300), 1));
    assert_eq!((count_lost(pair), pair.ways[0].hops, pair.ways[1].hops), (0, Some(3), Some(3)));
}

fn count_lost(pair: &Comparison) -> usize {
    pair.passages.iter().filter(|passage| passage.fate != Fate::Both).count()
}

/// The sending end hands giants to its network card, and the receiving end joins what comes.
#[test]
fn how_octets_are_cut_is_no_change() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/both");
    let client = frames::read(&directory.join("lost_and_sent_again-a.pcap"));
    let server = frames::read(&directory.join("lost_and_sent_again-b.pcap"));
    // Neighbours of the server's that are sent at once, as its kernel gives them away.
    let mut giants: Vec<frames::Owned> = Vec::new();
    for owned in &server {
        let one = owned.borrowed();
        if let Some(last) = giants.last_mut()
            && last.segment.source == one.source
            && last.segment.payload_len > 0
            && one.payload_len > 0
            && last.borrowed().sequence_end() == one.sequence
            && last.segment.options.timestamps == one.options.timestamps
        {
            last.payload.extend_from_slice(one.payload);
            last.segment.payload_len += one.payload_len;
            continue;
        }
        giants.push(owned.clone());
    }
    for (number, owned) in (1..).zip(&mut giants) {
        owned.segment.frame = number;
    }
    assert!(giants.len() + 8 < server.len(), "{} of {}", giants.len(), server.len());
    let told = compared([&client, &giants]);
    let pair = pairs(&told)[0];
    assert_eq!(pair.ending.value(), Some(&Ending::Graceful));
    assert!(pair.changes.is_empty(), "{:?}", pair.changes);
    // A giant of which a part was lost is in both in parts: no more than those are unclear.
    let unclear = count_lost(pair);
    assert!((1..=4).contains(&unclear), "{unclear}: {:?}", pair.passages);
}

/// The second capture was taken inside of a tunnel, or on a router that has each packet come in and go out.
#[test]
fn tunnels_and_several_interfaces_change_nothing() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/both");
    for name in ["lost_and_sent_again", "injected_to_the_client", "reset_lost"] {
        let [a, b] = ["a", "b"].map(|letter| directory.join(format!("{name}-{letter}.pcap")));
        let tunnelled = frames::read_in_gre(&b);
        assert!(tunnelled.iter().all(|one| one.segment.tunnel != TunnelId::NONE));
        let mut twice = frames::read(&b);
        for mut copy in twice.clone() {
            copy.segment.interface = 1;
            copy.segment.hop_limit -= 1;
            copy.segment.time = Timestamp::from_nanoseconds(copy.segment.time.as_nanoseconds() + 20_000);
            twice.push(copy);
        }
        twice.sort_by_key(|one| one.segment.time);
        for (number, one) in (1..).zip(&mut twice) {
            one.segment.frame = number;
        }
        let a = frames::read(&a);
        let expected = compared([&a, &frames::read(&b)]);
        let expected = pairs(&expected)[0];
        for other in [tunnelled, twice] {
            let told = compared([&a, &other]);
            let pair = pairs(&told)[0];
            let ways =
                |pair: &Comparison| pair.ways.map(|way| (way.segments, way.in_both, way.lost, way.injected));
            assert_eq!(ways(pair), ways(expected), "{name}");
            assert_eq!((&pair.ending, pair.changes.len()), (&expected.ending, 0), "{name}");
            assert_eq!(pair.rst_by(), expected.rst_by(), "{name}");
        }
    }
}

#[test]
fn captures_of_other_connections_are_not_paired() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/both");
    let one = frames::read(&directory.join("reset_passed-a.pcap"));
    let other = frames::read(&directory.join("reset_lost-b.pcap"));
    let told = compared([&one, &other]);
    assert!(pairs(&told).is_empty());
    let why: Vec<WhyAlone> = alone(&told).iter().map(|alone| alone.why).collect();
    assert_eq!(why, [WhyAlone::ClocksUnknown; 2]);
    assert!(compared([&one, &[]]).iter().all(|one| matches!(one, Told::Alone(_))));
}

/// A connection that its server aborts, as both captures of it show it; the second misses the RST and nothing else.
fn an_abort_that_the_second_missed(counts: bool, stopped: bool) -> [Vec<frames::Owned>; 2] {
    let (client, server) = (([10, 0, 0, 1], 40000).into(), ([10, 0, 0, 2], 5432).into());
    let (ack, syn) = (Flags::ACK, Flags::SYN);
    let talk = [
        (0, syn, 1000, 0, 0),
        (1, syn.with(ack), 9000, 1001, 0),
        (0, ack, 1001, 9001, 0),
        (0, ack, 1001, 9001, 100),
        (1, ack, 9001, 1101, 0),
        (0, ack, 1101, 9001, 100),
        (1, ack, 9001, 1201, 0),
        (0, ack, 1201, 9001, 100),
        (1, ack, 9001, 1301, 0),
        (1, Flags::RST.with(ack), 9001, 1301, 0),
        // Another connection: the second capture runs on.
        (2, syn, 7, 0, 0),
    ];
    let mut captures = [Vec::new(), Vec::new()];
    for (at, capture) in captures.iter_mut().enumerate() {
        for (number, (from, flags, sequence, acknowledgement, len)) in (0..).zip(talk) {
            if at == 1 && (flags.rst() || (stopped && from == 2)) {
                continue;
            }
            let (source, destination) = match from {
                0 => (client, server),
                1 => (server, client),
                _ => (([10, 0, 0, 1], 40001).into(), server),
            };
            // The client is near to the first, the server to the second, and the way takes a millisecond.
            let late = (from == 1) != (at == 1);
            let time = number * 100_000_000 + i64::from(late) * 1_000_000;
            let hop_limit = if late { 60 } else { 64 };
            let segment = Segment {
                frame: capture.len() as u64 + 1,
                time: Timestamp::from_nanoseconds(time),
                hop_limit,
                ip_id: counts.then_some(100 + u16::try_from(number).expect("small")),
                flags,
                sequence,
                acknowledgement,
                window: 1000,
                payload: &[],
                payload_len: len,
                ..Segment::between(source, destination)
            };
            capture.push(frames::Owned { segment, payload: vec![0; len as usize] });
        }
    }
    captures
}

#[test]
fn an_rst_like_those_of_its_side_is_not_proven_foreign_by_one_capture_without_it() {
    for (counts, stopped, fate, grade) in [
        (true, false, Fate::InjectedOrMissed, Grade::Seen),
        (false, false, Fate::Injected, Grade::Hinted),
        (false, true, Fate::InjectedOrMissed, Grade::Seen),
    ] {
        let [a, b] = an_abort_that_the_second_missed(counts, stopped);
        let told = compared([&a, &b]);
        let pair = pairs(&told)[0];
        let fates: Vec<_> = pair.resets.iter().map(|reset| (reset.fate, reset.fate_grade)).collect();
        assert_eq!(fates, [(fate, grade)], "counts {counts}, stopped {stopped}: {pair:?}");
        assert_eq!(
            adieu_explain::both::sentence(pair).starts_with("something between A and B"),
            fate == Fate::Injected
        );
    }
}

#[test]
fn an_answer_that_the_client_acknowledges_has_arrived() {
    let [mut a, b] = an_abort_that_the_second_missed(true, false);
    // The first capture has one direction only.
    a.retain(|one| one.segment.source.port() != 5432);
    let told = compared([&a, &b]);
    let said = adieu_explain::both::sentence(pairs(&told)[0]);
    assert!(!said.contains("never arrived"), "{said}");
}

#[test]
fn a_clock_that_was_set_does_not_run_faster() {
    let [a, mut b] = an_abort_that_the_second_missed(true, false);
    for one in b.iter_mut().skip(5) {
        one.segment.time = Timestamp::from_nanoseconds(one.segment.time.as_nanoseconds() + 10_000_000_000);
    }
    let told = compared([&a, &b]);
    assert_eq!(pairs(&told)[0].clocks, None);
}

#[test]
fn what_the_receiver_acknowledged_has_arrived() {
    let [b, mut a] = an_abort_that_the_second_missed(true, true);
    // The capture near to the server stops before the client's last bytes, and the client sees them acknowledged.
    a.truncate(6);
    let b: Vec<_> = b.into_iter().filter(|one| !one.segment.flags.rst()).collect();
    let told = compared([&a, &b]);
    let pair = pairs(&told)[0];
    assert!(pair.ways[0].missing_at_end > 0, "{pair:?}");
    let said = both::sentence(pair);
    assert!(!said.contains("did not arrive") && !said.contains("are not in"), "{said}");
}
