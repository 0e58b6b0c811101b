//! `send` and `receive` with a proxy between them that does harm: it flips a bit, cuts, falls silent, or loses the receipt.

use crate::BOUND;
use crate::transfer::{Scene, checked, send};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// What a proxy does to the bytes from the sender to the receiver.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Harm {
    /// This bit is changed.
    Flip(u64),
    /// After so many bytes both connections are reset.
    Cut(u64),
    /// After so many bytes nothing goes on, and nothing ends.
    Hold(u64),
    /// Everything arrives, and then the receipt does not.
    LoseReceipt,
    /// After so many bytes both sides hear an end, as of TCP, and no more.
    End(u64),
    /// From so many bytes on, nothing that the receiver says is carried; when it says something, the sender hears TCP's end.
    EndAnswers(u64),
    /// Everything arrives at once, and then both connections are reset.
    Vanish,
    /// One side's end closes both connections, in both directions, as relays do that know no half-close.
    CloseAtEnd,
    /// Nothing.
    None,
}

/// A proxy in front of `to` for one connection; gives its address.
pub(crate) fn proxy(to: &str, harm: Harm) -> (String, std::thread::JoinHandle<()>) {
    proxies(to, vec![harm])
}

/// The same for one connection after the other.
pub(crate) fn proxies(to: &str, harms: Vec<Harm>) -> (String, std::thread::JoinHandle<()>) {
    let listener = adieu_testkit::places::listener();
    let address = listener.local_addr().expect("it has one").to_string();
    let to = to.to_owned();
    let thread = std::thread::spawn(move || {
        for harm in harms {
            relay(&listener, &to, harm);
        }
    });
    (address, thread)
}

fn relay(listener: &TcpListener, to: &str, harm: Harm) {
    let (sender, _) = listener.accept().expect("somebody connects");
    let receiver = TcpStream::connect(to).expect("it listens");
    for stream in [&sender, &receiver] {
        stream.set_read_timeout(Some(BOUND)).expect("it can be bounded");
    }
    let back = (receiver.try_clone().expect("a clone"), sender.try_clone().expect("a clone"));
    let is_mute = Arc::new(AtomicBool::new(false));
    let mute = Arc::clone(&is_mute);
    let answers = std::thread::spawn(move || {
        if let Harm::LoseReceipt = harm {
            // The sender goes on only with the hello.
            (&back.1).write_all(&hello(&back.0)).expect("it is taken");
            frames_until(RECEIPT, &back.0);
            reset(&back.1);
            reset(&back.0);
        } else if let Harm::EndAnswers(_) = harm {
            let mut buffer = vec![0; 64 * 1024];
            while let Ok(n @ 1..) = (&back.0).read(&mut buffer) {
                if is_mute.load(Ordering::SeqCst) {
                    let _ = back.1.shutdown(Shutdown::Write);
                } else {
                    let _ = (&back.1).write_all(&buffer[..n]);
                }
            }
            let _ = back.1.shutdown(Shutdown::Write);
        } else {
            let _ = std::io::copy(&mut &back.0, &mut &back.1);
            close(&back.1, &back.0, harm);
        }
    });
    carry(&sender, &receiver, harm, &mute);
    answers.join().expect("it does not panic");
}

/// After the end of `from`: ends the other side, and if the relay knows no half-close both of both.
fn close(to: &TcpStream, from: &TcpStream, harm: Harm) {
    let _ = to.shutdown(Shutdown::Write);
    if let Harm::CloseAtEnd = harm {
        let _ = to.shutdown(Shutdown::Both);
        let _ = from.shutdown(Shutdown::Both);
    }
}

const END: u8 = 0x09;
pub(crate) const RECEIPT: u8 = 0x22;

/// The hello of a side.
pub(crate) fn hello(mut from: &TcpStream) -> Vec<u8> {
    let mut hello = vec![0; 14];
    from.read_exact(&mut hello).expect("it says hello");
    hello
}

/// The frames of a side, up to the first of this type, with it.
pub(crate) fn frames_until(kind: u8, mut from: &TcpStream) -> Vec<u8> {
    let mut frames = Vec::new();
    loop {
        let mut header = [0; 5];
        from.read_exact(&mut header).expect("it says something");
        frames.extend(header);
        let length = u32::from_be_bytes([header[1], header[2], header[3], header[4]]);
        from.take(length.into()).read_to_end(&mut frames).expect("it says it whole");
        if header[0] == kind {
            return frames;
        }
    }
}

fn reset(stream: &TcpStream) {
    // Zero linger takes effect when the last descriptor is closed; until then, neither side hears any more.
    let _ = rustix::net::sockopt::set_socket_linger(stream, Some(Duration::ZERO));
    let _ = stream.shutdown(Shutdown::Both);
}

/// Waits until the other side has read what it was sent: a reset throws away what its kernel holds. proc_net_tcp(5).
fn until_read(to: &TcpStream) {
    let address = to.peer_addr().expect("it is connected");
    let port = |address: SocketAddr| format!(":{:04X}", address.port());
    let (its, ours) = (port(address), port(to.local_addr().expect("it has one")));
    crate::until("it does not read", || {
        let table = std::fs::read_to_string("/proc/net/tcp").unwrap_or_default();
        let mut lines = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        lines
            .find(|line| line.len() > 4 && line[1].ends_with(&its) && line[2].ends_with(&ours))
            .is_none_or(|line| line[4].ends_with(":00000000"))
    });
}

fn carry(mut sender: &TcpStream, mut receiver: &TcpStream, harm: Harm, mute: &AtomicBool) {
    let mut buffer = vec![0; 64 * 1024];
    if let Harm::Vanish = harm {
        let all = [hello(sender), frames_until(END, sender)].concat();
        receiver.write_all(&all).expect("it is taken");
        reset(sender);
        return reset(receiver);
    }
    let mut done = 0;
    loop {
        let Ok(n) = sender.read(&mut buffer) else { return reset(receiver) };
        if n == 0 {
            return close(receiver, sender, harm);
        }
        let mut end = n;
        match harm {
            Harm::Flip(bit) if (done * 8..(done + n as u64) * 8).contains(&bit) => {
                let bit = bit - done * 8;
                buffer[usize::try_from(bit / 8).expect("small")] ^= 1 << (bit % 8);
            }
            Harm::EndAnswers(at) if done + n as u64 > at => mute.store(true, Ordering::SeqCst),
            Harm::Cut(at) | Harm::Hold(at) | Harm::End(at) if done + n as u64 > at => {
                end = usize::try_from(at.saturating_sub(done)).expect("small");
            }
            _ => {}
        }
        if receiver.write_all(&buffer[..end]).is_err() {
            return reset(sender);
        }
        done += n as u64;
        if end < n {
            if let Harm::Cut(_) = harm {
                until_read(receiver);
                reset(sender);
                reset(receiver);
            } else if let Harm::End(_) = harm {
                let _ = sender.shutdown(Shutdown::Write);
                let _ = receiver.shutdown(Shutdown::Write);
                // So that nobody hears a reset instead, which would tell as much.
                let _ = std::io::copy(&mut sender, &mut std::io::sink());
            } else {
                // Until one of them gives up.
                let _ = std::io::copy(&mut sender, &mut std::io::sink());
                reset(receiver);
            }
            return;
        }
    }
}

#[test]
fn a_bit_that_flips_on_the_way_is_never_a_success() {
    let scene = Scene::new();
    let (file, target) = (scene.file("file", 300_000), scene.word("target"));
    std::fs::write(&target, b"old").expect("there is room");
    for secret in [&[][..], &["--secret", "x"]] {
        for byte in [0, 9, 12, 16, 30, 45, 60, 1_000, 150_000, 299_000] {
            let limits = ["--idle-timeout", "300ms"];
            let receiver = scene.receive(&[&["--output", &target], secret, &limits].concat());
            let (address, proxy) = proxy(&receiver.address, Harm::Flip(byte * 8 + 1));
            let (code, said) = send(&[&[&*file, &address], secret, &limits].concat());
            proxy.join().expect("it does not panic");
            let (their_code, heard, _) = receiver.finish();
            let is_new = scene.same("file", "target");
            if code == Some(0) {
                // Of a name that its receiver does not use, or a total that is only shown.
                assert!(
                    is_new && their_code == Some(0) && secret.is_empty() && byte < 60,
                    "{byte}: {said}{heard}"
                );
                std::fs::write(&target, b"old").expect("there is room");
            } else {
                assert_eq!((code, their_code), (Some(6), Some(6)), "{byte}: {said}{heard}");
                assert_eq!(
                    std::fs::read(&target).ok().as_deref(),
                    Some(&b"old"[..]),
                    "{byte}: {said}{heard}"
                );
            }
        }
    }
}

#[test]
fn a_link_that_is_cut_or_falls_silent_is_resumed_by_retry() {
    let scene = Scene::new();
    let (file, target) = (scene.file("file", 3_000_000), scene.word("target"));
    for harm in [Harm::Cut(2_000_000), Harm::Hold(2_000_000)] {
        // Nothing there yet.
        let _ = std::fs::remove_file(&target);
        let both = ["--idle-timeout", "1s", "--resume"];
        let receiver = scene.receive(&[&["--output", &target, "--retry=1"], &both[..]].concat());
        let (address, proxy) = proxy(&receiver.address, harm);
        let (code, said) = send(&[&[&*file, &address], &both[..]].concat());
        assert_eq!(code, Some(6), "{harm:?}: {said}");
        assert!(said.contains("no receipt: "), "{harm:?}: {said}");
        proxy.join().expect("it does not panic");
        let (code, said) = send(&["--report", "json", "--resume", &file, &receiver.address]);
        let report = checked(&said, code);
        let (their_code, heard, _) = receiver.finish();
        assert_eq!((code, their_code), (Some(0), Some(0)), "{harm:?}: {said}{heard}");
        assert!(heard.contains("; waiting for the next connection"), "{heard}");
        assert!(report["resumed_from"].as_u64().is_some_and(|n| n > 0), "{harm:?}: {report}");
        assert!(scene.same("file", "target"));
    }
}

#[test]
fn a_lost_receipt_is_unknown_and_a_retry_finds_the_file_stored() {
    let scene = Scene::new();
    let (file, target) = (scene.file("file", 1_000_000), scene.word("target"));
    let receiver = scene.receive(&["--output", &target]);
    let (address, proxy) = proxy(&receiver.address, Harm::LoseReceipt);
    let (code, said) = send(&[&file, &address]);
    proxy.join().expect("it does not panic");
    let (their_code, heard, _) = receiver.finish();
    assert_eq!((code, their_code), (Some(6), Some(0)), "{said}{heard}");
    assert!(said.contains("it may or may not have stored it"), "{said}");
    let receiver = scene.receive(&["--output", &target]);
    let (code, said) = send(&["--report", "json", "--resume", &file, &receiver.address]);
    let report = checked(&said, code);
    assert_eq!((code, receiver.finish().0), (Some(0), Some(0)), "{said}");
    assert_eq!((&report["bytes_moved"], &report["files_kept"]), (&0.into(), &1.into()));
    assert!(report["message"].as_str().is_some_and(|m| m.contains("all of it there already")), "{report}");
}
