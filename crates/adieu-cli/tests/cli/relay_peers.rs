//! `adieu relay` between real programs, with and without TLS on either side: curl, openssl and gnutls in front, nginx, haproxy and
//! openssl behind. What the clients have, how they take its end, and what the log says.

use crate::relay::Relay;
use crate::relay_counterparts::{Running, haproxy, nginx, on_a_port};
use crate::{text, until};
use adieu_testkit::places;
use adieu_testkit::skip::counterpart;
use adieu_testkit::tls::authority::Authority;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Plain and TLS, in front and behind.
const GRID: [(bool, bool); 4] = [(false, false), (false, true), (true, false), (true, true)];

/// More than any one buffer on the way holds.
const FILE: usize = 3_000_000;

fn contents() -> Vec<u8> {
    (0..FILE).map(|at| u8::try_from(at * 31 % 251).expect("it is below 251")).collect()
}

/// Certificate and key of the servers here, ours and theirs.
fn files() -> [&'static str; 2] {
    let (certificate, key) = &Authority::loopback().files;
    [certificate, key].map(|path: &std::path::PathBuf| path.to_str().expect("UTF-8"))
}

fn ca() -> String {
    Authority::shared().file().to_str().expect("UTF-8").to_owned()
}

/// A relay of this kind, and the port where it listens.
fn relay(front: bool, behind: bool, upstream: u16) -> (Relay, u16) {
    let [certificate, key] = files();
    let listen = if front { "tls://127.0.0.1:0" } else { "127.0.0.1:0" };
    let to = format!("{}localhost:{upstream}", if behind { "tls://" } else { "" });
    let ca = ca();
    let mut options = Vec::new();
    if front {
        options.extend(["--cert", certificate, "--key", key]);
    }
    if behind {
        options.extend(["--ca", &ca]);
    }
    let relay = Relay::start_at(listen, &[&to], &options);
    let port = relay.server.address.rsplit_once(':').expect("a port").1.parse().expect("a number");
    (relay, port)
}

/// nginx with a file, plain on the first port and with TLS on the second.
fn nginx_with_a_file(program: &Path) -> (Running, [u16; 2]) {
    let ports = [places::free_port(), places::free_port()];
    let [certificate, key] = files();
    let running = nginx(program, |place| {
        std::fs::write(Path::new(place).join("file"), contents()).expect("there is room");
        let [plain, secure] = ports;
        format!(
            "http {{ access_log off; TEMPORARY server {{ root {place}; location /slow/ {{ alias {place}/; limit_rate 100k; }}\n\
             listen 127.0.0.1:{plain}; listen 127.0.0.1:{secure} ssl;\n\
             ssl_certificate {certificate}; ssl_certificate_key {key}; }} }}"
        )
    });
    for port in ports {
        until("nginx does not listen", || TcpStream::connect(("127.0.0.1", port)).is_ok());
    }
    (running, ports)
}

fn curl(program: &Path, front: bool, port: u16, path: &str) -> Output {
    let mut command = Command::new(program);
    let url = format!("http{}://localhost:{port}/{path}", if front { "s" } else { "" });
    command.args(["-sS", "--http1.0", "--ipv4", "--max-time", "60", "--noproxy", "*", "--cacert"]).arg(ca());
    command.arg(url).stdin(Stdio::null()).output().expect("curl starts")
}

/// The line of a connection that was whole: every byte that came on one side has gone on to the other, and both have ended.
fn is_whole(line: &Value, at_least: usize) {
    let names = ["ending", "client_ending", "upstream_ending"];
    assert_eq!(names.map(|name| line[name].clone()), ["graceful"; 3].map(Value::from), "{line}");
    all_was_passed_on(line, at_least);
}

fn all_was_passed_on(line: &Value, at_least: usize) {
    assert_eq!(line["bytes_from_client"], line["bytes_to_upstream"], "{line}");
    assert_eq!(line["bytes_from_upstream"], line["bytes_to_client"], "{line}");
    assert!(line["bytes_to_client"].as_u64().is_some_and(|bytes| bytes >= at_least as u64), "{line}");
}

#[test]
fn curl_has_a_file_of_nginx_whole_through_every_kind() {
    let test = "curl and nginx, plain and with TLS";
    let Some(program) = counterpart(test, "curl") else { return };
    let Some(nginx) = counterpart(test, "nginx") else { return };
    let (_nginx, ports) = nginx_with_a_file(&nginx);
    for (front, behind) in GRID {
        let (relay, port) = relay(front, behind, ports[usize::from(behind)]);
        let output = curl(&program, front, port, "file");
        assert_eq!(output.status.code(), Some(0), "{front} {behind}: {}", text(&output.stderr));
        assert!(output.stdout == contents(), "{front} {behind}: {} bytes", output.stdout.len());
        is_whole(&relay.lines(1)[0], FILE);
    }
}

/// Killed, its system ends its streams: with TLS by a FIN without close_notify, which is a cut.
#[test]
fn curl_is_reset_if_nginx_is_killed_in_the_middle_of_a_file_over_tls() {
    let test = "curl and a killed nginx";
    let Some(program) = counterpart(test, "curl") else { return };
    let Some(nginx) = counterpart(test, "nginx") else { return };
    for front in [false, true] {
        let (mut running, [_, secure]) = nginx_with_a_file(&nginx);
        let (relay, port) = relay(front, true, secure);
        let mut command = Command::new(&program);
        let url = format!("http{}://localhost:{port}/slow/file", if front { "s" } else { "" });
        command
            .args(["-sS", "-N", "--http1.0", "--ipv4", "--max-time", "60", "--noproxy", "*", "--cacert"])
            .arg(ca());
        command.arg(url).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("curl starts");
        child.stdout.as_mut().expect("a pipe").read_exact(&mut [0; 1000]).expect("the file begins");
        running.child.kill().expect("it runs");
        let output = child.wait_with_output().expect("curl ends");
        // 56 is a failure to receive; an end that looks whole would be 18, a file that is too short.
        assert_eq!(output.status.code(), Some(56), "{front}: {}", text(&output.stderr));
        let line = &relay.lines(1)[0];
        assert!(line["upstream_ending"] == "truncated" || line["upstream_ending"] == "reset", "{line}");
        assert_eq!((&line["client_reset_by"], &line["by"]), (&"relay".into(), &"upstream".into()), "{line}");
    }
}

#[test]
fn openssl_and_gnutls_have_an_answer_of_haproxy_whole_through_a_relay_with_tls_in_front() {
    let test = "openssl, gnutls and haproxy";
    let Some(openssl) = counterpart(test, "openssl") else { return };
    let Some(gnutls) = counterpart(test, "gnutls-cli") else { return };
    let Some(program) = counterpart(test, "haproxy") else { return };
    let (ports, [certificate, key]) = ([places::free_port(), places::free_port()], files());
    let _haproxy = haproxy(&program, |place| {
        let body = Path::new(place).join("body");
        std::fs::write(&body, "haproxy says so\n".repeat(500)).expect("there is room");
        let both = [certificate, key].map(|file| std::fs::read_to_string(file).expect("it was written"));
        std::fs::write(Path::new(place).join("pem"), both.concat()).expect("there is room");
        format!(
            "frontend f\n mode http\n bind 127.0.0.1:{}\n bind 127.0.0.1:{} ssl crt {place}/pem\n \
             http-request return status 200 content-type text/plain file {place}/body\n",
            ports[0], ports[1]
        )
    });
    for port in ports {
        until("haproxy does not listen", || TcpStream::connect(("127.0.0.1", port)).is_ok());
    }
    let ca = ca();
    for behind in [false, true] {
        let (relay, port) = relay(true, behind, ports[usize::from(behind)]);
        let connect = format!("localhost:{port}");
        let port = port.to_string();
        let mut of_openssl = Command::new(&openssl);
        of_openssl.args([
            "s_client",
            "-quiet",
            "-verify_return_error",
            "-CAfile",
            &ca,
            "-connect",
            &connect,
            "-4",
        ]);
        let mut of_gnutls = Command::new(&gnutls);
        of_gnutls.args(["--logfile", "/dev/null", "--x509cafile", &ca, "-p", &port, "localhost"]);
        for (name, mut command) in [("openssl", of_openssl), ("gnutls", of_gnutls)] {
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
            let mut child = command.spawn().expect("it starts");
            let mut stdin = child.stdin.take().expect("a pipe");
            stdin.write_all(b"GET / HTTP/1.0\r\n\r\n").expect("it reads");
            let mut answer = String::new();
            child.stdout.take().expect("a pipe").read_to_string(&mut answer).expect("text");
            drop(stdin);
            let output = child.wait_with_output().expect("it ends");
            let said = text(&output.stderr);
            assert!(
                answer.contains("200 OK") && answer.ends_with("haproxy says so\n"),
                "{name}: {answer} {said}"
            );
            assert_eq!(answer.matches("haproxy says so").count(), 500, "{name}");
        }
        let [of_openssl, of_gnutls] = &relay.lines(2)[..] else { panic!("two connections") };
        is_whole(of_openssl, 8000);
        // gnutls-cli closes without a close_notify of its own, which is told of it, though it ended last.
        all_was_passed_on(of_gnutls, 8000);
        assert_eq!((&of_gnutls["client_ending"], &of_gnutls["by"]), (&"truncated".into(), &"client".into()));
        assert_eq!(of_gnutls["ended_first"], "upstream", "{of_gnutls}");
    }
}

#[test]
fn an_openssl_server_answers_a_plain_client_and_one_with_tls_to_the_last_byte() {
    let Some(openssl) = counterpart("openssl s_server behind a relay", "openssl") else { return };
    let Some(program) = counterpart("curl and openssl s_server", "curl") else { return };
    let [certificate, key] = files();
    for front in [false, true] {
        let (_server, port) = on_a_port(|port| {
            let directory = tempfile::tempdir().expect("there is room");
            std::fs::write(directory.path().join("file"), contents()).expect("there is room");
            let mut command = Command::new(&openssl);
            let accept = format!("127.0.0.1:{port}");
            command.args([
                "s_server",
                "-accept",
                &accept,
                "-quiet",
                "-WWW",
                "-cert",
                certificate,
                "-key",
                key,
            ]);
            command.current_dir(&directory);
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            Running { child: command.spawn().expect("it starts"), directory }
        });
        let (relay, port) = relay(front, true, port);
        let output = curl(&program, front, port, "file");
        assert_eq!(output.status.code(), Some(0), "{front}: {}", text(&output.stderr));
        // Its head says that text comes, which it does not translate.
        assert!(output.stdout == contents(), "{front}: {} bytes", output.stdout.len());
        is_whole(&relay.lines(1)[0], FILE);
    }
}
