//! The memory that an allocator keeps after it was freed.

/// Gives memory that the program has freed back to the system, where the allocator keeps it.
///
/// # Platforms
///
/// Linux with glibc, whose allocator keeps freed memory between two pieces that are in use. It takes some ten milliseconds if there is
/// much, so it is not for a thread that others wait for. Elsewhere nothing is done.
///
/// Source: malloc_trim(3).
pub fn return_freed_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        #[expect(unsafe_code, reason = "no safe wrapper exists")]
        // SAFETY: it takes a number, and may be called by any thread at any time.
        unsafe {
            libc::malloc_trim(0);
        }
    }
}
