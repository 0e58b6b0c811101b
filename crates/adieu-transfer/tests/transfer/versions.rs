//! Versions of the protocol: what changed with version 2, and that each side speaks version 1 with an older peer.

use crate::faults::{frames, words};
use crate::support::{content, go_on, place, write};
use adieu_testkit::places;
use adieu_transfer::wire::{
    Control, Decoder, EntryPath, HELLO_PREFIX, Hello, Item, PeerRole, Receipt, Status, Totals, data_header,
};
use adieu_transfer::{ReceiveOptions, SendOptions, Sources, Storage, TransferOutcome, Verdict, Wire};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::Path;
use std::time::Duration;

/// A peer that the test plays itself.
pub(crate) struct Peer {
    pub(crate) stream: TcpStream,
    decoder: Decoder,
    /// Received, and not decoded yet.
    held: Vec<u8>,
}

impl Peer {
    pub(crate) fn new(mut stream: TcpStream, hello: Hello) -> Self {
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("it can be bounded");
        stream.write_all(&hello.encode()).expect("it is taken");
        let mut theirs = [0; HELLO_PREFIX + 4];
        stream.read_exact(&mut theirs).expect("it says hello");
        Self { stream, decoder: Decoder::default(), held: Vec::new() }
    }

    /// The next frame; content is passed over. `None`: the end.
    pub(crate) fn next(&mut self) -> Option<Control> {
        loop {
            let mut rest = &self.held[..];
            let item = self.decoder.next(&mut rest).expect("frames");
            let item = item.map(|item| if let Item::Control(control) = item { Some(control) } else { None });
            let left = rest.len();
            self.held.drain(..self.held.len() - left);
            match item {
                Some(Some(control)) => return Some(control),
                Some(None) => {}
                None => {
                    let mut buffer = [0; 4096];
                    let n = self.stream.read(&mut buffer).expect("it is not reset");
                    if n == 0 {
                        return None;
                    }
                    self.held.extend(&buffer[..n]);
                }
            }
        }
    }

    pub(crate) fn end(&self) {
        self.stream.shutdown(Shutdown::Write).expect("it can be ended");
    }
}

pub(crate) fn hello(role: PeerRole, highest: u8) -> Hello {
    Hello { highest, ..Hello::new(role, false) }
}

/// What a receiver comes to whose sender the test plays.
pub(crate) fn received(target: &Path, version: u8, sender: impl FnOnce(Peer) + Send) -> TransferOutcome {
    let options = adieu::ListenOptions::new();
    let listener = adieu::Listener::bind(&adieu::Endpoint::tcp("127.0.0.1", 0), &options).expect("loopback");
    let address = listener.local_endpoint().to_string();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let stream = TcpStream::connect(address).expect("it listens");
            sender(Peer::new(stream, hello(PeerRole::Sender, version)));
        });
        let mut storage = Storage::at(target).expect("the target can be written to");
        let mut wire = Wire::new(crate::support::accept(&listener), None);
        let ignore = &mut go_on;
        let outcome = adieu_transfer::receive(&mut wire, &mut storage, &ReceiveOptions::default(), ignore);
        wire.finish();
        outcome
    })
}

/// What a sender comes to whose receiver the test plays.
fn sent(source: &Path, version: u8, receiver: impl FnOnce(Peer) + Send) -> TransferOutcome {
    sent_with(source, version, &SendOptions::default(), receiver)
}

/// The same with options.
pub(crate) fn sent_with(
    source: &Path,
    version: u8,
    options: &SendOptions,
    receiver: impl FnOnce(Peer) + Send,
) -> TransferOutcome {
    let listener = places::listener();
    let endpoint = listener.local_addr().expect("it has one").to_string().parse().expect("an endpoint");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let (stream, _) = listener.accept().expect("it connects");
            receiver(Peer::new(stream, hello(PeerRole::Receiver, version)));
        });
        let connection = adieu::connect(&endpoint, &adieu::ConnectOptions::new()).expect("it listens");
        let sources = Sources::new([source]).expect("it is there");
        let mut wire = Wire::new(connection, None);
        let ignore = &mut go_on;
        let outcome = adieu_transfer::send(&mut wire, &sources, options, ignore);
        wire.finish();
        outcome
    })
}

/// A transfer of one file, and the totals of its END.
fn one_file(version: u8, bytes: &[u8]) -> (Vec<u8>, Totals) {
    let path = EntryPath::new(b"file".to_vec()).expect("a good path");
    let (size, hash) = (bytes.len() as u64, *blake3::hash(bytes).as_bytes());
    let mut list = blake3::Hasher::new();
    for part in [&[2][..], &4u32.to_be_bytes(), b"file", &0o644u16.to_be_bytes(), &size.to_be_bytes(), &hash]
    {
        list.update(part);
    }
    let (files, none) = (*list.finalize().as_bytes(), *blake3::hash(b"").as_bytes());
    // Version 2 has the files that were there already in a list of their own.
    let lists = if version == 1 { vec![files, none] } else { vec![files, none, none] };
    let totals = Totals { files: 1, bytes: size, hash, list: *blake3::hash(&lists.concat()).as_bytes() };
    let begin = Control::Begin { single: true, bytes: Some(size) };
    let file = Control::File { offer: false, mode: 0o644, size: Some(size), path };
    let header = data_header(u32::try_from(size).expect("it is short"));
    let end = frames(&[Control::FileEnd { size, hash }, Control::End(totals)]);
    ([&frames(&[begin, file])[..], &header, bytes, &end].concat(), totals)
}

/// The receipt, past what says that the receiver lives.
pub(crate) fn receipt(peer: &mut Peer) -> Option<Receipt> {
    loop {
        match peer.next()? {
            Control::Receipt(receipt) => return Some(receipt),
            Control::Phase { .. } => {}
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn the_receipt_comes_while_the_senders_side_is_open_and_only_then_the_sender_ends_it() {
    let place = place();
    let target = place.path().join("target");
    let (said, totals) = one_file(2, b"content");
    let outcome = received(&target, 2, |mut peer| {
        peer.stream.write_all(&said).expect("it is taken");
        let receipt = receipt(&mut peer).expect("a receipt");
        assert_eq!((receipt.status, receipt.totals), (Status::Stored, totals));
        peer.end();
        assert_eq!(peer.next(), None);
    });
    assert_eq!(outcome.verdict, Verdict::Stored, "{}", words(&outcome));
    assert_eq!(std::fs::read(&target).ok().as_deref(), Some(&b"content"[..]));

    let source = write(&place.path().join("file"), &content(1, 100_000));
    let outcome = sent(&source, 2, |mut peer| {
        let totals = loop {
            match peer.next().expect("it does not end before its END") {
                Control::End(totals) => break totals,
                Control::Abort { words } => panic!("{words}"),
                _ => {}
            }
        };
        let receipt = Receipt { status: Status::Stored, totals, words: String::new() };
        peer.stream.write_all(&frames(&[Control::Receipt(receipt)])).expect("it is taken");
        assert_eq!(peer.next(), None);
    });
    assert_eq!(outcome.verdict, Verdict::Stored, "{}", words(&outcome));
}

#[test]
fn with_an_old_peer_the_senders_end_comes_before_the_receipt() {
    let place = place();
    let target = place.path().join("target");
    let (said, totals) = one_file(1, b"content");
    // An old sender that says END, and has gone before its end: nothing is stored.
    let outcome = received(&target, 1, |peer| {
        let Peer { mut stream, .. } = peer;
        stream.write_all(&said).expect("it is taken");
        rustix::net::sockopt::set_socket_linger(&stream, Some(Duration::ZERO)).expect("it can be set");
    });
    assert!(matches!(outcome.verdict, Verdict::Incomplete { .. }), "{:?}", outcome.verdict);
    assert!(!target.exists());
    let outcome = received(&target, 1, |mut peer| {
        peer.stream.write_all(&said).expect("it is taken");
        peer.end();
        assert_eq!(receipt(&mut peer).map(|r| r.totals), Some(totals));
        assert_eq!(peer.next(), None);
    });
    assert_eq!((&outcome.verdict, outcome.version), (&Verdict::Stored, Some(1)), "{}", words(&outcome));

    let source = write(&place.path().join("file"), &content(1, 100_000));
    let outcome = sent(&source, 1, |mut peer| {
        let mut last = None;
        while let Some(control) = peer.next() {
            last = Some(control);
        }
        let Some(Control::End(totals)) = last else { panic!("{last:?}") };
        let receipt = Receipt { status: Status::Stored, totals, words: String::new() };
        peer.stream.write_all(&frames(&[Control::Receipt(receipt)])).expect("it is taken");
    });
    assert_eq!((&outcome.verdict, outcome.version), (&Verdict::Stored, Some(1)), "{}", words(&outcome));
}

#[test]
fn what_comes_after_the_end_frame_is_a_breach_of_the_protocol_and_nothing_is_stored() {
    let place = place();
    let target = place.path().join("target");
    let (said, _) = one_file(2, b"content");
    let more = frames(&[Control::Begin { single: true, bytes: None }]);
    let half = &more[..3];
    for more in [&more[..], half] {
        let outcome = received(&target, 2, |mut peer| {
            peer.stream.write_all(&[&said[..], more].concat()).expect("it is taken");
            assert_eq!(receipt(&mut peer).map(|r| r.status), Some(Status::Damaged));
            peer.end();
        });
        assert!(words(&outcome).contains("which does not belong there"), "{}", words(&outcome));
        assert!(!target.exists());
    }
    // What a later version may say is passed over.
    let outcome = received(&target, 2, |mut peer| {
        peer.stream.write_all(&[&said[..], &[0xF0, 0, 0, 0, 1, 7]].concat()).expect("it is taken");
        assert_eq!(receipt(&mut peer).map(|r| r.status), Some(Status::Stored));
        peer.end();
    });
    assert_eq!(outcome.verdict, Verdict::Stored, "{}", words(&outcome));
}

#[test]
fn a_sender_that_dies_before_it_has_the_receipt_is_not_said_to_know() {
    let place = place();
    let target = place.path().join("target");
    let (said, _) = one_file(2, b"content");
    // What a kernel does for a process that is killed: a FIN, and a reset for what comes then.
    let outcome = received(&target, 2, |mut peer| {
        peer.stream.write_all(&said).expect("it is taken");
    });
    let report =
        adieu_transfer::TransferReport::new(adieu_transfer::TransferRole::Receive, &outcome, false, 1, None);
    assert_eq!((outcome.verdict, report.exit_code), (Verdict::Stored, 0));
    assert!(report.is_unheard() && report.to_string().contains("sender"), "{report}");
}

#[test]
fn a_sender_that_has_the_receipt_does_not_wait_for_a_receiver_that_does_not_end() {
    let place = place();
    let source = write(&place.path().join("file"), &content(1, 1000));
    let began = std::time::Instant::now();
    let (held, until_the_end) = std::sync::mpsc::channel();
    let outcome = sent(&source, 2, |mut peer| {
        let totals = loop {
            if let Control::End(totals) = peer.next().expect("it does not end before its END") {
                break totals;
            }
        };
        let receipt = Receipt { status: Status::Stored, totals, words: String::new() };
        peer.stream.write_all(&frames(&[Control::Receipt(receipt)])).expect("it is taken");
        // It stays open until the test is over.
        held.send(peer.stream).expect("it is held");
    });
    assert_eq!(outcome.verdict, Verdict::Stored, "{}", words(&outcome));
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    drop(until_the_end);
}

#[test]
fn a_peer_that_trickles_is_given_up_when_its_whole_time_is_over_and_one_that_nobody_waits_for_at_once() {
    let listener = places::listener();
    let endpoint = listener.local_addr().expect("it has one").to_string().parse().expect("an endpoint");
    let secret = adieu_transfer::Secret::new(b"x").expect("it is not empty");
    for is_wanted in [true, false] {
        let connection = adieu::connect(&endpoint, &adieu::ConnectOptions::new()).expect("it listens");
        let (mut peer, _) = listener.accept().expect("it connects");
        let trickling = std::thread::spawn(move || {
            let hello = Hello::new(PeerRole::Sender, true).encode();
            // A byte each 50 ms, for each message is within its own bound; until it is given up.
            for byte in hello.iter().chain(&[0x41; 1000]) {
                if peer.write_all(&[*byte]).is_err() {
                    return;
                }
                std::thread::sleep(Duration::from_millis(50));
            }
        });
        let mut wire = Wire::new(connection, None);
        let go_on = || is_wanted;
        let mut terms = adieu_transfer::Terms::new(Some(&secret));
        terms.within = Some(Duration::from_millis(300));
        terms.go_on = Some(&go_on);
        let began = std::time::Instant::now();
        let refused = adieu_transfer::agree(&mut wire, adieu_transfer::TransferRole::Receive, &terms);
        let outcome = refused.expect_err("it has not said who it is");
        assert_eq!(matches!(outcome.verdict, Verdict::Silent { .. }), is_wanted, "{}", words(&outcome));
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        drop(wire);
        trickling.join().expect("it does not panic");
    }
}
