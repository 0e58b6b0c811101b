//! Offers: how many round trips they take, and what a receiver says of what it has, and to whom.

use crate::faults::{frames, words};
use crate::memory::BOUND;
use crate::support::{How, content, go_on, place, write};
use crate::versions::{Peer, receipt, received, sent_with};
use adieu_transfer::wire::{Answer, Control, EntryPath, Have, HaveState, Receipt, Status, Totals, short};
use adieu_transfer::{Sources, Storage, TransferOutcome, Transport, Verdict};
use std::io;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

/// One end of a path in virtual time, which counts half round trips: what is sent arrives one later, however much it is.
struct Far {
    now: u64,
    outgoing: Option<Sender<(u64, Vec<u8>)>>,
    incoming: Receiver<(u64, Vec<u8>)>,
    /// It has arrived, or is on its way.
    next: Option<(u64, Vec<u8>)>,
}

impl Far {
    /// After the handshake of TCP: the client knows of the connection after a round trip, the server after one and a half.
    fn pair() -> (Self, Self) {
        let ((to_server, from_client), (to_client, from_server)) = (channel(), channel());
        let end = |now, outgoing, incoming| Self { now, outgoing: Some(outgoing), incoming, next: None };
        (end(2, to_server, from_server), end(3, to_client, from_client))
    }
}

impl Transport for Far {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.next.is_none() {
            match self.incoming.recv_timeout(BOUND) {
                Ok(next) => self.next = Some(next),
                Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => return Ok(0),
                Err(error) => panic!("{error}"),
            }
        }
        let Some((at, bytes)) = &mut self.next else { return Ok(0) };
        self.now = self.now.max(*at);
        let n = io::Read::read(&mut &bytes[..], buffer)?;
        bytes.drain(..n);
        if bytes.is_empty() {
            self.next = None;
        }
        Ok(n)
    }

    fn read_within(&mut self, buffer: &mut [u8], limit: Duration) -> io::Result<Option<usize>> {
        if buffer.is_empty() {
            return Ok(None);
        }
        if limit.is_zero() {
            self.next = self.next.take().or_else(|| self.incoming.try_recv().ok());
            if self.next.as_ref().is_none_or(|(at, _)| *at > self.now) {
                return Ok(None);
            }
        }
        self.read(buffer).map(Some)
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        let sent = self.outgoing.as_ref().map(|outgoing| outgoing.send((self.now + 1, bytes.to_vec())));
        if let Some(Ok(())) = sent { Ok(()) } else { Err(io::ErrorKind::BrokenPipe.into()) }
    }

    fn shutdown_send(&mut self) -> io::Result<()> {
        // An end that arrives after everything; an empty read is the end.
        if let Some(outgoing) = self.outgoing.take() {
            let _ = outgoing.send((self.now + 1, Vec::new()));
        }
        Ok(())
    }

    #[cfg(unix)]
    fn watched(&self) -> Vec<std::os::fd::BorrowedFd<'_>> {
        Vec::new()
    }
}

/// A transfer over such a path, and after how many round trips the sender had ended.
fn over_a_long_path(paths: &[PathBuf], target: &Path, how: &How) -> (TransferOutcome, u64) {
    let (mut sender, mut receiver) = Far::pair();
    let mut storage = Storage::at(target).expect("the target can be written to");
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let ignore = &mut go_on;
            adieu_transfer::receive(&mut receiver, &mut storage, &how.receiving(), ignore)
        });
        let sources = Sources::new(paths).expect("they are there");
        let outcome = adieu_transfer::send(&mut sender, &sources, &how.sending(), &mut go_on);
        (outcome, sender.now.div_ceil(2))
    })
}

/// A directory of short files, and the same in a target.
fn twice(place: &Path, files: usize) -> (PathBuf, PathBuf) {
    let (source, target) = (place.join("directory"), place.join("target"));
    for directory in [&source, &target.join("directory")] {
        std::fs::create_dir_all(directory).expect("there is room");
        for at in 0..files {
            write(&directory.join(format!("file-{at}")), format!("content {at}").as_bytes());
        }
    }
    (source, target)
}

#[test]
fn nothing_to_send_takes_five_round_trips_at_most_however_many_files_there_are() {
    for (files, secrets) in [(1, [None; 2]), (2_000, [Some("x"); 2]), (10_000, [None; 2])] {
        let place = place();
        let (source, target) = twice(place.path(), files);
        let how = How { resume: true, secrets, ..How::default() };
        let (outcome, round_trips) = over_a_long_path(&[source], &target, &how);
        assert_eq!((&outcome.verdict, outcome.moved), (&Verdict::Stored, 0), "{}", words(&outcome));
        assert_eq!(outcome.files_kept, files as u64);
        assert!(round_trips <= 5, "{round_trips} for {files} files");
    }
}

#[test]
fn files_that_are_not_there_cost_one_round_trip_more_and_not_one_each() {
    let place = place();
    let (source, target) = twice(place.path(), 1_000);
    for at in (0..1_000).step_by(3) {
        std::fs::remove_file(target.join(format!("directory/file-{at}"))).expect("it is there");
    }
    write(&target.join("directory/file-1"), b"another");
    let how = How { resume: true, ..How::default() };
    let (outcome, round_trips) = over_a_long_path(std::slice::from_ref(&source), &target, &how);
    assert_eq!((&outcome.verdict, outcome.files_kept), (&Verdict::Stored, 665), "{}", words(&outcome));
    assert!(round_trips <= 6, "{round_trips}");
    for at in 0..1_000 {
        let name = format!("file-{at}");
        let [ours, theirs] = [source.join(&name), target.join("directory").join(&name)].map(std::fs::read);
        assert_eq!(ours.expect("it is there"), theirs.expect("it is there"));
    }
}

fn path(text: &str) -> EntryPath {
    EntryPath::new(text.into()).expect("a good path")
}

/// What the receiver says to these frames, but for what says that it lives.
fn said(peer: &mut Peer, frames: &[u8]) -> Option<Control> {
    peer.stream.write_all(frames).expect("it is taken");
    loop {
        match peer.next()? {
            Control::Phase { done, .. } => assert_eq!(done, 0),
            control => return Some(control),
        }
    }
}

fn answer(peer: &mut Peer, name: &str, size: u64, content: &[u8]) -> Answer {
    let hash = short(blake3::hash(content).as_bytes());
    let offer = Control::Offer { mode: 0o644, size, hash, path: path(name) };
    let Some(Control::Answers(packed)) = said(peer, &frames(&[offer])) else { panic!("no answer") };
    Answer::unpack(&packed).next().expect("an answer")
}

#[test]
fn who_does_not_name_a_hash_is_told_nothing_of_what_is_there() {
    let place = place();
    let target = place.path().join("target");
    std::fs::create_dir(&target).expect("there is room");
    write(&target.join("file"), b"1234");
    write(&target.join(".part.adieu-partial"), &content(1, 200_000));
    let begin = frames(&[Control::Begin { single: false, bytes: None }]);
    // As an old sender asks.
    received(&target, 1, |mut peer| {
        peer.stream.write_all(&begin).expect("it is taken");
        for (name, size) in [("file", 4), ("part", 200_000)] {
            let offer = Control::File { offer: true, mode: 0o644, size: Some(size), path: path(name) };
            let nothing = Have { state: HaveState::Nothing, length: 0, hash: [0; 32] };
            assert_eq!(said(&mut peer, &frames(&[offer])), Some(Control::Have(nothing)));
        }
    });
    received(&target, 2, |mut peer| {
        peer.stream.write_all(&begin).expect("it is taken");
        assert_eq!(answer(&mut peer, "other", 4, b"1234"), Answer::Nothing);
        assert_eq!(answer(&mut peer, "file", 4, b"4321"), Answer::Nothing);
        // One guess for each name.
        let again = Control::Offer { mode: 0o644, size: 4, hash: [0; 16], path: path("file") };
        let refused = said(&mut peer, &frames(&[again]));
        let words = if let Some(Control::Receipt(receipt)) = refused { receipt.words } else { String::new() };
        assert!(words.contains("a name that is offered already"), "{words}");
    });
    received(&target, 2, |mut peer| {
        peer.stream.write_all(&begin).expect("it is taken");
        // Whatever the size that is named.
        assert_eq!(answer(&mut peer, "part", 7, b"?"), Answer::Beginning);
        let check = Control::Check { length: 7, hash: [0; 16] };
        assert_eq!(said(&mut peer, &frames(&[check])), Some(Control::From { offset: 0 }));
        assert_eq!(answer(&mut peer, "file", 4, b"1234"), Answer::Stored);
    });
    assert_eq!(std::fs::read(target.join("file")).ok().as_deref(), Some(&b"1234"[..]));
}

#[test]
fn a_start_that_was_not_agreed_on_and_a_check_that_nobody_asked_for_are_refused() {
    let place = place();
    let target = place.path().join("target");
    std::fs::create_dir(&target).expect("there is room");
    let partial = content(1, 200_000);
    write(&target.join(".part.adieu-partial"), &partial);
    let begin = Control::Begin { single: false, bytes: None };
    let offer = |name| Control::Offer { mode: 0o644, size: 300_000, hash: [7; 16], path: path(name) };
    let check = |length| Control::Check { length, hash: [0; 16] };
    for (controls, wanted) in [
        (vec![offer("part"), Control::Start { offset: 200_000 }], "a start where nothing ends"),
        (vec![offer("new"), Control::Start { offset: 1 }], "a start where nothing ends"),
        (vec![Control::Start { offset: 0 }], "a start without an offer"),
        (vec![check(1)], "a CHECK of no offer"),
        (vec![offer("new"), check(1)], "a CHECK that nobody asked for"),
        (vec![offer("part"), check(300_001)], "a CHECK that nobody asked for"),
        (vec![offer("part"), Control::End(Totals::default())], "an END, which does not belong there"),
        (
            vec![Control::File { offer: true, mode: 0o644, size: Some(1), path: path("a") }],
            "an offer of version 1",
        ),
    ] {
        let all = frames(&[&[begin.clone()][..], &controls].concat());
        let outcome = received(&target, 2, |mut peer| {
            peer.stream.write_all(&all).expect("it is taken");
            while peer.next().is_some() {}
            peer.end();
        });
        assert!(words(&outcome).contains(wanted), "{wanted}: {}", words(&outcome));
    }
}

#[test]
fn what_is_offered_and_there_is_confirmed_only_with_the_senders_own_totals() {
    let place = place();
    let target = place.path().join("target");
    write(&target, b"content");
    let begin = Control::Begin { single: true, bytes: None };
    let hash = short(blake3::hash(b"content").as_bytes());
    let offer = Control::Offer { mode: 0o644, size: 7, hash, path: path("file") };
    let outcome = received(&target, 2, |mut peer| {
        let all = frames(&[begin, offer, Control::AllOffered(Totals { files: 1, ..Totals::default() })]);
        assert!(matches!(said(&mut peer, &all), Some(Control::Answers(_))));
        assert_eq!(receipt(&mut peer).map(|r| r.status), Some(Status::Damaged));
        peer.end();
    });
    assert!(words(&outcome).contains("what came is not what was sent"), "{}", words(&outcome));
}

#[test]
fn an_old_receiver_is_asked_as_it_understands_it() {
    let place = place();
    let bytes = content(3, 100_000);
    let source = write(&place.path().join("file"), &bytes);
    let options = How { resume: true, ..How::default() }.sending();
    let outcome = sent_with(&source, 1, &options, |mut peer| {
        let have = Have {
            state: HaveState::Partial,
            length: 70_001,
            hash: *blake3::hash(&bytes[..70_001]).as_bytes(),
        };
        let totals = loop {
            match peer.next().expect("it goes on") {
                Control::File { offer, .. } => {
                    assert!(offer);
                    peer.stream.write_all(&frames(&[Control::Have(have)])).expect("it is taken");
                }
                Control::Start { offset } => assert_eq!(offset, 70_001),
                Control::Begin { .. } | Control::FileEnd { .. } => {}
                Control::End(totals) => break totals,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(peer.next(), None);
        let receipt = Receipt { status: Status::Stored, totals, words: String::new() };
        peer.stream.write_all(&frames(&[Control::Receipt(receipt)])).expect("it is taken");
    });
    assert_eq!((&outcome.verdict, outcome.moved), (&Verdict::Stored, 29_999), "{}", words(&outcome));
}
