//! Windows: none of what takes Linux.

use std::{io, path::Path};

/// # Platforms
///
/// It takes Linux's mount namespaces.
pub(crate) fn see_own_tmpfs(_: &Path, _: u64, _: bool) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// # Platforms
///
/// It takes Linux's mount namespaces.
pub(crate) fn see_own_file(_: &Path, _: &str) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
