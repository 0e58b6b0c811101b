//! What a scenario's target needs to exist while the program runs, where that takes root: names and wires of its own.

use crate::places;
use adieu_peer::program::{Enter, Surroundings};
use adieu_peer::scenario::{Scenario, Target};
use adieu_peer::{Bind, Endpoint, PeerHandle};
use std::{
    any::Any,
    ffi::OsString,
    io::{self, Write},
    net::{IpAddr, SocketAddr},
};

/// The name that `Target::Name` gives its addresses to.
const NAME: &str = "adieu-peer";

/// The target of any scenario.
pub(super) fn of(scenario: &Scenario) -> io::Result<Surroundings> {
    match scenario.target {
        Target::Name { resolves_to, alive } => of_name(scenario, resolves_to, alive),
        Target::Namespace => of_namespace(scenario),
        _ => Surroundings::of(scenario),
    }
}

/// Gives the name its addresses in an `/etc/hosts` that only the program sees (a mount namespace).
fn of_name(scenario: &Scenario, resolves_to: &[&str], alive: &str) -> io::Result<Surroundings> {
    // The kernel chooses a port that is free on one address; on another it may be taken.
    let claimed = (0..32).find_map(|_| match claim(scenario, resolves_to, alive) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => None,
        other => Some(other),
    });
    let (port, peer, mut held) = claimed.unwrap_or_else(|| Err(io::ErrorKind::AddrInUse.into()))?;
    let mut hosts = tempfile::NamedTempFile::new()?;
    for ip in resolves_to {
        writeln!(hosts, "{ip} {NAME}")?;
    }
    let mut prefix = vec![OsString::from("unshare"), "--mount".into()];
    #[cfg(unix)]
    if !rustix::process::geteuid().is_root() {
        prefix.push("--map-root-user".into());
    }
    // --bind leaves the file that everyone else sees untouched.
    let script = "mount --bind \"$0\" /etc/hosts && exec \"$@\"";
    prefix.extend(["sh".into(), "-c".into(), script.into(), hosts.path().into()]);
    let can = std::process::Command::new(&prefix[0])
        .args(&prefix[1..])
        .arg("true")
        .stdin(std::process::Stdio::null())
        .output()?;
    if !can.status.success() {
        let said = String::from_utf8_lossy(&can.stderr).trim().to_owned();
        let why = format!("no /etc/hosts of its own for a program here: {said}");
        return Err(io::Error::new(io::ErrorKind::Unsupported, why));
    }
    let path = hosts.path().to_owned();
    let enter: Enter = Box::new(move || crate::os::see_own_file(&path, "/etc/hosts"));
    held.push(Box::new(hosts));
    let endpoint = Endpoint::Tcp { host: NAME.into(), port };
    Ok(Surroundings { endpoint, peer, prefix, enter: Some(enter), held })
}

#[cfg(target_os = "linux")]
fn of_namespace(scenario: &Scenario) -> io::Result<Surroundings> {
    let pair = std::sync::Arc::new(crate::namespace::Namespaces::new()?);
    let bind = Bind::Tcp(pair.peer_address());
    let peer = PeerHandle::listen_at(bind, scenario.script, pair.site_of_peer())?;
    let prefix = pair.prefix();
    let entered = std::sync::Arc::clone(&pair);
    let enter: Enter = Box::new(move || entered.enter_programs());
    Ok(Surroundings { prefix, enter: Some(enter), held: vec![Box::new(pair)], ..Surroundings::of_peer(peer) })
}

#[cfg(not(target_os = "linux"))]
fn of_namespace(scenario: &Scenario) -> io::Result<Surroundings> {
    let _ = scenario;
    Err(io::Error::new(io::ErrorKind::Unsupported, "network namespaces are Linux's"))
}

type Claimed = (u16, Option<PeerHandle>, Vec<Box<dyn Any>>);

/// One port on every address of a name: the peer listens on the one that is alive, the others refuse.
fn claim(scenario: &Scenario, resolves_to: &[&str], alive: &str) -> io::Result<Claimed> {
    let address = |ip: &str, port| -> io::Result<SocketAddr> {
        let ip: IpAddr = ip.parse().map_err(io::Error::other)?;
        Ok(SocketAddr::new(ip, port))
    };
    let mut held: Vec<Box<dyn Any>> = Vec::new();
    let mut peer = None;
    let mut port = 0;
    if !alive.is_empty() {
        let listening = PeerHandle::listen(Bind::Tcp(address(alive, 0)?), scenario.script)?;
        port = listening.endpoint().address().map_or(0, |address| address.port());
        peer = Some(listening);
    }
    for ip in resolves_to.iter().filter(|ip| **ip != alive) {
        // Bound and not listening: nobody else can answer there, and the kernel refuses.
        let (refusing, socket) = places::refusing(address(ip, port)?)?;
        port = refusing.port();
        held.push(Box::new(socket));
    }
    Ok((port, peer, held))
}
