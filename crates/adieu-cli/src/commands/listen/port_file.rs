//! The file that tells a script where we listen.

use crate::whole_file;
use adieu::Endpoint;
use std::path::Path;
use std::{fs, io};

/// Writes it whole or not at all: a script that waits for the file never reads half a number.
///
/// That takes a rename, which is only for nothing and for a regular file. Whatever else stands there (a FIFO, a device, a
/// symlink) is written into: a rename would replace it.
pub(crate) fn write(path: &Path, endpoint: &Endpoint) -> io::Result<()> {
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
    whole_file::replace(path, &text)
}

/// A FIFO is written by a thread: its reader may come later, or never.
fn write_into(path: &Path, text: Vec<u8>) -> io::Result<()> {
    #[cfg(unix)]
    if fs::metadata(path).is_ok_and(|there| std::os::unix::fs::FileTypeExt::is_fifo(&there.file_type())) {
        let path = path.to_owned();
        std::thread::Builder::new().name("adieu-port".into()).spawn(move || {
            if let Err(error) = fs::write(&path, text) {
                let why = adieu::describe_error(&error);
                crate::printer::complain(&format!("cannot write the port to {}: {why}", path.display()));
            }
        })?;
        return Ok(());
    }
    fs::write(path, text)
}
