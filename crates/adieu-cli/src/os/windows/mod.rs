//! Windows: the console's events, handles, commands.

pub(crate) mod signals;
mod standard;

pub(crate) use standard::{check_standard, stdout_file, that_is_file};

/// Windows limits sockets by memory alone.
pub(crate) fn raise_descriptor_limit() {}

/// How many more sockets there may be.
pub(crate) fn free_descriptors() -> usize {
    usize::MAX
}
