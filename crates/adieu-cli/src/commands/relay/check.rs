//! `--check`: what a start would fail at, beyond what makes no plan, as far as it can be found without binding anything; and, as
//! warnings, what its upstreams lack now and may have by then.
//!
//! Nothing is created, written or connected to. That a port is taken is not looked for: most often by the relay itself, which runs.

use super::config_file::Wrong;
use super::described::{Described, unix_name_error};
use super::names::{self, Unresolved};
use super::plan::{Origin, Plan};
use super::together::{is_of_this_machine, upstreams};
use crate::exit::ExitStatus;
use crate::printer::{answer, complain};
use adieu::{Endpoint, describe_error};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::net::IpAddr;
use std::path::Path;

/// Says what is wrong, or that nothing is.
pub(super) fn run(plan: &Plan) -> ExitStatus {
    let wrong = wrong(plan);
    for what in &wrong {
        complain(what);
    }
    let warnings = warnings(plan);
    for what in &warnings {
        answer(&format!("warning: {what}"));
    }
    if !wrong.is_empty() {
        return ExitStatus::Usage;
    }
    let counted = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    let but = match warnings.len() {
        0 => String::new(),
        n => format!(", but there {} {}", if n == 1 { "is" } else { "are" }, counted(n, "warning")),
    };
    answer(&format!("{}, and nothing is wrong{but}", counted(plan.relays.len(), "relay")));
    ExitStatus::Success
}

fn wrong(plan: &Plan) -> Vec<String> {
    let files = [("the log", &plan.log), ("the reports", &plan.reports.file), ("the port", &plan.port_file)];
    let files = files.into_iter().filter_map(|(what, path)| {
        let path = path.as_deref()?;
        let error = can_append(path).err()?;
        let what = format!("cannot write {what} to {}: {}", path.display(), describe_error(&error));
        let in_file = match &plan.origin {
            Origin::File(file) => file.of_log(path, &what),
            Origin::CommandLine(_) => None,
        };
        Some(in_file.unwrap_or(what))
    });
    let relays = plan.relays.iter().flat_map(|relay| {
        let interface = no_interface(relay).map(|what| at_key(plan, relay, "interface", &what));
        let listen = cannot_listen(&relay.config.listen).map(|what| {
            let what = format!("cannot listen on {}: {what}", relay.config.listen);
            at_key(plan, relay, "listen", &what)
        });
        [interface, listen].into_iter().flatten()
    });
    let metrics = plan.metrics.iter().filter_map(|endpoint| {
        let what = format!("cannot serve metrics on {endpoint}: {}", cannot_listen(endpoint)?);
        let in_file = match &plan.origin {
            Origin::File(file) => file.of_metrics(endpoint, &what),
            Origin::CommandLine(_) => None,
        };
        Some(in_file.unwrap_or(what))
    });
    files.chain(relays).chain(metrics).collect()
}

/// What upstreams lack: an address of their name, or the directory of their socket. A relay starts without either, and looks again for
/// each client.
fn warnings(plan: &Plan) -> Vec<String> {
    let hosts: BTreeSet<&str> =
        plan.relays.iter().flat_map(|relay| upstreams(&relay.config)).filter_map(name_of).collect();
    let unresolved: BTreeMap<&str, Unresolved> = names::unresolved(&hosts);
    let lacks = |endpoint: &Endpoint| match endpoint {
        Endpoint::Unix { path } if !fs::metadata(directory(path)).is_ok_and(|there| there.is_dir()) => {
            Some(format!("there is no directory {}", directory(path).display()))
        }
        _ => name_of(endpoint).and_then(|host| unresolved.get(host)).map(|why| match why {
            Unresolved::Failed(error) => error.clone(),
            Unresolved::Late => format!("its name was not resolved within {} s", names::LIMIT.as_secs()),
        }),
    };
    let of_relay = |relay: &Described| -> Vec<String> {
        let own = relay.config.upstreams.iter().map(|upstream| ("to", upstream));
        let of_routes = relay.config.routes.all.iter().flat_map(|route| &route.upstreams);
        let all = own.chain(of_routes.map(|upstream| ("route", upstream)));
        let lacking = all.filter_map(|(key, upstream)| Some((key, upstream, lacks(&upstream.endpoint)?)));
        lacking
            .map(|(key, upstream, why)| {
                at_key(plan, relay, key, &format!("cannot connect to {} now: {why}", upstream.endpoint))
            })
            .collect()
    };
    let all: Vec<String> = plan.relays.iter().flat_map(of_relay).collect();
    let mut seen = BTreeSet::new();
    all.into_iter().filter(|warning| seen.insert(warning.clone())).collect()
}

/// The name that stands for addresses, if there is one.
fn name_of(endpoint: &Endpoint) -> Option<&str> {
    match endpoint {
        Endpoint::Tcp { host, .. } | Endpoint::Tls { host, .. } => {
            Some(&**host).filter(|host| !host.is_empty() && host.parse::<IpAddr>().is_err())
        }
        _ => None,
    }
}

/// What is wrong with a relay, with the line of its key if it stands in a file.
fn at_key(plan: &Plan, relay: &Described, key: &str, what: &str) -> String {
    match (&plan.origin, &relay.lines) {
        (Origin::File(file), Some(lines)) => file.in_line(&Wrong::of_key(key, lines.of(key), what)),
        _ => what.to_owned(),
    }
}

/// What is wrong with the interface that its sockets are to use.
#[cfg(linux_kernel)]
fn no_interface(relay: &Described) -> Option<String> {
    let name = relay.interface.as_deref()?;
    let socket = std::net::UdpSocket::bind((std::net::Ipv4Addr::LOCALHOST, 0)).ok()?;
    let error = rustix::net::netdevice::name_to_index(&socket, name).err()?;
    Some(match error {
        rustix::io::Errno::NODEV => format!("this machine has no network interface {name}"),
        other => format!("the network interface {name} cannot be used: {}", describe_error(&other.into())),
    })
}

/// Elsewhere the option is refused.
#[cfg(not(linux_kernel))]
fn no_interface(_: &Described) -> Option<String> {
    None
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
    if let Some(error) = unix_name_error(endpoint) {
        return Some(error.to_string());
    }
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
