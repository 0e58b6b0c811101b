//! `cargo xtask book`: draws the book's pictures from their text, and builds the book.
//!
//! A picture is a message sequence chart, `docs/pictures/NAME.msc`, and its SVG beside it is committed, because the pages are read
//! without the book too. mscgen draws, mdbook builds. That links lead somewhere and that blocks show what comes out is tested by
//! `crates/adieu-cli/tests/documents.rs`.

use crate::root;
use anyhow::{Context, Result, bail};
use std::path::Path;
use std::process::{Command, Stdio};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Write nothing into docs/: fail if a picture is not that of its text
    #[arg(long)]
    check: bool,
}

#[expect(clippy::print_stdout, reason = "what is made is for people")]
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let docs = root()?.join("docs");
    let drawn = draw(&docs.join("pictures"), arguments.check)?;
    println!("--- pictures: {drawn} drawn");
    let target = root()?.join("target/book");
    if !is_there("mdbook") {
        bail!("mdbook is not installed: `cargo install --locked mdbook`");
    }
    let built = Command::new("mdbook").arg("build").arg(&docs).arg("--dest-dir").arg(&target).status()?;
    if !built.success() {
        bail!("mdbook could not build the book");
    }
    println!("--- the book: {}", target.join("index.html").display());
    Ok(())
}

/// Whether a program can be started.
fn is_there(program: &str) -> bool {
    let mut asked = Command::new(program);
    asked.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    asked.status().is_ok()
}

fn draw(folder: &Path, only_check: bool) -> Result<usize> {
    if !is_there("mscgen") {
        bail!("mscgen is not installed: `apt-get install mscgen`");
    }
    let mut drawn = 0;
    let mut differ = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| format!("{} cannot be read", folder.display()))? {
        let text = entry?.path();
        if text.extension().is_none_or(|extension| extension != "msc") {
            continue;
        }
        let file = text.with_extension("svg");
        let picture = picture(&text)?;
        if std::fs::read_to_string(&file).ok().as_ref() != Some(&picture) {
            if only_check {
                differ.push(file.display().to_string());
            } else {
                std::fs::write(&file, picture)?;
            }
        }
        drawn += 1;
    }
    if !differ.is_empty() {
        bail!("not the picture of its text, run `cargo xtask book`: {}", differ.join(", "));
    }
    Ok(drawn)
}

/// What mscgen draws of a file, with a title for those who cannot see it, on white, so that it can be read on a dark page.
fn picture(text: &Path) -> Result<String> {
    let output = Command::new("mscgen").args(["-T", "svg", "-o", "-", "-i"]).arg(text).output()?;
    if !output.status.success() {
        bail!("{}: {}", text.display(), String::from_utf8_lossy(&output.stderr));
    }
    let svg = String::from_utf8(output.stdout).context("mscgen writes text")?;
    let (_, svg) = svg.split_once(".dtd\">\n").context("mscgen begins with a document type")?;
    let (tag, shapes) = svg.split_once(">\n").context("mscgen draws an svg element")?;
    let said = std::fs::read_to_string(text)?;
    let title = said
        .lines()
        .next()
        .and_then(|line| line.strip_prefix("# "))
        .context("its first line is no comment")?;
    // Lines that slope are jagged with crisp edges.
    let tag = tag.replace("crispEdges", "geometricPrecision");
    Ok(format!(
        "{tag}>\n<title>{title}</title>\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n{shapes}"
    ))
}
