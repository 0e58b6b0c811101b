//! Nmap's ncat: options, values and their checks, in the original's order and words.

use super::access;
use super::getopt::{Getopt, Given};
use super::numbers::{atoi, ncat_time, strtonum};
use super::tables::Standing;
use super::{Stop, Surroundings, blank, not_supported, tables, text};
use crate::commands::nc::help;
use crate::commands::nc::plan::{
    AtInputEnd, Dump, DumpFormat, Exec, Family, Mode, Plan, Proxy, ProxyKind, Tls, Transport, Verify,
};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// Where there is no port on the command line.
const PORT: u16 = 31337;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// What a UDP scan waits for a refusal.
const UDP_SCAN: Duration = Duration::from_secs(2);

struct Options<'a> {
    around: &'a Surroundings,
    plan: Plan,
    listens: bool,
    is_unix: bool,
    is_udp: bool,
    appends: bool,
    no_shutdown: bool,
    output: Option<PathBuf>,
    hex_dump: Option<PathBuf>,
    /// `-p`.
    port: Option<u16>,
    source: Option<OsString>,
    proxy: Option<String>,
    proxy_type: Option<String>,
    proxy_auth: Option<String>,
    proxy_resolves: bool,
    /// TLS was asked for, by any of its options.
    is_tls: bool,
    tls: Tls,
    /// `--allow` and `--allowfile`, `--deny` and `--denyfile`, in this order.
    access: Vec<(bool, Hosts)>,
}

/// Which hosts may connect, or may not.
enum Hosts {
    Listed(String),
    InFile(PathBuf),
}

/// As the original says an error, which it ends with a word in capitals.
fn bye(text: impl AsRef<str>) -> Stop {
    Stop::new(format!("Ncat: {} QUITTING.", text.as_ref()), 2)
}

/// The plan of a command line.
pub(super) fn plan(around: &Surroundings, words: &[OsString]) -> Result<Plan, Stop> {
    let mut plan = blank(around);
    "Ncat".clone_into(&mut plan.program);
    plan.connect_timeout = Some(CONNECT_TIMEOUT);
    let mut options = Options {
        around,
        plan,
        listens: false,
        is_unix: false,
        is_udp: false,
        appends: false,
        no_shutdown: false,
        output: None,
        hex_dump: None,
        port: None,
        source: None,
        proxy: None,
        proxy_type: None,
        proxy_auth: None,
        proxy_resolves: true,
        is_tls: false,
        tls: Tls { verify: Verify::Nothing, ..Tls::default() },
        access: Vec::new(),
    };
    let mut getopt = Getopt::new(&around.called, tables::of(around.flavour), words);
    loop {
        match getopt.next() {
            Ok(Some(given)) => options.take(given)?,
            Ok(None) => break,
            Err(message) => {
                let hint = bye("Try `--help' or man(1) ncat for more information, usage options and help.");
                return Err(Stop { text: format!("{message}\n{}", hint.text), ..hint });
            }
        }
    }
    options.resolve(getopt.operands())
}

fn time(given: &Given, name: &str) -> Result<Duration, Stop> {
    let text = given.text();
    let most = Duration::from_millis(i32::MAX as u64);
    let time = ncat_time(&text).filter(|time| *time >= Duration::from_millis(1) && *time <= most);
    let time = time.ok_or_else(|| {
        bye(format!("Invalid {name} \"{text}\" (must be greater than 0 and less than 2147483s)."))
    })?;
    if time >= Duration::from_secs(100) && !text.ends_with(|c: char| c.is_ascii_alphabetic()) {
        return Err(bye(format!(
            "Since April 2010, the default unit for {name} is seconds, so your time of \"{text}\" is {:.1} minutes. Use \
             \"{text}ms\" for {text} milliseconds.",
            time.as_secs_f64() / 60.0
        )));
    }
    Ok(time)
}

impl Options<'_> {
    fn take(&mut self, given: Given) -> Result<(), Stop> {
        let option = given.option;
        if let Standing::Refused(because) = option.standing {
            let written = option.written();
            return Err(Stop::new(not_supported("Ncat", &written, because), 2));
        }
        let Some(letter) = option.letter else { return self.take_long(given) };
        let plan = &mut self.plan;
        match letter {
            '4' => (plan.family, self.is_unix) = (Family::V4, false),
            '6' => (plan.family, self.is_unix) = (Family::V6, false),
            'U' => self.is_unix = true,
            'C' => plan.crlf = true,
            'c' | 'e' if plan.exec.is_some() => {
                return Err(bye("Only one of --exec, --sh-exec, and --lua-exec is allowed."));
            }
            'c' => plan.exec = Some(Exec::Shell(given.word())),
            'e' => plan.exec = Some(Exec::Program(words(&given.text()))),
            'k' => plan.keep_listening = true,
            'm' => plan.max_connections = u32::try_from(atoi(&given.text())).ok(),
            'h' => return Err(Stop { text: help::text(self.around.flavour), on_stdout: true, status: 0 }),
            'd' => plan.interval = Some(time(&given, "-d delay")?),
            'o' => self.output = Some(PathBuf::from(given.word())),
            'x' => self.hex_dump = Some(PathBuf::from(given.word())),
            'p' => {
                self.port = Some(match strtonum(&given.text(), 0, u16::MAX.into()) {
                    Ok(port) => u16::try_from(port).unwrap_or(u16::MAX),
                    Err("invalid") => {
                        return Err(bye(format!("Invalid source port number \"{}\".", given.text())));
                    }
                    Err(_) => return Err(bye(format!("Invalid source port {}.", given.text()))),
                });
            }
            'i' => plan.idle_timeout = Some(time(&given, "-i timeout")?),
            's' => self.source = given.value,
            'l' => self.listens = true,
            'u' => self.is_udp = true,
            'v' => plan.verbosity = plan.verbosity.saturating_add(1),
            'n' => plan.numeric = true,
            'w' => plan.connect_timeout = Some(time(&given, "-w timeout")?),
            't' => plan.telnet = true,
            // The tables have no more.
            _ => plan.zero_io = true,
        }
        Ok(())
    }

    /// An option without a letter.
    fn take_long(&mut self, given: Given) -> Result<(), Stop> {
        let once = |slot: &mut Option<String>, name: &str, given: &Given| {
            if slot.is_some() {
                return Err(bye(format!("You can't specify more than one --{name}.")));
            }
            *slot = Some(given.text());
            Ok(())
        };
        let name = given.option.long;
        self.is_tls |= name.starts_with("ssl");
        match name {
            "append-output" => self.appends = true,
            "recv-only" => self.plan.recv_only = true,
            "send-only" => self.plan.send_only = true,
            "no-shutdown" => self.no_shutdown = true,
            "test" => self.plan.tells_tests = true,
            "allow" | "deny" => self.access.push((name == "allow", Hosts::Listed(given.text()))),
            "allowfile" | "denyfile" => {
                self.access.push((name == "allowfile", Hosts::InFile(PathBuf::from(given.word()))));
            }
            "version" => {
                return Err(Stop { text: help::ncat_banner(), on_stdout: false, status: 0 });
            }
            "proxy" => once(&mut self.proxy, name, &given)?,
            "proxy-type" => once(&mut self.proxy_type, name, &given)?,
            "proxy-auth" => once(&mut self.proxy_auth, name, &given)?,
            "proxy-dns" => match given.text().as_str() {
                "remote" | "both" => self.proxy_resolves = true,
                "local" => self.proxy_resolves = false,
                "none" => (self.proxy_resolves, self.plan.numeric) = (false, true),
                _ => return Err(bye("Invalid proxy DNS type.")),
            },
            "ssl-cert" => self.tls.certificate = Some(PathBuf::from(given.word())),
            "ssl-key" => self.tls.key = Some(PathBuf::from(given.word())),
            "ssl-verify" => self.tls.verify = Verify::Full,
            "ssl-trustfile" if self.tls.roots.is_some() => {
                return Err(bye("The --ssl-trustfile option may be given only once."));
            }
            "ssl-trustfile" => {
                self.tls.roots = Some(PathBuf::from(given.word()));
                self.tls.verify = Verify::Full;
            }
            "ssl-servername" => self.tls.server_name = Some(given.text()),
            "ssl-alpn" => {
                self.tls.alpn = given.text().split(',').map(str::trim).map(str::to_owned).collect();
            }
            // `--ssl`, `--nsock-engine`, and options of ours.
            _ => {}
        }
        Ok(())
    }

    fn resolve(mut self, operands: Vec<OsString>) -> Result<Plan, Stop> {
        if self.plan.exec == Some(Exec::Program(Vec::new())) {
            return Err(bye("--exec needs a command."));
        }
        self.dumps();
        self.check_unix()?;
        self.check_proxy()?;
        self.check_scan()?;
        if self.source.is_some() && self.listens {
            return Err(bye(
                "-l and -s are incompatible.  Specify the address and port to bind to like you would a host to connect to.",
            ));
        }
        let names_who_may = self.access.iter().any(|(allows, _)| *allows);
        for (allows, hosts) in std::mem::take(&mut self.access) {
            let networks = match hosts {
                Hosts::Listed(text) => access::list(&text, self.plan.numeric)?,
                Hosts::InFile(path) => access::file(&path, self.plan.numeric)?,
            };
            let list = if allows { &mut self.plan.access.allow } else { &mut self.plan.access.deny };
            list.extend(networks);
        }
        if names_who_may && self.plan.access.allow.is_empty() {
            // An empty list of a plan lets everybody in.
            return Err(bye("--allow and --allowfile name nobody, so nobody could connect."));
        }
        self.plan.mode = self.mode(operands)?;
        if self.is_udp && self.plan.keep_listening && self.plan.exec.is_none() {
            return Err(bye(
                "UDP mode does not support the -k or --keep-open options, except with --exec or --sh-exec.",
            ));
        }
        if self.is_udp && self.is_tls {
            return Err(Stop::new(
                not_supported("Ncat", "--ssl with -u", "TLS here is TLS over TCP, not DTLS"),
                2,
            ));
        }
        self.plan.tls = self.is_tls.then(|| std::mem::take(&mut self.tls));
        self.plan.transport = match (self.is_unix, self.is_udp) {
            (false, false) => Transport::Tcp,
            (false, true) => Transport::Udp,
            (true, false) => Transport::UnixStream,
            (true, true) => Transport::UnixDatagram,
        };
        let keeps_open = self.no_shutdown;
        self.plan.at_input_end = if keeps_open { AtInputEnd::KeepOpen } else { AtInputEnd::HalfClose };
        self.check_side()?;
        Ok(self.plan)
    }

    fn dumps(&mut self) {
        let appends = self.appends;
        let files = [(self.output.take(), DumpFormat::Raw), (self.hex_dump.take(), DumpFormat::Hex)];
        for (path, format) in files {
            self.plan.dumps.extend(path.map(|path| Dump { path, format, appends }));
        }
    }

    fn check_unix(&self) -> Result<(), Stop> {
        if !self.is_unix {
            return Ok(());
        }
        if self.proxy.is_some() || self.proxy_type.is_some() {
            return Err(bye("Proxy option not supported when using Unix domain sockets."));
        }
        if self.is_tls {
            return Err(bye("SSL option not supported when using Unix domain sockets."));
        }
        if self.port.is_some() {
            return Err(bye("Specifying source port when using Unix domain sockets doesn't make sense."));
        }
        Ok(())
    }

    fn check_proxy(&mut self) -> Result<(), Stop> {
        let Some(address) = self.proxy.take() else {
            return match &self.proxy_type {
                None => Ok(()),
                Some(_) if !self.listens => {
                    Err(bye("Proxy type (--proxy-type) specified without proxy address (--proxy)."))
                }
                Some(kind) if kind != "http" => Err(bye(format!("Invalid proxy type \"{kind}\"."))),
                Some(_) => {
                    let because = "adieu is not an HTTP proxy";
                    Err(Stop::new(not_supported("Ncat", "--proxy-type with -l", because), 2))
                }
            };
        };
        let (kind, default) = match self.proxy_type.as_deref().unwrap_or("http") {
            "http" => (ProxyKind::HttpConnect, 3128),
            "socks4" | "4" => (ProxyKind::Socks4, 1080),
            "socks5" | "5" => (ProxyKind::Socks5, 1080),
            other => return Err(bye(format!("Invalid proxy type \"{other}\"."))),
        };
        let (host, port) = proxy_address(&address)?;
        if self.listens {
            return Err(bye("Invalid option combination: --proxy and -l."));
        }
        let (user, password) = match self.proxy_auth.take() {
            None => (None, None),
            Some(auth) => match auth.split_once(':') {
                Some((user, password)) => (Some(user.to_owned()), Some(password.to_owned())),
                None => (Some(auth), None),
            },
        };
        let resolves = self.proxy_resolves && kind != ProxyKind::Socks4;
        self.plan.proxy = Some(Proxy { kind, host, port: port.unwrap_or(default), user, password, resolves });
        Ok(())
    }

    fn check_scan(&mut self) -> Result<(), Stop> {
        if !self.plan.zero_io {
            return Ok(());
        }
        if self.listens {
            return Err(bye("Services designed for LISTENING can't be used with -z"));
        }
        if self.plan.telnet {
            return Err(bye("Invalid option combination: -z and -t."));
        }
        if self.plan.exec.is_some() {
            return Err(bye("Command execution can't be done along with option -z."));
        }
        if self.is_udp {
            self.plan.idle_timeout.get_or_insert(UDP_SCAN);
        }
        Ok(())
    }

    fn mode(&mut self, operands: Vec<OsString>) -> Result<Mode, Stop> {
        let mut operands = operands.into_iter();
        if self.is_unix {
            let Some(path) = operands.next() else {
                let to = if self.listens { "listen on" } else { "connect to" };
                return Err(bye(format!("You have to specify path to a socket to {to}.")));
            };
            if operands.next().is_some() {
                return Err(bye("Using Unix domain sockets and specifying port doesn't make sense."));
            }
            let local = self.source.take().filter(|_| self.is_udp);
            return Ok(if self.listens {
                Mode::ListenUnix { path }
            } else {
                Mode::ConnectUnix { path, local }
            });
        }
        let mut rest: Vec<String> = operands.map(|word| text(&word)).collect();
        let is_port = |text: &String| text.bytes().all(|byte| byte.is_ascii_digit());
        let host =
            if rest.first().is_some_and(|first| !is_port(first)) { Some(rest.remove(0)) } else { None };
        if host.is_none() && !self.listens {
            return Err(bye("You must specify a host to connect to."));
        }
        let port_of_listener = self.port.filter(|_| self.listens);
        if rest.len() + usize::from(port_of_listener.is_some()) > 1 {
            let all: Vec<String> = port_of_listener.iter().map(u16::to_string).chain(rest).collect();
            let all = all.join(" ");
            return Err(Stop::new(
                format!("Ncat: Got more than one port specification: {all}. QUITTING."),
                2,
            ));
        }
        let port = match rest.first() {
            None => port_of_listener.unwrap_or(PORT),
            Some(text) => {
                let number = strtonum(text, 0, u16::MAX.into()).ok();
                let wrong = || bye(format!("Invalid port number \"{text}\"."));
                number.and_then(|number| u16::try_from(number).ok()).ok_or_else(wrong)?
            }
        };
        match host {
            Some(host) if !self.listens => {
                self.plan.source = self.source.take().as_deref().map(text);
                self.plan.source_port = self.port;
                Ok(Mode::Connect { host, ports: vec![port] })
            }
            host => Ok(Mode::Listen { host, port: Some(port).filter(|port| *port > 0), peer: None }),
        }
    }

    /// What makes no sense on the one side or the other.
    fn check_side(&self) -> Result<(), Stop> {
        if self.listens {
            return Ok(());
        }
        if !self.plan.access.allow.is_empty() {
            return Err(bye("Invalid option combination: allow/deny with connect."));
        }
        if self.plan.max_connections.is_some() {
            return Err(bye("Invalid option combination: `--max-conns' with connect."));
        }
        if self.plan.keep_listening {
            return Err(bye("Invalid option combination: `--keep-open' with connect."));
        }
        Ok(())
    }
}

/// The words of `--exec`, which ncat divides at blanks, with a backslash before what is not to divide.
fn words(line: &str) -> Vec<OsString> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut characters = line.chars();
    while let Some(c) = characters.next() {
        match c {
            ' ' => words.extend(word.take().map(OsString::from)),
            '\\' => word.get_or_insert_default().extend(characters.next()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word.map(OsString::from));
    words
}

/// A proxy's host and port. An IPv6 address stands in brackets where there is a port.
fn proxy_address(text: &str) -> Result<(String, Option<u16>), Stop> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let wrong = || bye(format!("Invalid proxy IPv6 address \"{text}\"."));
            let (host, rest) = rest.split_once(']').ok_or_else(wrong)?;
            (host, rest.strip_prefix(':'))
        }
        None => match text.split_once(':') {
            Some((host, port)) if !port.contains(':') => (host, Some(port)),
            _ => (text, None),
        },
    };
    let number = |port: &str| match strtonum(port, 1, u16::MAX.into()) {
        Ok(number) => Ok(u16::try_from(number).unwrap_or(u16::MAX)),
        Err(_) => Err(bye(format!("Invalid proxy port number \"{port}\"."))),
    };
    Ok((host.to_owned(), port.map(number).transpose()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exec_is_divided_at_blanks() {
        let owned = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
        assert_eq!(words("/bin/echo  a b\\ c"), owned(&["/bin/echo", "a", "b c"]));
        assert_eq!(words("cat"), owned(&["cat"]));
        assert!(words("  ").is_empty());
    }

    #[test]
    fn a_proxy_has_a_host_and_perhaps_a_port() {
        for (text, host, port) in [
            ("p", "p", None),
            ("p:8080", "p", Some(8080)),
            ("[::1]:80", "::1", Some(80)),
            ("[::1]", "::1", None),
            ("fe80::1:2", "fe80::1:2", None),
        ] {
            assert_eq!(proxy_address(text), Ok((host.to_owned(), port)), "{text}");
        }
        for wrong in ["p:0", "p:x", "[::1"] {
            assert!(proxy_address(wrong).is_err(), "{wrong}");
        }
    }
}
