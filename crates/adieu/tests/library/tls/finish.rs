//! Connections on which a program speaks TLS with rustls itself: finished in one call, on an event loop, and gone on with.

use super::{contents, scratch};
use crate::arms::{Arm, BOUND, bounded, runtime};
use crate::finish::wait;
use adieu::exchange::Input;
use adieu::tls::{Eof, RustlsConnection};
use adieu::{
    AdoptError, ConnectOptions, Finish, Finisher, ListenOptions, Progress, Report, Role, Side, Timer,
};
use adieu_testkit::pattern::Pattern;
use adieu_testkit::tls::authority::Authority;
use adieu_testkit::tls::matrix::{self, Over, Ran, Scenario};
use adieu_testkit::tls::peer::{Address, Log, Peer, Script, Setup, Step};
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, Connection, ServerConnection};
use socket2::{Domain, SockAddr, Socket, Type};
use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A socket, and the session on it.
pub(super) struct Secured {
    pub(super) socket: Socket,
    pub(super) session: Connection,
}

impl Secured {
    /// Makes the handshake of a client.
    fn client(socket: Socket) -> io::Result<Self> {
        Self::handshake(socket, client_session().into())
    }

    /// Makes the handshake of a server.
    fn server(socket: Socket) -> io::Result<Self> {
        let mut config = super::handed_over::of_server(false);
        config.send_tls13_tickets = 0;
        let session = ServerConnection::new(Arc::new(config)).map_err(io::Error::other)?;
        Self::handshake(socket, session.into())
    }

    fn handshake(socket: Socket, session: Connection) -> io::Result<Self> {
        socket.set_read_timeout(Some(BOUND))?;
        socket.set_write_timeout(Some(BOUND))?;
        let mut secured = Self { socket, session };
        while secured.session.is_handshaking() {
            secured.session.complete_io(&mut secured.socket)?;
        }
        secured.flush()?;
        Ok(secured)
    }

    /// Sends what rustls has encrypted.
    fn flush(&mut self) -> io::Result<()> {
        while self.session.wants_write() {
            self.session.write_tls(&mut self.socket)?;
        }
        Ok(())
    }

    fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let n = self.session.writer().write(bytes)?;
            bytes = &bytes[n..];
            self.flush()?;
        }
        Ok(())
    }

    /// Lets rustls receive and decrypt until it has so many bytes more at least, which stay there.
    fn decrypt(&mut self, least: usize) {
        while self.session.process_new_packets().expect("records").plaintext_bytes_to_read() < least {
            assert_ne!(self.session.read_tls(&mut self.socket).expect("something comes"), 0);
        }
    }
}

fn address_of(place: &Address) -> io::Result<(Domain, SockAddr)> {
    Ok(match place {
        Address::Tcp(address) => (Domain::for_address(*address), SockAddr::from(*address)),
        Address::Unix(path) => (Domain::UNIX, SockAddr::unix(path)?),
    })
}

fn client_session() -> ClientConnection {
    let name = ServerName::try_from("localhost").expect("a name");
    ClientConnection::new(Arc::new(super::handed_over::of_client()), name).expect("a configuration")
}

fn connect(place: &Address) -> io::Result<Socket> {
    let (domain, address) = address_of(place)?;
    let socket = Socket::new(domain, Type::STREAM, None)?;
    socket.connect(&address)?;
    Ok(socket)
}

fn listen(place: &Address) -> io::Result<(Socket, Address)> {
    let (domain, address) = address_of(place)?;
    let socket = Socket::new(domain, Type::STREAM, None)?;
    socket.bind(&address)?;
    socket.listen(16)?;
    let place = socket.local_addr()?.as_socket().map_or_else(|| place.clone(), Address::Tcp);
    Ok((socket, place))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Call,
    Loop,
    Tokio,
}

impl Way {
    pub(super) fn finish(self, socket: Socket, tls: impl Into<RustlsConnection>, finish: &Finish) -> Report {
        match self {
            Self::Call => adieu::finish_tls(socket, tls, finish),
            Self::Tokio => runtime().block_on(adieu::tokio::finish_tls(owned(socket), tls, finish)),
            Self::Loop => {
                let mut finisher = Finisher::begin_tls(socket, tls, finish).expect("a connected stream");
                loop {
                    match finisher.advance(Instant::now()) {
                        Progress::Finished(report) => return *report,
                        Progress::Waiting => wait(&finisher),
                    }
                }
            }
        }
    }
}

/// Runs a test's body in each way and for each side of TLS, bounded.
fn each(script: &'static Script, setup: Setup, body: fn(Way, Secured, Peer)) {
    for way in [Way::Call, Way::Loop, Way::Tokio] {
        bounded(&format!("{way:?} of a client"), move || {
            let peer = Peer::listen(setup, script).expect("loopback");
            let socket = connect(peer.place().expect("it listens")).expect("it listens");
            body(way, Secured::client(socket).expect("it makes the handshake"), peer);
        });
        bounded(&format!("{way:?} of a server"), move || {
            let (listener, place) = listen(&Address::LOOPBACK).expect("loopback");
            let peer = Peer::connect(setup, move || Some(place.clone()), script).expect("a thread");
            let socket = listener.accept().expect("a client").0;
            body(way, Secured::server(socket).expect("it makes the handshake"), peer);
        });
    }
}

/// A sink, and what has gone there.
fn collecting() -> (Finish, Arc<Mutex<Vec<u8>>>) {
    let got = Arc::new(Mutex::new(Vec::new()));
    let finish = Finish::new().deadline(BOUND).late_bytes({
        let got = Arc::clone(&got);
        move |bytes| {
            got.lock().expect("nobody panics").extend_from_slice(bytes);
            Ok(())
        }
    });
    (finish, got)
}

fn pattern(n: usize) -> Vec<u8> {
    let mut bytes = vec![0; n];
    Pattern::of_program().fill(0, &mut bytes);
    bytes
}

fn is_of_peer(from: u64, bytes: &[u8]) -> bool {
    Pattern::of_peer().first_difference(from, bytes).is_none()
}

fn saw_the_whole(log: &Log, bytes: u64) -> bool {
    log.received == bytes && log.first_wrong.is_none() && log.close_notify && log.failure.is_none()
}

#[test]
fn what_rustls_holds_and_what_comes_late_is_handed_on_and_the_end_is_graceful() {
    for setup in [Setup::TLS12, Setup::TLS13] {
        let script: &Script = &[
            Step::Handshake,
            Step::Send(3_000),
            Step::ReceiveToEnd,
            Step::Send(200_000),
            Step::CloseNotify,
            Step::Fin,
        ];
        each(script, setup, |way, mut ours, peer| {
            ours.write(&pattern(5_000)).expect("taken");
            ours.decrypt(3_000);
            let mut first = [0; 1_000];
            ours.session.reader().read_exact(&mut first).expect("it is there");
            let is_client = matches!(ours.session, Connection::Client(_));
            let (finish, late) = collecting();
            let report = way.finish(ours.socket, ours.session, &finish);
            let late = late.lock().expect("nobody panics");
            assert!(report.is_graceful(), "{report}");
            assert!(late.len() == 202_000 && is_of_peer(1_000, &late), "{} bytes", late.len());
            assert_eq!((report.bytes_received, report.bytes_written), (202_000, 202_000));
            assert_eq!((report.bytes_unacknowledged, report.fin_acknowledged), (Some(0), Some(true)));
            assert_eq!(
                (report.tls_close_notify_sent, report.tls_close_notify_received),
                (Some(true), Some(true))
            );
            assert_eq!((report.role, report.tls_trust), (None, None), "neither is known");
            assert!(report.tls_version.is_some() && report.tls_cipher_suite.is_some());
            let known = is_client.then(|| Authority::loopback().fingerprint());
            assert_eq!(report.tls_peer_sha256, known, "{report}");
            let log = peer.finish();
            assert!(saw_the_whole(&log, 5_000), "{log:?}");
        });
    }
}

#[test]
fn late_bytes_without_a_sink_are_counted_and_thrown_away() {
    let script: &Script =
        &[Step::Handshake, Step::ReceiveToEnd, Step::Send(300_000), Step::CloseNotify, Step::Fin];
    each(script, Setup::PLAIN, |way, ours, peer| {
        let report = way.finish(ours.socket, ours.session, &Finish::new().deadline(BOUND));
        assert!(report.is_graceful(), "{report}");
        assert_eq!((report.bytes_received, report.bytes_discarded), (300_000, 300_000));
        assert!(saw_the_whole(&peer.finish(), 0));
    });
}

#[test]
fn records_that_rustls_has_encrypted_and_not_sent_come_before_close_notify() {
    let script: &Script = &[Step::Handshake, Step::ReceiveToEnd, Step::CloseNotify, Step::Fin];
    each(script, Setup::PLAIN, |way, mut ours, peer| {
        ours.session.set_buffer_limit(None);
        // More than the kernel takes at once.
        let all = pattern(6 << 20);
        ours.session.writer().write_all(&all).expect("there is no limit");
        assert!(ours.session.wants_write());
        let report = way.finish(ours.socket, ours.session, &Finish::new().deadline(BOUND));
        assert!(report.is_graceful(), "{report}");
        let log = peer.finish();
        assert!(saw_the_whole(&log, 6 << 20), "{log:?}");
    });
}

#[test]
fn a_part_of_a_record_that_rustls_holds_is_decrypted_with_its_rest() {
    let script: &Script = &[
        Step::Handshake,
        Step::Receive(1),
        Step::Send(3_000),
        Step::ReceiveToEnd,
        Step::CloseNotify,
        Step::Fin,
    ];
    each(script, Setup::PLAIN, |way, mut ours, peer| {
        // By then nothing of it stands in rustls already.
        ours.write(&pattern(1)).expect("taken");
        let mut part = [0; 100];
        ours.socket.read_exact(&mut part).expect("a record comes");
        assert_eq!(ours.session.read_tls(&mut &part[..]).expect("room"), 100);
        let state = ours.session.process_new_packets().expect("no end of a record");
        assert_eq!(state.plaintext_bytes_to_read(), 0, "it is not whole yet");
        let (finish, late) = collecting();
        let report = way.finish(ours.socket, ours.session, &finish);
        assert!(report.is_graceful(), "{report}");
        let late = late.lock().expect("nobody panics");
        assert!(late.len() == 3_000 && is_of_peer(0, &late), "{} bytes", late.len());
        assert!(saw_the_whole(&peer.finish(), 1));
    });
}

#[test]
fn a_peer_whose_close_notify_rustls_has_seen_was_the_first_to_end() {
    // Its FIN comes after ours alone.
    let script: &Script =
        &[Step::Handshake, Step::Send(100), Step::CloseNotify, Step::ReceiveToEnd, Step::Fin];
    each(script, Setup::PLAIN, |way, mut ours, peer| {
        while !ours.session.process_new_packets().expect("records").peer_has_closed() {
            ours.session.read_tls(&mut ours.socket).expect("it comes");
        }
        let (finish, late) = collecting();
        let report = way.finish(ours.socket, ours.session, &finish);
        assert!(report.is_graceful(), "{report}");
        assert_eq!((report.ended_first, report.bytes_received), (Some(Side::Peer), 100), "{report}");
        assert_eq!(late.lock().expect("nobody panics").len(), 100, "they stand before its end");
        assert!(saw_the_whole(&peer.finish(), 0));
    });
}

#[test]
fn an_end_that_the_program_has_made_itself_is_not_made_twice() {
    let script: &Script =
        &[Step::Handshake, Step::ReceiveToEnd, Step::Send(700), Step::CloseNotify, Step::Fin];
    for shuts_down in [false, true] {
        // Both directions may be over when it is finished, which elsewhere looks as if it never was connected.
        if shuts_down && cfg!(not(target_os = "linux")) {
            continue;
        }
        let body: fn(Way, Secured, Peer) = if shuts_down {
            |way, mut ours, peer| {
                ours.session.send_close_notify();
                ours.flush().expect("taken");
                ours.socket.shutdown(std::net::Shutdown::Write).expect("connected");
                ends_once(way, ours, peer);
            }
        } else {
            |way, mut ours, peer| {
                ours.session.send_close_notify();
                ends_once(way, ours, peer);
            }
        };
        each(script, Setup::PLAIN, body);
    }
}

fn ends_once(way: Way, ours: Secured, peer: Peer) {
    // Where both directions are over already, only who knows which side began can tell that both ended well.
    let role = if matches!(ours.session, Connection::Client(_)) { Role::Connect } else { Role::Listen };
    let report = way.finish(ours.socket, ours.session, &Finish::new().deadline(BOUND).role(role));
    assert!(report.is_graceful(), "{report}");
    assert_eq!((report.bytes_received, report.tls_close_notify_sent), (700, Some(true)));
    let log = peer.finish();
    assert!(saw_the_whole(&log, 0), "{log:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_socket_that_was_shut_down_without_close_notify_is_our_own_fault() {
    let script: &Script =
        &[Step::Handshake, Step::ReceiveToEnd, Step::Send(700), Step::CloseNotify, Step::Hold];
    each(script, Setup::PLAIN, |way, ours, peer| {
        ours.socket.shutdown(std::net::Shutdown::Write).expect("connected");
        let report = way.finish(ours.socket, ours.session, &Finish::new().deadline(BOUND));
        assert_eq!(
            (report.ending().name(), report.tls_close_notify_sent),
            ("local_failure", Some(false)),
            "{report}"
        );
        assert!(report.to_string().contains("before TLS's close_notify was sent"), "{report}");
        drop(peer);
    });
}

#[test]
fn whether_an_eof_cut_a_record_is_known_once_something_was_decrypted() {
    fn ends(way: Way, ours: Secured, eof: Eof, ending: &str) {
        let session = RustlsConnection::from(ours.session).eof(eof);
        let report = way.finish(ours.socket, session, &Finish::new().deadline(BOUND));
        assert_eq!(
            (report.ending().name(), report.tls_close_notify_received),
            (ending, Some(false)),
            "{eof:?}: {report}"
        );
        assert!(!report.to_string().contains("in the middle of a record"), "nobody knows that: {report}");
    }
    let silent: &Script = &[Step::Handshake, Step::ReceiveToEnd, Step::Fin];
    each(silent, Setup::PLAIN, |way, ours, _peer| ends(way, ours, Eof::Require, "truncated"));
    each(silent, Setup::PLAIN, |way, ours, _peer| ends(way, ours, Eof::Framed, "truncated"));
    each(silent, Setup::PLAIN, |way, ours, _peer| ends(way, ours, Eof::Ignore, "graceful"));
    let speaks: &Script = &[Step::Handshake, Step::ReceiveToEnd, Step::Send(100), Step::Fin];
    each(speaks, Setup::PLAIN, |way, ours, _peer| ends(way, ours, Eof::Framed, "graceful"));
}

#[test]
fn a_silent_peer_is_given_up_at_the_deadline() {
    each(&[Step::Handshake, Step::Hold], Setup::PLAIN, |way, ours, peer| {
        let finish = Finish::new().deadline(Duration::from_millis(150));
        let report = way.finish(ours.socket, ours.session, &finish);
        assert_eq!(
            (report.ending().name(), report.timer()),
            ("timed_out", Some(Timer::Deadline)),
            "{report}"
        );
        assert_eq!(report.tls_close_notify_received, Some(false));
        drop(peer);
    });
}

#[test]
fn a_session_that_rustls_has_found_broken_is_told_as_cut() {
    // A record that nobody has sealed. It is asked for, so that the handshake does not read it already.
    let forged: &[u8] =
        &[0x17, 3, 3, 0, 20, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20];
    let script: &Script = Box::leak(Box::new([
        Step::Handshake,
        Step::Receive(1),
        Step::Send(500),
        Step::Raw(forged),
        Step::ReceiveToEnd,
    ]));
    each(script, Setup::PLAIN, |way, mut ours, peer| {
        ours.write(&pattern(1)).expect("taken");
        while ours.session.process_new_packets().is_ok() {
            assert_ne!(ours.session.read_tls(&mut ours.socket).expect("something comes"), 0);
        }
        let (finish, late) = collecting();
        let report = way.finish(ours.socket, ours.session, &finish);
        assert_eq!(report.ending().name(), "truncated", "{report}");
        assert_eq!(late.lock().expect("nobody panics").len(), 500, "they came before it");
        assert!(report.error.is_some(), "{report}");
        let log = peer.finish();
        assert!(!log.close_notify, "what is broken off is not ended: {log:?}");
    });
}

#[test]
fn a_handshake_that_is_not_over_is_said_to_be() {
    bounded("both", || {
        let finish = Finish::new();
        let begun = || {
            let (listener, place) = listen(&Address::LOOPBACK).expect("loopback");
            (listener, connect(&place).expect("it listens"), client_session())
        };
        let (_listener, socket, session) = begun();
        let report = adieu::finish_tls(socket, session, &finish);
        assert_eq!(report.ending().name(), "no_connection", "{report}");
        assert!(report.to_string().contains("TLS handshake is not over"), "{report}");
        let (_listener, socket, session) = begun();
        let error = Finisher::begin_tls(&socket, session, &finish).err();
        assert_eq!(error, Some(AdoptError::Handshaking));
        let (_listener, socket, session) = begun();
        let error = adieu::Connection::from_rustls(socket, session, &ConnectOptions::new()).err();
        assert_eq!(error, Some(AdoptError::Handshaking));
    });
}

#[test]
fn options_that_ask_for_tls_do_not_fit_a_session_that_is_there() {
    each(&[Step::Handshake, Step::ReceiveToEnd], Setup::PLAIN, |_, ours, _peer| {
        let options = super::options(super::client());
        let error = adieu::Connection::from_rustls(ours.socket, ours.session, &options).err();
        let says = "the option tls is for a socket that is opened, and this one is connected already";
        assert_eq!(error.expect("which of the two?").to_string(), says);
    });
}

// ---- the matrix: the same endings as of the connections that adieu makes itself ----

/// How a connection of the program's own is brought to its end.
#[derive(Debug, Clone, Copy)]
enum How {
    /// Everything is written, and then it is finished.
    Finished(Way),
    /// adieu goes on with it.
    Exchanged(Arm),
}

fn play(how: How, is_client: bool, scenario: &'static Scenario, socket: Socket) -> io::Result<Ran> {
    let mut ours = if is_client { Secured::client(socket)? } else { Secured::server(socket)? };
    if matches!(how, How::Finished(_)) && is_for_finish(scenario) {
        ours.write(&matrix::input(scenario))?;
    }
    let Secured { socket, session } = ours;
    let tls = RustlsConnection::from(session).eof(super::eof(scenario));
    match how {
        How::Finished(way) if is_for_finish(scenario) => Ok(finished(way, scenario, socket, tls)),
        How::Exchanged(Arm::Tokio) => runtime().block_on(async {
            let socket = owned(socket);
            let connection = if is_client {
                adieu::tokio::Connection::from_rustls(socket, tls, &ConnectOptions::new())
            } else {
                adieu::tokio::Connection::from_rustls(socket, tls, &ListenOptions::new())
            };
            let mut output = io::Cursor::new(Vec::new());
            let input = io::Cursor::new(matrix::input(scenario));
            let report = adieu::tokio::exchange(connection.map_err(io::Error::other)?, input, &mut output);
            Ok(super::ran(&report.await, output.into_inner()))
        }),
        _ => {
            let connection = if is_client {
                adieu::Connection::from_rustls(socket, tls, &ConnectOptions::new())
            } else {
                adieu::Connection::from_rustls(socket, tls, &ListenOptions::new())
            };
            exchanged(scenario, connection)
        }
    }
}

fn owned(socket: Socket) -> adieu::OwnedSocket {
    socket.into()
}

fn exchanged(
    scenario: &'static Scenario,
    connection: Result<adieu::Connection, AdoptError>,
) -> io::Result<Ran> {
    let (output, file) = scratch();
    let input = Input::from_bytes(matrix::input(scenario));
    let report = adieu::exchange(connection.map_err(io::Error::other)?, input, output);
    Ok(super::ran(&report, contents(file)))
}

fn finished(way: Way, scenario: &'static Scenario, socket: Socket, tls: RustlsConnection) -> Ran {
    let (finish, late) = collecting();
    let mut ran = super::ran(&way.finish(socket, tls, &finish), Vec::new());
    ran.output.clone_from(&late.lock().expect("nobody panics"));
    // It was sent before the report begins. That it was acknowledged follows from the acknowledgement of our FIN.
    ran.report["bytes_accepted"] = scenario.sends.into();
    if ran.report["fin_acknowledged"] == true {
        ran.report["bytes_acknowledged"] = scenario.sends.into();
    }
    ran
}

/// Whether a program that writes everything before it receives can play this row.
fn is_for_finish(scenario: &Scenario) -> bool {
    scenario.sends < 1 << 16
}

fn failures(how: How, over: Over) -> Vec<String> {
    std::thread::scope(|scope| {
        let servers = scope.spawn(move || {
            matrix::failures_of_listening(over, move |scenario, place| {
                let (listener, place) = listen(place)?;
                Ok((move || Some(place.clone()), move || play(how, false, scenario, listener.accept()?.0)))
            })
        });
        let mut found = matrix::failures_of_connecting(over, |scenario, place| {
            play(how, true, scenario, connect(place)?)
        });
        found.extend(servers.join().expect("a row that fails is told"));
        found
    })
}

#[cfg(not(windows))]
#[test]
fn the_closing_matrix_of_tls_holds_for_a_call_that_finishes() {
    super::holds(|over| failures(How::Finished(Way::Call), over));
}

#[cfg(not(windows))]
#[test]
fn the_closing_matrix_of_tls_holds_for_finishing_on_an_event_loop() {
    super::holds(|over| failures(How::Finished(Way::Loop), over));
}

#[cfg(not(windows))]
#[test]
fn the_closing_matrix_of_tls_holds_for_finishing_on_tokio() {
    super::holds(|over| failures(How::Finished(Way::Tokio), over));
}

#[cfg(not(windows))]
#[test]
fn the_closing_matrix_of_tls_holds_for_a_session_that_is_taken_over() {
    super::holds(|over| failures(How::Exchanged(Arm::Blocking), over));
}

#[cfg(not(windows))]
#[test]
fn the_closing_matrix_of_tls_holds_for_a_session_that_is_taken_over_on_tokio() {
    super::holds(|over| failures(How::Exchanged(Arm::Tokio), over));
}
