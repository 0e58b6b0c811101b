//! Builds the libraries and installs them as C programs look for them.

use super::crate_folder;
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const VERSION: &str = env!("CARGO_PKG_VERSION");
const MAJOR: &str = env!("CARGO_PKG_VERSION_MAJOR");

/// The release profile, but that a panic is caught at the border to C.
const PROFILE: &str = "capi";

pub(crate) struct Built {
    libraries: Vec<PathBuf>,
    /// What a program that links the static library has to link too.
    private_libs: String,
}

/// Builds the static and the shared library, optimized.
pub(crate) fn build() -> Result<Built> {
    build_by(crate::cargo()?)
}

/// The same with a cargo that has been told more: flags, or another folder to build in.
pub(crate) fn build_by(mut cargo: Command) -> Result<Built> {
    let folder = crate::root()?.join("target/capi");
    fs::create_dir_all(&folder)?;
    let told = folder.join("native-static-libs");
    let output = cargo
        .args(["rustc", "-p", "adieu-capi", "--lib", "--profile", PROFILE])
        .args(["--message-format", "json-render-diagnostics", "--", "--print"])
        .arg(format!("native-static-libs={}", told.display()))
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        bail!("cargo: {}", output.status);
    }
    Ok(Built {
        libraries: libraries(&output.stdout)?,
        private_libs: fs::read_to_string(&told)?.trim().to_owned(),
    })
}

/// The libraries of ours that cargo's messages name.
pub(crate) fn libraries(messages: &[u8]) -> Result<Vec<PathBuf>> {
    let mut libraries = Vec::new();
    for line in messages.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let message: serde_json::Value = serde_json::from_slice(line).context("cargo's messages are JSON")?;
        let is_ours = message["manifest_path"]
            .as_str()
            .is_some_and(|path| Path::new(path).ends_with("adieu-capi/Cargo.toml"));
        if is_ours && message["reason"] == "compiler-artifact" && message["target"]["name"] == "adieu" {
            let names = message["filenames"].as_array().context("an artefact has files")?;
            libraries.extend(names.iter().filter_map(|name| name.as_str()).map(PathBuf::from));
        }
    }
    if libraries.is_empty() {
        bail!("cargo has built no library");
    }
    Ok(libraries)
}

/// Where the library is installed.
pub(crate) struct Place<'a> {
    pub(crate) prefix: &'a Path,
    /// The folder of libraries, below the prefix.
    pub(crate) libdir: &'a str,
    /// Everything is put below this folder, as it is to be below the prefix later.
    pub(crate) destdir: Option<&'a Path>,
}

/// Installs what was built.
pub(crate) fn install(built: &Built, place: &Place<'_>) -> Result<()> {
    let prefix = std::path::absolute(place.prefix)?;
    let below = match place.destdir {
        // A path that is absolute would stand for itself.
        Some(destdir) => destdir.join(prefix.strip_prefix("/").unwrap_or(&prefix)),
        None => prefix.clone(),
    };
    let (include, lib) = (below.join("include"), below.join(place.libdir));
    let pkgconfig = lib.join("pkgconfig");
    for folder in [&include, &pkgconfig] {
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    for name in ["adieu.h", "adieu.hpp"] {
        copy(&crate_folder()?.join("include").join(name), &include.join(name))?;
    }
    for library in &built.libraries {
        install_library(library, &below, &lib)?;
    }
    let told = pkgconfig.join("adieu.pc");
    fs::write(&told, pkg_config(&prefix, place.libdir, &built.private_libs))?;
    println!("{}", told.display());
    Ok(())
}

fn install_library(library: &Path, below: &Path, lib: &Path) -> Result<()> {
    let name = library.file_name().context("a library has a name")?;
    let extension = library.extension().unwrap_or_default();
    if extension == "so" {
        // Programs are linked against libadieu.so, and started with what its soname says.
        let (whole, major) = (format!("libadieu.so.{VERSION}"), format!("libadieu.so.{MAJOR}"));
        copy(library, &lib.join(&whole))?;
        link(&whole, &lib.join(&major))?;
        return link(&major, &lib.join(name));
    }
    if extension == "dll" {
        // Windows looks for it beside programs.
        let bin = below.join("bin");
        fs::create_dir_all(&bin)?;
        return copy(library, &bin.join(name));
    }
    let to = lib.join(name);
    copy(library, &to)?;
    if extension == "a" {
        strip(&to);
    }
    Ok(())
}

/// The standard library's own debugging information is several times as long as all code. Where there is no strip(1) it stays.
fn strip(library: &Path) {
    let mut command = Command::new("strip");
    let _ = command.arg("--strip-debug").arg(library).stderr(Stdio::null()).status();
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    // A program may be running with the old one, which is not to change under it.
    let _ = fs::remove_file(to);
    fs::copy(from, to).with_context(|| to.display().to_string())?;
    println!("{}", to.display());
    Ok(())
}

#[cfg(unix)]
fn link(to: &str, at: &Path) -> Result<()> {
    let _ = fs::remove_file(at);
    std::os::unix::fs::symlink(to, at).with_context(|| at.display().to_string())?;
    println!("{} -> {to}", at.display());
    Ok(())
}

#[cfg(not(unix))]
fn link(_: &str, _: &Path) -> Result<()> {
    Ok(())
}

fn pkg_config(prefix: &Path, libdir: &str, private_libs: &str) -> String {
    format!(
        "prefix={}\nincludedir=${{prefix}}/include\nlibdir=${{prefix}}/{libdir}\n\n\
         Name: adieu\n\
         Description: Finishes network connections properly, and tells the truth about how they ended\n\
         Version: {VERSION}\n\
         Cflags: -I${{includedir}}\n\
         Libs: -L${{libdir}} -ladieu\n\
         Libs.private: {private_libs}\n",
        prefix.display()
    )
}
