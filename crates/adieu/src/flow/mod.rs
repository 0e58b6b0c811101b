//! The data path: bytes from a source to a sink.

pub(crate) mod buffer;
pub(crate) mod download;
#[cfg(target_os = "linux")]
pub(crate) mod low_water;
pub(crate) mod upload;

/// Makes a pipe hold a [`PIECE`](upload::PIECE): its writer seldom waits for its reader, and one call moves more. It stays
/// as it is where the system's limit for the user is reached.
#[cfg(target_os = "linux")]
pub(crate) fn enlarge(pipe: impl std::os::fd::AsFd) {
    if rustix::pipe::fcntl_getpipe_size(&pipe).is_ok_and(|size| size < upload::PIECE) {
        let _ = rustix::pipe::fcntl_setpipe_size(&pipe, upload::PIECE);
    }
}
