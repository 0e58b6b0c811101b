//! Command lines and what they come to: plans, and refusals in the flavour's words.

use super::{Stop, Surroundings, plan};
use crate::commands::nc::flavour::Flavour;
use crate::commands::nc::plan::{
    AtInputEnd, DumpFormat, Exec, ExitRule, Family, Mode, Plan, ProxyKind, TlsVersion, Transport, Verify,
};
use crate::options::reporting::Reports;
use std::ffi::OsString;
use std::time::Duration;

fn read(flavour: Flavour, line: &str) -> Result<Plan, Stop> {
    let words: Vec<OsString> =
        shlex::split(line).expect("its quotes have ends").into_iter().map(OsString::from).collect();
    let (program, words) = words.split_first().expect("there is a program");
    let around = Surroundings {
        flavour,
        called: program.clone(),
        program: program.to_string_lossy().into_owned(),
        exit: ExitRule::Truth,
        allows_exec: true,
        reports: Reports::none(),
    };
    plan(&around, words)
}

/// The plan of a line that is not refused.
pub(in crate::commands::nc) fn planned(flavour: Flavour, line: &str) -> Plan {
    read(flavour, line).unwrap_or_else(|stop| panic!("{line}: {}", stop.text))
}

fn debian(line: &str) -> Plan {
    planned(Flavour::Debian, line)
}

#[test]
fn glued_flags_and_options_behind_operands_are_read_as_getopt_does() {
    let plan = debian("nc -zvw1 host 22");
    assert!(plan.zero_io && plan.verbosity == 1);
    assert_eq!(
        (plan.connect_timeout, plan.idle_timeout),
        (Some(Duration::from_secs(1)), Some(Duration::from_secs(1)))
    );
    assert_eq!(plan.mode, Mode::Connect { host: "host".to_owned(), ports: vec![22] });
    assert_eq!(debian("nc host 22 -zv -w 1"), plan);
    assert_eq!(debian("nc -z host -v -w1 -- 22"), plan);

    let plan = debian("nc -lvnp 9000");
    assert_eq!(plan.mode, Mode::Listen { host: None, port: Some(9000), peer: None });
    assert!(plan.numeric);
    let plan = debian("nc -NU path");
    assert_eq!(plan.mode, Mode::ConnectUnix { path: "path".into(), local: None });
    assert_eq!((plan.at_input_end, plan.transport), (AtInputEnd::HalfClose, Transport::UnixStream));
}

#[test]
fn the_end_of_stdin_means_what_the_flavour_makes_of_it() {
    let quit = |secs| AtInputEnd::Quit { after: Duration::from_secs(secs) };
    for (flavour, line, end) in [
        (Flavour::Debian, "nc h 1", AtInputEnd::KeepOpen),
        (Flavour::Debian, "nc -N h 1", AtInputEnd::HalfClose),
        (Flavour::Debian, "nc -q -1 h 1", AtInputEnd::KeepOpen),
        (Flavour::Debian, "nc -q 0 h 1", AtInputEnd::HalfClose),
        (Flavour::Debian, "nc -q 2 h 1", quit(2)),
        (Flavour::Debian, "nc -u -q 0 h 1", quit(0)),
        (Flavour::Debian, "nc -lq 0 1", quit(0)),
        (Flavour::Traditional, "nc h 1", AtInputEnd::KeepOpen),
        (Flavour::Traditional, "nc -q 0 h 1", quit(0)),
        (Flavour::Ncat, "ncat h 1", AtInputEnd::HalfClose),
        (Flavour::Ncat, "ncat --no-shutdown h 1", AtInputEnd::KeepOpen),
    ] {
        assert_eq!(planned(flavour, line).at_input_end, end, "{line}");
    }
}

#[test]
fn ports_are_numbers_ranges_services_and_lists() {
    for (flavour, line, expected) in [
        (Flavour::Debian, "nc h 20-23", &[20, 21, 22, 23][..]),
        (Flavour::Debian, "nc h 23-20", &[20, 21, 22, 23]),
        (Flavour::Debian, "nc h http 22 8080-8081", &[80, 22, 8080, 8081]),
        (Flavour::Debian, "nc -u h domain", &[53]),
        (Flavour::OpenBsd, "nc h 20-22", &[20, 21, 22]),
        // It begins at the end.
        (Flavour::Traditional, "nc h 20-23 80", &[23, 22, 21, 20, 80]),
        (Flavour::Traditional, "nc h ftp\\\\-data", &[20]),
        (Flavour::Ncat, "ncat h 80", &[80]),
        (Flavour::Ncat, "ncat h", &[31337]),
    ] {
        let Mode::Connect { ports, .. } = planned(flavour, line).mode else { panic!("{line}: it connects") };
        assert_eq!(ports, expected, "{line}");
    }
    let Mode::Connect { mut ports, .. } = debian("nc -r h 1-300").mode else { panic!("it connects") };
    assert!(!ports.is_sorted());
    ports.sort_unstable();
    assert_eq!(ports, (1..=300).collect::<Vec<_>>());
}

#[test]
fn listeners_know_where() {
    let listen = |host: Option<&str>, port| Mode::Listen { host: host.map(str::to_owned), port, peer: None };
    for (flavour, line, mode) in [
        (Flavour::Debian, "nc -l 80", listen(None, Some(80))),
        (Flavour::Debian, "nc -l 127.0.0.1 80", listen(Some("127.0.0.1"), Some(80))),
        (Flavour::Debian, "nc -l -s 127.0.0.1 -p 80", listen(Some("127.0.0.1"), Some(80))),
        (Flavour::Debian, "nc -l 0", listen(None, None)),
        (Flavour::OpenBsd, "nc -l 80", listen(None, Some(80))),
        (Flavour::Traditional, "nc -l -p 80 -s 127.0.0.1", listen(Some("127.0.0.1"), Some(80))),
        (Flavour::Traditional, "nc -l", listen(None, None)),
        (Flavour::Ncat, "ncat -l", listen(None, Some(31337))),
        (Flavour::Ncat, "ncat -lp 80", listen(None, Some(80))),
        (Flavour::Ncat, "ncat -l ::1 80", listen(Some("::1"), Some(80))),
    ] {
        assert_eq!(planned(flavour, line).mode, mode, "{line}");
    }
    let plan = planned(Flavour::Traditional, "nc -l -p 80 10.0.0.1 99");
    let Mode::Listen { peer: Some(peer), .. } = plan.mode else { panic!("it has a peer") };
    assert_eq!((peer.host.as_str(), peer.port), ("10.0.0.1", Some(99)));
}

#[test]
fn openbsd_speaks_tls_as_it_is_told() {
    let pin = "ab".repeat(32);
    let line = format!("nc -c -e name -R ca.pem -T protocols=tlsv1.3 -T noname -H SHA256:{pin} h 443");
    let tls = planned(Flavour::OpenBsd, &line).tls.expect("it speaks TLS");
    assert_eq!((tls.verify, tls.only_version), (Verify::NotName, Some(TlsVersion::V13)));
    assert_eq!((tls.server_name.as_deref(), tls.pin), (Some("name"), Some(format!("sha256:{pin}"))));
    let tls =
        planned(Flavour::OpenBsd, "nc -lc -C cert -K key -T clientcert 443").tls.expect("it speaks TLS");
    assert!(tls.wants_client_certificate && tls.certificate.is_some() && tls.key.is_some());
    // Debian's -C is another.
    assert!(debian("nc -C h 1").crlf);
}

#[test]
fn ncat_has_long_names_and_their_abbreviations() {
    let plan = planned(Flavour::Ncat, "ncat --send --ssl-v --idle 500ms --out a --hex b --append h 1");
    assert!(plan.send_only);
    assert_eq!(plan.tls.map(|tls| tls.verify), Some(Verify::Full));
    assert_eq!(
        (plan.idle_timeout, plan.connect_timeout),
        (Some(Duration::from_millis(500)), Some(Duration::from_secs(10)))
    );
    let dumps: Vec<_> = plan.dumps.iter().map(|dump| (dump.format, dump.appends)).collect();
    assert_eq!(dumps, [(DumpFormat::Raw, true), (DumpFormat::Hex, true)]);
    let plan =
        planned(Flavour::Ncat, "ncat -l --allow 10.0.0.0/8,::1 --deny 10.1.0.0-255 -k -m 3 -e '/bin/cat -u'");
    assert_eq!((plan.access.allow.len(), plan.max_connections), (2, Some(3)));
    assert_eq!(plan.access.deny, ["10.1.0.0/24".parse().expect("a network")]);
    assert_eq!(plan.exec, Some(Exec::Program(vec!["/bin/cat".into(), "-u".into()])));
}

#[test]
fn proxies_have_their_ports() {
    for (flavour, line, kind, host, port) in [
        (Flavour::Debian, "nc -x p h 1", ProxyKind::Socks5, "p", 1080),
        (Flavour::Debian, "nc -X connect -x p h 1", ProxyKind::HttpConnect, "p", 3128),
        (Flavour::Debian, "nc -xp:99 -X4 h 1", ProxyKind::Socks4, "p", 99),
        (Flavour::Debian, "nc -x [::1]:99 h 1", ProxyKind::Socks5, "::1", 99),
        (Flavour::Ncat, "ncat --proxy p h 1", ProxyKind::HttpConnect, "p", 3128),
        (Flavour::Ncat, "ncat --proxy [::1]:9 --proxy-type socks5 h 1", ProxyKind::Socks5, "::1", 9),
    ] {
        let proxy = planned(flavour, line).proxy.expect(line);
        assert_eq!((proxy.kind, proxy.host.as_str(), proxy.port), (kind, host, port), "{line}");
    }
    let proxy = planned(Flavour::Ncat, "ncat --proxy p --proxy-auth me:it h 1").proxy.expect("a proxy");
    assert_eq!((proxy.user.as_deref(), proxy.password.as_deref()), (Some("me"), Some("it")));
}

#[test]
fn sockets_are_prepared() {
    let plan = debian("nc -bD -I 1024 -O 2048 -T af21 -M 5 -m 4 -s 127.0.0.2 -p 99 -i 2 -W 3 -dtF h 1");
    let socket = plan.socket;
    assert!(socket.broadcast && socket.debug && plan.detached && plan.telnet && plan.passes_socket);
    assert_eq!((socket.receive_buffer, socket.send_buffer), (Some(1024), Some(2048)));
    assert_eq!((socket.type_of_service, socket.ttl, socket.min_ttl), (Some(0x48), Some(5), Some(4)));
    assert_eq!((plan.source.as_deref(), plan.source_port), (Some("127.0.0.2"), Some(99)));
    assert_eq!((plan.interval, plan.receive_limit), (Some(Duration::from_secs(2)), Some(3)));
    assert_eq!(
        (debian("nc -4U x").family, debian("nc -4U x").transport),
        (Family::V4, Transport::UnixStream)
    );
    assert!(planned(Flavour::Traditional, "nc -k h 1").socket.keep_alive);
}

/// As the originals print them. What is installed is compared with them by tests/nc too.
#[test]
fn refusals_are_in_the_words_of_the_flavour() {
    for (flavour, line, status, first) in [
        (Flavour::Debian, "nc h x", 1, "nc: port number invalid: x"),
        (Flavour::OpenBsd, "nc h x", 1, "nc: service \"x\" unknown"),
        (Flavour::Debian, "nc h 0", 1, "nc: port number too small: 0"),
        (Flavour::Debian, "nc h", 1, "nc: missing port number"),
        (
            Flavour::OpenBsd,
            "nc h",
            1,
            "usage: nc [-46cDdFhklNnrStUuvz] [-C certfile] [-e name] [-H hash] [-I length]",
        ),
        (Flavour::OpenBsd, "nc -l -p 80 81", 1, "nc: cannot use -p and -l"),
        (
            Flavour::Ncat,
            "ncat -l --allow , 80",
            2,
            "Ncat: --allow and --allowfile name nobody, so nobody could connect. QUITTING.",
        ),
        (Flavour::OpenBsd, "nc -l -s a 81", 1, "nc: cannot use -s and -l"),
        (Flavour::OpenBsd, "nc -C cert h 1", 1, "nc: you must specify -c to use -C"),
        (Flavour::OpenBsd, "nc -T noverify h 1", 1, "nc: you must specify -c to use TLS options"),
        (Flavour::OpenBsd, "nc -cu h 1", 1, "nc: cannot use -c and -u"),
        (Flavour::OpenBsd, "nc -c -T clientcert h 1", 1, "nc: clientcert is only valid with -l"),
        (Flavour::OpenBsd, "nc -c -T bad h 1", 1, "nc: illegal tos/tls value bad"),
        (Flavour::OpenBsd, "nc -q 1 h 1", 1, "nc: invalid option -- 'q'"),
        (
            Flavour::Debian,
            "nc -Z h 1",
            1,
            "nc: -Z: not supported, because nothing else speaks DCCP, and Linux has removed it",
        ),
        (Flavour::Traditional, "nc h x", 1, "invalid port x"),
        (
            Flavour::Traditional,
            "nc",
            1,
            "nc: a command line on stdin: not supported, because stdin is what is sent",
        ),
        (Flavour::Ncat, "ncat h x", 2, "Ncat: Invalid port number \"x\". QUITTING."),
        (
            Flavour::Ncat,
            "ncat --s h",
            2,
            "ncat: option '--s' is ambiguous; possibilities: '--sh-exec' '--source-port' '--source' '--send-only' '--sctp' '--ssl' '--ssl-cert' '--ssl-key' '--ssl-verify' '--ssl-trustfile' '--ssl-ciphers' '--ssl-servername' '--ssl-alpn'",
        ),
        (
            Flavour::Ncat,
            "ncat -l --broker",
            2,
            "Ncat: --broker: not supported, because it is a server for many clients among themselves, not a connection",
        ),
    ] {
        let stop = read(flavour, line).expect_err(line);
        assert_eq!((stop.text.lines().next(), stop.status), (Some(first), status), "{line}");
    }
    let help = read(Flavour::Debian, "nc -h").expect_err("it is the help");
    assert!(help.status == 0 && !help.on_stdout && help.text.contains("Command Summary:"));
    let help = read(Flavour::Ncat, "ncat --help").expect_err("it is the help");
    assert!(help.status == 0 && help.on_stdout);
}

/// Whoever connects would run it.
#[test]
fn the_traditional_netcat_runs_a_program_only_if_that_was_permitted() {
    let around = Surroundings {
        flavour: Flavour::Traditional,
        called: "nc".into(),
        program: "nc".to_owned(),
        exit: ExitRule::Truth,
        allows_exec: false,
        reports: Reports::none(),
    };
    let words = ["-l", "-p", "1", "-e", "/bin/sh"].map(OsString::from);
    let stop = plan(&around, &words).expect_err("it was not permitted");
    assert!(stop.text.contains("ADIEU_NC_EXEC=allow"), "{}", stop.text);
    let exec = planned(Flavour::Traditional, "nc -e /bin/sh -c 'echo x' h 1").exec;
    assert_eq!(exec, Some(Exec::Shell("echo x".into())));
}
