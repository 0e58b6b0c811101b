//! What is said when something was written or chosen wrongly: the exact sentence, and what to do.

use crate::{BOUND, Server, adieu, run, text};
use adieu_testkit::places;
use adieu_testkit::skip::counterpart;
use adieu_testkit::tls::authority::{Authority, Identity};
use adieu_testkit::tls::peer::{Peer, Setup, Step};
use std::io::{Read, Write};
use std::process::{Command, Stdio};

/// What is said on stderr, and the exit status.
fn said(args: &[&str]) -> (Option<i32>, String) {
    said_with(&[], args)
}

fn said_with(variables: &[(&str, &str)], args: &[&str]) -> (Option<i32>, String) {
    let mut command = adieu(args);
    command.envs(variables.iter().copied()).stdin(Stdio::null());
    let output = command.output().expect("the built binary starts");
    (output.status.code(), text(&output.stderr))
}

#[cfg(target_os = "linux")]
#[test]
fn where_there_are_no_roots_it_says_how_to_do_without() {
    let nowhere = "/nonexistent";
    let variables = [("SSL_CERT_FILE", nowhere), ("SSL_CERT_DIR", nowhere)];
    let (status, said) = said_with(&variables, &["connect", "tls://127.0.0.1:1"]);
    assert_eq!(status, Some(2), "{said}");
    let advice = "install them (ca-certificates), or name a file with --ca; --pin trusts one certificate without any\n";
    assert!(said.contains("no root certificates are found") && said.ends_with(advice), "{said}");
}

#[test]
fn what_cannot_be_an_endpoint_says_what_to_write_instead() {
    for (args, sentence) in [
        (
            &["connect", "fd:3"][..],
            "adieu: 'fd:3' is not an endpoint: a descriptor cannot be given: write host:port or unix:path, or tcp://fd:3 for a \
             host of this name\n",
        ),
        (
            &["listen", "*:9"],
            "adieu: '*:9' is not an endpoint: '*' is not a host: to listen on every address write 0.0.0.0:9, or [::]:9\n",
        ),
        (
            &["listen", "*", "9"],
            "adieu: '* 9' is not an endpoint: '*' is not a host: to listen on every address write 0.0.0.0:9, or [::]:9\n",
        ),
        (
            &["connect", "udp:127.0.0.1:5140"],
            "adieu: 'udp:127.0.0.1:5140' is not an endpoint: the scheme needs its slashes: write udp://127.0.0.1:5140\n",
        ),
        (
            &["connect", "tcp:127.0.0.1:80"],
            "adieu: 'tcp:127.0.0.1:80' is not an endpoint: the scheme needs its slashes: write tcp://127.0.0.1:80\n",
        ),
        (
            &["send", "/dev/null", "/run/app.sock"],
            "adieu: '/run/app.sock' is not an endpoint: it looks like a path: for a Unix socket write unix:/run/app.sock\n",
        ),
    ] {
        assert_eq!(said(args), (Some(2), sentence.to_owned()), "{args:?}");
    }
}

#[test]
fn a_zone_that_is_no_interface_is_named() {
    for (zone, why) in [
        ("nosuch0", "the zone 'nosuch0' is not a network interface of this machine"),
        (
            "25lo",
            "the zone '25lo' is not a network interface of this machine: %25 is how a URL has it, write %lo",
        ),
    ] {
        let endpoint = format!("[fe80::1%{zone}]:80");
        let sentence = format!("adieu: no connection to {endpoint}: {why}\n");
        assert_eq!(said(&["connect", &endpoint]), (Some(3), sentence));
        let sentence = format!("adieu: cannot listen on {endpoint}: {why}\n");
        assert_eq!(said(&["listen", &endpoint]), (Some(3), sentence));
    }
}

#[test]
fn a_name_in_another_script_is_asked_for_in_the_form_of_dns() {
    // Of RFC 6761: there is no such name, whoever is asked.
    let (code, said) = said(&["connect", "b\u{fc}cher.invalid:80"]);
    assert_eq!(code, Some(3));
    assert!(said.starts_with("adieu: no connection to xn--bcher-kva.invalid:80: "), "{said}");
}

#[test]
fn the_scheme_of_tls_is_the_same_in_any_case() {
    let server = Server::start_at("TLS://127.0.0.1:0", &["--self-signed", "--echo"]);
    let address = server.address.strip_prefix("tls://").expect("it speaks TLS").to_owned();
    // An option for TLS is taken too.
    let output = run(&["connect", &format!("Tls://{address}"), "--insecure"], b"hello");
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(0), "hello".to_owned()));
    assert_eq!(server.finish().0.code(), Some(0));
}

#[test]
fn an_option_that_is_unknown_is_not_taken_for_an_endpoint() {
    let (code, said) = said(&["connect", "-z", "h:1"]);
    assert_eq!(code, Some(2));
    assert!(
        said.contains("unknown option -z; see adieu connect --help") && !said.contains("-- -z"),
        "{said}"
    );
    let (_, said) = self::said(&["send", "-z", "h:1"]);
    assert!(said.contains("to pass '-z' as a value, use '-- -z'"), "a file may have that name: {said}");
}

#[test]
fn a_letter_of_netcats_is_answered_with_what_says_the_same_here() {
    for (args, hint) in [
        (&["connect", "-N", "h", "80"][..], "-N: adieu always half-closes when stdin ends"),
        (&["connect", "h", "80", "-N"], "-N: adieu always half-closes when stdin ends"),
        (&["connect", "-zv", "h", "80"], "-z: adieu check says whether a port is open"),
        (&["connect", "-vz", "h", "80"], "-z: adieu check says whether a port is open"),
        (&["listen", "-z", "9000"], "-z: adieu check says whether a port is open"),
        (
            &["connect", "-w", "5", "h", "80"],
            "-w: --connect-timeout bounds connecting, --idle-timeout a silent peer",
        ),
        (
            &["connect", "-w5", "h", "80"],
            "-w: --connect-timeout bounds connecting, --idle-timeout a silent peer",
        ),
        (&["connect", "-u", "h", "53"], "-u: UDP is an endpoint, udp://host:port"),
        (&["connect", "-U", "/run/x"], "-U: a Unix socket is an endpoint, unix:PATH"),
        (&["connect", "-l", "9000"], "-l: adieu listen listens"),
        (&["receive", "-l", "9000", "-o", "x"], "-l: this command listens"),
        (
            &["listen", "-lvnp", "9000"],
            "-l: this command listens; -n: leave it out: adieu never looks up the name of an address; -p: the port is the endpoint, as 9000 \
             or :9000",
        ),
        (&["connect", "-k", "h:80"], "-k: adieu listen --keep-open serves one client after another"),
        (
            &["connect", "-q", "1", "h:80"],
            "-q is --quiet here and takes no number: adieu waits for the peer's end; --idle-timeout and --deadline bound it",
        ),
        (
            &["connect", "-q", "1", "h", "80"],
            "-q is --quiet here and takes no number: adieu waits for the peer's end; --idle-timeout and --deadline bound it",
        ),
    ] {
        let (code, said) = said(args);
        assert_eq!(code, Some(2), "{said}");
        let wanted = format!("\n  hint: {hint}; adieu nc takes netcat's own options\n");
        assert!(said.contains(&wanted), "{args:?}: {said}");
        // Of a file that is sent too.
        assert!(!said.contains("tip:"), "{said}");
    }
    let (code, said) = said(&["connect", "-y", "h:80"]);
    assert_eq!((code, said.contains("hint:")), (Some(2), false), "{said}");
}

#[test]
fn a_line_of_netcats_without_a_command_is_answered_with_one() {
    for (args, hint) in [
        (
            &["-l", "9000"][..],
            "the command comes first: adieu listen; adieu nc takes netcat's own options: adieu nc -l 9000",
        ),
        (
            &["-zv", "h", "22"],
            "the command comes first: adieu check; adieu nc takes netcat's own options: adieu nc -zv h 22",
        ),
        (
            &["-N", "h", "80"],
            "the command comes first: adieu connect; adieu nc takes netcat's own options: adieu nc -N h 80",
        ),
        (&["h", "80"], "the command comes first: adieu connect h 80"),
        (&["localhost", "20-25"], "the command comes first: adieu check localhost 20-25"),
        (&["h:80"], "the command comes first: adieu connect h:80"),
    ] {
        let (code, said) = said(args);
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains(&format!("\n  hint: {hint}\n")), "{args:?}: {said}");
    }
    let (code, unknown) = said(&["conect", "h", "80"]);
    assert_eq!(
        (code, unknown.as_str()),
        (Some(2), "adieu: unknown command 'conect'; did you mean connect? See adieu --help\n")
    );
    for args in [&["-y", "h", "80"][..], &["frobnicate"]] {
        let (code, said) = said(args);
        assert_eq!((code, said.contains("hint:")), (Some(2), false), "{said}");
    }
}

#[test]
fn what_newcomers_write_first_is_answered_with_what_to_write() {
    for (args, hint) in [
        (
            &["connect", "--ssl", "h:443"][..],
            "hint: TLS is an endpoint, tls://host:port, or the option --tls\n",
        ),
        (&["check", "--wait", "60s", "h:1", "./serve"], "hint: a command comes after `--`, as in: "),
        (&["check", "--wait", "60", "h:1"], "write 60s for seconds"),
    ] {
        let (code, said) = said(args);
        assert!(code == Some(2) && said.contains(hint), "{args:?}: {said}");
    }
}

#[test]
fn an_unknown_option_is_answered_with_the_nearest_that_there_is() {
    for (args, sentence) in [
        (
            &["connect", "--timout", "3s", "h:1"][..],
            "unknown option --timout; did you mean --idle-timeout? See adieu connect --help",
        ),
        (
            &["listen", "--kep-open"],
            "unknown option --kep-open; did you mean --keep-open? See adieu listen --help",
        ),
        (&["connect", "--frobnicate", "h:1"], "unknown option --frobnicate; see adieu connect --help"),
        (&["connect", "a", "1", "b"], "unexpected argument 'b'"),
        (
            &["connect", "--report", "jsn", "h:1"],
            "invalid value 'jsn' for '--report <FORMAT>': did you mean json? (possible values: text, json, none)",
        ),
        (&["listen", "-o"], "--output needs a value: FILE"),
        (&["connect", "-q", "-v", "h:1"], "--quiet and --verbose cannot be used together"),
        (&["completions"], "SHELL is missing"),
    ] {
        let (code, said) = said(args);
        assert_eq!(code, Some(2), "{said}");
        assert_eq!(said.lines().next(), Some(format!("adieu: {sentence}").as_str()));
    }
}

#[test]
fn options_of_other_programs_are_answered_with_what_says_the_same() {
    for (args, hint) in [
        (&["connect", "--max-time", "5", "h:1"][..], "--deadline all of it"),
        (&["connect", "--cacert", "x", "tls://h:1"], "--ca FILE trusts the certificates in FILE"),
        (&["connect", "--data", "x", "h:1"], "write the request to stdin"),
        (&["listen", "--port", "9000"], "where it listens is the endpoint, as :9000"),
        (&["listen", "--fork", ":9000"], "--keep-open serves one client after another"),
        (&["send", "-a", "x", "h:1"], "a directory is sent with everything in it"),
        (&["send", "--compress", "x", "h:1"], "adieu does not compress"),
        (&["send", "--delete", "x", "h:1"], "adieu send deletes nothing"),
        (&["receive", "--dir", "x"], "--output PATH is where it is stored"),
        (&["check", "--retries", "5", "h:1"], "--wait DURATION tries"),
        (&["explain", "-r", "x"], "the captures are arguments"),
        (&["explain", "-i", "eth0"], "tcpdump -i eth0 -U -w - tcp | adieu explain -"),
    ] {
        let (code, said) = said(args);
        assert_eq!(code, Some(2), "{said}");
        let hints: Vec<&str> = said.lines().filter(|line| line.starts_with("  hint: ")).collect();
        assert!(hints.first().is_some_and(|first| first.contains(hint)), "{args:?}: {said}");
        assert!(!said.contains("did you mean"), "{args:?}: {said}");
    }
    for (args, sentence) in [
        (&["connect", "https://example.org/"][..], "write tls://example.org:443, or"),
        (&["connect", "TCP:192.0.2.1:80"], "write 192.0.2.1:80"),
        (&["listen", "TCP-LISTEN:8000,fork"], "write :8000"),
    ] {
        let (code, said) = said(args);
        assert!(code == Some(2) && said.contains(sentence), "{args:?}: {said}");
    }
}

#[test]
fn a_value_that_begins_with_a_dash_is_judged_as_a_value() {
    for (args, sentence) in [
        (
            &["connect", "--deadline", "-3s", "h:1"][..],
            "invalid value '-3s' for '--deadline <DURATION>': it cannot be negative; write a duration such as 500ms, 2s or 1m30s",
        ),
        (
            &["send", "x", "--limit-rate", "-5", "h:1"],
            "invalid value '-5' for '--limit-rate <RATE>': write bytes per second, as in 500K or 10M",
        ),
        (&["listen", "-o", "-x"], "'-x' after -o is read as an option: write --output=-x"),
        (&["send", "--name", "-x", "y", "h:1"], "'-x' after --name is read as an option: write --name=-x"),
    ] {
        let (code, said) = said(args);
        assert_eq!(code, Some(2), "{said}");
        assert_eq!(
            said.lines().next().and_then(|line| line.split_once(": ")).map(|(_, it)| it),
            Some(sentence)
        );
    }
}

#[test]
fn a_wrong_value_is_blamed_on_where_it_stands() {
    for (variables, args, sentence) in [
        (&[("ADIEU_DEADLINE", "5")][..], &["connect", "h:1"][..], "invalid value '5' for 'ADIEU_DEADLINE': "),
        (
            &[("ADIEU_TTL", "0")],
            &["connect", "h:1"],
            "invalid value '0' for 'ADIEU_TTL': write a number from 1 to 255",
        ),
        (&[("ADIEU_REPORT", "xml")], &["connect", "h:1"], "invalid value 'xml' for 'ADIEU_REPORT'"),
        (&[("ADIEU_VERBOSE", "perhaps")], &["listen"], "invalid value 'perhaps' for 'ADIEU_VERBOSE': "),
        (
            &[("ADIEU_DEADLINE", "5")],
            &["connect", "--deadline", "6", "h:1"],
            "invalid value '6' for '--deadline <DURATION>': ",
        ),
        (
            &[("ADIEU_DEADLINE", "5")],
            &["connect", "--idle-timeout=6", "h:1"],
            "invalid value '6' for '--idle-timeout",
        ),
        (
            &[],
            &["connect", "--ttl", "0", "h:1"],
            "invalid value '0' for '--ttl <HOPS>': write a number from 1 to 255",
        ),
        (
            &[],
            &["listen", "-k", "--max-connections", "0"],
            "invalid value '0' for '--max-connections <N>': write a number from 1 to 4294967295",
        ),
        (
            &[],
            &["send", "x", "--retry=-1", "h:1"],
            "invalid value '-1' for '--retry[=<TIMES>]': write a number from 0 to ",
        ),
    ] {
        let (code, said) = said_with(variables, args);
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains(sentence), "{variables:?} {args:?}: {said}");
    }
}

#[test]
fn an_output_file_that_cannot_be_made_is_told_once() {
    for args in [&["--report", "text"][..], &["--keep-open"]] {
        let args = [&["listen", "127.0.0.1:0", "-o", "/nodir/x"], args].concat();
        let sentence = "adieu: cannot write to /nodir/x: No such file or directory (ENOENT 2)\n";
        assert_eq!(said(&args), (Some(7), sentence.to_owned()));
    }
}

#[test]
fn the_full_queue_of_a_unix_listener_is_no_firewall() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let path = directory.path().join("busy.sock");
    let socket = rustix::net::socket(rustix::net::AddressFamily::UNIX, rustix::net::SocketType::STREAM, None)
        .expect("a socket can be made");
    let address = rustix::net::SocketAddrUnix::new(&path).expect("a short path");
    rustix::net::bind(&socket, &address).expect("the path is free");
    rustix::net::listen(&socket, 0).expect("it listens");
    // Linux takes one more than it is asked for.
    let _taken = std::os::unix::net::UnixStream::connect(&path).expect("there is room for one");
    let endpoint = format!("unix:{}", path.display());
    let (code, said) = said(&["connect", &endpoint, "--connect-timeout", "50ms"]);
    assert_eq!(code, Some(5), "{said}");
    let hint = "  hint: the server's backlog is full: it may be busy or stuck; raise \
                --connect-timeout to wait longer\n";
    assert!(said.ends_with(hint), "{said}");
}

/// A peer that says this and ends, once it has been sent something.
fn answering(answer: &'static [u8]) -> (String, std::thread::JoinHandle<()>) {
    let listener = places::listener();
    let address = listener.local_addr().expect("bound").to_string();
    let serving = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client");
        stream.set_read_timeout(Some(BOUND)).expect("a bound");
        stream.write_all(answer).expect("taken");
        stream.shutdown(std::net::Shutdown::Write).expect("connected");
        // Whatever it sends is received, or the end would be a reset.
        let _ = stream.read_to_end(&mut Vec::new());
    });
    (address, serving)
}

/// A fatal alert of TLS, unexpected_message, and the beginning of a ClientHello.
const ALERT: &[u8] = b"\x15\x03\x03\x00\x02\x02\x0a";
const HELLO: &[u8] = b"\x16\x03\x01\x00\xc8\x01\x00\x00\xc4\x03\x03";

#[test]
fn an_answer_that_is_an_alert_of_tls_is_told_as_that() {
    const HINT: &str =
        "  hint: what the peer sent looks like an alert of TLS: to speak it, connect to tls://host:port\n";
    for (answer, request, is_told) in [
        (ALERT, &b"GET / HTTP/1.0\r\n\r\n"[..], true),
        (b"\x15\x03\x03\x00\x02", b"", true),
        // Somebody else speaks TLS through it.
        (ALERT, HELLO, false),
        (b"\x15\x04\x00\x00\x02\x02\x0a", b"x", false),
        (b"hello", b"x", false),
    ] {
        let (address, serving) = answering(answer);
        let output = run(&["connect", &address], request);
        let said = text(&output.stderr);
        assert_eq!((output.status.code(), &output.stdout[..]), (Some(0), answer), "{said}");
        assert_eq!(said.ends_with(HINT), is_told, "{said}");
        serving.join().expect("no panic");
    }
}

#[test]
fn a_client_hello_that_comes_to_a_plain_listener_is_told_as_that() {
    const HINT: &str = "  hint: what the client sent looks like TLS: to speak it, listen with --tls, or on tls://host:port\n";
    for (command, sent, is_told) in [
        ("cat >/dev/null", HELLO, true),
        ("cat", HELLO, true),
        // It answers as a server of TLS does: an alert, or a ServerHello.
        ("printf '\\025\\003\\003\\000\\002\\002\\012'; cat >/dev/null", HELLO, false),
        ("printf '\\026\\003\\003\\000\\060\\002'; cat >/dev/null", HELLO, false),
        ("cat >/dev/null", b"hello", false),
    ] {
        let server = Server::start(&["--exec", command]);
        crate::ask(server.connect(), sent);
        let (status, _, said) = server.finish();
        assert_eq!(status.code(), Some(0), "{said}");
        assert_eq!(said.ends_with(HINT), is_told, "{command}: {said}");
    }
}

#[test]
fn a_rule_for_the_eof_is_hinted_at_only_where_it_makes_an_end_of_it() {
    const HINT: &str =
        "  hint: if the bytes themselves say where they end, --tls-eof framed takes this for an end\n";
    // A record that nobody has sealed.
    const FORGED: &[u8] = &[0x17, 3, 3, 0, 17, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17];
    let ca = Authority::shared().file().display().to_string();
    for (script, rule, is_told) in [
        (&[Step::Handshake, Step::Send(10), Step::Fin, Step::ReceiveToEnd][..], "require", true),
        (&[Step::Handshake, Step::CutRecord(1000), Step::Fin, Step::ReceiveToEnd], "require", false),
        (&[Step::Handshake, Step::CutRecord(1000), Step::Fin, Step::ReceiveToEnd], "framed", false),
        (&[Step::Handshake, Step::Raw(FORGED), Step::Hold], "require", false),
        (&[Step::Handshake, Step::Raw(FORGED), Step::Hold], "framed", false),
    ] {
        let peer = Peer::listen(Setup::PLAIN, script).expect("loopback");
        let endpoint = format!("tls://{}", peer.address());
        let (code, said) = said(&["connect", &endpoint, "--ca", &ca, "--tls-eof", rule]);
        assert_eq!(code, Some(6), "{script:?} {rule}: {said}");
        assert_eq!(said.ends_with(HINT), is_told, "{script:?} {rule}: {said}");
        assert!(!said.contains(['{', '[']), "{said}");
    }
}

#[test]
fn an_authority_with_a_key_of_an_unknown_kind_is_told_in_words() {
    let Some(openssl) = counterpart("openssl x509", "openssl") else { return };
    let directory = tempfile::tempdir().expect("a directory can be made");
    let made = Command::new("sh")
        .current_dir(directory.path())
        .env("OPENSSL", openssl)
        .arg("-ec")
        .arg(
            "exec 2>&1; EC='-newkey ec -nodes -pkeyopt'
            \"$OPENSSL\" req -x509 $EC ec_paramgen_curve:secp521r1 -days 3 -subj /CN=ca -keyout ca.key -out ca
            \"$OPENSSL\" req $EC ec_paramgen_curve:prime256v1 -subj /CN=peer -keyout key -out request
            echo subjectAltName=IP:127.0.0.1 >names
            \"$OPENSSL\" x509 -req -in request -CA ca -CAkey ca.key -CAcreateserial -days 3 -extfile names -out cert",
        )
        .output()
        .expect("there is a shell");
    assert!(made.status.success(), "{}", text(&made.stdout));
    let file = |name: &str| directory.path().join(name).display().to_string();
    let identity = ["--cert", &file("cert"), "--key", &file("key")];
    let server = Server::start_at("tls://127.0.0.1:0", &[&identity[..], &["--echo"]].concat());
    let (code, said) = said(&["connect", &server.address, "--ca", &file("ca")]);
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("is signed with an algorithm that is not known here (ECDSA with SHA-"), "{said}");
    let pin =
        said.split_once("use --pin ").and_then(|(_, rest)| rest.split(' ').next()).expect("a pin is told");
    assert!(!said.contains(['{', '[']), "{said}");
    server.finish();
    let server = Server::start_at("tls://127.0.0.1:0", &[&identity[..], &["--echo"]].concat());
    let (code, said) = self::said(&["connect", &server.address, "--pin", pin.trim()]);
    assert_eq!(code, Some(0), "the advice helps: {said}");
}

#[test]
fn a_handshake_that_failed_names_the_options_that_mend_it() {
    const HOLD: &[Step] = &[Step::Hold];
    const HANDSHAKE: &[Step] = &[Step::Handshake];
    let stranger = Authority::new().expect("a key");
    let stranger = stranger.file().display().to_string();
    let ca = Authority::shared().file().display().to_string();
    let other: &Identity = Box::leak(Box::new(Authority::shared().issue(&["other.test"]).expect("a key")));
    let pin = Authority::loopback().fingerprint();
    let of_other = Setup { identity: Some(other), ..Setup::PLAIN };
    for (setup, script, args, code, says) in [
        (
            Setup::PLAIN,
            HANDSHAKE,
            &["--ca", &*stranger][..],
            3,
            format!("name its certificate with --ca, or use --pin {pin} instead of --ca; or the peer may"),
        ),
        (
            of_other,
            HANDSHAKE,
            &["--ca", &ca],
            3,
            "and not for 127.0.0.1: connect to the name that it is for, or give it with --servername"
                .to_owned(),
        ),
        (
            Setup::TLS12,
            HANDSHAKE,
            &["--ca", &ca, "--tls-min", "1.3"],
            3,
            "no TLS version in common: update the peer, or lower --tls-min if it was raised".to_owned(),
        ),
        (
            Setup::PLAIN,
            HOLD,
            &["--ca", &ca, "--idle-timeout", "100ms"],
            5,
            "is this port one for TLS? if it is only slow, raise --idle-timeout".to_owned(),
        ),
        (
            Setup::PLAIN,
            HOLD,
            &["--ca", &ca, "--connect-timeout", "100ms"],
            5,
            "is this port one for TLS? if the peer is only slow, raise --connect-timeout".to_owned(),
        ),
    ] {
        for (command, report) in
            [("connect", "text"), ("connect", "json"), ("send", "text"), ("send", "json")]
        {
            let peer = Peer::listen(setup, script).expect("loopback");
            let endpoint = format!("tls://{}", peer.address());
            let mut all = vec![command, "--report", report];
            all.extend((command == "send").then_some("Cargo.toml"));
            all.push(&endpoint);
            let (status, said) = said(&[&all[..], args].concat());
            assert_eq!(status, Some(code), "{said}");
            // JSON has it in the sentence and in the error.
            let count = said.matches(&says).count();
            assert!(if report == "json" { count >= 2 } else { count == 1 }, "{command} {report}: {said}");
        }
    }
}

#[test]
fn a_proxy_that_is_not_trusted_is_trusted_by_its_own_option() {
    let stranger = Authority::new().expect("a key");
    let stranger = stranger.file().display().to_string();
    let peer = Peer::listen(Setup::PLAIN, &[Step::Handshake]).expect("loopback");
    let proxy = format!("https://{}", peer.address());
    let (code, said) = said(&["connect", "peer.invalid:80", "--proxy", &proxy, "--proxy-ca", &stranger]);
    let sentence = "the issuer of the proxy's certificate is not trusted here: name its certificate with --proxy-ca; or the \
                    proxy may not send its whole chain";
    assert!(code == Some(3) && said.contains(sentence), "{said}");
}
