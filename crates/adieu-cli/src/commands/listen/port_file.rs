//! The file that tells a script where we listen.

use adieu::Endpoint;
use std::path::Path;
use std::{fs, io};

/// Writes it whole or not at all: a script that waits for the file never reads half a number.
///
/// That takes a rename, which is only for nothing and for a regular file. Whatever else stands there (a FIFO, a device, a
/// symlink) is written into: a rename would replace it.
pub(crate) fn write(path: &Path, endpoint: &Endpoint) -> io::Result<()> {
    let mut text = match endpoint {
        Endpoint::Tcp { port, .. } | Endpoint::Tls { port, .. } => port.to_string().into_bytes(),
        other => other.to_os_string().into_encoded_bytes(),
    };
    text.push(b'\n');
    if fs::symlink_metadata(path).is_ok_and(|there| !there.is_file()) {
        return fs::write(path, text);
    }
    let mut partial = path.as_os_str().to_owned();
    partial.push(format!(".{}", std::process::id()));
    fs::write(&partial, text).and_then(|()| fs::rename(&partial, path)).inspect_err(|_| {
        // The first error is the one to tell.
        let _ = fs::remove_file(&partial);
    })
}
