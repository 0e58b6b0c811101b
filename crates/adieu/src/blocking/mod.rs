//! The blocking face: it waits with poll.

pub(crate) mod listener;
