//! `adieu relay` as somebody meets it who sits at a terminal: its help, its page, and what `--check` finds.

use crate::{run, text};
use adieu_testkit::tls::authority::Authority;
use std::path::Path;
use std::process::{Command, Output};

/// Runs a line that a shell is to understand, in a directory where `adieu` is the binary under test.
fn in_shell(line: &str, directory: &Path) -> Output {
    let binary = Path::new(crate::ADIEU).parent().expect("a binary is in a folder");
    let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap_or_default());
    let mut command = Command::new("sh");
    command.args(["-c", line]).current_dir(directory).env("PATH", path);
    command.output().expect("a shell starts")
}

#[test]
fn every_example_of_the_help_is_right() {
    let help = text(&run(&["relay", "--help"], b"").stdout);
    let directory = tempfile::tempdir().expect("there is room");
    let (certificate, key) = &Authority::loopback().files;
    std::fs::copy(certificate, directory.path().join("site.pem")).expect("there is room");
    std::fs::copy(key, directory.path().join("site.key")).expect("there is room");
    let examples: Vec<&str> = help.lines().filter_map(|line| line.strip_prefix("  adieu relay")).collect();
    assert_eq!(examples.len(), 3, "{help}");
    for example in examples {
        let output = in_shell(&format!("adieu relay --check {example}"), directory.path());
        assert_eq!(output.status.code(), Some(0), "{example}: {}", text(&output.stderr));
    }
}

#[test]
fn a_command_has_a_page_of_its_own() {
    let output = run(&["man", "relay"], b"");
    let page = text(&output.stdout);
    for word in [
        ".TH ADIEU\\-RELAY 1",
        "SH EXAMPLES",
        "EXIT STATUS",
        "half\\-open\\-timeout",
        "every connection ended by itself",
    ] {
        assert!(page.contains(word) || page.contains(&word.replace("\\-", "-")), "{word}: {page}");
    }
    assert!(!page.contains("receipt"), "that is of other commands");
    assert!(text(&run(&["man", "connect"], b"").stdout).contains("EXIT STATUS"));
    let unknown = run(&["man", "relais"], b"");
    let said = text(&unknown.stderr);
    assert_eq!(unknown.status.code(), Some(2), "{said}");
    assert!(said.contains("there is no page 'relais'") && said.contains("relay"), "{said}");
}

/// What `--check` says of a command line, with its exit status.
fn checked(words: &[&str]) -> (Option<i32>, String) {
    let output = run(&[&["relay", "--check"], words].concat(), b"");
    (output.status.code(), text(&output.stderr))
}

#[test]
fn a_relay_that_would_connect_to_itself_is_refused() {
    for (listen, to) in [
        ("127.0.0.1:8000", "127.0.0.1:8000"),
        ("0.0.0.0:8000", "127.0.0.1:8000"),
        (":8000", "127.0.0.2:8000"),
        ("[::]:8000", "127.0.0.1:8000"),
        ("[::1]:8000", "localhost:8000"),
        ("localhost:8000", "127.0.0.1:8000"),
        ("127.0.0.1:8000", "0.0.0.0:8000"),
        ("tls://127.0.0.1:8000", "127.0.0.1:8000"),
        ("127.0.0.1:8000", "[::ffff:127.0.0.1]:8000"),
        ("unix:x", "unix:./x"),
        ("unix:@x", "unix:@x"),
    ] {
        let (status, said) = checked(&[listen, to]);
        assert_eq!(status, Some(2), "{listen} to {to}: {said}");
        assert!(said.contains("the relay would connect to itself"), "{said}");
    }
    for (listen, to) in [
        ("127.0.0.1:8000", "127.0.0.1:8001"),
        ("127.0.0.1:8000", "127.0.0.2:8000"),
        ("0.0.0.0:8000", "[::1]:8000"),
        ("0.0.0.0:8000", "192.0.2.1:8000"),
        ("[::1]:8000", "127.0.0.1:8000"),
        ("127.0.0.1:8000", "example.org:8000"),
        ("unix:x", "unix:@x"),
    ] {
        let (status, said) = checked(&[listen, to]);
        assert_eq!(status, Some(0), "{listen} to {to}: {said}");
    }
    // Nor is it started.
    let started = run(&["relay", "127.0.0.1:8000", "localhost:8000"], b"");
    assert_eq!(started.status.code(), Some(2), "{}", text(&started.stderr));
    let by_route = checked(&["127.0.0.1:8000", "127.0.0.1:9000", "--route", "a.test=127.0.0.1:8000"]);
    assert_eq!(by_route.0, Some(2), "{}", by_route.1);
}

#[test]
fn relays_of_a_file_that_feed_each_other_or_overlap_are_told_with_their_lines() {
    let directory = tempfile::tempdir().expect("there is room");
    let file = directory.path().join("relays.toml");
    let check = |relays: &str| {
        std::fs::write(&file, relays).expect("there is room");
        checked(&["--config", file.to_str().expect("a text")])
    };
    let relay = |listen: &str, more: &str| format!("[[relay]]\nlisten = \"{listen}\"\n{more}\n");
    let (one, other) = ("127.0.0.1:8000", "127.0.0.1:8001");
    let (status, said) = check(
        &(relay(one, "to = \"localhost:8001\"")
            + &relay(other, "to = [\"192.0.2.1:1\", \"127.0.0.1:8000\"]")),
    );
    assert_eq!(status, Some(2), "{said}");
    assert!(said.contains("line 3: 'to': its clients would be passed round and round"), "{said}");
    assert!(said.contains("the relay of line 4, and that to 127.0.0.1:8000"), "{said}");
    // By its name a client gets out.
    let first = relay(one, "to = \"192.0.2.1:1\"\nroute = \"x.test=127.0.0.1:8001\"");
    let (status, said) =
        check(&(first.clone() + &relay(other, "to = \"127.0.0.1:8000\"\nroute = \"*.test=192.0.2.1:1\"")));
    assert_eq!(status, Some(0), "{said}");
    let (status, said) =
        check(&(first + &relay(other, "to = \"192.0.2.1:1\"\nroute = \"*.test=127.0.0.1:8000\"")));
    assert_eq!(status, Some(2), "{said}");
    let to = "to = \"192.0.2.1:1\"";
    for (second, is_right) in [
        ("tls://127.0.0.1:8000", false),
        ("0.0.0.0:8000", false),
        (":8000", false),
        ("[::1]:8000", true),
        ("127.0.0.2:8000", true),
        (other, true),
    ] {
        let (status, said) = check(&(relay(one, to) + &relay(second, to)));
        assert_eq!(status, Some(if is_right { 0 } else { 2 }), "{second}: {said}");
        assert!(
            is_right || said.contains("line 5: 'listen': it listens where the relay of line 1 does"),
            "{said}"
        );
    }
    let (status, said) = check(&("metrics = \":8000\"\n".to_owned() + &relay(one, to)));
    assert!(status == Some(2) && said.contains("the relay of line 2 listens there"), "{said}");
}

#[test]
fn what_a_start_would_fail_at_is_found_without_starting() {
    let directory = tempfile::tempdir().expect("there is room");
    let file = directory.path().join("file");
    std::fs::write(&file, "").expect("there is room");
    let [file, directory] = [file.as_path(), directory.path()].map(|path| path.to_str().expect("a text"));
    let (one, to) = ("127.0.0.1:0", "127.0.0.1:9");
    for (words, what) in [
        (
            &[one, to, "--log", "/nonexistent/log"][..],
            "cannot write the log to /nonexistent/log: No such file",
        ),
        (&[one, to, "--log", directory], "is a directory"),
        (&[one, to, "--log", &format!("{file}/log")], "Not a directory"),
        (&[one, to, "--report-file", "/nonexistent/x"], "cannot write the reports"),
        (&[one, to, "--port-file", "/nonexistent/x"], "cannot write the port"),
        (
            &[one, to, "--metrics", "192.0.2.1:9100"],
            "cannot serve metrics on 192.0.2.1:9100: this machine does not have",
        ),
        (
            &[one, to, "--metrics", "unix:/nonexistent/m"],
            "cannot serve metrics on unix:/nonexistent/m: No such file",
        ),
        (&["192.0.2.1:80", to], "cannot listen on 192.0.2.1:80: this machine does not have that address"),
        (&[&format!("unix:{file}"), to], "not a socket"),
        (&[one, to, "--cert", "/nonexistent.pem", "--key", file], "cannot read /nonexistent.pem"),
    ] {
        let (status, said) = checked(words);
        assert_eq!(status, Some(2), "{words:?}: {said}");
        assert!(said.to_lowercase().contains(&what.to_lowercase()), "{what} is not in {said}");
    }
    let (first, second) = (Authority::loopback(), Authority::shared().issue(&["other.test"]).expect("a key"));
    let words = [&first.files.0, &second.files.1].map(|path| path.to_str().expect("a text"));
    let (status, said) = checked(&[one, to, "--cert", words[0], "--key", words[1]]);
    assert!(status == Some(2) && said.contains("the key is that of another certificate"), "{said}");
    // Nothing was made.
    let log = format!("{directory}/log");
    assert_eq!(checked(&[one, to, "--log", &log]).0, Some(0));
    assert!(!Path::new(&log).exists());
}

#[cfg(target_os = "linux")]
#[test]
fn a_relay_whose_socket_was_passed_does_not_connect_to_itself() {
    let listener = adieu_testkit::places::listener();
    let address = listener.local_addr().expect("bound").to_string();
    let pass = "export LISTEN_PID=$$ LISTEN_FDS=1; exec 3<&0 </dev/null; exec \"$0\" \"$@\"";
    let mut command = Command::new("sh");
    command.args(["-c", pass, crate::ADIEU, "relay", "fd:3", &address]);
    let mut server = crate::Server::of_with(
        &mut command,
        std::process::Stdio::from(std::os::fd::OwnedFd::from(listener)),
        std::process::Stdio::null(),
    );
    let mut client = server.connect();
    let error = std::io::Read::read(&mut client, &mut [0]).expect_err("it is reset");
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    let said = server.line_with("#1 ");
    assert!(said.contains(&format!("{address} leads back to where this relay listens")), "{said}");
    // There was no other client.
    let mut second = server.connect();
    std::io::Read::read(&mut second, &mut [0]).expect_err("it is reset");
    server.line_with("#2 ");
    server.signal(rustix::process::Signal::TERM);
}

#[test]
fn sighup_reads_the_certificates_of_the_command_line_anew() {
    let directory = tempfile::tempdir().expect("there is room");
    let [cert, key] = ["cert.pem", "key.pem"].map(|name| directory.path().join(name));
    let (old, new) = (Authority::shared().issue(&["old.test"]), Authority::shared().issue(&["new.test"]));
    let put = |identity: &adieu_testkit::tls::authority::Identity| {
        std::fs::copy(&identity.files.0, &cert).expect("there is room");
        std::fs::copy(&identity.files.1, &key).expect("there is room");
    };
    put(old.as_ref().expect("a key"));
    let upstream = crate::Server::start(&["--echo", "--keep-open", "--report", "none"]);
    let mut command = crate::adieu(&["relay", "127.0.0.1:0", &upstream.address]);
    let mut relay = crate::Server::of(command.arg("--cert").arg(&cert).arg("--key").arg(&key));
    let ca = Authority::shared().file();
    let at = relay.address.trim_start_matches("tls://").to_owned();
    let ask = |name: &str| {
        let ca = ca.to_str().expect("a text");
        run(&["connect", &format!("tls://{at}"), "--ca", ca, "--servername", name], b"word").stdout
    };
    assert_eq!((ask("old.test"), ask("new.test")), (b"word".to_vec(), Vec::new()));
    put(new.as_ref().expect("a key"));
    relay.signal(rustix::process::Signal::HUP);
    let said = relay.line_with("read again");
    assert!(
        said.contains("cert.pem, ") && said.contains("key.pem are read again, for new connections"),
        "{said}"
    );
    assert_eq!((ask("old.test"), ask("new.test")), (Vec::new(), b"word".to_vec()));
    // One that cannot be used changes nothing.
    std::fs::write(&cert, "no certificate").expect("there is room");
    relay.signal(rustix::process::Signal::HUP);
    let said = relay.line_with("cert.pem");
    assert!(said.contains("cannot use TLS"), "{said}");
    relay.line_with("the certificates stay as they are");
    assert_eq!(ask("new.test"), b"word");
}

/// Clients know the certificate that was made for the run by now, so it stays. The roots are read anew.
#[test]
fn sighup_reads_the_roots_anew_and_keeps_a_certificate_that_was_made_for_the_run() {
    let (known, other) = (Authority::shared(), Authority::new().expect("a key"));
    let identity = known.issue(&["localhost"]).expect("a key");
    let [cert, key] = [&identity.files.0, &identity.files.1].map(|file| file.to_str().expect("a text"));
    let upstream = crate::Server::start_at(
        "tls://127.0.0.1:0",
        &["--echo", "--keep-open", "--report", "none", "--cert", cert, "--key", key],
    );
    let port = upstream.address.rsplit_once(':').expect("a port").1;
    let directory = tempfile::tempdir().expect("there is room");
    let ca = directory.path().join("ca.pem");
    let put = |authority: &Authority| {
        std::fs::copy(authority.file(), &ca).expect("there is room");
    };
    put(&other);
    let to = format!("tls://localhost:{port}");
    let mut command = crate::adieu(&["relay", "127.0.0.1:0", &to, "--self-signed", "--ca"]);
    let mut relay = crate::Server::of(command.arg(&ca));
    let said = relay.line_with("--pin ");
    let pin = said.rsplit_once(' ').expect("a fingerprint").1.to_owned();
    let at = relay.address.clone();
    let ask = || run(&["connect", &at, "--pin", &pin], b"word").stdout;
    assert_eq!(ask(), b"");
    put(known);
    relay.signal(rustix::process::Signal::HUP);
    relay.line_with("ca.pem is read again, for new connections");
    assert_eq!(ask(), b"word");
    std::fs::write(&ca, "no certificate").expect("there is room");
    relay.signal(rustix::process::Signal::HUP);
    relay.line_with("the certificates stay as they are");
    assert_eq!(ask(), b"word");
}

#[test]
fn words_of_other_forwarders_are_answered_with_what_says_the_same() {
    let to = "192.0.2.10:80";
    for (words, hint) in [
        (&["-p", "8000", to][..], "endpoints are arguments, not options: write where to listen"),
        (&["-l", "8000", to], "endpoints are arguments, not options"),
        (&["-L", "8000:192.0.2.10:80"], "endpoints are arguments, not options"),
        (&[":8000", to, "--tls"], "write tls:// before"),
        (&[":8000", to, "--timeout", "3s"], "--connect-timeout bounds connecting"),
        (&[":8000", to, "--maxconn", "3"], "--max-connections bounds"),
        (&[":8000", to, "--bind", "x"], "endpoints are arguments, not options"),
        (&[":8000", to, "--idletimeout", "3s"], "did you mean --idle-timeout?"),
        (&["TCP-LISTEN:8000,fork", "TCP:192.0.2.10:80"], "hint: write :8000"),
        (&[":8000", "TCP:192.0.2.10:80"], "hint: write 192.0.2.10:80"),
        (&["8000:192.0.2.10:80"], "hint: write 127.0.0.1:8000 192.0.2.10:80"),
        (&["bind", ":80", to], "leave the word out"),
        (&["*:80", to], "to listen on every address"),
        (
            &[":8000", "http://192.0.2.10"],
            "hint: adieu carries bytes, whatever they mean: write 192.0.2.10:80",
        ),
        (&[":8000", "udp://192.0.2.10:80"], "a relay carries TCP, TLS and Unix sockets"),
        (&["udp://:8000", to], "a relay carries TCP, TLS and Unix sockets"),
        (&[":8000", "quic://192.0.2.10:80"], "a relay carries TCP, TLS and Unix sockets"),
    ] {
        let output = run(&[&["relay"], words].concat(), b"");
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{words:?}: {said}");
        assert!(said.contains(hint), "{words:?}: {said}");
        assert!(!said.contains("udp://host") && !said.contains("adieu nc"), "{words:?}: {said}");
    }
}

#[test]
fn the_line_of_a_connection_names_options_and_a_hint_is_given_once() {
    let upstream = crate::Server::start(&["--echo", "--keep-open", "--report", "none"]);
    let words = ["relay", "tls://127.0.0.1:0", &upstream.address, "--self-signed", "--fault", "tls-cut@down"];
    let mut cutting = crate::Server::of_with(
        &mut crate::adieu(&words),
        std::process::Stdio::null(),
        std::process::Stdio::null(),
    );
    cutting.line_with("sha256:");
    let relay = |option: &[&str]| {
        crate::Server::of(crate::adieu(&["relay", "127.0.0.1:0", &cutting.address]).args(option))
    };
    let ask = |address: &str| run(&["connect", "-q", address], b"").status.code();
    // Its stdin stays open: the relay that cuts answers an end by a reset, which could come right behind the cut.
    let wait_for_the_cut = |address: &str| {
        let mut client = crate::adieu(&["connect", "-q", address]);
        let mut client = client.stdin(std::process::Stdio::piped()).spawn().expect("the built binary starts");
        let stdin = client.stdin.take();
        let code = client.wait().expect("it ends").code();
        drop(stdin);
        code
    };
    let mut trusting = relay(&["--insecure"]);
    assert_eq!(wait_for_the_cut(&trusting.address), Some(4));
    trusting.line_with("#1 ");
    let hint = trusting.line();
    assert!(
        hint.starts_with("  hint: ") && hint.contains("nginx") && hint.contains("--tls-eof framed"),
        "{hint}"
    );
    assert_eq!(wait_for_the_cut(&trusting.address), Some(4));
    trusting.line_with("#2 ");
    trusting.signal(rustix::process::Signal::TERM);
    let (_, _, said) = trusting.finish();
    assert!(!said.contains("hint"), "{said}");
    let mut framed = relay(&["--insecure", "--tls-eof", "framed"]);
    assert_eq!(ask(&framed.address), Some(0));
    assert!(framed.line_with("#1 ").contains("graceful"));
    let mut strict = relay(&[]);
    assert_eq!(ask(&strict.address), Some(4));
    let said = strict.line_with("#1 ");
    assert!(said.contains("use --pin sha256:"), "{said}");
}
