//! A scenario's options in adieu's own words.

use crate::Endpoint;
use crate::scenario::{Options, Scenario, Target};
use std::{ffi::OsString, path::Path, time::Duration};

/// The arguments of `adieu connect` for a scenario, with a JSON report on stderr; the program's path is not
/// among them.
pub fn connect(scenario: &Scenario, endpoint: &Endpoint) -> Vec<OsString> {
    let mut all = vec!["connect".into()];
    all.extend(options(&scenario.options));
    all.push(endpoint.to_string().into());
    all
}

/// The arguments of `adieu listen` for a scenario: a port of the kernel's choice, written into `port_file`, or a Unix
/// socket beside that file.
pub fn listen(scenario: &Scenario, port_file: &Path) -> Vec<OsString> {
    // A scenario has one peer, also where no byte passes. Peers that wait for our end are not kept waiting for long.
    let mut all: Vec<OsString> =
        ["listen", "--accept-first", "--client-grace", "2s"].map(OsString::from).into();
    all.extend(options(&scenario.options));
    let endpoint = match scenario.target {
        Target::Unix => Endpoint::Unix(port_file.with_file_name("socket")).to_string(),
        _ => "127.0.0.1:0".to_owned(),
    };
    all.extend(["--port-file".into(), port_file.into(), endpoint.into()]);
    all
}

fn options(options: &Options) -> Vec<OsString> {
    let mut all: Vec<OsString> = vec!["--report".into(), "json".into()];
    for (name, time) in [
        ("--connect-timeout", options.connect_timeout),
        ("--idle-timeout", options.idle_timeout),
        ("--deadline", options.deadline),
        ("--input-grace", options.input_grace),
    ] {
        if let Some(time) = time {
            all.extend([name.into(), in_milliseconds(time).into()]);
        }
    }
    all
}

fn in_milliseconds(time: Duration) -> String {
    format!("{}ms", time.as_millis())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::named;

    #[test]
    fn options_that_are_set_are_written() {
        let endpoint = Endpoint::Tcp { host: "::1".into(), port: 80 };
        let all = connect(named("black_hole_swallows_the_upload"), &endpoint);
        assert_eq!(all, ["connect", "--report", "json", "--idle-timeout", "1000ms", "[::1]:80"]);
        let all = listen(named("exchange_of_nothing"), Path::new("/p"));
        let common = ["listen", "--accept-first", "--client-grace", "2s", "--report", "json", "--port-file"];
        assert_eq!(all, [&common[..], &["/p", "127.0.0.1:0"]].concat());
        let all = listen(named("exchange_of_nothing_over_unix"), Path::new("/d/p"));
        let socket = format!("unix:{}", Path::new("/d").join("socket").display());
        assert_eq!(all, [&common[..], &["/d/p", &*socket]].concat());
    }
}
