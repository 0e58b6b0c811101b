//! What one side leaves out of a transfer while the rest goes on, and how it is named.

/// Entries that were left out, of which the first have their names told.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct LeftOut {
    count: u64,
    first: Vec<String>,
}

/// So many are named, at most.
const NAMED: usize = 5;

impl LeftOut {
    /// `name`: for people.
    pub(crate) fn add(&mut self, name: String) {
        self.count += 1;
        if self.first.len() < NAMED {
            self.first.push(name);
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
}
