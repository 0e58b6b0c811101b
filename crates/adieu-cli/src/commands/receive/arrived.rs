//! What a transfer brought into a directory: the names that its line tells.
//!
//! A name is that of a file, or of the whole tree that the sender named. It holds few of them, however many there are.

use adieu_transfer::wire::{EntryPath, shown};
use std::path::{Path, is_separator};

/// So many are named, at most.
const NAMED: usize = 5;

pub(super) struct Arrived {
    /// The directory, with a separator at its end.
    directory: String,
    first: Vec<Vec<u8>>,
    has_more: bool,
}

impl Arrived {
    pub(super) fn new(directory: &Path) -> Self {
        let mut directory = shown(directory.as_os_str().as_encoded_bytes());
        if !directory.ends_with(is_separator) {
            directory.push('/');
        }
        Self { directory, first: Vec::new(), has_more: false }
    }

    pub(super) fn add(&mut self, path: &EntryPath) {
        let name = path.as_bytes().split(|b| *b == b'/').next().unwrap_or_default();
        // Newest first: the files of one tree come after each other.
        if self.first.iter().rev().any(|known| known == name) {
            return;
        }
        if self.first.len() < NAMED {
            self.first.push(name.to_owned());
        } else {
            self.has_more = true;
        }
    }

    /// As in `inbox/a, inbox/b and more`; the directory alone if no file came.
    pub(super) fn place(&self) -> String {
        if self.first.is_empty() {
            return self.directory.clone();
        }
        let named: Vec<_> =
            self.first.iter().map(|name| format!("{}{}", self.directory, shown(name))).collect();
        named.join(", ") + if self.has_more { " and more" } else { "" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_names_are_told_and_a_tree_is_one() {
        let mut arrived = Arrived::new(Path::new("inbox"));
        assert_eq!(arrived.place(), "inbox/");
        let mut add = |path: &str| arrived.add(&EntryPath::new(path.into()).expect("it is one"));
        for path in ["tree/a", "tree/b/c", "file", "tree/d", "two\nlines"] {
            add(path);
        }
        let escaped = shown(b"two\nlines");
        assert_eq!(arrived.place(), format!("inbox/tree, inbox/file, inbox/{escaped}"));
        assert!(!escaped.contains('\n'), "{escaped}");
        let mut arrived = Arrived::new(Path::new("inbox/"));
        for number in 0..9 {
            arrived.add(&EntryPath::new(vec![b'a' + number]).expect("it is one"));
        }
        assert_eq!(arrived.place(), "inbox/a, inbox/b, inbox/c, inbox/d, inbox/e and more");
    }
}
