//! An observer that cancels, on either side and at every moment.

use crate::library::{into, result, resume, sentences, transfer};
use crate::support::{How, content, go_on, place, write};
use adieu_transfer::{
    MemoryStore, Sources, Storage, TransferEvent, TransferReport, TransferResult, TransferRole, Verdict,
};
use std::ops::ControlFlow;

/// Breaks at this event, and counts them.
fn breaks_at(at: usize, seen: &mut Vec<String>) -> impl FnMut(TransferEvent<'_>) -> ControlFlow<()> + Send {
    move |event| {
        assert!(seen.len() <= at, "it is told {event:?} after it has cancelled");
        seen.push(format!("{event:?}"));
        if seen.len() > at { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

/// The events of both sides when nobody cancels.
fn all_events(how: &How, store: &MemoryStore) -> [Vec<String>; 2] {
    let (mut at_sender, mut at_receiver) = (Vec::new(), Vec::new());
    let (sent, _) = transfer(
        &two_files(),
        &mut Storage::of(&mut store.clone()),
        how,
        &mut breaks_at(usize::MAX - 1, &mut at_sender),
        &mut breaks_at(usize::MAX - 1, &mut at_receiver),
    );
    assert_eq!(sent.verdict, Verdict::Written);
    [at_sender, at_receiver]
}

fn two_files() -> Sources {
    Sources::of("a", content(12, 600_000)).and_then(|s| s.and("b", content(13, 10))).expect("good names")
}

/// How a transfer may go, and what is there before it.
fn ways() -> Vec<(How, MemoryStore)> {
    let empty = MemoryStore::new(16 << 20);
    let mut has_one = empty.clone();
    into(&mut has_one, &Sources::of("b", content(13, 10)).expect("a good name"), &How::default());
    let with_secret = How { secrets: [Some("s"); 2], ..How::default() };
    vec![
        (How::default(), empty.clone()),
        (with_secret, empty.clone()),
        (resume(), empty),
        (resume(), has_one),
    ]
}

#[test]
fn a_sender_that_cancels_is_never_told_that_it_is_whole_nor_is_its_receiver() {
    for (how, before) in ways() {
        let [events, _] = all_events(&how, &before);
        assert!(events.len() > 6, "{events:?}");
        for at in 0..events.len() {
            let mut store = before.clone();
            let mut seen = Vec::new();
            let both = transfer(
                &two_files(),
                &mut Storage::of(&mut store),
                &how,
                &mut breaks_at(at, &mut seen),
                &mut go_on,
            );
            // Which pieces are hashed and answered when may differ from one run to the next.
            if seen.len() <= at {
                continue;
            }
            let [sent, received] = sentences(&both);
            let event = &seen[at];
            assert_eq!(both.0.verdict, Verdict::Cancelled, "{event}");
            assert_eq!(result(TransferRole::Send, &both.0), (TransferResult::Cancelled, 4), "{event}");
            assert!(!both.0.may_be_tried_again(), "{event}");
            if both.0.is_whole {
                assert!(seen.iter().any(|event| event == "AllSent"), "{event}");
                assert!(sent.ends_with("the receiver may or may not have stored it"), "{event}: {sent}");
            } else {
                assert!(sent.starts_with("cancelled on this side after "), "{event}: {sent}");
                assert!(received.contains("the sender gave up (it was cancelled)"), "{event}: {received}");
                assert_eq!(
                    result(TransferRole::Receive, &both.1),
                    (TransferResult::Incomplete, 6),
                    "{event}"
                );
                assert_eq!(store.files(), before.files(), "{event}");
            }
        }
    }
}

#[test]
fn a_receiver_that_cancels_confirms_nothing() {
    for (how, before) in ways() {
        let [_, events] = all_events(&how, &before);
        assert!(events.len() > 6, "{events:?}");
        // Among pieces in a row, the first and a few more.
        let is_piece = |at: usize| events[at].starts_with("Moved");
        for at in (0..events.len()).filter(|at| at % 16 == 0 || !is_piece(*at) || !is_piece(at - 1)) {
            let mut store = before.clone();
            let mut seen = Vec::new();
            let both = transfer(
                &two_files(),
                &mut Storage::of(&mut store),
                &how,
                &mut go_on,
                &mut breaks_at(at, &mut seen),
            );
            if seen.len() <= at {
                continue;
            }
            let [sent, received] = sentences(&both);
            let event = &seen[at];
            if event == "Receipted" {
                // It comes too late, and both know that.
                assert_eq!((&both.0.verdict, &both.1.verdict), (&Verdict::Written, &Verdict::Written));
                continue;
            }
            assert_eq!(both.1.verdict, Verdict::Cancelled, "{event}");
            assert_eq!(result(TransferRole::Receive, &both.1), (TransferResult::Cancelled, 4), "{event}");
            assert!(received.ends_with("nothing of it is stored"), "{event}: {received}");
            assert_eq!(sent, "receiver: it was cancelled", "{event}");
            assert_eq!(result(TransferRole::Send, &both.0), (TransferResult::Refused, 6), "{event}");
            assert_eq!(store.files(), before.files(), "{event}");
        }
    }
}

#[test]
fn a_receiver_on_a_disk_that_cancels_leaves_what_was_there() {
    for resume in [false, true] {
        for moment in ["AllReceived", "Synced", "Moved"] {
            let place = place();
            let target = write(&place.path().join("target"), b"before");
            let mut storage = Storage::at(&target).expect("the target can be written to");
            let sources = Sources::of("name", content(14, 1_300_000)).expect("a good name");
            let mut stop = |event: TransferEvent<'_>| {
                let is_it = format!("{event:?}").starts_with(moment);
                if is_it { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            };
            let how = How { resume, ..How::default() };
            let both = transfer(&sources, &mut storage, &how, &mut go_on, &mut stop);
            assert_eq!(both.1.verdict, Verdict::Cancelled, "{moment}");
            assert_eq!(sentences(&both)[0], "receiver: it was cancelled", "{moment}");
            assert_eq!(std::fs::read(&target).expect("it is there"), b"before", "{moment}");
            assert_eq!(crate::support::partials(place.path()).len(), usize::from(resume), "{moment}");
        }
    }
}

#[test]
fn a_receiver_that_cancels_once_it_gives_names_has_stored_it_and_says_so() {
    for moment in ["Renamed", "NamesSynced", "Receipted"] {
        let place = place();
        let target = place.path().join("target");
        let mut storage = Storage::at(&target).expect("the target can be written to");
        let sources = Sources::of("name", content(14, 1000)).expect("a good name");
        let mut told = 0;
        let mut stop = |event: TransferEvent<'_>| {
            told += usize::from(format!("{event:?}") == moment);
            if told > 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let both = transfer(&sources, &mut storage, &How::default(), &mut go_on, &mut stop);
        assert_eq!((&both.0.verdict, &both.1.verdict), (&Verdict::Stored, &Verdict::Stored), "{moment}");
        assert_eq!(told, 1, "{moment}");
        assert_eq!(std::fs::read(&target).expect("it is stored"), content(14, 1000), "{moment}");
    }
}

#[test]
fn a_cancellation_over_tcp_is_a_cut_for_the_peer_and_known_as_ours() {
    use adieu::{Endpoint, ListenOptions, Listener};
    use adieu_transfer::{ReceiveOptions, SendOptions, Wire};
    for (by_sender, moment) in [(true, "Moved"), (false, "Moved"), (true, "AllSent")] {
        let any = Endpoint::tcp("127.0.0.1", 0);
        let listener = Listener::bind(&any, &ListenOptions::new()).expect("loopback");
        let endpoint = listener.local_endpoint().clone();
        let stop = |ours: bool| {
            move |event: TransferEvent<'_>| {
                let is_it = ours && format!("{event:?}").starts_with(moment);
                if is_it { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            }
        };
        let mut store = MemoryStore::new(64 << 20);
        let (sent, received) = std::thread::scope(|scope| {
            let sending = scope.spawn(|| {
                let sources = Sources::of("name", content(15, 20_000_000)).expect("a good name");
                let connection =
                    adieu::connect(&endpoint, &adieu::ConnectOptions::new()).expect("it listens");
                let mut wire = Wire::new(connection, None);
                let options = SendOptions::default();
                let outcome = adieu_transfer::send(&mut wire, &sources, &options, &mut stop(by_sender));
                TransferReport::new(TransferRole::Send, &outcome, false, 1, wire.finish())
            });
            let mut wire = Wire::new(crate::support::accept(&listener), None);
            let (mut storage, options) = (Storage::of(&mut store), ReceiveOptions::default());
            let outcome = adieu_transfer::receive(&mut wire, &mut storage, &options, &mut stop(!by_sender));
            let report = TransferReport::new(TransferRole::Receive, &outcome, false, 1, wire.finish());
            (sending.join().expect("it does not panic"), report)
        });
        let (ours, theirs) = if by_sender { (&sent, &received) } else { (&received, &sent) };
        assert_eq!((ours.result, ours.exit_code), (TransferResult::Cancelled, 4), "{ours}");
        assert_ne!(theirs.result, TransferResult::Cancelled, "{theirs}");
        // Nobody can know it at the sender's last moment, but the receiver.
        assert_eq!(theirs.is_good(), store.get("name").is_some(), "{theirs}");
        if moment == "Moved" {
            assert!(!theirs.is_good(), "{theirs}");
        } else {
            assert!(ours.to_string().ends_with("the receiver may or may not have stored it"), "{ours}");
            let ending = ours.connection.as_ref().map(adieu::Report::ending);
            assert_eq!(ending, Some(adieu::Ending::Reset { by: adieu::Side::Us }), "{ours}");
        }
    }
}
