//! Only Linux has orphans for this program: as PID 1 of a container.

use std::io;

/// Nobody has orphans here.
#[expect(clippy::unnecessary_wraps, reason = "elsewhere it may fail")]
pub(crate) fn leave_to_another() -> io::Result<()> {
    Ok(())
}

/// Does nothing: on this system no process inherits orphans.
#[expect(clippy::unnecessary_wraps, reason = "elsewhere it may fail")]
pub(crate) fn reap_as_init() -> io::Result<()> {
    Ok(())
}
