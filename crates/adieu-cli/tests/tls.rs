//! TLS on the built binary: the closing matrix from both sides, and beside programs that others have written.

#![cfg(unix)]

use adieu_testkit::places;
use adieu_testkit::schema::Schema;
use adieu_testkit::skip::counterpart;
use adieu_testkit::tls::authority::Authority;
use adieu_testkit::tls::matrix::{self, Over, Ran, Scenario};
use adieu_testkit::tls::peer::Address;
use serde_json::Value;
use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// No wait in these tests is longer.
const BOUND: Duration = Duration::from_secs(20);

fn adieu(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_adieu"));
    command.args(args).args(["--deadline", "20s"]);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("ADIEU_")) {
        command.env_remove(name);
    }
    command
}

/// Runs it to its end, with this on stdin.
fn run(mut command: Command, input: Vec<u8>) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut stdin = child.stdin.take().expect("stdin is a pipe");
    let feeding = std::thread::spawn(move || {
        // Whoever does not want our input may leave.
        let _ = stdin.write_all(&input);
    });
    let output = child.wait_with_output().expect("it can be waited for");
    feeding.join().expect("feeding does not panic");
    output
}

fn report(stderr: &[u8]) -> io::Result<Value> {
    let said = String::from_utf8_lossy(stderr).into_owned();
    let last =
        said.lines().rfind(|line| line.starts_with('{')).ok_or_else(|| io::Error::other(said.clone()))?;
    let report: Value = serde_json::from_str(last)?;
    let faults = Schema::of("report").faults(&report);
    if faults.is_empty() { Ok(report) } else { Err(io::Error::other(faults.join("; "))) }
}

fn ca() -> String {
    Authority::shared().file().display().to_string()
}

/// The arguments that present the common certificate.
fn identity() -> [String; 4] {
    let (certificate, key) = &Authority::loopback().files;
    ["--cert".into(), certificate.display().to_string(), "--key".into(), key.display().to_string()]
}

/// Over TCP and over a Unix socket at once: most of the time some row waits for what its peer does not do.
fn holds(failures: fn(Over) -> Vec<String>) {
    let found: Vec<String> = std::thread::scope(|scope| {
        let both = [Over::Tcp, Over::Unix].map(|over| scope.spawn(move || failures(over)));
        both.into_iter().flat_map(|arm| arm.join().expect("a row that fails is told")).collect()
    });
    assert!(found.is_empty(), "{} rows failed:\n{}", found.len(), found.join("\n"));
}

fn failures_of_connect(over: Over) -> Vec<String> {
    matrix::failures_of_connecting(over, |scenario, place| {
        let endpoint = place.to_string();
        let mut command = adieu(&["connect", "--tls", &endpoint, "--servername", "localhost", "--ca", &ca()]);
        command.args(["--tls-eof", scenario.eof, "--report", "json"]);
        let output = run(command, matrix::input(scenario));
        Ok(Ran { report: checked(&output)?, output: output.stdout })
    })
}

#[test]
fn the_closing_matrix_of_tls_holds_for_connect() {
    holds(failures_of_connect);
}

/// The report, whose exit status is the process's.
fn checked(output: &Output) -> io::Result<Value> {
    let report = report(&output.stderr)?;
    let code = output.status.code().map(i64::from);
    if report["exit_code"].as_i64() == code { Ok(report) } else { Err(io::Error::other(format!("{code:?}"))) }
}

#[test]
fn the_closing_matrix_of_tls_holds_for_listen() {
    holds(|over| matrix::failures_of_listening(over, listen));
}

fn listen(
    scenario: &'static Scenario,
    place: &Address,
) -> io::Result<(impl FnMut() -> Option<Address> + Send + use<>, impl FnOnce() -> io::Result<Ran> + use<>)> {
    let directory = tempfile::tempdir()?;
    let port_file = directory.path().join("port");
    let port = port_file.display().to_string();
    let endpoint = place.to_string();
    let mut command = adieu(&["listen", &endpoint, "--tls-eof", scenario.eof, "--port-file", &port]);
    command.args(identity()).args(["--report", "json"]);
    let running = std::thread::spawn(move || run(command, matrix::input(scenario)));
    let asked = place.clone();
    let find = move || {
        let told = std::fs::read_to_string(&port_file).ok()?;
        let told = told.trim();
        match &asked {
            Address::Tcp(_) => Some(Address::Tcp(SocketAddr::from(([127, 0, 0, 1], told.parse().ok()?)))),
            Address::Unix(_) => (asked.to_string() == told).then(|| asked.clone()),
        }
    };
    let wait = move || {
        let output = running.join().map_err(|_| io::Error::other("a panic"))?;
        drop(directory);
        Ok(Ran { report: checked(&output)?, output: output.stdout })
    };
    Ok((find, wait))
}

#[test]
fn a_self_signed_listener_tells_what_to_pin_and_is_trusted_by_that() {
    let mut server = Server::start(&["listen", "--tls", "127.0.0.1:0", "--echo"]);
    let line = server.line();
    let pin = line.split("--pin ").nth(1).expect("it tells its fingerprint").to_owned();
    let input = b"to be sent back".to_vec();
    let output = run(adieu(&["connect", &server.endpoint, "--pin", &pin]), input.clone());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!((output.status.code(), &output.stdout), (Some(0), &input), "{said}");
    assert!(
        said.contains("TLSv1.3") && said.contains("the pinned certificate") && said.contains(&pin),
        "{said}"
    );
    assert!(server.finish().contains("graceful"));
}

#[test]
fn a_client_that_is_silent_in_the_handshake_holds_the_next_one_up_for_the_idle_timeout_at_most() {
    let args = ["listen", "--tls", "127.0.0.1:0", "--keep-open", "--idle-timeout", "500ms"];
    let mut server = Server::start(&args);
    let line = server.line();
    let pin = line.split("--pin ").nth(1).expect("it tells its fingerprint").to_owned();
    let _silent = TcpStream::connect(server.address()).expect("it listens");
    // Of several pins each will do.
    let pins = format!("{pin},sha256:{}", "0".repeat(64));
    let output = run(adieu(&["connect", &server.endpoint, "--pin", &pins]), b"the next one".to_vec());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(server.line().contains("connection from 127.0.0.1:"));
    let line = server.line();
    assert!(
        line.contains("the peer was silent for the whole idle timeout during the TLS handshake"),
        "{line}"
    );
}

#[test]
fn over_a_unix_socket_a_pin_needs_no_name_and_a_check_needs_one() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let endpoint = format!("unix:{}", directory.path().join("socket").display());
    let mut server = Server::start(&["listen", "--tls", &endpoint, "--echo"]);
    let line = server.line();
    let pin = line.split("--pin ").nth(1).expect("it tells its fingerprint").to_owned();
    // A mistake that is known before anything is connected: the listener's one client is still to come.
    let output = run(adieu(&["connect", "--tls", &endpoint, "--ca", &ca()]), Vec::new());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("--servername") && said.contains("--pin"), "{said}");
    let output = run(adieu(&["connect", "--tls", &endpoint, "--pin", &pin]), b"over there".to_vec());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!((output.status.code(), &output.stdout[..]), (Some(0), &b"over there"[..]), "{said}");
    assert!(server.finish().contains("graceful"));
    assert!(!directory.path().join("socket").exists());
}

#[test]
fn an_option_for_tls_without_tls_is_a_usage_error() {
    for (args, what) in [
        (&["connect", "h:1", "--pin", &format!("sha256:{}", "0".repeat(64))][..], "--pin needs --tls"),
        (&["connect", "h:1", "--insecure"], "--insecure needs --tls"),
        (&["listen", "--alpn", "h2"], "--alpn needs --tls"),
        (&["connect", "tls://h:1", "--pin", "sha256:12"], "64 hexadecimal digits"),
        (&["connect", "tls://h:1", "--insecure", "--ca", "x"], "--ca and --insecure cannot be used together"),
        (&["connect", "tls://h:1", "--ca", "/nowhere"], "cannot read /nowhere"),
        (&["connect", "tls://h:1", "--cert", "x"], "--cert needs its --key"),
        (&["listen", "--self-signed", "--cert", "x"], "--self-signed and --cert cannot be used together"),
    ] {
        let output = adieu(args).stdin(Stdio::null()).output().expect("the built binary starts");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
        assert!(said.contains(what), "{args:?}: {said}");
    }
    let missing =
        adieu(&["connect", "tls://h:1", "--ca", "/nowhere"]).output().expect("the built binary starts");
    let said = String::from_utf8_lossy(&missing.stderr).into_owned();
    assert_eq!(said.matches("No such file").count(), 1, "it is said once: {said}");
    // Of a variable's options none is meant for this run.
    let mut command = adieu(&["connect", "127.0.0.1:0"]);
    command.env("ADIEU_INSECURE", "1").env("ADIEU_CERT", "x").stdin(Stdio::null());
    assert_eq!(command.output().expect("the built binary starts").status.code(), Some(3));
}

#[test]
fn a_plain_connection_reads_nothing_for_tls() {
    let listener = places::listener();
    let address = listener.local_addr().expect("bound").to_string();
    let Some(strace) = counterpart("a_plain_connection_reads_nothing_for_tls", "strace") else { return };
    let serving = std::thread::spawn(move || drop(listener.accept()));
    let mut command = Command::new(strace);
    command.args([
        "-f",
        "-e",
        "trace=openat,open,getrandom",
        env!("CARGO_BIN_EXE_adieu"),
        "connect",
        &address,
    ]);
    let output = command.stdin(Stdio::null()).output().expect("strace starts");
    serving.join().expect("no panic");
    let calls = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(calls.contains("openat("), "strace sees something: {calls}");
    assert!(!["ssl", "cert", ".pem", ".crt"].iter().any(|word| calls.contains(word)), "{calls}");
}

// ---- beside programs that others have written ----

/// A program that goes on until it is dropped.
struct Running {
    child: Child,
    _directory: Option<TempDir>,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A running `adieu listen` that serves one connection.
struct Server {
    running: Running,
    endpoint: String,
    stderr: BufReader<std::process::ChildStderr>,
}

impl Server {
    fn start(args: &[&str]) -> Self {
        let mut command = adieu(args);
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the built binary starts");
        let stderr = BufReader::new(child.stderr.take().expect("stderr is a pipe"));
        let mut server =
            Self { running: Running { child, _directory: None }, endpoint: String::new(), stderr };
        let line = server.line();
        let (_, told) = line.split_once("listening on ").expect("it says where");
        // In JSON it is a string's end.
        told.split('"').next().unwrap_or_default().clone_into(&mut server.endpoint);
        server
    }

    fn address(&self) -> &str {
        self.endpoint.trim_start_matches("tls://")
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stderr.read_line(&mut line).expect("stderr is readable");
        line.trim_end().to_owned()
    }

    /// Waits for its end, and gives what else it said.
    fn finish(mut self) -> String {
        let mut said = String::new();
        self.stderr.read_to_string(&mut said).expect("stderr is readable");
        let _ = self.running.child.wait();
        said
    }
}

/// Waits until somebody listens there.
fn await_listener(port: u16) {
    let began = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(began.elapsed() < BOUND, "nobody listens on {port}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn openssl_server(openssl: &Path, more: &[&str]) -> (Running, u16) {
    let port = places::free_port();
    let (certificate, key) = &Authority::loopback().files;
    let mut command = Command::new(openssl);
    let accept = format!("127.0.0.1:{port}");
    command.args(["s_server", "-accept", &accept, "-quiet", "-cert"]).arg(certificate).arg("-key").arg(key);
    command.args(more).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let child = command.spawn().expect("openssl starts");
    let running = Running { child, _directory: None };
    await_listener(port);
    (running, port)
}

#[test]
fn a_page_of_openssl_s_server_is_received_whole_in_both_versions() {
    let Some(openssl) = counterpart("openssl s_server", "openssl") else { return };
    for (version, name) in [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")] {
        let (_running, port) = openssl_server(&openssl, &["-www", version]);
        let endpoint = format!("tls://localhost:{port}");
        let command =
            adieu(&["connect", &endpoint, "--ca", &ca(), "--report", "json", "--input-grace", "none"]);
        // s_server answers a request at once, and may reset if our end is there already.
        let output = run(command, b"GET / HTTP/1.0\r\n\r\n".to_vec());
        let report = checked(&output).expect("a report");
        assert_eq!(report["tls_version"], name, "{report}");
        let page = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(page.starts_with("HTTP/1.0 200 ok") && page.contains("</pre>"), "{page} {report}");
        assert_eq!(report["tls_close_notify_received"], true, "{report}");
    }
}

/// A certificate and its key as people make them.
fn made_by_openssl(openssl: &Path, directory: &Path, name: &str) -> [String; 2] {
    let files = ["certificate", "key"].map(|what| directory.join(format!("{name}-{what}.pem")));
    let mut command = Command::new(openssl);
    command.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]);
    command.args(["-days", "30", "-subj", &format!("/CN={name}")]);
    command.args(["-addext", &format!("subjectAltName=DNS:{name}")]);
    command.arg("-out").arg(&files[0]).arg("-keyout").arg(&files[1]);
    let made = command.stdin(Stdio::null()).output().expect("openssl starts");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    files.map(|file| file.display().to_string())
}

#[test]
fn certificates_that_openssl_makes_do_for_both_sides_once_they_are_named() {
    let Some(openssl) = counterpart("openssl req", "openssl") else { return };
    let directory = tempfile::tempdir().expect("a directory");
    let [server, server_key] = made_by_openssl(&openssl, directory.path(), "localhost");
    let [client, client_key] = made_by_openssl(&openssl, directory.path(), "somebody");
    let listen = ["listen", "127.0.0.1:0", "--echo", "--cert", &server, "--key", &server_key];
    for (asks, presents, names, code, told) in [
        (false, false, true, 0, "graceful"),
        (true, true, true, 0, "graceful"),
        // With TLS 1.3 the client's handshake is done by then.
        (true, false, true, 6, "the peer wants a certificate of ours: give it --cert and --key"),
        (false, false, false, 3, "is self-signed, and not trusted here"),
    ] {
        let asked = ["--ca", &client];
        let listening = Server::start(&[&listen[..], if asks { &asked } else { &[] }].concat());
        let endpoint = format!("tls://{}", listening.address().replace("127.0.0.1", "localhost"));
        let own = ["--cert", &client, "--key", &client_key];
        let mut command = adieu(&["connect", &endpoint, "--ca", if names { &server } else { &client }]);
        command.args(if presents { &own[..] } else { &[] });
        let output = run(command, b"to be sent back".to_vec());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(said.contains(told), "{said}");
        listening.finish();
    }
}

#[test]
fn a_version_that_openssl_refuses_is_named() {
    let Some(openssl) = counterpart("openssl s_server", "openssl") else { return };
    let (_running, port) = openssl_server(&openssl, &["-tls1_2"]);
    let endpoint = format!("tls://localhost:{port}");
    let output = run(adieu(&["connect", &endpoint, "--ca", &ca(), "--tls-min", "1.3"]), Vec::new());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("the alert protocol_version") && said.contains("--tls-min"), "{said}");
}

#[test]
fn a_certificate_that_openssl_asks_for_is_hinted_at() {
    let Some(openssl) = counterpart("openssl s_server", "openssl") else { return };
    let (_running, port) = openssl_server(&openssl, &["-Verify", "1", "-tls1_3"]);
    let endpoint = format!("tls://localhost:{port}");
    let output = run(adieu(&["connect", &endpoint, "--ca", &ca()]), Vec::new());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(6), "{said}");
    assert!(said.contains("with the alert certificate_required"), "{said}");
    assert!(said.contains("hint: the peer wants a certificate of ours: give it --cert and --key"), "{said}");
}

#[test]
fn a_certificate_that_openssl_asks_for_in_tls_1_2_is_no_missing_suite() {
    let Some(openssl) = counterpart("openssl s_server", "openssl") else { return };
    let (_running, port) = openssl_server(&openssl, &["-Verify", "1", "-tls1_2"]);
    let endpoint = format!("tls://localhost:{port}");
    let output = run(adieu(&["connect", &endpoint, "--ca", &ca(), "--report", "json"]), Vec::new());
    let report = checked(&output).expect("a report");
    assert_eq!(
        (&report["tls_failure"], &report["tls_alert"], &report["exit_code"]),
        (&"certificate_required".into(), &"handshake_failure".into(), &3.into()),
        "{report}"
    );
    let said = report["message"].as_str().unwrap_or_default();
    assert!(said.contains("it asked for a certificate of ours: give it --cert and --key"), "{said}");
}

#[test]
fn openssl_s_client_is_echoed_and_ends_graceful() {
    let Some(openssl) = counterpart("openssl s_client", "openssl") else { return };
    let mut args = vec!["listen".to_owned(), "127.0.0.1:0".into(), "--echo".into()];
    args.extend(identity());
    let server = Server::start(&args.iter().map(String::as_str).collect::<Vec<_>>());
    let mut command = Command::new(openssl);
    // Without -quiet it would take an R or a Q at a line's start for a command, and would not end at stdin's end.
    command.args([
        "s_client",
        "-quiet",
        "-no_ign_eof",
        "-verify_return_error",
        "-verify_hostname",
        "localhost",
    ]);
    command.args(["-CAfile", &ca(), "-connect", server.address()]);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("openssl starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(b"a line that comes back\n").expect("it reads");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("it prints");
    drop(stdin);
    child.wait().expect("it ends");
    assert_eq!(line, "a line that comes back\n");
    let said = server.finish();
    // It closes without waiting for our close_notify, which an RST may answer; its own has come in either case.
    assert!(said.contains("graceful: 23 bytes") || said.contains("reset by the peer"), "{said}");
    assert!(!said.contains("truncated"), "{said}");
}

#[test]
fn curl_is_served_by_an_echo() {
    let Some(curl) = counterpart("curl", "curl") else { return };
    let mut args = vec!["listen".to_owned(), "--tls".into(), "127.0.0.1:0".into(), "--echo".into()];
    args.extend(identity());
    let server = Server::start(&args.iter().map(String::as_str).collect::<Vec<_>>());
    let url = format!("https://{}/", server.address());
    // A request whose first line is that of an answer, so that what is sent back is one.
    let mut command = Command::new(curl);
    command.args(["--silent", "--show-error", "--max-time", "15", "--http1.1", "--cacert", &ca()]);
    command.args(["--request", "HTTP/1.1 200 OK", "--data", "hello from curl", &url]);
    let output = command.stdin(Stdio::null()).output().expect("curl starts");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!((output.status.code(), &*output.stdout), (Some(0), &b"hello from curl"[..]), "{said}");
    let said = server.finish();
    assert!(said.contains("graceful") || said.contains("reset by the peer"), "{said}");
}

#[test]
fn a_file_of_nginx_is_received_whole_and_its_end_is_told_as_it_was() {
    let Some(nginx) = counterpart("nginx with TLS", "nginx") else { return };
    // nginx takes a half-close for a client that has left: once it has read ours it sends no close_notify, and may reset.
    // To a client that has not ended it sends one, and closes: ours comes to a closed socket then, whose RST we may see.
    for (version, half_closes) in [("TLSv1.2", false), ("TLSv1.3", false), ("TLSv1.3", true)] {
        let (_running, port) = nginx_serving(&nginx, version);
        let endpoint = format!("tls://localhost:{port}");
        let mut command = adieu(&["connect", &endpoint, "--ca", &ca(), "--alpn", "http/1.1"]);
        command.args(["--report", "json", "--input-grace", "0s"]);
        let request = b"GET /file HTTP/1.0\r\nHost: localhost\r\n\r\n";
        let output = if half_closes { run(command, request.to_vec()) } else { run_open(command, request) };
        let report = checked(&output).expect("a report");
        let body =
            output.stdout.windows(4).position(|end| end == b"\r\n\r\n").map(|at| &output.stdout[at + 4..]);
        assert!(half_closes || body.map(<[u8]>::len) == Some(3_000_000), "{report}");
        assert_eq!((&report["tls_version"], &report["tls_alpn"]), (&version.into(), &"http/1.1".into()));
        // With a half-close it depends on which of the two was quicker.
        let has_ended = report["tls_close_notify_received"] == true;
        assert!(has_ended || half_closes, "{report}");
        let endings = if has_ended { ["graceful", "reset"] } else { ["truncated", "reset"] };
        assert!(endings.iter().any(|ending| report["ending"] == *ending), "{report}");
        assert_eq!(report["bytes_acknowledged"], request.len(), "{report}");
    }
}

/// The same with a stdin that stays open.
fn run_open(mut command: Command, input: &[u8]) -> Output {
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    writer.write_all(input).expect("it fits");
    let output = command.stdin(reader).output().expect("the program starts");
    drop(writer);
    output
}

fn nginx_serving(nginx: &Path, version: &str) -> (Running, u16) {
    let directory = tempfile::tempdir().expect("a directory");
    let port = places::free_port();
    let root: PathBuf = directory.path().to_owned();
    std::fs::write(root.join("file"), vec![b'x'; 3_000_000]).expect("room");
    let (certificate, key) = &Authority::loopback().files;
    let show = |path: &Path| path.display().to_string();
    let configuration = format!(
        "daemon off; master_process off; pid {root}/pid; error_log stderr crit;\n\
         events {{}}\n\
         http {{ access_log off; client_body_temp_path {root}/b; proxy_temp_path {root}/p;\n\
         fastcgi_temp_path {root}/f; uwsgi_temp_path {root}/u; scgi_temp_path {root}/s;\n\
         server {{ listen 127.0.0.1:{port} ssl; root {root}; ssl_protocols {version};\n\
         ssl_certificate {}; ssl_certificate_key {}; }} }}\n",
        show(certificate),
        show(key),
        root = show(&root),
    );
    let file = root.join("nginx.conf");
    std::fs::write(&file, configuration).expect("room");
    let mut command = Command::new(nginx);
    command.args([OsStr::new("-p"), root.as_os_str(), OsStr::new("-c"), file.as_os_str()]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let child = command.spawn().expect("nginx starts");
    let running = Running { child, _directory: Some(directory) };
    await_listener(port);
    (running, port)
}
