//! Every sentence and fact that is said of our captures, once each, so that they can be read.

use std::{collections::BTreeSet, env, fs, path::Path};

use adieu_explain::{
    verdict::Verdict,
    words::{facts, sentence},
};

use crate::{frames, own};

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
