//! The files that adieu itself writes: logs, reports, the file with its port.

use anyhow::anyhow;
use std::path::PathBuf;

/// A file that adieu itself writes. Other programs take `-` for stdout; here it would silently be a file of that name.
pub(crate) fn own_file(path: PathBuf) -> anyhow::Result<PathBuf> {
    if path.as_os_str() != "-" {
        return Ok(path);
    }
    let stdout = if cfg!(unix) { "write /dev/stdout for stdout, or " } else { "" };
    Err(anyhow!("'-' is not a file: {stdout}./- for a file of this name"))
}
