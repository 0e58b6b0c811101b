//! One fault after the other, over loopback.

use crate::memory::Fault;
use crate::support::{How, content, go_on, over_tcp, partials, place, transfer, write};
use adieu_testkit::places;
use adieu_transfer::wire::{Control, EntryPath, Hello, PeerRole, Receipt, Status, Totals, data_header};
use adieu_transfer::{
    ReceiveOptions, SendOptions, Sources, Storage, TransferEvent, TransferOutcome, Transport, Verdict, Wire,
};
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

fn ignore(_: TransferEvent<'_>) {}

pub(crate) fn words(outcome: &TransferOutcome) -> String {
    outcome.sentence()
}

#[test]
fn another_secret_or_none_ends_before_anything_is_sent() {
    let place = place();
    let source = write(&place.path().join("source"), b"content");
    let target = place.path().join("target");
    for (secrets, at_sender, at_receiver) in [
        ([Some("a"), Some("b")], "the peer refuses the secret", "secrets of the two sides are not the same"),
        ([None, Some("b")], "the peer wants a secret", "this side wants a secret"),
        ([Some("a"), None], "this side wants a secret", "the peer wants a secret"),
    ] {
        let how = How { secrets, ..How::default() };
        let (sent, received) =
            over_tcp(std::slice::from_ref(&source), &target, &how, &mut ignore, &mut ignore);
        assert!(words(&sent).contains(at_sender), "{}", words(&sent));
        assert!(words(&received).contains(at_receiver), "{}", words(&received));
        assert!(!target.exists() && sent.moved == 0);
    }
}

#[test]
fn a_file_that_changes_while_it_is_sent_is_not_stored() {
    for resume in [false, true] {
        let place = place();
        let source = write(&place.path().join("source"), &content(1, 3_000_000));
        let target = place.path().join("target");
        let mut changed = false;
        let mut change = |event: TransferEvent<'_>| {
            if let (TransferEvent::Moved { bytes: 1.. }, false) = (event, changed) {
                changed = true;
                let file = std::fs::File::options().append(true).open(&source).expect("it is there");
                (&file).write_all(b"more").expect("there is room");
            }
        };
        let how = How { resume, ..How::default() };
        let (sent, received) =
            over_tcp(std::slice::from_ref(&source), &target, &how, &mut change, &mut ignore);
        assert!(matches!(sent.verdict, Verdict::Local { .. }), "{:?}", sent.verdict);
        assert!(words(&sent).contains("changed while it was being sent"), "{}", words(&sent));
        assert!(words(&received).contains("the sender gave up (source was changed"), "{}", words(&received));
        assert!(!target.exists());
        assert_eq!(partials(place.path()).len(), usize::from(resume));
    }
}

/// A sender that says these frames and ends; gives what the receiver came to.
pub(crate) fn crafted(target: &Path, frames: &[u8]) -> TransferOutcome {
    crafted_into(&mut Storage::at(target).expect("the target can be written to"), frames)
}

/// The same with any output.
pub(crate) fn crafted_into(storage: &mut Storage<'_>, frames: &[u8]) -> TransferOutcome {
    let options = adieu::ListenOptions::new();
    let listener = adieu::Listener::bind(&adieu::Endpoint::tcp("127.0.0.1", 0), &options).expect("loopback");
    let address = listener.local_endpoint().to_string();
    let stream = [&Hello::new(PeerRole::Sender, false).encode()[..], frames].concat();
    let sending = std::thread::spawn(move || {
        let mut peer = TcpStream::connect(address).expect("it listens");
        // It may refuse in the middle of this.
        let _ = peer.write_all(&stream);
        let _ = peer.shutdown(std::net::Shutdown::Write);
        let _ = peer.read_to_end(&mut Vec::new());
    });
    let mut wire = Wire::new(crate::support::accept(&listener), None);
    let outcome = adieu_transfer::receive(&mut wire, storage, &ReceiveOptions::default(), &mut go_on);
    wire.finish();
    sending.join().expect("it does not panic");
    outcome
}

pub(crate) fn frames(controls: &[Control]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for control in controls {
        control.encode(&mut bytes);
    }
    bytes
}

#[test]
fn a_sender_that_breaks_the_rules_stores_nothing() {
    let place = place();
    let target = place.path().join("target");
    std::fs::create_dir(&target).expect("there is room");
    let path = |text: &str| EntryPath::new(text.into()).expect("a good path");
    let begin = Control::Begin { single: false, bytes: None };
    let file = |name| Control::File { offer: false, mode: 0o644, size: Some(4), path: path(name) };
    let end = Control::FileEnd { size: 4, hash: *blake3::hash(b"evil").as_bytes() };
    let data = [&data_header(4)[..], b"evil"].concat();
    let with_name = |name: &[u8]| {
        let mut bytes = frames(&[begin.clone(), file("0123456789")]);
        let at = bytes.len() - 10;
        bytes.truncate(at);
        bytes.extend(name);
        bytes
    };
    let all = |parts: &[&[u8]]| parts.concat();
    let begin_only = frames(std::slice::from_ref(&begin));
    for (frames, said) in [
        (with_name(b"../../evil"), "part '.' or '..'"),
        (with_name(b"/tmp/evil0"), "is absolute"),
        (with_name(b"tmp/../../"), "part '.' or '..'"),
        (with_name(b"a\0b4567890"), "zero byte"),
        (
            frames(&[begin.clone(), Control::Link { path: path("l"), target: b"../x".to_vec() }]),
            "out of the directory that is sent",
        ),
        (
            frames(&[begin.clone(), Control::Link { path: path("l"), target: b"/etc".to_vec() }]),
            "out of the directory that is sent",
        ),
        (all(&[&begin_only, &data]), "content outside of a file"),
        (frames(&[begin.clone(), begin.clone()]), "the sender sent a BEGIN, which does not belong there"),
        (frames(&[begin.clone(), file("a"), Control::Hole { length: 5 }]), "a hole that is longer"),
        (
            frames(&[begin.clone(), file("a"), Control::Hole { length: (64 << 20) + 1 }]),
            "a frame of type 0x05",
        ),
        (frames(&[begin.clone(), Control::Start { offset: 1 }]), "a start without an offer"),
        (
            all(&[
                &begin_only,
                &frames(&[file("a")]),
                &data,
                &frames(&[Control::FileEnd { size: 4, hash: [7; 32] }]),
            ]),
            "its hash is not the sender's",
        ),
        (
            all(&[&begin_only, &frames(&[file("a"), end.clone()])]),
            "a has 0 bytes here, and the sender says 4",
        ),
        (
            all(&[
                &begin_only,
                &frames(&[file("a")]),
                &data,
                &frames(&[Control::FileEnd { size: 6, hash: [7; 32] }]),
            ]),
            "a was announced with 4 bytes, and the sender says at its end that it has 6",
        ),
        (
            all(&[
                &begin_only,
                &frames(&[file("a")]),
                &data,
                &frames(&[end.clone(), Control::End(Totals::default())]),
            ]),
            "what came is not what was sent",
        ),
        (
            all(&[&begin_only, &frames(&[file("a")]), &data, &frames(std::slice::from_ref(&end))]),
            "ended before it was whole",
        ),
        (vec![0x70, 0, 0, 0, 0], "unknown type 0x70"),
        (vec![4, 0xFF, 0, 0, 0], "are allowed"),
    ] {
        let outcome = crafted(&target, &frames);
        assert!(matches!(outcome.verdict, Verdict::Incomplete { .. }), "{said}: {:?}", outcome.verdict);
        assert!(words(&outcome).contains(said), "{said}: {}", words(&outcome));
        assert_eq!(std::fs::read_dir(&target).expect("it is there").count(), 0, "{said}");
    }
    assert_eq!(std::fs::read_dir(place.path()).expect("it is there").count(), 1);
}

#[test]
fn who_speaks_something_else_is_told_apart() {
    let place = place();
    let options = adieu::ListenOptions::new();
    let listener = adieu::Listener::bind(&adieu::Endpoint::tcp("127.0.0.1", 0), &options).expect("loopback");
    let address = listener.local_endpoint().to_string();
    let asking = std::thread::spawn(move || {
        let mut peer = TcpStream::connect(address).expect("it listens");
        peer.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").expect("it takes it");
        let mut answer = Vec::new();
        let _ = peer.read_to_end(&mut answer);
    });
    let mut storage = Storage::at(&place.path().join("target")).expect("it can be written to");
    let mut wire = Wire::new(crate::support::accept(&listener), None);
    let outcome = adieu_transfer::receive(&mut wire, &mut storage, &ReceiveOptions::default(), &mut go_on);
    // It waits for an answer as long as we leave the connection open.
    drop(wire);
    asking.join().expect("it does not panic");
    assert!(words(&outcome).contains("does not speak adieu's transfer protocol"), "{}", words(&outcome));
}

#[test]
fn two_receivers_of_one_file_do_not_write_into_each_other() {
    let place = place();
    let source = write(&place.path().join("source"), &content(5, 2_000_000));
    let target = place.path().join("target");
    let mut said = None;
    let mut second = |event: TransferEvent<'_>| {
        if let (TransferEvent::Moved { .. }, true) = (event, said.is_none()) {
            let (sent, _) =
                over_tcp(std::slice::from_ref(&source), &target, &How::default(), &mut ignore, &mut ignore);
            said = Some(words(&sent));
        }
    };
    let (first, _) =
        over_tcp(std::slice::from_ref(&source), &target, &How::default(), &mut ignore, &mut second);
    assert_eq!(first.verdict, Verdict::Stored);
    let said = said.expect("it ran");
    assert!(said.contains("another transfer is writing .target.adieu-partial"), "{said}");
    assert_eq!(std::fs::read(&target).expect("it is there"), content(5, 2_000_000));
}

#[test]
fn a_whole_file_that_waits_for_its_name_is_not_taken_over_by_another_receiver() {
    let place = place();
    let (first, second) = (place.path().join("1"), place.path().join("2"));
    let target = place.path().join("target");
    for directory in [&first, &second, &target] {
        std::fs::create_dir(directory).expect("there is room");
    }
    // More than are synced one by one, and the first ones wait for their names until the end.
    let firsts: Vec<PathBuf> =
        (0..40).map(|i| write(&first.join(format!("f{i}")), &content(i, 10_000))).collect();
    let rival = write(&second.join("f0"), b"another content");
    let mut said = None;
    let mut files = 0;
    let mut intrude = |event: TransferEvent<'_>| {
        files += u32::from(matches!(event, TransferEvent::File { .. }));
        if files == 35 && said.is_none() {
            let (sent, _) =
                over_tcp(std::slice::from_ref(&rival), &target, &How::default(), &mut ignore, &mut ignore);
            said = Some(words(&sent));
        }
    };
    let (sent, _) = over_tcp(&firsts, &target, &How::default(), &mut ignore, &mut intrude);
    assert_eq!(sent.verdict, Verdict::Stored);
    let said = said.expect("it ran");
    assert!(said.contains("another transfer is writing .f0.adieu-partial"), "{said}");
    assert_eq!(std::fs::read(target.join("f0")).expect("it is there"), content(0, 10_000));
}

#[test]
fn a_damaged_partial_is_not_resumed_from() {
    let place = place();
    let new = content(6, 1_000_000);
    let source = write(&place.path().join("source"), &new);
    let target = place.path().join("target");
    let how = How { resume: true, ..How::default() };
    for (partial, resumed) in [
        // What is equal is found in steps of 64 KiB.
        (new[..400_000].to_vec(), 393_216),
        (new.clone(), 1_000_000),
        ([&new[..399_999], b"?"].concat(), 393_216),
        ([&new[..100_000], b"?", &new[100_001..]].concat(), 65_536),
        ([b"?", &new[1..]].concat(), 0),
        ([&new[..], b"longer"].concat(), 1_000_000),
        (vec![], 0),
    ] {
        write(&place.path().join(".target.adieu-partial"), &partial);
        let (sent, received) =
            over_tcp(std::slice::from_ref(&source), &target, &how, &mut ignore, &mut ignore);
        assert_eq!((&sent.verdict, &received.verdict), (&Verdict::Stored, &Verdict::Stored));
        assert_eq!((sent.resumed_from, received.resumed_from), (Some(resumed), Some(resumed)));
        assert_eq!(sent.moved, 1_000_000 - resumed);
        assert_eq!(std::fs::read(&target).expect("it is there"), new);
        assert_eq!(partials(place.path()), Vec::<PathBuf>::new());
        std::fs::remove_file(&target).expect("it is there");
    }
}

/// A receiver that says hello and then nothing more, behind a connection that takes nothing after our hello.
struct Mute {
    hello: io::Cursor<Vec<u8>>,
    writes: u32,
    waits: u32,
}

impl Transport for Mute {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.read_within(buffer, Duration::MAX).map(Option::unwrap_or_default)
    }

    fn read_within(&mut self, buffer: &mut [u8], _: Duration) -> io::Result<Option<usize>> {
        let n = self.hello.read(buffer)?;
        self.waits += u32::from(n == 0);
        assert!(self.waits < 100, "it waits for ever");
        Ok((n > 0).then_some(n))
    }

    fn write_all(&mut self, _: &[u8]) -> io::Result<()> {
        self.writes += 1;
        if self.writes == 1 { Ok(()) } else { Err(io::ErrorKind::BrokenPipe.into()) }
    }

    fn shutdown_send(&mut self) -> io::Result<()> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    #[cfg(unix)]
    fn watched(&self) -> Vec<std::os::fd::BorrowedFd<'_>> {
        Vec::new()
    }
}

#[test]
fn a_receiver_that_says_nothing_after_a_failure_is_not_waited_for() {
    let place = place();
    let sources = Sources::new([write(&place.path().join("source"), b"content")]).expect("it is there");
    let hello = io::Cursor::new(Hello::new(PeerRole::Receiver, false).encode());
    let mut mute = Mute { hello, writes: 0, waits: 0 };
    let outcome = adieu_transfer::send(&mut mute, &sources, &SendOptions::default(), &mut go_on);
    assert!(matches!(outcome.verdict, Verdict::NoReceipt { all_sent: false, .. }), "{:?}", outcome.verdict);
    // What was only gathered was not moved: it cannot be stored.
    assert!(!outcome.is_whole);
}

/// A receiver that says nothing at all is given up after our patience with it, and at once.
#[test]
fn a_peer_without_a_hello_is_silent_and_hears_no_more_of_us() {
    let place = place();
    let sources = Sources::new([write(&place.path().join("source"), b"content")]).expect("it is there");
    let mut mute = Mute { hello: io::Cursor::default(), writes: 0, waits: 0 };
    let options = SendOptions { patience: Some(Duration::from_millis(1500)), ..SendOptions::default() };
    let outcome = adieu_transfer::send(&mut mute, &sources, &options, &mut go_on);
    assert!(matches!(outcome.verdict, Verdict::Silent { .. }), "{:?}", outcome.verdict);
    assert!(words(&outcome).contains("the peer said nothing for 1500 ms"), "{}", words(&outcome));
    assert_eq!((mute.writes, mute.waits, outcome.may_be_tried_again()), (1, 1, true));
}

/// What a sender makes of a receiver of version 1, which answers so after the sender's end.
fn answered(source: &Path, status: Status) -> TransferOutcome {
    let listener = places::listener();
    let address = listener.local_addr().expect("it has one").to_string();
    let receipt = Receipt { status, totals: Totals::default(), words: "so".to_owned() };
    let answer = frames(&[Control::Receipt(receipt)]);
    let receiving = std::thread::spawn(move || {
        let (mut peer, _) = listener.accept().expect("it connects");
        let hello = Hello { highest: 1, ..Hello::new(PeerRole::Receiver, false) };
        peer.write_all(&hello.encode()).expect("it is taken");
        peer.read_to_end(&mut Vec::new()).expect("it ends");
        peer.write_all(&answer).expect("it is taken");
    });
    let endpoint = address.parse().expect("an endpoint");
    let connection = adieu::connect(&endpoint, &adieu::ConnectOptions::new()).expect("it listens");
    let sources = Sources::new([source]).expect("it is there");
    let mut wire = Wire::new(connection, None);
    let outcome = adieu_transfer::send(&mut wire, &sources, &SendOptions::default(), &mut go_on);
    wire.finish();
    receiving.join().expect("it does not panic");
    outcome
}

/// Else one of them waits for the other in vain, or leaves while the other comes again.
#[test]
fn a_sender_comes_again_after_every_receipt_for_which_the_receiver_waits_and_after_no_other() {
    let place = place();
    let source = write(&place.path().join("source"), &content(9, 100_000));
    let target = place.path().join("target");
    let path = |text: &str| EntryPath::new(text.into()).expect("a good path");
    let begin = |single| Control::Begin { single, bytes: None };
    let file = |name| Control::File { offer: false, mode: 0o644, size: Some(4), path: path(name) };
    let receiver = |(_, received): (_, Option<(TransferOutcome, u64)>)| received.expect("nobody is killed").0;
    let paths = std::slice::from_ref(&source);

    let stored = receiver(transfer(paths, &target, &How::default(), [Fault::None; 2]));
    let written = {
        let stream = std::fs::File::create(place.path().join("stream")).expect("there is room");
        let (sender, mut link) = crate::memory::pair([Fault::None; 2]);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let (sources, mut link) = (Sources::new(paths).expect("it is there"), sender);
                adieu_transfer::send(&mut link, &sources, &SendOptions::default(), &mut go_on);
                link.finish();
            });
            let mut storage = Storage::stream(stream);
            let outcome =
                adieu_transfer::receive(&mut link, &mut storage, &ReceiveOptions::default(), &mut go_on);
            link.finish();
            outcome
        })
    };
    let damaged = receiver(transfer(paths, &target, &How::default(), [Fault::Flip(400_000), Fault::None]));
    let aborted = crafted(&target, &frames(&[begin(true), Control::Abort { words: "no more".to_owned() }]));
    let out = Control::Link { path: path("link"), target: b"/etc".to_vec() };
    let bad_name = crafted(&place.path().join("directory"), &frames(&[begin(false), out]));
    let disk = crafted(&target, &frames(&[begin(false), file("a")]));
    let mut met = Vec::new();
    for (received, status) in [
        (stored, Status::Stored),
        (written, Status::Written),
        (damaged, Status::Damaged),
        (aborted, Status::Failed),
        (bad_name, Status::Failed),
        (disk, Status::Failed),
    ] {
        assert_eq!(received.receipt.as_ref().map(|r| r.status), Some(status), "{}", words(&received));
        let sent = answered(&source, status);
        assert_eq!(
            [sent.may_be_tried_again(), received.may_be_tried_again()],
            [status.may_be_tried_again(); 2],
            "{} and {}",
            words(&sent),
            words(&received)
        );
        met.push(status);
    }
    assert!(Status::ALL.iter().all(|status| met.contains(status)));
}
