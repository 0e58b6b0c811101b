//! How much of the system a process may have: memory alone limits it.

/// Windows limits sockets by memory alone.
pub fn raise_descriptor_limit() {}

/// No limit of a process's memory is looked at.
pub fn memory_suffices_for(_: usize) -> Option<u32> {
    None
}

/// How many more sockets there may be.
pub fn free_descriptors() -> usize {
    usize::MAX
}

/// Memory alone limits handles.
pub fn open_files_limit() -> u64 {
    u64::MAX
}
