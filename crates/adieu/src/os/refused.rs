//! Socket options that only Linux has.

use socket2::{SockAddr, SockRef, Socket};
use std::{io, time::Duration};

/// How far apart our kernel's asks are: as the system has it.
#[derive(Debug, Default)]
pub(crate) struct Pace;

impl Pace {
    /// Nothing was changed.
    #[expect(clippy::unused_self, reason = "as on Linux")]
    pub(crate) fn restore(&mut self, _: &SockRef<'_>) {}
}

/// Not here; [`Options::check`](crate::Options::check) says so first.
pub(crate) fn bind_to_interface(_: &SockRef<'_>, _: &str) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Not here.
pub(crate) fn set_user_timeout(_: &SockRef<'_>, _: Duration) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Not here.
pub(crate) fn set_fast_open(_: &SockRef<'_>, _: u32) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Not here.
pub(crate) fn send_with_syn(_: &Socket, _: &SockAddr, _: &[u8]) -> io::Result<Option<usize>> {
    Ok(None)
}

/// Not here.
pub(crate) fn syn_data_acknowledged(_: &SockRef<'_>) -> bool {
    false
}

/// Not here.
pub(crate) fn is_multipath(_: &SockRef<'_>) -> bool {
    false
}
