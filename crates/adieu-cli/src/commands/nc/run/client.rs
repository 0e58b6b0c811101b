//! The side that connects: each port after the other, each address of the host after the other.

use super::super::flavour::Flavour;
use super::super::plan::{Mode, Plan, Transport};
use super::choices::{self, Side};
use super::session::{Done, Run};
use super::voice::words_of;
use super::{hosts, secured};
use adieu::{AttemptError, ConnectCause, ConnectError, ConnectOptions, Connection, Endpoint, Report};
use std::net::{IpAddr, SocketAddr};

/// Runs a plan that connects.
pub(super) fn run(run: &Run) -> Done {
    let options = match options(run) {
        Ok(options) => options,
        Err(why) => return run.refuse(&why),
    };
    match &run.plan.mode {
        Mode::ConnectUnix { path, .. } => {
            let endpoint = unix_endpoint(path);
            match adieu::connect(&endpoint, &options) {
                Ok(connection) => {
                    if run.plan.flavour == Flavour::Ncat {
                        run.voice.tell_verbosely(|| format!("Connected to {}.", path.to_string_lossy()));
                    }
                    connected(run, connection)
                }
                Err(error) => not_connected_to_unix(run, &path.to_string_lossy(), &error),
            }
        }
        Mode::Connect { host, ports } => ports_of(run, host, ports, &options),
        Mode::Listen { .. } | Mode::ListenUnix { .. } => unreachable!("it is a plan that connects"),
    }
}

/// The endpoint of a Unix socket: on Linux, a name that begins with @ is no file.
pub(super) fn unix_endpoint(path: &std::ffi::OsStr) -> Endpoint {
    match path.to_str().and_then(|path| path.strip_prefix('@')) {
        Some(name) if cfg!(linux_kernel) => Endpoint::unix_abstract(name),
        _ => Endpoint::unix(path),
    }
}

/// The library's options of every connection.
fn options(run: &Run) -> Result<ConnectOptions, String> {
    let plan = &run.plan;
    let mut options = ConnectOptions::new()
        .limits(choices::limits(plan, Side::Connects))
        .socket(choices::socket(plan))
        .data_path(choices::data_path(plan))
        .interrupt(&run.interrupt);
    if let Some(observer) = run.rhythm_observer() {
        options = options.observer(observer);
    }
    if let Some(tls) = &plan.tls {
        options = options.tls(choices::tls_client(tls)?);
    }
    if let Some(proxy) = &plan.proxy {
        options = options.proxy(choices::proxy(proxy)?);
    }
    Ok(options)
}

/// An address of a host with the options that lead there. `None`: a proxy's way.
pub(super) type Way = (Option<SocketAddr>, ConnectOptions);

/// The ways that lead to these addresses. An address that ours cannot reach, because it is of the other IP version, is left out,
/// unless that is true of all.
pub(super) fn ways_to(
    plan: &Plan,
    options: &ConnectOptions,
    addresses: Vec<Option<SocketAddr>>,
) -> Result<Vec<Way>, String> {
    let (mut ways, mut others) = (Vec::new(), Vec::new());
    for address in addresses {
        let source = hosts::source(plan, address)?;
        let mut options = options.clone();
        if let Some(address) = address {
            options = options.addresses([address]);
        }
        if let Some(source) = source {
            options = options.source(source);
        }
        let both = address.zip(source);
        let is_reached = both.is_none_or(|(address, source)| address.is_ipv4() == source.is_ipv4());
        if is_reached { &mut ways } else { &mut others }.push((address, options));
    }
    Ok(if ways.is_empty() { others } else { ways })
}

fn ports_of(run: &Run, host: &str, ports: &[u16], options: &ConnectOptions) -> Done {
    let plan = &run.plan;
    let first = ports.first().copied().unwrap_or_default();
    // A proxy is told the name, or resolves it.
    let addresses = if plan.proxy.is_some() {
        vec![None]
    } else {
        match hosts::addresses(plan, Some(host), first) {
            Ok(addresses) => addresses.into_iter().map(Some).collect(),
            Err(error) => return Done::Exit(hosts::unknown(&run.voice, host, first, &error, plan.numeric)),
        }
    };
    // The traditional netcat tries one address, and prints the name that it knows it by.
    let (addresses, name) = if plan.flavour == Flavour::Traditional {
        let addresses: Vec<_> = addresses.into_iter().take(1).collect();
        let name = addresses.iter().flatten().next().map(|address| traditional_name(run, host, *address));
        (addresses, name)
    } else {
        (addresses, None)
    };
    let ways = match ways_to(plan, options, addresses) {
        Ok(ways) => ways,
        Err(why) => return run.refuse(&why),
    };
    let target = Target { run, host, ways: &ways, name: name.as_deref() };
    let mut any_open = false;
    let mut sessions = Done::GOOD;
    for (place, port) in ports.iter().enumerate() {
        if let Some(signal) = run.rest_before(place) {
            return Done::Signal(signal);
        }
        match target.connect(*port) {
            Ok(connection) => {
                any_open = true;
                target.say_connected(*port, &connection);
                match connected(run, connection) {
                    Done::Signal(signal) => return Done::Signal(signal),
                    done @ Done::Exit(_) => sessions = sessions.and(done),
                }
            }
            Err(Done::Signal(signal)) => return Done::Signal(signal),
            Err(_) => {}
        }
    }
    if any_open {
        return sessions;
    }
    match plan.flavour {
        // The original exits 0 after any scan.
        Flavour::Traditional if ports.len() > 1 => match plan.exit {
            super::super::plan::ExitRule::Compat => Done::GOOD,
            super::super::plan::ExitRule::Truth => {
                run.voice.confess(&format!("none of the {} ports of {host} is open", ports.len()));
                Done::BAD
            }
        },
        _ => Done::BAD,
    }
}

/// A host with the ways that lead there.
struct Target<'a> {
    run: &'a Run,
    host: &'a str,
    ways: &'a [Way],
    /// What the traditional netcat calls it.
    name: Option<&'a str>,
}

impl Target<'_> {
    fn connect(&self, port: u16) -> Result<Connection, Done> {
        let endpoint = if self.run.plan.tls.is_some() {
            Endpoint::tls(self.host, port)
        } else {
            Endpoint::tcp(self.host, port)
        };
        let mut last = Done::BAD;
        for (place, (address, options)) in self.ways.iter().enumerate() {
            let is_last = place + 1 == self.ways.len();
            match self.attempt(&endpoint, options, *address, is_last) {
                Ok(connection) => return Ok(connection),
                Err(Done::Signal(signal)) => return Err(Done::Signal(signal)),
                Err(done) => last = done,
            }
        }
        Err(last)
    }

    fn attempt(
        &self,
        endpoint: &Endpoint,
        options: &ConnectOptions,
        address: Option<SocketAddr>,
        is_last: bool,
    ) -> Result<Connection, Done> {
        let error = match adieu::connect(endpoint, options) {
            Ok(connection) => return Ok(connection),
            Err(error) => error,
        };
        if is_last {
            self.run.printer.report(error.report());
        }
        if let Some(signal) = self.run.interrupt.raised() {
            return Err(Done::Signal(signal));
        }
        self.say_failed(endpoint, &error, address, is_last);
        Err(Done::BAD)
    }

    fn say_failed(
        &self,
        endpoint: &Endpoint,
        error: &ConnectError,
        address: Option<SocketAddr>,
        is_last: bool,
    ) {
        let Run { plan, voice, .. } = self.run;
        let port = hosts::port(endpoint).unwrap_or_default();
        let Some((words, timed_out)) = system_words(error) else {
            // What no netcat's system call would have said.
            voice.complain(&format!("{}", error.cause()));
            return;
        };
        match plan.flavour {
            Flavour::Debian | Flavour::OpenBsd if voice.is_verbose() => {
                let ip = address
                    .map(|address| address.ip().to_string())
                    .filter(|ip| !plan.numeric && ip != self.host);
                let ip = ip.map_or_else(String::new, |ip| format!(" ({ip})"));
                let what = if timed_out && plan.flavour == Flavour::Debian {
                    "timed out: Operation now in progress".to_owned()
                } else {
                    format!("failed: {words}")
                };
                voice.complain(&format!("connect to {}{ip} port {port} (tcp) {what}", self.host));
            }
            Flavour::Debian | Flavour::OpenBsd => {}
            Flavour::Ncat if !is_last => {
                let ip = address.map_or_else(String::new, |address| address.ip().to_string());
                voice.tell_verbosely(|| format!("Connection to {ip} failed: {words}."));
                voice.tell_verbosely(|| "Trying next address...".to_owned());
            }
            Flavour::Ncat if plan.zero_io && !voice.is_verbose() => {}
            Flavour::Ncat => voice.complain(&format!("{words}.")),
            Flavour::Traditional => self.say_failed_traditionally(port, address, &words, timed_out),
        }
    }

    /// One port is told of always, but for a scan; of several, what was refused only to whoever asks twice.
    fn say_failed_traditionally(&self, port: u16, address: Option<SocketAddr>, words: &str, timed_out: bool) {
        let Run { plan, voice, .. } = self.run;
        let Mode::Connect { ports, .. } = &plan.mode else { return };
        let is_single = ports.len() == 1;
        let is_refused = words == refused_words();
        let asked = is_single || voice.is_very_verbose() || !is_refused || timed_out;
        if asked && (voice.is_verbose() || (is_single && !plan.zero_io)) {
            voice.complain(&format!("{} : {words}", self.traditionally(port, address)));
        }
    }

    fn traditionally(&self, port: u16, address: Option<SocketAddr>) -> String {
        let ip = address.map_or_else(|| self.host.to_owned(), |address| address.ip().to_string());
        let service = hosts::service(&self.run.plan, port);
        format!("{} [{ip}] {port} ({})", self.name.unwrap_or(self.host), service.as_deref().unwrap_or("?"))
    }

    fn say_connected(&self, port: u16, connection: &Connection) {
        let Run { plan, voice, .. } = self.run;
        let address = connection.peer_addr();
        match plan.flavour {
            Flavour::Debian | Flavour::OpenBsd => {
                if voice.is_verbose() || (plan.zero_io && plan.flavour == Flavour::OpenBsd) {
                    voice.tell(&succeeded(plan, self.host, address, port));
                }
            }
            Flavour::Traditional => {
                voice.tell_verbosely(|| format!("{} open", self.traditionally(port, address)));
            }
            Flavour::Ncat => voice.tell_verbosely(|| {
                let ip = address.map_or_else(|| self.host.to_owned(), |address| address.ip().to_string());
                match &plan.tls {
                    Some(_) => format!("SSL connection to {ip}:{port}."),
                    None if plan.proxy.is_some() => {
                        format!("Connected to proxy {ip}:{}", address.map_or(0, |a| a.port()))
                    }
                    None => format!("Connected to {ip}:{port}."),
                }
            }),
        }
    }
}

/// What OpenBSD's nc says of a port that is open.
pub(super) fn succeeded(plan: &Plan, host: &str, address: Option<SocketAddr>, port: u16) -> String {
    let ip = address.map(|address| hosts::ip(address).to_string());
    let ip = ip.filter(|ip| !plan.numeric && plan.proxy.is_none() && ip != host);
    let ip = ip.map_or_else(String::new, |ip| format!(" ({ip})"));
    let service = if plan.numeric { None } else { hosts::service(plan, port) };
    let protocol = if plan.transport == Transport::Udp { "udp" } else { "tcp" };
    format!(
        "Connection to {host}{ip} {port} port [{protocol}/{}] succeeded!",
        service.as_deref().unwrap_or("*")
    )
}

/// What the traditional netcat calls a host: names are only asked for by who wants to see them.
fn traditional_name(run: &Run, host: &str, address: SocketAddr) -> String {
    let is_address = host.parse::<IpAddr>().is_ok();
    if !is_address {
        return host.to_owned();
    }
    if run.plan.numeric || !run.voice.is_verbose() {
        return "(UNKNOWN)".to_owned();
    }
    adieu_os::host_name(&address).unwrap_or_else(|| {
        run.voice.complain(&format!("{host}: inverse host lookup failed: Unknown host"));
        "(UNKNOWN)".to_owned()
    })
}

/// What the system said of the one address that was tried, and whether that was silence.
pub(super) fn system_words(error: &ConnectError) -> Option<(String, bool)> {
    let silent = || (words_of(timed_out_code()), true);
    match error.cause() {
        ConnectCause::Attempts(attempts) => match &attempts.last()?.error {
            AttemptError::NoAnswer | AttemptError::ProxySilent => Some(silent()),
            failed => {
                let code = failed.system()?.code?;
                Some((words_of(code), code == timed_out_code()))
            }
        },
        ConnectCause::TimedOut(_) => Some(silent()),
        _ => None,
    }
}

#[cfg(unix)]
const fn timed_out_code() -> i32 {
    libc::ETIMEDOUT
}

#[cfg(windows)]
const fn timed_out_code() -> i32 {
    windows_sys::Win32::Networking::WinSock::WSAETIMEDOUT
}

pub(super) fn refused_words() -> String {
    #[cfg(unix)]
    let code = libc::ECONNREFUSED;
    #[cfg(windows)]
    let code = windows_sys::Win32::Networking::WinSock::WSAECONNREFUSED;
    words_of(code)
}

fn not_connected_to_unix(run: &Run, path: &str, error: &ConnectError) -> Done {
    run.printer.report(error.report());
    if let Some(signal) = run.interrupt.raised() {
        return Done::Signal(signal);
    }
    let words = system_words(error).map_or_else(|| error.cause().to_string(), |(words, _)| words);
    match run.plan.flavour {
        Flavour::Ncat => run.refuse(&format!("{words}.")),
        _ => run.refuse(&format!("{path}: {words}")),
    }
}

/// There is a connection: what it is for.
fn connected(run: &Run, connection: Connection) -> Done {
    if run.plan.passes_socket {
        return pass(run, connection);
    }
    secured::tell(run, &connection);
    if run.plan.zero_io {
        return glance(run, connection);
    }
    if let Some(exec) = &run.plan.exec {
        return super::commands::serve(run, connection, exec);
    }
    run.converse(connection)
}

/// Nothing is sent or received: it is closed as any socket is, and the peer reads an end.
fn glance(run: &Run, connection: Connection) -> Done {
    if run.printer.is_asked() {
        run.printer.report(&ended(connection));
        return Done::GOOD;
    }
    match connection.into_socket() {
        Ok(socket) => drop(socket),
        // With TLS there is more to it: close_notify comes first.
        Err(connection) => drop(ended(*connection)),
    }
    Done::GOOD
}

/// Ends it, and waits for nothing.
fn ended(connection: Connection) -> Report {
    match connection.shutdown_send() {
        Ok(half_closed) => half_closed.close(),
        Err(error) => error.into_parts().1,
    }
}

/// Passes the socket over stdout, which is a Unix socket.
fn pass(run: &Run, connection: Connection) -> Done {
    let Ok(socket) = connection.into_socket() else {
        return run.refuse("a connection over TLS cannot be passed");
    };
    match super::pass::over_stdout(&socket) {
        Ok(()) => Done::GOOD,
        Err(error) => run.refuse(&format!("sendmsg: {}", adieu_os::error_words(&error))),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::arguments::tests::planned;
    use super::*;

    #[test]
    fn of_a_host_only_what_the_source_can_reach_is_tried() {
        let all: [SocketAddr; 2] = [([0, 0, 0, 0, 0, 0, 0, 1], 80).into(), ([127, 0, 0, 1], 80).into()];
        let tried = |line: &str, addresses: &[SocketAddr]| {
            let plan = planned(Flavour::Debian, line);
            let ways = ways_to(&plan, &ConnectOptions::new(), addresses.iter().copied().map(Some).collect());
            ways.expect("an address").into_iter().filter_map(|(address, _)| address).collect::<Vec<_>>()
        };
        assert_eq!(tried("nc h 80", &all), all);
        assert_eq!(tried("nc -p 9 h 80", &all), all);
        assert_eq!(tried("nc -s 127.0.0.1 h 80", &all), all[1..]);
        assert_eq!(tried("nc -s ::1 h 80", &all), all[..1]);
        // With no address left, the attempt itself fails, and says why.
        assert_eq!(tried("nc -s ::1 h 80", &all[1..]), all[1..]);
    }
}
