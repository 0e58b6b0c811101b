//! `adieu nc --explain 'nc -q 1 host 80 < file'`: in words what a command line does, what can go wrong with the original, and
//! which line of adieu's says the same.
//!
//! Nothing is run. The line is taken apart as a shell does it as far as quotes go; redirections, pipes,
//! loops and `timeout` around the netcat are named, and what a shell would expand stays as it is written.

mod around;
mod equivalent;
mod pitfalls;
mod words;

use super::arguments::{self, Stop, Surroundings};
use super::flavour::Flavour;
use super::plan::{AtInputEnd, Exec, Family, Mode, Plan, ProxyKind, Transport, Verify};
use std::time::Duration;
use words::Line;

/// The explanation of a command line.
///
/// # Errors
///
/// What is wrong with the line, as its flavour says it.
pub(super) fn explain(line: &str, around: &Surroundings, is_chosen: bool) -> Result<String, Stop> {
    let line = Line::new(line).map_err(|why| Stop::refused(&format!("{}: {why}", around.program)))?;
    let around = Surroundings {
        flavour: match Flavour::of_program(&line.program) {
            Some(flavour) if !is_chosen => flavour,
            _ => around.flavour,
        },
        called: line.program.clone().into(),
        program: line.program.clone(),
        allows_exec: true,
        ..around.clone()
    };
    let (around, plan, note) = match arguments::plan(&around, &line.words) {
        Ok(plan) => (around, plan, ""),
        Err(stop) => match as_one_with_commands(&around, &line) {
            Some((around, plan)) => (around, plan, NO_COMMANDS),
            None => return Err(refused(&around, &line, stop)),
        },
    };
    let mut text = format!("{note}{}\n", whose(around.flavour));
    text += &section("It", &does(&plan, &line));
    text += &section("What can go wrong with the original", &pitfalls::of(&plan, &line));
    text += &section("The same in adieu's own words", &equivalent::of(&plan, &line));
    Ok(text)
}

const NO_COMMANDS: &str =
    "Debian's nc runs no command: it has no -e and no -c, and refuses this line. Others do what it wants.\n";

/// The line as a netcat takes it that runs commands, if Debian's was meant and refuses it.
fn as_one_with_commands(around: &Surroundings, line: &Line) -> Option<(Surroundings, Plan)> {
    if around.flavour != Flavour::Debian {
        return None;
    }
    [Flavour::Traditional, Flavour::Ncat].into_iter().find_map(|flavour| {
        let around = Surroundings { flavour, ..around.clone() };
        let plan = arguments::plan(&around, &line.words).ok()?;
        plan.exec.is_some().then_some((around, plan))
    })
}

/// Why the line has no plan.
fn refused(around: &Surroundings, line: &Line, stop: Stop) -> Stop {
    let variable = line.words.iter().find(|word| word.to_string_lossy().contains(['$', '`']));
    match variable {
        // A shell would have put something else there.
        Some(word) => Stop::refused(&format!(
            "{}: {} is the shell's to expand: write a value in its place\n{}",
            around.program,
            word.display(),
            stop.text.trim_end()
        )),
        None => stop,
    }
}

fn section(title: &str, sentences: &[String]) -> String {
    let mut text = format!("\n{title}:\n");
    for sentence in sentences {
        text += &format!("  - {sentence}\n");
    }
    text
}

fn whose(flavour: Flavour) -> &'static str {
    match flavour {
        Flavour::Debian => "Read as OpenBSD's nc with Debian's additions (ADIEU_NC_FLAVOUR=debian).",
        Flavour::OpenBsd => "Read as OpenBSD's own nc (ADIEU_NC_FLAVOUR=openbsd).",
        Flavour::Traditional => "Read as the traditional netcat 1.10 (ADIEU_NC_FLAVOUR=traditional).",
        Flavour::Ncat => "Read as Nmap's ncat (ADIEU_NC_FLAVOUR=ncat).",
    }
}

/// A time in words.
fn time(time: Duration) -> String {
    if time.subsec_millis() > 0 {
        return format!("{} ms", time.as_millis());
    }
    match time.as_secs() {
        1 => "1 second".to_owned(),
        seconds => format!("{seconds} seconds"),
    }
}

/// Ports in words: single ones, and ranges.
fn ports(ports: &[u16]) -> String {
    let mut sorted = ports.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    let mut runs: Vec<(u16, u16)> = Vec::new();
    for port in sorted {
        match runs.last_mut() {
            Some((_, high)) if *high + 1 == port => *high = port,
            _ => runs.push((port, port)),
        }
    }
    let runs: Vec<String> = runs
        .iter()
        .map(|(low, high)| if low == high { low.to_string() } else { format!("{low} to {high}") })
        .collect();
    format!("{} {}", if ports.len() == 1 { "port" } else { "ports" }, runs.join(", "))
}

/// What the line does, in the order in which it happens.
fn does(plan: &Plan, line: &Line) -> Vec<String> {
    let listens = matches!(plan.mode, Mode::Listen { .. } | Mode::ListenUnix { .. });
    let mut all = vec![side(plan)];
    all.extend(line.redirections().map(str::to_owned));
    let mut add = |condition: bool, sentence: &str| {
        if condition {
            all.push(sentence.to_owned());
        }
    };
    add(plan.numeric, "Resolves no names: hosts have to be addresses, and messages show numbers.");
    add(plan.family == Family::V4 && plan.flavour != Flavour::Traditional, "Uses IPv4 only.");
    add(plan.family == Family::V6, "Uses IPv6 only.");
    let at_once = plan.serves_at_once();
    add(plan.keep_listening && !at_once, "When a client has gone, serves the next one.");
    add(at_once && plan.exec.is_some(), "Serves all clients at the same time.");
    add(
        at_once && plan.exec.is_none(),
        "Serves all clients at the same time: prints what any of them sends, and sends stdin to all of them.",
    );
    add(plan.randomize, "Takes the ports in random order.");
    add(plan.zero_io, "Only looks whether the port is open: sends nothing, receives nothing, and closes.");
    add(plan.detached, "Does not read stdin.");
    add(plan.recv_only, "Only receives: does not read stdin.");
    add(plan.send_only, "Only sends: what is received is thrown away, and the end of stdin ends the run.");
    add(plan.crlf, "Sends each line with CR LF at its end.");
    add(plan.telnet, "Refuses every option that TELNET offers or asks for.");
    add(plan.passes_socket, "Passes the connected socket over stdout, and exits.");
    add(plan.verbosity > 0, "Tells on stderr what it does.");
    if let Some(exec) = &plan.exec {
        let (what, how) = match exec {
            Exec::Program(words) => {
                let words: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
                (words.join(" "), "runs")
            }
            Exec::Shell(line) => (line.to_string_lossy().into_owned(), "has /bin/sh run"),
        };
        all.push(format!("For the connection it {how} `{what}`, whose stdin and stdout are the connection."));
    }
    if let Some(tls) = &plan.tls {
        all.push(match tls.verify {
            _ if listens && tls.certificate.is_none() => {
                "Speaks TLS, with a certificate that it makes for this run.".to_owned()
            }
            _ if listens => "Speaks TLS, with its certificate.".to_owned(),
            Verify::Full => "Speaks TLS, and checks the peer's certificate and its name.".to_owned(),
            Verify::NotName => "Speaks TLS, and checks the peer's certificate, but not its name.".to_owned(),
            Verify::Nothing => {
                "Speaks TLS, and accepts any certificate: a machine in the middle can read it all.".to_owned()
            }
        });
    }
    if let Some(limit) = plan.connect_timeout.filter(|_| !listens) {
        all.push(format!("Gives an attempt to connect {}.", time(limit)));
    }
    if let Some(limit) = plan.idle_timeout {
        let when = if plan.flavour == Flavour::Traditional { " after the end of stdin" } else { "" };
        all.push(format!("Ends when nothing has crossed for {}{when}.", time(limit)));
    }
    if let Some(pause) = plan.interval {
        all.push(format!("Waits {} between lines, and between ports.", time(pause)));
    }
    if let Some(limit) = plan.receive_limit {
        all.push(format!("Ends after it has received {limit} times."));
    }
    if !plan.zero_io && plan.exec.is_none() && !plan.passes_socket {
        all.push(at_input_end(plan));
    }
    all
}

fn at_input_end(plan: &Plan) -> String {
    if plan.transport == Transport::Udp || plan.transport == Transport::UnixDatagram {
        return match plan.at_input_end {
            AtInputEnd::Quit { after } => {
                format!("When stdin has ended, waits {} for answers, and exits.", time(after))
            }
            _ => "When stdin has ended, goes on waiting for answers: datagrams have no end.".to_owned(),
        };
    }
    match plan.at_input_end {
        AtInputEnd::KeepOpen => {
            "When stdin has ended, the peer is not told: the connection stays open until the peer ends it."
                .to_owned()
        }
        AtInputEnd::HalfClose => {
            "When stdin has ended, half-closes, so that the peer reads the end, and waits for the peer's end."
                .to_owned()
        }
        AtInputEnd::Quit { after } if after.is_zero() => {
            "When stdin has ended, half-closes and exits at once.".to_owned()
        }
        AtInputEnd::Quit { after } => format!(
            "When stdin has ended, half-closes, and exits {} later, or as soon as the peer has ended too.",
            time(after)
        ),
    }
}

fn side(plan: &Plan) -> String {
    let what = match plan.transport {
        Transport::Tcp => "TCP",
        Transport::Udp => "UDP",
        Transport::UnixStream => "a Unix stream socket",
        Transport::UnixDatagram => "a Unix datagram socket",
    };
    let way = plan.proxy.as_ref().map(|proxy| {
        let kind = match proxy.kind {
            ProxyKind::Socks4 => "the SOCKS 4",
            ProxyKind::Socks5 => "the SOCKS 5",
            ProxyKind::HttpConnect => "the HTTP",
        };
        format!(", through {kind} proxy {} at port {}", proxy.host, proxy.port)
    });
    let way = way.unwrap_or_default();
    let on = |port: &Option<u16>| port.map_or("a free port".to_owned(), |port| format!("port {port}"));
    match &plan.mode {
        Mode::Connect { host, ports: list } if list.len() == 1 => {
            format!("Connects to {host}, {}, by {what}{way}.", ports(list))
        }
        Mode::Connect { host, ports: list } => {
            format!("Connects to {host}, {}, one after another, by {what}{way}.", ports(list))
        }
        Mode::ConnectUnix { path, .. } => format!("Connects to {}, {what}.", path.display()),
        Mode::Listen { host: None, port, .. } => {
            format!("Listens by {what} on {}, on every address of this machine.", on(port))
        }
        Mode::Listen { host: Some(host), port, .. } => format!("Listens by {what} on {}, {host}.", on(port)),
        Mode::ListenUnix { path } => format!("Makes {what} at {}, and listens there.", path.display()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::plan::ExitRule;
    use super::*;
    use crate::options::reporting::Reports;

    fn explained(line: &str) -> String {
        let around = Surroundings {
            flavour: Flavour::Debian,
            called: "nc".into(),
            program: "nc".to_owned(),
            exit: ExitRule::Truth,
            allows_exec: false,
            reports: Reports::none(),
        };
        explain(line, &around, false).unwrap_or_else(|stop| panic!("{line}: {}", stop.text))
    }

    #[test]
    fn what_stands_around_a_netcat_is_in_what_adieu_says_instead() {
        for (line, same) in [
            ("until nc -z db 5432; do sleep 1; done", "adieu check --wait 60s db:5432"),
            (
                "while ! nc -z -w 2 db 5432; do sleep 1; done",
                "adieu check --connect-timeout 2s --wait 60s db:5432",
            ),
            ("timeout 30 sh -c 'until nc -z db 5432; do sleep 1; done'", "adieu check --wait 30s db:5432"),
            (
                "until echo ruok | nc zk 2181 | grep imok; do sleep 1; done",
                "adieu check --wait 60s --send 'ruok\\n' --expect imok zk:2181",
            ),
            ("until nc -zU s.sock; do sleep 1; done", "adieu check --wait 60s unix:s.sock"),
            ("timeout 5 nc -z h 80", "adieu check --connect-timeout 5s h:80"),
            ("timeout 5 nc h 80", "adieu connect --deadline 5s h:80"),
            ("timeout 30s nc -l 9000", "adieu listen --connect-timeout 30s --deadline 30s 0.0.0.0:9000"),
            ("nc -N h 80 < 'my file' > answer", "adieu connect h:80 < 'my file' > answer"),
            ("echo 'a b' | nc -N h 80 | grep x", "echo 'a b' | adieu connect h:80 | grep x"),
            (
                "echo hi | nc -u -b -w1 192.0.2.255 9",
                "echo hi | adieu connect --connect-timeout 1s --silence 1s --broadcast udp://192.0.2.255:9",
            ),
            ("nc -d h 80", "adieu connect h:80 < /dev/null"),
            ("nc -l 9000 > out", "adieu listen --output out 0.0.0.0:9000"),
            ("nc -l 9000 >> out", "adieu listen 0.0.0.0:9000 >> out"),
            ("nc -l 9000 < file", "adieu listen 0.0.0.0:9000 < file"),
            ("tar czf - dir | nc h 9000", "adieu send dir h:9000"),
            ("tar c dir | nc h 9000", "tar c dir | adieu connect h:9000"),
            ("nc -l 9000 | tar x -C /to", "adieu receive --output /to/ 0.0.0.0:9000"),
            ("nc -l 9000 | tar x", "adieu listen 0.0.0.0:9000 | tar x"),
            (
                "ssh -o 'ProxyCommand nc -X 5 -x proxy:1080 %h %p' somewhere",
                "In ssh's configuration: ProxyCommand adieu connect -q --proxy socks5h://proxy:1080 %h:%p",
            ),
            ("nc -lp 4444 -e /bin/cat", "adieu listen --exec /bin/cat 0.0.0.0:4444"),
            ("nc -l 4444 -c 'read x; echo $x'", "adieu listen --exec 'read x; echo $x' 0.0.0.0:4444"),
        ] {
            let said = explained(line);
            assert!(said.lines().any(|said| said == format!("  - {same}")), "{line}: {same}: {said}");
        }
        assert!(explained("nc -lp 4444 -e /bin/cat").starts_with("Debian's nc runs no command"));
        assert!(explained("ncat -lp 4444 -e /bin/cat").starts_with("Read as Nmap's ncat"));
    }
}
