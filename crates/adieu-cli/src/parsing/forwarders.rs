//! Options of other forwarders (socat, haproxy, ncat, ssh), for somebody who types them to `adieu relay`: what says the same.

use clap::Command;

/// Where the endpoints stand.
const ENDPOINTS: &str = "endpoints are arguments, not options: write where to listen, then the upstream, as in adieu relay :8080 192.0.2.10:80";

/// What to write instead of an option that `relay` does not have. `None`: it is none of theirs, or this is another command.
pub(super) fn instead_of(unknown: &str, command: &Command) -> Option<String> {
    if command.get_name() != "relay" {
        return None;
    }
    let hint = match unknown.trim_start_matches('-') {
        "l" | "L" | "p" | "b" | "listen" | "local" | "port" | "bind" | "bind-address" => ENDPOINTS,
        "t" | "r" | "to" | "target" | "remote" | "server" | "backend" | "upstream" | "connect" | "dest" => {
            ENDPOINTS
        }
        "tls" | "ssl" => {
            "TLS is part of an endpoint: write tls:// before where it listens, or before an upstream"
        }
        "u" | "udp" => "a relay carries TCP, TLS and Unix sockets, and no UDP",
        "U" | "unix" => "a Unix socket is an endpoint, unix:PATH",
        "w" | "timeout" => {
            "--connect-timeout bounds connecting, --idle-timeout a connection on which nothing moves"
        }
        "k" | "fork" | "keep-open" => {
            "leave it out: a relay serves many clients at once, until it is stopped"
        }
        "d" | "D" | "daemon" | "background" => {
            "leave it out: a service manager runs a relay in the background, and packaging/systemd has units"
        }
        "f" | "config-file" => "--config FILE reads several relays from a file",
        "c" | "test" => "--check says whether the command line, or the --config file, is right",
        "n" | "maxconn" => "--max-connections bounds how many connections are open at once",
        "reload" => "SIGHUP reads the --config file and the certificates again",
        _ => return None,
    };
    Some(hint.to_owned())
}
