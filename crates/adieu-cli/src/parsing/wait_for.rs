//! The options of the scripts and programs that wait for a port (wait-for-it, wait-for, dockerize, wait4x), for somebody who types
//! them to `adieu check`: what says the same.

use clap::Command;

/// What to write instead of an option that `check` does not have. `None`: it is none of theirs, or this is another command.
pub(super) fn instead_of(unknown: &str, command: &Command) -> Option<String> {
    if command.get_name() != "check" {
        return None;
    }
    let hint = match unknown.trim_start_matches('-') {
        "t" | "timeout" => "--wait 30s tries until all endpoints are open, for at most 30 s",
        "s" | "strict" => "leave it out: the command runs only if all endpoints are open",
        "i" | "interval" | "wait-retry-interval" => {
            "leave it out: with --wait the pause between attempts grows from 50 ms to 1 s"
        }
        "host" | "p" | "port" => "write the host and the port as one endpoint, host:port",
        "z" => "leave it out: adieu check sends nothing unless --send says so",
        "w" => "--connect-timeout bounds one attempt, and --wait tries until all endpoints are open",
        _ => return None,
    };
    Some(hint.to_owned())
}
