//! `--verify`: everything is made a second time, by a copy of these sources elsewhere, and each file must have the same bytes.
//!
//! Where it is made, who may read new files, the time zone and the language are others; compilers and packages are the same.

use super::Plan;
use super::steps::Steps;
use super::sums::names_in;
use crate::{ELSEWHERE, root};
use anyhow::{Context, Result, bail, ensure};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};
use std::{env, fs};

pub(super) fn make(plan: &Plan, steps: &mut Steps) {
    steps.run("everything is made again elsewhere", || {
        // Deeper, so that the folders' names are longer too.
        let place = tempfile::Builder::new().prefix("adieu-somewhere-else-").tempdir()?;
        let sources = place.path().join("some/folder/of/sources");
        copy_sources(&sources)?;
        make_again(plan, &sources)?;
        let out = plan.out.strip_prefix(root()?).context("target/dist is in the workspace")?;
        match compare(&plan.out, &sources.join(out)) {
            Ok(count) => Ok(format!("the same bytes in {count} files")),
            Err(error) => {
                let _ = place.keep();
                bail!("{error}\nthe second build is kept, in {}", sources.display())
            }
        }
    });
}

/// The sources as they are here, with what is not committed yet.
fn copy_sources(to: &Path) -> Result<()> {
    let root = root()?;
    let listed = Command::new("git")
        .current_dir(&root)
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .output()
        .context("git does not start")?;
    ensure!(listed.status.success(), "git ls-files: {}", listed.status);
    for name in listed.stdout.split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        let name = std::str::from_utf8(name).context("our files have names in ASCII")?;
        let (from, to) = (root.join(name), to.join(name));
        // One that is deleted and not committed yet is still listed.
        if !from.is_file() {
            continue;
        }
        fs::create_dir_all(to.parent().context("it is below a folder")?)?;
        fs::copy(&from, &to).with_context(|| from.display().to_string())?;
    }
    Ok(())
}

/// This task, for the copy.
fn make_again(plan: &Plan, sources: &Path) -> Result<()> {
    let mut command = Command::new("sh");
    command
        .args(["-c", "umask 077; exec \"$@\"", "sh"])
        .arg(env::current_exe()?)
        .args(["dist", "--no-trial"]);
    for target in &plan.targets {
        command.args(["--target", target.name]);
    }
    command
        .current_dir(sources)
        .env(ELSEWHERE, sources)
        .env("SOURCE_DATE_EPOCH", plan.epoch.to_string())
        .env("TZ", "Pacific/Chatham")
        .env("LC_ALL", "C.UTF-8")
        .env_remove("CARGO_TARGET_DIR");
    let status = command.stdin(Stdio::null()).status().context("sh does not start")?;
    ensure!(status.success(), "the second build has failed: {status}");
    Ok(())
}

/// How many files both folders have, with the same bytes.
///
/// # Errors
///
/// A file is in one of them only, or differs; the error names all of these.
fn compare(one: &Path, other: &Path) -> Result<usize> {
    let names_in = |folder| names_in(folder).map(BTreeSet::from_iter);
    let (names, others) = (names_in(one)?, names_in(other)?);
    let lacking = names.symmetric_difference(&others).map(|name| format!("{name} was made once"));
    let mut wrong: Vec<String> = lacking.collect();
    for name in names.intersection(&others) {
        let (first, second) = (fs::read(one.join(name))?, fs::read(other.join(name))?);
        if let Some(difference) = difference(&first, &second) {
            wrong.push(format!("{name} differs: {difference}"));
        }
    }
    if !wrong.is_empty() {
        bail!("two builds differ\n{}", wrong.join("\n"));
    }
    ensure!(!names.is_empty(), "{} is empty", one.display());
    Ok(names.len())
}

/// In which two files differ. `None`: in nothing.
fn difference(first: &[u8], second: &[u8]) -> Option<String> {
    if first == second {
        return None;
    }
    let at = first.iter().zip(second).position(|(one, other)| one != other);
    let at = at.map_or_else(|| "the end of the shorter".to_owned(), |at| format!("byte {at}"));
    Some(format!("{} bytes and {}, first at {at}", first.len(), second.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_that_differs_or_is_in_one_folder_only_is_named() {
        let place = tempfile::tempdir().expect("there is room");
        let put = |name: &str, text: &str| {
            let path = place.path().join(name);
            fs::create_dir_all(path.parent().expect("it is in a folder")).expect("there is room");
            fs::write(path, text).expect("there is room");
        };
        let folders = || compare(&place.path().join("one"), &place.path().join("other"));
        for folder in ["one", "other"] {
            put(&format!("{folder}/same"), "abc");
            put(&format!("{folder}/below/same"), "abc");
        }
        assert_eq!(folders().expect("they are the same"), 2);
        put("one/below/changed", "abc");
        put("other/below/changed", "abd");
        put("one/longer", "abcd");
        put("other/longer", "abc");
        put("other/new", "");
        assert_eq!(
            folders().expect_err("they differ").to_string(),
            "two builds differ\nnew was made once\nbelow/changed differs: 3 bytes and 3, first at byte 2\n\
             longer differs: 4 bytes and 3, first at the end of the shorter"
        );
    }
}
