//! The Winsock tutorial's own pair, in C: adieu against its server, its client against `adieu listen --echo`.
//!
//! `cargo xtask windows` builds the two programs (tests/tutorial/*.c), says where they are, and runs these tests twice:
//! built for Windows, and built for Linux with the two programs under Wine.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

const ADIEU: &str = env!("CARGO_BIN_EXE_adieu");

/// The folder with `client.exe` and `server.exe`.
const FOLDER: &str = "ADIEU_TUTORIAL";

/// One of the two programs.
fn program(name: &str) -> Command {
    let folder =
        std::env::var_os(FOLDER).unwrap_or_else(|| panic!("{FOLDER} must name the programs' folder"));
    let path = PathBuf::from(folder).join(format!("{name}.exe"));
    if cfg!(windows) {
        return Command::new(path);
    }
    let mut command = Command::new("wine");
    command.arg(path).env("WINEDEBUG", "-all");
    command
}

fn start(command: &mut Command) -> Child {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts")
}

fn adieu(arguments: &[impl AsRef<OsStr>]) -> Command {
    let mut command = Command::new(ADIEU);
    command.args(arguments);
    command
}

/// The rest of a stream, in lines.
fn rest(mut from: impl Read) -> Vec<String> {
    let mut text = String::new();
    from.read_to_string(&mut text).expect("it is text");
    text.lines().map(str::to_owned).collect()
}

#[test]
#[ignore = "needs the programs: cargo xtask windows"]
fn adieu_connect_does_the_pages_procedure_with_the_tutorials_server() {
    let mut server = start(&mut program("server"));
    let mut said = BufReader::new(server.stdout.take().expect("a pipe"));
    let mut line = String::new();
    said.read_line(&mut line).expect("it is text");
    let address = line.trim().strip_prefix("listening on ").expect("it says where").to_owned();

    let mut client = start(&mut adieu(&["connect", "-v", &address]));
    client.stdin.take().expect("a pipe").write_all(b"this is a test").expect("taken");
    let done = client.wait_with_output().expect("it can be waited for");
    let told = String::from_utf8_lossy(&done.stderr);
    assert_eq!(String::from_utf8_lossy(&done.stdout), "this is a test", "{told}");
    assert_eq!(done.status.code(), Some(0), "{told}");
    assert!(told.contains("graceful: 14 bytes received, 14 of 14 bytes acknowledged"), "{told}");
    if cfg!(windows) {
        let mut left = &*told;
        for step in [
            "WSAStartup(2.2)",
            "connect ",
            "shutdown(SD_SEND)",
            "recv returned 0",
            "closesocket",
            "WSACleanup",
        ] {
            left = left.split_once(step).unwrap_or_else(|| panic!("{step} is not in its order: {told}")).1;
        }
    }

    assert_eq!(rest(said), ["bytes received: 14", "connection closing"]);
    assert!(server.wait().expect("it can be waited for").success());
}

#[test]
#[ignore = "needs the programs: cargo xtask windows"]
fn the_tutorials_client_is_served_by_adieu_listen() {
    let mut server = start(&mut adieu(&["listen", "--echo", "127.0.0.1:0"]));
    let mut said = BufReader::new(server.stderr.take().expect("a pipe"));
    let mut line = String::new();
    said.read_line(&mut line).expect("it is text");
    let port = line.trim().rsplit(':').next().expect("it ends with the port").to_owned();

    let client = start(program("client").args(["127.0.0.1", &port])).wait_with_output().expect("it ends");
    let told = rest(&*client.stdout);
    assert_eq!(told, ["bytes sent: 14", "bytes received: 14", "connection closed"]);
    assert!(client.status.success());

    let told = rest(said).join("\n");
    assert!(told.contains("graceful: 14 bytes received, 14 of 14 bytes acknowledged"), "{told}");
    assert!(server.wait().expect("it can be waited for").success(), "{told}");
}

/// From Linux, because Wine has a console only on a terminal; script(1) makes one.
#[cfg(target_os = "linux")]
#[test]
#[ignore = "needs the programs: cargo xtask windows"]
fn ctrl_c_typed_into_a_console_interrupts_the_windows_program() {
    let folder = PathBuf::from(std::env::var_os(FOLDER).expect("the programs' folder"));
    let program = folder.join("../x86_64-pc-windows-gnu/debug/adieu.exe");
    assert!(program.exists(), "{} is not there", program.display());
    let listener = adieu_testkit::places::listener();
    let address = listener.local_addr().expect("bound");
    let mut console = Command::new("timeout");
    let inside = format!("wine '{}' connect {address}", program.display());
    console.args(["20", "script", "-qec", &inside, "/dev/null"]).env("WINEDEBUG", "-all");
    let mut console = start(&mut console);
    let (mut peer, _) = listener.accept().expect("it connects");
    // It hears signals before it connects.
    let mut keys = console.stdin.take().expect("a pipe");
    keys.write_all(b"\x03").expect("the console takes it");
    let error = peer.read(&mut [0]).expect_err("a cut stream must not look whole");
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    let done = console.wait_with_output().expect("it ends");
    assert_eq!(done.status.code(), Some(130), "{}", String::from_utf8_lossy(&done.stdout));
    drop(keys);
}
