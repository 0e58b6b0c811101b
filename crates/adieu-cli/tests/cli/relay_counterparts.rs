//! `adieu relay` beside other programs: haproxy and nginx on either side of it with the PROXY protocol, and openssl, curl and
//! gnutls as the other ends of TLS.

use crate::relay::{Relay, upstream};
use crate::{BOUND, ask, refusing, text, until};
use adieu_testkit::places;
use adieu_testkit::skip::counterpart;
use adieu_testkit::tls::authority::{Authority, Identity};
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Output, Stdio};

/// nginx's module for streams, which Debian has apart.
const STREAM: &str = "/usr/lib/nginx/modules/ngx_stream_module.so";

/// Another program that runs, and is killed at the end.
pub(crate) struct Running {
    pub(crate) child: Child,
    pub(crate) directory: tempfile::TempDir,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Running {
    /// Starts it with a configuration in a file, which may name the directory that it stands in.
    fn configured(program: &Path, before: &[&str], configuration: impl FnOnce(&str) -> String) -> Self {
        let directory = tempfile::tempdir().expect("there is room");
        let file = directory.path().join("configuration");
        let place = directory.path().to_str().expect("UTF-8");
        std::fs::write(&file, configuration(place)).expect("there is room");
        let mut command = Command::new(program);
        command.args(before).arg(&file).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Self { child: command.spawn().expect("it starts"), directory }
    }

    fn socket(&self) -> PathBuf {
        self.directory.path().join("socket")
    }

    /// Waits until it listens on its Unix socket.
    fn on_its_socket(self) -> Self {
        until("it does not listen", || std::os::unix::net::UnixStream::connect(self.socket()).is_ok());
        self
    }
}

/// Starts a program on a port that nobody has, and waits until it listens.
pub(crate) fn on_a_port(start: impl Fn(u16) -> Running) -> (Running, u16) {
    let port = places::free_port();
    let running = start(port);
    until("it does not listen", || TcpStream::connect(("127.0.0.1", port)).is_ok());
    (running, port)
}

pub(crate) fn haproxy(program: &Path, configuration: impl Fn(&str) -> String) -> Running {
    Running::configured(program, &["-db", "-f"], |place| {
        let limits = "timeout connect 10s\n timeout client 20s\n timeout server 20s\n";
        format!("defaults\n {limits}{}", configuration(place))
    })
}

pub(crate) fn nginx(program: &Path, configuration: impl Fn(&str) -> String) -> Running {
    Running::configured(program, &["-c"], |place| {
        let modules = "/usr/lib/nginx/modules/ngx_stream_module.so";
        let load =
            if Path::new(modules).exists() { format!("load_module {modules};") } else { String::new() };
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|name| format!("{name}_temp_path {place}/{name}; "))
            .concat();
        let body = configuration(place).replace("TEMPORARY", &temporary);
        format!(
            "{load}\ndaemon off; master_process off; pid {place}/pid; error_log stderr crit;\nevents {{}}\n{body}\n"
        )
    })
}

/// The address that an HTTP server behind the relay takes for its client's, and the one that it is.
fn seen_through(relay: &Relay) -> (String, String) {
    let client = relay.server.connect();
    let own = client.local_addr().expect("connected").to_string();
    let answer = text(&ask(client, b"GET / HTTP/1.0\r\n\r\n"));
    let seen = answer.split("\r\n\r\n").nth(1).unwrap_or_else(|| panic!("{answer}")).trim().to_owned();
    (seen, own)
}

#[test]
fn haproxy_and_nginx_take_the_header_that_upstreams_are_sent() {
    let test = "PROXY protocol to haproxy and nginx";
    let Some(program) = counterpart(test, "haproxy") else { return };
    let haproxy = haproxy(&program, |place| {
        let says = "http-request return status 200 content-type text/plain lf-string \"%[src]:%[src_port] to %[dst]\"";
        format!("frontend f\n mode http\n bind unix@{place}/socket accept-proxy\n {says}\n")
    })
    .on_its_socket();
    let Some(program) = counterpart(test, "nginx") else { return };
    let nginx = nginx(&program, |place| {
        let says = "return 200 \"$proxy_protocol_addr:$proxy_protocol_port to $proxy_protocol_server_addr\"";
        format!("http {{ access_log off; TEMPORARY server {{ listen unix:{place}/socket proxy_protocol; {says}; }} }}")
    })
    .on_its_socket();
    for running in [&haproxy, &nginx] {
        let to = format!("unix:{}", running.socket().display());
        for version in ["v1", "v2"] {
            let relay = Relay::start(&[&to], &["--send-proxy", version]);
            let (seen, own) = seen_through(&relay);
            assert_eq!(seen, format!("{own} to 127.0.0.1"), "{version}");
            assert_eq!(relay.lines(1)[0]["client"], own);
        }
    }
}

/// A relay that takes headers, and what is behind it.
fn taking_headers() -> (Relay, TcpListener) {
    let (listener, address) = upstream();
    let relay = Relay::start(&[&address], &["--accept-proxy", "127.0.0.0/8"]);
    (relay, listener)
}

/// What goes to this port comes through, and the relay knows whose it is.
fn comes_through(port: u16, relay: &Relay, listener: &TcpListener) {
    let client = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    client.set_read_timeout(Some(BOUND)).expect("a timeout");
    let own = client.local_addr().expect("connected").to_string();
    let serving = listener.try_clone().expect("a descriptor");
    let serving = std::thread::spawn(move || {
        // Connections that only looked whether somebody listens end without a byte, or are reset without one.
        loop {
            let (mut accepted, _) = serving.accept().expect("a client");
            let mut question = String::new();
            let end = accepted.read_to_string(&mut question);
            if !question.is_empty() {
                end.expect("a whole stream");
                accepted.write_all(b"answer").expect("it is taken");
                return question;
            }
        }
    });
    let answer = text(&ask(client, b"question"));
    assert_eq!((serving.join().expect("no panic"), answer), ("question".to_owned(), "answer".to_owned()));
    let mut line = None;
    // Whoever looked whether somebody listens has a line too.
    until("the log has no such line", || {
        line = relay.lines(1).into_iter().find(|line| line["client"] == own);
        line.is_some()
    });
    let line = line.expect("it was found");
    assert_eq!((&line["ending"], &line["bytes_from_client"]), (&"graceful".into(), &8.into()), "{line}");
    assert!(line["proxy"].as_str().is_some_and(|proxy| proxy.starts_with("127.0.0.1:")), "{line}");
}

#[test]
fn headers_of_haproxy_and_nginx_are_taken() {
    let test = "PROXY protocol from haproxy and nginx";
    let Some(program) = counterpart(test, "haproxy") else { return };
    for options in ["send-proxy", "send-proxy-v2 proxy-v2-options crc32c,unique-id,authority,ssl"] {
        let (relay, listener) = taking_headers();
        let to = &relay.server.address;
        let (_running, port) = on_a_port(|port| {
            haproxy(&program, |_| {
                format!(
                    "frontend f\n mode tcp\n unique-id-format %ci-%cp\n bind 127.0.0.1:{port}\n default_backend b\n\
                     backend b\n mode tcp\n server s {to} {options}\n"
                )
            })
        });
        comes_through(port, &relay, &listener);
    }
    let Some(program) = counterpart(test, "nginx") else { return };
    if !Path::new(STREAM).exists() && counterpart(test, "nginx's stream module").is_none() {
        return;
    }
    let (relay, listener) = taking_headers();
    let to = &relay.server.address;
    let (_running, port) = on_a_port(|port| {
        nginx(&program, |_| {
            format!(
                "stream {{ server {{ listen 127.0.0.1:{port}; proxy_pass {to}; proxy_protocol on; proxy_half_close on; }} }}"
            )
        })
    });
    comes_through(port, &relay, &listener);
}

/// The words of a client that connects by TLS to a relay whose upstream refuses.
fn words_of(command: &mut Command) -> Output {
    command.stdin(Stdio::null()).output().expect("it starts")
}

#[test]
fn openssl_curl_and_gnutls_are_told_by_an_alert_that_there_is_no_upstream() {
    let test = "an alert to openssl, curl and gnutls";
    let (refused, _held) = refusing();
    let (certificate, key) = &Authority::loopback().files;
    let [certificate, key] = [certificate, key].map(|path| path.to_str().expect("UTF-8"));
    let ca = Authority::shared().file();
    let decrypts = Relay::start_at("tls://127.0.0.1:0", &[&refused], &["--cert", certificate, "--key", key]);
    let passes = Relay::start(&[], &["--route", &format!("localhost={refused}")]);
    for (relay, count) in [(&decrypts, 3), (&passes, 3)] {
        let port = relay.server.address.rsplit_once(':').expect("a port").1;
        let Some(openssl) = counterpart(test, "openssl") else { return };
        let mut command = Command::new(openssl);
        command.args(["s_client", "-servername", "localhost", "-ign_eof", "-connect"]);
        let output = words_of(command.arg(format!("127.0.0.1:{port}")));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains("alert internal error"), "{said}");
        let Some(curl) = counterpart(test, "curl") else { return };
        let mut command = Command::new(curl);
        let url = format!("https://localhost:{port}/");
        let resolve = format!("localhost:{port}:127.0.0.1");
        let output = words_of(command.args(["-v", "-sS", "--resolve", &resolve, &url, "--cacert"]).arg(&ca));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        // After a handshake it writes its request before it reads, and may meet the reset there.
        let is_told = said.contains("internal error") || said.contains("reset by peer");
        assert!(!output.status.success() && is_told, "{said}");
        let Some(gnutls) = counterpart(test, "gnutls-cli") else { return };
        let mut command = Command::new(gnutls);
        command.args(["--insecure", "--sni-hostname", "localhost", "-p", port, "127.0.0.1"]);
        let output = words_of(&mut command);
        let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
        assert!(!output.status.success() && said.to_lowercase().contains("error"), "{said}");
        for line in relay.lines(count) {
            assert_eq!(
                (&line["ending"], &line["client_reset_by"]),
                (&"no_connection".into(), &"relay".into()),
                "{line}"
            );
        }
    }
}

/// curl says close_notify and closes: our own, which answers its, is answered by a reset. It has read the whole answer all the same.
#[test]
fn curl_that_closes_at_its_close_notify_has_ended_gracefully() {
    let Some(curl) = counterpart("curl that closes at once", "curl") else { return };
    let (certificate, key) = &Authority::loopback().files;
    let [certificate, key] = [certificate, key].map(|path| path.to_str().expect("UTF-8"));
    let (listener, address) = upstream();
    let relay = Relay::start_at("tls://127.0.0.1:0", &[&address], &["--cert", certificate, "--key", key]);
    let url = relay.server.address.replace("tls://", "https://");
    for version in ["1.2", "1.3"] {
        let mut command = Command::new(&curl);
        command.args(["-sS", "-k", "--max-time", "15", "--tlsv1.2", "--tls-max", version, &url]);
        let client = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("it starts");
        let (mut accepted, _) = listener.accept().expect("the relay connects");
        accepted.set_read_timeout(Some(BOUND)).expect("a timeout");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut octet = [0];
            accepted.read_exact(&mut octet).expect("a request");
            head.push(octet[0]);
        }
        accepted.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwhole").expect("it is taken");
        assert_eq!(accepted.read(&mut [0]).expect("the end is passed on"), 0);
        // Once it is gone, there is nobody for the end of the other direction.
        let output = client.wait_with_output().expect("it is ours");
        assert_eq!((output.status.code(), &*output.stdout), (Some(0), &b"whole"[..]));
        drop(accepted);
    }
    for line in relay.lines(2) {
        let told = [&line["ending"], &line["client_ending"], &line["upstream_ending"], &line["ended_first"]];
        assert_eq!(told, ["graceful", "graceful", "graceful", "client"], "{line}");
        assert!(text(line["message"].to_string().as_bytes()).contains("passed on whole"), "{line}");
    }
}

/// `openssl s_client` that talks through a pipe of ours.
fn openssl_client(openssl: &Path, address: &str) -> (Running, ChildStdin) {
    let mut command = Command::new(openssl);
    command.args(["s_client", "-quiet", "-ign_eof", "-connect", address]);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().expect("it starts");
    let stdin = child.stdin.take().expect("a pipe");
    (Running { child, directory: tempfile::tempdir().expect("there is room") }, stdin)
}

#[test]
fn a_tls_stream_that_openssl_did_not_end_is_a_reset_on_the_other_side() {
    let Some(openssl) = counterpart("openssl cut off", "openssl") else { return };
    let (certificate, key) = &Authority::loopback().files;
    let [certificate, key] = [certificate, key].map(|path| path.to_str().expect("UTF-8"));
    let (listener, address) = upstream();
    let relay = Relay::start_at("tls://127.0.0.1:0", &[&address], &["--cert", certificate, "--key", key]);
    // Killed, its system ends the stream for it, by a FIN without close_notify.
    let (mut client, mut stdin) = openssl_client(&openssl, &relay.server.address.replace("tls://", ""));
    stdin.write_all(b"half of it\n").expect("it is taken");
    let (mut accepted, _) = listener.accept().expect("the relay connects");
    accepted.set_read_timeout(Some(BOUND)).expect("a timeout");
    let mut half = [0; 11];
    accepted.read_exact(&mut half).expect("what came before");
    client.child.kill().expect("it runs");
    let error = accepted.read(&mut [0]).expect_err("it is no end").kind();
    assert_eq!((&half, error), (b"half of it\n", ErrorKind::ConnectionReset));
    let line = &relay.lines(1)[0];
    assert!(line["client_ending"] == "truncated" || line["client_ending"] == "reset", "{line}");
    assert_eq!(
        (&line["upstream_ending"], &line["upstream_reset_by"]),
        (&"reset".into(), &"relay".into()),
        "{line}"
    );
}

#[test]
fn an_upstream_of_openssl_that_is_killed_resets_the_client_after_what_it_said() {
    let Some(openssl) = counterpart("openssl s_server cut off", "openssl") else { return };
    let Identity { files: (certificate, key), .. } = Authority::loopback();
    let ca = Authority::shared().file();
    let (mut server, port) = on_a_port(|port| {
        let mut command = Command::new(&openssl);
        let accept = format!("127.0.0.1:{port}");
        command
            .args(["s_server", "-accept", &accept, "-quiet", "-rev", "-cert"])
            .arg(certificate)
            .arg("-key")
            .arg(key);
        let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Running { child: command.spawn().expect("it starts"), directory: tempfile::tempdir().expect("room") }
    });
    let to = format!("tls://127.0.0.1:{port}");
    let relay = Relay::start(&[&to], &["--ca", ca.to_str().expect("UTF-8")]);
    let mut client = relay.server.connect();
    client.write_all(b"abc\n").expect("it is taken");
    let mut reversed = [0; 4];
    client.read_exact(&mut reversed).expect("an answer");
    assert_eq!(&reversed, b"cba\n");
    server.child.kill().expect("it runs");
    assert_eq!(client.read(&mut [0]).expect_err("it is no end").kind(), ErrorKind::ConnectionReset);
    let line = &relay.lines(1)[0];
    assert!(line["upstream_ending"] == "truncated" || line["upstream_ending"] == "reset", "{line}");
    assert_eq!((&line["client_reset_by"], &line["by"]), (&"relay".into(), &"upstream".into()), "{line}");
}

#[test]
fn openssl_sees_the_certificate_for_its_name_and_curl_goes_where_its_name_leads() {
    let test = "openssl and curl by name";
    let Some(openssl) = counterpart(test, "openssl") else { return };
    let (first, other) = (Authority::loopback(), Authority::shared().issue(&["other.test"]).expect("a key"));
    let paths = |identity: &Identity| {
        [&identity.files.0, &identity.files.1].map(|path| path.to_str().expect("UTF-8").to_owned())
    };
    let ([cert, key], [other_cert, other_key]) = (paths(first), paths(&other));
    let (_listener, address) = upstream();
    let options = ["--cert", &cert, "--key", &key, "--cert", &other_cert, "--key", &other_key];
    let relay = Relay::start_at("tls://127.0.0.1:0", &[&address], &options);
    let at = relay.server.address.replace("tls://", "");
    for (name, file) in [("localhost", &cert), ("other.test", &other_cert), ("unknown.test", &cert)] {
        let mut command = Command::new(&openssl);
        let output = words_of(command.args(["s_client", "-connect", &at, "-servername", name]));
        let pem = std::fs::read_to_string(file).expect("it was written").replace('\r', "");
        let said = String::from_utf8_lossy(&output.stdout).replace('\r', "");
        let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        let shown: String = said.lines().collect();
        assert!(shown.contains(&body), "{name}: {said}");
    }
    let Some(curl) = counterpart(test, "curl") else { return };
    let Some(program) = counterpart(test, "nginx") else { return };
    let nginx = nginx(&program, |place| {
        let secure = format!("ssl_certificate {other_cert}; ssl_certificate_key {other_key};");
        format!(
            "http {{ access_log off; TEMPORARY server {{ listen unix:{place}/socket ssl; {secure} return 200 \"other\"; }} }}"
        )
    })
    .on_its_socket();
    let route = format!("*.test=unix:{}", nginx.socket().display());
    let relay = Relay::start(&[], &["--route", &route]);
    let port = relay.server.address.rsplit_once(':').expect("a port").1;
    let mut command = Command::new(curl);
    let resolve = format!("other.test:{port}:127.0.0.1");
    command.args(["-sS", "--resolve", &resolve, &format!("https://other.test:{port}/"), "--cacert"]);
    let output = words_of(command.arg(Authority::shared().file()));
    assert_eq!(text(&output.stdout), "other", "{}", text(&output.stderr));
}
