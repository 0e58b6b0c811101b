//! When waiting for a datagram, or exchanging them, is over: by a silence, a limit or the time.

use super::*;

#[test]
fn who_expects_an_answer_is_told_that_none_came() {
    let (_silent, endpoint) = socket("127.0.0.1");
    let options = ConnectOptions::new().limits(Limits::new().idle_timeout(SHORT));
    let peer = datagram::connect(&endpoint, &options).expect("loopback");
    let report = Exchange::new().run(peer, Input::from_bytes("?"), Output::null());
    assert_eq!(report.ending(), Ending::TimedOut { timer: Timer::Idle }, "{report}");

    let peer = datagram::connect(&endpoint, &ConnectOptions::new()).expect("loopback");
    let began = Instant::now();
    let report = Exchange::new().silence(SHORT).run(peer, Input::from_bytes("?"), Output::null());
    assert_eq!(report.ending(), Ending::Connectionless, "{report}");
    assert!(began.elapsed() >= SHORT);
    assert!(report.to_string().contains("UDP does not tell whether they arrived"), "{report}");
}

#[test]
fn a_deadline_ends_it_whatever_happens() {
    let (_silent, endpoint) = socket("127.0.0.1");
    let options = ConnectOptions::new().limits(Limits::new().deadline(SHORT));
    let peer = datagram::connect(&endpoint, &options).expect("loopback");
    let (input, _go) = pieces(&[]);
    let report = Exchange::new().run(peer, input, Output::null());
    assert_eq!(report.ending(), Ending::TimedOut { timer: Timer::Deadline }, "{report}");
}

/// Each that is not let in brings the next, so there is always one.
#[test]
fn however_many_are_not_let_in_the_time_is_kept() {
    let bound = Bound::bind(&Endpoint::udp("127.0.0.1", 0), &ListenOptions::new()).expect("a port");
    let to = bound.local_address().and_then(adieu::Address::socket_addr).expect("UDP has one");
    let (stranger, _) = socket("127.0.0.1");
    stranger.send_to(b"let me in", to).expect("loopback");
    let began = Instant::now();
    let bound = bound.with_filter(move |_| {
        if began.elapsed() < BOUND {
            stranger.send_to(b"let me in", to).expect("loopback");
        }
        false
    });
    assert!(bound.accept_within(SHORT).expect("it receives").is_none());
    assert!(began.elapsed() >= SHORT && began.elapsed() < BOUND);
}

#[test]
fn who_is_let_in_is_found_without_any_time_to_wait() {
    let bound = Bound::bind(&Endpoint::udp("127.0.0.1", 0), &ListenOptions::new()).expect("a port");
    let to = bound.local_address().and_then(adieu::Address::socket_addr).expect("UDP has one");
    let (stranger, _) = socket("127.0.0.1");
    let (friend, _) = socket("127.0.0.1");
    let ours = friend.local_addr().ok();
    stranger.send_to(b"let me in", to).expect("loopback");
    friend.send_to(b"it is me", to).expect("loopback");
    let peer = bound.with_filter(move |from| from.socket_addr() == ours).accept_within(Duration::ZERO);
    assert_eq!(
        peer.expect("it receives").expect("he has sent").peer_address().and_then(adieu::Address::socket_addr),
        ours
    );
}

#[test]
fn our_own_pauses_are_nobodys_silence() {
    let bound = Bound::bind(&Endpoint::udp("127.0.0.1", 0), &ListenOptions::new()).expect("a port");
    let to = bound.local_address().and_then(adieu::Address::socket_addr).expect("UDP has one");
    let (client, _) = socket("127.0.0.1");
    for _ in 0..2 {
        client.send_to(&[b'x'; 700], to).expect("loopback");
    }
    let peer = bound.accept_within(BOUND).expect("it receives").expect("somebody has sent");
    let terms = Exchange::new().silence(SHORT).receive_limit(2);
    let terms = terms.shaped(ExchangeOptions::new().limit_rate(1000));
    let report = terms.run(peer, Input::empty(), Output::null());
    assert_eq!((report.ending(), counts(&report)), (Ending::Connectionless, (0, 0, 2)), "{report}");

    let (_server, endpoint) = socket("127.0.0.1");
    let terms = Exchange::new().silence_of_both(SHORT).silence(SHORT).datagram_size(4);
    let terms = terms.shaped(ExchangeOptions::new().line_delay(5 * SHORT));
    let report = terms.run(connect(&endpoint), Input::from_bytes("one\ntwo\n"), Output::null());
    assert_eq!((report.ending(), counts(&report)), (Ending::Connectionless, (2, 0, 0)), "{report}");
}

#[test]
fn a_silence_beyond_the_end_of_the_clock_never_comes() {
    for terms in [
        Exchange::new().silence(Duration::MAX),
        Exchange::new().silence_of_both(Duration::MAX),
        // In place of the silence: the limit of the options.
        Exchange::new().silence(None),
    ] {
        let (_silent, endpoint) = socket("127.0.0.1");
        let limits = Limits::new().idle_timeout(Duration::MAX).deadline(SHORT);
        let peer = datagram::connect(&endpoint, &ConnectOptions::new().limits(limits)).expect("loopback");
        let report = terms.run(peer, Input::from_bytes("?"), Output::null());
        assert_eq!(report.ending(), Ending::TimedOut { timer: Timer::Deadline }, "{report}");
    }
    // Once something has come, it is the silence alone.
    let bound = Bound::bind(
        &Endpoint::udp("127.0.0.1", 0),
        &ListenOptions::new().limits(Limits::new().deadline(SHORT)),
    )
    .expect("a port");
    let to = bound.local_address().and_then(adieu::Address::socket_addr).expect("UDP has one");
    let (client, _) = socket("127.0.0.1");
    client.send_to(b"hello", to).expect("loopback");
    let peer = bound.accept_within(BOUND).expect("it receives").expect("somebody has sent");
    let report = Exchange::new().silence(Duration::MAX).run(peer, Input::empty(), Output::null());
    assert_eq!(report.ending(), Ending::TimedOut { timer: Timer::Deadline }, "{report}");
}

#[test]
fn a_limit_of_none_is_one_of_one_wherever_it_is_set() {
    let options = || ExchangeOptions::new();
    for (terms, received) in [
        (Exchange::new().receive_limit(0), 1),
        (Exchange::new().shaped(options().receive_limit(0)), 1),
        (Exchange::new().receive_limit(2).shaped(options()), 2),
        (Exchange::new().receive_limit(2).shaped(options().receive_limit(1)), 1),
        (Exchange::new().shaped(options().receive_limit(1)).receive_limit(2), 2),
    ] {
        let bound = Bound::bind(&Endpoint::udp("127.0.0.1", 0), &ListenOptions::new()).expect("a port");
        let to = bound.local_address().and_then(adieu::Address::socket_addr).expect("UDP has one");
        let (client, _) = socket("127.0.0.1");
        for _ in 0..3 {
            client.send_to(b"hello", to).expect("loopback");
        }
        let report = terms.run_with_all(bound, Input::empty(), Output::null());
        assert_eq!(counts(&report), (0, 0, received), "{report}");
    }
}
