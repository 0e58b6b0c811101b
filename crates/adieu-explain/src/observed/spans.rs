//! A small set of spans of sequence space: what a capture has not shown of a direction yet.
//!
//! The set is bounded, because a capture is untrusted. When it is full, the two closest spans are joined, which makes the
//! set larger than the truth: it then says "perhaps not seen" of octets that were seen, and never the reverse.

/// How many spans are kept at most.
const MOST: usize = 24;

/// Spans `[from, to)`, in order, that neither touch nor overlap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Spans {
    spans: Vec<(i64, i64)>,
    joined: bool,
}

impl Spans {
    pub(crate) const EMPTY: Self = Self { spans: Vec::new(), joined: false };

    /// Whether the set is empty: the usual case, which costs no allocation.
    pub(crate) fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Whether spans were joined for lack of room, so that the set claims too much.
    pub(crate) fn is_rough(&self) -> bool {
        self.joined
    }

    /// Appends a span that lies after all others.
    pub(crate) fn push(&mut self, from: i64, to: i64) {
        if from >= to {
            return;
        }
        self.spans.push((from, to));
        self.bound();
    }

    /// Puts a span in front of all others.
    pub(crate) fn push_front(&mut self, from: i64, to: i64) {
        if from < to {
            self.spans.insert(0, (from, to));
            self.bound();
        }
    }

    /// Moves all spans by `by`.
    pub(crate) fn shift(&mut self, by: i64) {
        for span in &mut self.spans {
            *span = (span.0 + by, span.1 + by);
        }
    }

    /// Takes `[from, to)` out of the set, and says how many octets of it were in the set.
    pub(crate) fn remove(&mut self, from: i64, to: i64) -> u64 {
        let mut removed = 0;
        let mut at = self.spans.partition_point(|span| span.1 <= from);
        while let Some(&(left, right)) = self.spans.get(at) {
            if left >= to {
                break;
            }
            removed += right.min(to).abs_diff(left.max(from));
            match (left < from, to < right) {
                (true, true) => {
                    self.spans[at].1 = from;
                    self.spans.insert(at + 1, (to, right));
                    self.bound();
                    break;
                }
                (true, false) => {
                    self.spans[at].1 = from;
                    at += 1;
                }
                (false, true) => {
                    self.spans[at].0 = to;
                    break;
                }
                (false, false) => {
                    self.spans.remove(at);
                }
            }
        }
        removed
    }

    /// How many octets of the set lie before `limit`.
    pub(crate) fn before(&self, limit: i64) -> u64 {
        self.spans
            .iter()
            .map_while(|&(left, right)| (left < limit).then(|| right.min(limit).abs_diff(left)))
            .sum()
    }

    /// How many octets of the set lie from `limit` on.
    pub(crate) fn from(&self, limit: i64) -> u64 {
        self.spans
            .iter()
            .map(|&(left, right)| if right > limit { right.abs_diff(left.max(limit)) } else { 0 })
            .sum()
    }

    /// Joins the two neighbours with the least between them while there are too many.
    fn bound(&mut self) {
        while self.spans.len() > MOST {
            let closest = (1..self.spans.len())
                .min_by_key(|&at| self.spans[at].0.abs_diff(self.spans[at - 1].1))
                .expect("there are more than two spans");
            self.spans[closest - 1].1 = self.spans[closest].1;
            self.spans.remove(closest);
            self.joined = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_filled_in_later_leaves_the_set() {
        let mut spans = Spans::default();
        spans.push(10, 20);
        spans.push(30, 40);
        assert_eq!(spans.remove(15, 33), 8);
        assert_eq!(spans, Spans { spans: vec![(10, 15), (33, 40)], joined: false });
        assert_eq!(spans.remove(35, 36), 1);
        assert_eq!(spans.before(34), 6);
        assert_eq!(spans.from(34), 1 + 4);
        assert_eq!(spans.remove(0, 100), 5 + 2 + 4);
        assert!(spans.is_empty());
    }

    #[test]
    fn a_full_set_claims_more_and_never_less() {
        let mut spans = Spans::default();
        for at in 0..1000 {
            spans.push(at * 10, at * 10 + 5);
        }
        assert!(spans.is_rough() && spans.spans.len() == MOST);
        assert!(spans.before(10_000) >= 5000);
    }
}
