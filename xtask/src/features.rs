//! `cargo xtask features`: the library without a warning in every combination of its features, and its documentation too.
//!
//! All features together are what the other checks build. A combination shows what only another feature uses, and what the
//! documentation names though it is not there.

use crate::cargo;
use anyhow::{Result, bail};

/// Each alone or with any of the others.
const FEATURES: [&str; 3] = ["serde", "tls", "tokio"];

/// One at a time. What `tls` is made of, as a program can choose it that brings its own cryptography, roots or certificate; and
/// what no other feature touches.
const ALONE: [&str; 6] = [
    "tracing",
    "tls-core",
    "tls-native-roots",
    "tls-ring",
    "tls-self-signed",
    "tls-native-roots,tls-self-signed",
];

/// A program beside whose rustls with aws-lc-rs the library has to work. It is no member of the workspace, whose lock file and
/// features it must not share.
const BESIDE_AWS_LC: &str = "xtask/beside-aws-lc/Cargo.toml";

pub(crate) fn run() -> Result<()> {
    let mut failed = Vec::new();
    let combinations = (0..1_usize << FEATURES.len()).map(|chosen| {
        let names = FEATURES.iter().enumerate().filter(|(bit, _)| chosen & (1 << bit) != 0);
        names.map(|(_, name)| *name).collect::<Vec<_>>().join(",")
    });
    for features in combinations {
        let library = ["-p", "adieu", "--lib", "--no-default-features", "--features", &features];
        let lints = ["clippy", "--quiet"].into_iter().chain(library).chain(["--", "-D", "warnings"]);
        let doc = ["doc", "--quiet", "--no-deps"].into_iter().chain(library);
        if !(succeeds(lints)? && succeeds(doc)?) {
            failed.push(format!("'{features}'"));
        }
    }
    for features in ALONE {
        let lints =
            ["clippy", "--quiet", "-p", "adieu", "--lib", "--no-default-features", "--features", features];
        if !succeeds(lints.into_iter().chain(["--", "-D", "warnings"]))? {
            failed.push(format!("'{features}'"));
        }
    }
    for own_ring in [&[][..], &["--features", "tls"]] {
        let program = ["run", "--quiet", "--locked", "--manifest-path", BESIDE_AWS_LC, "--target-dir"];
        let program = program.into_iter().chain(["target/beside-aws-lc"]).chain(own_ring.iter().copied());
        if !succeeds(program)? {
            failed
                .push(format!("beside aws-lc-rs, {}", if own_ring.is_empty() { "tls-core" } else { "tls" }));
        }
    }
    if failed.is_empty() {
        Ok(())
    } else {
        bail!("with the features {} it is not as it should be", failed.join(", "))
    }
}

fn succeeds<'a>(arguments: impl Iterator<Item = &'a str>) -> Result<bool> {
    Ok(cargo()?.args(arguments).env("RUSTDOCFLAGS", "-D warnings").status()?.success())
}
