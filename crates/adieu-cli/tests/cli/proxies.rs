//! Proxies of other people: microsocks, dante and tinyproxy between two adieus.

use crate::{Server, adieu, refusing, text, until};
use adieu_testkit::places;
use adieu_testkit::skip::counterpart;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

const PASSWORD: &str = "hunter2%";
/// The same in a URL.
const ENCODED: &str = "hunter2%25";

/// Another program's server, until it is dropped.
pub(crate) struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // One that has died by itself is not to be killed any more.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a proxy, none of which can choose a port and tell, and waits until it listens.
fn start(program: &Path, arguments: impl Fn(u16) -> Vec<String>) -> (Running, u16) {
    let port = places::free_port();
    let mut command = Command::new(program);
    command.args(arguments(port)).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let running = Running(command.spawn().expect("the counterpart starts"));
    until("it does not listen", || TcpStream::connect(("127.0.0.1", port)).is_ok());
    (running, port)
}

pub(crate) fn connect(endpoint: &str, args: &[&str], variables: &[(&str, &str)]) -> Output {
    let words: Vec<&str> = args.iter().copied().filter(|word| *word != HALF_CLOSE_FIRST).collect();
    let mut command = adieu(&[&["connect", endpoint, "-v", "--input-grace", "0s"][..], &words].concat());
    for name in ["all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"] {
        command.env_remove(name);
    }
    let mut child = command
        .envs(variables.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the built binary starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    // Whoever does not want our input may leave.
    let _ = std::io::Write::write_all(&mut stdin, b"through");
    // With most proxies an end that comes before the answer ends the answer too.
    let held = Some(stdin).filter(|_| !args.contains(&HALF_CLOSE_FIRST));
    let output = child.wait_with_output().expect("it can be waited for");
    drop(held);
    let said = text(&output.stderr);
    assert!(!said.contains("hunter2") && !said.contains("aHVudGVyM"), "a password is told: {said}");
    output
}

/// No word for adieu: our input ends before the answer comes.
const HALF_CLOSE_FIRST: &str = "half-close first";

/// A server that answers after seven bytes, and does not wait for our end.
const ANSWER: [&str; 2] = ["--exec", "head -c 7"];

/// An exchange with a server of ours through a proxy, which must be as good as without.
fn is_good(args: &[&str], variables: &[(&str, &str)]) {
    let echo: &[&str] = if args.contains(&HALF_CLOSE_FIRST) { &["--echo"] } else { &ANSWER };
    let server = Server::start(echo);
    let output = connect(&server.address.clone(), args, variables);
    let said = text(&output.stderr);
    assert_eq!((&output.stdout[..], output.status.code()), (&b"through"[..], Some(0)), "{said}");
    assert!(
        said.contains("asking the proxy") && said.contains("adieu: graceful: 7 bytes received"),
        "{said}"
    );
    assert_eq!(server.finish().0.code(), Some(0));
}

fn is_refused(endpoint: &str, args: &[&str], says: &str) {
    let output = connect(endpoint, args, &[]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains(says), "{said}");
}

pub(crate) fn microsocks(program: &Path, more: &[&str]) -> (Running, u16) {
    start(program, |port| {
        let port = port.to_string();
        ["-i", "127.0.0.1", "-p", &port].iter().chain(more).map(ToString::to_string).collect()
    })
}

pub(crate) fn tinyproxy(program: &Path, directory: &Path, more: &str) -> (Running, u16) {
    let config = directory.join("tinyproxy.conf");
    start(program, |port| {
        let lines = format!("Port {port}\nListen 127.0.0.1\nTimeout 20\nLogLevel Critical\n{more}\n");
        std::fs::write(&config, lines).expect("a file can be written");
        vec!["-d".to_owned(), "-c".to_owned(), config.display().to_string()]
    })
}

pub(crate) fn dante(program: &Path, directory: &Path) -> (Running, u16) {
    let config = directory.join("danted.conf");
    start(program, |port| {
        let lines = format!(
            "logoutput: {}/log\ninternal: 127.0.0.1 port = {port}\nexternal: lo\n\
             clientmethod: none\nsocksmethod: none\nuser.privileged: root\nuser.unprivileged: root\n\
             client pass {{ from: 0.0.0.0/0 to: 0.0.0.0/0 }}\n\
             socks block {{ from: 0.0.0.0/0 to: 0.0.0.0/0 port = 9 }}\n\
             socks pass {{ from: 0.0.0.0/0 to: 0.0.0.0/0 }}\n",
            directory.display()
        );
        std::fs::write(&config, lines).expect("a file can be written");
        vec!["-f".to_owned(), config.display().to_string()]
    })
}

#[test]
fn microsocks_leads_to_the_peer() {
    let Some(program) = counterpart("microsocks_leads_to_the_peer", "microsocks") else { return };
    let (_running, port) = microsocks(&program, &[]);
    for scheme in ["socks5", "socks5h"] {
        let url = format!("{scheme}://127.0.0.1:{port}");
        is_good(&["--proxy", &url], &[]);
        let (address, _held) = refusing();
        is_refused(&address, &["--proxy", &url], "refuses: Connection refused (reply 5)");
    }
    let url = format!("socks5://localhost:{port}");
    is_good(&["--proxy", &url], &[]);
    let server = Server::start_at("[::1]:0", &ANSWER);
    let output = connect(&server.address, &["--proxy", &url], &[]);
    assert_eq!(
        (&output.stdout[..], output.status.code()),
        (&b"through"[..], Some(0)),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn microsocks_asks_for_a_password_which_has_four_ways_to_it() {
    let test = "microsocks_asks_for_a_password_which_has_four_ways_to_it";
    let Some(program) = counterpart(test, "microsocks") else { return };
    let (_running, port) = microsocks(&program, &["-u", "me", "-P", PASSWORD]);
    let url = format!("socks5h://me:{ENCODED}@127.0.0.1:{port}");
    is_good(&["--proxy", &url], &[]);
    is_good(&[], &[("ADIEU_PROXY", &url)]);
    is_good(&["--proxy", "env"], &[("ALL_PROXY", &url)]);
    let directory = tempfile::tempdir().expect("a directory can be made");
    let file = directory.path().join("password");
    std::fs::write(&file, format!("{PASSWORD}\n")).expect("a file can be written");
    let file = file.to_str().expect("a temporary path is UTF-8");
    is_good(&["--proxy", &format!("socks5h://me@127.0.0.1:{port}"), "--proxy-password-file", file], &[]);
    is_refused(
        "127.0.0.1:9",
        &["--proxy", &format!("socks5://127.0.0.1:{port}")],
        "wants a user and a password",
    );
    let wrong = format!("socks5://me:wrong@127.0.0.1:{port}");
    is_refused("127.0.0.1:9", &["--proxy", &wrong], "user name and password are not accepted");
}

#[test]
fn exceptions_need_no_proxy() {
    let server = Server::start(&ANSWER);
    let variables = [("all_proxy", "socks5://127.0.0.1:9"), ("NO_PROXY", "10.0.0.0/8, 127.0.0.0/8")];
    let output = connect(&server.address, &["--proxy", "env"], &variables);
    let said = text(&output.stderr);
    assert_eq!((output.status.code(), said.contains("proxy")), (Some(0), false), "{said}");
    let output = connect("127.0.0.1:9", &["--proxy", "env"], &variables[..1]);
    let said = text(&output.stderr);
    assert!(said.contains("the proxy socks5://127.0.0.1:9 cannot be reached: Connection refused"), "{said}");
    assert_eq!(output.status.code(), Some(3));
}

#[test]
fn tinyproxy_leads_to_the_peer_and_refuses_in_its_own_words() {
    let test = "tinyproxy_leads_to_the_peer_and_refuses_in_its_own_words";
    let Some(program) = counterpart(test, "tinyproxy") else { return };
    let directory = tempfile::tempdir().expect("a directory can be made");
    let run = |more: &str| tinyproxy(&program, directory.path(), more);
    let (running, port) = run("");
    let url = format!("http://127.0.0.1:{port}");
    is_good(&["--proxy", &url], &[]);
    is_good(&["--proxy", "env"], &[("ALL_PROXY", &format!("127.0.0.1:{port}"))]);
    let (address, _held) = refusing();
    is_refused(&address, &["--proxy", &url], "refuses: 500 Unable to connect");
    drop(running);
    let (running, port) = run("ConnectPort 443");
    is_refused(
        "127.0.0.1:9",
        &["--proxy", &format!("http://127.0.0.1:{port}")],
        "refuses: 403 Access violation",
    );
    drop(running);
    // Its configuration knows letters and digits alone.
    let (_running, port) = run("BasicAuth me hunter2");
    is_good(&["--proxy", &format!("http://me:hunter2@127.0.0.1:{port}")], &[]);
    let url = format!("http://127.0.0.1:{port}");
    is_refused("127.0.0.1:9", &["--proxy", &url], "refuses: 407 Proxy Authentication Required");
    let url = format!("http://me:wrong@127.0.0.1:{port}");
    is_refused("127.0.0.1:9", &["--proxy", &url], "refuses: 40");
}

#[test]
fn dante_leads_to_the_peer_by_socks4a_too_and_has_rules() {
    let test = "dante_leads_to_the_peer_by_socks4a_too_and_has_rules";
    let Some(program) = counterpart(test, "danted") else { return };
    let directory = tempfile::tempdir().expect("a directory can be made");
    let (_running, port) = dante(&program, directory.path());
    for scheme in ["socks5", "socks5h", "socks4a"] {
        let url = format!("{scheme}://127.0.0.1:{port}");
        is_good(&["--proxy", &url], &[]);
        // Not every proxy carries a half-close: microsocks and tinyproxy close both directions at it.
        is_good(&["--proxy", &url, HALF_CLOSE_FIRST], &[]);
    }
    let url = format!("socks5://127.0.0.1:{port}");
    is_refused("127.0.0.1:9", &["--proxy", &url], "refuses: connection not allowed by ruleset (reply 2)");
    let url = format!("socks4a://127.0.0.1:{port}");
    is_refused("127.0.0.1:9", &["--proxy", &url], "refuses: request rejected or failed (reply 91)");
}

#[test]
fn a_wrong_proxy_is_a_usage_error_without_its_password() {
    for (url, says) in [
        ("proxy.test", "the value of --proxy is wrong: an HTTP proxy needs its port"),
        ("http://me%3Ae:hunter2@h:1", "the user of an HTTP proxy has no colon"),
        ("ftp://me:hunter2@h:1", "unknown kind of proxy"),
        ("http://me:hunter2@h", "an HTTP proxy needs its port"),
        ("socks5://me:hunter2@h:port", "a proxy's address is host:port"),
        ("socks4a://me:hunter2@h:1", "SOCKS4 knows no password"),
        ("socks5://me@h:1", "the proxy socks5://h:1: the proxy's user has no password"),
        ("socks5://me:@h:1", "the proxy socks5://h:1: a password for SOCKS5 has 1 to 255 bytes"),
        ("http://me@h:1", "the proxy http://h:1: the proxy's user has no password"),
        ("http://me:hunter2%ff@h:1", "is not UTF-8"),
    ] {
        let output = connect("127.0.0.1:9", &["--proxy", url], &[]);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(says), "{said}");
    }
    let output = connect("127.0.0.1:9", &["--proxy", "env"], &[("ALL_PROXY", "gopher://me:hunter2@h")]);
    assert_eq!(output.status.code(), Some(2));
    let missing = ["--proxy", "socks5://me@h", "--proxy-password-file", "/nonexistent/x"];
    let output = connect("127.0.0.1:9", &missing, &[]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("cannot read the proxy's password from /nonexistent/x"), "{said}");
    let output = connect("unix:/nonexistent/x", &["--proxy", "socks5://h"], &[]);
    assert_eq!(output.status.code(), Some(2));
    let output = connect("unix:/nonexistent/x", &[], &[("ADIEU_PROXY", "socks5://h")]);
    assert_eq!(output.status.code(), Some(3), "a variable has no use here: {}", text(&output.stderr));
}

#[test]
fn a_variable_that_is_no_text_does_not_lead_past_the_proxy() {
    use std::os::unix::ffi::OsStrExt;
    let unreadable = std::ffi::OsStr::from_bytes(b"socks5://me:hunter2\xff@127.0.0.1:1");
    let server = places::listener();
    let endpoint = server.local_addr().expect("bound").to_string();
    let mut command = adieu(&["connect", &endpoint, "--proxy", "env"]);
    let output = command.env_remove("all_proxy").env("ALL_PROXY", unreadable).stdin(Stdio::null()).output();
    let output = output.expect("the built binary starts");
    let said = text(&output.stderr);
    assert_eq!((output.status.code(), said.trim()), (Some(2), "adieu: ALL_PROXY or NO_PROXY is not UTF-8"));
    server.set_nonblocking(true).expect("a socket");
    assert!(server.accept().is_err(), "nobody came past the proxy");
}

#[test]
fn the_roots_for_an_https_proxy_are_read_before_anything_is_connected_to() {
    let proxy = ["--proxy", "https://127.0.0.1:1", "127.0.0.1:9"];
    let output = crate::run(&[&["connect", "--proxy-ca", "/nonexistent/ca.pem"], &proxy[..]].concat(), b"");
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(
        said.contains(
            "cannot use TLS with the proxy: cannot read /nonexistent/ca.pem: No such file or directory"
        ),
        "{said}"
    );
    let output = crate::run(&["connect", "--proxy-ca", "/nonexistent/ca.pem", "127.0.0.1:9"], b"");
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("--proxy-ca needs --proxy"), "{said}");
}
