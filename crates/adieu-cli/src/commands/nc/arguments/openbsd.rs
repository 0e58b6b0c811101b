//! OpenBSD's nc, and Debian's: letters, values and their checks, in the original's order and words.

use super::getopt::{Getopt, Given};
use super::numbers::{UNKNOWN_SERVICE, seconds, service, service_port, shuffle, strtonum};
use super::tables::Standing;
use super::{Stop, Surroundings, blank, not_supported, tables, text};
use crate::commands::nc::flavour::Flavour;
use crate::commands::nc::help;
use crate::commands::nc::plan::{
    AtInputEnd, Family, Mode, Plan, Proxy, ProxyKind, Tls, TlsVersion, Transport, Verify,
};
use crate::options::proxy::read_password;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// What `-w` may be at most: milliseconds are in an int.
const MOST_SECONDS: i64 = i32::MAX as i64 / 1000;
/// The largest window of RFC 7323.
const LARGEST_WINDOW: i64 = 65_536 << 14;

/// The options, as far as they are not in the plan yet.
struct Options<'a> {
    around: &'a Surroundings,
    plan: Plan,
    listens: bool,
    is_unix: bool,
    is_udp: bool,
    /// `-N`, or a `-q` that is not negative.
    half_closes: bool,
    /// Debian's `-q`, unless it is negative.
    quit: Option<i64>,
    /// `-p`.
    port: Option<String>,
    /// `-s`.
    source: Option<OsString>,
    /// `-x`.
    proxy: Option<String>,
    proxy_kind: ProxyKind,
    proxy_user: Option<String>,
    /// `-c`.
    is_tls: bool,
    tls: Tls,
    /// The letters of TLS, and `TLS options` for those of `-T`, that were written: without `-c` they are refused.
    tls_letters: Vec<&'static str>,
}

/// The plan of a command line.
pub(super) fn plan(around: &Surroundings, words: &[OsString]) -> Result<Plan, Stop> {
    let mut options = Options {
        around,
        plan: blank(around),
        listens: false,
        is_unix: false,
        is_udp: false,
        half_closes: false,
        quit: None,
        port: None,
        source: None,
        proxy: None,
        proxy_kind: ProxyKind::Socks5,
        proxy_user: None,
        is_tls: false,
        tls: Tls::default(),
        tls_letters: Vec::new(),
    };
    let mut getopt = Getopt::new(&around.called, tables::of(around.flavour), words);
    loop {
        match getopt.next() {
            Ok(Some(given)) => options.take(given)?,
            Ok(None) => break,
            Err(message) => return Err(usage(around.flavour, Some(&message))),
        }
    }
    options.resolve(getopt.operands())
}

/// The usage, behind a message of getopt's if there is one.
fn usage(flavour: Flavour, message: Option<&str>) -> Stop {
    let message = message.map(|message| format!("{message}\n")).unwrap_or_default();
    Stop::new(format!("{message}{}", help::usage(flavour).trim_end()), 1)
}

impl Options<'_> {
    /// An error as `errx` says it.
    fn error(&self, text: &str) -> Stop {
        Stop::new(format!("{}: {text}", self.around.program), 1)
    }

    fn number(&self, given: &Given, what: &str, least: i64, most: i64) -> Result<i64, Stop> {
        let text = given.text();
        strtonum(&text, least, most).map_err(|wrong| self.error(&format!("{what} {wrong}: {text}")))
    }

    fn octet(&self, given: &Given, what: &str) -> Result<Option<u8>, Stop> {
        let number = strtonum(&given.text(), 0, 255);
        let number = number.map_err(|wrong| self.error(&format!("{what} is {wrong}")))?;
        Ok(u8::try_from(number).ok())
    }

    fn window(&self, given: &Given, which: &str) -> Result<Option<u32>, Stop> {
        let number = self.number(given, &format!("TCP {which} window"), 1, LARGEST_WINDOW)?;
        Ok(u32::try_from(number).ok())
    }

    /// One option.
    fn take(&mut self, given: Given) -> Result<(), Stop> {
        let option = given.option;
        if let Standing::Refused(because) = option.standing {
            let written = option.written();
            return Err(Stop::new(not_supported(&self.around.program, &written, because), 1));
        }
        let is_debian = self.around.flavour == Flavour::Debian;
        let Some(letter) = option.letter else { return Ok(()) };
        match letter {
            '4' => (self.plan.family, self.is_unix) = (Family::V4, false),
            '6' => (self.plan.family, self.is_unix) = (Family::V6, false),
            'U' => self.is_unix = true,
            'b' => self.plan.socket.broadcast = true,
            'C' if is_debian => self.plan.crlf = true,
            'D' => self.plan.socket.debug = true,
            'd' => self.plan.detached = true,
            'F' => self.plan.passes_socket = true,
            'h' => return Err(Stop { text: help::text(self.around.flavour), on_stdout: false, status: 0 }),
            'I' => self.plan.socket.receive_buffer = self.window(&given, "receive")?,
            'i' => {
                let number = self.number(&given, "interval", 0, u32::MAX.into())?;
                self.plan.interval = Some(seconds(number)).filter(|interval| !interval.is_zero());
            }
            'k' => self.plan.keep_listening = true,
            'l' => self.listens = true,
            'M' => self.plan.socket.ttl = self.octet(&given, "ttl")?,
            'm' => self.plan.socket.min_ttl = self.octet(&given, "minttl")?,
            'N' => self.half_closes = true,
            'n' => self.plan.numeric = true,
            'O' => self.plan.socket.send_buffer = self.window(&given, "send")?,
            'P' => self.proxy_user = Some(given.text()),
            'p' => self.port = Some(given.text()),
            'q' => {
                let number = self.number(&given, "quit timer", i32::MIN.into(), i32::MAX.into())?;
                self.quit = Some(number).filter(|number| *number >= 0);
                self.half_closes |= self.quit.is_some();
            }
            'r' => self.plan.randomize = true,
            's' => self.source = given.value,
            'T' => self.keyword(&given.text())?,
            't' => self.plan.telnet = true,
            'u' => self.is_udp = true,
            'v' => self.plan.verbosity = 1,
            'W' => {
                let number = self.number(&given, "receive limit", 1, i32::MAX.into())?;
                self.plan.receive_limit = u32::try_from(number).ok();
            }
            'w' => {
                let number = self.number(&given, "timeout", 0, MOST_SECONDS)?;
                // With 0, a connection has as long as the system gives it.
                self.plan.connect_timeout = Some(seconds(number)).filter(|limit| !limit.is_zero());
                self.plan.idle_timeout = Some(seconds(number));
            }
            'X' => self.proxy_kind = self.protocol(&given.text())?,
            'x' => self.proxy = Some(given.text()),
            'z' => self.plan.zero_io = true,
            _ => self.take_tls(letter, given),
        }
        Ok(())
    }

    /// An option that OpenBSD's nc alone has.
    fn take_tls(&mut self, letter: char, given: Given) {
        let tls = &mut self.tls;
        match letter {
            'c' => return self.is_tls = true,
            'C' => tls.certificate = Some(PathBuf::from(given.word())),
            'K' => tls.key = Some(PathBuf::from(given.word())),
            'R' => tls.roots = Some(PathBuf::from(given.word())),
            'e' => tls.server_name = Some(given.text()),
            _ => tls.pin = Some(given.text()),
        }
        self.tls_letters
            .extend(["C", "K", "Z", "R", "H", "e"].into_iter().find(|name| name.starts_with(letter)));
    }

    fn protocol(&self, text: &str) -> Result<ProxyKind, Stop> {
        match text {
            "4" => Ok(ProxyKind::Socks4),
            "5" => Ok(ProxyKind::Socks5),
            _ if text.eq_ignore_ascii_case("connect") => Ok(ProxyKind::HttpConnect),
            _ => Err(self.error("unsupported proxy protocol")),
        }
    }

    /// The value of `-T`: an option of TLS, a word for a type of service, or its number.
    fn keyword(&mut self, value: &str) -> Result<(), Stop> {
        let is_debian = self.around.flavour == Flavour::Debian;
        if !is_debian && self.tls_keyword(value)? {
            self.tls_letters.push("TLS options");
            return Ok(());
        }
        let number = match (type_of_service(value), value.strip_prefix("0x")) {
            (Some(known), _) => Some(known),
            (None, Some(hex)) => u8::from_str_radix(hex, 16).ok(),
            (None, None) => strtonum(value, 0, 255).ok().and_then(|number| u8::try_from(number).ok()),
        };
        let what = if is_debian { "tos" } else { "tos/tls" };
        let wrong = || self.error(&format!("illegal {what} value {value}"));
        self.plan.socket.type_of_service = Some(number.ok_or_else(wrong)?);
        Ok(())
    }

    /// Whether it is an option of TLS.
    fn tls_keyword(&mut self, value: &str) -> Result<bool, Stop> {
        let (name, argument) = match value.split_once('=') {
            Some((name, argument)) => (name, Some(argument)),
            None => (value, None),
        };
        let refused = |because: &str| {
            let option = format!("-T {name}");
            Stop::new(not_supported(&self.around.program, &option, because), 1)
        };
        let missing = || self.error(&format!("invalid tls value `{value}'"));
        match name {
            "noverify" => self.tls.verify = Verify::Nothing,
            "noname" if self.tls.verify == Verify::Full => self.tls.verify = Verify::NotName,
            "noname" => {}
            "clientcert" => self.tls.wants_client_certificate = true,
            "muststaple" => return Err(refused("TLS here has no OCSP stapling")),
            "ciphers" => match argument.ok_or_else(missing)? {
                "secure" | "default" => {}
                _ => return Err(refused("TLS here has only ciphers that are safe, and nothing to choose")),
            },
            "protocols" => self.tls.only_version = self.versions(argument.ok_or_else(missing)?)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn versions(&self, text: &str) -> Result<Option<TlsVersion>, Stop> {
        let (mut v12, mut v13) = (false, false);
        for name in text.split([',', ':']).map(str::trim) {
            match name.to_ascii_lowercase().as_str() {
                "all" | "legacy" | "default" | "secure" | "tlsv1" => (v12, v13) = (true, true),
                "tlsv1.2" => v12 = true,
                "tlsv1.3" => v13 = true,
                "tlsv1.0" | "tlsv1.1" => {
                    let because = "TLS 1.0 and 1.1 are not safe (RFC 8996)";
                    let option = format!("-T protocols={name}");
                    return Err(Stop::new(not_supported(&self.around.program, &option, because), 1));
                }
                _ => return Err(self.error(&format!("invalid TLS protocols `{text}'"))),
            }
        }
        Ok(match (v12, v13) {
            (true, false) => Some(TlsVersion::V12),
            (false, true) => Some(TlsVersion::V13),
            _ => None,
        })
    }

    /// The plan, once all options are read: operands first, then what cannot stand together, as the original checks it.
    fn resolve(mut self, operands: Vec<OsString>) -> Result<Plan, Stop> {
        if self.around.flavour == Flavour::Debian {
            self.debian_operands(operands)?;
        } else {
            self.openbsd_operands(operands)?;
        }
        if !self.listens && self.plan.keep_listening {
            return Err(self.error("must use -l with -k"));
        }
        self.check_tls()?;
        self.plan.transport = match (self.is_unix, self.is_udp) {
            (false, false) => Transport::Tcp,
            (false, true) => Transport::Udp,
            (true, false) => Transport::UnixStream,
            (true, true) => Transport::UnixDatagram,
        };
        self.check_proxy()?;
        self.plan.at_input_end = match self.quit {
            // The peer's answer is not cut: 1.219 waits for its end.
            Some(0) if !self.listens && !self.is_udp => AtInputEnd::HalfClose,
            Some(after) => AtInputEnd::Quit { after: seconds(after) },
            None if self.half_closes => AtInputEnd::HalfClose,
            None => AtInputEnd::KeepOpen,
        };
        if let Mode::Connect { .. } = &self.plan.mode {
            self.plan.source = self.source.as_deref().map(text);
            if let Some(port) = &self.port {
                let port = service(port, self.is_udp).ok_or_else(|| self.error(UNKNOWN_SERVICE))?;
                self.plan.source_port = Some(port).filter(|port| *port > 0);
            }
        }
        Ok(self.plan)
    }

    /// Debian's nc takes `-s` and `-p` for the address that is listened on, and more ports than one.
    fn debian_operands(&mut self, operands: Vec<OsString>) -> Result<(), Stop> {
        let count = operands.len();
        let mut operands = operands.into_iter();
        let is_unix_client = self.is_unix && self.is_udp && !self.listens;
        let (mut host, mut ports) = (None, Vec::new());
        if count == 0 && self.listens {
            host.clone_from(&self.source);
            ports.extend(self.port.clone());
        } else if count == 1 && self.port.is_none() && (self.source.is_none() || is_unix_client) {
            if self.is_unix {
                host = operands.next();
            } else if self.listens {
                ports.extend(operands.next().as_deref().map(text));
            }
        } else if count >= 2 {
            if self.listens && (self.port.is_some() || self.source.is_some() || count > 2) {
                return Err(usage(self.around.flavour, None));
            }
            host = operands.next();
            ports.extend(operands.map(|word| text(&word)));
        } else {
            return Err(usage(self.around.flavour, None));
        }
        if self.is_unix {
            if !ports.is_empty() {
                return Err(self.error("cannot use port with -U"));
            }
            let path = host.ok_or_else(|| self.error("missing socket pathname"))?;
            self.cannot_scan_and_listen()?;
            self.plan.mode = self.unix(path);
            return Ok(());
        }
        if ports.is_empty() {
            return Err(self.error("missing port number"));
        }
        self.cannot_scan_and_listen()?;
        self.plan.mode = self.internet(host.as_deref().map(text), &ports)?;
        Ok(())
    }

    /// OpenBSD's own nc has one port, and its listener no options for it.
    fn openbsd_operands(&mut self, operands: Vec<OsString>) -> Result<(), Stop> {
        let count = operands.len();
        let mut operands = operands.into_iter();
        let (first, second) = (operands.next(), operands.next());
        let (host, port) = match (count, first, second) {
            (1, Some(path), _) if self.is_unix => (Some(path), None),
            (1, Some(port), _) if self.listens => (None, Some(port)),
            (2, Some(host), Some(port)) => (Some(host), Some(port)),
            _ => return Err(usage(self.around.flavour, None)),
        };
        for (is_given, letter) in
            [(self.source.is_some(), 's'), (self.port.is_some(), 'p'), (self.plan.zero_io, 'z')]
        {
            if self.listens && is_given {
                return Err(self.error(&format!("cannot use -{letter} and -l")));
            }
        }
        self.plan.mode = match (host, port) {
            (Some(path), _) if self.is_unix => self.unix(path),
            (host, port) => {
                let ports: Vec<String> = port.as_deref().map(text).into_iter().collect();
                self.internet(host.as_deref().map(text), &ports)?
            }
        };
        Ok(())
    }

    fn cannot_scan_and_listen(&self) -> Result<(), Stop> {
        if self.listens && self.plan.zero_io {
            return Err(self.error("cannot use -z and -l"));
        }
        Ok(())
    }

    fn unix(&self, path: OsString) -> Mode {
        if self.listens {
            Mode::ListenUnix { path }
        } else {
            Mode::ConnectUnix { path, local: self.source.clone().filter(|_| self.is_udp) }
        }
    }

    fn internet(&self, host: Option<String>, ports: &[String]) -> Result<Mode, Stop> {
        if self.listens {
            let port = ports.first().and_then(|port| service(port, self.is_udp));
            let port = port.ok_or_else(|| self.error(UNKNOWN_SERVICE))?;
            return Ok(Mode::Listen { host, port: Some(port).filter(|port| *port > 0), peer: None });
        }
        let mut all = Vec::new();
        for port in ports {
            self.add_ports(port, &mut all)?;
        }
        if self.plan.randomize {
            shuffle(&mut all);
        }
        Ok(Mode::Connect { host: host.unwrap_or_default(), ports: all })
    }

    /// The ports of one operand: a service, a range, or a number.
    fn add_ports(&self, text: &str, all: &mut Vec<u16>) -> Result<(), Stop> {
        if let Some(port) = service_port(text, self.is_udp) {
            all.push(port);
            return Ok(());
        }
        match text.split_once('-') {
            Some((low, high)) if text.starts_with(|c: char| c.is_ascii_digit()) => {
                let high = self.port_number(high)?;
                let low = self.port_number(low)?;
                all.extend(low.min(high)..=low.max(high));
            }
            _ => all.push(self.port_number(text)?),
        }
        Ok(())
    }

    fn port_number(&self, text: &str) -> Result<u16, Stop> {
        match strtonum(text, 1, u16::MAX.into()) {
            Ok(number) => Ok(u16::try_from(number).unwrap_or(u16::MAX)),
            Err("invalid") => match service_port(text, self.is_udp) {
                Some(port) => Ok(port),
                None if self.around.flavour == Flavour::OpenBsd => {
                    Err(self.error(&format!("service \"{text}\" unknown")))
                }
                None => Err(self.error(&format!("port number invalid: {text}"))),
            },
            Err(wrong) => Err(self.error(&format!("port number {wrong}: {text}"))),
        }
    }

    fn check_tls(&mut self) -> Result<(), Stop> {
        let wrong = |text: &str| Err(self.error(text));
        match (self.is_tls, self.is_udp, self.is_unix, self.plan.passes_socket) {
            (true, true, ..) => return wrong("cannot use -c and -u"),
            (true, _, true, _) => return wrong("cannot use -c and -U"),
            (_, _, true, true) => return wrong("cannot use -F and -U"),
            (true, _, _, true) => return wrong("cannot use -c and -F"),
            _ => {}
        }
        if !self.is_tls {
            let order = ["TLS options", "C", "K", "Z", "R", "H", "e"];
            return match order.into_iter().find(|letter| self.tls_letters.contains(letter)) {
                Some("TLS options") => wrong("you must specify -c to use TLS options"),
                Some(letter) => wrong(&format!("you must specify -c to use -{letter}")),
                None => Ok(()),
            };
        }
        if !self.listens && self.tls.wants_client_certificate {
            return wrong("clientcert is only valid with -l");
        }
        if self.listens && self.tls.server_name.is_some() {
            return wrong(
                "-e with -l: not supported, because adieu tells clients apart by their issuer (-R) and by the hash of their \
                 certificate (-H), not by its name",
            );
        }
        if self.listens && self.tls.pin.is_some() && self.tls.roots.is_none() {
            return wrong("-H with -l needs -R: without it no client is asked for a certificate");
        }
        if let Some(pin) = &self.tls.pin {
            if self.tls.verify == Verify::Nothing {
                return wrong("-H and -T noverify may not be used together");
            }
            let hash = pin.strip_prefix("SHA256:").unwrap_or_default().to_ascii_lowercase();
            if hash.len() != 64 || !hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                return wrong(&format!("-H {pin}: write SHA256: and 64 hexadecimal digits"));
            }
            self.tls.pin = Some(format!("sha256:{hash}"));
        }
        self.plan.tls = Some(std::mem::take(&mut self.tls));
        Ok(())
    }

    fn check_proxy(&mut self) -> Result<(), Stop> {
        let Some(proxy) = self.proxy.take() else { return Ok(()) };
        let wrong = |text: &str| self.error(text);
        if self.is_udp {
            return Err(wrong("no proxy support for UDP mode"));
        }
        if self.listens {
            return Err(wrong("no proxy support for listen"));
        }
        if self.is_unix {
            return Err(wrong("no proxy support for unix sockets"));
        }
        if self.source.is_some() {
            return Err(wrong("no proxy support for local source address"));
        }
        let (host, port) = match proxy.strip_prefix('[') {
            Some(rest) => {
                let (host, rest) =
                    rest.split_once(']').ok_or_else(|| wrong("missing closing bracket in proxy"))?;
                match rest.strip_prefix(':') {
                    Some(port) => (host, Some(port)),
                    None if rest.is_empty() => (host, None),
                    None => return Err(wrong("garbage proxy port delimiter")),
                }
            }
            None => match proxy.rsplit_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (proxy.as_str(), None),
            },
        };
        let kind = self.proxy_kind;
        let default = if kind == ProxyKind::HttpConnect { 3128 } else { 1080 };
        let port = match port {
            None => default,
            Some(port) => service(port, false).ok_or_else(|| wrong(UNKNOWN_SERVICE))?,
        };
        // SOCKS 4 has no room for a name.
        let resolves = kind != ProxyKind::Socks4;
        let user = self.proxy_user.take();
        let file = std::env::var_os("ADIEU_PROXY_PASSWORD_FILE").filter(|_| user.is_some());
        let password = file.map(|file| {
            read_password(Path::new(&file)).map_err(|error| {
                let (name, why) = (file.display(), adieu::describe_error(&error));
                self.error(&format!("cannot read the proxy's password from {name}: {why}"))
            })
        });
        let password = password.transpose()?;
        self.plan.proxy = Some(Proxy { kind, host: host.to_owned(), port, user, password, resolves });
        Ok(())
    }
}

/// The words for a type of service.
///
/// Source: nc(1); RFC 1349 and RFC 2474.
fn type_of_service(word: &str) -> Option<u8> {
    let class = |digits: &str| match digits.as_bytes() {
        [class @ b'1'..=b'4', drop @ b'1'..=b'3'] => Some((class - b'0') * 0x20 + (drop - b'0') * 0x08),
        _ => None,
    };
    if let Some(digits) = word.strip_prefix("af") {
        return class(digits);
    }
    if let Some(digit) = word.strip_prefix("cs") {
        return digit
            .parse::<u8>()
            .ok()
            .filter(|class| *class < 8 && digit.len() == 1)
            .map(|class| class << 5);
    }
    match word {
        "ef" => Some(0xb8),
        "critical" => Some(0xa0),
        "inetcontrol" => Some(0xc0),
        "netcontrol" => Some(0xe0),
        "lowcost" => Some(0x02),
        "lowdelay" => Some(0x10),
        "reliability" => Some(0x04),
        "throughput" => Some(0x08),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_for_a_type_of_service_have_their_numbers() {
        for (word, number) in [
            ("af11", Some(0x28)),
            ("af23", Some(0x58)),
            ("af43", Some(0x98)),
            ("af44", None),
            ("af5", None),
            ("cs0", Some(0)),
            ("cs7", Some(0xe0)),
            ("cs8", None),
            ("ef", Some(0xb8)),
            ("lowdelay", Some(0x10)),
            ("x", None),
        ] {
            assert_eq!(type_of_service(word), number, "{word}");
        }
    }
}
