//! What stacks and attackers do that captures of usual connections do not show: of each, the truth, and what must not be said.

use adieu_explain::{
    segment::Flags,
    verdict::{Actor, Effect, EndedFirst, Ending, OpenAtEnd, ResetKind, SideEnd, Sign},
};

use crate::by_hand::{ACK, CLIENT, FIN_ACK, SERVER, SYN, SYN_ACK, Talk};

const RST: Flags = Flags::RST;
const RST_ACK: Flags = Flags::RST.with(Flags::ACK);

/// The client has sent 10 octets and the server 20, and all are acknowledged: the next numbers are 111 and 521.
fn open() -> Talk {
    let mut talk = Talk::new();
    talk.say(CLIENT, SYN, 100, 0, 0)
        .say(SERVER, SYN_ACK, 500, 101, 0)
        .say(CLIENT, ACK, 101, 501, 0)
        .say(CLIENT, ACK, 101, 501, 10)
        .say(SERVER, ACK, 501, 111, 20)
        .say(CLIENT, ACK, 111, 521, 0);
    talk
}

/// The client ends, then the server, both with everything acknowledged.
fn close(talk: &mut Talk, client: u32, server: u32) {
    talk.say(CLIENT, FIN_ACK, client, server, 0).say(SERVER, FIN_ACK, server, client + 1, 0).say(
        CLIENT,
        ACK,
        client + 1,
        server + 1,
        0,
    );
}

fn ending(talk: &Talk) -> Option<Ending> {
    talk.verdict().ending.value().copied()
}

#[test]
fn an_rst_in_the_window_that_a_challenge_ack_answers_ends_nothing() {
    // RFC 5961, 3.2: the receiver asks, and the server knows nothing of the RST.
    let mut talk = open();
    talk.say(SERVER, RST, 600, 0, 0)
        .say(CLIENT, ACK, 111, 521, 0)
        .say(SERVER, ACK, 521, 111, 30)
        .say(CLIENT, ACK, 111, 551, 0);
    assert_eq!(ending(&talk), Some(Ending::Open));
    close(&mut talk, 111, 551);
    let verdict = talk.verdict();
    assert_eq!(verdict.ending.value(), Some(&Ending::Graceful));
    assert_ne!(verdict.resets[0].effect, Effect::Ended);
    assert_eq!(verdict.s_end.value(), Some(&SideEnd::Fin));
}

#[test]
fn an_rst_after_a_challenge_ack_ends_the_connection() {
    let mut talk = open();
    talk.say(SERVER, RST, 600, 0, 0).say(CLIENT, ACK, 111, 521, 0).say(SERVER, RST, 521, 0, 0);
    let verdict = talk.verdict();
    assert_eq!(verdict.ending.value(), Some(&Ending::Reset));
    assert_eq!(verdict.resets[1].effect, Effect::Ended);
}

#[test]
fn rsts_outside_of_the_window_end_nothing() {
    for sequence in [400, 521_u32.wrapping_sub(100_000), 521 + 100_000] {
        let mut talk = open();
        talk.say(SERVER, RST, sequence, 0, 0);
        assert!(!matches!(ending(&talk), Some(Ending::Reset | Ending::Graceful)), "{sequence}");
        talk.say(SERVER, ACK, 521, 111, 30).say(CLIENT, ACK, 111, 551, 0);
        close(&mut talk, 111, 551);
        assert_eq!(ending(&talk), Some(Ending::Graceful), "{sequence}");
    }
}

#[test]
fn an_rst_after_the_end_is_noise() {
    // RFC 1337: an old segment meets TIME-WAIT or a dead socket.
    for (from, flags, sequence, acknowledgement) in
        [(CLIENT, RST, 112, 0), (SERVER, RST, 522, 0), (CLIENT, RST_ACK, 112, 522)]
    {
        let mut talk = open();
        close(&mut talk, 111, 521);
        talk.say(from, flags, sequence, acknowledgement, 0);
        let verdict = talk.verdict();
        assert_eq!(verdict.ending.value(), Some(&Ending::Graceful));
        assert_eq!(
            (verdict.c_end.value(), verdict.s_end.value()),
            (Some(&SideEnd::Fin), Some(&SideEnd::Fin))
        );
        assert_eq!(verdict.ended_first.value(), Some(&EndedFirst::Client));
    }
}

#[test]
fn an_rst_with_data_is_an_rst() {
    // RFC 9293, 3.5.3: the data can say why.
    let mut talk = open();
    talk.say(SERVER, RST_ACK, 521, 111, 30);
    let verdict = talk.verdict();
    assert_eq!(verdict.ending.value(), Some(&Ending::Reset));
    assert!(verdict.resets[0].signs.contains(&Sign::Payload));
    assert_eq!(verdict.s2c.sent, 20, "what an RST carries is no data of the connection");
}

#[test]
fn a_fin_that_is_sent_again_is_one_end() {
    let mut talk = open();
    talk.say(CLIENT, FIN_ACK, 111, 521, 0)
        .say(CLIENT, FIN_ACK, 111, 521, 0)
        .say(CLIENT, FIN_ACK, 111, 521, 0);
    assert!(!matches!(ending(&talk), Some(Ending::Graceful | Ending::Reset)));
    talk.say(SERVER, FIN_ACK, 521, 112, 0).say(SERVER, FIN_ACK, 521, 112, 0).say(CLIENT, ACK, 112, 522, 0);
    let verdict = talk.verdict();
    assert_eq!(verdict.ending.value(), Some(&Ending::Graceful));
    assert_eq!(verdict.ended_first.value(), Some(&EndedFirst::Client));
}

#[test]
fn a_fin_behind_octets_that_were_lost_is_not_taken() {
    let mut talk = open();
    // 100 octets are lost before the capture and come no more: the server acknowledges what it has.
    talk.say(CLIENT, FIN_ACK, 211, 521, 0).say(SERVER, ACK, 521, 111, 0).say(SERVER, ACK, 521, 111, 0);
    let verdict = talk.verdict();
    assert!(
        !matches!(verdict.ending.value(), Some(Ending::Graceful | Ending::Reset)),
        "{:?}",
        verdict.ending
    );
    assert_eq!(verdict.unacked_c2s.value(), Some(&100));
    // Then they come.
    talk.say(CLIENT, ACK, 111, 521, 100).say(SERVER, FIN_ACK, 521, 212, 0).say(CLIENT, ACK, 212, 522, 0);
    let verdict = talk.verdict();
    assert_eq!(verdict.ending.value(), Some(&Ending::Graceful));
    assert_eq!((verdict.unacked_c2s.value(), verdict.c2s.missed_by_capture), (Some(&0), 0));
}

#[test]
fn both_close_at_once() {
    let mut talk = open();
    talk.say(CLIENT, FIN_ACK, 111, 521, 0)
        .say(SERVER, FIN_ACK, 521, 111, 0)
        .say(CLIENT, ACK, 112, 522, 0)
        .say(SERVER, ACK, 522, 112, 0);
    let verdict = talk.verdict();
    assert_eq!(verdict.ending.value(), Some(&Ending::Graceful));
    assert_eq!(verdict.ended_first.value(), Some(&EndedFirst::Both));
}

#[test]
fn an_octet_that_probes_a_closed_window_is_sent_once() {
    // BSD and Windows probe with the next octet (RFC 9293, 3.8.6.1), which is not taken while the window is closed.
    let mut talk = open();
    talk.window = 0;
    talk.say(SERVER, ACK, 521, 111, 0);
    talk.window = 1000;
    for _ in 0..3 {
        talk.say(CLIENT, ACK, 111, 521, 1);
        talk.window = 0;
        talk.say(SERVER, ACK, 521, 111, 0);
        talk.window = 1000;
    }
    let verdict = talk.verdict();
    assert!(!matches!(verdict.ending.value(), Some(Ending::Graceful | Ending::Reset | Ending::Silent)));
    talk.say(SERVER, ACK, 521, 111, 0).say(CLIENT, ACK, 111, 521, 50).say(SERVER, ACK, 521, 161, 0);
    close(&mut talk, 161, 521);
    let verdict = talk.verdict();
    assert_eq!((verdict.ending.value(), verdict.c2s.sent), (Some(&Ending::Graceful), 60));
    assert_eq!(verdict.c2s.windows_closed, 1);
}

#[test]
fn fast_open_whose_data_is_not_taken_sends_it_again() {
    // RFC 7413, 4.2: the server does not know the cookie.
    let mut talk = Talk::new();
    talk.say(CLIENT, SYN, 100, 0, 40)
        .say(SERVER, SYN_ACK, 500, 101, 0)
        .say(CLIENT, ACK, 101, 501, 40)
        .say(SERVER, ACK, 501, 141, 7)
        .say(CLIENT, ACK, 141, 508, 0);
    close(&mut talk, 141, 508);
    let verdict = talk.verdict();
    assert_eq!(verdict.ending.value(), Some(&Ending::Graceful));
    assert_eq!((verdict.c2s.sent, verdict.c2s.acknowledged, verdict.c2s.retransmitted), (40, 40, 40));
}

#[test]
fn fast_open_that_falls_back_to_a_plain_syn_is_one_connection() {
    let mut talk = Talk::new();
    talk.say(CLIENT, SYN, 100, 0, 40).say(CLIENT, SYN, 100, 0, 0).say(SERVER, SYN_ACK, 500, 101, 0);
    talk.say(CLIENT, ACK, 101, 501, 40).say(SERVER, ACK, 501, 141, 0);
    close(&mut talk, 141, 501);
    let verdict = talk.verdict();
    assert_eq!((verdict.ending.value(), verdict.c2s.sent), (Some(&Ending::Graceful), 40));
}

#[test]
fn flags_of_congestion_and_urgent_data_change_nothing() {
    let mut talk = Talk::new();
    let (ecn, cwr) = (Flags::ECE, Flags::CWR);
    talk.say(CLIENT, SYN | ecn | cwr, 100, 0, 0)
        .say(SERVER, SYN_ACK | ecn, 500, 101, 0)
        .say(CLIENT, ACK | cwr, 101, 501, 0)
        .say(CLIENT, ACK | Flags::URG | Flags::PSH, 101, 501, 1)
        .say(SERVER, ACK | ecn, 501, 102, 0);
    close(&mut talk, 102, 501);
    let verdict = talk.verdict();
    assert_eq!((verdict.ending.value(), verdict.c2s.sent), (Some(&Ending::Graceful), 1));
    assert!(verdict.established.is_some());
}

#[test]
fn a_host_that_forgot_the_connection_is_found_by_data() {
    // RFC 9293, 3.5.1: it answers by an RST with the number that the segment acknowledges.
    let mut talk = open();
    talk.wait(60_000);
    talk.say(CLIENT, ACK, 111, 521, 10).say(SERVER, RST, 521, 0, 0);
    let verdict = talk.verdict();
    assert_eq!(verdict.ending.value(), Some(&Ending::Reset));
    let reset = &verdict.resets[0];
    assert!(reset.candidates.contains(&ResetKind::HalfOpen), "{reset:?}");
    assert!(!matches!(
        reset.kind.value(),
        Some(ResetKind::Linger0 | ResetKind::UnreadClose | ResetKind::Injected)
    ));
    assert_eq!(verdict.unacked_c2s.value(), Some(&10));
}

#[test]
fn a_client_that_resets_after_its_fin_has_ended_by_fin() {
    // A browser closes with data under way: FIN, then the kernel answers what comes by RSTs.
    let mut talk = open();
    talk.say(CLIENT, FIN_ACK, 111, 521, 0)
        .say(SERVER, ACK, 521, 112, 0)
        .say(SERVER, ACK, 521, 112, 1000)
        .say(CLIENT, RST, 112, 0, 0);
    let verdict = talk.verdict();
    assert_eq!(verdict.ending.value(), Some(&Ending::Reset));
    assert_eq!(
        (verdict.c_end.value(), verdict.ended_first.value()),
        (Some(&SideEnd::Fin), Some(&EndedFirst::Client))
    );
    assert_eq!(verdict.resets[0].by.value(), Some(&Actor::Client));
    assert_ne!(verdict.unacked_s2c.value(), Some(&0));
}

#[test]
fn keep_alives_of_a_half_closed_connection_leave_it_half_open() {
    let mut talk = open();
    talk.say(CLIENT, FIN_ACK, 111, 521, 0).say(SERVER, ACK, 521, 112, 0);
    for _ in 0..3 {
        talk.wait(10_000);
        talk.say(SERVER, ACK, 520, 112, 0).say(CLIENT, ACK, 112, 521, 0);
    }
    let verdict = talk.verdict();
    assert_eq!(verdict.ending.value(), Some(&Ending::Open));
    assert_eq!(verdict.open_at_end.value(), Some(&OpenAtEnd::Half));
    assert_eq!((verdict.s2c.keep_alives, verdict.s2c.sent), (3, 20));
}

#[test]
fn one_direction_alone_claims_nothing_of_the_other() {
    let mut client = Talk::new();
    client
        .say(CLIENT, SYN, 100, 0, 0)
        .say(CLIENT, ACK, 101, 501, 10)
        .say(CLIENT, ACK, 111, 521, 0)
        .say(CLIENT, RST_ACK, 111, 521, 0);
    let verdict = client.verdict();
    assert_eq!(verdict.ending.value(), Some(&Ending::Reset));
    assert_ne!(verdict.s_end.value(), Some(&SideEnd::Fin));
    assert!(verdict.unacked_c2s.value().is_none(), "{:?}", verdict.unacked_c2s);
    let mut acks = Talk::new();
    acks.say(CLIENT, ACK, 101, 501, 0).say(CLIENT, ACK, 101, 1501, 0).say(CLIENT, ACK, 101, 2501, 0);
    let verdict = acks.verdict();
    assert!(!matches!(verdict.ending.value(), Some(Ending::Graceful | Ending::Reset | Ending::Silent)));
}

#[test]
fn a_syn_ack_that_comes_late_and_twice_opens_one_connection() {
    let mut talk = Talk::new();
    talk.say(CLIENT, SYN, 100, 0, 0);
    talk.wait(1000);
    talk.say(CLIENT, SYN, 100, 0, 0)
        .say(SERVER, SYN_ACK, 500, 101, 0)
        .say(CLIENT, ACK, 101, 501, 0)
        .say(SERVER, SYN_ACK, 500, 101, 0)
        .say(CLIENT, ACK, 101, 501, 0);
    close(&mut talk, 101, 501);
    assert_eq!(ending(&talk), Some(Ending::Graceful));
}

#[test]
fn a_gap_before_a_fin_is_no_graceful_end_of_an_unseen_side() {
    // The capture loses the server's FIN and the acknowledgement of the client's: nobody can say that it ended.
    let mut talk = open();
    talk.say(CLIENT, FIN_ACK, 111, 521, 0);
    let verdict = talk.verdict();
    assert!(!matches!(verdict.ending.value(), Some(Ending::Graceful)), "{:?}", verdict.ending);
    assert_ne!(verdict.s_end.value(), Some(&SideEnd::Fin));
}
