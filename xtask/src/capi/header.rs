//! adieu.h, made from the sources by cbindgen.

use super::crate_folder;
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::PathBuf;

/// The modules with what C sees, in the order of the header's functions.
const MODULES: [&str; 8] = ["finish", "finisher", "socket", "report", "shown", "words", "options", "error"];

fn path() -> Result<PathBuf> {
    Ok(crate_folder()?.join("include/adieu.h"))
}

fn made() -> Result<String> {
    let folder = crate_folder()?;
    let mut config = cbindgen::Config::from_file(folder.join("cbindgen.toml"))
        .map_err(|error| anyhow::anyhow!("cbindgen.toml: {error}"))?;
    // All crates of the workspace have one version.
    config.after_includes =
        config.after_includes.map(|text| text.replace("@VERSION@", env!("CARGO_PKG_VERSION")));
    let mut builder = cbindgen::Builder::new().with_config(config);
    for module in MODULES {
        builder = builder.with_src(folder.join(format!("src/{module}.rs")));
    }
    let mut header = Vec::new();
    builder.generate().context("adieu.h cannot be made")?.write(&mut header);
    Ok(String::from_utf8(header)?)
}

pub(super) fn write() -> Result<()> {
    let (path, header) = (path()?, made()?);
    if fs::read_to_string(&path).is_ok_and(|old| old == header) {
        println!("{} is up to date", path.display());
        return Ok(());
    }
    fs::write(&path, header)?;
    println!("{} is written", path.display());
    Ok(())
}

/// Fails if the committed header is not what the sources give.
pub(super) fn check() -> Result<()> {
    let (path, header) = (path()?, made()?);
    let old = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    if old != header {
        let line = old.lines().zip(header.lines()).take_while(|(old, new)| old == new).count() + 1;
        bail!("{}, line {line}, is not what its sources give: run cargo xtask capi", path.display());
    }
    Ok(())
}
