//! What to try next: the option that cures a failure, and one sentence for the endings where there is something to try.
//!
//! The library names settings, and here is which option each of them is; nowhere else does a failure become an option.

use adieu::tls::{Alert, Version};
use adieu::{
    Ending, Endpoint, ErrorMeaning, ListenCause, ListenError, LocalEnd, Missing, PassedSocketError, Report,
    Role, Setting, Side, Timer,
};
use adieu_relay::{Closed, RelaySide};
use adieu_transfer::Advice;
use std::borrow::Cow;
use std::net::Ipv6Addr;

/// Our input was given up by default while it was still open.
const INPUT_GIVEN_UP: &str = "the peer had ended its side, and stdin was open and silent for 2 s: --input-grace none waits for its end, --input-grace 2s takes such a silence for its end";

/// For the path of a Unix socket that is too long.
pub(crate) const SHORTER_PATH: &str = "go nearer with cd, and give a relative path";

/// For port 0, which nobody can connect to.
pub(crate) const PORT_OF_SERVER: &str = "give the port that the server listens on";

/// How a user of the command line calls a setting that the library names.
pub(crate) fn option(setting: Setting) -> &'static str {
    match setting {
        Setting::Pin => "--pin",
        Setting::Roots | Setting::ClientRoots => "--ca",
        Setting::ProxyRoots => "--proxy-ca",
        Setting::ServerName => "--servername",
        Setting::Identity => "--cert and --key",
        Setting::LeastVersion => "--tls-min",
        Setting::Alpn => "--alpn",
        Setting::IdleTimeout => "--idle-timeout",
        Setting::ConnectTimeout => "--connect-timeout",
        other => other.name(),
    }
}

/// A report that calls settings as [`option`] does.
pub(crate) fn with_options(report: &Report) -> Cow<'_, Report> {
    let names_none = report.error.as_ref().is_none_or(|error| error.words.settings().next().is_none());
    if names_none {
        return Cow::Borrowed(report);
    }
    let mut report = report.clone();
    report.call_settings(option);
    Cow::Owned(report)
}

/// For a transfer.
pub(crate) fn for_transfer(advice: Advice) -> Option<&'static str> {
    match advice {
        Advice::GiveSecret => Some("give the secret with --secret-file or ADIEU_SECRET"),
        Advice::SpeakTls => Some("write tls:// before the endpoint, or --tls"),
        Advice::SpeakTlsOnBothSides => {
            Some("leave tls:// or --tls out there, or give this side --cert or --self-signed")
        }
        Advice::SendAnew => Some("send it again without --resume"),
        Advice::SendWithoutPreserving => Some("leave out --preserve, or update the receiver"),
        Advice::TryAgain => Some("try again, or let --retry do it"),
        Advice::SendPlain => Some(
            "the other side must be adieu receive; to one that takes bytes alone, as adieu listen or nc, send with --plain",
        ),
        _ => None,
    }
}

/// For an ending.
pub(crate) fn for_report(report: &Report) -> Option<&'static str> {
    if report.role == Some(Role::Listen) && report.ending() == Ending::NoConnection {
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
    match report.ending() {
        // What the proxy, or the way to it, has said is all there is.
        Ending::NoConnection if report.proxy.is_some() => None,
        Ending::NoConnection => for_no_connection(report),
        Ending::Indeterminate { missing: Missing::InputEnd } => Some(INPUT_GIVEN_UP),
        Ending::TimedOut { timer: Timer::Connect } => Some(for_connect_timeout(report)),
        Ending::TimedOut { timer: Timer::Idle } => Some("raise --idle-timeout if the peer may take longer"),
        Ending::LocalFailure { end } => for_local_failure(end, meaning(report)?),
        _ => None,
    }
}

/// For a connection of a relay.
pub(crate) fn for_relayed(closed: &Closed) -> Option<&'static str> {
    if !closed.faults.is_empty() {
        // It was asked for.
        return None;
    }
    let side = closed.cut_at()?;
    let report = match side {
        RelaySide::Client => closed.client_report(),
        RelaySide::Upstream => closed.upstream_report()?,
    };
    let is_unannounced = report.tls_close_notify_received == Some(false)
        && report.tls_alert.is_none()
        && report.error.is_none();
    match (report.ending(), side) {
        (Ending::Truncated, RelaySide::Upstream) if is_unannounced => Some(
            "the upstream ends TLS without close_notify, as nginx does: if the bytes say themselves where they end, as in HTTP, --tls-eof framed takes this for an end",
        ),
        (Ending::Truncated, RelaySide::Client) if is_unannounced => Some(
            "the client ends TLS without close_notify: if the bytes say themselves where they end, as in HTTP, --tls-eof framed takes this for an end",
        ),
        (Ending::NoConnection, RelaySide::Upstream) if report.tls_failure.is_none() => for_report(report),
        _ => None,
    }
}

fn meaning(report: &Report) -> Option<ErrorMeaning> {
    report.error.as_ref()?.meaning()
}

/// What was to be connected to, or listened on. `None`: a socket that was given to us.
fn endpoint(report: &Report) -> Option<Endpoint> {
    report.endpoint.parse().ok()
}

fn is_unix(endpoint: Option<&Endpoint>) -> bool {
    matches!(endpoint, Some(Endpoint::Unix { .. } | Endpoint::UnixAbstract { .. }))
}

fn for_no_connection(report: &Report) -> Option<&'static str> {
    use ErrorMeaning as E;
    let endpoint = endpoint(report);
    if report.error_name().is_none() {
        return for_endpoint(endpoint.as_ref());
    }
    match meaning(report)? {
        E::Refused if is_unix(endpoint.as_ref()) => Some(match endpoint {
            // It is no file, and goes with its server.
            Some(Endpoint::UnixAbstract { .. }) => {
                "nothing listens there: is the server running, and is this its name?"
            }
            Some(Endpoint::Unix { path }) if path.is_dir() => "that is a directory, not a socket",
            Some(Endpoint::Unix { path }) if path.is_file() => "that is a file, not a socket",
            _ => {
                "nothing listens there: a server that has gone left this file behind, or the server does not listen yet"
            }
        }),
        E::Refused => Some("nothing listens there: is the server running, and is this its port?"),
        E::InvalidArgument | E::Unreachable if lacks_zone(endpoint.as_ref()) => {
            Some("a link-local address needs its zone, the interface that leads to it: [fe80::1%eth0]:80")
        }
        E::Unreachable => Some("there is no route: check the address and this machine's network"),
        E::NoSuchFile => Some("there is no such socket file: is the server running?"),
        // connect(2), EACCES.
        E::Forbidden if matches!(endpoint, Some(Endpoint::Udp { .. })) => {
            Some("a network's broadcast address needs --broadcast; else a firewall rule forbids it")
        }
        E::Forbidden | E::NotPermitted => Some("a permission or a firewall rule forbids it"),
        E::NameServerSilent => Some("check this machine's network and its name server, or try again"),
        E::NoSuchName => Some("check the name, or give an address"),
        _ => None,
    }
}

/// Where no system call has failed: it is the endpoint that is wrong.
fn for_endpoint(endpoint: Option<&Endpoint>) -> Option<&'static str> {
    match endpoint {
        Some(
            Endpoint::Tcp { port: 0, .. } | Endpoint::Tls { port: 0, .. } | Endpoint::Udp { port: 0, .. },
        ) => Some(PORT_OF_SERVER),
        Some(Endpoint::Unix { .. }) => Some(SHORTER_PATH),
        // What is wrong is said.
        Some(Endpoint::UnixAbstract { .. }) => None,
        // Of an address with a zone too what is wrong is said.
        Some(Endpoint::Tcp { host, .. } | Endpoint::Tls { host, .. } | Endpoint::Udp { host, .. })
            if host.parse::<std::net::IpAddr>().is_ok() || host.contains('%') =>
        {
            None
        }
        _ => Some("check the name, or give an address"),
    }
}

fn for_connect_timeout(report: &Report) -> &'static str {
    match report.role {
        _ if report.proxy.is_some() => {
            "the proxy or the peer behind it may be slow, or cut off by a firewall; raise --connect-timeout to wait longer"
        }
        Some(Role::Connect) if is_unix(endpoint(report).as_ref()) => {
            "the server's backlog is full: it may be busy or stuck; raise --connect-timeout to wait longer"
        }
        Some(Role::Connect) | None => {
            "a firewall may drop the packets; check the address, or raise --connect-timeout"
        }
        Some(Role::Listen) => "nobody connected; raise --connect-timeout",
    }
}

fn for_local_failure(end: LocalEnd, error: ErrorMeaning) -> Option<&'static str> {
    match (error, end) {
        (ErrorMeaning::NoSuchFamily, _) => {
            Some("this system has no such sockets; Unix sockets need Windows 10 version 1803")
        }
        (ErrorMeaning::BadDescriptor, LocalEnd::Input) => {
            Some("stdin is closed or not readable; for nothing to send, use </dev/null")
        }
        (ErrorMeaning::BadDescriptor, LocalEnd::Output) => {
            Some("stdout is closed or not writable; to throw the answer away, use >/dev/null")
        }
        (ErrorMeaning::BrokenPipe, LocalEnd::Output) => {
            Some("the program that reads our output left before the end, so the rest of the answer is lost")
        }
        (ErrorMeaning::IsADirectory, _) => Some("that is a directory; give a file"),
        _ => None,
    }
}

/// For a peer that speaks TLS to us, who do not.
fn for_unasked_tls(report: &Report) -> &'static str {
    match report.role {
        Some(Role::Listen) => {
            "what the client sent looks like TLS: to speak it, listen with --tls, or on tls://host:port"
        }
        Some(Role::Connect) | None => {
            "what the peer sent looks like an alert of TLS: to speak it, connect to tls://host:port"
        }
    }
}

/// Whether what was connected to is a link-local address that does not say by which interface; with a zone it is no address
/// to std.
fn lacks_zone(endpoint: Option<&Endpoint>) -> bool {
    match endpoint {
        Some(Endpoint::Tcp { host, .. } | Endpoint::Tls { host, .. } | Endpoint::Udp { host, .. }) => {
            host.parse::<Ipv6Addr>().is_ok_and(|ip| ip.is_unicast_link_local())
        }
        _ => false,
    }
}

/// For an ending of TLS's own.
fn for_tls(report: &Report, close_notify_received: bool) -> Option<&'static str> {
    match (report.ending(), report.tls_alert) {
        // In TLS 1.3 the server judges our certificate after the handshake is done for us.
        (Ending::Truncated, Some(alert)) if report.role == Some(Role::Connect) => match alert {
            Alert::CERTIFICATE_REQUIRED => {
                Some("the peer wants a certificate of ours: give it --cert and --key")
            }
            Alert::BAD_CERTIFICATE
            | Alert::CERTIFICATE_EXPIRED
            | Alert::CERTIFICATE_UNKNOWN
            | Alert::UNKNOWN_CA => Some(
                "the peer does not accept our certificate: it does not trust the issuer, or the certificate has expired",
            ),
            _ => None,
        },
        // A record that the EOF cut, or that is not authentic, is told as an error, and no rule makes an end of it.
        (Ending::Truncated, None) if !close_notify_received && report.error.is_none() => {
            Some("if the bytes themselves say where they end, --tls-eof framed takes this for an end")
        }
        (Ending::Graceful, _)
            if report.tls_version == Some(Version::Tls12)
                && report.ended_first == Some(Side::Us)
                && report.bytes_received == 0 =>
        {
            Some("TLS 1.2 lets a peer drop its answer when our end comes; TLS 1.3 does not (--tls-min 1.3)")
        }
        _ => None,
    }
}

/// For an endpoint that cannot be listened on.
pub(crate) fn for_listening(endpoint: &Endpoint, error: &ListenError) -> Option<&'static str> {
    match error.cause() {
        ListenCause::Listen(error) => for_binding(endpoint, error.meaning()?),
        ListenCause::Endpoint(_) if matches!(endpoint, Endpoint::Unix { .. }) => Some(SHORTER_PATH),
        ListenCause::Passed(PassedSocketError::NothingPassed) if cfg!(unix) => {
            Some("start it from a socket unit, or try it with systemd-socket-activate")
        }
        _ => None,
    }
}

/// For an endpoint that the system does not bind.
fn for_binding(endpoint: &Endpoint, meaning: ErrorMeaning) -> Option<&'static str> {
    use ErrorMeaning as E;
    match (endpoint, meaning) {
        // What is in the way is said.
        (Endpoint::Unix { .. }, E::AddressInUse) => Some("choose another path, or end what is there"),
        (Endpoint::Unix { .. }, E::Forbidden | E::NotPermitted | E::ReadOnly) => {
            Some("you may not create a file in that directory")
        }
        (Endpoint::Unix { .. }, E::NoSuchFile | E::NotADirectory) => {
            Some("the directory for the socket file is not there")
        }
        (Endpoint::UnixAbstract { .. }, E::AddressInUse) => Some("choose another name, or end what is there"),
        (Endpoint::Unix { .. } | Endpoint::UnixAbstract { .. }, _) => None,
        // SO_EXCLUSIVEADDRUSE is told of a taken port as WSAEACCES too.
        (_, E::Forbidden) if cfg!(not(windows)) => {
            Some("a port below 1024 needs privileges; choose a higher one")
        }
        (_, E::AddressInUse | E::Forbidden) => {
            Some("something listens there already; choose another port, or port 0")
        }
        (_, E::AddressNotAvailable) => Some("this machine does not have that address"),
        _ => None,
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn every_setting_is_an_option() {
        for setting in Setting::ALL {
            assert!(option(*setting).starts_with("--"), "{setting:?} has no option");
        }
    }

    #[test]
    fn every_advice_for_a_transfer_has_a_hint() {
        for advice in Advice::ALL {
            assert!(for_transfer(advice).is_some_and(|hint| hint.contains("--")), "{advice:?}");
        }
    }

    #[test]
    fn a_socket_file_has_hints_of_its_own() {
        let hint = |endpoint: &Endpoint, meaning| for_binding(endpoint, meaning).unwrap_or_default();
        let (file, port) = (Endpoint::unix("u.sock"), Endpoint::tcp("127.0.0.1", 80));
        assert!(hint(&file, ErrorMeaning::AddressInUse).contains("another path"));
        assert!(hint(&file, ErrorMeaning::Forbidden).contains("directory"));
        assert!(hint(&port, ErrorMeaning::AddressInUse).contains("port 0"));
        assert!(hint(&port, ErrorMeaning::Forbidden).contains("below 1024"));
    }
}
