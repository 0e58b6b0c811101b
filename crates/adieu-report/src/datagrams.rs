//! The datagrams of an exchange, counted.

/// The datagrams of an exchange, counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Datagrams {
    /// Those that our system took for sending. Whether they arrived is not known, but of those that were refused.
    pub sent: u64,
    /// How often our system was told that one could not be delivered: nobody receives there, or there is no way to it. Each
    /// may stand for more: systems limit how often they tell.
    pub refused: u64,
    /// Those that came from the peer.
    pub received: u64,
    /// Those that came from somebody else, and were left aside.
    pub ignored: u64,
    /// Those that had arrived and that our system dropped, because the ones before them were not read in time. `None`: it is
    /// not told.
    pub dropped: Option<u64>,
}
