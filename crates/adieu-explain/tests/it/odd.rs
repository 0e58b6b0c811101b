//! Segments that are rare and legal: of each kind a capture, and every column of the truth.

use adieu_explain::{
    segment::Flags,
    verdict::{ResetKind, Verdict},
    words::{facts, sentence},
};

use crate::{
    own,
    wire::{Around, Sent, Wire, plain},
};

const CLIENT: bool = true;
const SERVER: bool = false;
const SYN: Flags = Flags::SYN;
const ACK: Flags = Flags::ACK;
const SYN_ACK: Flags = Flags::SYN.with(Flags::ACK);
const FIN_ACK: Flags = Flags::FIN.with(Flags::ACK);
const RST: Flags = Flags::RST;
const RST_ACK: Flags = Flags::RST.with(Flags::ACK);

/// The columns of an orderly end that the client began, without TLS.
const ORDERLY: [(&str, &str); 15] = [
    ("ended_first", "client"),
    ("c_end", "FIN"),
    ("s_end", "FIN"),
    ("unacked_c2s", "0"),
    ("unacked_s2c", "0"),
    ("unsent_c2s", "0"),
    ("unsent_s2c", "0"),
    ("unread_server", "0"),
    ("unread_client", "0"),
    ("rst_by", "-"),
    ("rst_kind", "-"),
    ("open_at_end", "no"),
    ("close_notify", "-"),
    ("tls", "-"),
    ("ending", "graceful"),
];

/// Compares what is said of each connection. `null`: it has to be unknown. A column that is not named may be anything.
fn expect(name: &str, wire: &Wire, truths: &[&[(&str, &str)]]) -> Vec<Verdict> {
    let verdicts = wire.verdicts().0;
    let told: Vec<String> = verdicts
        .iter()
        .map(|verdict| {
            let facts: Vec<String> =
                facts(verdict).iter().map(|fact| format!("  {} {}", fact.word(), fact.text)).collect();
            format!("{}\n{}", sentence(verdict), facts.join("\n"))
        })
        .collect();
    let told = told.join("\n");
    assert_eq!(verdicts.len(), truths.len(), "{name}:\n{told}");
    for (verdict, truth) in verdicts.iter().zip(truths) {
        let row = own::row(verdict);
        for (column, value) in *truth {
            assert_eq!(row[*column].as_deref().unwrap_or("null"), *value, "{name}: {column}\n{told}");
        }
    }
    verdicts
}

/// `ORDERLY`, but for some columns.
fn but(changes: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
    let mut columns = ORDERLY.to_vec();
    for change in changes {
        match columns.iter_mut().find(|(column, _)| *column == change.0) {
            Some(column) => *column = *change,
            None => columns.push(*change),
        }
    }
    columns
}

/// The client's FIN at `client`, and all that follows of an orderly end.
fn close(wire: &mut Wire, client: u32, server: u32) {
    let (client_end, server_end) = (client.wrapping_add(1), server.wrapping_add(1));
    wire.say(CLIENT, FIN_ACK, client, server, b"")
        .say(SERVER, FIN_ACK, server, client_end, b"")
        .say(CLIENT, ACK, client_end, server_end, b"");
}

/// A handshake of 101 and 501.
fn open(wire: &mut Wire) {
    wire.say(CLIENT, SYN, 100, 0, b"").say(SERVER, SYN_ACK, 500, 101, b"").say(CLIENT, ACK, 101, 501, b"");
}

#[test]
fn a_usual_conversation_in_whatever_it_is_wrapped() {
    for around in [Around::Ipv4, Around::TwoTags, Around::Ipv6Extended] {
        for (client, server) in [(100_u32, 500_u32), (u32::MAX, u32::MAX - 3)] {
            let mut wire = Wire::new(around);
            let (c, s) = (client.wrapping_add(1), server.wrapping_add(1));
            let (c5, s100) = (c.wrapping_add(5), s.wrapping_add(100));
            wire.say(CLIENT, SYN, client, 0, b"")
                .say(SERVER, SYN_ACK, server, c, b"")
                .say(CLIENT, ACK, c, s, b"")
                .say(CLIENT, ACK, c, s, b"hello")
                .say(SERVER, ACK, s, c5, &[7; 100])
                .say(CLIENT, ACK, c5, s100, b"");
            close(&mut wire, c5, s100);
            let verdicts = expect(&format!("{around:?}"), &wire, &[&ORDERLY]);
            assert_eq!((verdicts[0].c2s.acknowledged, verdicts[0].s2c.acknowledged), (5, 100));
        }
    }
}

#[test]
fn fragments_are_gaps_and_no_false_claims() {
    let mut wire = Wire::new(Around::Ipv6Fragments);
    open(&mut wire);
    wire.say(CLIENT, ACK, 101, 501, b"hello")
        .say(SERVER, ACK, 501, 106, &[7; 100])
        .say(CLIENT, ACK, 106, 601, b"");
    close(&mut wire, 106, 601);
    let verdicts = expect("fragments", &wire, &[&ORDERLY]);
    assert_eq!(wire.verdicts().1.fragments, 2);
    assert_eq!(verdicts[0].s2c.missed_by_capture, 100);
}

#[test]
fn data_in_the_syn() {
    // RFC 7413: a cookie, and data that the server takes.
    let cookie = [34, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 1];
    let mut wire = Wire::new(Around::Ipv4);
    wire.send(&Sent { options: &cookie, payload: b"0123456789", ..plain(CLIENT, SYN, 100, 0) })
        .say(SERVER, SYN_ACK, 500, 111, b"")
        .say(SERVER, ACK, 501, 111, b"answer before the handshake is over")
        .say(CLIENT, ACK, 111, 536, b"");
    close(&mut wire, 111, 536);
    let verdicts = expect("fast open", &wire, &[&ORDERLY]);
    assert_eq!((verdicts[0].c2s.sent, verdicts[0].s2c.sent), (10, 35));
    // The server does not take the data, and the client sends it again.
    let mut wire = Wire::new(Around::Ipv4);
    wire.send(&Sent { options: &cookie, payload: b"0123456789", ..plain(CLIENT, SYN, 100, 0) })
        .say(SERVER, SYN_ACK, 500, 101, b"")
        .say(CLIENT, ACK, 101, 501, b"0123456789")
        .say(SERVER, ACK, 501, 111, b"");
    close(&mut wire, 111, 501);
    let verdicts = expect("fast open refused", &wire, &[&ORDERLY]);
    assert_eq!((verdicts[0].c2s.sent, verdicts[0].c2s.retransmitted), (10, 10));
    // The SYN-ACK has data, too.
    let mut wire = Wire::new(Around::Ipv4);
    wire.say(CLIENT, SYN, 100, 0, b"ab")
        .say(SERVER, SYN_ACK, 500, 103, b"xyz")
        .say(CLIENT, ACK, 103, 504, b"");
    close(&mut wire, 103, 504);
    expect("data in both SYNs", &wire, &[&ORDERLY]);
    // The SYN alone, again and again.
    let mut wire = Wire::new(Around::Ipv4);
    wire.say(CLIENT, SYN, 100, 0, b"ab")
        .wait(1000)
        .say(CLIENT, SYN, 100, 0, b"ab")
        .wait(2000)
        .say(CLIENT, SYN, 100, 0, b"");
    expect(
        "fast open without answer",
        &wire,
        &[&[("ending", "no_answer"), ("unacked_c2s", "2"), ("open_at_end", "null")]],
    );
}

#[test]
fn handshakes_of_another_kind() {
    // Simultaneous open: RFC 9293, figure 7.
    let mut wire = Wire::new(Around::Ipv4);
    wire.say(CLIENT, SYN, 100, 0, b"")
        .say(SERVER, SYN, 500, 0, b"")
        .say(CLIENT, SYN_ACK, 100, 501, b"")
        .say(SERVER, SYN_ACK, 500, 101, b"")
        .say(CLIENT, ACK, 101, 501, b"hello")
        .say(SERVER, ACK, 501, 106, b"");
    close(&mut wire, 106, 501);
    expect("simultaneous open", &wire, &[&ORDERLY]);
    // Split: the server acknowledges and opens itself.
    let mut wire = Wire::new(Around::Ipv4);
    wire.say(CLIENT, SYN, 100, 0, b"")
        .say(SERVER, ACK, 0, 101, b"")
        .say(SERVER, SYN, 500, 0, b"")
        .say(CLIENT, SYN_ACK, 100, 501, b"")
        .say(SERVER, ACK, 501, 101, b"")
        .say(CLIENT, ACK, 101, 501, b"hello")
        .say(SERVER, ACK, 501, 106, b"");
    close(&mut wire, 106, 501);
    expect("split handshake", &wire, &[&but(&[("client", "10.0.0.1")])]);
    // ECN: RFC 3168, 6.1.1.
    let mut wire = Wire::new(Around::Ipv4);
    wire.say(CLIENT, SYN | Flags::ECE | Flags::CWR, 100, 0, b"")
        .say(SERVER, SYN_ACK | Flags::ECE, 500, 101, b"")
        .say(CLIENT, ACK, 101, 501, b"hello")
        .say(SERVER, ACK | Flags::ECE, 501, 106, b"")
        .say(CLIENT, ACK | Flags::CWR, 106, 501, b"x")
        .say(SERVER, ACK, 501, 107, b"");
    close(&mut wire, 107, 501);
    expect("ECN", &wire, &[&ORDERLY]);
    // The SYN again with another number, because nobody answered.
    let mut wire = Wire::new(Around::Ipv4);
    wire.say(CLIENT, SYN, 100, 0, b"").wait(3000);
    wire.say(CLIENT, SYN, 7000, 0, b"").say(SERVER, SYN_ACK, 500, 7001, b"").say(CLIENT, ACK, 7001, 501, b"");
    close(&mut wire, 7001, 501);
    expect("another SYN", &wire, &[&[("ending", "no_answer")], &ORDERLY]);
}

#[test]
fn options_of_all_kinds() {
    // MPTCP (RFC 8684), MD5 (RFC 2385), TCP-AO (RFC 5925), an experiment, and one whose length is impossible.
    let lists: [&[u8]; 5] = [
        &[30, 12, 1, 0x81, 1, 2, 3, 4, 5, 6, 7, 8],
        &[19, 18, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0],
        &[29, 16, 1, 1, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9],
        &[253, 4, 0xab, 0xcd],
        &[2, 0, 5, 180],
    ];
    for options in lists {
        let mut wire = Wire::new(Around::Ipv4);
        let mut say = |client, flags, sequence, acknowledgement, payload| {
            wire.send(&Sent { options, payload, ..plain(client, flags, sequence, acknowledgement) });
        };
        say(CLIENT, SYN, 100, 0, b"");
        say(SERVER, SYN_ACK, 500, 101, b"");
        say(CLIENT, ACK, 101, 501, b"hello");
        say(SERVER, FIN_ACK, 501, 106, b"");
        say(CLIENT, FIN_ACK, 106, 502, b"");
        say(SERVER, ACK, 502, 107, b"");
        expect(&format!("{options:?}"), &wire, &[&but(&[("ended_first", "server")])]);
    }
}

#[test]
fn urgent_data_is_data() {
    let mut wire = Wire::new(Around::Ipv4);
    open(&mut wire);
    wire.send(&Sent { urgent: 3, payload: b"abc", ..plain(CLIENT, ACK | Flags::URG, 101, 501) })
        .say(SERVER, ACK, 501, 104, b"")
        .send(&Sent { urgent: 1, ..plain(CLIENT, ACK | Flags::URG, 104, 501) })
        .say(CLIENT, ACK, 104, 501, b"d")
        .say(SERVER, ACK, 501, 105, b"");
    close(&mut wire, 105, 501);
    let verdicts = expect("urgent", &wire, &[&ORDERLY]);
    assert_eq!((verdicts[0].c2s.sent, verdicts[0].c2s.retransmitted), (4, 0));
}

#[test]
fn probes_send_nothing() {
    // Keep-alives with and without a garbage octet.
    let mut wire = Wire::new(Around::Ipv4);
    open(&mut wire);
    wire.say(CLIENT, ACK, 101, 501, b"hello")
        .say(SERVER, ACK, 501, 106, b"world")
        .say(CLIENT, ACK, 106, 506, b"");
    for _ in 0..3 {
        wire.wait(10_000).say(CLIENT, ACK, 105, 506, b"\0").say(SERVER, ACK, 506, 106, b"");
        wire.wait(10_000).say(SERVER, ACK, 505, 106, b"").say(CLIENT, ACK, 106, 506, b"");
    }
    close(&mut wire, 106, 506);
    let verdicts = expect("keep-alives", &wire, &[&ORDERLY]);
    assert_eq!((verdicts[0].c2s.keep_alives, verdicts[0].s2c.keep_alives), (3, 3));
    assert_eq!((verdicts[0].c2s.sent, verdicts[0].c2s.retransmitted), (5, 0));
    // A closed window, asked by an old number (Linux), and by the next octet (BSD, Windows), which is not taken.
    for asks_with_data in [false, true] {
        let mut wire = Wire::new(Around::Ipv4);
        open(&mut wire);
        wire.say(CLIENT, ACK, 101, 501, b"hello").send(&Sent { window: 0, ..plain(SERVER, ACK, 501, 106) });
        for _ in 0..3 {
            wire.wait(5000);
            if asks_with_data {
                wire.say(CLIENT, ACK, 106, 501, b"w");
            } else {
                wire.say(CLIENT, ACK, 105, 501, b"");
            }
            wire.send(&Sent { window: 0, ..plain(SERVER, ACK, 501, 106) });
        }
        let verdicts = expect(
            "closed window",
            &wire,
            &[&[
                ("ending", "open"),
                ("open_at_end", "yes"),
                ("unsent_c2s", "null"),
                ("unread_server", "null"),
            ]],
        );
        assert_eq!(verdicts[0].c2s.windows_closed, 1);
        wire.wait(5000)
            .say(SERVER, ACK, 501, 106, b"")
            .say(CLIENT, ACK, 106, 501, b"world")
            .say(SERVER, ACK, 501, 111, b"");
        close(&mut wire, 111, 501);
        let verdicts = expect("closed window that opened", &wire, &[&ORDERLY]);
        assert_eq!(verdicts[0].c2s.sent, 10);
    }
}

#[test]
fn a_blind_syn_or_rst_ends_nothing() {
    // A SYN in an open connection, the challenge ACK (RFC 5961, 4), and the connection goes on.
    let mut wire = Wire::new(Around::Ipv4);
    open(&mut wire);
    wire.say(CLIENT, ACK, 101, 501, b"hello").say(SERVER, ACK, 501, 106, b"");
    wire.wait(1000).say(CLIENT, SYN, 900_000, 0, b"").say(SERVER, ACK, 501, 106, b"");
    wire.wait(1000).say(CLIENT, ACK, 106, 501, b"again").say(SERVER, ACK, 501, 111, b"");
    close(&mut wire, 111, 501);
    let said = wire.verdicts().0;
    let row = own::row(&said[0]);
    for (column, value) in ORDERLY {
        assert_eq!(row[column].as_deref(), Some(value), "blind SYN: {column}");
    }
    assert!(said.len() <= 2);
    // RSTs with ACK outside of the window, before and beyond.
    for sequence in [400, 900_000, u32::MAX] {
        let mut wire = Wire::new(Around::Ipv4);
        open(&mut wire);
        wire.say(CLIENT, ACK, 101, 501, b"hello").say(SERVER, ACK, 501, 106, b"");
        wire.wait(1000).say(SERVER, RST_ACK, sequence, 106, b"");
        wire.wait(1000).say(CLIENT, ACK, 106, 501, b"again").say(SERVER, ACK, 501, 111, b"");
        close(&mut wire, 111, 501);
        let row = own::row(&wire.verdicts().0[0]);
        for (column, value) in ORDERLY {
            let is_rst = matches!(column, "rst_by" | "rst_kind");
            let right = [value, "middlebox", "ignored"];
            let said = row[column].as_deref();
            let is_right =
                if is_rst { said.is_none_or(|said| right[1..].contains(&said)) } else { said == Some(value) };
            assert!(is_right, "RST at {sequence}: {column} is {value}, said {said:?}");
        }
    }
}

#[test]
fn ports_are_used_again() {
    // A second after an orderly end, with a higher number; and after a reset, with a lower one.
    let mut wire = Wire::new(Around::Ipv4);
    open(&mut wire);
    close(&mut wire, 101, 501);
    wire.wait(1000);
    wire.say(CLIENT, SYN, 5000, 0, b"")
        .say(SERVER, SYN_ACK, 8000, 5001, b"")
        .say(CLIENT, ACK, 5001, 8001, b"");
    wire.say(CLIENT, RST_ACK, 5001, 8001, b"");
    wire.wait(1000);
    wire.say(CLIENT, SYN, 700, 0, b"").say(SERVER, SYN_ACK, 900, 701, b"").say(CLIENT, ACK, 701, 901, b"");
    close(&mut wire, 701, 901);
    let aborted = [
        ("ended_first", "client"),
        ("c_end", "RST"),
        ("s_end", "none"),
        ("rst_by", "client"),
        ("rst_kind", "linger0"),
        ("open_at_end", "no"),
        ("ending", "reset"),
        ("unacked_c2s", "0"),
        ("unread_server", "0"),
    ];
    expect("used again", &wire, &[&ORDERLY, &aborted, &ORDERLY]);
    // The client's host was restarted: its new SYN meets the old connection, whose challenge ACK the client answers by an RST.
    let mut wire = Wire::new(Around::Ipv4);
    open(&mut wire);
    wire.say(CLIENT, ACK, 101, 501, b"hello").say(SERVER, ACK, 501, 106, b"").wait(5000);
    wire.say(CLIENT, SYN, 900_000, 0, b"")
        .say(SERVER, ACK, 501, 106, b"")
        .say(CLIENT, RST, 106, 0, b"")
        .wait(1000);
    wire.say(CLIENT, SYN, 900_000, 0, b"")
        .say(SERVER, SYN_ACK, 7000, 900_001, b"")
        .say(CLIENT, ACK, 900_001, 7001, b"");
    close(&mut wire, 900_001, 7001);
    expect("restarted", &wire, &[&[("ending", "reset"), ("s_end", "none"), ("rst_kind", "null")], &ORDERLY]);
}

#[test]
fn a_reset_right_after_the_handshake_may_be_a_full_queue() {
    for reset in [(RST, 501, 0), (RST_ACK, 501, 101)] {
        let mut wire = Wire::new(Around::Ipv4);
        open(&mut wire);
        wire.say(SERVER, reset.0, reset.1, reset.2, b"");
        let truth = [
            ("ending", "reset"),
            ("ended_first", "server"),
            ("c_end", "none"),
            ("s_end", "RST"),
            ("rst_by", "server"),
            ("rst_kind", "null"),
            ("open_at_end", "no"),
            ("unacked_c2s", "0"),
        ];
        let verdicts = expect("full queue", &wire, &[&truth]);
        assert!(verdicts[0].resets[0].candidates.contains(&ResetKind::NotAccepted));
        let told = facts(&verdicts[0]).into_iter().any(|fact| fact.text.contains("tcp_abort_on_overflow"));
        assert!(told, "{:?}", facts(&verdicts[0]));
    }
}

#[test]
fn segments_of_scans_are_no_connections() {
    for (name, flags, answer, acknowledgement) in [
        ("FIN", Flags::FIN, RST_ACK, 101),
        ("Xmas", Flags::FIN | Flags::PSH | Flags::URG, RST_ACK, 101),
        ("null", Flags::NONE, RST_ACK, 100),
        ("SYN and FIN", SYN | Flags::FIN, RST_ACK, 102),
    ] {
        let mut wire = Wire::new(Around::Ipv4);
        wire.say(CLIENT, flags, 100, 0, b"");
        let said = own::row(&wire.verdicts().0[0]);
        assert_ne!(said["ending"].as_deref(), Some("graceful"), "{name}");
        wire.say(SERVER, answer, 0, acknowledgement, b"");
        let verdict = &wire.verdicts().0[0];
        let said = own::row(verdict);
        assert!(
            !matches!(said["ending"].as_deref(), Some("graceful" | "open" | "silent")),
            "{name}: {said:?}"
        );
    }
}

#[test]
fn one_end_alone_says_nothing_of_sides() {
    // A LAND segment, and a socket that connected to itself (simultaneous open).
    let unknown = [
        ("ending", "null"),
        ("ended_first", "null"),
        ("c_end", "null"),
        ("s_end", "null"),
        ("unacked_c2s", "null"),
        ("unread_server", "null"),
        ("open_at_end", "null"),
        ("close_notify", "-"),
    ];
    let mut wire = Wire::new(Around::Ipv4);
    wire.ports = [7000, 7000];
    wire.say(CLIENT, SYN, 100, 0, b"").wait(3000).say(CLIENT, SYN, 100, 0, b"");
    expect("LAND", &wire, &[&unknown]);
    let mut wire = Wire::new(Around::Ipv4);
    wire.ports = [7000, 7000];
    wire.say(CLIENT, SYN, 100, 0, b"")
        .say(CLIENT, SYN_ACK, 100, 101, b"")
        .say(CLIENT, ACK, 101, 101, b"hello")
        .say(CLIENT, ACK, 106, 106, b"")
        .say(CLIENT, FIN_ACK, 106, 106, b"")
        .say(CLIENT, ACK, 107, 107, b"");
    expect("connected to itself", &wire, &[&unknown]);
    wire.say(CLIENT, RST, 107, 0, b"");
    expect(
        "connected to itself, and reset",
        &wire,
        &[&[("rst_by", "null"), ("rst_kind", "null"), ("ending", "null")]],
    );
}
