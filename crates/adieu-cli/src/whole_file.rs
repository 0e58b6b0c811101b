//! A file that is written whole or not at all: whoever reads it under its name never reads half of it.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

/// Writes a file beside `path`, and gives it that name when it is whole. A file that has the name is replaced.
///
/// A rename is only for nothing and for a regular file. What else may stand there (a FIFO, a device, a symlink) is the
/// caller's to ask: a rename would replace it.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut partial: OsString = path.as_os_str().to_owned();
    partial.push(format!(".{}", std::process::id()));
    // One of a process that had our number and was killed. It is not written into: others may hold it open.
    let _ = fs::remove_file(&partial);
    let written = File::create_new(&partial).and_then(|mut file| file.write_all(bytes));
    written.and_then(|()| fs::rename(&partial, path)).inspect_err(|_| {
        // The first error is the one to tell.
        let _ = fs::remove_file(&partial);
    })
}
