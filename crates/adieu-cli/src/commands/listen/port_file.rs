//! The file that tells a script where we listen.

use adieu::Endpoint;
use std::path::Path;
use std::{fs, io};

/// Writes it whole or not at all: a script that waits for the file never reads half a number.
pub(super) fn write(path: &Path, endpoint: &Endpoint) -> io::Result<()> {
    let text = match endpoint {
        Endpoint::Tcp { port, .. } => format!("{port}\n"),
        other => format!("{other}\n"),
    };
    let mut partial = path.as_os_str().to_owned();
    partial.push(format!(".{}", std::process::id()));
    fs::write(&partial, text)?;
    fs::rename(&partial, path).inspect_err(|_| {
        // The rename's error is the one to tell.
        let _ = fs::remove_file(&partial);
    })
}
