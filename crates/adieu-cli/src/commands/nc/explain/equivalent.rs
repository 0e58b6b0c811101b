//! The line of adieu's own commands that says the same.

use super::super::flavour::Flavour;
use super::super::plan::{AtInputEnd, DumpFormat, Exec, Family, Mode, Plan, ProxyKind, Transport, Verify};
use super::around::{dialogue, packs, unpacks};
use super::words::{Given, Line, OF_SSH, Taken, literal, quoted};
use std::borrow::Cow;
use std::net::Ipv6Addr;
use std::time::Duration;

/// How long an open port is waited for where the loop has no limit.
const WAIT: &str = "60s";

/// The line, and what is different about it.
pub(super) fn of(plan: &Plan, line: &Line) -> Vec<String> {
    let mut notes = Vec::new();
    let mut all = Vec::new();
    let command = match &plan.mode {
        _ if plan.passes_socket => {
            return vec!["There is none: no command of adieu's passes a socket on.".to_owned()];
        }
        Mode::Connect { host, ports } if plan.zero_io || ports.len() > 1 || line.is_awaited => {
            check(plan, line, &endpoint(plan, Some(host), ports.first().copied()), ports, &mut notes)
        }
        Mode::Connect { host, ports } => {
            let target = if line.is_proxy_command && host == OF_SSH.0 {
                "%h:%p".to_owned()
            } else {
                endpoint(plan, Some(host), ports.first().copied())
            };
            all.extend(send(plan, line, &target));
            connect(plan, &target, line, &mut notes)
        }
        Mode::ConnectUnix { path, .. } => {
            let target = format!("unix:{}", path.display());
            if plan.zero_io || line.is_awaited {
                check(plan, line, &target, &[], &mut notes)
            } else {
                connect(plan, &target, line, &mut notes)
            }
        }
        Mode::Listen { host, port, .. } => {
            let host = host.as_deref().unwrap_or("0.0.0.0");
            let target = endpoint(plan, Some(host), *port);
            all.extend(receive(plan, line, &target));
            listen(plan, &target, line, &mut notes)
        }
        Mode::ListenUnix { path } => listen(plan, &format!("unix:{}", path.display()), line, &mut notes),
    };
    let is_transfer = !all.is_empty();
    all.push(command);
    if is_transfer {
        all.push(
            "The first has to be adieu on both sides: exit status 0 then means that everything is stored there."
                .to_owned(),
        );
    }
    all.append(&mut notes);
    all
}

/// The file transfer that says the same as tar in front of a netcat.
fn send(plan: &Plan, line: &Line, target: &str) -> Option<String> {
    let tar = packs(line).filter(|_| plan.transport == Transport::Tcp)?;
    let directory = tar.directory.as_deref();
    let files: Vec<String> = tar
        .files
        .into_iter()
        .map(|file| match directory {
            Some(directory) if file == "." => directory.to_owned(),
            Some(directory) => format!("{directory}/{file}"),
            None => file,
        })
        .collect();
    let files = if files.is_empty() { vec!["DIRECTORY".to_owned()] } else { files };
    let mut all = vec!["adieu".to_owned(), "send".to_owned()];
    all.extend(files);
    all.push(target.to_owned());
    Some(joined(&all))
}

/// The same of a tar behind one that listens.
fn receive(plan: &Plan, line: &Line, target: &str) -> Option<String> {
    let tar = unpacks(line).filter(|_| plan.transport == Transport::Tcp)?;
    let directory = tar.directory.unwrap_or_else(|| ".".to_owned());
    Some(words(&["adieu", "receive", "--output", &format!("{}/", directory.trim_end_matches('/')), target]))
}

/// `host:port`, with its scheme.
fn endpoint(plan: &Plan, host: Option<&str>, port: Option<u16>) -> String {
    let host = host.unwrap_or_default();
    let host: Cow<'_, str> =
        if host.parse::<Ipv6Addr>().is_ok() { format!("[{host}]").into() } else { host.into() };
    let scheme = match (plan.transport, &plan.tls) {
        (Transport::Udp, _) => "udp://",
        (_, Some(_)) => "tls://",
        _ => "",
    };
    format!("{scheme}{host}:{}", port.unwrap_or(0))
}

/// Words as a shell takes them.
fn words(words: &[&str]) -> String {
    let mut is_line = false;
    let quoted = words.iter().map(|word| {
        // What is in a line for another shell is that shell's to expand.
        let quoted = if is_line { literal(word) } else { quoted(word) };
        is_line = *word == "--exec";
        quoted
    });
    quoted.collect::<Vec<Cow<'_, str>>>().join(" ")
}

/// A command with what stands around it: where its input comes from, and where its output goes.
fn among(command: &str, line: &Line, takes_output: bool) -> String {
    let mut text = String::new();
    if let Some(Given::Command(before)) = &line.input {
        text += &format!("{before} | ");
    }
    text += command;
    if let Some(Given::File(name)) = &line.input {
        text += &format!(" < {name}");
    }
    match &line.output {
        Some(Taken::Command(after)) => text += &format!(" | {after}"),
        Some(Taken::File { name, appends: true }) => text += &format!(" >> {name}"),
        Some(Taken::File { name, appends: false }) if !takes_output => text += &format!(" > {name}"),
        Some(Taken::File { .. }) | None => {}
    }
    text
}

fn duration(time: Duration) -> String {
    if time.subsec_millis() > 0 { format!("{}ms", time.as_millis()) } else { format!("{}s", time.as_secs()) }
}

/// `one` is the endpoint of the first port, or of none.
fn check(plan: &Plan, line: &Line, one: &str, ports: &[u16], notes: &mut Vec<String>) -> String {
    let (mut low, mut high) = (u16::MAX, 0);
    for port in ports {
        (low, high) = (low.min(*port), high.max(*port));
    }
    let is_range = low < high && usize::from(high - low) + 1 == ports.len();
    let list = if is_range {
        format!("{low}-{high}")
    } else {
        ports.iter().map(u16::to_string).collect::<Vec<_>>().join(",")
    };
    let target = match one.rsplit_once(':') {
        Some((host, _)) if !ports.is_empty() => format!("{host}:{list}"),
        _ => one.to_owned(),
    };
    let mut all: Vec<String> = ["adieu", "check"].map(str::to_owned).to_vec();
    all.extend(family(plan).map(str::to_owned));
    // Without a loop it is all one attempt.
    let outer = line.outer_timeout.filter(|_| !line.is_awaited);
    let limits = [plan.connect_timeout, line.timeout, outer];
    if let Some(limit) = limits.into_iter().flatten().filter(|limit| !limit.is_zero()).min() {
        all.extend(["--connect-timeout".to_owned(), duration(limit)]);
    }
    if line.is_awaited {
        all.extend(["--wait".to_owned(), line.outer_timeout.map_or_else(|| WAIT.to_owned(), duration)]);
        notes.push(
            "It takes the place of the loop: it tries until all is open, and --wait none has no limit. A command after -- is \
             run then."
                .to_owned(),
        );
    }
    if !plan.zero_io {
        match dialogue(line) {
            Some((sends, expects)) => {
                all.extend(["--send".to_owned(), sends, "--expect".to_owned(), expects]);
            }
            None if line.input.is_some() || line.output.is_some() => notes.push(
                "What it has to answer says --expect, and what it is asked --send; without them an open port is enough."
                    .to_owned(),
            ),
            None => {}
        }
    }
    all.push(target);
    joined(&all)
}

fn family(plan: &Plan) -> Option<&'static str> {
    match plan.family {
        Family::V4 if plan.flavour != Flavour::Traditional => Some("-4"),
        Family::V6 => Some("-6"),
        _ => None,
    }
}

/// The options that both sides have.
fn shared(plan: &Plan) -> Vec<String> {
    let mut all: Vec<String> = family(plan).map(str::to_owned).into_iter().collect();
    let mut add = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            all.extend([name.to_owned(), value]);
        }
    };
    // A peer need not answer over UDP, so silence is how an exchange ends there.
    let silence = if plan.transport == Transport::Udp { "--silence" } else { "--idle-timeout" };
    add(silence, plan.idle_timeout.filter(|limit| !limit.is_zero()).map(duration));
    add("--receive-buffer", plan.socket.receive_buffer.map(|size| size.to_string()));
    add("--send-buffer", plan.socket.send_buffer.map(|size| size.to_string()));
    add("--tos", plan.socket.type_of_service.map(|tos| tos.to_string()));
    add("--ttl", plan.socket.ttl.filter(|ttl| *ttl > 0).map(|ttl| ttl.to_string()));
    if let Some(tls) = &plan.tls {
        let path = |path: &Option<std::path::PathBuf>| path.as_ref().map(|path| path.display().to_string());
        add("--cert", path(&tls.certificate));
        add("--key", path(&tls.key));
        add("--ca", path(&tls.roots));
        add("--alpn", (!tls.alpn.is_empty()).then(|| tls.alpn.join(",")));
    }
    for dump in &plan.dumps {
        match dump.format {
            DumpFormat::Hex => add("--dump", Some(dump.path.display().to_string())),
            DumpFormat::Raw => {}
        }
    }
    for (is_asked, name) in
        [(plan.crlf, "--crlf"), (plan.send_only, "--send-only"), (plan.recv_only, "--recv-only")]
    {
        if is_asked {
            all.push(name.to_owned());
        }
    }
    all
}

fn connect(plan: &Plan, target: &str, line: &Line, notes: &mut Vec<String>) -> String {
    let mut all: Vec<String> = ["adieu", "connect"].map(str::to_owned).to_vec();
    if line.is_proxy_command {
        // At each logout ssh would show its report.
        all.push("-q".to_owned());
    }
    if let Some(limit) = line.timeout.or(line.outer_timeout) {
        all.extend(["--deadline".to_owned(), duration(limit)]);
    }
    let limit = plan.connect_timeout.filter(|limit| !limit.is_zero() && *limit != Duration::from_secs(10));
    if let Some(limit) = limit {
        all.extend(["--connect-timeout".to_owned(), duration(limit)]);
    }
    all.extend(shared(plan));
    if plan.socket.broadcast && plan.transport == Transport::Udp {
        all.push("--broadcast".to_owned());
    }
    if let Some(tls) = &plan.tls {
        if tls.verify == Verify::Nothing && tls.pin.is_none() {
            all.push("--insecure".to_owned());
        }
        if let Some(name) = &tls.server_name {
            all.extend(["--servername".to_owned(), name.clone()]);
        }
        if let Some(pin) = &tls.pin {
            all.extend(["--pin".to_owned(), pin.clone()]);
        }
    }
    if let Some(proxy) = &plan.proxy {
        let scheme = match (proxy.kind, proxy.resolves) {
            (ProxyKind::Socks4, _) => "socks4",
            (ProxyKind::Socks5, true) => "socks5h",
            (ProxyKind::Socks5, false) => "socks5",
            (ProxyKind::HttpConnect, _) => "http",
        };
        let user = proxy.user.as_ref().map(|user| format!("{user}@")).unwrap_or_default();
        let host = if proxy.host.contains(':') { format!("[{}]", proxy.host) } else { proxy.host.clone() };
        all.extend(["--proxy".to_owned(), format!("{scheme}://{user}{host}:{}", proxy.port)]);
    }
    match (&plan.source, plan.source_port) {
        (Some(source), Some(port)) => all.extend(["--source".to_owned(), format!("{source}:{port}")]),
        (Some(source), None) => all.extend(["--source".to_owned(), source.clone()]),
        (None, Some(port)) => all.extend(["--source".to_owned(), format!("0.0.0.0:{port}")]),
        (None, None) => {}
    }
    exec(plan, &mut all);
    all.push(target.to_owned());
    let is_stream = matches!(plan.transport, Transport::Tcp | Transport::UnixStream);
    if plan.at_input_end == AtInputEnd::KeepOpen && plan.exec.is_none() && is_stream {
        notes.push("adieu always half-closes when stdin ends, as -N does.".to_owned());
    }
    if let AtInputEnd::Quit { after } = plan.at_input_end
        && plan.exec.is_none()
    {
        let after = duration(after.max(Duration::from_secs(1)));
        notes.push(if is_stream {
            format!(
                "It waits for the peer's end, so that no answer is cut; --idle-timeout {after} bounds that."
            )
        } else {
            format!("--silence {after} says how long it waits for answers.")
        });
    }
    let mut command = joined(&all);
    if line.is_proxy_command {
        command = command.replace("'%h:%p'", "%h:%p");
        notes.push(format!("In ssh's configuration: ProxyCommand {command}"));
    }
    if plan.exec.is_some() {
        return command;
    }
    command = among(&command, line, false);
    if plan.detached && line.input.is_none() {
        command += " < /dev/null";
    }
    command
}

fn listen(plan: &Plan, target: &str, line: &Line, notes: &mut Vec<String>) -> String {
    let mut all: Vec<String> = ["adieu", "listen"].map(str::to_owned).to_vec();
    if plan.keep_listening {
        all.push("--keep-open".to_owned());
    }
    if let Some(limit) = line.timeout.or(line.outer_timeout) {
        // It counts from when a client is there.
        for option in ["--connect-timeout", "--deadline"] {
            all.extend([option.to_owned(), duration(limit)]);
        }
    }
    let file = match &line.output {
        // Its text is a shell's.
        Some(Taken::File { name, appends: false }) if plan.exec.is_none() => {
            shlex::split(name).and_then(|words| words.into_iter().next())
        }
        _ => None,
    };
    if let Some(file) = &file {
        all.extend(["--output".to_owned(), file.clone()]);
    }
    if let Some(most) = plan.max_connections {
        all.extend(["--max-connections".to_owned(), most.to_string()]);
    }
    all.extend(shared(plan));
    if plan.tls.as_ref().is_some_and(|tls| tls.certificate.is_none()) {
        all.push("--self-signed".to_owned());
    }
    for (name, networks) in [("--allow", &plan.access.allow), ("--deny", &plan.access.deny)] {
        for network in networks {
            all.extend([name.to_owned(), network.to_string()]);
        }
    }
    exec(plan, &mut all);
    all.push(target.to_owned());
    if file.is_some() && !plan.keep_listening {
        notes.push(
            "With --output it only receives, and a cut transfer exits with a status of its own.".to_owned(),
        );
    }
    if plan.keep_listening {
        notes.push(
            match (plan.transport, &plan.exec) {
                (Transport::Udp, _) => "Everybody's datagrams are taken, and one line at the end counts them.",
                (_, Some(_)) => "Clients are served at the same time, and each has its line in the log.",
                (_, None) if plan.serves_at_once() => {
                    "adieu listen serves one client after another, and each has its line in the log; nothing is mixed. For \
                     files there is adieu receive --keep-open."
                }
                (_, None) => {
                    "One client is served after another, and each has its line in the log. For files there is \
                     adieu receive --keep-open."
                }
            }
            .to_owned(),
        );
    }
    if matches!(&plan.mode, Mode::Listen { host: None, .. }) {
        notes.push("127.0.0.1 instead of 0.0.0.0 serves this machine alone.".to_owned());
    }
    let command = joined(&all);
    if plan.exec.is_some() { command } else { among(&command, line, file.is_some()) }
}

fn exec(plan: &Plan, all: &mut Vec<String>) {
    let line = match &plan.exec {
        None => return,
        Some(Exec::Shell(line)) => line.to_string_lossy().into_owned(),
        Some(Exec::Program(words)) => {
            joined(&words.iter().map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>())
        }
    };
    all.extend(["--exec".to_owned(), line]);
}

fn joined(all: &[String]) -> String {
    words(&all.iter().map(String::as_str).collect::<Vec<_>>())
}
