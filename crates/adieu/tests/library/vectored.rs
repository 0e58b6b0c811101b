//! Writes from several buffers, and the addresses as the standard library has them.

use crate::arms::{Arm, Open, on_both, secure_listener};
use adieu::{ConnectOptions, Endpoint, Event};
use std::io::{IoSlice, Read, Write};
use std::sync::{Arc, Mutex};
use std::thread;
use tokio::io::AsyncWrite;

/// Options whose observer notes how many bytes each send took.
fn noting() -> (ConnectOptions, Arc<Mutex<Vec<u64>>>) {
    let sends = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&sends);
    let options = ConnectOptions::new().observer(move |_, event| {
        if let Event::Sent { bytes } = event {
            noted.lock().expect("nobody panics with it").push(*bytes);
        }
    });
    (options, sends)
}

fn is_write_vectored(open: &Open) -> Option<bool> {
    match open {
        // The standard library's `Write` does not tell yet.
        Open::Blocking(_) => None,
        Open::Tokio(_, open) => Some(open.is_write_vectored()),
    }
}

fn write_all_vectored(to: &mut impl Write, mut buffers: &mut [IoSlice<'_>]) {
    IoSlice::advance_slices(&mut buffers, 0);
    while !buffers.is_empty() {
        let n = to.write_vectored(buffers).expect("the peer takes it");
        assert!(n > 0);
        IoSlice::advance_slices(&mut buffers, n);
    }
}

#[test]
fn a_vectored_write_is_one_call_and_arrives_whole() {
    on_both(|arm| {
        let (options, sends) = noting();
        let (mut open, mut stream) = arm.to_std(&options);
        assert_ne!(is_write_vectored(&open), Some(false));
        let parts = [&b""[..], b"head", b"", b" and ", b"body"].map(IoSlice::new);
        assert_eq!(open.write_vectored(&parts).expect("taken"), 13);
        assert_eq!(*sends.lock().expect("nobody panics with it"), [13]);
        assert_eq!(open.write_vectored(&[]).expect("nothing"), 0);
        assert_eq!(open.write_vectored(&[IoSlice::new(b""); 2]).expect("nothing"), 0);
        assert_eq!(open.counts().accepted, 13);
        let half = open.shutdown_send().expect("connected");
        let mut received = Vec::new();
        stream.read_to_end(&mut received).expect("connected");
        assert_eq!(received, b"head and body");
        drop(stream);
        let report = half.drain();
        assert!(report.is_graceful(), "{report}");
        assert_eq!((report.bytes_read, report.bytes_accepted), (13, 13));
    });
}

/// A system takes so many buffers at once; the rest is left to the next call.
#[test]
fn more_buffers_than_one_call_takes_are_sent_by_several() {
    on_both(|arm| {
        let (mut open, mut stream) = arm.to_std(&ConnectOptions::new());
        let byte: Vec<u8> = (0..3_000_u32).map(|n| n.to_le_bytes()[0]).collect();
        let mut parts: Vec<_> = byte.chunks(1).map(IoSlice::new).collect();
        write_all_vectored(&mut open, &mut parts);
        let half = open.shutdown_send().expect("connected");
        let mut received = Vec::new();
        stream.read_to_end(&mut received).expect("connected");
        assert!(received == byte, "the same bytes in the same order");
        drop(stream);
        assert!(half.drain().is_graceful());
    });
}

#[test]
fn a_vectored_write_to_a_peer_that_takes_nothing_more_waits_and_loses_nothing() {
    on_both(|arm| {
        let (mut open, mut stream) = arm.to_std(&ConnectOptions::new());
        let part = vec![7; 1 << 20];
        let all = part.len() * 32;
        let reading = thread::spawn(move || {
            let mut received = Vec::new();
            stream.read_to_end(&mut received).expect("connected");
            received
        });
        let mut parts = [IoSlice::new(&part); 32];
        write_all_vectored(&mut open, &mut parts);
        let half = open.shutdown_send().expect("connected");
        let received = reading.join().expect("it does not panic");
        assert!(received.len() == all && received.iter().all(|byte| *byte == 7));
        assert!(half.drain().is_graceful());
    });
}

#[test]
fn a_vectored_write_over_tls_sends_from_the_first_buffer_and_says_so() {
    on_both(|arm| {
        let (listener, options) = secure_listener();
        let endpoint = listener.local_endpoint().clone();
        let peer = thread::spawn(move || {
            let mut connection = listener.accept().expect("a client");
            let mut received = Vec::new();
            connection.read_to_end(&mut received).expect("a whole stream");
            connection.shutdown_send().expect("connected").close();
            received
        });
        let mut open = arm.connect(&endpoint, &options).expect("it listens");
        assert_ne!(is_write_vectored(&open), Some(true));
        let mut parts = [&b""[..], b"head", b" and ", b"body"].map(IoSlice::new);
        assert_eq!(open.write_vectored(&parts).expect("taken"), 4);
        write_all_vectored(&mut open, &mut parts[2..]);
        let report = open.shutdown_send().expect("connected").drain();
        assert!(report.is_graceful(), "{report}");
        assert_eq!(peer.join().expect("it does not panic"), b"head and body");
    });
}

#[test]
fn the_addresses_are_those_of_the_socket() {
    on_both(|arm| {
        let (open, stream) = arm.to_std(&ConnectOptions::new());
        let expected = (stream.peer_addr().ok(), stream.local_addr().ok());
        assert_eq!(open.socket_addrs(), expected);
        drop(open);
    });
}

#[cfg(unix)]
#[test]
fn a_unix_socket_has_no_ip_address() {
    let directory = tempfile::tempdir().expect("room for a directory");
    let path = directory.path().join("socket");
    let _listener = std::os::unix::net::UnixListener::bind(&path).expect("a new path");
    for arm in [Arm::Blocking, Arm::Tokio] {
        let mut open = arm.connect(&Endpoint::unix(&path), &ConnectOptions::new()).expect("it listens");
        assert_eq!(open.socket_addrs(), (None, None));
        let parts = [&b"one"[..], b"two"].map(IoSlice::new);
        assert_eq!(open.write_vectored(&parts).expect("taken"), 6);
    }
}
