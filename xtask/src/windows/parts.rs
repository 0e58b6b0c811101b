//! What it takes to build for Windows and to run that, and how to get what is missing.

use anyhow::{Result, bail};
use std::{
    env,
    path::{Path, PathBuf},
};

/// The C compiler, which is the linker too.
pub(super) const COMPILER: &str = "x86_64-w64-mingw32-gcc";

/// The compiler of C++.
pub(super) const CPP_COMPILER: &str = "x86_64-w64-mingw32-g++";

/// Each part, and Debian's package that has it.
const PACKAGES: [(&str, &str); 7] = [
    ("/usr/bin/rustc", "rustc-web"),
    ("/usr/bin/cargo", "cargo-web"),
    ("/usr/lib/rustlib/src/rust/library/std/Cargo.toml", "rust-web-src"),
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
        let missing: Vec<&str> =
            PACKAGES.iter().filter(|(part, _)| !is_there(part)).map(|(_, package)| *package).collect();
        if !missing.is_empty() {
            bail!("{}", how_to_get(&missing));
        }
        Ok(Self { cargo: "/usr/bin/cargo".into(), rustc: "/usr/bin/rustc".into() })
    }
}

fn how_to_get(missing: &[&str]) -> String {
    let packages = missing.join(" ");
    format!(
        "these parts are missing: {packages}; on Debian: apt-get install --no-install-recommends {packages}"
    )
}

/// A file, or a program in the path.
fn is_there(part: &str) -> bool {
    if part.starts_with('/') {
        return Path::new(part).exists();
    }
    env::var_os("PATH").is_some_and(|path| env::split_paths(&path).any(|folder| folder.join(part).exists()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_said_with_the_command_that_gets_it() {
        let said = how_to_get(&["rustc-web", "wine wine64"]);
        assert!(said.ends_with("apt-get install --no-install-recommends rustc-web wine wine64"), "{said}");
        assert!(is_there("sh") && !is_there("no-such-program") && !is_there("/no/such/file"));
    }
}
