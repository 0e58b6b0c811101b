//! A .deb, made by dpkg-deb from a tree and from a folder of packaging/debian, which has its control file and its scripts.
//!
//! cargo-deb is not used. It writes an empty `Depends:` for a program that needs no package, and a `Homepage:` that leads to
//! documentation which nobody has published; and it takes minutes to build.

use super::layout::Tree;
use super::target::Target;
use super::trial::root::succeed;
use super::{Plan, VERSION};
use crate::root;
use anyhow::{Context, Result, ensure};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The revision of our packages, after the version of adieu.
pub(super) const REVISION: &str = "1";

/// Where dpkg-deb looks for what is said about a package.
const CONTROL: &str = "DEBIAN";

/// Makes the package of a tree.
pub(super) fn make(plan: &Plan, package: &str, stage: &Path, target: &Target, path: &Path) -> Result<()> {
    let tree = Tree { below: stage };
    let files = files(stage)?;
    let machine = target.machine.context("it has packages")?.deb;
    for entry in fs::read_dir(root()?.join("packaging/debian").join(package))? {
        let source = entry?.path();
        let name = source.file_name().and_then(|name| name.to_str()).context("a name in ASCII")?.to_owned();
        let text = fs::read_to_string(&source).with_context(|| source.display().to_string())?;
        let is_script = text.starts_with("#!");
        let text = match name.as_str() {
            "control" => filled(&text, &|field| {
                Ok(match field {
                    "version" => format!("{VERSION}-{REVISION}"),
                    "architecture" => machine.to_owned(),
                    "size" => size(stage, &files)?.to_string(),
                    "depends" => depends(&plan.work, package, stage, &files)?,
                    _ => anyhow::bail!("nobody knows ${{{field}}} of {}", source.display()),
                })
            })?,
            _ => text,
        };
        tree.put(&format!("{CONTROL}/{name}"), text.as_bytes(), if is_script { 0o755 } else { 0o644 })?;
    }
    tree.put(&format!("{CONTROL}/md5sums"), sums(stage, &files)?.as_bytes(), 0o644)?;
    build(plan, plan.quick, stage, path)
}

/// Makes a package of a tree that has a control file. `fast`: it is only tried.
fn build(plan: &Plan, fast: bool, stage: &Path, path: &Path) -> Result<()> {
    // The package has the mode of its topmost folders too, which are made under anybody's umask.
    for folder in [stage.to_owned(), stage.join(CONTROL)] {
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755))?;
    }
    let mut command = Command::new("dpkg-deb");
    // Said, because Ubuntu's dpkg-deb takes zstd, which Debian 11's does not read. One thread, because how many there are may
    // differ; an old dpkg-deb has no option for that.
    command.env("DPKG_DEB_THREADS_MAX", "1").env("SOURCE_DATE_EPOCH", plan.epoch.to_string());
    command.args(if fast { ["-Zgzip", "-z1"] } else { ["-Zxz", "-z6"] });
    command.args(["--root-owner-group", "--build"]).arg(stage).arg(path);
    succeed(&mut command)
}

/// A text in which each `${name}` is replaced.
fn filled(text: &str, value: &dyn Fn(&str) -> Result<String>) -> Result<String> {
    let mut parts = text.split("${");
    let mut filled = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = part.split_once('}').context("${ without }")?;
        filled.push_str(&value(name)?);
        filled.push_str(rest);
    }
    Ok(filled)
}

/// Everything that is installed, folders too, by name.
fn files(stage: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut waiting = vec![PathBuf::from("usr")];
    while let Some(name) = waiting.pop() {
        if stage.join(&name).symlink_metadata()?.is_dir() {
            for entry in fs::read_dir(stage.join(&name))? {
                waiting.push(name.join(entry?.file_name()));
            }
        }
        found.push(name);
    }
    found.sort();
    Ok(found)
}

/// How much room a package takes when it is installed, in KiB. The size of each file is rounded up; a folder or a link counts as one.
///
/// Source: deb-substvars(5), `Installed-Size`.
fn size(stage: &Path, files: &[PathBuf]) -> Result<u64> {
    let kibibytes = |name: &PathBuf| -> Result<u64> {
        let metadata = stage.join(name).symlink_metadata()?;
        Ok(if metadata.is_file() { metadata.len().div_ceil(1024) } else { 1 })
    };
    files.iter().map(kibibytes).sum()
}

/// The packages of the shared libraries that these files need, as dpkg-shlibdeps finds them.
fn depends(work: &Path, package: &str, stage: &Path, files: &[PathBuf]) -> Result<String> {
    // It reads the control file of a source package in the folder where it runs.
    let folder = work.join("shlibdeps");
    let source = Tree { below: &folder };
    let control = format!("Source: adieu\n\nPackage: {package}\nArchitecture: any\n");
    source.put("debian/control", control.as_bytes(), 0o644)?;
    let output = Command::new("dpkg-shlibdeps")
        .current_dir(&folder)
        .arg("-O")
        .args(files.iter().map(|name| stage.join(name)).filter(|path| is_shared_library(path)))
        .output()
        .context("dpkg-shlibdeps does not start")?;
    let said = String::from_utf8(output.stdout)?;
    ensure!(output.status.success(), "dpkg-shlibdeps: {}", String::from_utf8_lossy(&output.stderr));
    let found = said.lines().find_map(|line| line.strip_prefix("shlibs:Depends="));
    Ok(found.with_context(|| format!("dpkg-shlibdeps finds no package: {said:?}"))?.to_owned())
}

fn is_shared_library(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.contains(".so.") && path.symlink_metadata().is_ok_and(|metadata| metadata.is_file())
}

/// What `dpkg --verify` compares files with.
fn sums(stage: &Path, files: &[PathBuf]) -> Result<String> {
    let regular =
        files.iter().filter(|name| stage.join(name).symlink_metadata().is_ok_and(|it| it.is_file()));
    let output =
        Command::new("md5sum").current_dir(stage).args(regular).output().context("md5sum does not start")?;
    ensure!(output.status.success(), "md5sum: {}", output.status);
    Ok(String::from_utf8(output.stdout)?)
}

/// A package like another, with a lower version, to be updated from.
pub(super) fn older(plan: &Plan, package: &Path) -> Result<PathBuf> {
    let folder = plan.work.join("older");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&plan.work)?;
    succeed(Command::new("dpkg-deb").arg("--raw-extract").arg(package).arg(&folder))?;
    let control = folder.join(CONTROL).join("control");
    let text = fs::read_to_string(&control)?;
    let version = |version: &str| format!("\nVersion: {version}-{REVISION}\n");
    let older = text.replace(&version(VERSION), &version("0.0.1"));
    ensure!(older != text, "the control file does not have the version: {text}");
    fs::write(&control, older)?;
    let path = folder.with_extension("deb");
    build(plan, true, &folder, &path)?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_control_file_is_filled_and_knows_all_its_words() {
        let value = |name: &str| match name {
            "version" => Ok("1.2-1".to_owned()),
            _ => anyhow::bail!("nobody knows {name}"),
        };
        let text = filled("Version: ${version}\nProvides: it (= ${version})\n", &value).expect("it is known");
        assert_eq!(text, "Version: 1.2-1\nProvides: it (= 1.2-1)\n");
        assert!(filled("Depends: ${other}\n", &value).is_err());
        assert!(filled("Depends: ${version", &value).is_err());
    }

    #[test]
    fn a_shared_library_needs_the_package_of_the_c_library() {
        let folder = tempfile::tempdir().expect("there is room");
        let (stage, work) = (folder.path().join("stage"), folder.path().join("work"));
        let library = fs::read("/lib/x86_64-linux-gnu/libm.so.6").expect("each Debian has it");
        Tree { below: &stage }.put("usr/lib/libours.so.0.1", &library, 0o644).expect("there is room");
        let files = files(&stage).expect("it can be listed");
        let found = depends(&work, "libours-dev", &stage, &files).expect("dpkg-shlibdeps is there");
        assert!(found.starts_with("libc6 (>= "), "{found}");
    }

    #[test]
    fn a_package_has_its_files_as_root_and_no_empty_field() {
        let folder = tempfile::tempdir().expect("there is room");
        let (stage, path) = (folder.path().join("stage"), folder.path().join("adieu.deb"));
        let tree = Tree { below: &stage };
        tree.put("usr/bin/adieu", &[b'x'; 1025], 0o755).expect("there is room");
        fs::set_permissions(&stage, fs::Permissions::from_mode(0o700)).expect("it is ours");
        let target = super::super::target::NATIVE;
        let plan = Plan {
            quick: true,
            trial: false,
            targets: vec![target],
            out: folder.path().to_owned(),
            work: folder.path().to_owned(),
            epoch: 1_000_000_000,
        };
        make(&plan, "adieu", &stage, target, &path).expect("dpkg-deb is there");
        let say = |option: &str| {
            let output =
                Command::new("dpkg-deb").arg(option).arg(&path).env("TZ", "UTC").output().expect("it runs");
            String::from_utf8(output.stdout).expect("ASCII")
        };
        let fields = say("--field");
        // usr, usr/bin, and two for the file.
        assert!(
            fields.contains("Architecture: amd64\n") && fields.contains("Installed-Size: 4\n"),
            "{fields}"
        );
        assert!(!fields.contains("Depends:") && !fields.contains("Homepage:"), "{fields}");
        let empty = fields.lines().find(|line| line.trim_end().ends_with(':'));
        assert!(empty.is_none() && !fields.contains('$'), "{fields}");
        let listed = say("--contents");
        assert!(
            listed.contains("-rwxr-xr-x root/root      1025 2001-09-09 01:46 ./usr/bin/adieu"),
            "{listed}"
        );

        assert!(listed.starts_with("drwxr-xr-x root/root "), "{listed}");

        let older = older(&plan, &path).expect("it can be packed again");
        let version =
            Command::new("dpkg-deb").arg("--field").arg(older).arg("Version").output().expect("it runs");
        assert_eq!(String::from_utf8_lossy(&version.stdout), "0.0.1-1\n");
    }
}
