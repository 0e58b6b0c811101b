//! A TLS session between the core's driver and its socket, as far as the core can tell one from none.
//!
//! It owes octets: our close_notify, and once an answer to something of the peer's (a key update). It ends the peer's stream
//! in four ways, of which three cut it.

/// How the peer's stream ends inside the session, whatever its transport does afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Tail {
    /// close_notify: the stream is whole.
    CloseNotify,
    /// A fatal alert, or a record that is not authentic.
    Broken,
    /// A part of a record, of which the rest never comes.
    CutRecord,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Session {
    /// A part of the handshake has come.
    pub(crate) greeted: bool,
    /// What the peer has sent last, if it has ended its stream.
    pub(crate) tail: Option<Tail>,
    /// Our driver has read it.
    pub(crate) tail_read: bool,
    /// Our driver has sealed an answer.
    pub(crate) answered: bool,
    /// Our driver has sealed close_notify.
    pub(crate) closed: bool,
    /// Octets of records that are sealed and that our kernel has not taken.
    pub(crate) owed: u64,
    /// Where the octets of records stand that our kernel has taken, among all octets.
    records: [Option<u64>; 2],
}

impl Session {
    /// Our kernel has taken an octet of a record, after so many other octets.
    pub(crate) fn taken(&mut self, after: u64) {
        self.owed -= 1;
        let free = self.records.iter_mut().find(|place| place.is_none());
        *free.expect("one answer and one close_notify") = Some(after);
    }

    /// Octets of records that our kernel has taken.
    pub(crate) fn octets(&self) -> u64 {
        self.records.iter().flatten().count() as u64
    }

    /// Of those, how many the peer has not acknowledged.
    pub(crate) fn unacknowledged(&self, acknowledged: u64) -> u64 {
        self.records.iter().flatten().filter(|at| **at >= acknowledged).count() as u64
    }
}
