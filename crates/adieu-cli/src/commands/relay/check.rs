//! `--check`: what a start would fail at, beyond what makes no plan, as far as it can be found without binding anything.
//!
//! Nothing is created, written or connected to. That a port is taken is not looked for: most often by the relay itself, which runs.

use super::plan::{Origin, Plan};
use super::together::is_of_this_machine;
use crate::exit::ExitStatus;
use crate::printer::{answer, complain};
use adieu::{Endpoint, describe_error};
use std::fs::{self, File};
use std::io;
use std::net::IpAddr;
use std::path::Path;

/// Says what is wrong, or that nothing is.
pub(super) fn run(plan: &Plan) -> ExitStatus {
    let wrong = wrong(plan);
    if wrong.is_empty() {
        let s = if plan.relays.len() == 1 { "" } else { "s" };
        answer(&format!("{} relay{s}, and nothing is wrong", plan.relays.len()));
        return ExitStatus::Success;
    }
    for what in &wrong {
        complain(what);
    }
    ExitStatus::Usage
}

fn wrong(plan: &Plan) -> Vec<String> {
    let files = [("the log", &plan.log), ("the reports", &plan.reports.file), ("the port", &plan.port_file)];
    let files = files.into_iter().filter_map(|(what, path)| {
        let path = path.as_deref()?;
        let error = can_append(path).err()?;
        Some(format!("cannot write {what} to {}: {}", path.display(), describe_error(&error)))
    });
    let relays = plan.relays.iter().filter_map(|relay| {
        let what = cannot_listen(&relay.config.listen)?;
        let place = match (&plan.origin, relay.line) {
            (Origin::File(file), Some(line)) => Some(format!("{}: line {line}: ", file.path.display())),
            _ => None,
        };
        Some(format!("{}cannot listen on {}: {what}", place.unwrap_or_default(), relay.config.listen))
    });
    let metrics = plan.metrics.iter().filter_map(|endpoint| {
        Some(format!("cannot serve metrics on {endpoint}: {}", cannot_listen(endpoint)?))
    });
    files.chain(relays).chain(metrics).collect()
}

/// Whether a file can be appended to, or made.
fn can_append(path: &Path) -> io::Result<()> {
    match fs::metadata(path) {
        _ if path.as_os_str().as_encoded_bytes().ends_with(b"/") => Err(io::ErrorKind::IsADirectory.into()),
        Ok(there) if there.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
        Ok(there) if there.is_file() => File::options().append(true).open(path).map(drop),
        // A FIFO would be waited for.
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => can_be_made_in(directory(path)),
        Err(error) => Err(error),
    }
}

fn directory(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn can_be_made_in(directory: &Path) -> io::Result<()> {
    if !fs::metadata(directory)?.is_dir() {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    #[cfg(unix)]
    rustix::fs::access(directory, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK)?;
    Ok(())
}

/// Why nobody can listen there. `None`: nothing is known against it.
fn cannot_listen(endpoint: &Endpoint) -> Option<String> {
    match endpoint {
        Endpoint::Tcp { host, .. } | Endpoint::Tls { host, .. } if host.is_empty() => None,
        Endpoint::Tcp { host, port } | Endpoint::Tls { host, port } => match host.parse::<IpAddr>() {
            Ok(ip) if is_of_this_machine(ip) => None,
            Ok(_) => Some("this machine does not have that address".to_owned()),
            Err(_) => match adieu_os::look_up(host, *port) {
                Ok(found) => {
                    let has_one = found.iter().any(|address| is_of_this_machine(address.ip()));
                    (!has_one).then(|| "this machine has none of the addresses of that name".to_owned())
                }
                Err(error) => Some(error.words()),
            },
        },
        Endpoint::Unix { path } => match fs::symlink_metadata(path) {
            Ok(there) if may_be_socket(&there) => None,
            Ok(_) => Some("something else is there, and it is not a socket".to_owned()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                can_be_made_in(directory(path)).err().map(|error| describe_error(&error))
            }
            Err(error) => Some(describe_error(&error)),
        },
        _ => None,
    }
}

#[cfg(unix)]
fn may_be_socket(there: &fs::Metadata) -> bool {
    std::os::unix::fs::FileTypeExt::is_socket(&there.file_type())
}

/// Windows shows the file of a socket as any other.
#[cfg(not(unix))]
fn may_be_socket(there: &fs::Metadata) -> bool {
    !there.is_dir()
}
