//! Empty answers for Windows and for Unix systems that adieu does not know: these report nothing of a connection beside its
//! samples.

use socket2::SockRef;
use std::io;

/// How far apart our kernel's asks are: as the system has it.
#[derive(Debug, Default)]
pub struct ProbePace {}

impl ProbePace {
    /// Nothing was changed.
    pub fn restore(&mut self, _: &SockRef<'_>) {}
}

/// Not known here.
pub fn unacknowledged(_: &SockRef<'_>) -> Option<u64> {
    None
}

/// Not known here: Windows' SIO_TCP_INFO has the bytes in flight, and not those that are queued behind them.
pub fn unacknowledged_bytes(_: &SockRef<'_>) -> io::Result<Option<u64>> {
    Ok(None)
}

/// Not known here.
pub fn is_sending_shut(_: &SockRef<'_>) -> bool {
    false
}

/// Not known here.
pub fn peer_has_ended_first(_: &SockRef<'_>) -> Option<bool> {
    None
}

/// Not known here.
pub fn is_receiving_shut(_: &SockRef<'_>) -> bool {
    false
}
