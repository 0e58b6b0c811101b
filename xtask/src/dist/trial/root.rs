//! A fresh root: a system of its own below a folder, made from packages that are installed on this one.
//!
//! It is what debootstrap would make of the same packages, without a network and in seconds: their files (without documentation),
//! and their entries in dpkg's database, so that dpkg checks dependencies there as it does anywhere.

use anyhow::{Context, Result, bail, ensure};
use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::hash::{Hash, Hasher};
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const DATABASE: &str = "var/lib/dpkg";

/// What nobody in such a root reads.
const LEFT_OUT: [&str; 5] =
    ["/usr/share/doc/", "/usr/share/man/", "/usr/share/locale/", "/usr/share/info/", "/usr/share/lintian/"];

/// Folders that every system has, also if no package of this root brings them.
const FOLDERS: [&str; 17] = [
    "dev",
    "etc/alternatives",
    "etc/ld.so.conf.d",
    "etc/systemd/system/multi-user.target.wants",
    "proc",
    "root",
    "run",
    "tmp",
    "usr/include",
    "usr/lib/systemd/system",
    "usr/lib64/pkgconfig",
    "usr/share/doc",
    "usr/share/licenses",
    "usr/share/man/man1",
    "usr/share/man/man7",
    "var/log",
    "var/tmp",
];

/// The package that has them: when a package goes, dpkg removes each empty folder that no other has.
const BASE: &str = "Package: base-of-the-trial\nStatus: install ok installed\nMaintainer: nobody <nobody@localhost>\n\
                    Architecture: all\nVersion: 1\nDescription: folders that every system has\n\n";

/// What dpkg has of its own.
const DPKG: [&str; 4] = ["alternatives", "info", "triggers", "updates"];

/// What a package manager keeps for itself, and what follows from what is installed.
const NOT_COMPARED: [&str; 7] =
    ["var/lib/dpkg", "var/lib/rpm", "var/log", "var/cache", "etc/ld.so.cache", "root", "tmp"];

/// # Errors
///
/// We may not do what it takes to install a package, or this is no system of Debian's family.
pub(in super::super) fn can_be_made() -> Result<()> {
    ensure!(
        rustix::process::geteuid().is_root(),
        "only root can try what is made, in roots of its own; --no-trial makes it without"
    );
    let database = Path::new("/").join(DATABASE).join("status");
    ensure!(
        database.is_file(),
        "{} is not there: packages are tried in roots that are made of Debian's; --no-trial makes them without",
        database.display()
    );
    Ok(())
}

pub(super) struct Root {
    folder: PathBuf,
}

impl Root {
    /// Makes a root with these packages, and what they depend on, in a folder that is emptied first.
    pub(super) fn make(folder: &Path, packages: &[&str]) -> Result<Self> {
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
        let status = fs::read_to_string(Path::new("/").join(DATABASE).join("status"))
            .context("dpkg's list of packages")?;
        let installed = Installed::read(&status);
        let names = installed.with_dependencies(packages)?;
        fs::create_dir_all(folder)?;
        let root = Self { folder: folder.to_owned() };
        root.link_merged()?;
        for name in FOLDERS {
            fs::create_dir_all(folder.join(name))?;
        }
        for name in DPKG {
            fs::create_dir_all(folder.join(DATABASE).join(name))?;
        }
        let mut files = BTreeSet::new();
        let mut database = BASE.to_owned();
        for name in &names {
            root.take(name, &installed, &mut files, &mut database)?;
        }
        root.copy(&files)?;
        let own = folder.join(DATABASE);
        fs::write(own.join("status"), database)?;
        let folders = FOLDERS.join("\n/");
        fs::write(own.join("info/base-of-the-trial.list"), format!("/.\n/{folders}\n"))?;
        fs::write(own.join("available"), "")?;
        if names.contains("libc-bin") {
            fs::write(own.join("triggers/ldconfig"), "libc-bin\n")?;
        }
        fs::set_permissions(folder.join("tmp"), fs::Permissions::from_mode(0o1777))?;
        // Where /bin/sh leads is a diversion of dash's scripts, which are not run here.
        if !folder.join("bin/sh").exists() {
            symlink("dash", folder.join("bin/sh"))?;
        }
        root.device("null", "3")?;
        Ok(root)
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Installs each of these packages over the one before, uses what is there then, and removes it. How many files came and went.
    ///
    /// # Errors
    ///
    /// One of the steps fails, nearly nothing was installed, or something remains.
    pub(super) fn is_left_as_it_was(
        &self,
        packages: [&Path; 2],
        install: impl Fn(&Path) -> Result<()>,
        body: impl FnOnce() -> Result<()>,
        remove: impl FnOnce() -> Result<()>,
    ) -> Result<String> {
        let before = self.snapshot()?;
        packages.into_iter().try_for_each(install)?;
        let installed = before.differences(&self.snapshot()?).len();
        ensure!(installed > 3, "only {installed} files were installed");
        body()?;
        remove()?;
        let left = before.differences(&self.snapshot()?);
        ensure!(left.is_empty(), "after the package was removed these remain: {}", left.join(", "));
        Ok(format!("{installed} files and folders came, were updated, and went"))
    }

    /// On a system whose /bin is /usr/bin, it is so in the root.
    fn link_merged(&self) -> Result<()> {
        for name in ["bin", "sbin", "lib", "lib32", "lib64", "libx32"] {
            if let Ok(to) = fs::read_link(Path::new("/").join(name)) {
                fs::create_dir_all(self.folder.join(&to))?;
                symlink(&to, self.folder.join(name))?;
            }
        }
        Ok(())
    }

    /// Notes the files of a package, and enters it in the database.
    fn take(
        &self,
        name: &str,
        installed: &Installed<'_>,
        files: &mut BTreeSet<String>,
        database: &mut String,
    ) -> Result<()> {
        let stanza = installed.stanzas[name];
        database.push_str(&format!("{stanza}\n\n"));
        let info = Path::new("/").join(DATABASE).join("info");
        let own = self.folder.join(DATABASE).join("info");
        fs::create_dir_all(&own)?;
        let architecture = field(stanza, "Architecture").unwrap_or_default();
        for stem in [name.to_owned(), format!("{name}:{architecture}")] {
            let Ok(text) = fs::read_to_string(info.join(format!("{stem}.list"))) else { continue };
            // Its scripts are for later: those of libc-bin run ldconfig when a library comes or goes.
            for kind in ["list", "md5sums", "triggers", "postinst", "prerm", "postrm", "shlibs", "symbols"] {
                let file = format!("{stem}.{kind}");
                if info.join(&file).exists() {
                    fs::copy(info.join(&file), own.join(&file))?;
                }
            }
            let wanted =
                |line: &&str| line.len() > 2 && !LEFT_OUT.iter().any(|folder| line.starts_with(folder));
            files.extend(text.lines().filter(wanted).map(|line| line.trim_start_matches('/').to_owned()));
            return Ok(());
        }
        bail!("dpkg has no list of the files of {name}")
    }

    fn copy(&self, files: &BTreeSet<String>) -> Result<()> {
        let existing: Vec<_> =
            files.iter().filter(|name| Path::new("/").join(name).symlink_metadata().is_ok()).collect();
        let mut list = tempfile::NamedTempFile::new()?;
        for name in existing {
            list.write_all(name.as_bytes())?;
            list.write_all(b"\n")?;
        }
        let mut pack = Command::new("tar")
            .args(["--create", "--directory=/", "--no-recursion", "--verbatim-files-from", "--files-from"])
            .arg(list.path())
            .stdout(Stdio::piped())
            .spawn()?;
        let packed = pack.stdout.take().context("a pipe")?;
        let unpacked = Command::new("tar")
            .args(["--extract", "--keep-directory-symlink", "--preserve-permissions", "--directory"])
            .arg(&self.folder)
            .stdin(packed)
            .status()?;
        ensure!(pack.wait()?.success() && unpacked.success(), "the files of packages cannot be copied");
        Ok(())
    }

    fn device(&self, name: &str, minor: &str) -> Result<()> {
        let path = self.folder.join("dev").join(name);
        succeed(Command::new("mknod").args(["-m", "666"]).arg(path).args(["c", "1", minor]))
    }

    /// A command inside of it.
    pub(super) fn command(&self, program: &str) -> Command {
        let mut command = Command::new("chroot");
        command.arg(&self.folder).arg(program);
        command
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("HOME", "/root")
            .env("LC_ALL", "C");
        command
    }

    /// Runs a line of sh inside of it, and returns what it prints.
    pub(super) fn sh(&self, line: &str) -> Result<String> {
        let mut command = self.command("timeout");
        // One that waits for what never comes ends with all that it has started.
        command.args(["--kill-after=1", "60", "sh", "-e", "-c", line]);
        let output = command.stdin(Stdio::null()).output()?;
        ensure!(
            output.status.success(),
            "{line}: {}\n{}{}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Installs or removes by dpkg.
    pub(super) fn dpkg(&self, arguments: &[&OsStr]) -> Result<()> {
        let mut command = Command::new("dpkg");
        command.arg(format!("--root={}", self.folder.display())).args(arguments);
        succeed(command.env("DEBIAN_FRONTEND", "noninteractive").env("LC_ALL", "C"))
    }

    /// What is in it, to be compared later.
    pub(super) fn snapshot(&self) -> Result<Snapshot> {
        let mut found = BTreeMap::new();
        look_at(&self.folder, Path::new(""), &mut found)?;
        Ok(Snapshot(found))
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        // After a failure it stays, to be looked at.
        if !std::thread::panicking() {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

/// Runs a command that must succeed; what it says is shown if it does not.
pub(in super::super) fn succeed(command: &mut Command) -> Result<()> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("{} does not start", command.get_program().display()))?;
    ensure!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

/// A package's file is where the trial can read it.
pub(super) fn is_there(package: &Path) -> Result<()> {
    ensure!(package.is_file(), "{} is not there: it was not made", package.display());
    Ok(())
}

/// Every name below a root, with its kind, mode and contents as a number.
pub(super) struct Snapshot(BTreeMap<PathBuf, u64>);

impl Snapshot {
    /// What is in `later` and was not here, was here and is not, or is another thing.
    pub(super) fn differences(&self, later: &Self) -> Vec<String> {
        let names: BTreeSet<_> = self.0.keys().chain(later.0.keys()).collect();
        let changed = names.into_iter().filter(|name| self.0.get(*name) != later.0.get(*name));
        changed.map(|name| name.display().to_string()).collect()
    }
}

fn look_at(root: &Path, below: &Path, found: &mut BTreeMap<PathBuf, u64>) -> Result<()> {
    for entry in fs::read_dir(root.join(below))? {
        let name = below.join(entry?.file_name());
        if NOT_COMPARED.iter().any(|left_out| name == Path::new(left_out)) {
            continue;
        }
        let path = root.join(&name);
        let metadata = path.symlink_metadata()?;
        let mut hasher = DefaultHasher::new();
        metadata.permissions().mode().hash(&mut hasher);
        if metadata.is_symlink() {
            fs::read_link(&path)?.hash(&mut hasher);
        } else if metadata.is_file() {
            fs::read(&path)?.hash(&mut hasher);
        }
        if metadata.is_dir() {
            look_at(root, &name, found)?;
        }
        found.insert(name, hasher.finish());
    }
    Ok(())
}

/// dpkg's database of this system.
struct Installed<'a> {
    stanzas: BTreeMap<&'a str, &'a str>,
    /// Which package provides a virtual one.
    providers: BTreeMap<&'a str, &'a str>,
}

fn field<'a>(stanza: &'a str, name: &str) -> Option<&'a str> {
    stanza.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

/// The names in a field such as `libc6 (>= 2.34), perl:any | perl5`: a list of alternatives.
fn alternatives(text: &str) -> impl Iterator<Item = Vec<&str>> {
    text.split(", ").map(|one| one.split(" | ").filter_map(|name| name.split([' ', ':']).next()).collect())
}

impl<'a> Installed<'a> {
    fn read(status: &'a str) -> Self {
        let (mut stanzas, mut providers) = (BTreeMap::new(), BTreeMap::new());
        for stanza in status.split("\n\n").map(str::trim) {
            let Some(name) = field(stanza, "Package") else { continue };
            if !field(stanza, "Status").is_some_and(|status| status.ends_with(" installed")) {
                continue;
            }
            stanzas.insert(name, stanza);
            for provided in field(stanza, "Provides").into_iter().flat_map(alternatives).flatten() {
                providers.insert(provided, name);
            }
        }
        Self { stanzas, providers }
    }

    /// The package of this name, or one that provides it.
    fn called(&self, name: &str) -> Option<&'a str> {
        let own = self.stanzas.get_key_value(name).map(|(name, _)| *name);
        own.or_else(|| self.providers.get(name).copied())
    }

    /// These packages and all that they need.
    fn with_dependencies(&self, packages: &[&'a str]) -> Result<BTreeSet<&'a str>> {
        let mut found = BTreeSet::new();
        let mut waiting: Vec<Vec<&str>> = packages.iter().map(|name| vec![*name]).collect();
        while let Some(alternatives_of) = waiting.pop() {
            let Some(name) = alternatives_of.iter().find_map(|name| self.called(name)) else {
                bail!("{} is not installed here", alternatives_of.join(" or "));
            };
            if found.insert(name) {
                for kind in ["Depends", "Pre-Depends"] {
                    waiting.extend(field(self.stanzas[name], kind).into_iter().flat_map(alternatives));
                }
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATUS: &str = "Package: dash\nStatus: install ok installed\nDepends: libc6 (>= 2.34), awk | gawk:any\n\n\
                          Package: libc6\nStatus: install ok installed\n\n\
                          Package: mawk\nStatus: install ok installed\nProvides: awk\nPre-Depends: libc6\n\n\
                          Package: gone\nStatus: deinstall ok config-files\n";

    #[test]
    fn dependencies_are_followed_through_what_others_provide() {
        let installed = Installed::read(STATUS);
        let found = installed.with_dependencies(&["dash"]).expect("all are there");
        assert_eq!(found.into_iter().collect::<Vec<_>>(), ["dash", "libc6", "mawk"]);
        let error = installed.with_dependencies(&["gone"]).expect_err("only its configuration is there");
        assert_eq!(error.to_string(), "gone is not installed here");
    }

    #[test]
    fn what_was_left_behind_is_found() {
        let folder = tempfile::tempdir().expect("there is room");
        let snapshot = || {
            let mut found = BTreeMap::new();
            look_at(folder.path(), Path::new(""), &mut found).expect("it can be read");
            Snapshot(found)
        };
        fs::write(folder.path().join("kept"), "as it is").expect("there is room");
        let before = snapshot();
        assert_eq!(before.differences(&snapshot()), Vec::<String>::new());
        fs::create_dir_all(folder.path().join("usr/left")).expect("there is room");
        fs::write(folder.path().join("kept"), "changed").expect("there is room");
        assert_eq!(before.differences(&snapshot()), ["kept", "usr", "usr/left"]);
    }
}
