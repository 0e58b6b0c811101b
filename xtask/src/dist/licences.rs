//! THIRD-PARTY: the licences of everything that is in a binary, with their texts.
//!
//! Each text stands once, with the names of all that it is for. A crate without a text is an error: somebody has to look.

use super::components::Component;
use anyhow::{Context, Result, ensure};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// What the file of a licence begins with.
const NAMES: [&str; 5] = ["LICENSE", "LICENCE", "NOTICE", "COPYRIGHT", "UNLICENSE"];

/// How deep below a crate's folder texts are looked for: sources of others in it have texts of their own.
const DEPTH: usize = 3;

/// A library that is linked in and is no crate, with the files that have its licence on this machine.
#[derive(Debug, Clone, Copy)]
pub(super) struct Linked {
    pub(super) name: &'static str,
    /// What kind of licence it is, in words.
    pub(super) terms: &'static str,
    pub(super) texts: &'static [&'static str],
}

/// The text of THIRD-PARTY.
///
/// # Errors
///
/// A crate or library has no text.
pub(super) fn third_party(components: &[Component], libraries: &[Linked]) -> Result<String> {
    let foreign: Vec<_> = components.iter().filter(|component| component.is_foreign()).collect();
    let mut texts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for component in &foreign {
        let files = files_of(&component.folder)?;
        ensure!(!files.is_empty(), "{} {} has no text of its licence", component.name, component.version);
        for file in files {
            let text = read(&file)?;
            texts.entry(text).or_default().push(format!("{} {}", component.name, component.version));
        }
    }
    for library in libraries {
        for text in library.texts {
            let text = read(Path::new(text))
                .with_context(|| format!("the licence of {} is missing", library.name))?;
            texts.entry(text).or_default().push(library.name.to_owned());
        }
    }
    let mut page = String::from(
        "Software of others in this program\n\nEach line names a part, its licence, and where its source is. The texts follow; \
         each stands once,\nwith the parts that it is for.\n\n",
    );
    for library in libraries {
        page.push_str(&format!("{}: {}\n", library.name, library.terms));
    }
    for Component { name, version, licence, repository, .. } in foreign {
        let source = repository.as_deref().unwrap_or("crates.io");
        page.push_str(&format!("{name} {version}: {licence}, {source}\n"));
    }
    let mut sections: Vec<(Vec<String>, String)> = Vec::new();
    for (text, mut parts) in texts {
        parts.dedup();
        sections.push((parts, text));
    }
    // The texts of many first; else by name, so that the order is always the same.
    sections.sort_by(|one, other| other.0.len().cmp(&one.0.len()).then_with(|| one.cmp(other)));
    for (parts, text) in sections {
        page.push_str(&format!("\n{}\n{}\n\n{text}\n", "=".repeat(78), wrapped(&parts.join(", "))));
    }
    Ok(page)
}

/// The texts of a crate, and of what is in it.
fn files_of(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    look_below(folder, DEPTH, true, &mut found)?;
    found.sort();
    Ok(found)
}

fn look_below(folder: &Path, depth: usize, is_top: bool, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().to_uppercase();
        if entry.file_type()?.is_dir() {
            if depth > 1 {
                look_below(&entry.path(), depth - 1, false, found)?;
            }
        // Further down, the choice between two licences has been made above: zstd's COPYING is the other one.
        } else if NAMES.iter().any(|begin| name.starts_with(begin)) || (is_top && name.starts_with("COPYING"))
        {
            found.push(entry.path());
        }
    }
    Ok(())
}

/// A text without the differences that do not matter: ends of lines, blanks at them, empty lines around it.
fn read(path: &Path) -> Result<String> {
    let bytes = fs::read(path).with_context(|| path.display().to_string())?;
    let lines: Vec<_> =
        String::from_utf8_lossy(&bytes).lines().map(str::trim_end).map(str::to_owned).collect();
    Ok(lines.join("\n").trim_matches('\n').to_owned())
}

fn wrapped(text: &str) -> String {
    let mut lines = String::new();
    let mut length = 0;
    for word in text.split(' ') {
        if length > 0 && length + 1 + word.len() > 78 {
            lines.push('\n');
            length = 0;
        } else if length > 0 {
            lines.push(' ');
            length += 1;
        }
        lines.push_str(word);
        length += word.len();
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::super::{components, target};
    use super::*;

    #[test]
    fn every_crate_of_each_program_has_a_text() {
        for target in &target::ALL {
            let components = components::of("adieu-cli", target.triple).expect("cargo knows");
            let page = third_party(&components, &[]).expect("each has a text");
            for component in components.iter().filter(|component| component.is_foreign()) {
                let line = format!("\n{} {}: {}, ", component.name, component.version, component.licence);
                assert!(page.contains(&line), "{}: {line}", target.name);
            }
            assert!(page.contains("\nring ") && page.contains("BoringSSL"), "{}", target.name);
            assert!(page.contains("Permission is hereby granted"), "{}", target.name);
            // zstd may be had by the BSD licence or by the GPL; the former is what we take it by.
            assert!(!page.contains("GNU GENERAL PUBLIC LICENSE\n"), "{}", target.name);
        }
    }

    #[test]
    fn a_library_without_a_text_is_an_error() {
        let library = Linked { name: "libnone", terms: "none", texts: &["/no/such/file"] };
        let error = third_party(&[], &[library]).expect_err("there is no text");
        assert!(format!("{error:#}").contains("libnone"), "{error:#}");
    }

    #[test]
    fn long_lists_of_names_are_wrapped() {
        let text = wrapped(&"name, ".repeat(40));
        assert!(text.lines().count() > 2 && text.lines().all(|line| line.len() <= 78), "{text}");
    }
}
