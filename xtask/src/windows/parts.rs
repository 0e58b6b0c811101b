//! What it takes to build for Windows and to run that.

use crate::parts::{CARGO, Part, RUST, RUSTC, require};
use anyhow::Result;
use std::path::PathBuf;

/// The C compiler, which is the linker too.
pub(super) const COMPILER: &str = "x86_64-w64-mingw32-gcc";

/// The compiler of C++.
pub(super) const CPP_COMPILER: &str = "x86_64-w64-mingw32-g++";

/// Beside the Rust compiler.
const OTHERS: [Part; 4] = [
    (COMPILER, "gcc-mingw-w64-x86-64"),
    (CPP_COMPILER, "g++-mingw-w64-x86-64"),
    ("wine", "wine wine64"),
    // A terminal, so that Wine has a console.
    ("script", "bsdutils"),
];

pub(super) struct Parts {
    pub(super) cargo: PathBuf,
    pub(super) rustc: PathBuf,
}

impl Parts {
    /// # Errors
    ///
    /// One or more are missing; the error says which, and what to type.
    pub(super) fn find() -> Result<Self> {
        require(&[&RUST[..], &OTHERS[..]].concat())?;
        Ok(Self { cargo: CARGO.into(), rustc: RUSTC.into() })
    }
}
