//! Answers of inet_diag that are made by hand: what is read of them, and what is said.

use adieu_explain::live::{Dump, DumpError, Finding, Holder, Owner, Socket, Stall, State, Survey, seconds};
use proptest::prelude::*;
use std::net::SocketAddr;
use std::time::Duration;

/// A message of the kernel's with one socket.
#[derive(Clone)]
struct Recipe {
    state: u8,
    timer: u8,
    attempts: u8,
    expires: u32,
    receive_queue: u32,
    send_queue: u32,
    inode: u32,
    not_sent: u32,
    window: u32,
    since: u32,
    info_octets: usize,
}

impl Default for Recipe {
    fn default() -> Self {
        Self {
            state: 8,
            timer: 0,
            attempts: 0,
            expires: 0,
            receive_queue: 0,
            send_queue: 0,
            inode: 77,
            not_sent: 0,
            window: 65_536,
            since: 12_000,
            info_octets: 248,
        }
    }
}

impl Recipe {
    fn octets(&self) -> Vec<u8> {
        let mut body = vec![2, self.state, self.timer, self.attempts];
        body.extend(8080_u16.to_be_bytes());
        body.extend(50_001_u16.to_be_bytes());
        body.extend([127, 0, 0, 1].iter().chain(&[0; 12]));
        body.extend([192, 0, 2, 9].iter().chain(&[0; 12]));
        body.extend([0; 12]);
        for number in [self.expires, self.receive_queue, self.send_queue, 1000, self.inode] {
            body.extend(number.to_ne_bytes());
        }
        let mut info = vec![0; 248];
        for (at, number) in
            [(44, 9_000), (52, 30_000), (56, self.since), (144, self.not_sent), (228, self.window)]
        {
            info[at..at + 4].copy_from_slice(&u32::to_ne_bytes(number));
        }
        info.truncate(self.info_octets);
        // An attribute that nobody knows stands before it.
        body.extend(5_u16.to_ne_bytes());
        body.extend(99_u16.to_ne_bytes());
        body.extend([1, 0, 0, 0]);
        body.extend(u16::try_from(info.len() + 4).expect("short").to_ne_bytes());
        body.extend(2_u16.to_ne_bytes());
        body.extend(info);
        message(20, 0, &body)
    }

    fn socket(&self) -> Socket {
        let (sockets, dump) = taken(&self.octets()).expect("no error");
        assert_eq!((sockets.len(), dump.malformed()), (1, 0));
        sockets.into_iter().next().expect("one")
    }

    fn finding(&self) -> Finding {
        Finding::of(&self.socket()).expect("it hangs")
    }
}

fn message(kind: u16, flags: u16, body: &[u8]) -> Vec<u8> {
    let mut octets = u32::try_from(16 + body.len()).expect("short").to_ne_bytes().to_vec();
    octets.extend(kind.to_ne_bytes());
    octets.extend(flags.to_ne_bytes());
    octets.extend([0; 8]);
    octets.extend(body);
    octets.resize(octets.len().next_multiple_of(4), 0);
    octets
}

fn taken(datagram: &[u8]) -> Result<(Vec<Socket>, Dump), DumpError> {
    let mut sockets = Vec::new();
    let mut dump = Dump::default();
    dump.take(datagram, &mut |socket| sockets.push(socket))?;
    Ok((sockets, dump))
}

fn words(recipe: &Recipe, owner: Owner) -> String {
    recipe.finding().words(owner)
}

#[test]
fn a_socket_is_read_with_its_addresses_and_its_tcp_info() {
    let socket = Recipe { receive_queue: 11, ..Recipe::default() }.socket();
    assert_eq!(socket.state, State::CloseWait);
    assert_eq!(socket.local, "127.0.0.1:8080".parse::<SocketAddr>().expect("an address"));
    assert_eq!(socket.peer, "192.0.2.9:50001".parse::<SocketAddr>().expect("an address"));
    assert_eq!((socket.inode, socket.uid, socket.receive_queue), (77, 1000, 11));
    let info = socket.info.expect("it is there");
    assert_eq!(info.last_ack_received, Duration::from_secs(12));
    assert_eq!((info.not_sent, info.peer_window), (Some(0), Some(65_536)));
}

#[test]
fn what_an_older_kernel_leaves_out_is_not_known_and_not_zero() {
    let old = Recipe { info_octets: 104, send_queue: 5, ..Recipe::default() }.socket();
    let info = old.info.expect("the old part is there");
    assert_eq!((info.not_sent, info.peer_window), (None, None));
    let finding = Finding::of(&old).expect("CLOSE_WAIT");
    assert_eq!((finding.unsent, finding.unacknowledged), (None, None));
    assert_eq!(Recipe { info_octets: 40, ..Recipe::default() }.socket().info, None);
}

#[test]
fn the_fins_are_no_bytes() {
    let finding = Recipe { receive_queue: 11, ..Recipe::default() }.finding();
    assert_eq!((finding.unread, finding.is_end_unread), (10, true));
    let finding = Recipe { receive_queue: 1, ..Recipe::default() }.finding();
    assert_eq!((finding.unread, finding.is_end_unread), (0, true));
    // LAST_ACK: 4 bytes in flight, then 5 bytes and the FIN that have not left.
    let finding = Recipe { state: 9, send_queue: 10, not_sent: 6, inode: 0, ..Recipe::default() }.finding();
    assert_eq!((finding.unacknowledged, finding.unsent), (Some(4), Some(5)));
    assert!(finding.is_fin_unacknowledged);
    // All have left.
    let finding = Recipe { state: 9, send_queue: 10, inode: 0, ..Recipe::default() }.finding();
    assert_eq!((finding.unacknowledged, finding.unsent), (Some(9), Some(0)));
    // In FIN_WAIT_2 no FIN has come, and ours is acknowledged.
    let finding = Recipe { state: 5, receive_queue: 3, ..Recipe::default() }.finding();
    assert_eq!((finding.unread, finding.is_end_unread, finding.is_fin_unacknowledged), (3, false, false));
}

#[test]
fn only_what_hangs_is_found() {
    for (state, timer, attempts, send_queue, hangs) in [
        (1, 0, 0, 0, false),
        (1, 1, 0, 9, false),
        (1, 1, 2, 9, true),
        (1, 4, 0, 9, true),
        // Keep-alive probes of an idle connection.
        (1, 2, 3, 0, false),
        (2, 1, 3, 1, false),
        (4, 1, 0, 1, false),
        (4, 1, 2, 1, true),
        (5, 0, 0, 0, true),
        (6, 3, 0, 0, false),
        (8, 0, 0, 0, true),
        (9, 1, 0, 1, true),
        (10, 0, 0, 128, false),
        (11, 1, 0, 1, true),
    ] {
        let socket = Recipe { state, timer, attempts, send_queue, ..Recipe::default() }.socket();
        assert_eq!(Finding::of(&socket).is_some(), hangs, "{socket:?}");
    }
}

#[test]
fn a_finding_has_a_sentence() {
    let leak = Recipe { receive_queue: 11, ..Recipe::default() };
    assert_eq!(
        words(&leak, Owner::Process),
        "CLOSE_WAIT for at least 12 s: the peer has ended its side, and the program has not closed; 10 bytes unread"
    );
    assert!(words(&leak, Owner::NotAccepted).contains("has not accepted the connection"));
    let read = Recipe { since: 200, ..Recipe::default() };
    assert!(words(&read, Owner::Process).ends_with("closed; everything was read, the end too"));
    let orphan =
        Recipe { state: 5, inode: 0, timer: 3, expires: 43_210, info_octets: 0, ..Recipe::default() };
    assert_eq!(
        words(&orphan, Owner::Nobody),
        "FIN_WAIT_2: its program has closed it and the peer has not ended its side; it has no owner, and which program it was is not known; the kernel drops it in 43 s"
    );
    let stalled = Recipe { state: 1, timer: 4, send_queue: 70_000, not_sent: 70_000, ..Recipe::default() };
    assert_eq!(
        words(&stalled, Owner::Process),
        "ESTABLISHED: open; 70000 bytes not sent; the peer's window is closed: its program does not read; no data has left for 9 s"
    );
    let unanswered =
        Recipe { state: 9, timer: 1, attempts: 4, send_queue: 101, inode: 0, ..Recipe::default() };
    assert!(
        words(&unanswered, Owner::Nobody).ends_with(
            "acknowledged our FIN; 100 bytes not acknowledged; sent again 4 times without an answer; the last acknowledgement came 12 s ago"
        )
    );
}

/// A program that closes an hour after the peer's end has been in LAST_ACK for no hour.
#[test]
fn a_state_that_our_program_began_has_no_time() {
    for (state, has_time) in [(1, false), (4, false), (5, true), (8, true), (9, false), (11, true)] {
        let finding =
            Recipe { state, timer: 1, attempts: 1, send_queue: 9, since: 3_600_000, ..Recipe::default() }
                .finding();
        assert_eq!(finding.at_least.is_some(), has_time, "{finding:?}");
        assert_eq!(finding.last_acknowledgement, Some(Duration::from_secs(3600)));
    }
}

/// With bytes on their way when the window closes, the timer is the one of retransmissions.
#[test]
fn a_window_of_zero_is_told_whatever_timer_runs() {
    let closed = Recipe { state: 1, timer: 1, attempts: 3, send_queue: 9, window: 0, ..Recipe::default() };
    assert_eq!(closed.finding().stall, Some(Stall::WindowClosed));
}

#[test]
fn an_owner_is_not_guessed() {
    let mut survey = Survey::new();
    let leak = Recipe::default();
    let orphan = Recipe { state: 5, inode: 0, ..Recipe::default() };
    let waiting = Recipe { inode: 0, ..Recipe::default() };
    for recipe in [&leak, &orphan, &waiting] {
        survey.add(&recipe.socket());
    }
    let owners = |survey: &Survey| survey.findings().iter().map(|f| survey.owner(f)).collect::<Vec<_>>();
    assert_eq!(owners(&survey), [Owner::Unknown, Owner::Nobody, Owner::Nobody]);
    let mut listener = Recipe { state: 10, ..Recipe::default() }.socket();
    listener.local = "0.0.0.0:8080".parse().expect("an address");
    survey.add(&listener);
    assert!(survey.wants(77) && !survey.wants(0) && !survey.wants(78));
    survey.add_holder(77, Holder { pid: 9, descriptor: 4 });
    survey.add_holder(77, Holder { pid: 3, descriptor: 5 });
    survey.add_holder(78, Holder { pid: 3, descriptor: 6 });
    assert_eq!(owners(&survey), [Owner::Process, Owner::Nobody, Owner::NotAccepted]);
    let pids: Vec<u32> = survey.holders(&survey.findings()[0]).iter().map(|holder| holder.pid).collect();
    assert_eq!(pids, [3, 9]);
    assert_eq!((survey.total(), survey.states()[&State::CloseWait]), (4, 2));
}

#[test]
fn the_end_and_a_refusal_are_told_apart() {
    let mut all = Recipe::default().octets();
    all.extend(message(3, 0x10, &[0; 4]));
    all.extend(Recipe::default().octets());
    let (sockets, dump) = taken(&all).expect("no error");
    assert_eq!((sockets.len(), dump.is_done(), dump.was_interrupted()), (1, true, true));
    let refused = message(2, 0, &(-13_i32).to_ne_bytes());
    assert_eq!(taken(&refused).expect_err("refused"), DumpError::Refused(13));
    let refused = message(3, 0, &(-2_i32).to_ne_bytes());
    assert_eq!(taken(&refused).expect_err("refused"), DumpError::Refused(2));
}

#[test]
fn times_have_two_units() {
    let texts =
        [340, 12_000, 200_000, 7_500_000, 356_400_000, 120_000].map(|ms| seconds(Duration::from_millis(ms)));
    assert_eq!(texts, ["340 ms", "12 s", "3 min 20 s", "2 h 5 min", "4 d 3 h", "2 min"]);
}

#[path = "../../../../fuzz/bodies/sockets.rs"]
mod sockets;

proptest! {
    #![proptest_config(ProptestConfig { rng_seed: proptest::test_runner::RngSeed::Fixed(16), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_octets_are_taken(data in prop::collection::vec(any::<u8>(), 0..600)) {
        sockets::holds(&data);
    }

    #[test]
    fn a_damaged_answer_is_taken(
        at in 0..352_usize, octet in any::<u8>(), cut in 0..352_usize,
        state in 0..16_u8, timer in 0..6_u8, queues in any::<(u32, u32, u32)>(),
    ) {
        let recipe = Recipe { state, timer, receive_queue: queues.0, send_queue: queues.1, not_sent: queues.2, ..Recipe::default() };
        let mut octets = recipe.octets();
        octets.extend(Recipe::default().octets());
        sockets::holds(&octets);
        octets[at] = octet;
        sockets::holds(&octets);
        octets.truncate(cut);
        sockets::holds(&octets);
    }
}
