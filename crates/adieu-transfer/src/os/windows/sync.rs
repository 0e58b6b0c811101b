//! There is no call that syncs many files at once without the privileges of an administrator.

use super::Directory;
use std::io;

#[derive(Debug, Clone, Copy)]
pub(crate) struct SyncAtOnce;

#[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "elsewhere there is one")]
impl SyncAtOnce {
    pub(crate) fn of(_: &Directory) -> io::Result<Self> {
        Ok(Self)
    }

    pub(crate) fn includes(self, _: u64) -> bool {
        false
    }

    pub(crate) fn is_possible(self) -> bool {
        false
    }

    pub(crate) fn sync(self, _: &Directory) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
