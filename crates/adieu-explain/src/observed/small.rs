//! Values that may be absent, in no more room than the value takes.

use super::Seen;
use crate::segment::Timestamp;

/// A number that may be absent. The smallest number of all stands for that, and cannot be told from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Maybe(i64);

impl Maybe {
    pub(super) const NONE: Self = Self(i64::MIN);

    pub(super) const fn some(value: i64) -> Self {
        Self(value)
    }

    pub(super) const fn get(self) -> Option<i64> {
        if self.0 == i64::MIN { None } else { Some(self.0) }
    }

    /// Adds `by` to the number, if it is there.
    pub(super) const fn shift(&mut self, by: i64) {
        if self.get().is_some() {
            self.0 += by;
        }
    }
}

impl Default for Maybe {
    fn default() -> Self {
        Self::NONE
    }
}

/// The number of a frame that may be absent. It is kept with one added, so that zero is free.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct MaybeFrame(u64);

impl MaybeFrame {
    pub(super) const fn some(frame: u64) -> Self {
        Self(frame.saturating_add(1))
    }

    pub(super) const fn get(self) -> Option<u64> {
        self.0.checked_sub(1)
    }
}

/// A frame that may be absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct MaybeSeen {
    frame: MaybeFrame,
    time: Timestamp,
}

impl MaybeSeen {
    pub(super) const fn some(seen: Seen) -> Self {
        Self { frame: MaybeFrame::some(seen.frame), time: seen.time }
    }

    pub(super) const fn get(self) -> Option<Seen> {
        match self.frame.get() {
            Some(frame) => Some(Seen { frame, time: self.time }),
            None => None,
        }
    }
}
