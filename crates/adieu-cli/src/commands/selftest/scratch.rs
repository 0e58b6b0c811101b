//! Whether the scenarios can be run at all, and the one directory that their files are in.

use crate::exit::ExitStatus;
use crate::os;
use std::fs;
use std::io::{self, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;

/// Far more than a connection over loopback takes.
const PATIENCE: Duration = Duration::from_secs(10);

/// More than the scenarios' files take at once.
const ROOM: usize = 8 << 20;

/// Why no scenario can be run: what is missing, and what the system says of it.
pub(super) type Missing = (String, io::Error);

/// As long as it lives, temporary files are made in a directory of its own. A signal ends the process and takes that away.
///
/// # Errors
///
/// It cannot be made, has no room, or has too long a path for Unix sockets, if they are needed.
pub(super) fn directory(needs_unix_sockets: bool) -> Result<TempDir, Missing> {
    let above = std::env::temp_dir();
    let shown = adieu::shown(above.as_os_str().as_encoded_bytes());
    let missing = |what: &str| {
        let what = format!("{what} in {shown}");
        move |error| (what, error)
    };
    // A short name: a Unix socket's path has at most 107 bytes, on macOS and the BSDs 103. unix(7), unix(4).
    let scratch =
        tempfile::Builder::new().prefix("adieu-").tempdir().map_err(missing("no temporary directory"))?;
    if needs_unix_sockets {
        places_a_socket(scratch.path()).map_err(missing("no Unix socket"))?;
    }
    has_room(scratch.path()).map_err(missing("no room for temporary files"))?;
    let path = scratch.path().to_owned();
    os::heed_signals(os::command::Running::default(), move |signal| {
        remove(&path);
        std::process::exit(ExitStatus::of_signal(signal).number().into());
    })
    .map_err(|error| ("no thread can be started".to_owned(), error))?;
    tempfile::env::override_temp_dir(scratch.path())
        .map_err(|_| ("no temporary directory".to_owned(), io::Error::other("it was chosen before")))?;
    Ok(scratch)
}

/// The path of a scenario's Unix socket in this directory is not too long.
fn places_a_socket(scratch: &Path) -> io::Result<()> {
    /// What a peer's own directory and the socket in it are called: tempfile adds six letters.
    const IN_IT: &str = "adieu-peer-XXXXXX/socket";
    adieu_os::unix_address(&scratch.join(IN_IT)).map(drop)
}

/// A file as big as all that the scenarios write fits into it.
fn has_room(scratch: &Path) -> io::Result<()> {
    let mut file = tempfile::tempfile_in(scratch)?;
    let zeros = [0; 1 << 13];
    (0..ROOM / zeros.len()).try_for_each(|_| file.write_all(&zeros))
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
