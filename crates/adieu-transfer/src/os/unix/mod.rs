//! Unix: names relative to a directory's descriptor, `flock`, permission bits.

mod directory;
mod file;
mod sync;

pub(crate) use directory::{Directory, about, open_to_read};
pub(crate) use file::{
    can_be_changed, can_have_mode, has_mode, inode_changed, is_sparse, next_data, permissions, set_mode,
    settle_mode, unlock,
};
pub(crate) use sync::SyncAtOnce;

use std::convert::Infallible;
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStringExt;

/// Why a component of a path cannot be a name here: any can.
#[expect(clippy::unnecessary_wraps, reason = "elsewhere some cannot")]
pub(crate) fn check_name(_: &[u8]) -> Result<(), Infallible> {
    Ok(())
}

/// The name of an entry, as it goes over the wire.
#[expect(clippy::unnecessary_wraps, reason = "elsewhere not every name can go there")]
pub(crate) fn bytes_of(name: OsString) -> io::Result<Vec<u8>> {
    Ok(name.into_vec())
}
