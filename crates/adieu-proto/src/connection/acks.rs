//! What is known of the acknowledgements of what we sent.
//!
//! It adds up what the looks at the socket say, and decides nothing. Who waits for acknowledgements is told in
//! [`ack_wait`](super::ack_wait) and [`judgement`](super::judgement).

use crate::{Evidence, Unacknowledged};

/// What our kernel has taken from us for the peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) bytes: u64,
    /// Our sending side is shut down.
    pub(super) fin: bool,
}

impl Taken {
    /// Octets of sequence space: the bytes, and one for our FIN.
    fn octets(self) -> u64 {
        self.bytes + u64::from(self.fin)
    }
}

/// What the peer is known to have of what we sent, as of the last look.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct Acks {
    /// Octets of sequence space that are acknowledged.
    acknowledged: u64,
    /// Nobody can count octets here: there are none to acknowledge, or this platform cannot tell.
    unknowable: bool,
    untaken: Untaken,
    /// Whether our FIN was acknowledged at the first look after the peer's EOF. If not, the peer had not seen our end when
    /// it made its own.
    fin_acked_at_peer_eof: Option<bool>,
}

/// What the peer's program has not taken out of the kernel that both share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
enum Untaken {
    /// No look has told of any.
    #[default]
    Unknown,
    /// As much of the kernel's memory was held by it at the last look.
    Size(u64),
    /// More was sent since the last look, so the next one has nothing to compare with.
    Grown,
}

impl Acks {
    /// Our kernel has taken more bytes.
    pub(super) fn more_sent(&mut self) {
        if let Untaken::Size(_) = self.untaken {
            self.untaken = Untaken::Grown;
        }
    }

    /// Notes what a look has told, in `evidence` too. Returns whether the peer has taken or acknowledged something since the
    /// look before.
    pub(super) fn look(
        &mut self,
        unacknowledged: Unacknowledged,
        taken: Taken,
        evidence: &mut Evidence,
    ) -> bool {
        // Octets that nobody can count would be outstanding for ever, and our own silence the peer's.
        self.unknowable = !matches!(unacknowledged, Unacknowledged::Octets(_) | Unacknowledged::End);
        let has_progressed = match unacknowledged {
            // The mark is none of the stream's bytes.
            Unacknowledged::End => {
                return self.look(Unacknowledged::Octets(u64::from(taken.fin)), taken, evidence);
            }
            Unacknowledged::Octets(octets) => {
                // The FIN is the last octet, so whatever is missing includes it.
                let bytes = octets.saturating_sub(u64::from(taken.fin));
                evidence.unacknowledged = Some(bytes.min(taken.bytes));
                evidence.fin_acknowledged = taken.fin.then_some(octets == 0);
                let known = taken.octets().saturating_sub(octets).max(self.acknowledged);
                known > core::mem::replace(&mut self.acknowledged, known)
            }
            Unacknowledged::NotApplicable => false,
            Unacknowledged::Untaken(size) => {
                let before = core::mem::replace(&mut self.untaken, Untaken::Size(size));
                matches!(before, Untaken::Size(before) if size < before)
            }
            Unacknowledged::Uncounted | Unacknowledged::Unknown => {
                let fin_is_missing = taken.fin && unacknowledged == Unacknowledged::Uncounted;
                evidence.unacknowledged = None;
                evidence.fin_acknowledged = fin_is_missing.then_some(false);
                false
            }
        };
        if evidence.eof {
            self.fin_acked_at_peer_eof = self.fin_acked_at_peer_eof.or(evidence.fin_acknowledged);
        }
        has_progressed
    }

    /// Octets of sequence space that are known to be acknowledged.
    pub(super) fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    /// Whether octets may be on their way that will be acknowledged.
    pub(super) fn is_outstanding(&self, taken: Taken) -> bool {
        !self.unknowable && self.acknowledged < taken.octets()
    }

    /// Whether the peer's program may have something to take, and a look would tell that it does.
    pub(super) fn may_be_untaken(&self) -> bool {
        match self.untaken {
            Untaken::Unknown => false,
            Untaken::Size(size) => size > 0,
            Untaken::Grown => true,
        }
    }

    pub(super) fn fin_acked_at_peer_eof(&self) -> Option<bool> {
        self.fin_acked_at_peer_eof
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Unacknowledged::{NotApplicable, Octets, Uncounted, Unknown, Untaken};

    const BYTES: Taken = Taken { bytes: 10, fin: false };
    const ALL: Taken = Taken { bytes: 10, fin: true };

    /// What one connection knows, and whether the peer's EOF was seen.
    #[derive(Default)]
    struct Known(Acks, Evidence);

    impl Known {
        fn after_eof() -> Self {
            Self(Acks::default(), Evidence { eof: true, ..Evidence::default() })
        }

        fn look(&mut self, told: Unacknowledged, taken: Taken) -> bool {
            self.0.look(told, taken, &mut self.1)
        }

        /// Acknowledged octets, missing bytes, the FIN.
        fn told(&self) -> (u64, Option<u64>, Option<bool>) {
            (self.0.acknowledged(), self.1.unacknowledged, self.1.fin_acknowledged)
        }
    }

    #[test]
    fn a_look_tells_bytes_and_the_fin_apart() {
        for (told, taken, progressed, expected) in [
            (Octets(10), BYTES, false, (0, Some(10), None)),
            (Octets(4), BYTES, true, (6, Some(4), None)),
            (Octets(0), BYTES, true, (10, Some(0), None)),
            (Octets(11), ALL, false, (0, Some(10), Some(false))),
            (Octets(1), ALL, true, (10, Some(0), Some(false))),
            (Octets(0), ALL, true, (11, Some(0), Some(true))),
            // More than was sent: no kernel says so, and no subtraction may wrap.
            (Octets(99), BYTES, false, (0, Some(10), None)),
            (Uncounted, BYTES, false, (0, None, None)),
            (Uncounted, ALL, false, (0, None, Some(false))),
            (Unknown, ALL, false, (0, None, None)),
            (NotApplicable, ALL, false, (0, None, None)),
            (Untaken(3), ALL, false, (0, None, None)),
        ] {
            let mut known = Known::default();
            assert_eq!(known.look(told, taken), progressed, "{told:?} of {taken:?}");
            assert_eq!(known.told(), expected, "{told:?} of {taken:?}");
            assert_eq!(known.0.fin_acked_at_peer_eof(), None, "the peer has not ended");
        }
    }

    #[test]
    fn what_was_acknowledged_once_stays_so() {
        let mut known = Known::default();
        assert!(known.look(Octets(4), BYTES));
        assert!(!known.look(Octets(4), BYTES), "the same again is no progress");
        assert!(!known.look(Octets(7), BYTES));
        assert_eq!(known.told(), (6, Some(7), None));
        assert!(!known.look(Unknown, BYTES));
        assert_eq!(known.told(), (6, None, None));
        assert!(known.look(Octets(3), BYTES));
    }

    #[test]
    fn the_first_look_after_the_peers_eof_says_whether_it_had_our_fin() {
        for (first, expected, later) in
            [(Octets(0), true, Octets(1)), (Octets(1), false, Octets(0)), (Uncounted, false, Octets(0))]
        {
            let mut known = Known::after_eof();
            known.look(Octets(0), BYTES);
            assert_eq!(known.0.fin_acked_at_peer_eof(), None, "our FIN is not sent");
            known.look(Unknown, ALL);
            known.look(NotApplicable, ALL);
            assert_eq!(known.0.fin_acked_at_peer_eof(), None, "it cannot be told");
            known.look(first, ALL);
            assert_eq!(known.0.fin_acked_at_peer_eof(), Some(expected));
            known.look(later, ALL);
            assert_eq!(known.0.fin_acked_at_peer_eof(), Some(expected), "later looks come too late");
        }
    }

    #[test]
    fn octets_are_outstanding_until_they_are_acknowledged_or_nobody_can_count_them() {
        let mut known = Known::default();
        assert!(!known.0.is_outstanding(Taken { bytes: 0, fin: false }));
        assert!(known.0.is_outstanding(BYTES));
        assert!(known.0.is_outstanding(Taken { bytes: 0, fin: true }), "a FIN is an octet");
        known.look(Octets(0), BYTES);
        assert!(!known.0.is_outstanding(BYTES));
        assert!(known.0.is_outstanding(ALL));
        for told in [Unknown, Uncounted, NotApplicable, Untaken(5)] {
            known.look(told, ALL);
            assert!(!known.0.is_outstanding(ALL), "{told:?}");
            known.look(Octets(1), ALL);
            assert!(known.0.is_outstanding(ALL));
        }
    }

    #[test]
    fn a_peer_in_our_kernel_takes_if_what_it_has_not_taken_shrinks() {
        let mut known = Known::default();
        known.0.more_sent();
        assert!(!known.0.may_be_untaken(), "no look has told of any");
        for (size, progressed) in [(5, false), (5, false), (4, true), (6, false), (0, true), (0, false)] {
            assert_eq!(known.look(Untaken(size), BYTES), progressed, "{size}");
            assert_eq!(known.0.may_be_untaken(), size > 0);
        }
        known.0.more_sent();
        assert!(known.0.may_be_untaken());
        assert!(!known.look(Untaken(3), BYTES), "there is nothing to compare with");
        known.0.more_sent();
        assert!(!known.look(Untaken(2), BYTES));
        assert!(known.look(Untaken(1), BYTES));
    }
}
