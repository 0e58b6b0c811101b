//! The console blocks of the README and of the book are run, and what they show must be what comes out.
//! Their links must lead somewhere.
//!
//! A block ` ```console` has commands after `$ ` and what they print. ` ```console server` is a command that runs in the
//! background for the blocks that follow it; `<!-- server: … -->` is the same without being shown, and
//! `<!-- setup: … -->` is run first. `<!-- save: FILE -->` writes the block ` ```sh` that follows to a file. Times, ports and fingerprints differ from run to run, so both sides are compared without
//! them, and the lines of a ladder in any order. A command that is shown with `--pin` gets the fingerprint that the server has
//! told.
//!
//! Every page starts in an empty directory with an empty home directory and without a variable of adieu's, so README and tutorial
//! are run as by somebody who has just installed it. tests/recipes.rs runs the blocks ` ```sh`.

#![cfg(unix)]

use adieu_testkit::places::free_port;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};

/// The ports that documents show. A test uses ports that are free.
const SHOWN_PORTS: [&str; 4] = ["27015", "2525", "8000", "9000"];

struct Shell {
    directory: tempfile::TempDir,
    home: tempfile::TempDir,
    path: String,
    ports: Vec<(&'static str, String)>,
}

impl Shell {
    fn new() -> Self {
        let binary = Path::new(env!("CARGO_BIN_EXE_adieu")).parent().expect("a binary is in a folder");
        let path = std::env::var("PATH").unwrap_or_default();
        // One that contains a port that is shown would be replaced in its turn.
        let is_safe = |port: &String| !SHOWN_PORTS.iter().any(|shown| port.contains(shown));
        let port =
            || std::iter::repeat_with(|| free_port().to_string()).find(is_safe).expect("it never ends");
        Self {
            directory: tempfile::tempdir().expect("there is room for a directory"),
            home: tempfile::tempdir().expect("there is room for a directory"),
            path: format!("{}:{path}", binary.display()),
            ports: SHOWN_PORTS.into_iter().map(|shown| (shown, port())).collect(),
        }
    }

    fn command(&self, line: &str) -> Command {
        let mut line = line.to_owned();
        for (shown, free) in &self.ports {
            line = line.replace(shown, free);
        }
        let mut command = Command::new("sh");
        // As for somebody who has never used adieu: no variable of it, and no file of an earlier run.
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy().into_owned();
            if ["ADIEU_", "XDG_"].iter().any(|of| name.starts_with(of))
                || name.to_lowercase().ends_with("_proxy")
            {
                command.env_remove(name);
            }
        }
        command.args(["-c", &line]).current_dir(&self.directory).stdin(Stdio::null());
        command.env("PATH", &self.path).env("HOME", self.home.path());
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
        if line.contains("--self-signed") {
            stderr.read_line(&mut said).expect("stderr is readable");
        }
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
    /// The fingerprint of the certificate that was made for this run.
    fn pin(&self) -> Option<&str> {
        self.said.lines().find_map(|line| line.split_once("--pin ")).map(|(_, pin)| pin)
    }

    /// Stops one that would serve for ever.
    fn stop(&self) {
        let stopped = Command::new("kill").arg(self.child.id().to_string()).status();
        assert!(stopped.expect("kill starts").success(), "it still runs");
    }

    fn finish(mut self) -> String {
        self.stderr.read_to_string(&mut self.said).expect("stderr is readable");
        self.child.wait().expect("it can be waited for");
        std::mem::take(&mut self.said)
    }
}

/// One whose page failed before it was stopped must not outlive the test.
impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Without what differs from run to run.
fn settled(text: &str) -> Vec<String> {
    // How many were still open when it was stopped is chance.
    let of_the_run =
        |line: &&str| ![": stopped by SIGTERM; ", ": SIGTERM: "].iter().any(|by| line.contains(by));
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
            _ if word.starts_with("sha256:") => "sha256:FINGERPRINT".to_owned(),
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

/// The command with the fingerprint that a server has told, where one is shown.
fn with_pin(command: String, servers: &[(Server, Option<String>)]) -> String {
    let told = servers.iter().find_map(|(server, _)| server.pin());
    match (told, command.split_once("--pin ")) {
        (Some(pin), Some((before, _))) => format!("{before}--pin {pin}"),
        _ => command,
    }
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
        } else if let Some(file) = directive(line, "save") {
            assert_eq!(lines.next(), Some("```sh"), "what is saved follows");
            let text: Vec<_> = lines.by_ref().take_while(|line| *line != "```").collect();
            std::fs::write(shell.directory.path().join(file), text.join("\n") + "\n").expect("there is room");
        } else if let Some(server) = directive(line, "server") {
            servers.push((shell.serve(server), None));
        } else if let Some(kind) = line.strip_prefix("```console") {
            let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            for (command, shown) in commands(&block) {
                count += 1;
                if kind == " server" {
                    servers.push((shell.serve(&command), Some(shown)));
                } else {
                    let command = with_pin(command, &servers);
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

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// The pages of a folder and of the folders in it, by their path from the root.
fn pages(folder: &str) -> Vec<String> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(Path::new(ROOT).join(folder)).expect("the folder is there") {
        let entry = entry.expect("the folder can be read");
        let name = entry.file_name().into_string().expect("names of pages are text");
        let path = if folder == "." { name.clone() } else { format!("{folder}/{name}") };
        if entry.file_type().expect("it has a type").is_dir() {
            if folder != "." {
                all.extend(pages(&path));
            }
        } else if Path::new(&name).extension().is_some_and(|extension| extension == "md") {
            all.push(path);
        }
    }
    all.sort();
    all
}

fn page(path: &str) -> String {
    std::fs::read_to_string(Path::new(ROOT).join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Runs every page that has blocks to run, each with servers, ports and a directory of its own.
#[test]
fn every_page_shows_what_comes_out() {
    let pages = pages("docs").into_iter().chain(["README.md".to_owned()]);
    let run: Vec<_> = pages
        .map(|path| (page(&path), path))
        .filter(|(text, _)| text.contains("\n```console"))
        .map(|(text, path)| (path, std::thread::spawn(move || check(&text))))
        .collect();
    assert!(run.len() > 15, "pages with blocks: {}", run.len());
    let ended: Vec<_> = run.into_iter().map(|(path, page)| (path, page.join())).collect();
    let bad: Vec<_> =
        ended.iter().filter(|(_, count)| !matches!(count, Ok(1..))).map(|(path, _)| path).collect();
    assert!(bad.is_empty(), "of {bad:?} not everything comes out as shown; see above");
}

/// Where a page leads, and which headings lead into it.
struct Links {
    to: Vec<String>,
    anchors: Vec<String>,
}

fn links(text: &str) -> Links {
    use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
    let mut links = Links { to: Vec::new(), anchors: Vec::new() };
    let mut heading: Option<String> = None;
    for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                links.to.push(dest_url.into_string());
            }
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::End(TagEnd::Heading(_)) => {
                let words = heading.take().expect("a heading ends after it has begun").to_lowercase();
                let kept = words.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
                links.anchors.push(kept.map(|c| if c == ' ' { '-' } else { c }).collect());
            }
            Event::Text(words) | Event::Code(words) => {
                if let Some(heading) = &mut heading {
                    heading.push_str(&words);
                }
            }
            _ => {}
        }
    }
    links
}

#[test]
fn every_link_leads_somewhere() {
    let mut bad = Vec::new();
    for from in pages("docs").into_iter().chain(pages(".")).chain(pages("bench")) {
        for link in links(&page(&from)).to {
            if link.starts_with("https://") || link.starts_with("mailto:") {
                continue;
            }
            let (path, anchor) =
                link.split_once('#').map_or((&*link, None), |(path, anchor)| (path, Some(anchor)));
            let folder = Path::new(ROOT).join(&from);
            let folder = folder.parent().expect("a page is in a folder");
            let target = if path.is_empty() { Path::new(ROOT).join(&from) } else { folder.join(path) };
            let is_there = match (target.exists(), anchor) {
                (true, Some(anchor)) => {
                    let text = std::fs::read_to_string(&target).unwrap_or_default();
                    links(&text).anchors.iter().any(|known| known == anchor)
                }
                (is_there, _) => is_there,
            };
            // The book is read without the repository.
            let leaves_the_book = from.starts_with("docs/")
                && (link.starts_with("../../") || link.starts_with("../") && from.matches('/').count() == 1);
            if !is_there || leaves_the_book {
                bad.push(format!("{from}: {link}"));
            }
        }
    }
    assert!(bad.is_empty(), "{bad:#?}");
}

/// The crate's README is compiled by its own documentation tests.
#[test]
fn rust_on_the_pages_is_rust_that_is_compiled() {
    let compiled = page("crates/adieu/README.md");
    for path in ["README.md", "docs/library.md"] {
        let text = page(path);
        let blocks: Vec<_> =
            text.split("```rust").skip(1).filter_map(|rest| rest.split("```").next()).collect();
        assert!(!blocks.is_empty(), "{path}");
        for block in blocks {
            assert!(compiled.contains(block), "{path}: {block}");
        }
    }
}

#[test]
fn the_page_of_reports_has_every_key() {
    let text = page("docs/reports.md");
    let (_, tables) = text.split_once("## The keys of a report").expect("it has the keys");
    let (connection, transfer) = tables.split_once("`adieu send` and").expect("it has those of transfers");
    for (schema, keys) in [("report", connection), ("transfer-report", transfer)] {
        let schema: serde_json::Value =
            serde_json::from_str(&page(&format!("docs/{schema}.schema.json"))).expect("it is JSON");
        for key in schema["properties"].as_object().expect("it has keys").keys() {
            assert!(keys.contains(&format!("`{key}`")), "docs/reports.md does not have {key}");
        }
    }
}

#[test]
fn the_book_has_every_page_once() {
    let mut listed: Vec<String> =
        links(&page("docs/SUMMARY.md")).to.into_iter().map(|link| format!("docs/{link}")).collect();
    listed.sort();
    let mut there = pages("docs");
    there.retain(|page| page != "docs/SUMMARY.md");
    assert_eq!(listed, there);
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
