//! Much of what wears a listener out: clients that reset, and clients that say nothing. It serves afterwards as before, and its
//! memory has not grown.

use super::{BOUND, listener, relay_to};
use adieu_testkit::relay::Relay;
use adieu_testkit::waits::{patient, until};
use socket2::SockRef;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

/// How many clients reset, if this variable says so. `ADIEU_RELAY_RESETS=50000` is the long form.
const RESETS: &str = "ADIEU_RELAY_RESETS";

/// How many KiB of memory may be left over.
const LEFT_OVER: u64 = 24 * 1024;

fn echo(front: SocketAddr) {
    let mut client = patient(TcpStream::connect(front).expect("it listens"));
    client.write_all(b"are you there?").expect("taken");
    client.shutdown(Shutdown::Write).expect("connected");
    let mut answer = String::new();
    client.read_to_string(&mut answer).expect("a whole answer");
    assert_eq!(answer, "are you there?");
}

/// What the relay has in memory, in KiB; proc(5).
fn resident(relay: &dyn Relay) -> u64 {
    let id = relay.process().expect("it is a program");
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).expect("it runs");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("it has memory");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).expect("a number")
}

/// So many clients that reset, and 100 meanwhile that say nothing: how many clients that were, with those that are served well.
fn load(front: SocketAddr, resets: u64) -> u64 {
    let silent: Vec<TcpStream> = (0..100).map(|_| TcpStream::connect(front).expect("it listens")).collect();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for turn in 0..resets / 4 {
                    let mut client = TcpStream::connect(front).expect("it listens");
                    if turn % 2 == 0 {
                        let _ = client.write_all(b"and gone");
                    }
                    SockRef::from(&client).set_linger(Some(Duration::ZERO)).expect("a socket");
                    if turn % 100 == 0 {
                        echo(front);
                    }
                }
            });
        }
    });
    drop(silent);
    echo(front);
    100 + resets / 4 * 4 + 4 * (resets / 4).div_ceil(100) + 1
}

#[test]
#[expect(clippy::print_stdout, reason = "a measurement is to be seen")]
fn a_listener_survives_resets_and_clients_without_a_word() {
    let resets: u64 = std::env::var(RESETS).ok().and_then(|n| n.parse().ok()).unwrap_or(2000);
    let (upstream, address) = listener();
    thread::spawn(move || {
        for stream in upstream.incoming() {
            let Ok(stream) = stream else { return };
            thread::spawn(move || std::io::copy(&mut &stream, &mut &stream));
        }
    });
    let (relay, front, _directory) = relay_to(address, &[]);
    // The first round shows how much is in use at the same time; no later one may need more.
    let mut clients = load(front, 1000);
    let before = resident(&*relay);
    clients += load(front, resets);
    let mut after = u64::MAX;
    let began = std::time::Instant::now();
    while began.elapsed() < BOUND && after >= before + LEFT_OVER {
        after = resident(&*relay);
        thread::sleep(Duration::from_millis(50));
    }
    assert!(after < before + LEFT_OVER, "memory grows: {before} KiB before, {after} KiB after");
    println!("{resets} resets: {before} KiB before, {after} KiB after");
    let told = relay.stop().expect("it ends").told.expect("it has a log");
    assert_eq!(told.len() as u64, clients, "each has its line");
}

/// glibc's allocator alone keeps what was freed, and has the call that gives it back.
#[cfg(target_env = "gnu")]
#[test]
fn the_memory_of_a_crowd_goes_back_to_the_system() {
    let (upstream, address) = listener();
    thread::spawn(move || {
        for stream in upstream.incoming() {
            let Ok(stream) = stream else { return };
            thread::spawn(move || std::io::copy(&mut &stream, &mut &stream));
        }
    });
    let (relay, front, _directory) = relay_to(address, &["--self-signed"]);
    let tls = adieu::tls::Client::new().insecure().build().expect("no file is read");
    let options = adieu::ConnectOptions::new().tls(tls);
    let endpoint = adieu::Endpoint::for_connecting(front.to_string()).expect("an address");
    let client = || {
        let mut client = adieu::connect(&endpoint, &options).expect("it listens");
        client.write_all(&vec![7; 40_000]).expect("taken");
        client.read_exact(&mut vec![0; 40_000]).expect("they come back");
        client
    };
    client().abort();
    let before = resident(&*relay);
    let crowd: Vec<_> = (0..200).map(|_| client()).collect();
    let most = resident(&*relay);
    assert!(most > before + LEFT_OVER / 3, "a crowd takes memory: {before} KiB before, {most} KiB with it");
    drop(crowd);
    let fifth = before + (most - before) / 5;
    until("its memory is kept", || resident(&*relay) < fifth);
}
