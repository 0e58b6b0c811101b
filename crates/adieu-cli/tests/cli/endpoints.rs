//! Endpoints as netcat's users write them: a port alone, a service's name, a scheme.

use crate::{Server, adieu, ask, run, text};
use std::net::{TcpListener, TcpStream};
use std::process::Stdio;

fn has_ipv6() -> bool {
    TcpListener::bind("[::1]:0").is_ok()
}

#[test]
fn a_port_alone_is_every_address_and_both_versions_are_served() {
    for endpoint in ["0", ":0", "tcp://:0"] {
        let mut server = Server::start_at(endpoint, &["--keep-open", "--echo"]);
        let port = server.address.rsplit_once(':').expect("a port").1.to_owned();
        let (shown, said) = if has_ipv6() { ("[::]", "IPv6 and IPv4") } else { ("0.0.0.0", "IPv4 alone") };
        assert_eq!(server.address, format!("{shown}:{port}"), "{endpoint}");
        assert_eq!(server.line(), format!("adieu: that is every address of this machine, of {said}"));
        for host in
            ["127.0.0.1", "127.0.0.2", "[::1]"].into_iter().filter(|h| has_ipv6() || !h.starts_with('['))
        {
            let stream = TcpStream::connect(format!("{host}:{port}")).expect("it listens");
            let ours = stream.local_addr().expect("connected");
            assert_eq!(ask(stream, b"word"), b"word");
            // By its own address, whatever the socket's version.
            let told = server.line();
            assert!(told.ends_with(&format!("connection from {ours}")), "{told}");
            let ended = server.line();
            assert!(ended.contains(&format!(" {ours} to {host}:{port}, ")), "{ended}");
        }
    }
}

#[test]
fn one_version_alone_is_as_it_was_asked_for() {
    let server = Server::start_at("0", &["-4", "--echo"]);
    assert!(server.address.starts_with("0.0.0.0:"), "{}", server.address);
    assert_eq!(ask(server.connect(), b"word"), b"word");
    let (status, _, said) = server.finish();
    assert_eq!(status.code(), Some(0), "{said}");
    assert!(!said.contains("every address"), "{said}");
}

#[test]
fn tls_listens_on_every_address_too() {
    let mut server = Server::start_at("tls://:0", &["--echo"]);
    let port =
        server.address.strip_prefix("tls://").and_then(|at| at.rsplit_once(':')).expect("TLS").1.to_owned();
    let lines = [server.line(), server.line()];
    let pin = lines.iter().find_map(|line| line.split_once("--pin ")).expect("the fingerprint").1;
    let client = run(&["connect", &format!("tls://127.0.0.1:{port}"), "--pin", pin], b"word");
    assert_eq!((client.status.code(), text(&client.stdout)), (Some(0), "word".to_owned()));
    assert_eq!(server.finish().0.code(), Some(0));
}

#[test]
fn a_transfer_listens_on_every_address_too() {
    let directory = tempfile::tempdir().expect("there is room");
    let (file, stored) = (directory.path().join("file"), directory.path().join("stored"));
    std::fs::write(&file, b"word").expect("there is room");
    let (file, output) = (file.to_str().expect("UTF-8"), stored.to_str().expect("UTF-8"));
    // Received from whoever connects, and sent to whoever connects.
    let listening = [vec!["receive", ":0", "--output", output], vec!["send", "--listen", file, "0"]];
    for words in listening {
        let server = Server::of(&mut adieu(&words));
        let port = server.address.rsplit_once(':').expect("a port").1.to_owned();
        let there = format!("127.0.0.1:{port}");
        let other = match words[0] {
            "receive" => run(&["send", file, "127.0.0.1", &port], b""),
            _ => run(&["receive", "--connect", "--output", output, &there], b""),
        };
        assert_eq!(other.status.code(), Some(0), "{}", text(&other.stderr));
        assert_eq!(server.finish().0.code(), Some(0));
        assert_eq!(std::fs::read(&stored).expect("it is stored"), b"word");
        std::fs::remove_file(&stored).expect("it is there");
    }
}

#[test]
fn the_name_of_a_service_is_a_port() {
    if !std::path::Path::new("/etc/services").exists() {
        return;
    }
    // Nobody listens there: what is said has the port.
    for words in [&["tcp://127.0.0.7:tcpmux"][..], &["127.0.0.7:tcpmux"], &["127.0.0.7", "tcpmux"]] {
        let output = run(&[&["connect"], words].concat(), b"");
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{said}");
        assert!(said.starts_with("adieu: no connection to 127.0.0.7:1: "), "{said}");
    }
    let directory = tempfile::tempdir().expect("there is room");
    let output = adieu(&["send", "/dev/null", "127.0.0.7", "tcpmux"])
        .current_dir(directory.path())
        .stdin(Stdio::null())
        .output()
        .expect("it starts");
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("127.0.0.7:1"), "{said}");
}

#[test]
fn what_is_no_endpoint_says_why() {
    for (words, sentence) in [
        (
            &["connect", ":9000"][..],
            "adieu: ':9000' is not an endpoint: the endpoint has no host: write host:port, for example 127.0.0.1:27015\n",
        ),
        (
            &["connect", "9000"],
            "adieu: '9000' is not an endpoint: '9000' is only a port: write 127.0.0.1:9000, or localhost:9000\n",
        ),
        (
            &["connect", "localhost:nosuchservice"],
            "adieu: 'localhost:nosuchservice' is not an endpoint: 'nosuchservice' is not a port: a port is a number from 0 to 65535, \
             or a service that this system knows\n",
        ),
        (
            &["connect", "localhost", "nosuchservice"],
            "adieu: 'localhost nosuchservice' is not an endpoint: 'nosuchservice' is not a port: a port is a number from 0 to 65535, \
             or a service that this system knows\n",
        ),
        (
            &["listen", ":65536"],
            "adieu: ':65536' is not an endpoint: '65536' is not a port: a port is a number from 0 to 65535\n",
        ),
        (
            &["listen", "localhost"],
            "adieu: 'localhost' is not an endpoint: 'localhost' has no port: write localhost:PORT\n",
        ),
    ] {
        let output = run(words, b"");
        assert_eq!((output.status.code(), text(&output.stderr)), (Some(2), sentence.to_owned()), "{words:?}");
    }
}
