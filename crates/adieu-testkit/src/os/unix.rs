//! Unix: views of files and networks of a thread's own.

use std::io;

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

/// From now on the calling thread, and what it starts, has a network of its own, with nothing in it but a loopback that is
/// down.
///
/// # Platforms
///
/// Linux, as root: unshare(2).
#[cfg(target_os = "linux")]
pub(crate) fn enter_own_network() -> io::Result<()> {
    use rustix::thread::{UnshareFlags, unshare_unsafe};
    #[expect(unsafe_code, reason = "unshare is unsafe for the sake of CLONE_FILES, which is not asked for")]
    // SAFETY: descriptors stay shared; only the view of the network becomes the thread's own.
    unsafe { unshare_unsafe(UnshareFlags::NEWNET) }?;
    Ok(())
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
