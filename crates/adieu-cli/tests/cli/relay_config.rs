//! `adieu relay --config`: several relays of one file, checked, and read anew while they serve.

use crate::relay::{refusing, upstream};
use crate::{Server, adieu, run, text, until};
use adieu_testkit::tls::authority::Authority;
#[cfg(target_os = "linux")]
use adieu_testkit::{namespace, skip};
use rustix::process::Signal;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Output;

/// Serves each client with this byte and its own back, and ends when the client does.
fn serve(listener: TcpListener, byte: u8) {
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || {
                let _ = stream.write_all(&[byte]);
                let mut bytes = [0; 64];
                while let Ok(n @ 1..) = stream.read(&mut bytes) {
                    let _ = stream.write_all(&bytes[..n]);
                }
            });
        }
    });
}

fn byte_of(mut client: &TcpStream) -> u8 {
    let mut byte = [0];
    client.read_exact(&mut byte).expect("an upstream answers");
    byte[0]
}

fn connect(address: &str) -> TcpStream {
    let client = TcpStream::connect(address).expect("it listens");
    client.set_read_timeout(Some(crate::BOUND)).expect("a timeout can be set");
    client
}

/// A file of a configuration.
struct Config {
    directory: tempfile::TempDir,
}

impl Config {
    fn of(text: &str) -> Self {
        let config = Self { directory: tempfile::tempdir().expect("there is room") };
        config.write(text);
        config
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("relay.toml")
    }

    fn write(&self, text: &str) {
        std::fs::write(self.path(), text).expect("there is room");
    }

    fn check(&self) -> Output {
        run(&["relay", "--check", "--config", self.path().to_str().expect("a text")], b"")
    }

    fn start(&self) -> Server {
        Server::of(adieu(&["relay", "--config"]).arg(self.path()))
    }
}

fn relay(listen: &str, to: &str) -> String {
    format!("[[relay]]\nlisten = \"{listen}\"\nto = \"{to}\"\n")
}

#[test]
fn a_file_that_is_right_is_said_to_be_and_one_that_is_wrong_says_where() {
    let config = Config::of(&(relay("127.0.0.1:0", "127.0.0.1:9") + &relay("[::1]:0", "localhost:9")));
    let output = config.check();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("2 relays, and nothing is wrong"));

    config.write(
        "[[relay]]\nlisten = \"127.0.0.1:0\"\nto = \"127.0.0.1:9\"\nidel-timeout = \"1s\"\nbalance = \"x\"\n\n[[relay]]\nto = 3\n",
    );
    let output = config.check();
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    let path = config.path();
    for (line, what) in [
        (4, "'idel-timeout' is not known: did you mean 'idle-timeout'?"),
        (5, "invalid value 'x' for 'balance'"),
        (7, "this relay has no 'listen'"),
    ] {
        let expected = format!("{}: line {line}: {what}", path.display());
        assert!(said.contains(&expected), "{expected} is not in {said}");
    }
    config.write(&(relay("127.0.0.1:1", "127.0.0.1:9") + "cert = \"site.pem\"\n"));
    let said = text(&config.check().stderr);
    assert!(said.contains("line 4: 'cert' needs its 'key'"), "{said}");
    // What only the plan of a relay finds has its line too.
    config.write(&(relay("127.0.0.1:1", "127.0.0.1:9") + "\n" + &relay("127.0.0.1:1", "udp://127.0.0.1:9")));
    let said = text(&config.check().stderr);
    assert!(said.contains("line 7: 'to': ") && said.contains("UDP"), "{said}");
    config.write(&(relay("127.0.0.1:1", "127.0.0.1:9") + &relay("127.0.0.1:1", "127.0.0.1:8")));
    let said = text(&config.check().stderr);
    assert!(said.contains("line 5: 'listen': it listens where the relay of line 1 does"), "{said}");
    let missing = run(&["relay", "--check", "--config", "/nonexistent/relay.toml"], b"");
    let said = text(&missing.stderr);
    assert_eq!(missing.status.code(), Some(2), "{said}");
    assert!(said.contains("cannot read /nonexistent/relay.toml: ") && !said.contains("os error"), "{said}");
}

#[test]
fn each_error_of_a_file_is_a_sentence_with_its_line_and_its_key() {
    let one = relay("127.0.0.1:8000", "127.0.0.1:9000");
    let config = Config::of("");
    for (file, told) in [
        (
            "log = 3\n".to_owned() + &one,
            "line 1: 'log' must be a text that is not empty, such as log = \"relay.jsonl\"",
        ),
        (
            "metrics = \"udp://a:1\"\n".to_owned() + &one,
            "line 1: 'metrics' is served over HTTP: give host:port",
        ),
        (
            "metrics = \"127.0.0.1:8000\"\n".to_owned() + &one,
            "line 1: 'metrics': metrics cannot be served on",
        ),
        ("log = \"/nonexistent/log\"\n".to_owned() + &one, "line 1: 'log': cannot write the log to"),
        (one.clone() + "[other]\n", "line 4: 'other' is not known here: at the top of the file are"),
        (one.clone() + "listen = \":1\"\n", "line 4: 'listen' stands twice in this table"),
        (one.clone() + "name \"a\"\n", "line 4: this is not TOML: "),
        (one.clone() + "name = \"\"\n", "line 4: 'name' is empty: write a value, or leave the key out"),
        (one.clone() + "allow = []\n", "line 4: 'allow' is an empty list: write a value"),
        (
            one.clone() + "allow = [\n\"::1\",\n\"x\"]\n",
            "line 6: invalid value 'x' for 'allow': write a network",
        ),
        (
            one.clone() + "balance = \"lest\"\n",
            "line 4: invalid value 'lest' for 'balance': did you mean least?",
        ),
        (one.clone() + "fault-seed = 3\n", "line 4: 'fault-seed': 'fault' is missing"),
        (one.clone() + "ipv4 = true\nipv6 = true\n", "line 4: 'ipv4' and 'ipv6' cannot be used together"),
        (one.clone() + "ca = \"roots.pem\"\n", "line 4: 'ca' is for upstreams with TLS"),
        (one.clone() + "route = \"a\"\n", "line 4: 'route' a: write NAME=TO"),
        (
            one.clone() + "mark = 1\n",
            "line 4: 'mark' is not known: the keys are the options of 'adieu relay'",
        ),
        (relay("127.0.0.1", "127.0.0.1:9"), "line 2: 'listen': '127.0.0.1' is not an endpoint"),
        (relay("127.0.0.1:8000", "nope"), "line 3: 'to': 'nope' is not an endpoint"),
        (relay("127.0.0.1:8000", "127.0.0.1:8000"), "line 3: 'to': the relay would connect to itself"),
        (
            relay("unix:/nonexistent/a/b", "127.0.0.1:9"),
            "line 2: 'listen': cannot listen on unix:/nonexistent/a/b",
        ),
        (
            format!("{one}name = \"a\"\n{}name = \"a\"\n", relay("127.0.0.1:8001", "127.0.0.1:9")),
            "line 8: it has the name of the relay of line 1, 'a': give it another with 'name'",
        ),
    ] {
        config.write(&file);
        let output = config.check();
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{file}{said}");
        let expected = format!("adieu: {}: {told}", config.path().display());
        assert!(said.starts_with(&expected) && said.lines().count() == 1, "{expected}\n{said}");
    }
    std::fs::write(config.path(), b"\n# \xff\n").expect("there is room");
    let said = text(&config.check().stderr);
    assert!(said.contains("relay.toml: line 2: this is not UTF-8"), "{said}");
}

/// A key that belongs to another certificate, and files that are not there: the error has the line of the one that is wrong.
#[test]
fn certificates_that_cannot_be_used_are_told_with_their_line() {
    let config = Config::of("");
    let one = Authority::shared().issue(&["localhost"]).expect("it can be made");
    let another = Authority::shared().issue(&["localhost"]).expect("it can be made");
    let (cert, other) = (&*one.files.0, &*another.files.1);
    for (cert, key, told) in [
        (cert, other, "line 4: 'cert': cannot use TLS: the certificate and its key cannot be used"),
        (cert, Path::new("/nonexistent/key"), "line 5: 'key': cannot use TLS: cannot read /nonexistent/key"),
        (
            Path::new("/nonexistent/cert"),
            other,
            "line 4: 'cert': cannot use TLS: cannot read /nonexistent/cert",
        ),
    ] {
        let keys = format!("cert = \"{}\"\nkey = \"{}\"\n", cert.display(), key.display());
        config.write(&(relay("127.0.0.1:8000", "127.0.0.1:9000") + &keys));
        let output = config.check();
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(told), "{told}\n{said}");
    }
}

#[test]
fn what_an_upstream_lacks_now_is_a_warning() {
    let config = Config::of(
        "[[relay]]\nlisten = \"127.0.0.1:8000\"\nto = [\n\"unix:/nonexistent/s\",\n\"no.such.name.invalid:1\",\n]\n",
    );
    let output = config.check();
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    for warning in [
        "line 4: 'to': cannot connect to unix:/nonexistent/s now: there is no directory /nonexistent",
        "line 4: 'to': cannot connect to no.such.name.invalid:1 now: ",
    ] {
        let expected = format!("adieu: warning: {}: {warning}", config.path().display());
        assert!(said.contains(&expected), "{expected}\n{said}");
    }
    assert!(said.ends_with("adieu: 1 relay, and nothing is wrong, but there are 2 warnings\n"), "{said}");
}

#[test]
fn what_no_socket_can_be_called_is_found() {
    let long = format!("unix:/{}", "x".repeat(200));
    let refused = |args: &[&str], said: &str| {
        let output = run(&[&["relay"], args].concat(), b"");
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", text(&output.stderr));
        assert!(text(&output.stderr).contains(said), "{args:?}: {}", text(&output.stderr));
    };
    for check in [&["--check"][..], &[]] {
        let path = [&["127.0.0.1:0", &long], check].concat();
        refused(&path, "xxx: the path has 201 bytes, and a Unix socket's has at most ");
        let port = [&["127.0.0.1:0", "127.0.0.1:0"], check].concat();
        refused(&port, "cannot connect to 127.0.0.1:0: port 0 cannot be connected to");
    }
    refused(&[&long, "127.0.0.1:9", "--check"], "cannot listen on unix:/xxx");
    let config = Config::of(&relay("127.0.0.1:8000", &long));
    let said = text(&config.check().stderr);
    assert!(said.contains("line 3: ") && said.contains("the path has 201 bytes"), "{said}");
}

#[cfg(target_os = "linux")]
#[test]
fn an_interface_that_is_not_there_is_found() {
    let check = |name: &str| run(&["relay", ":0", "127.0.0.1:9", "--check", "--interface", name], b"");
    let output = check("nosuchinterf");
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("this machine has no network interface nosuchinterf"));
    assert_eq!(check("lo").status.code(), Some(0));
}

/// Where the administrator says that sockets of IPv6 take no clients of IPv4.
#[cfg(target_os = "linux")]
#[test]
fn addresses_of_both_versions_are_no_overlap_where_ipv6_is_for_itself() {
    let both = relay("[::]:8000", "192.0.2.1:1") + &relay("0.0.0.0:8000", "192.0.2.1:1");
    let config = Config::of(&both);
    let said = text(&config.check().stderr);
    assert!(said.contains("overlap"), "{said}");
    let alone = std::thread::spawn(move || {
        let made = namespace::own_loopback().and_then(|()| namespace::set("net.ipv6.bindv6only", "1"));
        if let Err(error) = made {
            return skip::loudly(
                "addresses_of_both_versions_are_no_overlap_where_ipv6_is_for_itself",
                &error,
            );
        }
        let output = config.check();
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        // It is true.
        let server = config.start();
        assert_eq!(server.address, "[::]:8000");
        config.write(&(relay("[::]:8000", "127.0.0.1:8000")));
        assert_eq!(config.check().status.code(), Some(0));
        config.write(&(relay(":8000", "127.0.0.1:8000")));
        assert_eq!(config.check().status.code(), Some(2));
    });
    alone.join().expect("it does not panic");
}

#[test]
fn the_example_is_right() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging/systemd/relay-example.toml");
    // The unit makes the directory of the log.
    let text_of = std::fs::read_to_string(example).expect("it is there");
    let config = Config::of("");
    let directory = config.directory.path().to_str().expect("a text").to_owned();
    assert!(text_of.contains("/var/log/adieu-relay-web/"));
    config.write(&text_of.replace("/var/log/adieu-relay-web", &directory));
    let output = config.check();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
}

#[test]
fn a_file_without_an_end_is_refused_and_fills_no_memory() {
    let output = adieu(&["relay", "--config", "/dev/zero", "--check"]).output().expect("adieu starts");
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert_eq!(said, "adieu: /dev/zero: a configuration has at most 64 MiB, and this has more\n");
}

#[test]
fn options_of_a_relay_do_not_stand_beside_the_file() {
    let config = Config::of(&relay("127.0.0.1:0", "127.0.0.1:9"));
    let path = config.path();
    let path = path.to_str().expect("a text");
    for (words, what) in [
        (&["--balance", "least"][..], "--balance is for one relay"),
        (&["--idle-timeout=1s"], "--idle-timeout is for one relay"),
        (&["127.0.0.1:0", "127.0.0.1:9"], "cannot be used together"),
    ] {
        let output = run(&[&["relay", "--check", "--config", path], words].concat(), b"");
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(what), "{said}");
    }
    let quiet = run(&["relay", "--check", "-v", "--config", path], b"");
    assert_eq!(quiet.status.code(), Some(0), "{}", text(&quiet.stderr));
}

#[test]
fn sighup_reads_the_file_anew_and_no_connection_ends_by_it() {
    let [(one, at_one), (two, at_two)] = [upstream(), upstream()];
    serve(one, b'1');
    serve(two, b'2');
    let listen = refusing();
    let config = Config::of(&relay(&listen, &at_one));
    let mut server = config.start();
    assert_eq!(server.address, listen);
    let mut before = connect(&listen);
    assert_eq!(byte_of(&before), b'1');

    let new = refusing();
    config.write(&(relay(&listen, &at_two) + &relay(&new, &at_one)));
    server.signal(Signal::HUP);
    let said = server.line_with("is read");
    assert!(said.contains("relays kept 1, added 1, removed 0"), "{said}");
    server.line_with(&format!("listening on {new}"));
    assert_eq!(byte_of(&connect(&new)), b'1');
    until("the new settings are not used", || byte_of(&connect(&listen)) == b'2');
    before.write_all(b"x").expect("it is open");
    assert_eq!(byte_of(&before), b'x');

    // What is wrong changes nothing.
    config.write("[[relay]]\nlisten = \"127.0.0.1:0\"\n");
    server.signal(Signal::HUP);
    server.line_with("line 1: this relay has no 'to'");
    server.line_with("the settings stay as they are");
    assert_eq!(byte_of(&connect(&listen)), b'2');

    config.write(&relay(&new, &at_one));
    server.signal(Signal::HUP);
    let said = server.line_with("is read");
    assert!(said.contains("relays kept 1, added 0, removed 1"), "{said}");
    until("the one that went still listens", || TcpStream::connect(&listen).is_err());
    before.write_all(b"y").expect("it is open");
    assert_eq!(byte_of(&before), b'y');
    drop(before);
    server.signal(Signal::TERM);
    let (status, _, said) = server.finish();
    assert_eq!(status.code(), Some(0), "{said}");
}

#[test]
fn the_file_names_the_log_and_where_metrics_are_served() {
    let (listener, address) = upstream();
    serve(listener, b'1');
    let config = Config::of("");
    let log = config.directory.path().join("log");
    config.write(&format!(
        "log = \"{}\"\nmetrics = \"127.0.0.1:0\"\n\n{}name = \"front\"\n",
        log.display(),
        relay("127.0.0.1:0", &address)
    ));
    let mut server = config.start();
    assert!(server.line_with("metrics on ").contains("127.0.0.1:"));
    assert_eq!(byte_of(&server.connect()), b'1');
    until("the log has no line", || {
        std::fs::read_to_string(&log).is_ok_and(|log| log.contains("\"relay\":\"front\""))
    });
    // Both are of the start.
    config.write(&relay("127.0.0.1:0", &address));
    server.signal(Signal::HUP);
    server.line_with("log and metrics stay as they are until the next start");
}
