//! `cargo xtask publish`: what crates.io would be given, checked and never uploaded.
//!
//! Three things can be wrong with a crate that builds in its workspace: it does not build alone, its dependencies are allowed
//! to be older than what it uses, and its public API has changed without anybody having seen it. The API stands in
//! `crates/NAME/public-api.txt`, one item a line.

use crate::{cargo, root};
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, str};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Compare the public API of each library with its committed list, and no more
    #[arg(long, conflicts_with_all = ["bless", "minimal"])]
    api: bool,
    /// Write the public API of each library to its committed list
    #[arg(long)]
    bless: bool,
    /// Build with the oldest versions of the dependencies that the manifests allow, too
    #[arg(long)]
    minimal: bool,
}

/// The libraries that are published, each after those that it depends on.
const LIBRARIES: [&str; 7] =
    ["adieu-proto", "adieu-os", "adieu-report", "adieu", "adieu-transfer", "adieu-relay", "adieu-explain"];

/// What is published too, without an API that is promised: the peers of `adieu selftest`, and the binary.
const WITHOUT_API: [&str; 2] = ["adieu-peer", "adieu-cli"];

/// All that are published, each after those that it depends on.
fn published() -> impl Iterator<Item = &'static str> {
    LIBRARIES.into_iter().chain(WITHOUT_API)
}

#[expect(clippy::print_stdout, reason = "what is checked is for people")]
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    api(arguments.bless)?;
    let state = if arguments.bless { "written" } else { "as committed" };
    println!("--- the public API of {} libraries: {state}", LIBRARIES.len());
    if arguments.api || arguments.bless {
        return Ok(());
    }
    package()?;
    println!("--- {} packages: each builds alone", published().count());
    if arguments.minimal {
        minimal()?;
        println!("--- builds with the oldest dependencies that the manifests allow");
    }
    Ok(())
}

/// Compares the API of each library with its list, or writes the list.
fn api(bless: bool) -> Result<()> {
    let mut changed = Vec::new();
    for library in LIBRARIES {
        let now = public_api(library)?;
        let file = root()?.join("crates").join(library).join("public-api.txt");
        let known = fs::read_to_string(&file).unwrap_or_default();
        if bless {
            fs::write(&file, now)?;
        } else if now != known {
            changed.push(format!("{library}:\n{}", difference(&known, &now)));
        }
    }
    if !changed.is_empty() {
        bail!(
            "the public API has changed; if that is meant, run `cargo xtask publish --bless`\n{}",
            changed.join("\n")
        );
    }
    Ok(())
}

/// The lines that only one of the two has.
fn difference(known: &str, now: &str) -> String {
    let lacks = |text: &str, line: &str| !text.lines().any(|other| other == line);
    let gone = known.lines().filter(|line| lacks(now, line)).map(|line| format!("- {line}\n"));
    let new = now.lines().filter(|line| lacks(known, line)).map(|line| format!("+ {line}\n"));
    gone.chain(new).collect()
}

/// The items of a library's public API, with all features, as rustdoc knows them.
fn public_api(library: &str) -> Result<String> {
    let mut command = cargo()?;
    command.args(["rustdoc", "--quiet", "--package", library, "--lib", "--all-features"]);
    command.args(["--", "-Zunstable-options", "--output-format", "json", "--cap-lints", "allow"]);
    // The JSON of rustdoc is unstable. With the variable for rustdoc alone, dependencies are not built anew for it.
    command.env("RUSTDOC", rustdoc_of_its_own()?);
    if !command.status()?.success() {
        bail!("rustdoc could not document {library}");
    }
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| root().map(|root| root.join("target")), |d| Ok(d.into()))?;
    let json = target.join("doc").join(format!("{}.json", library.replace('-', "_")));
    let api = public_api::Builder::from_rustdoc_json(&json)
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .omit_auto_derived_impls(true)
        .build()
        .with_context(|| {
            format!("{}: the crate public-api must know the format of this compiler", json.display())
        })?;
    Ok(api.to_string())
}

/// A script that runs rustdoc with the unstable options of the stable compiler.
fn rustdoc_of_its_own() -> Result<PathBuf> {
    use std::os::unix::fs::PermissionsExt;
    let folder = root()?.join("target/xtask");
    fs::create_dir_all(&folder)?;
    let script = folder.join("rustdoc");
    fs::write(&script, "#!/bin/sh\nRUSTC_BOOTSTRAP=1 exec rustdoc \"$@\"\n")?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
    Ok(script)
}

/// Packages each crate and builds it from its package.
fn package() -> Result<()> {
    let mut command = cargo()?;
    command.args(["package", "--quiet", "--allow-dirty"]);
    for name in published() {
        command.args(["--package", name]);
    }
    if !command.status()?.success() {
        bail!("a crate does not build from its package");
    }
    for name in published() {
        has_what_it_must(name)?;
    }
    Ok(())
}

/// A package must have the licences' texts and a README of its own, and none of the tests that need crates that are not published.
fn has_what_it_must(name: &str) -> Result<()> {
    let listed = cargo()?.args(["package", "--list", "--allow-dirty", "--package", name]).output()?;
    let files = str::from_utf8(&listed.stdout)?;
    for wanted in ["LICENSE-MIT", "LICENSE-APACHE", "README.md"] {
        if !files.lines().any(|file| file == wanted) {
            bail!("the package of {name} lacks {wanted}");
        }
    }
    if let Some(test) = files.lines().find(|file| file.starts_with("tests/")) {
        bail!("the package of {name} has {test}, which needs crates that are not published");
    }
    Ok(())
}

/// Builds the published crates with the oldest direct dependencies that their manifests allow, in a copy of what is committed.
///
/// Crates that are not published, and what tests use, would ask for later versions: the copy is without them.
fn minimal() -> Result<()> {
    let copy = root()?.join("target/xtask/minimal");
    if copy.exists() {
        fs::remove_dir_all(&copy)?;
    }
    fs::create_dir_all(&copy)?;
    check_out(&copy)?;
    fs::remove_file(copy.join("Cargo.lock"))?;
    change(&copy.join("Cargo.toml"), workspace_of_published)?;
    for name in published() {
        change(&copy.join("crates").join(name).join("Cargo.toml"), without_tests)?;
    }
    let mut resolve = cargo()?;
    resolve.current_dir(&copy).env("RUSTC_BOOTSTRAP", "1").args([
        "-Zdirect-minimal-versions",
        "generate-lockfile",
        "--quiet",
    ]);
    if !resolve.status()?.success() {
        bail!(
            "the oldest versions that the manifests allow do not fit together: raise those that cargo names"
        );
    }
    let mut check = cargo()?;
    check.current_dir(&copy).env("CARGO_TARGET_DIR", root()?.join("target/xtask/minimal-target"));
    check.args(["check", "--quiet", "--locked", "--all-features"]);
    for name in published() {
        check.args(["--package", name]);
    }
    if !check.status()?.success() {
        bail!("something is used that the oldest allowed version of a dependency does not have");
    }
    Ok(())
}

fn change(manifest: &Path, how: impl Fn(&str) -> String) -> Result<()> {
    let text = fs::read_to_string(manifest).with_context(|| manifest.display().to_string())?;
    Ok(fs::write(manifest, how(&text))?)
}

/// The workspace's manifest with the published crates as its only members.
fn workspace_of_published(manifest: &str) -> String {
    let members: Vec<String> = published().map(|name| format!("\"crates/{name}\"")).collect();
    let changed = manifest.lines().filter(|line| !line.starts_with("default-members = ")).map(|line| {
        if line.starts_with("members = ") {
            format!("members = [{}]\n", members.join(", "))
        } else {
            format!("{line}\n")
        }
    });
    changed.collect()
}

/// A crate's manifest without the tables that are for tests, examples and measurements.
fn without_tests(manifest: &str) -> String {
    const LEFT_OUT: [&str; 3] = ["[[example]]", "[[test]]", "[[bench]]"];
    let mut is_left_out = false;
    let mut kept = String::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            is_left_out = line.ends_with("dev-dependencies]") || LEFT_OUT.contains(&line);
        }
        if !is_left_out {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

fn check_out(copy: &Path) -> Result<()> {
    let archive = copy.join("committed.tar");
    let mut git = Command::new("git");
    git.current_dir(root()?).args(["archive", "--output"]).arg(&archive).arg("HEAD");
    let mut tar = Command::new("tar");
    tar.arg("xf").arg(&archive).arg("-C").arg(copy);
    if !git.status()?.success() || !tar.status()?.success() {
        bail!("what is committed could not be copied");
    }
    Ok(fs::remove_file(archive)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn what_only_tests_need_is_left_out_of_a_manifest() {
        let manifest = "[package]\nname = \"a\"\n[dev-dependencies]\nb = \"1\"\n[[test]]\nname = \"c\"\n[lints]\nworkspace = true\n\
                        [target.'cfg(unix)'.dev-dependencies]\nd = \"1\"\n";
        assert_eq!(without_tests(manifest), "[package]\nname = \"a\"\n[lints]\nworkspace = true\n");
    }

    #[test]
    fn every_published_crate_is_a_member_and_comes_after_those_that_it_uses() {
        let manifest =
            fs::read_to_string(root().expect("a workspace").join("Cargo.toml")).expect("it is there");
        let changed = workspace_of_published(&manifest);
        assert!(
            changed.contains("\nmembers = [\"crates/adieu-proto\", ") && !changed.contains("\"xtask\""),
            "{changed}"
        );
        let mut known = BTreeSet::new();
        for name in published() {
            let manifest = root().expect("a workspace").join("crates").join(name).join("Cargo.toml");
            let text = without_tests(&fs::read_to_string(manifest).expect("it is there"));
            let used = text
                .lines()
                .filter_map(|line| line.split([' ', '.', '=']).next())
                .filter(|word| word.starts_with("adieu") && *word != name);
            for used in used {
                assert!(known.contains(used), "{name} uses {used}");
            }
            known.insert(name.to_owned());
        }
    }
}
