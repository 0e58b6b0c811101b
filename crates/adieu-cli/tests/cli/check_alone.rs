//! `adieu check` as the health check of a container that has nothing but the binary: no /etc, no /dev, nothing that can be written, a
//! user without a name, no environment, and standard descriptors that are closed.

use crate::{ADIEU, text};
use adieu_testkit::skip;
use std::process::{Command, Output, Stdio};

/// Hides what a system has. The user may still read the way to the binary, wherever that was built.
const ALONE: &str = "mount -t tmpfs -o ro none /etc && mount -t tmpfs -o ro none /dev && mount -t tmpfs -o ro none /run \\
    && exec setpriv --reuid 12345 --regid 12345 --clear-groups \\
    --inh-caps +dac_read_search --ambient-caps +dac_read_search env -i \"$0\" \"$@\"";

/// Runs `adieu check` alone, with these redirections. `None`: this machine cannot have that.
fn alone(test: &str, redirections: &str, args: &[&str]) -> Option<Output> {
    let start = |script: &str, args: &[&str]| {
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", script]).args(args).stdin(Stdio::null()).output()
    };
    if !skip::unless_succeeded(test, start(ALONE, &["true"])) {
        return None;
    }
    let script = format!("{ALONE} {redirections}");
    Some(start(&script, &[&[ADIEU, "check"], args].concat()).expect("it has just been started"))
}

/// A server that ends each connection. Its port.
fn server() -> u16 {
    let listener = adieu_testkit::places::listener();
    let port = listener.local_addr().expect("it is bound").port();
    std::thread::spawn(move || listener.incoming().for_each(drop));
    port
}

#[test]
fn check_needs_nothing_but_itself() {
    const TEST: &str = "check_needs_nothing_but_itself";
    let port = server();
    let (address, name) = (format!("127.0.0.1:{port}"), format!("localhost:{port}"));
    let ways = ["", "<&-", "2>&-", "<&- 2>&-"];
    for (way, endpoint) in ways.iter().flat_map(|way| [&address, &name].map(|endpoint| (way, endpoint))) {
        let Some(output) = alone(TEST, way, &[endpoint]) else { return };
        assert_eq!(output.status.code(), Some(0), "{way}: {output:?}");
        assert!(text(&output.stdout).starts_with(&format!("{endpoint}: open")), "{way}: {output:?}");
    }
    // What has nothing to say needs no stdout.
    for (way, args, status) in [
        (">&-", &["-q"][..], 0),
        (">&- 2>&-", &["--report", "none"], 0),
        ("<&- >&- 2>&-", &["-q"], 0),
        ("<&- >&- 2>&-", &[], 7),
    ] {
        let Some(output) = alone(TEST, way, &[args, &[&address]].concat()) else { return };
        assert_eq!(output.status.code(), Some(status), "{way} {args:?}: {output:?}");
    }
    let Some(output) = alone(TEST, ">&-", &[&address]) else { return };
    assert!(
        text(&output.stderr).starts_with("adieu: cannot write to stdout: Bad file descriptor"),
        "{output:?}"
    );
    // A service has no name there, and a host none but localhost.
    let Some(output) = alone(TEST, "", &["127.0.0.1:http"]) else { return };
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let Some(output) = alone(TEST, "", &["db.test:80", "--connect-timeout", "1s"]) else { return };
    assert_eq!(output.status.code(), Some(3), "{output:?}");
}

#[test]
fn what_follows_check_starts_there_too() {
    let address = format!("127.0.0.1:{}", server());
    let args = ["--wait", "30s", &address, "--", ADIEU, "check", "--report", "none", &address];
    let Some(output) = alone("what_follows_check_starts_there_too", "<&- >&- 2>&-", &args) else { return };
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}
