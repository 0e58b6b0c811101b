//! Programs and files that a task needs from the system, and Debian's packages that have them.
//!
//! A task installs nothing: what is missing is said, with the command that gets it.

use anyhow::{Result, bail};
use std::{
    env,
    path::{Path, PathBuf},
};

/// A program in the path, or a file, and Debian's packages that have it.
pub(crate) type Part = (&'static str, &'static str);

/// Debian's compiler with its library's source: the standard library of another system can be built from it. The one of a rustup
/// toolchain would need a download.
pub(crate) const CARGO: &str = "/usr/bin/cargo";
pub(crate) const RUSTC: &str = "/usr/bin/rustc";
pub(crate) const STD: &str = "/usr/lib/rustlib/src/rust/library/std/Cargo.toml";
pub(crate) const RUST: [Part; 3] = [(RUSTC, "rustc-web"), (CARGO, "cargo-web"), (STD, "rust-web-src")];

/// Where that compiler builds, for every target, so that what runs on this machine is built once. Apart from the toolchain's own
/// artefacts: two compilers in one folder throw away each other's.
pub(crate) fn folder() -> Result<PathBuf> {
    Ok(crate::root()?.join("target/other-systems"))
}

/// Checks that all of them are there.
///
/// # Errors
///
/// One or more are missing; the error says which, and what to type.
pub(crate) fn require(parts: &[Part]) -> Result<()> {
    let mut missing: Vec<&str> =
        parts.iter().filter(|(part, _)| find(part).is_none()).map(|(_, package)| *package).collect();
    missing.sort_unstable();
    missing.dedup();
    if missing.is_empty() { Ok(()) } else { bail!("{}", how_to_get(&missing)) }
}

fn how_to_get(missing: &[&str]) -> String {
    let packages = missing.join(" ");
    format!(
        "these parts are missing: {packages}; on Debian: apt-get install --no-install-recommends {packages}"
    )
}

/// Where a file, or a program in the path, is.
pub(crate) fn find(part: &str) -> Option<PathBuf> {
    if part.starts_with('/') {
        return Some(PathBuf::from(part)).filter(|path| path.exists());
    }
    // What only the administrator runs is not in everybody's path.
    let system = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    let path = env::var_os("PATH")?;
    env::split_paths(&path).chain(system).map(|folder| folder.join(part)).find(|path| Path::is_file(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_said_with_the_command_that_gets_it() {
        let said = how_to_get(&["rustc-web", "wine wine64"]);
        assert!(said.ends_with("apt-get install --no-install-recommends rustc-web wine wine64"), "{said}");
        assert!(find("sh").is_some() && find("no-such-program").is_none() && find("/no/such/file").is_none());
        assert!(require(&[("sh", "dash")]).is_ok());
        let error = require(&[("sh", "dash"), ("no-such-program", "a-package")]).expect_err("it is missing");
        assert!(error.to_string().contains("a-package") && !error.to_string().contains("dash"), "{error}");
    }
}
