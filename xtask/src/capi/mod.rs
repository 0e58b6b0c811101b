//! `cargo xtask capi`: the C library, from its header to an installed and tested whole.
//!
//! cargo-c would build and install too. It is not used because it has to be installed first, which takes minutes, and knows
//! neither that the header is committed and compared, nor the tests in C, which need what is installed.

mod header;
mod install;
mod matrix;
mod programs;

pub(crate) use install::{Place, build, build_by, install, libraries};
pub(crate) use programs::{CPP, DIALECTS, compile};

use anyhow::Result;
use std::path::PathBuf;

#[derive(clap::Args)]
#[command(group(clap::ArgGroup::new("what").multiple(false)))]
pub(crate) struct Arguments {
    /// Compare adieu.h with the sources that it is made from, and change nothing
    #[arg(long, group = "what")]
    check: bool,

    /// Build the static and the shared library, and install them with header and pkg-config file
    #[arg(long, value_name = "DIR", group = "what")]
    prefix: Option<PathBuf>,

    /// With --prefix: the folder of libraries below it, such as lib64
    #[arg(long, value_name = "DIR", requires = "prefix", default_value = "lib")]
    libdir: String,

    /// With --prefix: put everything below this directory instead, for a package
    #[arg(long, value_name = "DIR", requires = "prefix")]
    destdir: Option<PathBuf>,

    /// Install below target, build the examples and tests in C and C++ against that, and run them, also under valgrind
    #[arg(long, group = "what")]
    test: bool,
}

/// Without an argument adieu.h is written.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let Arguments { check, prefix, libdir, destdir, test } = arguments;
    if *check {
        header::check()
    } else if let Some(prefix) = prefix {
        let destdir = destdir.as_deref();
        install(&build()?, &Place { prefix, libdir, destdir })
    } else if *test {
        programs::test()
    } else {
        header::write()
    }
}

/// The crate's directory.
pub(crate) fn crate_folder() -> Result<PathBuf> {
    Ok(crate::root()?.join("crates/adieu-capi"))
}
