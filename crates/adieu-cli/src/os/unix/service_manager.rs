//! What a service tells the manager that started it. What is told is the command's to say.

pub(crate) use adieu_os::{monotonic_micros, watchdog_timeout};
use std::io;

/// Tells it these lines. False: there is no manager.
pub(crate) fn tell(lines: &str) -> io::Result<bool> {
    adieu_os::notify_service_manager(lines, &[])
}
