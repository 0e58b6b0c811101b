//! Hobbit's netcat 1.10: letters, values and their checks, in the original's order and words.

use super::getopt::{Getopt, Given};
use super::numbers::{atoi, is_inet_aton, seconds, service_port, shuffle};
use super::tables::Standing;
use super::{Stop, Surroundings, blank, not_supported, tables, text};
use crate::commands::nc::help;
use crate::commands::nc::plan::{AtInputEnd, Dump, DumpFormat, Exec, Family, Mode, Peer, Plan, Transport};
use std::ffi::OsString;
use std::path::PathBuf;

struct Options<'a> {
    around: &'a Surroundings,
    plan: Plan,
    listens: bool,
    is_udp: bool,
    /// `-p`.
    port: Option<u16>,
    /// `-q`, unless it is negative.
    quit: Option<i64>,
    dump: Option<PathBuf>,
}

/// As the original says an error: without its name.
fn bail(text: impl AsRef<str>) -> Stop {
    Stop::new(text, 1)
}

/// The plan of a command line.
pub(super) fn plan(around: &Surroundings, words: &[OsString]) -> Result<Plan, Stop> {
    if words.is_empty() {
        return Err(bail(not_supported(&around.program, "a command line on stdin", "stdin is what is sent")));
    }
    let mut plan = blank(around);
    plan.family = Family::V4;
    let mut options =
        Options { around, plan, listens: false, is_udp: false, port: None, quit: None, dump: None };
    let mut getopt = Getopt::new(&around.called, tables::of(around.flavour), words);
    loop {
        match getopt.next() {
            Ok(Some(given)) => options.take(given)?,
            Ok(None) => break,
            Err(message) => return Err(bail(format!("{message}\nnc -h for help"))),
        }
    }
    options.resolve(&getopt.operands())
}

impl Options<'_> {
    fn take(&mut self, given: Given) -> Result<(), Stop> {
        let option = given.option;
        if let Standing::Refused(because) = option.standing {
            return Err(bail(not_supported(&self.around.program, &option.written(), because)));
        }
        let Some(letter) = option.letter else { return Ok(()) };
        let plan = &mut self.plan;
        match letter {
            'b' => plan.socket.broadcast = true,
            'c' | 'e' if !self.around.allows_exec => {
                let because = "anybody who connects could run the program; ADIEU_NC_EXEC=allow permits it";
                return Err(bail(not_supported(&self.around.program, &option.written(), because)));
            }
            'c' => plan.exec = Some(Exec::Shell(given.word())),
            'e' => plan.exec = Some(Exec::Program(vec![given.word()])),
            'h' => return Err(Stop { text: help::text(self.around.flavour), on_stdout: false, status: 0 }),
            'i' => {
                let number = atoi(&given.text()) & 0xffff;
                if number == 0 {
                    return Err(bail(format!("invalid interval time {}", given.text())));
                }
                plan.interval = Some(seconds(number.into()));
            }
            'k' => plan.socket.keep_alive = true,
            'l' => self.listens = true,
            'n' => plan.numeric = true,
            'o' => self.dump = Some(PathBuf::from(given.word())),
            'p' => {
                let port = self.port(&given.text());
                self.port = Some(port.ok_or_else(|| bail(format!("invalid local port {}", given.text())))?);
            }
            'r' => plan.randomize = true,
            'q' => self.quit = Some(i64::from(atoi(&given.text()))).filter(|number| *number >= 0),
            's' => {
                self.check_host(&given.text())?;
                self.plan.source = Some(given.text());
            }
            't' => plan.telnet = true,
            'u' => self.is_udp = true,
            'v' => plan.verbosity = plan.verbosity.saturating_add(1),
            'w' => {
                let number = atoi(&given.text());
                if number <= 0 {
                    return Err(bail(format!("invalid wait-time {}", given.text())));
                }
                plan.connect_timeout = Some(seconds(number.into()));
                plan.idle_timeout = plan.connect_timeout;
            }
            'T' => plan.socket.type_of_service = Some(type_of_service(&given.text())),
            'C' => plan.crlf = true,
            // The tables have no more.
            _ => plan.zero_io = true,
        }
        Ok(())
    }

    /// With `-n`, as far as it was written before, a host has to be an address.
    fn check_host(&self, host: &str) -> Result<(), Stop> {
        if self.plan.numeric && !is_inet_aton(host) {
            return Err(bail(format!("Can't parse {host} as an IP address")));
        }
        Ok(())
    }

    /// A port: what `atoi` makes of it, or a service. `None`: there is no such port.
    fn port(&self, text: &str) -> Option<u16> {
        match atoi(text) {
            0 if self.plan.numeric => None,
            0 => service_port(text, self.is_udp),
            // The original takes the lowest 16 bits of a number.
            number => u16::try_from(number).ok(),
        }
    }

    fn resolve(mut self, operands: &[OsString]) -> Result<Plan, Stop> {
        let operands: Vec<String> = operands.iter().map(|word| text(word)).collect();
        let (host, rest) = match operands.split_first() {
            Some((host, rest)) => (Some(host), rest),
            None => (None, &[][..]),
        };
        if let Some(host) = host {
            self.check_host(host)?;
        }
        self.plan.transport = if self.is_udp { Transport::Udp } else { Transport::Tcp };
        self.plan.mode = match (self.listens, host) {
            (true, host) => self.listen(host, rest)?,
            (false, None) => return Err(bail("no destination")),
            (false, Some(_)) if rest.is_empty() => return Err(bail("no port[s] to connect to")),
            (false, Some(host)) => {
                self.plan.source_port = self.port;
                Mode::Connect { host: host.clone(), ports: self.ports(rest)? }
            }
        };
        self.plan.at_input_end = match self.quit {
            Some(after) => AtInputEnd::Quit { after: seconds(after) },
            None => AtInputEnd::KeepOpen,
        };
        // With a program there is nothing to dump: what crosses goes past us.
        if let (Some(path), None) = (self.dump, &self.plan.exec) {
            self.plan.dumps.push(Dump { path, format: DumpFormat::Hex, appends: false });
        }
        Ok(self.plan)
    }

    fn listen(&self, host: Option<&String>, rest: &[String]) -> Result<Mode, Stop> {
        let peer = match host {
            None => None,
            Some(number) if number.bytes().all(|byte| byte.is_ascii_digit()) && self.port.is_none() => {
                return Err(bail(format!(
                    "{}: -l {number}: the port stands behind -p (nc -l -p {number}); without it this is a host, and the \
                     port a random one",
                    self.around.program
                )));
            }
            Some(host) => {
                let port = rest
                    .first()
                    .map(|port| self.port(port).ok_or_else(|| bail(format!("invalid port {port}"))));
                Some(Peer { host: host.clone(), port: port.transpose()? })
            }
        };
        Ok(Mode::Listen { host: self.plan.source.clone(), port: self.port, peer })
    }

    /// Operand after operand, and each range from its end to its beginning, or in random order.
    fn ports(&self, operands: &[String]) -> Result<Vec<u16>, Stop> {
        let port = |text: &str| self.port(text).ok_or_else(|| bail(format!("invalid port {text}")));
        let mut all = Vec::new();
        for operand in operands {
            let (low, high) = range(operand);
            let high = high.as_deref().map(port).transpose()?;
            let low = port(&low)?;
            match high {
                Some(high) if high > low => {
                    let start = all.len();
                    all.extend((low..=high).rev());
                    if self.plan.randomize {
                        shuffle(&mut all[start..]);
                    }
                }
                _ => all.push(low),
            }
        }
        Ok(all)
    }
}

/// The ends of a range, which a dash divides that has no backslash before it.
fn range(text: &str) -> (String, Option<String>) {
    let unescaped = |text: &str| text.replace("\\-", "-");
    let dash = text.match_indices('-').find(|(at, _)| *at > 0 && !text[..*at].ends_with('\\'));
    match dash {
        Some((at, _)) => (unescaped(&text[..at]), Some(unescaped(&text[at + 1..]))),
        None => (unescaped(text), None),
    }
}

/// The value of `-T`: one of four words, or a number, of which the lowest octet counts.
fn type_of_service(text: &str) -> u8 {
    match text {
        "Minimize-Delay" => 0x10,
        "Maximize-Throughput" => 0x08,
        "Maximize-Reliability" => 0x04,
        "Minimize-Cost" => 0x02,
        number => atoi(number).to_le_bytes()[0],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_may_have_dashes_in_its_names() {
        let owned = |(low, high): (&str, Option<&str>)| (low.to_owned(), high.map(str::to_owned));
        for (text, ends) in [
            ("20-25", ("20", Some("25"))),
            ("80", ("80", None)),
            ("ftp\\-data", ("ftp-data", None)),
            ("ftp\\-data-25", ("ftp-data", Some("25"))),
            ("-5", ("-5", None)),
        ] {
            assert_eq!(range(text), owned(ends), "{text}");
        }
    }
}
