//! A table as words of a command line, each with its key and line, and which of them makes an error.
//!
//! An error of a whole table is a sentence, and does not say which key it is about. So the table is read again without one word after
//! the other: the word without which the error is gone, or is another one, is the one that made it.

use super::words::{LISTEN, TO};
use super::{Lines, Wrong};
use std::ffi::OsString;

/// A word of a command line.
#[derive(Debug, Clone)]
pub(super) struct Word {
    pub(super) key: String,
    pub(super) line: usize,
    /// `--key=value`, or an endpoint.
    pub(super) text: OsString,
}

/// All words of a table, in the order of the file.
#[derive(Debug)]
pub(super) struct Written {
    table: usize,
    pub(super) words: Vec<Word>,
}

/// How an error changes when a word is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Without {
    Another,
    None,
}

impl Written {
    pub(super) fn new(table: usize, mut words: Vec<Word>) -> Self {
        words.sort_by_key(|word| word.line);
        Self { table, words }
    }

    pub(super) fn lines(&self) -> Lines {
        Lines {
            table: self.table,
            keys: self.words.iter().map(|word| (word.key.clone(), word.line)).collect(),
        }
    }

    /// The command line.
    pub(super) fn all(&self) -> Vec<OsString> {
        self.except(None)
    }

    /// The error with the line of the word that makes it. `judge` tells what is wrong with a command line.
    pub(super) fn blame(&self, why: &str, judge: impl Fn(Vec<OsString>) -> Option<String>) -> Wrong {
        let changes = |place: usize| {
            let word = &self.words[place];
            let without = match judge(self.except(Some(place))) {
                None => Without::None,
                Some(other) if other != why => Without::Another,
                Some(_) => return None,
            };
            Some((without, is_named(word, why), word))
        };
        let found = (0..self.words.len()).filter_map(changes);
        // The first of those that are alike.
        let best = found.reduce(|a, b| if (b.0, b.1) > (a.0, a.1) { b } else { a });
        match best {
            Some((.., word)) => Wrong::of_key(&word.key, word.line, why),
            None => Wrong { line: self.table, what: super::with_keys(why) },
        }
    }

    /// The command line without one of its words. Endpoints have to be there: others stand in for them.
    fn except(&self, left_out: Option<usize>) -> Vec<OsString> {
        let (mut options, mut listen, mut to) = (Vec::new(), Vec::new(), Vec::new());
        for (place, Word { key, text, .. }) in self.words.iter().enumerate() {
            let is_left_out = left_out == Some(place);
            match &**key {
                LISTEN if is_left_out => listen.push("127.0.0.1:0".into()),
                TO if is_left_out => to.push("127.0.0.1:1".into()),
                LISTEN => listen.push(text.clone()),
                TO => to.push(text.clone()),
                _ if is_left_out => {}
                _ => options.push(text.clone()),
            }
        }
        options.push("--".into());
        options.into_iter().chain(listen).chain(to).collect()
    }
}

/// Whether a sentence has the name of a word's key as an option, or its value.
fn is_named(word: &Word, sentence: &str) -> bool {
    let text = word.text.to_string_lossy();
    let option = format!("--{}", word.key);
    let value = text.strip_prefix(&*option).map_or(&*text, |value| value.trim_start_matches('='));
    let is_whole = |end: &str| !end.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '-');
    let has_option = sentence.match_indices(&option).any(|(at, _)| is_whole(&sentence[at + option.len()..]));
    has_option || (value.len() > 1 && sentence.contains(value))
}
