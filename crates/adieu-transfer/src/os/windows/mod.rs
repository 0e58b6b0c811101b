//! Windows: names as its programs can use them, handles that say what others may do meanwhile.

mod directory;
mod file;
mod name;
mod sync;

pub(crate) use directory::{Directory, about, open_to_read};
pub(crate) use file::{
    can_be_changed, can_have_mode, has_mode, inode_changed, is_sparse, next_data, permissions, set_mode,
    settle_mode, unlock,
};
pub(crate) use name::check_name;
pub(crate) use sync::SyncAtOnce;

use std::ffi::OsString;
use std::io;

/// The name of an entry, as it goes over the wire: UTF-8.
///
/// # Errors
///
/// It has half of a surrogate pair, which is no character.
pub(crate) fn bytes_of(name: OsString) -> io::Result<Vec<u8>> {
    let no_text = |_| io::Error::new(io::ErrorKind::InvalidData, "its name is no Unicode text");
    name.into_string().map(String::into_bytes).map_err(no_text)
}
