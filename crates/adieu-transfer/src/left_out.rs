//! What one side leaves out of a transfer while the rest goes on, and how it is named.

/// Entries that were left out, of which the first have their names told.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct LeftOut {
    count: u64,
    first: Vec<String>,
}

/// So many are named, at most.
const NAMED: usize = 5;
/// The bytes of a name that are told, at most. All of them together leave room for the rest of a receipt's words, which are cut
/// after 8 KiB.
const TOLD: usize = 1 << 10;

impl LeftOut {
    /// `name`: for people.
    pub(crate) fn add(&mut self, name: String) {
        self.count += 1;
        if self.first.len() < NAMED {
            self.first.push(told(name));
        }
    }

    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// As in `7 entries (a, b, c, d, e and 2 more)`.
    pub(crate) fn entries(&self) -> String {
        let entries = if self.count == 1 { "1 entry".to_owned() } else { format!("{} entries", self.count) };
        let more = match self.count - self.first.len() as u64 {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        format!("{entries} ({}{more})", self.first.join(", "))
    }
}

/// The name, or the end of one that is too long, which tells it from others of its directory.
fn told(name: String) -> String {
    if name.len() <= TOLD {
        return name;
    }
    let mut from = name.len() - TOLD;
    while !name.is_char_boundary(from) {
        from += 1;
    }
    format!("...{}", &name[from..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_are_named_and_all_are_counted() {
        let mut left_out = LeftOut::default();
        assert!(left_out.is_empty());
        left_out.add("a".to_owned());
        assert_eq!(left_out.entries(), "1 entry (a)");
        for name in ["b", "c", "d", "e"] {
            left_out.add(name.to_owned());
        }
        assert_eq!(left_out.entries(), "5 entries (a, b, c, d, e)");
        left_out.add("f".to_owned());
        assert_eq!(left_out.entries(), "6 entries (a, b, c, d, e and 1 more)");
        assert_eq!(left_out.count(), 6);
    }
    #[test]
    fn long_names_are_cut_so_that_what_follows_them_is_told_too() {
        let mut left_out = LeftOut::default();
        for at in 0..9 {
            // 4096 bytes and more, and no character begins where it is cut.
            left_out.add(format!("{}{at}", "\u{fc}".repeat(2100)));
        }
        let entries = left_out.entries();
        assert!(entries.len() < 6 << 10, "{}", entries.len());
        assert!(entries.starts_with("9 entries (...\u{fc}"), "{entries}");
        assert!(
            entries.contains("\u{fc}0, ...\u{fc}") && entries.ends_with("\u{fc}4 and 4 more)"),
            "{entries}"
        );
    }
}
