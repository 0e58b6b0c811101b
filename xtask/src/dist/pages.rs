//! Manual pages and completions, by the built program itself: it has them from its own definitions.

use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::Path;
use std::process::Command;

/// A file's name and its text.
pub(super) type Page = (String, String);

/// The shells that packages have completions for.
pub(super) const SHELLS: [&str; 3] = ["bash", "zsh", "fish"];

/// The manual pages that the program makes, each with the name of its file, such as `adieu-relay.1`.
pub(super) fn manual(program: &Path) -> Result<Vec<Page>> {
    let folder = tempfile::tempdir()?;
    let all = folder.path().to_str().context("a temporary folder has a name in UTF-8")?;
    say(program, &["man", "--all", all])?;
    let mut pages = written(folder.path())?;
    pages.sort();
    ensure!(pages.len() > 5, "adieu makes {} manual pages", pages.len());
    for (name, text) in &pages {
        ensure!(text.contains(".TH "), "{name} is no manual page");
    }
    Ok(pages)
}

/// Pages in folders such as man1.
fn written(folder: &Path) -> Result<Vec<Page>> {
    let mut pages = Vec::new();
    for section in fs::read_dir(folder)? {
        for page in fs::read_dir(section?.path())? {
            let page = page?;
            let name = page.file_name().into_string().ok().context("a page has a name in ASCII")?;
            pages.push((name, fs::read_to_string(page.path())?));
        }
    }
    Ok(pages)
}

/// The script of each of [`SHELLS`].
pub(super) fn completions(program: &Path) -> Result<Vec<Page>> {
    let script = |shell: &&str| Ok(((*shell).to_owned(), say(program, &["completions", shell])?));
    SHELLS.iter().map(script).collect()
}

fn say(program: &Path, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .with_context(|| format!("{} does not start", program.display()))?;
    ensure!(
        output.status.success(),
        "adieu {}: {}\n{}",
        arguments.join(" "),
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).context("adieu prints UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_read_from_the_folders_of_their_sections() {
        let folder = tempfile::tempdir().expect("there is room");
        for (section, name) in [("man1", "adieu.1"), ("man7", "adieu-protocol.7")] {
            fs::create_dir(folder.path().join(section)).expect("there is room");
            fs::write(folder.path().join(section).join(name), section).expect("there is room");
        }
        let mut pages = written(folder.path()).expect("they can be read");
        pages.sort();
        let page = |name: &str, text: &str| (name.to_owned(), text.to_owned());
        assert_eq!(pages, [page("adieu-protocol.7", "man7"), page("adieu.1", "man1")]);
    }
}
