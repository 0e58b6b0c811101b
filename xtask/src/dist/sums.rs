//! SHA256SUMS, as `sha256sum --check` reads it.

use super::Plan;
use super::steps::Steps;
use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::Path;
use std::process::Command;

const NAME: &str = "SHA256SUMS";

pub(super) fn make(plan: &Plan, steps: &mut Steps) {
    steps.run(NAME, || {
        let names = files(&plan.out)?;
        let sums = sums(&plan.out, &names)?;
        fs::write(plan.out.join(NAME), sums)?;
        Ok(format!("{} files", names.len()))
    });
}

/// All files by name, those in folders below too, but the file of sums itself.
fn files(folder: &Path) -> Result<Vec<String>> {
    let mut names = names_in(folder)?;
    names.retain(|name| name != NAME);
    Ok(names)
}

/// All files by name, those in folders below too, in order.
pub(super) fn names_in(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    list(folder, "", &mut names)?;
    names.sort();
    Ok(names)
}

fn list(folder: &Path, below: &str, names: &mut Vec<String>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let entry = entry?;
        let name = entry.file_name().into_string().ok().context("our files have names in ASCII")?;
        let name = format!("{below}{name}");
        if entry.file_type()?.is_dir() {
            list(&entry.path(), &format!("{name}/"), names)?;
        } else {
            names.push(name);
        }
    }
    Ok(())
}

fn sums(folder: &Path, names: &[String]) -> Result<String> {
    let output = Command::new("sha256sum")
        .current_dir(folder)
        .args(names)
        .output()
        .context("sha256sum does not start")?;
    ensure!(output.status.success(), "sha256sum: {}", output.status);
    Ok(String::from_utf8(output.stdout)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_file_has_its_sum() {
        let folder = tempfile::tempdir().expect("there is room");
        fs::write(folder.path().join("empty"), "").expect("there is room");
        fs::write(folder.path().join(NAME), "those of before").expect("there is room");
        fs::create_dir(folder.path().join("container")).expect("there is room");
        fs::write(folder.path().join("container/adieu"), "").expect("there is room");
        let names = files(folder.path()).expect("it can be listed");
        assert_eq!(names, ["container/adieu", "empty"]);
        let of_nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let expected = format!("{of_nothing}  container/adieu\n{of_nothing}  empty\n");
        assert_eq!(sums(folder.path(), &names).expect("it has sums"), expected);
    }
}
