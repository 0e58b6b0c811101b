//! Peers that end their stream and close at once, as curl does. Our close_notify, which answers theirs, finds nobody: TCP answers it
//! with a reset, and a Unix socket refuses it. If they had all of our bytes, that is a graceful end. A peer that closes with bytes
//! of ours unread does the same on the wire but for the moment of its reset, and is never graceful.

use super::{address_of, client, endpoint, options, scratch};
use crate::arms::{Arm, Open, on_both, runtime, secure_listener};
use adieu::exchange::Input;
use adieu::{ConnectOptions, Ending, Listener, RelayOptions, Report, Side};
use adieu_testkit::pattern::Pattern;
use adieu_testkit::tls::peer::{Address, Peer, Script, Setup, Step};
use std::io::{self, Read};
use std::net::{Shutdown, TcpListener};
use std::thread;

/// It takes all that we send, and closes.
const TAKES_ALL: &Script =
    &[Step::Handshake, Step::Send(500), Step::Receive(14), Step::Hold, Step::CloseNotify];
/// The same, and its FIN goes before it closes.
const TAKES_ALL_AND_HALF_CLOSES: &Script =
    &[Step::Handshake, Step::Send(500), Step::Receive(14), Step::Hold, Step::CloseNotify, Step::Fin];
/// It closes without having read what we sent.
const LEAVES_ALL: &Script = &[Step::Handshake, Step::Send(500), Step::Hold, Step::CloseNotify];
/// The same, and its FIN goes before its reset.
const LEAVES_ALL_AND_HALF_CLOSES: &Script =
    &[Step::Handshake, Step::Send(500), Step::Hold, Step::CloseNotify, Step::Fin];

/// What ends our side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Exchange,
    Echo,
    Relay,
    Program,
}

const WAYS: [Way; 4] = [Way::Exchange, Way::Echo, Way::Relay, Way::Program];

/// The report of a connection to a peer that has closed before our side ends.
fn report_of(arm: Arm, way: Way, place: &Address, setup: Setup, script: &'static Script) -> Report {
    let peer = Peer::listen_at(place, setup, script).expect("it can listen");
    let place = endpoint(peer.place().expect("it listens"));
    let mut open = arm.connect(&place, &options(client().server_name("localhost"))).expect("it listens");
    // Before we send anything, or the peer's handshake would receive it.
    open.read_exact(&mut [0; 500]).expect("the peer has sent as much");
    io::copy(&mut Pattern::of_program().reader(14), &mut open).expect("taken");
    let log = peer.finish();
    assert_eq!((log.failure, log.first_wrong), (None, None), "{arm:?} {way:?}");
    match way {
        Way::Exchange => exchanged(open),
        Way::Echo => open.echo(),
        Way::Relay => relayed(open),
        Way::Program => {
            // The end, or the reset, if it is there already.
            let _ = open.read(&mut [0]);
            match open.shutdown_send() {
                Ok(half) => half.close(),
                Err(error) => error.report().clone(),
            }
        }
    }
}

/// What a listener's next client is sent back.
fn echoed(arm: Arm, listener: Listener) -> Report {
    match arm {
        Arm::Blocking => adieu::exchange::echo(listener.accept().expect("a client")),
        Arm::Tokio => runtime().block_on(async {
            let listener = adieu::tokio::Listener::from_std(listener).expect("a listening socket");
            adieu::tokio::echo(listener.accept().await.expect("a client")).await
        }),
    }
}

fn exchanged(open: Open) -> Report {
    match open {
        Open::Blocking(open) => {
            let (output, _file) = scratch();
            adieu::exchange(open, Input::from_bytes(Vec::new()), output)
        }
        Open::Tokio(runtime, open) => {
            runtime.block_on(adieu::tokio::exchange(open, tokio::io::empty(), tokio::io::sink()))
        }
    }
}

/// Between the peer and a program that ends its stream once it has read to the end.
fn relayed(open: Open) -> Report {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let place = listener.local_addr().expect("bound").into();
    let program = thread::spawn(move || {
        let (mut stream, _) = listener.accept()?;
        let end = stream.read_to_end(&mut Vec::new());
        stream.shutdown(Shutdown::Write)?;
        end
    });
    let (plain, relay) = (ConnectOptions::new(), RelayOptions::new());
    let report = match open {
        Open::Blocking(open) => {
            adieu::relay(open, adieu::connect(&place, &plain).expect("it listens"), &relay)
        }
        Open::Tokio(runtime, open) => runtime.block_on(async {
            let other = adieu::tokio::connect(&place, &plain).await.expect("it listens");
            adieu::tokio::relay(open, other, &relay).await
        }),
    };
    let end = program.join().expect("no panic").map_err(|error| error.kind());
    let is_whole = report.a.is_graceful();
    assert_eq!(report.is_graceful(), is_whole, "{report}");
    // Nothing of the peer's stream is missing where it ended by close_notify and EOF, whatever it did with ours.
    assert!(end.is_ok() || !is_whole, "{end:?} {report}");
    *report.a
}

/// The report on every way over TCP and over a Unix socket, with both versions of TLS.
fn on_every_way(arm: Arm, script: &'static Script, judge: fn(&Report, &str)) {
    let directory = tempfile::tempdir().expect("a directory can be made");
    for (n, setup) in [Setup::TLS12, Setup::TLS13].into_iter().enumerate() {
        for way in WAYS {
            let unix = Address::Unix(directory.path().join(format!("{way:?}{n}")));
            for place in [Address::LOOPBACK, unix] {
                let report = report_of(arm, way, &place, setup, script);
                judge(&report, &format!("{way:?} {place} {:?}: {report}", report.tls_version));
            }
        }
    }
}

#[test]
fn a_close_notify_that_nobody_is_left_to_take_is_no_reset() {
    on_both(|arm| {
        for script in [TAKES_ALL, TAKES_ALL_AND_HALF_CLOSES] {
            on_every_way(arm, script, |report, told| {
                assert!(report.is_graceful(), "{told}");
                assert_eq!(report.exit_code(), 0, "{told}");
                assert_eq!((report.bytes_read, report.bytes_accepted), (14, 14), "{told}");
                assert_eq!(report.ended_first, Some(Side::Peer), "{told}");
                assert_eq!(
                    (report.error_code(), report.tls_close_notify_received),
                    (None, Some(true)),
                    "{told}"
                );
                if report.transport == Some(adieu::Transport::Unix) {
                    assert_eq!(report.tls_close_notify_sent, Some(false), "{told}");
                } else {
                    assert_eq!(
                        (report.bytes_acknowledged, report.fin_acknowledged),
                        (Some(14), Some(false)),
                        "{told}"
                    );
                    assert!(told.contains(", our close_notify alone was answered with a reset"), "{told}");
                }
            });
        }
    });
}

#[test]
fn a_peer_that_leaves_our_bytes_unread_has_reset_the_connection() {
    on_both(|arm| {
        for script in [LEAVES_ALL, LEAVES_ALL_AND_HALF_CLOSES] {
            on_every_way(arm, script, |report, told| {
                assert_eq!(report.ending(), Ending::Reset { by: Side::Peer }, "{told}");
                assert_eq!(report.exit_code(), 4, "{told}");
            });
        }
    });
}

/// Our end gives a peer that closes at once the time for its FIN, which would be a reset if our close_notify were there unread.
#[test]
fn a_peer_that_waits_for_our_close_notify_before_its_fin_gets_it_a_moment_later() {
    const SCRIPT: &Script =
        &[Step::Handshake, Step::Send(500), Step::Receive(500), Step::CloseNotify, Step::ReceiveToEnd];
    on_both(|arm| {
        let (listener, _) = secure_listener();
        let at = Address::Tcp(address_of(listener.local_endpoint()));
        let peer = Peer::connect(Setup::PLAIN, move || Some(at.clone()), SCRIPT).expect("a thread");
        let report = echoed(arm, listener);
        assert!(report.is_graceful(), "{report}");
        assert_eq!(report.fin_acknowledged, Some(true), "{report}");
        let times = report.tls_close_notify_after.zip(report.shutdown_send_after);
        let (theirs, ours) = times.expect("both have ended");
        assert!(ours.saturating_sub(theirs) >= adieu_proto::Config::END_HOLD, "{report:?}");
        let log = peer.finish();
        assert!(log.close_notify && log.failure.is_none(), "{log:?}");
    });
}
