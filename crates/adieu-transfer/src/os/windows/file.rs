//! Permission bits and holes, which files have elsewhere.

use std::fs::{File, Metadata};
use std::io;

/// Windows has no permission bits: everybody may read and write, as far as the receiver's own settings let them.
pub(crate) fn permissions(_: &Metadata) -> u16 {
    0o666
}

/// The standard library does not tell when a file was last changed in any way.
pub(crate) fn inode_changed(_: &Metadata) -> Option<(i64, i64)> {
    None
}

/// A file here has the rights that its directory gives it.
#[expect(clippy::unnecessary_wraps, reason = "elsewhere it can fail")]
pub(crate) fn settle_mode(_: &File, _: u16) -> io::Result<()> {
    Ok(())
}

/// As [`settle_mode`].
#[expect(clippy::unnecessary_wraps, reason = "elsewhere it can fail")]
pub(crate) fn set_mode(_: &File, _: u16) -> io::Result<()> {
    Ok(())
}

/// There is nothing to give.
pub(crate) fn can_have_mode(_: &Metadata, _: u16) -> bool {
    true
}

/// Its time can be set.
pub(crate) fn can_be_changed(_: &Metadata) -> bool {
    true
}

/// As [`can_have_mode`].
pub(crate) fn has_mode(_: &Metadata, _: u16) -> bool {
    true
}

/// What is opened so that nobody else can write is given back by its close: no child inherits the handle.
pub(crate) fn unlock(_: &File) {}

/// Holes are not looked for: they are read, and sent, as zeros.
pub(crate) fn is_sparse(_: &Metadata) -> bool {
    false
}

/// All of it is data.
pub(crate) fn next_data(_: &mut File, size: u64, _: u64) -> (u64, u64) {
    (0, size)
}
