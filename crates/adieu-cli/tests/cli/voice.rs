//! What each command says: its helps, and every error and hint that can be provoked without luck, in one file per command,
//! `tests/voice/COMMAND.txt`. They are to be read in one go: does a stranger understand each sentence at first reading?
//!
//! `INSTA_UPDATE=always cargo test -p adieu-cli --test cli voice` writes them anew.

use crate::{ADIEU, BOUND, refusing, text};
use adieu_testkit::tls::authority::Authority;
use rustix::process::{Pid, Signal, kill_process_group};
use std::fmt::Write as _;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;

/// The lines of a command that go wrong, each as a shell has it. `REFUSING` is an endpoint where nobody listens.
mod lines;

/// Runs a line in a directory of its own, and gives its exit status and what it says.
fn said(line: &str, directory: &Path, refusing: &str) -> (Option<i32>, String) {
    let binary = Path::new(ADIEU).parent().expect("a binary is in a folder");
    let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap_or_default());
    let mut command = Command::new("sh");
    for (name, _) in std::env::vars_os().filter(|(n, _)| n.to_string_lossy().starts_with("ADIEU_")) {
        command.env_remove(name);
    }
    let line = format!("exec 2>&1; {}", line.replace("REFUSING", refusing));
    // Of its own group, which is killed if it hangs: a command of a line is no child of ours.
    let child = command
        .process_group(0)
        .args(["-c", &line])
        .current_dir(directory)
        .env("PATH", path)
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a shell starts");
    let group = Pid::from_child(&child);
    let (is_over, over) = mpsc::channel::<()>();
    let watching = std::thread::spawn(move || {
        let hangs = over.recv_timeout(BOUND) == Err(mpsc::RecvTimeoutError::Timeout);
        if hangs {
            let _ = kill_process_group(group, Signal::KILL);
        }
        hangs
    });
    let output = child.wait_with_output().expect("it can be waited for");
    drop(is_over);
    assert!(!watching.join().expect("it does not panic"), "it hangs: {line}");
    (output.status.code(), settled(&text(&output.stdout), refusing))
}

/// Without what differs from run to run.
fn settled(said: &str, refusing: &str) -> String {
    let port = refusing.rsplit_once(':').map_or("", |(_, port)| port);
    let said = said.replace(refusing, "REFUSING").replace(&format!(" {port} "), " PORT ");
    let said = said.replace(env!("CARGO_PKG_VERSION"), "VERSION");
    let lines = said.lines().map(|line| {
        let words = line.split(' ').map(|word| {
            let bare = word.trim_start_matches('(').trim_end_matches([':', ',', ')', ';']);
            let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
            match bare.rsplit_once(':') {
                // A port that the system has chosen.
                Some((host, port))
                    if is_number(port) && port.len() == 5 && host == "127.0.0.1" && port != "27015" =>
                {
                    word.replace(port, "PORT")
                }
                _ if bare.split_once('.').is_some_and(|(a, b)| is_number(a) && is_number(b))
                    && bare != "1.2"
                    && bare != "1.3" =>
                {
                    word.replace(bare, "TIME")
                }
                _ => word.to_owned(),
            }
        });
        words.collect::<Vec<_>>().join(" ")
    });
    lines.map(|line| line.trim_end().to_owned() + "\n").collect()
}

/// What lines may name.
fn prepared() -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("there is room");
    let path = directory.path();
    std::fs::write(path.join("file"), "content\n").expect("there is room");
    std::fs::create_dir_all(path.join("folder/below")).expect("there is room");
    std::fs::write(path.join("empty"), "").expect("there is room");
    let (certificate, key) = &Authority::loopback().files;
    std::fs::copy(certificate, path.join("site.pem")).expect("there is room");
    std::fs::copy(key, path.join("site.key")).expect("there is room");
    directory
}

fn spoken(command: &str, lines: &[&str]) -> String {
    let directory = prepared();
    let (refusing, _held) = refusing();
    let mut text =
        format!("What `adieu {command}` says. See tests/cli/voice.rs.\n").replace("adieu `", "adieu`");
    for help in ["-h", "--help"] {
        let line = format!("adieu {command} {help}").replace("  ", " ");
        let (code, said) = said(&line, directory.path(), &refusing);
        assert_eq!(code, Some(0), "{line}: {said}");
        let _ = write!(text, "\n$ {line}\n{said}");
    }
    for line in lines {
        let (code, said) = said(line, directory.path(), &refusing);
        let code = code.map_or_else(|| "by a signal".to_owned(), |code| code.to_string());
        let _ = write!(text, "\n$ {line}    # exit {code}\n{said}");
    }
    text
}

#[test]
fn everything_that_is_said_in_ordinary_failures_is_what_it_was() {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/voice"));
    let writes = std::env::var_os("INSTA_UPDATE").is_some_and(|update| update == "always");
    let mut wrong = Vec::new();
    for (command, lines) in lines::ALL {
        let path =
            folder.join(if command.is_empty() { "adieu.txt".to_owned() } else { format!("{command}.txt") });
        let spoken = spoken(command, lines);
        if writes {
            std::fs::write(&path, spoken).expect("the voices can be written");
            continue;
        }
        let was = std::fs::read_to_string(&path).unwrap_or_default();
        let mut pairs = spoken.lines().zip(was.lines().chain(std::iter::repeat("(nothing)")));
        if let Some((now, then)) = pairs.find(|(now, then)| now != then) {
            wrong.push(format!("{}:\n  was: {then}\n  now: {now}", path.display()));
        } else if spoken.len() != was.len() {
            wrong.push(format!("{} has more than is said", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}\nINSTA_UPDATE=always writes them anew", wrong.join("\n"));
}
