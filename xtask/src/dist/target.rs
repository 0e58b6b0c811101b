//! The systems that adieu is built for, as data.

use super::licences::Linked;
use crate::parts::Part;

/// A system, and how its binary is built, run and licensed here.
#[derive(Debug)]
pub(super) struct Target {
    /// What files are called by.
    pub(super) name: &'static str,
    /// Rust's name.
    pub(super) triple: &'static str,
    pub(super) program: &'static str,
    /// What its people unpack.
    pub(super) archive: Archive,
    /// What Debian's packages, and RPM's, call the machine. `None`: there is no such package for it.
    pub(super) machine: Option<Machine>,
    /// What builds it, beside the Rust compiler.
    pub(super) parts: &'static [Part],
    pub(super) environment: &'static [(&'static str, &'static str)],
    pub(super) rustflags: &'static [&'static str],
    /// What runs the program here. `None`: it runs as it is.
    pub(super) launcher: Option<Part>,
    /// What is linked into it beside crates.
    pub(super) libraries: &'static [Linked],
    /// Debian's compiler that links it, and files of those libraries: the bill says of which packages they are here.
    pub(super) linked: (&'static str, &'static [&'static str]),
}

impl Target {
    /// What the names of its artefacts begin with.
    pub(super) fn stem(&self) -> String {
        format!("adieu-{}-{}", super::VERSION, self.name)
    }

    /// The name of its archive.
    pub(super) fn archive_name(&self) -> String {
        let extension = match self.archive {
            Archive::TarGz => "tar.gz",
            Archive::Zip => "zip",
        };
        format!("{}.{extension}", self.stem())
    }
}

/// The form of an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Archive {
    TarGz,
    Zip,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Machine {
    pub(super) deb: &'static str,
    pub(super) rpm: &'static str,
}

pub(super) const STD: Linked = Linked {
    name: "Rust's standard library",
    terms: "MIT OR Apache-2.0, https://github.com/rust-lang/rust; what is in it has its own terms, below",
    texts: &["/usr/share/doc/libstd-rust-web-dev/copyright"],
};
const LIBGCC: Linked = Linked {
    name: "libgcc",
    terms: "GPL-3.0-or-later WITH GCC-exception-3.1, https://gcc.gnu.org",
    texts: &["/usr/share/doc/gcc-12-base/copyright"],
};
const GLIBC: Linked = Linked {
    name: "the GNU C Library",
    terms: "LGPL-2.1-or-later, https://sourceware.org/glibc; this program can be linked with another version of it: \
            its source, and packaging/README.md, say how it is built",
    texts: &["/usr/share/doc/libc6/copyright", "/usr/share/common-licenses/LGPL-2.1"],
};
const MINGW: Linked = Linked {
    name: "the runtime library of mingw-w64",
    terms: "ZPL-2.1 and others, https://www.mingw-w64.org",
    texts: &["/usr/share/doc/mingw-w64-x86-64-dev/copyright"],
};

/// The one that is built by `--quick`, and made into a container.
pub(super) const NATIVE: &Target = &ALL[0];

pub(super) const ALL: [Target; 3] = [
    Target {
        name: "x86_64-linux",
        triple: "x86_64-unknown-linux-gnu",
        program: "adieu",
        archive: Archive::TarGz,
        machine: Some(Machine { deb: "amd64", rpm: "x86_64" }),
        parts: &[("gcc", "gcc")],
        environment: &[],
        // Relative relocations in a tenth of the room, which the start-up of a static program understands since glibc 2.36.
        rustflags: &["-Ctarget-feature=+crt-static", "-Clink-arg=-Wl,-z,pack-relative-relocs"],
        launcher: None,
        libraries: &[STD, GLIBC, LIBGCC],
        linked: ("gcc", &["libc.a", "libgcc.a"]),
    },
    Target {
        name: "aarch64-linux",
        triple: "aarch64-unknown-linux-gnu",
        program: "adieu",
        archive: Archive::TarGz,
        machine: Some(Machine { deb: "arm64", rpm: "aarch64" }),
        parts: &[
            ("aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu"),
            ("/usr/aarch64-linux-gnu/lib/libc.a", "libc6-dev-arm64-cross"),
        ],
        environment: &[("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER", "aarch64-linux-gnu-gcc")],
        // Debian 12's linker for it ignores -z pack-relative-relocs.
        rustflags: &["-Ctarget-feature=+crt-static"],
        launcher: Some(("qemu-aarch64", "qemu-user")),
        libraries: &[STD, GLIBC, LIBGCC],
        linked: ("aarch64-linux-gnu-gcc", &["libc.a", "libgcc.a"]),
    },
    Target {
        name: "x86_64-windows",
        triple: "x86_64-pc-windows-gnu",
        program: "adieu.exe",
        archive: Archive::Zip,
        machine: None,
        parts: &[("x86_64-w64-mingw32-gcc", "gcc-mingw-w64-x86-64")],
        environment: &[],
        // The time of the build is not wanted in the program.
        rustflags: &["-Ctarget-feature=+crt-static", "-Clink-arg=-Wl,--no-insert-timestamp"],
        launcher: Some(("wine", "wine wine64")),
        libraries: &[STD, MINGW, LIBGCC],
        linked: ("x86_64-w64-mingw32-gcc", &["libmingwex.a", "libgcc.a"]),
    },
];
