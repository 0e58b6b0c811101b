//! The blocks ` ```sh` of the README, of the book and of the command's own page are run as they are shown, with their own hosts,
//! ports and files: each block in namespaces of its own (network, mounts, processes), where its names lead to loopback and
//! servers listen on its ports. tests/recipes/world.sh makes them.
//!
//! A line that listens is started in the background and must say that it listens. Any other line must end with the exit status 0,
//! or with that in [`STATUSES`]. A block with `&` at the end of a line is one script. `<!-- world: … -->` before a block is a
//! server that it needs. `<!-- save: … -->` is for tests/documents.rs. A new line that cannot be run here stands in [`ELSEWHERE`].

#![cfg(target_os = "linux")]

use adieu_testkit::skip;
use adieu_testkit::tls::authority::Authority;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Mutex;
use std::thread;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// Lines that are not run here, by their beginning, and where they are instead.
const ELSEWHERE: [(&str, &str); 6] = [
    ("cargo ", "cargo xtask ci"),
    ("RUSTFLAGS=", "cargo xtask dist"),
    ("export PKG_CONFIG_PATH=", "cargo xtask dist, the trial of the C library"),
    ("cc client.c ", "cargo xtask dist, the trial of the C library"),
    ("adieu listen fd:", "systemd passes the socket: tests/cli/activation.rs"),
    ("tar xzf ", "cargo xtask dist"),
];

/// Lines that end with another exit status than 0, by their beginning.
const STATUSES: [(&str, i32); 1] = [
    // Not all of its ports are open.
    ("adieu check host:20-25,80,443 ", 3),
];

/// Beginnings of lines that listen until they are stopped.
const SERVERS: [&str; 5] = ["adieu listen ", "adieu receive ", "adieu relay ", "nc -l ", "sudo tcpdump "];

/// What listens on a port that a block names, unless the block says what does.
const LISTENERS: [(u16, &str); 8] = [
    (80, r#"adieu listen 80 --keep-open --exec 'read -r _; printf "HTTP/1.0 200 OK\r\n\r\nfine\n"'"#),
    (25, r#"adieu listen 25 --keep-open --exec 'printf "220 mail\r\n"'"#),
    (443, "adieu listen tls://:443 --cert $WORLD/site.pem --key $WORLD/site.key --keep-open --echo"),
    (2181, "adieu listen 2181 --keep-open --exec 'head -c 4 > /dev/null; printf imok'"),
    (5432, "adieu listen 5432 --keep-open --echo"),
    (6379, "adieu listen 6379 --keep-open --echo"),
    (9000, "adieu listen 9000 --keep-open --echo"),
    (53, "adieu listen udp://192.0.2.1:53 --keep-open --echo"),
];

/// The names that blocks use. All are this machine.
const NAMES: &str = "localhost example.com example.org host host.example.com zk mail web db cache there server.example \
                     proxy.example db.example.org backup.example";

/// The programs that blocks start, as somebody might have them.
const PROGRAMS: [(&str, &str); 9] = [
    ("bin/sudo", "exec \"$@\""),
    ("bin/pg_dump", "echo 'create table shop ();'"),
    // Says what tcpdump says, and captures what somebody has captured before.
    (
        "bin/tcpdump",
        "out=-\nwhile getopts i:Uw:W:C:s: option; do case $option in w) out=$OPTARG ;; esac; done\n\
         echo 'tcpdump: listening on lo' >&2\nif [ \"$out\" = - ]; then exec cat \"$WORLD/trace.pcap\"; fi\n\
         cp \"$WORLD/trace.pcap\" \"$out\"\nexec sleep 1000",
    ),
    // What systemd would read is there and right.
    (
        "bin/systemctl",
        "[ \"$1 $2\" = 'enable --now' ]\nname=${3#*@}\ntest -s \"/etc/systemd/system/${3%%@*}@.service\"\n\
         case $3 in\n    adieu-relay@*) mkdir -p \"/var/log/adieu-relay-$name\"; adieu relay --config \"/etc/adieu/relay-$name.toml\" --check ;;\n\
         adieu-receive@*) [ \"$(stat -c %a \"/etc/adieu/receive-$name.secret\")\" = 600 ] ;;\n    *) exit 1 ;;\nesac",
    ),
    ("work/serve", "exit 0"),
    ("work/handler", "exec cat"),
    ("work/client", "exec curl -s -o page \"$1\""),
    ("work/test", "[ \"$(echo hello | adieu connect -q \"$1\")\" = hello ]"),
    ("work/flaky-test", "exit 0"),
];

/// The pages whose blocks are run.
fn pages() -> Vec<PathBuf> {
    let mut pages = vec![PathBuf::from("README.md"), PathBuf::from("crates/adieu-cli/README.md")];
    for folder in ["docs", "docs/cookbook"] {
        for entry in fs::read_dir(Path::new(ROOT).join(folder)).expect("the folder is there") {
            let name = entry.expect("it can be listed").file_name();
            if Path::new(&name).extension().is_some_and(|extension| extension == "md") {
                pages.push(Path::new(folder).join(name));
            }
        }
    }
    pages
}

#[derive(Debug)]
struct Block {
    /// The page and the line.
    place: String,
    text: String,
    world: Vec<String>,
    /// tests/documents.rs writes it to a file, and runs that.
    is_saved: bool,
}

fn blocks(page: &Path) -> Vec<Block> {
    let text = fs::read_to_string(Path::new(ROOT).join(page)).expect("the page is there");
    let mut lines = text.lines().enumerate();
    let mut blocks = Vec::new();
    let (mut world, mut is_saved) = (Vec::new(), false);
    while let Some((number, line)) = lines.next() {
        if let Some(server) = line.strip_prefix("<!-- world: ").and_then(|line| line.strip_suffix(" -->")) {
            world.push(server.to_owned());
        } else if line.starts_with("<!-- save: ") {
            is_saved = true;
        } else if line == "```sh" {
            let text: Vec<_> =
                lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```").collect();
            blocks.push(Block {
                place: format!("{}:{}", page.display(), number + 1),
                text: text.join("\n") + "\n",
                world: std::mem::take(&mut world),
                is_saved: std::mem::take(&mut is_saved),
            });
        }
    }
    assert!(world.is_empty(), "{}: a world without a block: {world:?}", page.display());
    blocks
}

fn begins<T: Copy>(line: &str, table: &[(&str, T)]) -> Option<T> {
    table.iter().find(|(beginning, _)| line.starts_with(beginning)).map(|&(_, value)| value)
}

impl Block {
    fn is_script(&self) -> bool {
        self.text.lines().any(|line| line.ends_with(" &"))
    }

    /// The steps, each with its kind (see world.sh).
    fn steps(&self) -> Vec<(&'static str, String)> {
        let mut steps: Vec<_> = self.listeners().map(|line| ("default", line.to_owned())).collect();
        steps.extend(self.world.iter().map(|line| ("world", line.clone())));
        if self.is_script() {
            steps.push(("run", self.text.clone()));
            return steps;
        }
        for line in self.text.lines().filter(|line| begins(line, &ELSEWHERE).is_none()) {
            let listens = SERVERS.iter().any(|beginning| line.starts_with(beginning));
            steps.push((if listens { "serve" } else { "run" }, line.to_owned()));
        }
        steps
    }

    fn listeners(&self) -> impl Iterator<Item = &'static str> {
        let names = |text: &str, port: u16| {
            let words = text.split(|c: char| !(c.is_alphanumeric() || c == ':' || c == '.' || c == '-'));
            words.into_iter().any(|word| {
                word == port.to_string() || word.rsplit_once(':').is_some_and(|(_, p)| p == port.to_string())
            })
        };
        LISTENERS
            .into_iter()
            .filter(move |&(port, _)| {
                names(&self.text, port) && !self.world.iter().any(|line| names(line, port))
            })
            .map(|(_, line)| line)
    }

    fn run(&self) -> Result<(), String> {
        let steps = self.steps();
        if !steps.iter().any(|(kind, _)| ["serve", "run"].contains(kind)) {
            return Ok(());
        }
        let directory = world(&steps).map_err(|error| format!("{}: {error}", self.place))?;
        let output = entered(Command::new("sh").args(["-c", WORLD, "world.sh"]).arg(directory.path()));
        if output.status.success() {
            return Ok(());
        }
        Err(format!("{}: {}", self.place, String::from_utf8_lossy(&output.stderr)))
    }
}

const WORLD: &str = include_str!("recipes/world.sh");

/// The directory that world.sh is given.
fn world(steps: &[(&str, String)]) -> io::Result<tempfile::TempDir> {
    let directory = tempfile::tempdir()?;
    let at = |name: &str| directory.path().join(name);
    for folder in
        ["bin", "steps", "home/bin", "work/project/.git", "work/inbox", "work/photos", "work/stored"]
    {
        fs::create_dir_all(at(folder))?;
    }
    symlink(env!("CARGO_BIN_EXE_adieu"), at("bin/adieu"))?;
    for (name, text) in PROGRAMS {
        fs::write(at(name), format!("#!/bin/sh\n{text}\n"))?;
        fs::set_permissions(at(name), fs::Permissions::from_mode(0o755))?;
    }
    fs::write(at("hosts"), format!("127.0.0.1 {NAMES}\n"))?;
    for file in ["request", "disk.img", "FILE", "project/main", "../home/.proxy-password"] {
        fs::write(at("work").join(file), "GET / HTTP/1.0\r\n\r\n")?;
    }
    fs::write(at("work/web.jsonl"), "{\"ending\":\"reset\",\"by\":\"upstream\"}\n")?;
    symlink(Path::new(ROOT).join("packaging").canonicalize()?, at("work/packaging"))?;
    let fixtures = Path::new(ROOT).join("crates/adieu-explain/tests/fixtures/own");
    for to in ["trace.pcap", "work/trace.pcap"] {
        fs::copy(fixtures.join("several_connections.pcap"), at(to))?;
    }
    let names: Vec<_> = NAMES.split_whitespace().collect();
    let site = Authority::shared().issue(&names)?;
    for (from, to) in [(&site.files.0, "site.pem"), (&site.files.1, "site.key")] {
        fs::copy(from, at(to))?;
        fs::copy(from, at("work").join(to))?;
    }
    fs::copy(Authority::shared().file(), at("ca.pem"))?;
    for (number, (kind, text)) in steps.iter().enumerate() {
        let name = at("steps").join(format!("{number:02}"));
        fs::write(name.with_extension(kind), text)?;
        let status = begins(text, &STATUSES).unwrap_or(0);
        if *kind == "run" {
            fs::write(name.with_extension("status"), status.to_string())?;
        }
    }
    Ok(directory)
}

/// A command in namespaces of its own. All that it has started ends with it.
fn entered(command: &Command) -> Output {
    let mut unshare = Command::new("unshare");
    unshare.args(["--net", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child"]);
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy().to_lowercase();
        if ["adieu_", "xdg_"].iter().any(|of| text.starts_with(of)) || text.ends_with("_proxy") {
            unshare.env_remove(name);
        }
    }
    unshare.arg(command.get_program()).args(command.get_args()).output().expect("unshare starts")
}

/// Whether this machine and this user can make the namespaces, with a name for `skip`.
fn worlds_can_be_made(test: &str) -> bool {
    let tried = entered(Command::new("sh").args(["-c", "ip link set lo up && mount -t tmpfs tmpfs /srv"]));
    if !tried.status.success() {
        let why = String::from_utf8_lossy(&tried.stderr).into_owned();
        skip::loudly(test, &io::Error::other(format!("no namespaces: {why}")));
    }
    tried.status.success()
}

#[test]
fn every_block_for_a_shell_does_what_it_is_shown_for() {
    let test = "every_block_for_a_shell_does_what_it_is_shown_for";
    if skip::installed("unshare").is_none() || skip::installed("ip").is_none() {
        return skip::loudly(test, &io::Error::other("unshare or ip is not installed"));
    }
    if !worlds_can_be_made(test) {
        return;
    }
    let blocks: Vec<_> =
        pages().iter().flat_map(|page| blocks(page)).filter(|block| !block.is_saved).collect();
    assert!(blocks.len() > 30, "blocks: {}", blocks.len());
    // Namespaces hinder each other while they are made, so a few at a time are quicker than all.
    let next = Mutex::new(blocks.iter());
    let wrong = thread::scope(|scope| {
        let worker = || {
            let block = || next.lock().expect("no worker panics").next();
            std::iter::from_fn(block).filter_map(|block| runnable(test, block)).collect::<String>()
        };
        let workers: Vec<_> = (0..4).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().map(|worker| worker.join().expect("no worker panics")).collect::<String>()
    });
    assert!(wrong.is_empty(), "{wrong}");
}

/// Runs a block, if all programs that it names are installed.
fn runnable(test: &str, block: &Block) -> Option<String> {
    let steps = block.steps();
    let mut programs = steps.iter().filter_map(|(_, line)| line.split_whitespace().next());
    let foreign = ["microsocks", "nc", "jq"];
    if programs.any(|program| foreign.contains(&program) && skip::counterpart(test, program).is_none()) {
        return None;
    }
    block.run().err().map(|mut error| {
        let _ = writeln!(error);
        error
    })
}

#[test]
fn every_block_for_a_shell_is_one_that_a_shell_can_read() {
    let pages = pages().into_iter().chain(["packaging/README.md", "bench/README.md"].map(PathBuf::from));
    for block in pages.filter(|page| Path::new(ROOT).join(page).exists()).flat_map(|page| blocks(&page)) {
        let output = Command::new("sh").args(["-n", "-c", &block.text]).output().expect("a shell starts");
        assert!(output.status.success(), "{}: {}", block.place, String::from_utf8_lossy(&output.stderr));
    }
}
