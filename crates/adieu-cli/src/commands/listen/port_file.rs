//! The file that tells a script where we listen.

use adieu::{Endpoint, describe_error};
use std::path::Path;
use std::{fs, io};

/// Writes it whole or not at all: a script that waits for the file never reads half a number.
///
/// That takes a rename, which is only for nothing and for a regular file. Whatever else stands there (a FIFO, a device, a
/// symlink) is written into: a rename would replace it.
///
/// # Errors
///
/// A sentence that names the file.
pub(crate) fn write(path: &Path, endpoint: &Endpoint) -> Result<(), String> {
    try_write(path, endpoint).map_err(|error| cannot_write(path, &error))
}

fn cannot_write(path: &Path, error: &io::Error) -> String {
    format!("cannot write the port to {}: {}", path.display(), describe_error(error))
}

fn try_write(path: &Path, endpoint: &Endpoint) -> io::Result<()> {
    let mut text = match endpoint {
        Endpoint::Tcp { port, .. } | Endpoint::Tls { port, .. } | Endpoint::Udp { port, .. } => {
            port.to_string().into_bytes()
        }
        other => other.to_os_string().into_encoded_bytes(),
    };
    text.push(b'\n');
    if fs::symlink_metadata(path).is_ok_and(|there| !there.is_file()) {
        return write_into(path, text);
    }
    let mut partial = path.as_os_str().to_owned();
    partial.push(format!(".{}", std::process::id()));
    fs::write(&partial, text).and_then(|()| fs::rename(&partial, path)).inspect_err(|_| {
        // The first error is the one to tell.
        let _ = fs::remove_file(&partial);
    })
}

/// A FIFO is written by a thread: its reader may come later, or never.
fn write_into(path: &Path, text: Vec<u8>) -> io::Result<()> {
    #[cfg(unix)]
    if fs::metadata(path).is_ok_and(|there| std::os::unix::fs::FileTypeExt::is_fifo(&there.file_type())) {
        let path = path.to_owned();
        std::thread::Builder::new().name("adieu-port".into()).spawn(move || {
            if let Err(error) = fs::write(&path, text) {
                crate::printer::complain(&cannot_write(&path, &error));
            }
        })?;
        return Ok(());
    }
    fs::write(path, text)
}
