//! The files that a transfer writes beside its content, which must not be its content.

use super::arguments::Transfer;
use crate::no_plan::NoPlan;
use crate::options::Shared;
use std::path::{Path, PathBuf};

/// Refuses a report or port in the place of what is `sent` (or `stored`), before anything is created: the one would be lost
/// in the other.
pub(crate) fn check(
    shared: &Shared,
    transfer: &Transfer,
    places: &[PathBuf],
    what: &str,
) -> Result<(), NoPlan> {
    let own = [("--report-file", &shared.reporting.report_file), ("--port-file", &transfer.port_file)];
    for (option, file) in own {
        let Some(file) = file.as_deref().and_then(whereabouts) else { continue };
        if places.iter().any(|place| whereabouts(place).is_some_and(|there| there == file)) {
            let file = file.display();
            return Err(NoPlan::refused(format!("{option} names what is {what}, {file}: one would be lost")));
        }
    }
    Ok(())
}

/// Where a file is, or would be. `None`: nowhere, which whoever opens it will say.
fn whereabouts(path: &Path) -> Option<PathBuf> {
    std::fs::canonicalize(path).ok().or_else(|| {
        let parent = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Some(std::fs::canonicalize(parent).ok()?.join(path.file_name()?))
    })
}
