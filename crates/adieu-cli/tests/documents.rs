//! The README's console blocks are run, and what they show must be what comes out.
//!
//! A block ` ```console` has commands after `$ ` and what they print. ` ```console server` is a command that runs in the
//! background for the blocks that follow it; `<!-- server: … -->` is the same without being shown, and
//! `<!-- setup: … -->` is run first. Times and ports differ from run to run, so both sides are compared without them,
//! and the lines of a ladder in any order.

#![cfg(unix)]

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};

/// The ports that documents show. A test uses ports that are free.
const SHOWN_PORTS: [&str; 4] = ["27015", "2525", "8000", "9000"];

struct Shell {
    directory: tempfile::TempDir,
    path: String,
    ports: Vec<(&'static str, String)>,
}

impl Shell {
    fn new() -> Self {
        let binary = Path::new(env!("CARGO_BIN_EXE_adieu")).parent().expect("a binary is in a folder");
        let path = std::env::var("PATH").unwrap_or_default();
        let held: Vec<TcpListener> =
            SHOWN_PORTS.iter().map(|_| TcpListener::bind("127.0.0.1:0").expect("a port is free")).collect();
        let port = |l: &TcpListener| l.local_addr().expect("it has an address").port().to_string();
        Self {
            directory: tempfile::tempdir().expect("there is room for a directory"),
            path: format!("{}:{path}", binary.display()),
            ports: SHOWN_PORTS.into_iter().zip(held.iter().map(port)).collect(),
        }
    }

    fn command(&self, line: &str) -> Command {
        let mut line = line.to_owned();
        for (shown, free) in &self.ports {
            line = line.replace(shown, free);
        }
        let mut command = Command::new("sh");
        command.args(["-c", &line]).current_dir(&self.directory).env("PATH", &self.path).stdin(Stdio::null());
        command
    }

    fn run(&self, line: &str) -> String {
        let output = self.command(&format!("{{ {line}\n}} 2>&1")).output().expect("a shell starts");
        String::from_utf8(output.stdout).expect("it prints text")
    }

    fn serve(&self, line: &str) -> Server {
        let mut child =
            self.command(&format!("exec {line}")).stderr(Stdio::piped()).spawn().expect("a shell starts");
        let mut stderr = BufReader::new(child.stderr.take().expect("stderr is a pipe"));
        let mut said = String::new();
        stderr.read_line(&mut said).expect("stderr is readable");
        assert!(said.contains("listening on"), "{line}: {said}");
        Server {
            child,
            stderr,
            said,
            is_kept_open: line.contains("--keep-open") || line.starts_with("adieu relay"),
        }
    }
}

struct Server {
    child: Child,
    stderr: BufReader<ChildStderr>,
    said: String,
    is_kept_open: bool,
}

impl Server {
    /// Stops one that would serve for ever.
    fn stop(&self) {
        let stopped = Command::new("kill").arg(self.child.id().to_string()).status();
        assert!(stopped.expect("kill starts").success(), "it still runs");
    }

    fn finish(mut self) -> String {
        self.stderr.read_to_string(&mut self.said).expect("stderr is readable");
        self.child.wait().expect("it can be waited for");
        self.said
    }
}

/// Without what differs from run to run.
fn settled(text: &str) -> Vec<String> {
    // How many were still open when it was stopped is chance.
    let of_the_run = |line: &&str| !line.contains(": stopped by SIGTERM; ");
    let mut lines: Vec<String> = text.lines().filter(of_the_run).map(settled_line).collect();
    if text.contains('│') {
        lines.sort();
    }
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    lines
}

fn settled_line(line: &str) -> String {
    let words = line.trim_end_matches('\r').split_whitespace().map(|word| {
        match without_mark(word).rsplit_once(':') {
            Some((host, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => {
                format!("{host}:PORT")
            }
            _ if word.contains('.') && word.bytes().all(|b| b.is_ascii_digit() || b == b'.') => {
                "TIME".to_owned()
            }
            _ if humantime::parse_rfc3339(word).is_ok() => "TIME".to_owned(),
            _ if word.strip_prefix('(').is_some_and(|time| time.parse::<f64>().is_ok()) => "(TIME".to_owned(),
            _ => word.to_owned(),
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// An address may be followed by what is said of it.
fn without_mark(word: &str) -> &str {
    word.strip_suffix([':', ',']).unwrap_or(word)
}

/// A block's commands, each with what it must print.
fn commands(block: &[&str]) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = Vec::new();
    for line in block {
        match (line.strip_prefix("$ "), all.last_mut()) {
            (Some(command), _) => all.push((command.to_owned(), String::new())),
            (None, Some((_, shown))) => *shown += &format!("{line}\n"),
            (None, None) => panic!("a console block begins with a command, and not with {line:?}"),
        }
    }
    all
}

fn directive<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    line.strip_prefix("<!-- ")?.strip_suffix(" -->")?.strip_prefix(name)?.strip_prefix(": ")
}

/// Runs the blocks of a document and gives how many commands that were.
fn check(document: &str) -> usize {
    let shell = Shell::new();
    let mut lines = document.lines();
    let mut servers: Vec<(Server, Option<String>)> = Vec::new();
    let mut count = 0;
    while let Some(line) = lines.next() {
        if let Some(setup) = directive(line, "setup") {
            shell.run(setup);
        } else if let Some(server) = directive(line, "server") {
            servers.push((shell.serve(server), None));
        } else if let Some(kind) = line.strip_prefix("```console") {
            let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            for (command, shown) in commands(&block) {
                count += 1;
                if kind == " server" {
                    servers.push((shell.serve(&command), Some(shown)));
                } else {
                    assert_eq!(settled(&shell.run(&command)), settled(&shown), "$ {command}");
                }
            }
            if kind != " server" {
                for (server, shown) in servers.drain(..) {
                    if server.is_kept_open {
                        server.stop();
                    }
                    let said = server.finish();
                    if let Some(shown) = shown {
                        assert_eq!(settled(&said), settled(&shown));
                    }
                }
            }
        }
    }
    assert!(servers.is_empty(), "a server that nothing asks");
    count
}

#[test]
fn the_readme_shows_what_comes_out() {
    let readme = include_str!("../../../README.md");
    assert!(check(readme) >= 8);
}

#[test]
fn the_page_of_the_relay_shows_what_comes_out() {
    assert!(check(include_str!("../../../docs/relay.md")) >= 3);
}

#[test]
fn the_page_of_faults_shows_what_comes_out() {
    assert!(check(include_str!("../../../docs/faults.md")) >= 6);
}

#[test]
fn the_page_of_explain_shows_what_comes_out() {
    assert!(check(include_str!("../../../docs/explain.md")) >= 6);
}

#[test]
fn the_readme_has_the_totals_that_were_measured() {
    let (readme, peers) = (include_str!("../../../README.md"), include_str!("../../../docs/peers.md"));
    let (_, totals) = peers.split_once("## Totals").expect("the page has its totals");
    let totals: Vec<&str> =
        totals.lines().skip_while(|l| l.is_empty()).take_while(|l| !l.is_empty()).collect();
    assert!(totals.len() > 5);
    for line in totals {
        assert!(readme.contains(line), "{line}");
    }
}
