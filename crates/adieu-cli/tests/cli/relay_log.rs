//! The log of `adieu relay` when something happens to its file: a full disk, a new name.

use crate::adieu;
use crate::relay::{Relay, accept, checked, upstream};
use crate::{BOUND, Server, ask, text, until};
use adieu_testkit::places;
use rustix::process::{Resource, Signal};
use std::io::{BufRead, BufReader, Read};
use std::net::TcpStream;
use std::process::Command;

/// The system takes a part of a line, and then refuses the rest: a disk that is full, and has room again later.
#[test]
fn a_line_of_the_log_that_was_torn_takes_no_other_with_it() {
    let (listener, address) = upstream();
    let mut relay = limited(&address);
    let before = relay.server.limit(Resource::Fsize, Some(100));
    let mut client = relay.server.connect();
    drop(accept(&listener));
    assert_eq!(client.read(&mut [0]).expect("a FIN passes"), 0);
    drop(client);
    relay.server.line_with("cannot write the log");
    relay.server.limit(Resource::Fsize, before);
    let client = relay.server.connect();
    drop(accept(&listener));
    drop(client);
    let mut log = String::new();
    until("there is no second line", || {
        log = std::fs::read_to_string(relay.log()).unwrap_or_default();
        log.ends_with('\n')
    });
    let lines: Vec<_> = log.lines().collect();
    assert_eq!((lines.len(), lines[0].len()), (2, 100), "{log}");
    assert_eq!(checked(lines[1])["connection_id"], 2);
}

/// As logrotate does it: the file gets another name, and SIGHUP says so.
#[test]
fn a_log_that_was_renamed_is_begun_anew_at_sighup() {
    for by_file in [false, true] {
        let (listener, address) = upstream();
        let directory = tempfile::tempdir().expect("there is room");
        let [log, old, file] = ["log", "log.1", "relays.toml"].map(|name| directory.path().join(name));
        let mut command = adieu(&["relay"]);
        if by_file {
            let text = format!("[[relay]]\nlisten = \"127.0.0.1:0\"\nto = [\"{address}\"]\n");
            std::fs::write(&file, text).expect("there is room");
            command.arg("--config").arg(&file);
        } else {
            command.args(["127.0.0.1:0", &address]);
        }
        command.arg("--log").arg(&log);
        let mut relay = Relay { server: Server::of(&mut command), directory };
        let pass = |relay: &Relay| {
            let client = relay.server.connect();
            drop(accept(&listener));
            drop(client);
        };
        pass(&relay);
        assert_eq!(relay.lines(1).len(), 1);
        std::fs::rename(&log, &old).expect("it is there");
        relay.server.signal(Signal::HUP);
        relay.server.line_with("the log is opened again");
        pass(&relay);
        assert_eq!(relay.lines(1).remove(0)["connection_id"], 2);
        let first = std::fs::read_to_string(&old).expect("it is there");
        assert_eq!((first.lines().count(), &checked(first.trim_end())["connection_id"]), (1, &1.into()));
        relay.server.signal(Signal::TERM);
        let (status, _, said) = relay.server.finish();
        assert_eq!(status.code(), Some(0), "{said}");
    }
}

/// Nobody reads the FIFO. Connections go on, and what is lost is told: on stderr, in metrics, and in the exit status.
#[test]
fn lines_of_the_log_that_nobody_takes_are_dropped_and_told() {
    let (refusing, _held) = crate::refusing();
    let directory = tempfile::tempdir().expect("there is room");
    let log = directory.path().join("log");
    places::fifo(&log).expect("a FIFO");
    // It is in each line, so that a hundred are more than may wait.
    let name = "x".repeat(100_000);
    let mut command = adieu(&["relay", "127.0.0.1:0", &refusing, "--name", &name, "--report", "none"]);
    let mut server = Server::of(command.args(["--metrics", "127.0.0.1:0", "--log"]).arg(&log));
    let metrics = server.line_with("metrics on ").rsplit_once(' ').expect("an endpoint").1.to_owned();
    for _ in 0..100 {
        server.connect_in_vain();
    }
    let said = server.line_with("takes no lines");
    assert!(said.contains("further lines are dropped"), "{said}");
    let scrape = TcpStream::connect(metrics).expect("it listens");
    scrape.set_read_timeout(Some(BOUND)).expect("a timeout can be set");
    let told = text(&ask(scrape, b"GET /metrics HTTP/1.0\r\n\r\n"));
    let dropped = told.lines().find_map(|line| line.strip_prefix("adieu_log_lines_dropped_total "));
    let dropped: u64 = dropped.expect("a metric").parse().expect("a number");
    assert!((1..100).contains(&dropped), "{dropped}");
    server.signal(Signal::TERM);
    let (status, _, said) = server.finish();
    assert_eq!(status.code(), Some(7), "{said}");
    // A client sees its end before the line of it is dropped.
    let in_all = said.split_once(" dropped, because the reader did not keep up").and_then(|(before, _)| {
        before
            .trim_end_matches(" lines were")
            .trim_end_matches(" line was")
            .rsplit(' ')
            .next()?
            .parse::<u64>()
            .ok()
    });
    assert!(in_all.is_some_and(|in_all| (dropped..100).contains(&in_all)), "{dropped}: {said}");
}

/// Nobody reads the reports, which are more than a pipe takes. Every client is served all the same, and the reports come once somebody
/// does.
#[test]
fn a_report_file_that_nobody_reads_holds_no_connection_up() {
    let (refusing, _held) = crate::refusing();
    let directory = tempfile::tempdir().expect("there is room");
    let reports = directory.path().join("reports");
    places::fifo(&reports).expect("a FIFO");
    let name = "x".repeat(100_000);
    let mut command = adieu(&["relay", "127.0.0.1:0", &refusing, "--name", &name, "--report", "json"]);
    let server = Server::of(command.arg("--report-file").arg(&reports));
    for _ in 0..10 {
        server.connect_in_vain();
    }
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let reports = std::fs::File::open(reports).expect("it is there");
        BufReader::new(reports).lines().try_for_each(|line| tell.send(line.expect("a text")))
    });
    for _ in 0..10 {
        checked(&told.recv_timeout(BOUND).expect("a report"));
    }
    server.signal(Signal::TERM);
    let (status, _, said) = server.finish();
    assert_eq!(status.code(), Some(0), "{said}");
}

/// A relay that was started with a file size limit, so it survives the signal of one that is exceeded.
fn limited(upstream: &str) -> Relay {
    let directory = tempfile::tempdir().expect("there is room");
    let mut inner = adieu(&["relay", "127.0.0.1:0", upstream, "--log"]);
    inner.arg(directory.path().join("log"));
    let mut command = Command::new("sh");
    command
        .args(["-c", "ulimit -S -f 8; exec \"$0\" \"$@\""])
        .arg(inner.get_program())
        .args(inner.get_args());
    for (name, _) in inner.get_envs() {
        command.env_remove(name);
    }
    Relay { server: Server::of(&mut command), directory }
}
