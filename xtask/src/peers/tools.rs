//! The tools, and how each is asked for a scenario: as its own manual says, with its own options where the
//! scenario sets a time.

use super::first_line;
use adieu_testkit::{arguments, peer::Endpoint, program, scenario::Scenario};
use anyhow::Result;
use std::{
    ffi::OsString,
    io,
    path::{Path, PathBuf},
    time::Duration,
};

/// The arguments, or why this tool cannot be asked.
type Asked = Result<Vec<OsString>, &'static str>;

pub(super) struct Tool {
    /// At the head of its column.
    pub(super) name: &'static str,
    /// As typed, with the options that it always gets.
    pub(super) command: &'static str,
    /// What it gets where a scenario sets a time, for the page.
    pub(super) times: &'static str,
    pub(super) is_adieu: bool,
    /// How long it waits by its own options, which is no hang: added to every scenario's limit.
    pub(super) patience: Duration,
    program: PathBuf,
    version: (&'static [&'static str], fn(&str) -> bool),
    ask: fn(&Path, &Scenario, &Endpoint) -> Asked,
}

impl Tool {
    /// Program and arguments for a scenario, or why this tool cannot be asked.
    pub(super) fn arguments(&self, scenario: &Scenario, endpoint: &Endpoint) -> Asked {
        (self.ask)(&self.program, scenario, endpoint)
    }

    /// What the tool says of itself; `None` if it is not installed.
    pub(super) fn version(&self) -> Result<Option<String>> {
        let program = self.program.to_string_lossy();
        match first_line(&program, self.version.0, self.version.1) {
            Ok(line) => Ok(Some(line.unwrap_or_else(|| "does not say its version".into()))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

/// Every column, adieu last.
pub(super) fn all(adieu: &Path) -> Vec<Tool> {
    const OPENBSD: (&[&str], fn(&str) -> bool) = (&["-h"], |line| line.contains("netcat"));
    const SOCAT: (&[&str], fn(&str) -> bool) = (&["-V"], |line| line.starts_with("socat version"));
    const OPENBSD_TIMES: &str = "`-w SECONDS` (connecting and idle), whole seconds, rounded up";
    const SOCAT_TIMES: &str = "`-T SECONDS` (idle), `connect-timeout=SECONDS`";
    vec![
        Tool {
            name: "nc.openbsd",
            command: "nc.openbsd HOST PORT",
            times: OPENBSD_TIMES,
            is_adieu: false,
            patience: Duration::ZERO,
            program: "nc.openbsd".into(),
            version: OPENBSD,
            ask: |program, scenario, endpoint| Ok(openbsd(program, &[], scenario, endpoint)),
        },
        Tool {
            name: "nc.openbsd -N",
            command: "nc.openbsd -N HOST PORT",
            times: OPENBSD_TIMES,
            is_adieu: false,
            patience: Duration::ZERO,
            program: "nc.openbsd".into(),
            version: OPENBSD,
            ask: |program, scenario, endpoint| Ok(openbsd(program, &["-N"], scenario, endpoint)),
        },
        Tool {
            name: "nc.traditional",
            command: "nc.traditional -q 1 HOST PORT",
            times: "`-w SECONDS` (connecting and final reads), whole seconds, rounded up",
            is_adieu: false,
            patience: Duration::from_secs(1),
            program: "nc.traditional".into(),
            version: (&["-h"], |line| line.starts_with("[v")),
            ask: traditional,
        },
        Tool {
            name: "ncat",
            command: "ncat HOST PORT",
            times: "`-i TIME` (idle), `-w TIME` (connecting)",
            is_adieu: false,
            patience: Duration::ZERO,
            program: "ncat".into(),
            version: (&["--version"], |line| line.contains("Version")),
            ask: |program, scenario, endpoint| Ok(ncat(program, scenario, endpoint)),
        },
        Tool {
            name: "socat",
            command: "socat - TCP:HOST:PORT",
            times: SOCAT_TIMES,
            is_adieu: false,
            patience: Duration::ZERO,
            program: "socat".into(),
            version: SOCAT,
            ask: |program, scenario, endpoint| Ok(socat(program, &[], scenario, endpoint)),
        },
        Tool {
            name: "socat -t 10",
            command: "socat -t 10 - TCP:HOST:PORT",
            times: SOCAT_TIMES,
            is_adieu: false,
            patience: Duration::from_secs(10),
            program: "socat".into(),
            version: SOCAT,
            ask: |program, scenario, endpoint| Ok(socat(program, &["-t", "10"], scenario, endpoint)),
        },
        Tool {
            name: "adieu",
            command: "adieu connect --report json HOST:PORT",
            times: "`--idle-timeout TIME`, `--connect-timeout TIME`, `--input-grace TIME`",
            is_adieu: true,
            patience: Duration::ZERO,
            program: adieu.to_owned(),
            version: (&["--version"], |line| !line.is_empty()),
            ask: |program, scenario, endpoint| {
                Ok(program::argv(program, arguments::connect(scenario, endpoint)))
            },
        },
    ]
}

/// A tool with one option for several times gets the longest: its benefit of the doubt.
fn longest(scenario: &Scenario) -> Option<Duration> {
    scenario.options.idle_timeout.max(scenario.options.connect_timeout)
}

fn whole_seconds(time: Duration) -> String {
    time.as_millis().div_ceil(1_000).to_string()
}

fn seconds(time: Duration) -> String {
    format!("{}", time.as_secs_f64())
}

fn command(program: &Path, options: &[&str], times: Vec<String>, target: Vec<OsString>) -> Vec<OsString> {
    let options = options.iter().map(OsString::from);
    program::argv(program, options.chain(times.into_iter().map(OsString::from)).chain(target))
}

fn host_and_port(host: &str, port: u16) -> Vec<OsString> {
    vec![host.into(), port.to_string().into()]
}

fn openbsd(program: &Path, options: &[&str], scenario: &Scenario, endpoint: &Endpoint) -> Vec<OsString> {
    let times = longest(scenario).map_or(vec![], |time| vec!["-w".into(), whole_seconds(time)]);
    let target = match endpoint {
        Endpoint::Tcp { host, port } => host_and_port(host, *port),
        Endpoint::Unix(path) => vec!["-U".into(), path.into()],
    };
    command(program, options, times, target)
}

fn traditional(program: &Path, scenario: &Scenario, endpoint: &Endpoint) -> Asked {
    let times = longest(scenario).map_or(vec![], |time| vec!["-w".into(), whole_seconds(time)]);
    match endpoint {
        Endpoint::Unix(_) => Err("it has no Unix sockets"),
        Endpoint::Tcp { host, .. } if host.contains(':') => Err("it has no IPv6"),
        Endpoint::Tcp { host, port } => Ok(command(program, &["-q", "1"], times, host_and_port(host, *port))),
    }
}

fn ncat(program: &Path, scenario: &Scenario, endpoint: &Endpoint) -> Vec<OsString> {
    let mut times = Vec::new();
    for (option, time) in [("-i", scenario.options.idle_timeout), ("-w", scenario.options.connect_timeout)] {
        if let Some(time) = time {
            times.extend([option.into(), format!("{}ms", time.as_millis())]);
        }
    }
    let target = match endpoint {
        Endpoint::Tcp { host, port } => host_and_port(host, *port),
        Endpoint::Unix(path) => vec!["-U".into(), path.into()],
    };
    command(program, &[], times, target)
}

fn socat(program: &Path, options: &[&str], scenario: &Scenario, endpoint: &Endpoint) -> Vec<OsString> {
    let times = scenario.options.idle_timeout.map_or(vec![], |time| vec!["-T".into(), seconds(time)]);
    let connect_timeout = scenario.options.connect_timeout.map(seconds);
    let option = connect_timeout.map_or(String::new(), |time| format!(",connect-timeout={time}"));
    let target = match endpoint {
        Endpoint::Tcp { .. } => format!("TCP:{endpoint}{option}"),
        Endpoint::Unix(path) => format!("UNIX-CONNECT:{}", path.display()),
    };
    command(program, options, times, vec!["-".into(), target.into()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use adieu_testkit::scenario::named;

    fn asked(tool: &str, scenario: &str, endpoint: &Endpoint) -> String {
        let tools = all(Path::new("adieu"));
        let tool = tools.iter().find(|known| known.name == tool).expect("a known tool");
        match tool.arguments(named(scenario), endpoint) {
            Ok(argv) => argv.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" "),
            Err(why) => why.to_owned(),
        }
    }

    #[test]
    fn each_tool_gets_its_own_options() {
        let six = Endpoint::Tcp { host: "::1".into(), port: 9 };
        let unix = Endpoint::Unix("/s".into());
        for (tool, scenario, endpoint, wanted) in [
            ("nc.openbsd", "exchange_of_nothing", &six, "nc.openbsd ::1 9"),
            ("nc.openbsd -N", "peer_never_closes", &six, "nc.openbsd -N -w 1 ::1 9"),
            ("nc.openbsd -N", "exchange_of_nothing", &unix, "nc.openbsd -N -U /s"),
            ("nc.traditional", "exchange_of_nothing", &six, "it has no IPv6"),
            ("ncat", "peer_never_closes", &six, "ncat -i 1000ms ::1 9"),
            ("ncat", "connection_never_answered", &six, "ncat -w 600ms ::1 9"),
            ("socat", "peer_never_closes", &six, "socat -T 1 - TCP:[::1]:9"),
            ("socat", "connection_never_answered", &six, "socat - TCP:[::1]:9,connect-timeout=0.6"),
            ("socat -t 10", "exchange_of_nothing", &unix, "socat -t 10 - UNIX-CONNECT:/s"),
            ("adieu", "peer_never_closes", &six, "adieu connect --report json --idle-timeout 1000ms [::1]:9"),
        ] {
            assert_eq!(asked(tool, scenario, endpoint), wanted);
        }
    }
}
