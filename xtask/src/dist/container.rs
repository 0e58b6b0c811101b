//! The container image: the folder that packaging/container/Containerfile is built in, and a build of it, without a network.

use super::layout::Tree;
use super::steps::Steps;
use super::trial::program::Runner;
use super::trial::root::succeed;
use super::{Plan, VERSION, target};
use crate::parts::Part;
use crate::root;
use anyhow::{Context, Result, ensure};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const PARTS: [Part; 2] = [("buildah", "buildah"), ("/etc/ssl/certs/ca-certificates.crt", "ca-certificates")];

pub(super) fn parts(plan: &Plan) -> Vec<Part> {
    if plan.trial { PARTS.to_vec() } else { PARTS[1..].to_vec() }
}

pub(super) fn make(plan: &Plan, steps: &mut Steps) {
    if plan.native().is_none() {
        return;
    }
    let folder = plan.out.join("container");
    steps.run("the folder of the container image", || {
        fill(plan, &folder)?;
        Ok("made".to_owned())
    });
    steps.try_it("the container image is built and run", || try_it(plan, &folder));
}

/// The files that the Containerfile takes, beside it.
fn fill(plan: &Plan, folder: &Path) -> Result<()> {
    let native = target::NATIVE;
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    let tree = Tree { below: folder };
    tree.put("adieu", &fs::read(plan.program(native))?, 0o755)?;
    tree.copy(Path::new(PARTS[1].0), "ca-certificates.crt")?;
    tree.copy(Path::new("/usr/share/doc/ca-certificates/copyright"), "ca-certificates.copyright")?;
    tree.copy(&plan.third_party(native), "THIRD-PARTY")?;
    let root = root()?;
    for name in ["LICENSE-MIT", "LICENSE-APACHE", "packaging/container/Containerfile"] {
        tree.copy(
            &root.join(name),
            Path::new(name).file_name().and_then(|name| name.to_str()).context("a name")?,
        )?;
    }
    Ok(())
}

/// buildah, with all that it keeps in a folder of ours.
struct Buildah {
    folder: PathBuf,
}

impl Buildah {
    fn words(&self) -> Vec<OsString> {
        let mut words: Vec<OsString> = vec!["buildah".into()];
        for (option, name) in [("--root", "storage"), ("--runroot", "run")] {
            words.push(option.into());
            words.push(self.folder.join(name).into());
        }
        words.extend(["--storage-driver", "vfs"].map(OsString::from));
        words
    }

    fn command(&self, subcommand: &str) -> Command {
        let words = self.words();
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).arg(subcommand).stdin(Stdio::null());
        command
    }
}

impl Drop for Buildah {
    fn drop(&mut self) {
        let _ = self.command("rm").arg("--all").output();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn try_it(plan: &Plan, folder: &Path) -> Result<String> {
    succeed(Command::new("unshare").args(["--net", "--mount", "true"]))
        .context("this system permits no namespaces for networks and mounts, and buildah needs them")?;
    let buildah = Buildah { folder: plan.work.join("buildah") };
    let image = format!("localhost/adieu:{VERSION}");
    // In a network namespace of its own, which has no network.
    succeed(
        Command::new("unshare")
            .arg("--net")
            .args(buildah.words())
            .args(["build", "--isolation", "chroot", "--tag", &image, "--timestamp"])
            .arg(plan.epoch.to_string())
            .arg(folder),
    )?;
    let made = buildah.command("from").args(["--pull-never", &image]).output()?;
    ensure!(made.status.success(), "buildah from: {}", String::from_utf8_lossy(&made.stderr));
    let container = String::from_utf8(made.stdout)?.trim().to_owned();
    let run: [OsString; 6] = [
        "run".into(),
        "--isolation".into(),
        "chroot".into(),
        container.into(),
        "--".into(),
        "/usr/bin/adieu".into(),
    ];
    let runner = Runner::new(buildah.words().into_iter().chain(run));
    let said = runner.use_it()?;
    // The roots are read before anybody is connected to: that nobody is there is what it says then.
    runner.refuse(&["connect", "tls://127.0.0.1:1"], 3, "ECONNREFUSED")?;
    Ok(format!("{said} in it"))
}
