//! Writing lines without waiting, to what others share with us.
//!
//! A file is written to at once. A pipe that is full and a console whose text is being selected hold up whoever writes to
//! them, and no call tells before, so both are left to a thread that may wait.

use super::files::is_on_disk;
use crate::LinesTo;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

/// Writes what takes no waiting, at least a byte. `WouldBlock`: it would wait, or nobody can tell.
pub fn write_now(to: LinesTo<'_>, bytes: &[u8]) -> io::Result<usize> {
    let (is_disk, written) = match to {
        LinesTo::Stderr if is_on_disk(&io::stderr()) => (true, io::stderr().write(bytes)),
        LinesTo::File(mut file) if is_on_disk(file) => (true, file.write(bytes)),
        _ => (false, Err(io::ErrorKind::WouldBlock.into())),
    };
    match written {
        Ok(0) if is_disk => Err(io::ErrorKind::WriteZero.into()),
        other => other,
    }
}

/// Writes all, however long it takes.
pub fn write_waiting(to: LinesTo<'_>, bytes: &[u8]) -> io::Result<()> {
    match to {
        LinesTo::Stderr => io::stderr().write_all(bytes),
        LinesTo::File(mut file) => file.write_all(bytes),
    }
}

/// Opens a file for our lines, anew or to go on at its end. `None` is for systems with FIFOs in their file system.
pub fn open_for_lines(path: &Path, append: bool) -> io::Result<Option<File>> {
    if append {
        return File::options().append(true).create(true).open(path).map(Some);
    }
    File::create(path).map(Some)
}
