//! Every sentence and fact that is said of our captures, once each, so that they can be read.

use std::{collections::BTreeSet, env, fs, path::Path};

use adieu_explain::{
    segment::Flags,
    verdict::Verdict,
    words::{facts, sentence},
};

use crate::{
    by_hand::{ACK, CLIENT, FIN_ACK, SERVER, SYN, SYN_ACK, Talk},
    frames, own,
};

/// The text with names instead of addresses and one sign instead of each number, without what is named in parentheses.
fn shape(verdict: &Verdict, text: &str) -> String {
    let named =
        text.replace(&verdict.client.to_string(), "CLIENT").replace(&verdict.server.to_string(), "SERVER");
    let mut shape = String::new();
    for piece in named.split_inclusive(|c: char| !c.is_ascii_digit() && c != '.') {
        let number = piece.trim_end_matches(|c: char| !c.is_ascii_digit());
        if number.is_empty() || shape.ends_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
            shape.push_str(piece);
        } else {
            shape.push('#');
            shape.push_str(&piece[number.len()..]);
        }
    }
    shape
}

#[test]
fn every_sentence_of_our_captures_can_be_read() {
    let mut said = BTreeSet::new();
    for set in ["own", "more"] {
        let files: BTreeSet<String> = own::expected(set).into_iter().map(|row| row.file).collect();
        for file in files {
            for verdict in own::verdicts(&frames::read(&own::directory(set).join(file))) {
                said.insert(format!("sentence: {}", shape(&verdict, &sentence(&verdict))));
                for fact in facts(&verdict) {
                    if fact.grade.is_none() {
                        said.insert(format!("unknown: {}", fact.text));
                        continue;
                    }
                    for part in fact.text.split_inclusive(['(', ';', ')']) {
                        let part = part.trim_matches(|c: char| " (;),".contains(c));
                        if !part.is_empty() {
                            said.insert(format!("{}: {}", fact.word(), shape(&verdict, part)));
                        }
                    }
                }
            }
        }
    }
    let said: String = said.into_iter().map(|line| line + "\n").collect();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/words.txt");
    if env::var_os("INSTA_UPDATE").is_some_and(|update| update == "always") {
        fs::write(&path, &said).expect("the page can be written");
    }
    let known = fs::read_to_string(&path).expect("the page is there");
    let new: Vec<&str> = said.lines().filter(|line| !known.lines().any(|one| one == *line)).collect();
    assert!(
        said == known,
        "INSTA_UPDATE=always writes {} anew. New are:\n{}",
        path.display(),
        new.join("\n")
    );
}

/// Words for one thing, and for several.
const NOUNS: [(&str, &str); 9] = [
    ("byte", "bytes"),
    ("segment", "segments"),
    ("frame", "frames"),
    ("connection", "connections"),
    ("time", "times"),
    ("hop", "hops"),
    ("acknowledgement", "acknowledgements"),
    ("RST", "RSTs"),
    ("answer", "answers"),
];

/// What is wrong with the numbers in a sentence: `1 bytes`, `2 segment`, `1 of 1 segment are`.
pub(crate) fn wrong_numbers(text: &str) -> Option<String> {
    for clause in text.split([',', ';', ':', '(', ')']) {
        let words: Vec<&str> = clause.split_whitespace().collect();
        let numbers = words.iter().map(|word| word.parse::<u64>().ok());
        for (at, number) in numbers.enumerate() {
            let Some(number) = number else { continue };
            // Adjectives that stand between.
            let noun = words[at + 1..]
                .iter()
                .find(|word| !["more", "later", "TCP", "window", "keep-alive"].contains(word));
            let Some(&noun) = noun else { continue };
            if noun == "probe" && number != 1 || noun == "probes" && number == 1 {
                return Some(clause.to_owned());
            }
            let Some((one, several)) = NOUNS.iter().find(|(one, several)| noun == *one || noun == *several)
            else {
                continue;
            };
            // `1 of 5 bytes`: the verb is that of the first number.
            let first = at
                .checked_sub(2)
                .filter(|&of| words[of + 1] == "of")
                .and_then(|of| words[of].parse::<u64>().ok());
            let is_one = number == 1 || first == Some(1);
            let verb = words[at + 1..]
                .iter()
                .find(|word| ["is", "are", "was", "were", "has", "have"].contains(word));
            // `5 bytes of the client and 1 byte of the server were`, or what a clause of its own says of it.
            let is_compound = words.contains(&"and") || words[at + 1..].contains(&"that");
            let wrong_verb = verb
                .filter(|_| !is_compound)
                .is_some_and(|verb| ["is", "was", "has"].contains(verb) != is_one);
            if noun != if number == 1 { *one } else { *several } || wrong_verb {
                return Some(clause.to_owned());
            }
        }
    }
    None
}

#[test]
fn wrong_numbers_are_found() {
    for wrong in [
        "1 bytes sent",
        "2 segment",
        "1 of 1 segment are in both",
        "5 of 5 segments is in both",
        "0 of 1 byte of the client were acknowledged",
        "1 of 5 bytes were",
        "1 window probes",
        "1 more RSTs followed",
    ] {
        assert!(wrong_numbers(wrong).is_some(), "{wrong}");
    }
    for right in [
        "1 byte sent in 2 segments",
        "1 of 1 segment is in both",
        "2 of 5 bytes were",
        "1 of 5 bytes was",
        "0 of 1 byte was",
        "0 of 0 bytes were",
        "1 window probe",
        "the 5 bytes that it acknowledged was",
    ] {
        assert_eq!(wrong_numbers(right), None, "{right}");
    }
}

/// Small numbers of everything: octets, segments, repetitions, probes, closed windows, gaps, copies, RSTs.
#[test]
fn every_sentence_has_its_numbers_right() {
    let mut wrong = BTreeSet::new();
    let mut said = 0;
    for_small_talks(|verdict| {
        let facts = facts(verdict).into_iter().map(|fact| fact.text);
        for text in facts.chain([sentence(verdict)]) {
            said += 1;
            wrong.extend(wrong_numbers(&text).map(|clause| format!("{clause}: {text}")));
        }
    });
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.into_iter().take(40).collect::<Vec<_>>().join("\n")
    );
    assert!(said > 4000, "{said}");
}

/// Connections in which everything happens as often as the counts say, and each way to end.
fn for_small_talks(mut judged: impl FnMut(&Verdict)) {
    const COUNTS: [u32; 3] = [0, 1, 2];
    for (client, server, acknowledged) in COUNTS.into_iter().flat_map(|client| {
        COUNTS
            .into_iter()
            .flat_map(move |server| COUNTS.into_iter().map(move |acked| (client, server, acked)))
    }) {
        for (extra, ending) in (0..3).flat_map(|extra| (0..8).map(move |ending| (extra, ending))) {
            let mut talk = Talk::new();
            talk.say(CLIENT, SYN, 100, 0, 0).say(SERVER, SYN_ACK, 500, 101, 0).say(CLIENT, ACK, 101, 501, 0);
            let (c, s) = (101 + client, 501 + server);
            let (c_acked, s_acked) = (101 + client.min(acknowledged), 501 + server.min(acknowledged));
            if client > 0 {
                talk.say(CLIENT, ACK, 101, 501, client);
            }
            if server > 0 {
                talk.say(SERVER, ACK, 501, c_acked, server);
            }
            for _ in 0..extra {
                // Sent again; a closed window and its probe; keep-alives; and octets that the capture missed.
                talk.say(CLIENT, ACK, 101, s_acked, client);
                talk.window = 0;
                talk.say(SERVER, ACK, s, c_acked, 0);
                talk.window = 1000;
                talk.say(CLIENT, ACK, c - 1, s_acked, 0).say(SERVER, ACK, s, c_acked, 0);
                talk.say(SERVER, ACK, s - 1, c_acked, 0).say(CLIENT, ACK, c, s_acked, 0);
            }
            match ending {
                0 => {}
                1 => {
                    talk.say(CLIENT, FIN_ACK, c, s, 0).say(SERVER, FIN_ACK, s, c + 1, 0).say(
                        CLIENT,
                        ACK,
                        c + 1,
                        s + 1,
                        0,
                    );
                }
                2 => {
                    talk.say(SERVER, Flags::RST.with(ACK), s, c, 0);
                }
                3 => {
                    talk.say(CLIENT, Flags::RST.with(ACK), c, s_acked, 0);
                }
                4 => {
                    for _ in 0..6 + extra {
                        talk.say(SERVER, Flags::RST, s, 0, 0);
                    }
                }
                5 => {
                    talk.say(CLIENT, FIN_ACK, c, s_acked, 0);
                }
                6 => {
                    // The capture missed octets that were acknowledged.
                    talk.say(SERVER, ACK, s, c + acknowledged, 0).say(
                        CLIENT,
                        ACK,
                        c + acknowledged,
                        s + extra,
                        0,
                    );
                }
                _ => {
                    talk.say(CLIENT, ACK, c + 5, s_acked, 2).wait(9000);
                    talk.say(CLIENT, ACK, c + 5, s_acked, 2);
                }
            }
            judged(&talk.verdict());
        }
    }
    for count in 1..4 {
        let mut talk = Talk::new();
        for _ in 0..count {
            talk.say(CLIENT, SYN, 100, 0, 0).wait(1000);
        }
        judged(&talk.verdict());
    }
}
