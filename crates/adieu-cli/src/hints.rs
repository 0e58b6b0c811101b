//! What to try next: one sentence for the endings where there is something to try.

use adieu::{Endpoint, Report};
use std::io;
use std::net::Ipv6Addr;

/// Our input was given up by default while it was still open.
const INPUT_GIVEN_UP: &str = "the peer had ended its side, and stdin was open and silent for 2 s: --input-grace none waits for its end, --input-grace 2s takes such a silence for its end";

const SHORTER_PATH: &str = "go nearer with cd, and give a relative path";

/// For an ending.
pub(crate) fn for_report(report: &Report) -> Option<&'static str> {
    if report.role == "listen" && report.ending == "no_connection" {
        // A listener that could not be made: see `for_listening`.
        return None;
    }
    if report.tls_failure.is_some() {
        // Its sentence says already what to do.
        return None;
    }
    if let Some(hint) = report.tls_close_notify_received.and_then(|received| for_tls(report, received)) {
        return Some(hint);
    }
    if report.looks_like_tls {
        return Some(for_unasked_tls(report));
    }
    if report.ending == "no_connection" && report.proxy.is_some() {
        // What the proxy, or the way to it, has said is all there is.
        return None;
    }
    if report.missing == Some("input_end") {
        return Some(INPUT_GIVEN_UP);
    }
    match (report.ending, report.error_name, report.timer, report.local_end) {
        ("no_connection", Some("ECONNREFUSED"), ..) if report.endpoint.starts_with("unix:") => {
            Some(match report.endpoint.parse() {
                // It is no file, and goes with its server.
                Ok(Endpoint::UnixAbstract { .. }) => {
                    "nobody listens there: is the server running, and is this its name?"
                }
                Ok(Endpoint::Unix { path }) if path.is_dir() => "that is a directory, and no socket",
                Ok(Endpoint::Unix { path }) if path.is_file() => "that is a file, and no socket",
                _ => {
                    "nobody listens there: a server that is gone has left its name behind, or it does not listen yet"
                }
            })
        }
        ("no_connection", Some("ECONNREFUSED" | "WSAECONNREFUSED"), ..) => {
            Some("nothing listens there: is the server running, and is this its port?")
        }
        ("no_connection", Some("EINVAL" | "EHOSTUNREACH" | "ENETUNREACH"), ..) if lacks_zone(report) => {
            Some("a link-local address needs its zone, the interface that leads to it: [fe80::1%eth0]:80")
        }
        (
            "no_connection",
            Some("ENETUNREACH" | "EHOSTUNREACH" | "WSAENETUNREACH" | "WSAEHOSTUNREACH"),
            ..,
        ) => Some("there is no route: check the address and this machine's network"),
        ("no_connection", Some("ENOENT"), ..) => Some("there is no such socket file: is the server running?"),
        ("no_connection", Some("EACCES" | "EPERM" | "WSAEACCES"), ..) => {
            Some("a permission or a firewall rule forbids it")
        }
        ("local_failure", Some("WSAEAFNOSUPPORT"), ..) => {
            Some("this system has no such sockets; Unix sockets need Windows 10 version 1803")
        }
        ("no_connection", Some("EAI_AGAIN" | "EAI_FAIL" | "WSATRY_AGAIN" | "WSANO_RECOVERY"), ..) => {
            Some("check this machine's network and its name server, or try again")
        }
        (
            "no_connection",
            Some("EAI_NONAME" | "EAI_NODATA" | "EAI_FAMILY" | "WSAHOST_NOT_FOUND" | "WSANO_DATA"),
            ..,
        ) => Some("check the name, or give an address"),
        ("no_connection", None, ..) => match report.endpoint.parse() {
            Ok(Endpoint::Tcp { port: 0, .. } | Endpoint::Tls { port: 0, .. }) => {
                Some("give the port that the server listens on")
            }
            Ok(Endpoint::Unix { .. }) => Some(SHORTER_PATH),
            // What is wrong is said.
            Ok(Endpoint::UnixAbstract { .. }) => None,
            // Of an address with a zone too what is wrong is said.
            Ok(Endpoint::Tcp { host, .. } | Endpoint::Tls { host, .. })
                if host.parse::<std::net::IpAddr>().is_ok() || host.contains('%') =>
            {
                None
            }
            _ => Some("check the name, or give an address"),
        },
        ("timed_out", _, Some("connect"), _) if report.proxy.is_some() => Some(
            "the proxy or the peer behind it may be slow, or cut off by a firewall; raise --connect-timeout to wait longer",
        ),
        ("timed_out", _, Some("connect"), _)
            if report.role == "connect" && report.endpoint.starts_with("unix:") =>
        {
            Some(
                "somebody listens there, and its queue of clients is full: it may be busy or stuck; raise --connect-timeout to wait longer",
            )
        }
        ("timed_out", _, Some("connect"), _) if report.role == "connect" => {
            Some("a firewall may drop the packets; check the address, or raise --connect-timeout")
        }
        ("timed_out", _, Some("connect"), _) => Some("nobody connected; raise --connect-timeout"),
        ("timed_out", _, Some("idle"), _) => Some("raise --idle-timeout if the peer may take longer"),
        ("local_failure", Some("EBADF" | "ERROR_INVALID_HANDLE"), _, Some("input")) => {
            Some("stdin is closed or not readable; for nothing to send, use </dev/null")
        }
        ("local_failure", Some("EBADF" | "ERROR_INVALID_HANDLE"), _, Some("output")) => {
            Some("stdout is closed or not writable; to throw the answer away, use >/dev/null")
        }
        ("local_failure", Some("EPIPE" | "ERROR_NO_DATA" | "ERROR_BROKEN_PIPE"), _, Some("output")) => {
            Some("whoever reads our output left before the end, so the rest of the answer is lost")
        }
        ("local_failure", Some("EISDIR"), ..) => Some("that is a directory; give a file"),
        _ => None,
    }
}

/// For a peer that speaks TLS to us, who do not.
fn for_unasked_tls(report: &Report) -> &'static str {
    if report.role == "listen" {
        "what the client sent looks like TLS: to speak it, listen with --tls, or on tls://host:port"
    } else {
        "what the peer sent looks like an alert of TLS: to speak it, connect to tls://host:port"
    }
}

/// Whether what was connected to is a link-local address that does not say by which interface; with a zone it is no address
/// to std.
fn lacks_zone(report: &Report) -> bool {
    match report.endpoint.parse() {
        Ok(Endpoint::Tcp { host, .. } | Endpoint::Tls { host, .. }) => {
            host.parse::<Ipv6Addr>().is_ok_and(|ip| ip.is_unicast_link_local())
        }
        _ => false,
    }
}

/// For an ending of TLS's own.
fn for_tls(report: &Report, close_notify_received: bool) -> Option<&'static str> {
    match report.ending {
        // In TLS 1.3 the server judges our certificate after the handshake is done for us.
        "truncated" if report.role == "connect" && report.tls_alert.is_some() => match report
            .tls_alert
            .as_deref()?
        {
            "certificate_required" => Some("the peer wants a certificate of ours: give it --cert and --key"),
            "bad_certificate" | "certificate_expired" | "certificate_unknown" | "unknown_ca" => Some(
                "the peer does not accept our certificate: it must be told of its issuer, or it has expired",
            ),
            _ => None,
        },
        // A record that the EOF cut, or that is not authentic, is told as an error, and no rule makes an end of it.
        "truncated" if report.tls_alert.is_none() && !close_notify_received && report.error.is_none() => {
            Some("if the bytes themselves say where they end, --tls-eof framed takes this for an end")
        }
        "graceful"
            if report.tls_version.as_deref() == Some("TLSv1.2")
                && report.ended_first == Some("us")
                && report.bytes_received == 0 =>
        {
            Some("TLS 1.2 lets a peer drop its answer when our end comes; TLS 1.3 does not (--tls-min 1.3)")
        }
        _ => None,
    }
}

/// For an endpoint that cannot be listened on.
pub(crate) fn for_listening(endpoint: &Endpoint, error: &io::Error) -> Option<&'static str> {
    let name = error.raw_os_error().and_then(adieu::error_name);
    match endpoint {
        Endpoint::Unix { .. } => match name {
            // What is in the way is said.
            _ if error.kind() == io::ErrorKind::AddrInUse => {
                Some("choose another path, or end what is there")
            }
            Some("EACCES" | "EPERM" | "EROFS") => {
                Some("a socket file cannot be made in that directory by you")
            }
            Some("ENOENT" | "ENOTDIR") => Some("the directory for the socket file is not there"),
            None => Some(SHORTER_PATH),
            _ => None,
        },
        Endpoint::UnixAbstract { .. } => {
            (error.kind() == io::ErrorKind::AddrInUse).then_some("choose another name, or end what is there")
        }
        _ => match name? {
            // SO_EXCLUSIVEADDRUSE is told of a taken port as WSAEACCES too.
            "EADDRINUSE" | "WSAEADDRINUSE" | "WSAEACCES" => {
                Some("something listens there already; choose another port, or port 0")
            }
            "EACCES" => Some("a port below 1024 needs privileges; choose a higher one"),
            "EADDRNOTAVAIL" | "WSAEADDRNOTAVAIL" => Some("this machine does not have that address"),
            _ => None,
        },
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_socket_file_has_hints_of_its_own() {
        let hint = |endpoint: &Endpoint, error: rustix::io::Errno| {
            for_listening(endpoint, &error.into()).unwrap_or_default()
        };
        let (file, port) = (Endpoint::unix("u.sock"), Endpoint::tcp("127.0.0.1", 80));
        assert!(hint(&file, rustix::io::Errno::ADDRINUSE).contains("another path"));
        assert!(hint(&file, rustix::io::Errno::ACCESS).contains("directory"));
        assert!(hint(&port, rustix::io::Errno::ADDRINUSE).contains("port 0"));
        assert!(hint(&port, rustix::io::Errno::ACCESS).contains("below 1024"));
    }
}
