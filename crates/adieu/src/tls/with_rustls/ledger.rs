//! Which application bytes are in which octets: how acknowledged ciphertext becomes acknowledged bytes.
//!
//! TCP acknowledges octets of records, and a record can be opened only as a whole. So a byte counts as accepted, or as
//! acknowledged, when the whole record that it is in is. That never says more than was seen, and says everything once
//! the last octet is through.

use std::collections::VecDeque;

/// A record's end, in the octets of the connection and in the bytes of the application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct End {
    octets: u64,
    bytes: u64,
}

/// From how many records on the acknowledgements are to be asked for, so that the list does not grow with the stream.
const MANY: usize = 1024;

#[derive(Debug)]
pub(crate) struct Ledger {
    /// Everything that was encrypted.
    encrypted: End,
    /// Octets that our kernel has accepted.
    written: u64,
    /// Records with application bytes that are not known to be acknowledged.
    records: VecDeque<End>,
    /// How many of these are accepted.
    accepted: usize,
    /// Application bytes known to be acknowledged.
    acknowledged: u64,
    /// Nobody can tell what is acknowledged, so it is not kept.
    untold: bool,
    /// From how many records on to ask.
    many: usize,
    /// The connection has sent something before it was ours, and so many octets of that our kernel had not accepted by then.
    earlier: Option<u64>,
}

impl Ledger {
    pub(crate) fn new() -> Self {
        Self {
            encrypted: End { octets: 0, bytes: 0 },
            written: 0,
            records: VecDeque::new(),
            accepted: 0,
            acknowledged: 0,
            untold: false,
            many: MANY,
            earlier: None,
        }
    }

    /// A record of so many octets holds so many application bytes; none, if it is of the handshake or an alert.
    pub(crate) fn encrypted(&mut self, octets: usize, bytes: usize) {
        self.encrypted.octets += octets as u64;
        self.encrypted.bytes += bytes as u64;
        if bytes > 0 {
            self.records.push_back(self.encrypted);
        }
    }

    /// What was said so far was not the application's, and the peer has answered it.
    pub(crate) fn begin_anew(&mut self) {
        self.encrypted.bytes = 0;
        self.records.clear();
        self.accepted = 0;
        self.acknowledged = 0;
    }

    /// What was encrypted so far was not by us, and the connection may have sent more before: nobody knows how many bytes of the
    /// application all of that holds, so each octet of it that is not acknowledged stands for one.
    pub(crate) fn begin_with_earlier(&mut self) {
        self.earlier = Some(self.encrypted.octets);
    }

    /// How many octets of before are not acknowledged, or not even accepted, if so many of those that our kernel accepted are not
    /// acknowledged.
    fn earlier_unacknowledged(&self, octets: u64) -> u64 {
        self.earlier.map_or(0, |earlier| (earlier + octets).saturating_sub(self.written))
    }

    /// Everything that was encrypted, or said in the clear, in octets.
    pub(crate) fn octets(&self) -> u64 {
        self.encrypted.octets
    }

    /// The application bytes in all records.
    pub(crate) fn bytes(&self) -> u64 {
        self.encrypted.bytes
    }

    /// Our kernel accepted so many octets more. Returns the application bytes that it now has, and had not.
    pub(crate) fn wrote(&mut self, octets: usize) -> u64 {
        let before = self.last_accepted();
        self.written += octets as u64;
        while self.records.get(self.accepted).is_some_and(|end| end.octets <= self.written) {
            self.accepted += 1;
        }
        let now = self.last_accepted();
        if self.untold {
            self.forget_accepted(now);
        }
        now - before
    }

    fn last_accepted(&self) -> u64 {
        match self.accepted.checked_sub(1) {
            Some(last) => self.records[last].bytes,
            None => self.acknowledged,
        }
    }

    fn forget_accepted(&mut self, bytes: u64) {
        self.records.drain(..self.accepted);
        self.accepted = 0;
        self.acknowledged = bytes;
    }

    /// The list is long: it is time to look at the acknowledgements.
    pub(crate) fn is_long(&self) -> bool {
        self.accepted >= self.many
    }

    /// So many octets that our kernel accepted are not acknowledged. Returns the application bytes of which the same must
    /// be said.
    pub(crate) fn unacknowledged(&mut self, octets: u64) -> u64 {
        let accepted = self.last_accepted();
        if self.untold {
            // A platform that counted nothing until now may still say that all is through.
            return if octets == 0 { 0 } else { accepted };
        }
        let until = self.written.saturating_sub(octets);
        while self.accepted > 0
            && let Some(end) = self.records.front().filter(|end| end.octets <= until)
        {
            self.acknowledged = end.bytes;
            self.records.pop_front();
            self.accepted -= 1;
        }
        // What our kernel holds is bounded, but it may be more than we thought.
        self.many = MANY.max(2 * self.accepted);
        accepted - self.acknowledged + self.earlier_unacknowledged(octets)
    }

    /// Nobody can tell here what is acknowledged.
    pub(crate) fn cannot_be_told(&mut self) {
        self.untold = true;
        self.forget_accepted(self.last_accepted());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(unix)]
    use proptest::prelude::*;

    #[test]
    fn a_byte_counts_once_its_whole_record_does() {
        let mut ledger = Ledger::new();
        ledger.encrypted(500, 0);
        ledger.encrypted(36, 14);
        ledger.encrypted(24, 0);
        assert_eq!(ledger.wrote(500), 0);
        assert_eq!(ledger.wrote(35), 0);
        assert_eq!(ledger.wrote(25), 14);
        assert_eq!(ledger.unacknowledged(560), 14);
        assert_eq!(ledger.unacknowledged(25), 14, "one octet of the record is missing");
        assert_eq!(ledger.unacknowledged(24), 0, "only our close_notify is missing");
        assert_eq!(ledger.unacknowledged(0), 0);
    }

    #[test]
    fn what_was_sent_before_is_missing_until_it_is_acknowledged() {
        let mut ledger = Ledger::new();
        // Encrypted before, and not accepted by our kernel yet.
        ledger.encrypted(100, 0);
        ledger.begin_with_earlier();
        ledger.encrypted(36, 14);
        assert_eq!(ledger.unacknowledged(500), 500 + 100, "all of it is from before");
        assert_eq!((ledger.wrote(40), ledger.unacknowledged(540)), (0, 500 + 100));
        assert_eq!(ledger.wrote(96), 14);
        assert_eq!(ledger.unacknowledged(636), 500 + 100 + 14);
        assert_eq!(ledger.unacknowledged(137), 1 + 100 + 14);
        assert_eq!(ledger.unacknowledged(36), 14);
        assert_eq!(ledger.unacknowledged(0), 0);
    }

    #[test]
    fn the_list_does_not_grow_with_a_stream_that_is_acknowledged() {
        let mut ledger = Ledger::new();
        for _ in 0..100_000 {
            ledger.encrypted(16_406, 16_384);
            ledger.wrote(16_406);
            if ledger.is_long() {
                ledger.unacknowledged(3 * 16_406);
            }
            assert!(ledger.records.len() <= MANY);
        }
        let mut ledger = Ledger::new();
        ledger.cannot_be_told();
        for _ in 0..10 {
            ledger.encrypted(10, 1);
            assert_eq!(ledger.wrote(10), 1);
            assert!(ledger.records.is_empty());
        }
        assert_eq!((ledger.unacknowledged(1), ledger.unacknowledged(0)), (10, 0), "never too much");
    }

    #[cfg(unix)]
    proptest! {
        #[test]
        fn no_more_is_claimed_than_whole_records(
            records in prop::collection::vec((1_usize..50, 0_usize..40), 1..60),
            steps in prop::collection::vec((0_u64..400, 0_u64..400), 1..60),
        ) {
            let mut ledger = Ledger::new();
            let (mut octets, mut bytes, mut ends) = (0, 0, vec![(0, 0)]);
            for (overhead, plain) in records {
                ledger.encrypted(overhead + plain, plain);
                octets += (overhead + plain) as u64;
                bytes += plain as u64;
                ends.push((octets, bytes));
            }
            let whole = |until: u64| ends.iter().filter(|e| e.0 <= until).map(|e| e.1).max().unwrap_or(0);
            let (mut written, mut accepted, mut acknowledged) = (0, 0, 0);
            for (write, unacknowledged) in steps {
                let write = write.min(octets - written);
                written += write;
                accepted += ledger.wrote(usize::try_from(write).expect("small"));
                prop_assert_eq!(accepted, whole(written));
                // What was acknowledged stays so.
                acknowledged = acknowledged.max(written.saturating_sub(unacknowledged));
                let missing = ledger.unacknowledged(written - acknowledged);
                prop_assert_eq!(accepted - missing, whole(acknowledged));
            }
        }
    }
}
