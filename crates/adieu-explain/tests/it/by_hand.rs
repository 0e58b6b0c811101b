//! Connections made by hand, for what the captures do not have.

use adieu_explain::{
    observed::Connection,
    segment::{Checksum, Flags, Segment, Timestamp},
    verdict::{Actor, Claim, Effect, EndedFirst, Ending, Grade, ResetKind, Verdict},
    words::{facts, sentence},
};

pub(crate) const CLIENT: bool = true;
pub(crate) const SERVER: bool = false;

/// Segments with a payload of zeros, ten milliseconds apart.
pub(crate) struct Talk {
    connection: Option<Connection>,
    frame: u64,
    milliseconds: u32,
    ip_id: Option<u16>,
    pub(crate) window: u16,
}

impl Talk {
    pub(crate) fn new() -> Self {
        Self { connection: None, frame: 0, milliseconds: 0, ip_id: None, window: 1000 }
    }

    /// Lets time pass.
    pub(crate) fn wait(&mut self, milliseconds: u32) {
        self.milliseconds += milliseconds;
    }

    pub(crate) fn say(
        &mut self,
        from: bool,
        flags: Flags,
        sequence: u32,
        acknowledgement: u32,
        len: u32,
    ) -> &mut Self {
        self.tell(from, flags, sequence, acknowledgement, &vec![0; len as usize])
    }

    fn tell(
        &mut self,
        from: bool,
        flags: Flags,
        sequence: u32,
        acknowledgement: u32,
        payload: &[u8],
    ) -> &mut Self {
        let (client, server) = (([10, 0, 0, 1], 1000).into(), ([10, 0, 0, 2], 2000).into());
        let (source, destination) = if from { (client, server) } else { (server, client) };
        self.frame += 1;
        self.milliseconds += 10;
        let segment = Segment {
            frame: self.frame,
            time: Timestamp::from_nanoseconds(i64::from(self.milliseconds) * 1_000_000),
            ip_id: self.ip_id,
            flags,
            sequence,
            acknowledgement,
            window: self.window,
            payload,
            payload_len: u32::try_from(payload.len()).expect("small"),
            ..Segment::between(source, destination)
        };
        match &mut self.connection {
            Some(connection) => connection.observe(&segment),
            None => self.connection = Some(Connection::new(&segment)),
        }
        self
    }

    pub(crate) fn verdict(&self) -> Verdict {
        self.connection.as_ref().expect("something was said").judge(None)
    }
}

pub(crate) const SYN: Flags = Flags::SYN;
pub(crate) const ACK: Flags = Flags::ACK;
pub(crate) const SYN_ACK: Flags = Flags::SYN.with(Flags::ACK);
pub(crate) const FIN_ACK: Flags = Flags::FIN.with(Flags::ACK);

#[test]
fn more_than_four_gibibytes_are_counted_across_the_wrap() {
    let mut talk = Talk::new();
    talk.say(CLIENT, SYN, 100, 0, 0).say(SERVER, SYN_ACK, 500, 101, 0).say(CLIENT, ACK, 101, 501, 0);
    let mut sequence = 501_u32;
    let mut sent = 0_u64;
    while sent < 5 << 30 {
        talk.say(SERVER, ACK, sequence, 101, 1448);
        sequence = sequence.wrapping_add(1448);
        // The capture has one segment of each 256 MiB or so.
        sequence = sequence.wrapping_add(1 << 28);
        sent += 1448 + (1 << 28);
        talk.say(CLIENT, ACK, 101, sequence, 0);
    }
    talk.say(SERVER, FIN_ACK, sequence, 101, 0).say(CLIENT, FIN_ACK, 101, sequence.wrapping_add(1), 0).say(
        SERVER,
        ACK,
        sequence.wrapping_add(1),
        102,
        0,
    );
    let verdict = talk.verdict();
    assert_eq!(verdict.s2c.acknowledged, sent);
    assert_eq!(verdict.s2c.missed_by_capture, sent - 20 * 1448);
    assert_eq!(verdict.ending.value(), Some(&Ending::Graceful));
    assert_eq!(verdict.ended_first.value(), Some(&EndedFirst::Server));
}

#[test]
fn both_sides_open_at_once() {
    let mut talk = Talk::new();
    talk.say(CLIENT, SYN, 100, 0, 0)
        .say(SERVER, SYN, 500, 0, 0)
        .say(CLIENT, SYN_ACK, 100, 501, 0)
        .say(SERVER, SYN_ACK, 500, 101, 0)
        .say(CLIENT, FIN_ACK, 101, 501, 5)
        .say(SERVER, FIN_ACK, 501, 107, 0)
        .say(CLIENT, ACK, 107, 502, 0);
    let verdict = talk.verdict();
    assert_eq!(verdict.ending.value(), Some(&Ending::Graceful));
    assert_eq!(verdict.client.port(), 1000);
    assert_eq!((verdict.c2s.sent, verdict.c2s.acknowledged), (5, 5));
}

#[test]
fn data_in_the_syn_is_data() {
    let mut talk = Talk::new();
    talk.say(CLIENT, SYN, 100, 0, 40).say(SERVER, SYN_ACK, 500, 141, 0).say(CLIENT, ACK, 141, 501, 0);
    let verdict = talk.verdict();
    assert_eq!((verdict.c2s.sent, verdict.c2s.acknowledged), (40, 40));
    let mut refused = Talk::new();
    refused.say(CLIENT, SYN, 100, 0, 40).say(SERVER, Flags::RST | ACK, 0, 101, 0);
    let verdict = refused.verdict();
    assert_eq!(verdict.ending.value(), Some(&Ending::Refused));
    assert_eq!(verdict.unacked_c2s.value(), Some(&40));
}

#[test]
fn a_keep_alive_with_a_garbage_octet_sends_nothing() {
    let mut talk = Talk::new();
    talk.say(CLIENT, SYN, 100, 0, 0)
        .say(SERVER, SYN_ACK, 500, 101, 0)
        .say(CLIENT, ACK, 101, 501, 9)
        .say(SERVER, ACK, 501, 110, 0)
        .say(CLIENT, ACK, 109, 501, 1)
        .say(SERVER, ACK, 501, 110, 0);
    let verdict = talk.verdict();
    assert_eq!((verdict.c2s.sent, verdict.c2s.keep_alives, verdict.c2s.retransmitted), (9, 1, 0));
}

#[test]
fn an_rst_with_the_wrong_acknowledgement_refuses_nothing() {
    let mut talk = Talk::new();
    talk.say(CLIENT, SYN, 100, 0, 0)
        .say(SERVER, Flags::RST | ACK, 0, 77, 0)
        .say(SERVER, SYN_ACK, 500, 101, 0)
        .say(CLIENT, ACK, 101, 501, 0);
    assert_eq!(talk.verdict().ending.value(), Some(&Ending::Open));
}

#[test]
fn many_rsts_are_bounded_and_counted() {
    let mut talk = Talk::new();
    talk.say(CLIENT, SYN, 100, 0, 0).say(SERVER, SYN_ACK, 500, 101, 0).say(CLIENT, ACK, 101, 501, 3);
    for _ in 0..1000 {
        talk.say(SERVER, Flags::RST, 501, 0, 0);
    }
    let verdict = talk.verdict();
    assert_eq!(verdict.ending.value(), Some(&Ending::Reset));
    assert_eq!(verdict.resets.len() as u64 + verdict.resets_not_kept, 1000);
    assert!(verdict.resets.len() < 10);
    assert!(verdict.resets[0].candidates.contains(&ResetKind::HalfOpen));
}

#[test]
fn octets_sent_again_are_counted_apart_and_spurious_ones_too() {
    let mut talk = Talk::new();
    talk.say(CLIENT, SYN, 100, 0, 0).say(SERVER, SYN_ACK, 500, 101, 0);
    talk.ip_id = Some(7);
    talk.say(CLIENT, ACK, 101, 501, 50);
    talk.ip_id = Some(8);
    talk.say(CLIENT, ACK, 101, 501, 50).say(SERVER, ACK, 501, 151, 0);
    talk.ip_id = Some(9);
    talk.say(CLIENT, ACK, 101, 501, 50);
    let verdict = talk.verdict();
    assert_eq!((verdict.c2s.sent, verdict.c2s.retransmitted, verdict.c2s.spurious), (50, 100, 50));
}

#[test]
fn an_rst_after_which_both_sides_go_on_ended_nothing() {
    let mut talk = Talk::new();
    talk.say(CLIENT, SYN, 100, 0, 0).say(SERVER, SYN_ACK, 500, 101, 0).say(CLIENT, ACK, 101, 501, 0);
    talk.say(CLIENT, ACK, 101, 501, 10).say(SERVER, ACK, 501, 111, 0);
    talk.say(SERVER, Flags::RST, 501, 0, 0);
    talk.wait(1000);
    // The server says nothing but acknowledgements, of what the client had not sent by then.
    talk.say(CLIENT, ACK, 111, 501, 10).say(SERVER, ACK, 501, 121, 0);
    let only_the_server_lives = talk.verdict();
    assert_eq!(only_the_server_lives.rst_by().value(), Some(&vec![Actor::Middlebox]));
    talk.say(CLIENT, ACK, 121, 501, 10).say(SERVER, ACK, 501, 131, 0);
    let verdict = talk.verdict();
    assert_eq!(verdict.ending.value(), Some(&Ending::Open));
    assert_eq!(verdict.rst_by().value(), Some(&vec![Actor::Middlebox]));
    assert_eq!(verdict.rst_kind().value(), Some(&vec![ResetKind::Ignored]));
}

#[test]
fn an_rst_that_acknowledges_the_syn_ends_the_attempt_whatever_its_number() {
    // RFC 9293, 3.10.7.3: in SYN-SENT only the acknowledgement counts.
    let mut talk = Talk::new();
    talk.say(CLIENT, SYN, 100, 0, 0).say(SERVER, Flags::RST.with(ACK), 777, 101, 0);
    let verdict = talk.verdict();
    assert_eq!(verdict.resets[0].effect, Effect::Ended);
    assert_eq!(verdict.open_at_end.value(), None);
    assert_eq!(verdict.ending.value(), None, "a refusal, or an abort after frames that are missing");
}

#[test]
fn a_tls_handshake_that_an_alert_broke_off_is_no_cut_and_no_http() {
    // A ClientHello without extensions, and the alert handshake_failure.
    let mut hello = vec![22, 3, 1, 0, 47, 1, 0, 0, 43, 3, 3];
    hello.extend_from_slice(&[7; 32]);
    hello.extend_from_slice(&[0, 0, 2, 0x13, 1, 1, 0, 0, 0]);
    let alert = [21, 3, 3, 0, 2, 2, 40];
    let len = |octets: &[u8]| u32::try_from(octets.len()).expect("small");
    let (hello_end, alert_end) = (101 + len(&hello), 501 + len(&alert));
    let mut talk = Talk::new();
    talk.say(CLIENT, SYN, 100, 0, 0).say(SERVER, SYN_ACK, 500, 101, 0).say(CLIENT, ACK, 101, 501, 0);
    talk.tell(CLIENT, ACK, 101, 501, &hello);
    let mut cut = talk
        .connection
        .clone()
        .map(|connection| Talk { connection: Some(connection), ..talk })
        .expect("there");
    cut.say(SERVER, FIN_ACK, 501, hello_end, 0).say(CLIENT, FIN_ACK, hello_end, 502, 0);
    cut.say(SERVER, ACK, 502, hello_end + 1, 0);
    assert_eq!(cut.verdict().ending.value(), Some(&Ending::Truncated));
    assert!(sentence(&cut.verdict()).contains("the TLS stream was"), "{}", sentence(&cut.verdict()));

    let mut talk = Talk::new();
    talk.say(CLIENT, SYN, 100, 0, 0).say(SERVER, SYN_ACK, 500, 101, 0).say(CLIENT, ACK, 101, 501, 0);
    talk.tell(CLIENT, ACK, 101, 501, &hello).tell(SERVER, ACK, 501, hello_end, &alert);
    talk.say(SERVER, FIN_ACK, alert_end, hello_end, 0).say(CLIENT, FIN_ACK, hello_end, alert_end + 1, 0);
    talk.say(SERVER, ACK, alert_end + 1, hello_end + 1, 0);
    let verdict = talk.verdict();
    assert_eq!(verdict.ending.value(), Some(&Ending::Graceful));
    assert_eq!(verdict.tls_alerts, [None, Some(40)]);
    let told: Vec<String> = facts(&verdict).into_iter().map(|fact| fact.text).collect();
    assert!(told.iter().any(|fact| fact.contains("the fatal alert handshake_failure (40)")), "{told:?}");
    assert!(!told.iter().any(|fact| fact.contains("the capture missed")), "{told:?}");
}

#[test]
fn a_client_that_was_reset_by_a_box_did_want_its_connection() {
    let mut talk = Talk::new();
    talk.say(CLIENT, SYN, 100, 0, 0).say(SERVER, Flags::RST.with(ACK), 0, 101, 0);
    let refused = talk.verdict();
    assert_eq!(refused.resets[0].by, Claim::hinted(Actor::Server), "a firewall's answer looks the same");
    talk.say(SERVER, SYN_ACK, 500, 101, 0).say(CLIENT, Flags::RST, 101, 0, 0);
    let said = sentence(&talk.verdict());
    assert!(!said.contains("did not open"), "{said}");
}

#[test]
fn segments_with_bad_checksums_open_nothing() {
    let (client, server) = (([10, 0, 0, 1], 1000).into(), ([10, 0, 0, 2], 2000).into());
    let syn = Segment { frame: 1, flags: SYN, checksum: Checksum::Bad, ..Segment::between(client, server) };
    let verdict = Connection::new(&syn).judge(None);
    assert_eq!(verdict.ending.value(), None, "{}", sentence(&verdict));
    assert_eq!(verdict.open_at_end.value(), None);
}

#[test]
fn an_answer_that_takes_longer_than_the_capture_lasts_makes_nobody_mute() {
    let mut talk = Talk::new();
    talk.say(CLIENT, SYN, 100, 0, 0).wait(1500);
    talk.say(SERVER, SYN_ACK, 500, 101, 0).say(CLIENT, ACK, 101, 501, 50);
    let last = talk.verdict().last.time;
    let after = |seconds: i64| {
        let end = Timestamp::from_nanoseconds(last.as_nanoseconds() + seconds * 1_000_000_000);
        talk.connection.as_ref().expect("something was said").judge(Some(end)).ending.value().copied()
    };
    assert_eq!(after(2), Some(Ending::Open));
    assert_eq!(after(4), Some(Ending::Silent));
}

#[test]
fn a_fin_cannot_be_left_unread() {
    let mut talk = Talk::new();
    talk.say(CLIENT, SYN, 100, 0, 0).say(SERVER, SYN_ACK, 500, 101, 0).say(CLIENT, ACK, 101, 501, 0);
    talk.say(SERVER, FIN_ACK, 501, 101, 0).say(CLIENT, ACK, 101, 502, 0);
    talk.say(CLIENT, Flags::RST.with(ACK), 101, 502, 0);
    assert_eq!(talk.verdict().rst_kind().value(), Some(&vec![ResetKind::Linger0]));
}

#[test]
fn an_abort_from_one_hop_farther_is_only_probably_foreign() {
    let with = |hop_limit: u8| {
        let mut talk = Talk::new();
        talk.say(CLIENT, SYN, 100, 0, 0).say(SERVER, SYN_ACK, 500, 101, 0).say(CLIENT, ACK, 101, 501, 0);
        talk.say(CLIENT, ACK, 101, 501, 10).say(SERVER, ACK, 501, 111, 0);
        let (client, server) = (([10, 0, 0, 1], 1000).into(), ([10, 0, 0, 2], 2000).into());
        let usual = Segment::between(server, client);
        let rst = Segment {
            frame: 6,
            time: Timestamp::from_nanoseconds(1_000_000_000),
            flags: Flags::RST.with(ACK),
            sequence: 501,
            acknowledgement: 111,
            hop_limit: usual.hop_limit.wrapping_add(hop_limit),
            ..usual
        };
        talk.connection.as_mut().expect("something was said").observe(&rst);
        talk.verdict().resets[0].by.clone()
    };
    assert_eq!(with(0), Claim::hinted(Actor::Server), "a box beside the server has its hop limit too");
    assert_eq!(with(1), Claim::hinted(Actor::Middlebox));
    assert_eq!(with(9), Claim::concluded(Actor::Middlebox));
}

#[test]
fn one_number_more_is_a_fin_or_an_octet() {
    let mut talk = Talk::new();
    talk.say(CLIENT, SYN, 100, 0, 0).say(SERVER, SYN_ACK, 500, 101, 0).say(CLIENT, ACK, 101, 501, 0);
    talk.say(CLIENT, ACK, 101, 502, 0).say(CLIENT, FIN_ACK, 101, 502, 0).say(SERVER, ACK, 502, 102, 0);
    let verdict = talk.verdict();
    assert_eq!(verdict.ending, Claim::hinted(Ending::Graceful));
    assert_eq!(verdict.s_end.grade(), Some(Grade::Hinted));
    assert!(sentence(&verdict).contains("probably"), "{}", sentence(&verdict));
}

#[test]
fn a_fin_and_an_abort_that_crossed_do_not_show_who_was_first() {
    let mut talk = Talk::new();
    talk.say(CLIENT, SYN, 100, 0, 0).say(SERVER, SYN_ACK, 500, 101, 0).say(CLIENT, ACK, 101, 501, 0);
    talk.say(CLIENT, FIN_ACK, 101, 501, 0).say(SERVER, Flags::RST.with(ACK), 501, 101, 0);
    assert_eq!(talk.verdict().ended_first, Claim::hinted(EndedFirst::Client));
}
