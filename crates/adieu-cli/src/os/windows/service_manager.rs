//! What a service tells the manager that started it: nothing, because nobody here asks for it in this way.

use adieu::Endpoint;
use adieu_relay::Handle;
use std::io;
use std::time::Duration;

/// Tells it these lines. False: there is no manager.
#[expect(clippy::unnecessary_wraps, reason = "elsewhere there is one, and it may not be reached")]
pub(crate) fn tell(_lines: &str) -> io::Result<bool> {
    Ok(false)
}

/// Within which time the manager wants to hear that we live.
pub(crate) const fn watchdog_timeout() -> Option<Duration> {
    None
}

/// A clock of the manager's.
pub(crate) const fn monotonic_micros() -> u64 {
    0
}

/// Nobody keeps sockets.
#[expect(clippy::unnecessary_wraps, reason = "on Unix it can fail")]
pub(crate) fn keep_sockets(
    _relay: &Handle,
    _name_of: impl Fn(&Endpoint) -> Option<String>,
    _prefix: &str,
) -> io::Result<()> {
    Ok(())
}

/// Nobody keeps sockets.
#[expect(clippy::unnecessary_wraps, reason = "on Unix it can fail")]
pub(crate) fn let_go(_name: &str) -> io::Result<()> {
    Ok(())
}
