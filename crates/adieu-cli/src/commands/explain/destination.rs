//! Where the page of `--html` is written, and what is not replaced by it.

use crate::exit::ExitStatus;
use crate::no_plan::NoPlan;
use crate::printer::complain;
use crate::stdout::print;
use crate::whole_file;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// How a page begins. A file that begins otherwise is not replaced.
const DOCTYPE: &[u8] = b"<!DOCTYPE html>";

/// Where a page is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Destination {
    Stdout,
    /// A file that does not exist, or a page of before.
    File(PathBuf),
    /// A FIFO or a device, which cannot be replaced.
    Into(PathBuf),
}

impl Destination {
    /// `captures`: the files that are read.
    pub(super) fn new(name: &Path, captures: &[&Path]) -> Result<Self, NoPlan> {
        if name.as_os_str() == "-" {
            return Ok(Self::Stdout);
        }
        let refused = |why: String| {
            Err(NoPlan::Refused { why, hint: Some("give the page a name of its own".to_owned()) })
        };
        let shown = name.display();
        // A symlink leads to what is replaced.
        let Ok(path) = fs::canonicalize(name) else { return Ok(Self::File(followed(name))) };
        let is_it = |capture: &&Path| fs::canonicalize(capture).is_ok_and(|capture| capture == path);
        if captures.iter().any(is_it) {
            return refused(format!("the page would replace the capture {shown}"));
        }
        match fs::metadata(&path) {
            Ok(there) if there.is_dir() => refused(format!("{shown} is a directory, and the page is a file")),
            Ok(there) if !there.is_file() => Ok(Self::Into(path)),
            _ if is_page(&path) => Ok(Self::File(path)),
            _ => refused(format!("{shown} exists, and adieu replaces only pages: it does not begin as one")),
        }
    }

    /// Whether a page can be written there, as far as can be said before.
    pub(super) fn check(&self) -> io::Result<()> {
        let Self::File(path) = self else { return Ok(()) };
        if path.is_symlink() {
            // Those that lead somewhere were followed: it says that this one leads round.
            fs::metadata(path)?;
        }
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let directory = directory.unwrap_or(Path::new("."));
        if fs::metadata(directory)?.is_dir() { Ok(()) } else { Err(io::ErrorKind::NotADirectory.into()) }
    }

    pub(super) fn write(&self, page: &str) -> ExitStatus {
        let written = match self {
            Self::Stdout => return print(page.as_bytes()),
            Self::File(path) => whole_file::replace(path, page.as_bytes()),
            Self::Into(path) => fs::write(path, page),
        };
        written.map_or_else(|error| self.failed(&error), |()| ExitStatus::Success)
    }

    pub(super) fn failed(&self, error: &io::Error) -> ExitStatus {
        let name = match self {
            Self::Stdout => "stdout".to_owned(),
            Self::File(path) | Self::Into(path) => path.display().to_string(),
        };
        complain(&format!("cannot write the page to {name}: {}", adieu::describe_error(error)));
        ExitStatus::LocalFailure
    }
}

/// Where the symlinks of a name lead that has no file yet: the page is made there, and they stay.
fn followed(name: &Path) -> PathBuf {
    /// As many as Linux follows; path_resolution(7).
    const MOST: usize = 40;
    let mut path = name.to_owned();
    for _ in 0..MOST {
        let Ok(target) = fs::read_link(&path) else { break };
        path = path.parent().unwrap_or(Path::new("")).join(target);
    }
    path
}

/// Whether a file is empty or begins as a page does.
fn is_page(path: &Path) -> bool {
    let mut first = Vec::new();
    let length = u64::try_from(DOCTYPE.len()).expect("it is short");
    File::open(path).and_then(|file| file.take(length).read_to_end(&mut first)).is_ok()
        && (first.is_empty() || first == DOCTYPE)
}
