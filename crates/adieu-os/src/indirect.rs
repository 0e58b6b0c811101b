//! Ways on which no byte passes through this program: only Linux has them here.
//!
//! macOS and FreeBSD have a `sendfile` too. It takes an offset and leaves the one of the open file where it was, so an input that others
//! share (a shell's `< file`) would have to be moved after each call. And FreeBSD's FIONWRITE leaves out what is still being read from the
//! disk (`sbavail`), so bytes would count as acknowledged that were not sent yet. There every byte goes through a buffer.
//!
//! Source: sendfile(2) of both; `soo_ioctl` of FreeBSD.

use crate::{HandedOn, Passed, Pollable};
use std::marker::PhantomData;

/// What an end is, for a direct way: nothing that has one.
#[derive(Debug, Clone, Copy)]
pub struct Lane<'a>(PhantomData<Pollable<'a>>);

impl<'a> Lane<'a> {
    /// A connection's socket.
    pub fn socket(_: Pollable<'a>, _: bool) -> Self {
        Self::none()
    }

    /// There is no direct way.
    pub fn none() -> Self {
        Self(PhantomData)
    }

    /// What takes everything, and goes nowhere.
    pub fn null() -> Self {
        Self::none()
    }

    /// One of our own ends.
    #[cfg(unix)]
    pub(crate) fn of(_: super::unix::open_file::Kind, _: Pollable<'a>) -> Self {
        Self::none()
    }
}

/// A direct way between two ends: there is none, so no value of this exists.
#[derive(Debug)]
pub enum Direct {}

#[allow(missing_docs, reason = "as on Linux")]
impl Direct {
    pub fn between(_: Lane<'_>, _: Lane<'_>, _: usize) -> Option<Self> {
        None
    }

    pub fn is_straight(&self) -> bool {
        match *self {}
    }

    pub fn held(&self) -> usize {
        match *self {}
    }

    pub fn has_room(&self) -> bool {
        match *self {}
    }

    pub fn take(&mut self, _: Lane<'_>, _: Lane<'_>) -> Passed {
        match *self {}
    }

    pub fn hand_on(&mut self, _: Lane<'_>) -> Option<HandedOn> {
        match *self {}
    }

    pub fn spill(&mut self, _: &mut [u8]) -> usize {
        match *self {}
    }
}
