//! The tools, and how each is asked for a case, with the options that serve it best.

use super::case::{Case, Input, Kind};
use adieu_testkit::tls::authority::Authority;
use anyhow::Result;
use std::{
    io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kin {
    OpenBsd,
    Traditional,
    Ncat,
    Socat,
    OpenSsl,
    Adieu,
    /// The same program under a netcat's command line: for the tiny exchange, where starting is what counts.
    AdieuNc,
    Limit,
}

#[derive(Debug, Clone)]
pub(super) struct Tool {
    pub(super) name: &'static str,
    pub(super) kin: Kin,
    pub(super) program: PathBuf,
    /// What it says of itself; `None`: it is not installed.
    pub(super) version: Option<String>,
}

/// A command, or why this tool cannot be asked.
pub(super) type Asked = Result<Vec<String>, &'static str>;

/// Every column: the peers, adieu, the limit, and another build of adieu if there is one to compare with.
pub(super) fn all(adieu: &Path, before: Option<&Path>, helper: &Path) -> Result<Vec<Tool>> {
    let columns = [
        ("nc.openbsd -N", Kin::OpenBsd, Path::new("nc.openbsd")),
        ("nc.traditional", Kin::Traditional, Path::new("nc.traditional")),
        ("ncat", Kin::Ncat, Path::new("ncat")),
        ("socat", Kin::Socat, Path::new("socat")),
        ("s_client", Kin::OpenSsl, Path::new("openssl")),
        ("adieu", Kin::Adieu, adieu),
        ("adieu nc -N", Kin::AdieuNc, adieu),
        ("limit", Kin::Limit, helper),
    ];
    let before = before.map(|program| ("adieu before", Kin::Adieu, program));
    columns
        .into_iter()
        .chain(before)
        .map(|(name, kin, program)| {
            Ok(Tool { name, kin, program: program.to_owned(), version: version(kin, program)? })
        })
        .collect()
}

fn version(kin: Kin, program: &Path) -> Result<Option<String>> {
    let (argument, mark) = match kin {
        Kin::OpenBsd => ("-h", "netcat"),
        Kin::Traditional => ("-h", "[v"),
        Kin::Ncat => ("--version", "Version"),
        Kin::Socat => ("-V", "socat version"),
        Kin::OpenSsl => ("version", "OpenSSL"),
        Kin::Adieu | Kin::AdieuNc => ("--version", "adieu"),
        Kin::Limit => return Ok(Some("the limit program of each case (bench-helper)".into())),
    };
    let done = match Command::new(program).arg(argument).stdin(Stdio::null()).output() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        done => done?,
    };
    let all = [done.stdout, done.stderr].concat();
    let text = String::from_utf8_lossy(&all);
    let line = text.lines().find(|line| line.contains(mark)).unwrap_or("does not say its version");
    Ok(Some(line.trim().to_owned()))
}

impl Tool {
    /// The others, that adieu is compared with.
    pub(super) fn is_peer(&self) -> bool {
        !matches!(self.kin, Kin::Adieu | Kin::AdieuNc | Kin::Limit)
    }

    /// Whether it half-closes at the end of its input, so that the counterpart can wait for that.
    pub(super) fn half_closes(&self) -> bool {
        self.kin != Kin::Traditional
    }

    /// The command for a case that connects. The endpoint is a port on loopback, or the path of a Unix socket.
    /// `block` is for socat's `-b`.
    pub(super) fn client(&self, case: &Case, endpoint: &str, block: u64) -> Asked {
        let unix = endpoint.starts_with('/');
        let sends = !matches!(case.kind, Kind::Transfer(transfer) if transfer.input == Input::Nothing);
        let receives = matches!(case.kind, Kind::Transfer(transfer) if transfer.down);
        if matches!(case.kind, Kind::Transfer(transfer) if transfer.tls) {
            return self.tls_client(endpoint, (sends, receives), block);
        }
        let words: Vec<String> = match self.kin {
            Kin::OpenSsl => return Err("TLS only"),
            Kin::AdieuNc if case.kind != Kind::Tiny => return Err("as adieu"),
            Kin::AdieuNc => own(&["nc", "-N", "127.0.0.1", endpoint]),
            Kin::OpenBsd if unix => own(&["-N", "-U", endpoint]),
            Kin::OpenBsd => own(&["-N", "127.0.0.1", endpoint]),
            Kin::Traditional if unix => return Err("no Unix sockets"),
            // After its input's end, -q 1 gives the peer one second, and throws away what comes later.
            Kin::Traditional if receives => own(&["127.0.0.1", endpoint]),
            Kin::Traditional => own(&["-q", "1", "127.0.0.1", endpoint]),
            Kin::Ncat if unix => own(&["-U", endpoint]),
            Kin::Ncat => own(&["127.0.0.1", endpoint]),
            Kin::Socat => {
                let block = block.to_string();
                let target = if unix {
                    format!("UNIX-CONNECT:{endpoint}")
                } else {
                    format!("TCP:127.0.0.1:{endpoint}")
                };
                match (sends, receives) {
                    // One way only: at its input's end it would give the other way half a second.
                    (false, _) => own(&["-b", &block, "-u", &target, "-"]),
                    (true, true) => own(&["-b", &block, "-t", "30", "-", &target]),
                    (true, false) => own(&["-b", &block, "-", &target]),
                }
            }
            Kin::Adieu => {
                let target = if unix { format!("unix:{endpoint}") } else { format!("127.0.0.1:{endpoint}") };
                own(&["connect", "-q", &target])
            }
            Kin::Limit => own(&["limit", case.name, endpoint]),
        };
        Ok(self.with_program(words))
    }

    /// The same over TLS. The peer ends once it has sent and received everything.
    fn tls_client(&self, port: &str, ways: (bool, bool), block: u64) -> Asked {
        // The page shows a command without the place of a file that is gone by then.
        let ca = if port == "PORT" {
            "CA.pem".into()
        } else {
            Authority::shared().file().to_string_lossy().into_owned()
        };
        let (block, address) = (block.to_string(), format!("127.0.0.1:{port}"));
        let words = match self.kin {
            Kin::OpenBsd | Kin::Traditional => return Err("no TLS"),
            Kin::AdieuNc => return Err("as adieu"),
            Kin::Limit => return Err("no limit program"),
            Kin::Ncat => {
                let way: &[&str] = match ways {
                    (true, false) => &["--send-only"],
                    (false, _) => &["--recv-only"],
                    (true, true) => &[],
                };
                own(&[&["--ssl"], way, &["127.0.0.1", port]].concat())
            }
            Kin::Socat => {
                let target = format!("OPENSSL:{address},cafile={ca}");
                match ways {
                    (true, false) => own(&["-b", &block, "-u", "-", &target]),
                    (false, _) => own(&["-b", &block, "-u", &target, "-"]),
                    (true, true) => own(&["-b", &block, "-t", "30", "-", &target]),
                }
            }
            // Its own input's end would end it, with what it is still to receive.
            Kin::OpenSsl => {
                let ends: &[&str] = if ways == (true, false) { &["-no_ign_eof"] } else { &[] };
                let rest = ["-CAfile", &ca, "-connect", &address];
                own(&[&["s_client", "-quiet"], ends, &rest].concat())
            }
            Kin::Adieu => own(&["connect", "-q", "--ca", &ca, &format!("tls://{address}")]),
        };
        Ok(self.with_program(words))
    }

    /// The command of a server on a port of the system's choice that sends back what comes, to many at once.
    pub(super) fn echo_server(&self, block: u64) -> Asked {
        let block = block.to_string();
        let words = match self.kin {
            Kin::OpenBsd | Kin::OpenSsl => return Err("no echo server"),
            Kin::Traditional => return Err("one client only"),
            Kin::Ncat => own(&["-l", "-k", "-m", "2000", "-e", "/bin/cat", "127.0.0.1", "0"]),
            Kin::Socat => {
                let listen = "TCP-LISTEN:0,bind=127.0.0.1,fork,backlog=1024";
                own(&["-b", &block, "-t", "30", listen, "EXEC:/bin/cat"])
            }
            Kin::AdieuNc => return Err("as adieu"),
            Kin::Adieu => own(&["listen", "-q", "--keep-open", "--echo", "127.0.0.1:0"]),
            Kin::Limit => own(&["limit", "echo", "0"]),
        };
        Ok(self.with_program(words))
    }

    fn with_program(&self, words: Vec<String>) -> Vec<String> {
        std::iter::once(self.program.to_string_lossy().into_owned()).chain(words).collect()
    }
}

/// A command as the page shows it: without the place where a program of ours was built.
pub(super) fn shown(command: &[String]) -> String {
    let program = Path::new(&command[0]).file_name().map(|name| name.to_string_lossy().into_owned());
    let words = program.into_iter().chain(command[1..].iter().cloned());
    words.collect::<Vec<_>>().join(" ")
}

fn own(words: &[&str]) -> Vec<String> {
    words.iter().map(ToString::to_string).collect()
}

#[cfg(test)]
mod tests {
    use super::super::case;
    use super::*;

    fn asked(kin: Kin, name: &str, endpoint: &str) -> String {
        let tool = Tool { name: "t", kin, program: "/a/t".into(), version: None };
        let case = case::ALL.iter().find(|case| case.name == name).expect("a known case");
        match tool.client(case, endpoint, 8192) {
            Ok(command) => shown(&command),
            Err(why) => why.to_owned(),
        }
    }

    #[test]
    fn each_tool_gets_the_options_that_serve_the_case() {
        for (kin, name, endpoint, wanted) in [
            (Kin::OpenBsd, "tiny", "9", "t -N 127.0.0.1 9"),
            (Kin::OpenBsd, "unix-file-to-socket", "/s", "t -N -U /s"),
            (Kin::Traditional, "file-to-socket", "9", "t -q 1 127.0.0.1 9"),
            (Kin::Traditional, "full-duplex", "9", "t 127.0.0.1 9"),
            (Kin::Traditional, "unix-file-to-socket", "/s", "no Unix sockets"),
            (Kin::Socat, "socket-to-file", "9", "t -b 8192 -u TCP:127.0.0.1:9 -"),
            (Kin::Socat, "full-duplex", "9", "t -b 8192 -t 30 - TCP:127.0.0.1:9"),
            (Kin::Socat, "tiny", "9", "t -b 8192 - TCP:127.0.0.1:9"),
            (Kin::Adieu, "unix-file-to-socket", "/s", "t connect -q unix:/s"),
            (Kin::AdieuNc, "tiny", "9", "t nc -N 127.0.0.1 9"),
            (Kin::AdieuNc, "file-to-socket", "9", "as adieu"),
            (Kin::Limit, "tiny", "9", "t limit tiny 9"),
            (Kin::Ncat, "tls-file-to-socket", "9", "t --ssl --send-only 127.0.0.1 9"),
            (Kin::Ncat, "tls-full-duplex", "9", "t --ssl 127.0.0.1 9"),
            (
                Kin::OpenSsl,
                "tls-full-duplex",
                "PORT",
                "t s_client -quiet -CAfile CA.pem -connect 127.0.0.1:PORT",
            ),
        ] {
            assert_eq!(asked(kin, name, endpoint), wanted);
        }
    }
}
