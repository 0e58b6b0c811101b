//! `cargo xtask dist`: everything that people install, in target/dist, each tried as they would use it.
//!
//! The systems are data ([`target`]), and so are the artefacts ([`ARTEFACTS`]). It installs nothing on this machine: what is missing
//! is said, with the package that has it, and packages are tried in roots of their own.

mod archives;
mod binaries;
mod c_library;
mod components;
mod container;
mod deb;
mod layout;
mod licences;
mod packages;
mod pages;
mod rpm;
mod sbom;
mod steps;
mod sums;
mod target;
mod trial;
#[cfg(test)]
mod units;
mod verify;

use crate::parts::{self, Part};
use crate::root;
use anyhow::{Context, Result, ensure};
use clap::builder::PossibleValuesParser;
use layout::Family;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant, UNIX_EPOCH};
use std::{env, fs};
use steps::Steps;
use target::Target;

const VERSION: &str = env!("CARGO_PKG_VERSION");

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only Linux on x86-64, by this compiler, not optimized: shows that packages are whole, and is not for use
    #[arg(long, conflicts_with_all = ["verify", "target"])]
    quick: bool,

    /// Make everything a second time, in another folder, and fail unless each file has the same bytes
    #[arg(long, conflicts_with = "only")]
    verify: bool,

    /// Make everything and try nothing: what tries it needs root, qemu, Wine and buildah
    #[arg(long)]
    no_trial: bool,

    /// Only this system; may be repeated
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(target::ALL.each_ref().map(|target| target.name)))]
    target: Vec<String>,

    /// Only this artefact, from what an earlier run has made; may be repeated
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(ARTEFACTS.each_ref().map(|artefact| artefact.name)))]
    only: Vec<String>,
}

/// Something that is made, in an order in which each can use what stands before it.
struct Artefact {
    name: &'static str,
    /// What it takes to make and to try it.
    parts: fn(&Plan) -> Vec<Part>,
    make: fn(&Plan, &mut Steps),
}

const ARTEFACTS: [Artefact; 7] = [
    Artefact { name: "binaries", parts: binaries::parts, make: binaries::make },
    Artefact { name: "bills", parts: |_| Vec::new(), make: bills },
    Artefact { name: "archives", parts: archives::parts, make: archives::make },
    Artefact { name: "packages", parts: packages::parts, make: packages::make },
    Artefact { name: "c-library", parts: packages::parts_of_c_library, make: packages::make_c_library },
    Artefact { name: "container", parts: container::parts, make: container::make },
    Artefact { name: "sums", parts: |_| Vec::new(), make: sums::make },
];

/// What is made, and where.
struct Plan {
    quick: bool,
    /// Whether what is made is tried.
    trial: bool,
    targets: Vec<&'static Target>,
    /// Where artefacts are put: target/dist.
    out: PathBuf,
    /// Where they are made of parts: target/dist-build, with folders of its own for `--quick`.
    work: PathBuf,
    /// The time that files are given, in seconds since 1970. Source: <https://reproducible-builds.org/specs/source-date-epoch/>.
    epoch: u64,
}

impl Plan {
    fn new(arguments: &Arguments) -> Result<Self> {
        let target = root()?.join("target");
        let wanted =
            |name: &str| arguments.target.is_empty() || arguments.target.iter().any(|one| one == name);
        let targets = target::ALL.iter().filter(|target| wanted(target.name));
        Ok(Self {
            quick: arguments.quick,
            trial: !arguments.no_trial,
            targets: targets.take(if arguments.quick { 1 } else { usize::MAX }).collect(),
            out: target.join(if arguments.quick { "dist-quick" } else { "dist" }),
            work: target.join(if arguments.quick { "dist-build/quick" } else { "dist-build/full" }),
            epoch: epoch()?,
        })
    }

    /// The target whose program runs here as it is: it makes manual pages and completions for all. `None`: it is not wanted.
    fn native(&self) -> Option<&'static Target> {
        self.targets.iter().copied().find(|target| target.name == target::NATIVE.name)
    }

    /// The built program of a target.
    fn program(&self, target: &Target) -> PathBuf {
        self.work.join("programs").join(target.name).join(target.program)
    }

    fn third_party(&self, target: &Target) -> PathBuf {
        self.work.join("programs").join(target.name).join("THIRD-PARTY")
    }

    /// The tree that a package is made of.
    fn stage(&self, family: Family, package: &str) -> PathBuf {
        self.work.join("stage").join(family.folder()).join(package)
    }

    /// RFC 5322, as Debian's changelogs have it.
    fn date_of_mail(&self) -> Result<String> {
        let date = Command::new("date")
            .args(["--utc", "--rfc-email", &format!("--date=@{}", self.epoch)])
            .env("LC_ALL", "C")
            .output()
            .context("date does not start")?;
        ensure!(date.status.success(), "date: {}", date.status);
        Ok(String::from_utf8(date.stdout)?.trim().to_owned())
    }

    /// RFC 3339.
    fn timestamp(&self) -> String {
        humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs(self.epoch)).to_string()
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let began = Instant::now();
    let plan = Plan::new(arguments)?;
    let wanted: Vec<&Artefact> = ARTEFACTS
        .iter()
        .filter(|artefact| {
            arguments.only.is_empty() || arguments.only.iter().any(|name| name == artefact.name)
        })
        .collect();
    can_be_made(&plan, &wanted)?;
    if arguments.only.is_empty() && plan.out.exists() {
        fs::remove_dir_all(&plan.out)?;
    }
    fs::create_dir_all(&plan.out)?;
    let mut steps = Steps::new(plan.trial);
    for artefact in wanted {
        (artefact.make)(&plan, &mut steps);
    }
    if arguments.verify {
        verify::make(&plan, &mut steps);
    }
    steps.end(began)
}

/// Says what is missing before hours are spent, and not after.
///
/// # Errors
///
/// A part is missing, or a privilege.
fn can_be_made(plan: &Plan, wanted: &[&Artefact]) -> Result<()> {
    let mut needed: Vec<Part> = wanted.iter().flat_map(|artefact| (artefact.parts)(plan)).collect();
    needed.sort_unstable();
    needed.dedup();
    parts::require(&needed)?;
    if plan.trial {
        trial::root::can_be_made()?;
    }
    let speaks = plan.native().is_some() || plan.program(target::NATIVE).is_file();
    ensure!(
        speaks,
        "the program for {0} makes the manual pages of all: make it too, with --target {0}",
        target::NATIVE.name
    );
    Ok(())
}

/// The time of the last commit, unless SOURCE_DATE_EPOCH says another.
fn epoch() -> Result<u64> {
    let given = env::var("SOURCE_DATE_EPOCH").ok();
    let text = given.map_or_else(last_commit, Ok)?;
    text.trim().parse().with_context(|| format!("SOURCE_DATE_EPOCH is no number of seconds: {text:?}"))
}

fn last_commit() -> Result<String> {
    let output = Command::new("git").current_dir(root()?).args(["log", "-1", "--format=%ct"]).output();
    let output = output.context("git does not start")?;
    ensure!(output.status.success(), "git knows no commit here: set SOURCE_DATE_EPOCH");
    Ok(String::from_utf8(output.stdout)?)
}

/// THIRD-PARTY and the SBOM of each binary.
fn bills(plan: &Plan, steps: &mut Steps) {
    for target in &plan.targets {
        steps.run(&format!("licences and SBOM for {}", target.name), || {
            let components = components::of("adieu-cli", target.triple)?;
            let third_party = licences::third_party(&components, target.libraries)?;
            fs::write(plan.third_party(target), third_party)?;
            let libraries = sbom::libraries(plan, target)?;
            let document = sbom::document("adieu-cli", &components, &libraries, &plan.timestamp())?;
            fs::write(plan.out.join(format!("{}.cdx.json", target.stem())), document)?;
            Ok(format!("{} crates and {} libraries", components.len(), libraries.len()))
        });
    }
}

/// Bytes as people read them.
fn mebibytes(path: &std::path::Path) -> Result<String> {
    let length = fs::metadata(path).with_context(|| path.display().to_string())?.len();
    #[expect(clippy::cast_precision_loss, reason = "two decimals are shown")]
    let size = length as f64 / f64::from(1 << 20);
    Ok(format!("{size:.2} MiB"))
}
