//! What is installed where, as data: the tree below `/` that a package is made of.

use super::pages::Page;
use super::{Plan, VERSION};
use crate::root;
use anyhow::{Context, Result, ensure};
use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where the two families of systems put the same things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    Debian,
    RedHat,
}

/// What a package's tree is made from.
pub(super) struct Contents<'a> {
    /// The program that is installed.
    pub(super) program: &'a Path,
    pub(super) manual: &'a [Page],
    pub(super) completions: &'a [Page],
    pub(super) third_party: &'a str,
    /// The text of the Debian changelog, for that family.
    pub(super) changelog: &'a str,
}

/// What a reader of README.md is sent to, at the same places as in this repository, so that its links lead there.
pub(super) const DOCUMENTS: [&str; 9] = [
    "README.md",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "docs",
    "packaging/README.md",
    "packaging/kubernetes",
    "packaging/systemd",
];

const UNITS: &str = "packaging/systemd";

/// Makes the tree of the package `adieu` below a folder that is emptied first.
pub(super) fn stage(family: Family, contents: &Contents<'_>, below: &Path) -> Result<()> {
    let root = root()?;
    if below.exists() {
        fs::remove_dir_all(below)?;
    }
    let tree = Tree { below };
    tree.put("usr/bin/adieu", &fs::read(contents.program)?, 0o755)?;
    for (name, text) in contents.manual {
        let section = name.rsplit('.').next().context("a page has a section")?;
        tree.put_gzip(&format!("usr/share/man/man{section}/{name}.gz"), text.as_bytes())?;
    }
    for (shell, text) in contents.completions {
        tree.put(&completion(family, shell)?, text.as_bytes(), 0o644)?;
    }
    for entry in fs::read_dir(root.join(UNITS))? {
        let path = entry?.path();
        let name =
            path.file_name().and_then(|name| name.to_str()).context("our files have names in ASCII")?;
        if name.ends_with(".service") || name.ends_with(".socket") {
            tree.put(&format!("usr/lib/systemd/system/{name}"), &fs::read(&path)?, 0o644)?;
        }
    }
    let documents = "usr/share/doc/adieu";
    for name in DOCUMENTS {
        tree.copy(&root.join(name), &format!("{documents}/{name}"))?;
    }
    licences(family, &tree, "adieu", contents.third_party, contents.changelog)
}

/// Licences and changelog of a package, where each family wants them.
pub(super) fn licences(
    family: Family,
    tree: &Tree<'_>,
    package: &str,
    third_party: &str,
    changelog: &str,
) -> Result<()> {
    let root = root()?;
    let news = fs::read(root.join("CHANGELOG.md"))?;
    match family {
        Family::Debian => {
            let documents = format!("usr/share/doc/{package}");
            let mit = fs::read_to_string(root.join("LICENSE-MIT"))?;
            tree.put(&format!("{documents}/copyright"), copyright(&mit).as_bytes(), 0o644)?;
            tree.put_gzip(&format!("{documents}/changelog.gz"), &news)?;
            tree.put_gzip(&format!("{documents}/changelog.Debian.gz"), changelog.as_bytes())?;
            tree.put_gzip(&format!("{documents}/THIRD-PARTY.gz"), third_party.as_bytes())
        }
        Family::RedHat => {
            tree.put(&format!("usr/share/doc/{package}/CHANGELOG.md"), &news, 0o644)?;
            let folder = format!("usr/share/licenses/{package}");
            for name in ["LICENSE-MIT", "LICENSE-APACHE"] {
                tree.copy(&root.join(name), &format!("{folder}/{name}"))?;
            }
            tree.put(&format!("{folder}/THIRD-PARTY"), third_party.as_bytes(), 0o644)
        }
    }
}

/// Debian's changelog of a package that is made from a release: the changes themselves are in CHANGELOG.md.
///
/// Source: Debian Policy Manual 4.4.
pub(super) fn changelog(plan: &Plan, package: &str) -> Result<String> {
    Ok(format!(
        "{package} ({VERSION}-1) unstable; urgency=medium\n\n  * Release {VERSION}: see changelog.gz.\n\n \
         -- The adieu founders <adieu@localhost>  {}\n",
        plan.date_of_mail()?
    ))
}

/// Debian's file of licences. For a text that each Debian system has, it names the file.
///
/// Source: Machine-readable debian/copyright file, version 1.0.
fn copyright(mit: &str) -> String {
    let indented = |line: &str| if line.is_empty() { " .\n".to_owned() } else { format!(" {line}\n") };
    let mit: String = mit.lines().map(indented).collect();
    format!(
        "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\
         Upstream-Name: adieu\n\n\
         Files: *\n\
         Copyright: 2026 The adieu founders\n\
         License: MIT or Apache-2.0\n\
         Comment:\n Software of others is linked into the program. THIRD-PARTY.gz beside this file has its licences.\n\n\
         License: MIT\n{mit}\n\
         License: Apache-2.0\n On Debian systems the text is in /usr/share/common-licenses/Apache-2.0.\n"
    )
}

/// The links of README.md in this folder to other files lead to files.
///
/// # Errors
///
/// One does not; the error names it.
pub(super) fn links_lead_somewhere(folder: &Path) -> Result<()> {
    let text = fs::read_to_string(folder.join("README.md")).context("README.md")?;
    let links = text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next());
    let files: Vec<_> = links.filter(|link| !link.is_empty() && !link.contains("://")).collect();
    ensure!(files.len() > 9, "README.md has {} links to other files", files.len());
    match files.iter().find(|link| !folder.join(link).is_file()) {
        Some(link) => anyhow::bail!("README.md has a link to {link}, which is not there"),
        None => Ok(()),
    }
}

/// What the book is made with, and nobody reads.
fn is_source_of_the_book(path: &Path) -> bool {
    let is = |name: &str| path.file_name().is_some_and(|found| found == name);
    is("book.toml") || is("SUMMARY.md") || path.extension().is_some_and(|extension| extension == "msc")
}

fn completion(family: Family, shell: &str) -> Result<String> {
    Ok(match (shell, family) {
        ("bash", _) => "usr/share/bash-completion/completions/adieu".into(),
        ("fish", _) => "usr/share/fish/vendor_completions.d/adieu.fish".into(),
        ("zsh", Family::Debian) => "usr/share/zsh/vendor-completions/_adieu".into(),
        ("zsh", Family::RedHat) => "usr/share/zsh/site-functions/_adieu".into(),
        _ => anyhow::bail!("nobody knows where {shell} has its completions"),
    })
}

/// A tree of files that is being made. Folders have the mode 755, whoever makes them.
pub(super) struct Tree<'a> {
    pub(super) below: &'a Path,
}

impl Tree<'_> {
    pub(super) fn put(&self, name: &str, bytes: &[u8], mode: u32) -> Result<()> {
        let path = self.below.join(name);
        self.folders(Path::new(name).parent().context("it is below a folder")?)?;
        fs::write(&path, bytes).with_context(|| path.display().to_string())?;
        fs::set_permissions(&path, fs::Permissions::from_mode(mode))?;
        Ok(())
    }

    pub(super) fn put_gzip(&self, name: &str, bytes: &[u8]) -> Result<()> {
        self.put(name, &gzip(bytes)?, 0o644)
    }

    /// A file, or a folder with all that is in it. A link stays a link.
    pub(super) fn copy(&self, from: &Path, to: &str) -> Result<()> {
        if from.is_symlink() {
            self.folders(Path::new(to).parent().context("it is below a folder")?)?;
            return Ok(symlink(fs::read_link(from)?, self.below.join(to))?);
        }
        if from.is_file() {
            let bytes = fs::read(from).with_context(|| from.display().to_string())?;
            return self.put(to, &bytes, 0o644);
        }
        let mut entries: Vec<PathBuf> = fs::read_dir(from)
            .with_context(|| from.display().to_string())?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<std::io::Result<_>>()?;
        entries.sort();
        ensure!(!entries.is_empty(), "{} is empty", from.display());
        for entry in entries.into_iter().filter(|entry| !is_source_of_the_book(entry)) {
            let name = entry.file_name().and_then(|name| name.to_str()).context("a name in ASCII")?;
            self.copy(&entry, &format!("{to}/{name}"))?;
        }
        Ok(())
    }

    fn folders(&self, folder: &Path) -> Result<()> {
        let mut path = self.below.to_owned();
        fs::create_dir_all(&path)?;
        for part in folder {
            path.push(part);
            if !path.exists() {
                fs::create_dir(&path)?;
                fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
            }
        }
        Ok(())
    }
}

/// Compressed without name and time, so that the same text gives the same bytes.
pub(super) fn gzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut child = Command::new("gzip")
        .args(["-9", "--no-name"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("gzip does not start")?;
    let mut input = child.stdin.take().context("a pipe")?;
    let owned = bytes.to_owned();
    let writer = std::thread::spawn(move || input.write_all(&owned));
    let output = child.wait_with_output()?;
    writer.join().ok().context("the writer has panicked")??;
    ensure!(output.status.success(), "gzip: {}", output.status);
    Ok(output.stdout)
}

#[cfg(test)]
mod tests {
    use super::super::pages;
    use super::*;

    #[test]
    fn both_families_get_the_same_things_where_they_look_for_them() {
        let folder = tempfile::tempdir().expect("there is room");
        let program = folder.path().join("adieu");
        fs::write(&program, "a program").expect("there is room");
        let page = |name: &str| (name.to_owned(), "a page".to_owned());
        let contents = Contents {
            program: &program,
            manual: &[page("adieu.1"), page("adieu-protocol.7")],
            completions: &pages::SHELLS.map(page),
            third_party: "others",
            changelog: "changes",
        };
        for (family, expected) in [
            (
                Family::Debian,
                [
                    "share/doc/adieu/copyright",
                    "share/zsh/vendor-completions/_adieu",
                    "share/doc/adieu/THIRD-PARTY.gz",
                ],
            ),
            (
                Family::RedHat,
                [
                    "share/licenses/adieu/LICENSE-MIT",
                    "share/zsh/site-functions/_adieu",
                    "share/licenses/adieu/THIRD-PARTY",
                ],
            ),
        ] {
            let below = folder.path().join("stage");
            stage(family, &contents, &below).expect("it is staged");
            let both = [
                "bin/adieu",
                "share/man/man1/adieu.1.gz",
                "share/man/man7/adieu-protocol.7.gz",
                "lib/systemd/system/adieu-relay@.service",
                "share/doc/adieu/docs/relay.md",
                "share/doc/adieu/packaging/kubernetes/check-probe.yaml",
            ];
            for name in expected.into_iter().chain(both) {
                assert!(below.join("usr").join(name).is_file(), "{family:?}: {name}");
            }
            links_lead_somewhere(&below.join("usr/share/doc/adieu")).expect("each does");
        }
    }

    #[test]
    fn the_same_bytes_are_compressed_to_the_same_bytes() {
        assert_eq!(gzip(b"a text").expect("gzip"), gzip(b"a text").expect("gzip"));
        // What is larger than a pipe holds must not block.
        assert!(gzip(&vec![7; 1 << 20]).expect("gzip").len() < 1 << 14);
    }
}
