//! Whether the scenarios can be run at all, and the one directory that their files are in.

use crate::exit::ExitStatus;
use crate::os;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;

/// Far more than a connection over loopback takes.
const PATIENCE: Duration = Duration::from_secs(10);

/// As long as it lives, temporary files are made in a directory of its own. A signal ends the process and takes that away.
pub(super) fn directory() -> io::Result<TempDir> {
    // A short name: the path of a Unix socket in it has an end, 104 bytes on macOS. unix(7), unix(4).
    let scratch = tempfile::Builder::new().prefix("adieu-").tempdir()?;
    let path = scratch.path().to_owned();
    os::heed_signals(os::command::Running::default(), move |signal| {
        remove(&path);
        std::process::exit(ExitStatus::of_signal(signal).number().into());
    })?;
    tempfile::env::override_temp_dir(scratch.path()).map_err(|_| io::Error::other("it was chosen before"))?;
    Ok(scratch)
}

/// Scenarios are still running, and one may make a file while the directory is removed: then it is tried again.
fn remove(path: &Path) {
    for _ in 0..20 {
        if fs::remove_dir_all(path).is_ok() || !path.exists() {
            return;
        }
    }
}

/// A connection to 127.0.0.1 is possible.
pub(super) fn loopback() -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    TcpStream::connect_timeout(&listener.local_addr()?, PATIENCE).map(drop)
}
