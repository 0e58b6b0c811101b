//! The crates that a binary is made of, from cargo itself: what licences and the SBOM are about.
//!
//! `cargo tree` knows which crates are linked into one binary for one target, with the features that it has there, and without
//! macros and build scripts, of which nothing is in it. `cargo metadata` knows the rest about each.

use crate::{cargo, root};
use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;

/// A crate that is linked into a binary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Component {
    pub(super) name: String,
    pub(super) version: String,
    /// An SPDX expression.
    pub(super) licence: String,
    pub(super) repository: Option<String>,
    pub(super) description: Option<String>,
    /// Where its sources are on this machine.
    pub(super) folder: PathBuf,
    /// The registry's SHA-256 of the package, in hexadecimal. `None`: the crate is one of this workspace.
    pub(super) checksum: Option<String>,
    /// The components that it uses itself, by name and version.
    pub(super) uses: BTreeSet<(String, String)>,
}

impl Component {
    pub(super) fn key(&self) -> (String, String) {
        (self.name.clone(), self.version.clone())
    }

    /// Whether it comes from outside this workspace.
    pub(super) fn is_foreign(&self) -> bool {
        self.checksum.is_some()
    }
}

/// All of them for a package of this workspace, itself too, sorted by name and version.
///
/// # Errors
///
/// cargo fails, or a crate has no licence in its manifest.
pub(super) fn of(package: &str, triple: &str) -> Result<Vec<Component>> {
    let linked =
        linked(&output(cargo()?.args(["tree", "--locked", "-p", package, "--target", triple]).args([
            "--edges",
            "normal,no-proc-macro",
            "--prefix",
            "none",
            "--format",
            "{p}",
        ]))?)?;
    let metadata: Metadata = serde_json::from_str(&output(cargo()?.args([
        "metadata",
        "--locked",
        "--format-version",
        "1",
        "--filter-platform",
        triple,
    ]))?)
    .context("cargo's metadata is JSON")?;
    let lock = std::fs::read_to_string(root()?.join("Cargo.lock")).context("Cargo.lock")?;
    let components = join(&linked, &metadata, &checksums(&lock))?;
    ensure!(components.len() == linked.len(), "cargo tree knows crates that cargo metadata does not");
    Ok(components)
}

fn output(command: &mut Command) -> Result<String> {
    let output = command.output().context("cargo does not start")?;
    if !output.status.success() {
        bail!("{command:?}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    String::from_utf8(output.stdout).context("cargo writes UTF-8")
}

/// Name and version of each line of `cargo tree`, such as `ring v0.17.14`.
fn linked(tree: &str) -> Result<BTreeSet<(String, String)>> {
    let mut found = BTreeSet::new();
    for line in tree.lines().filter(|line| !line.is_empty()) {
        let mut words = line.split(' ');
        let (name, version) = (words.next(), words.next().and_then(|word| word.strip_prefix('v')));
        let (Some(name), Some(version)) = (name, version) else { bail!("cargo tree says {line:?}") };
        found.insert((name.to_owned(), version.to_owned()));
    }
    Ok(found)
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    license: Option<String>,
    repository: Option<String>,
    description: Option<String>,
    manifest_path: PathBuf,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<Kind>,
}

#[derive(Deserialize)]
struct Kind {
    /// `None`: an ordinary dependency.
    kind: Option<String>,
}

fn join(
    linked: &BTreeSet<(String, String)>,
    metadata: &Metadata,
    checksums: &BTreeMap<(String, String), String>,
) -> Result<Vec<Component>> {
    let key = |package: &Package| (package.name.clone(), package.version.clone());
    let keys: BTreeMap<&str, _> =
        metadata.packages.iter().map(|package| (package.id.as_str(), key(package))).collect();
    let nodes: BTreeMap<&str, _> =
        metadata.resolve.nodes.iter().map(|node| (node.id.as_str(), &node.deps)).collect();
    let mut components = Vec::new();
    for package in metadata.packages.iter().filter(|package| linked.contains(&key(package))) {
        let dependencies = nodes.get(package.id.as_str()).map_or(&[][..], |found| found.as_slice());
        let uses = dependencies
            .iter()
            .filter(|dependency| dependency.dep_kinds.iter().any(|kind| kind.kind.is_none()))
            .filter_map(|dependency| keys.get(dependency.pkg.as_str()))
            .filter(|key| linked.contains(key))
            .cloned()
            .collect();
        components.push(Component {
            name: package.name.clone(),
            version: package.version.clone(),
            licence: package
                .license
                .clone()
                .with_context(|| format!("{} names no licence in its manifest", package.name))?,
            repository: package.repository.clone(),
            description: package.description.as_deref().map(one_line),
            folder: package.manifest_path.parent().context("a manifest is in a folder")?.to_owned(),
            checksum: checksums.get(&key(package)).cloned(),
            uses,
        });
    }
    components.sort_by_key(Component::key);
    Ok(components)
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The checksums in Cargo.lock, which is TOML of one shape: a `[[package]]`, its name, its version, and what else there is.
fn checksums(lock: &str) -> BTreeMap<(String, String), String> {
    let mut found = BTreeMap::new();
    for package in lock.split("[[package]]") {
        let value = |key: &str| {
            package.lines().find_map(|line| {
                Some(line.strip_prefix(key)?.strip_prefix(" = \"")?.strip_suffix('"')?.to_owned())
            })
        };
        if let (Some(name), Some(version), Some(checksum)) =
            (value("name"), value("version"), value("checksum"))
        {
            found.insert((name, version), checksum);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_binary_s_crates_are_known_with_their_licences_and_checksums() {
        let components = of("adieu-cli", "x86_64-unknown-linux-gnu").expect("cargo knows");
        let named = |name: &str| components.iter().find(|component| component.name == name);
        let rustls = named("rustls").expect("TLS is in it");
        assert!(rustls.licence.contains("MIT"), "{rustls:?}");
        assert_eq!(rustls.checksum.as_ref().map(String::len), Some(64));
        assert!(rustls.uses.iter().any(|(name, _)| name == "rustls-webpki"), "{rustls:?}");
        assert!(named("adieu-cli").is_some_and(|own| !own.is_foreign()));
        // What makes code, and what only tests use, is not in the binary.
        for absent in ["syn", "serde_derive", "cc", "insta", "proptest", "windows-sys"] {
            assert!(named(absent).is_none(), "{absent}");
        }
    }

    #[test]
    fn a_tree_s_lines_are_names_and_versions() {
        let found = linked("ring v0.17.14\nadieu v0.1.0 (/there)\nring v0.17.14 (*)\n").expect("lines");
        let expected = [("adieu", "0.1.0"), ("ring", "0.17.14")].map(|(n, v)| (n.to_owned(), v.to_owned()));
        assert_eq!(found.into_iter().collect::<Vec<_>>(), expected);
        assert!(linked("what\n").is_err());
    }
}
