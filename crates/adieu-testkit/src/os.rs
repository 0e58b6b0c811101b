//! What the kernel knows of a socket and no safe call tells: the only unsafe code of the test kit.

use rustix::fd::AsFd;
use std::io;

/// Bytes sent on this socket that the other side's TCP has not acknowledged (Unix sockets: not yet read there).
///
/// # Platforms
///
/// Linux: `SIOCOUTQ`, tcp(7). Elsewhere `Unsupported`.
pub(crate) fn unacknowledged(socket: impl AsFd) -> io::Result<u64> {
    #[cfg(target_os = "linux")]
    {
        use std::ffi::c_int;
        // SIOCOUTQ is the socket name of TIOCOUTQ.
        const SIOCOUTQ: rustix::ioctl::Opcode = 0x5411;
        #[expect(unsafe_code, reason = "rustix has no safe SIOCOUTQ; the kernel writes one c_int")]
        // SAFETY: on a socket SIOCOUTQ writes exactly one c_int to the pointer that Getter passes.
        let queued =
            unsafe { rustix::ioctl::ioctl(socket, rustix::ioctl::Getter::<SIOCOUTQ, c_int>::new()) }?;
        Ok(u64::try_from(queued).unwrap_or(0))
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = socket;
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// Received bytes that wait unread in our kernel.
pub(crate) fn unread(socket: impl AsFd) -> io::Result<u64> {
    Ok(rustix::io::ioctl_fionread(socket)?)
}

/// From now on the calling thread, and what it starts, see an empty file system of so many bytes at `path`; nobody else
/// does.
///
/// # Platforms
///
/// Linux, as root: a mount namespace of the thread's own, unshare(2), with a tmpfs. Elsewhere `Unsupported`.
pub(crate) fn see_own_tmpfs(path: &std::path::Path, bytes: u64, read_only: bool) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use rustix::mount::{MountFlags, mount};
        enter_own_mounts()?;
        let flags = if read_only { MountFlags::RDONLY } else { MountFlags::empty() };
        let size = std::ffi::CString::new(format!("size={bytes}"))?;
        Ok(mount("tmpfs", path, "tmpfs", flags, &*size)?)
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (path, bytes, read_only);
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[cfg(target_os = "linux")]
fn enter_own_mounts() -> io::Result<()> {
    use rustix::mount::{MountPropagationFlags, mount_change};
    use rustix::thread::{UnshareFlags, unshare_unsafe};
    #[expect(unsafe_code, reason = "unshare is unsafe for the sake of CLONE_FILES, which is not asked for")]
    // SAFETY: descriptors stay shared; only the view of the file system becomes the thread's own.
    unsafe { unshare_unsafe(UnshareFlags::NEWNS) }?;
    // Without this the mount would be seen by everyone.
    Ok(mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)?)
}

/// From now on the calling thread, and threads that it starts, see `own` in place of `path`; nobody else does.
///
/// # Platforms
///
/// Linux, as root: a mount namespace of the thread's own, unshare(2). Elsewhere `Unsupported`.
pub(crate) fn see_own_file(own: &std::path::Path, path: &str) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        enter_own_mounts()?;
        Ok(rustix::mount::mount_bind(own, path)?)
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (own, path);
        Err(io::ErrorKind::Unsupported.into())
    }
}
