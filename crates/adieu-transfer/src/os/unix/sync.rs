//! One sync for many files: syncfs(2), where it is as good as an fsync of each.

use super::Directory;
use std::io;

/// Whether one call can sync everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SyncAtOnce {
    No,
    #[cfg_attr(
        not(any(target_os = "linux", target_os = "android")),
        allow(dead_code, reason = "only Linux has syncfs")
    )]
    Yes {
        device: u64,
    },
}

impl SyncAtOnce {
    /// # Platforms
    ///
    /// Linux from 5.8 on, where syncfs(2) tells of every error in writing back since its descriptor was opened, and on
    /// local file systems, whose sync ends on the disk. A network's or FUSE's may not.
    #[cfg_attr(
        not(any(target_os = "linux", target_os = "android")),
        expect(clippy::unnecessary_wraps, reason = "it can fail on Linux")
    )]
    pub(crate) fn of(root: &Directory) -> io::Result<Self> {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        {
            // magic.h of Linux: ext2 to ext4, XFS, Btrfs, F2FS, tmpfs.
            const LOCAL: [u32; 5] = [0xEF53, 0x5846_5342, 0x9123_683E, 0xF2F5_2010, 0x0102_1994];
            let tells_errors = rustix::system::uname().release().to_str().is_ok_and(is_5_8);
            // Its type has 32 or 64 bits and a sign or none, by the system; the kernel's number has 32 bits.
            let number = |type_of: i128| u32::try_from(type_of & i128::from(u32::MAX));
            let file_system = rustix::fs::fstatfs(root).map(|f| number(f.f_type.into()));
            if tells_errors && file_system.is_ok_and(|f| f.is_ok_and(|f| LOCAL.contains(&f))) {
                return Ok(Self::Yes { device: root.identity()?.device });
            }
        }
        let _ = root;
        Ok(Self::No)
    }

    /// Whether one sync of the root is as good for what is in a directory of this device: it is on the root's file system.
    pub(crate) fn includes(self, device: u64) -> bool {
        self == Self::Yes { device }
    }

    pub(crate) fn is_possible(self) -> bool {
        self != Self::No
    }

    /// Source: syncfs(2).
    #[cfg_attr(
        not(any(target_os = "linux", target_os = "android")),
        expect(clippy::unused_self, reason = "as on Linux")
    )]
    pub(crate) fn sync(self, root: &Directory) -> io::Result<()> {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        if self.is_possible() {
            return Ok(rustix::fs::syncfs(root)?);
        }
        let _ = root;
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// Whether a release such as `6.1.0-generic` is 5.8 or later.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn is_5_8(release: &str) -> bool {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(|n| n.parse::<u32>().unwrap_or(0));
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    version >= (5, 8)
}

#[cfg(all(test, any(target_os = "linux", target_os = "android")))]
mod tests {
    #[test]
    fn releases_are_compared_by_number() {
        for (release, is_new) in [
            ("6.18.44-x", true),
            ("5.8", true),
            ("5.10.0", true),
            ("5.7.99", false),
            ("4.19", false),
            ("", false),
        ] {
            assert_eq!(super::is_5_8(release), is_new, "{release}");
        }
    }
}
