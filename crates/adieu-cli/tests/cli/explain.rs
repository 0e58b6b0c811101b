//! `adieu explain`: which captures are read, what is printed, and the exit status. What it says of endings is tested in its crate.

use crate::{BOUND, adieu, run, signal, text};
use adieu_testkit::schema::Schema;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::Signal;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Stdio};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../adieu-explain/tests/fixtures/own").join(name)
}

fn path(name: &str) -> String {
    fixture(name).to_str().expect("our own paths are UTF-8").to_owned()
}

#[test]
fn a_file_is_explained_connection_by_connection() {
    let output = run(&["explain", &path("several_connections.pcap")], b"");
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
    let out = text(&output.stdout);
    let blocks: Vec<&str> = out.split("\n\n").collect();
    assert_eq!(blocks.len(), 6);
    assert!(blocks[0].starts_with("10.7.0.1:43300 -> 10.7.0.2:27015: graceful\n"), "{out}");
    assert!(blocks[1].contains("10.7.0.2:27015 refused the connection"), "{out}");
    // Facts say how sure they are, and what is not known has its reason.
    assert!(
        blocks[0].contains("\n  seen       the server ended its direction by a FIN in frame 15 ("),
        "{out}"
    );
    assert!(blocks[2].contains("\n  unknown    why the resets were sent: it happens inside a host"), "{out}");

    let output = run(&["explain", "--format", "brief", &path("several_connections.pcap")], b"");
    let out = text(&output.stdout);
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines.len(), 6);
    assert!(lines[0].starts_with("10.7.0.1:43300 -> 10.7.0.2:27015: graceful: "), "{out}");
    assert!(lines[1].contains("refused"), "{out}");
}

/// A filter that chooses nothing is told on stderr to people, and changes no exit status.
#[test]
fn a_filter_that_matches_nothing_is_told() {
    let file = path("several_connections.pcap");
    let none = "adieu: 0 of 6 connections match --host 10.7.0.9\n";
    let page = tempfile::tempdir().expect("a directory");
    let page = page.path().join("page.html");
    let page = page.to_str().expect("UTF-8");
    for (options, told) in [
        (&["--host", "10.7.0.9"][..], none),
        (&["--host", "10.7.0.9", "--format", "brief"], none),
        (&["--host", "10.7.0.9", "--html", page], none),
        (&["--host", "10.7.0.9", "--summary"], none),
        (&["--host", "10.7.0.9", "--format", "json"], ""),
        (&["--host", "10.7.0.9", "--format", "zeek"], ""),
        (&["--host", "10.7.0.9", "--format", "eve"], ""),
        (&["--host", "10.7.0.9", "--summary", "--format", "json"], ""),
        (
            &["--only", "truncated,silent", "--port", "27015", "--net", "10.7.0.0/24"],
            "adieu: 0 of 6 connections match --only truncated,silent --net 10.7.0.0/24 --port 27015\n",
        ),
        (
            &["--until", "2001-01-01T00:00:00Z"],
            "adieu: 0 of 6 connections match --until 2001-01-01T00:00:00.000000000Z\n",
        ),
        (&["--only", "graceful"], ""),
    ] {
        let output = run(&[&["explain", &file], options].concat(), b"");
        assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), told.to_owned()), "{options:?}");
    }
    let empty = &fs::read(&file).expect("a capture")[..24];
    let output = run(&["explain", "-"], empty);
    assert_eq!(
        (output.status.code(), text(&output.stderr)),
        (Some(0), "adieu: there is no TCP connection\n".to_owned())
    );
}

#[test]
fn a_wrong_address_is_told_with_one_that_fits() {
    let file = path("several_connections.pcap");
    for (option, value, says) in [
        ("--follow", "10.7.0.1", "the port is missing: write it as 10.7.0.1:443"),
        (
            "--follow",
            "example.org:80",
            "'example.org' is not an IP address: write it as 192.0.2.7:443 or [2001:db8::7]:443",
        ),
        (
            "--host",
            "example.org",
            "it is not an IP address: write an address such as 192.0.2.7 or 2001:db8::7",
        ),
        (
            "--net",
            "10.7.0.0/40",
            "the length of its prefix is not a number from 0 to 32: write a network such as",
        ),
        ("--port", "http", "it is not a number from 0 to 65535: write a port such as 443"),
    ] {
        let output = run(&["explain", option, value, &file], b"");
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.contains(says) && told.contains(value), "{option} {value}: {told}");
    }
}

#[test]
fn what_is_not_wanted_is_not_printed() {
    let file = path("several_connections.pcap");
    for (options, ports) in [
        (&["--only", "graceful"][..], &[43300][..]),
        (&["--only", "reset,refused"], &[43301, 43302, 43303]),
        (&["--only", "not-graceful", "--port", "43300,43305"], &[43305]),
        (&["--host", "10.7.0.1", "--port", "43301", "--port", "43302"], &[43301, 43302]),
        (&["--net", "10.7.0.0/24", "--port", "43301"], &[43301]),
        (&["--host", "10.7.0.9"], &[]),
        (&["--net", "192.0.2.0/24,2001:db8::/32"], &[]),
        (&["--until", "2001-01-01T00:00:00Z"], &[]),
        (&["--since", "2001-01-01 00:00:00", "--only", "graceful"], &[43300]),
    ] {
        let output = run(&[&["explain", "--format", "json", &file], options].concat(), b"");
        assert_eq!(output.status.code(), Some(0), "{options:?}: {}", text(&output.stderr));
        let cport =
            |line: &str| serde_json::from_str::<serde_json::Value>(line).expect("JSON")["cport"].as_u64();
        let found: Vec<u64> = text(&output.stdout).lines().filter_map(cport).collect();
        assert_eq!(found, ports, "{options:?}");
    }
    for wrong in [
        &["--only", "clean"][..],
        &["--port", "70000"],
        &["--host", "example.org"],
        &["--since", "yesterday"],
        &["--since", "2026-01-02T00:00:00Z", "--until", "2026-01-01T00:00:00Z"],
    ] {
        let output = run(&[&["explain", &file], wrong].concat(), b"");
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
    }
}

/// The captures of both sets.
fn captures() -> Vec<String> {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../adieu-explain/tests/fixtures");
    let mut all: Vec<String> = ["own", "more"]
        .iter()
        .flat_map(|set| fs::read_dir(fixtures.join(set)).expect("the captures are there"))
        .map(|entry| entry.expect("a folder can be read").path().to_str().expect("UTF-8").to_owned())
        .filter(|name| [".pcap", ".pcapng"].iter().any(|end| name.ends_with(end)))
        .collect();
    all.sort();
    assert!(all.len() > 60, "{}", all.len());
    all
}

fn explained(format: &str) -> String {
    let captures = captures();
    let args = ["explain", "--format", format].into_iter().chain(captures.iter().map(String::as_str));
    let output = run(&args.collect::<Vec<_>>(), b"");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    text(&output.stdout)
}

#[test]
fn json_of_every_capture_fits_its_schema() {
    let schema = Schema::of("explain");
    let out = explained("json");
    for line in out.lines() {
        let line = schema.checked(line);
        // Each column that is null has a reason, and each other a grade.
        for (name, _) in line["grades"].as_object().expect("an object") {
            assert!(!line[name].is_null(), "{name} of {line}");
        }
        for (name, _) in line["unknown"].as_object().expect("an object") {
            assert!(line[name].is_null(), "{name} of {line}");
        }
        let told = line["grades"].as_object().map_or(0, serde_json::Map::len)
            + line["unknown"].as_object().map_or(0, serde_json::Map::len);
        assert_eq!(told, 15, "{line}");
    }
    let mut line: serde_json::Value =
        serde_json::from_str(out.lines().next().expect("a line")).expect("JSON");
    line["surprise"] = 1.into();
    assert!(!schema.is_valid(&line));
}

#[test]
fn zeeks_log_has_as_many_values_as_names() {
    let out = explained("zeek");
    let (head, body): (Vec<&str>, Vec<&str>) = out.lines().partition(|line| line.starts_with('#'));
    let of = |name: &str| {
        let line = head.iter().find_map(|line| line.strip_prefix(name)).expect("a header line");
        line.split('\t').skip(1).collect::<Vec<_>>()
    };
    assert_eq!(head[0], "#separator \\x09");
    let (fields, types) = (of("#fields"), of("#types"));
    assert_eq!(fields.len(), types.len());
    assert!(body.len() > 60);
    let mut uids = std::collections::HashSet::new();
    for line in &body {
        let values: Vec<&str> = line.split('\t').collect();
        assert_eq!(values.len(), fields.len(), "{line}");
        for ((value, kind), name) in values.iter().zip(&types).zip(&fields) {
            let fits = match *kind {
                "count" | "port" => value.parse::<u64>().is_ok(),
                "time" | "interval" => value.parse::<f64>().is_ok(),
                "addr" => value.parse::<std::net::IpAddr>().is_ok(),
                _ => !value.is_empty(),
            };
            assert!(fits || *value == "-", "{name} {value:?} in {line}");
        }
        uids.insert(values[1].to_owned());
    }
    assert!(uids.len() >= body.len() - 2, "{} of {}", uids.len(), body.len());
    let refused = body.iter().find(|line| line.contains("\tREJ\t")).expect("one is refused");
    let values: Vec<&str> = refused.split('\t').collect();
    assert_eq!(&values[6..8], ["tcp", "-"]);
    assert_eq!((values[15], values[16], values[18]), ("Sr", "1", "1"), "{refused}");
}

#[test]
fn suricatas_flow_events_have_its_fields() {
    let output = run(&["explain", "--format", "eve", &path("orderly_client_first.pcap")], b"");
    let line: serde_json::Value = serde_json::from_str(&text(&output.stdout)).expect("JSON");
    assert_eq!(line["event_type"], "flow");
    assert_eq!((&line["src_ip"], &line["dest_port"]), (&"10.7.0.1".into(), &27015.into()));
    assert_eq!((&line["flow"]["state"], &line["tcp"]["state"]), (&"closed".into(), &"closed".into()));
    assert_eq!(line["tcp"]["tcp_flags"], "1b");
    assert!(line["tcp"].get("rst").is_none());
    let time = line["flow"]["start"].as_str().expect("a time");
    assert!(time.ends_with("+0000") && time.len() == 31, "{time}");
    let packets = |side: &str| line["flow"][format!("pkts_{side}")].as_u64().expect("a number");
    let capture = fs::read(fixture("orderly_client_first.pcap")).expect("a fixture");
    let frames = frames_of(&capture);
    assert_eq!(packets("toserver") + packets("toclient"), frames.len() as u64);
    let bytes = |side: &str| line["flow"][format!("bytes_{side}")].as_u64().expect("a number");
    assert_eq!(bytes("toserver") + bytes("toclient"), frames.iter().sum::<u64>());
    for line in explained("eve").lines() {
        let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
        assert!(line["flow_id"].as_u64().expect("a number") < 1 << 53);
        let states = ["new", "established", "closed"];
        assert!(states.contains(&line["flow"]["state"].as_str().expect("a word")), "{line}");
    }
}

/// The lengths of the frames of a pcap file in little-endian order.
fn frames_of(capture: &[u8]) -> Vec<u64> {
    let mut rest = &capture[24..];
    let mut lengths = Vec::new();
    while let Some((header, after)) = rest.split_at_checked(16) {
        let number = |at: usize| u32::from_le_bytes(header[at..at + 4].try_into().expect("four bytes"));
        lengths.push(u64::from(number(12)));
        rest = &after[number(8) as usize..];
    }
    lengths
}

#[test]
fn json_has_the_names_of_the_columns() {
    let output =
        run(&["explain", "--format", "json", &path("refused.pcap"), &path("orderly_client_first.pcap")], b"");
    let lines: Vec<serde_json::Value> = text(&output.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).expect("a line is JSON"))
        .collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["ending"], "refused");
    assert_eq!(lines[0]["conn"], 1);
    assert_eq!(lines[1]["ended_first"], "client");
    assert_eq!(lines[1]["file"], path("orderly_client_first.pcap"));
}

#[test]
fn what_is_no_whole_capture_is_told_and_has_its_exit_status() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let whole = fs::read(fixture("refused.pcap")).expect("a fixture");
    let make = |name: &str, bytes: &[u8]| {
        let path = directory.path().join(name);
        fs::write(&path, bytes).expect("it can be written");
        path.to_str().expect("UTF-8").to_owned()
    };
    let cut = make("cut", &whole[..whole.len() - 7]);
    let other = make("other", b"GET / HTTP/1.1\r\n\r\n");
    let empty = make("empty", b"");
    let missing = directory.path().join("missing").to_str().expect("UTF-8").to_owned();
    let folder = directory.path().to_str().expect("UTF-8").to_owned();
    for (file, status, lines, said) in [
        (&cut, 6, 1, "at least 7 bytes are missing"),
        (&other, 2, 0, "not a capture"),
        (&empty, 2, 0, "it is empty"),
        (&missing, 7, 0, "cannot read"),
        (&folder, 7, 0, "cannot read"),
    ] {
        // Another capture is explained all the same.
        for (more, others) in [(None, 0), (Some(path("refused.pcap")), 1)] {
            let args = ["explain", file.as_str()].into_iter().chain(more.as_deref()).collect::<Vec<_>>();
            let output = run(&args, b"");
            let (out, err) = (text(&output.stdout), text(&output.stderr));
            assert_eq!(output.status.code(), Some(status), "{file}: {err}");
            assert_eq!(out.matches(" -> ").count(), lines + others, "{file}: {out}");
            assert!(err.contains(said) && err.lines().count() == 1, "{file}: {err}");
        }
    }
    let output = run(&["explain", "-", "-"], b"");
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn what_was_passed_over_is_told() {
    let mut capture = fs::read(fixture("refused.pcap")).expect("a fixture");
    // The first frame's IP packet has more fragments; the second's has another version.
    capture[24 + 16 + 14 + 6] |= 0x20;
    let second = 24 + 16 + 74;
    capture[second + 16 + 14] = 0x95;
    let output = run(&["explain", "-"], &capture);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(0), String::new()));
    let expected = "adieu: stdin: IP fragments are not put together, so connections may have gaps (1 frame passed over)\n\
                    adieu: stdin: IP headers are impossible (1 frame passed over)\n\
                    adieu: there is no TCP connection\n";
    assert_eq!(text(&output.stderr), expected);
}

#[test]
fn a_name_of_a_file_makes_no_line_of_its_own() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let strange = directory.path().join("a\nb\u{1b}[2J");
    fs::copy(fixture("refused.pcap"), &strange).expect("a fixture can be copied");
    let strange = strange.to_str().expect("UTF-8");
    let output = run(&["explain", "--format", "brief", strange, strange], b"");
    let out = text(&output.stdout);
    assert_eq!(out.lines().count(), 2, "{out}");
    assert!(out.contains(r"a\nb\u{1b}[2J: 10.7.0.1:40250"), "{out}");
    for format in ["text", "json", "zeek", "eve"] {
        let output = run(&["explain", "--format", format, strange, strange], b"");
        assert!(!output.stdout.contains(&0x1b), "{format}");
    }
}

#[test]
fn a_terminal_is_no_capture() {
    let (_master, terminal) = crate::cuts::terminal(true);
    let output =
        adieu(&["explain", "-"]).stdin(Stdio::from(terminal)).output().expect("the built binary starts");
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("stdin is a terminal"));
}

/// The next line of an output, in time.
fn line(stdout: &mut BufReader<ChildStdout>) -> String {
    if stdout.buffer().is_empty() {
        let mut waits = [PollFd::new(stdout.get_ref(), PollFlags::IN)];
        let bound = BOUND.try_into().expect("it is short");
        assert_ne!(poll(&mut waits, Some(&bound)).expect("it can be waited for"), 0, "it prints nothing");
    }
    let mut line = String::new();
    stdout.read_line(&mut line).expect("stdout is readable");
    line
}

#[test]
fn a_live_capture_is_told_as_its_connections_end_and_a_signal_ends_it() {
    let mut child = adieu(&["explain", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the built binary starts");
    let mut stdin = child.stdin.take().expect("stdin is a pipe");
    let mut stdout = BufReader::new(child.stdout.take().expect("stdout is a pipe"));
    // One that stays open, and then one that is refused: the second file's header is left out.
    for (name, header) in [("still_open.pcap", 0), ("refused.pcap", 24)] {
        let capture = fs::read(fixture(name)).expect("a fixture");
        stdin.write_all(&capture[header..]).expect("it reads");
    }
    let first = line(&mut stdout);
    assert!(first.contains("refused"), "the one that is over comes first: {first}");
    signal(&child, Signal::INT);
    // Its facts come between.
    let second = std::iter::repeat_with(|| line(&mut stdout)).find(|line| line.contains(" -> "));
    let second = second.expect("it repeats");
    assert!(second.contains(": open"), "{second}");
    let output = child.wait_with_output().expect("it can be waited for");
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
    drop(stdin);
}

#[test]
fn a_capture_on_stdin_ends_with_it() {
    let whole = fs::read(fixture("orderly_client_first.pcap")).expect("a fixture");
    let output = run(&["explain", "-"], &whole);
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stdout).contains("graceful"));
    let output = run(&["explain", "-"], &whole[..whole.len() - 1]);
    assert_eq!(output.status.code(), Some(6));
    assert!(text(&output.stderr).contains("stdin: the capture is cut at byte"));
}

#[test]
fn a_code_is_explained_with_all_that_it_can_mean() {
    let output = run(&["explain", "--code", "10054"], b"");
    let out = text(&output.stdout);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
    assert!(
        out.starts_with(
            "ECONNRESET (error number, Linux 104, macOS 54, Windows 10054)\n  also:    WSAECONNRESET\n"
        ),
        "{out}"
    );
    for label in
        ["\n  means:   An RST came.", "\n  ending:  reset by the peer, exit status 4\n", "\n  look at: - "]
    {
        assert!(out.contains(label), "{label} in {out}");
    }
    assert!(out.lines().all(|line| line.chars().count() <= 100), "{out}");

    let both = text(&run(&["explain", "--code", "4"], b"").stdout);
    assert!(both.starts_with("4 means 2 things:\n\nEINTR (error number, "), "{both}");
    assert!(both.contains("\n\nexit status 4 (exit status, adieu 4)\n"), "{both}");
    let negative = text(&run(&["explain", "--code", "-104"], b"").stdout);
    assert_eq!(negative, out);

    let output = run(&["explain", "--format", "json", "--code", "exit 5"], b"");
    let schema = Schema::of("explain-code");
    let lines: Vec<serde_json::Value> =
        text(&output.stdout).lines().map(|line| schema.checked(line)).collect();
    assert_eq!(lines.len(), 1);
    assert_eq!((&lines[0]["code"], &lines[0]["name"]), (&"exit 5".into(), &"exit status 5".into()));
    assert_eq!(lines[0]["ending"], "timed out");
}

#[test]
fn an_unknown_code_is_told_with_the_nearest() {
    for (code, said) in [
        ("ECONRESET", "unknown code 'ECONRESET'\n  hint: did you mean ECONNRESET?"),
        ("99999", "unknown code '99999'"),
        ("\u{1b}[2J", "unknown code '\\u{1b}[2J'"),
    ] {
        let output = run(&["explain", "--code", code], b"");
        let err = text(&output.stderr);
        assert_eq!((output.status.code(), text(&output.stdout)), (Some(2), String::new()), "{err}");
        assert!(err.contains(said), "{err}");
    }
    let output = run(&["explain", "--code", "104", "capture.pcap"], b"");
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("cannot be used"), "{}", text(&output.stderr));
}

#[test]
fn a_code_is_no_connection_for_a_log() {
    for format in ["brief", "zeek", "eve"] {
        let output = run(&["explain", "--code", "ECONNRESET", "--format", format], b"");
        assert_eq!(output.status.code(), Some(2), "{format}");
    }
}

#[test]
fn a_summary_counts_by_port_server_and_network_worst_first() {
    let output =
        run(&["explain", "--summary", &path("several_connections.pcap"), &path("refused.pcap")], b"");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let out = text(&output.stdout);
    assert!(out.starts_with("7 connections: 1 graceful, 2 reset, 2 refused, 2 open\n"), "{out}");
    for line in [
        "port   connections     bad  graceful  reset  refused  open",
        "27015            7  57.1 %         1      2        2     2",
        "10.7.0.2:27015            7  57.1 %         1      2        2     2",
        "10.7.0.0/24            7  57.1 %         1      2        2     2",
    ] {
        assert!(out.lines().any(|one| one == line), "{line:?} in\n{out}");
    }
    let output = run(&["explain", "--summary", "--only", "reset", &path("several_connections.pcap")], b"");
    assert!(text(&output.stdout).starts_with("2 connections: 2 reset\n"));
}

#[test]
fn two_captures_are_compared_by_shares() {
    let (before, after) = (path("orderly_client_first.pcap"), path("several_connections.pcap"));
    let output = run(&["explain", "--compare", &before, &after], b"");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let out = text(&output.stdout);
    assert!(out.starts_with("before: 1 connection: 1 graceful\nafter:  6 connections: "), "{out}");
    assert!(out.contains("\nport 27015: graceful 100 % -> 16.7 % (1 of 1 -> 1 of 6)\n"), "{out}");
    assert!(out.contains("\nport 27015: reset 0 % -> 33.3 % (0 of 1 -> 2 of 6)\n"), "{out}");
    let output = run(&["explain", "--compare", &before, &before], b"");
    assert!(text(&output.stdout).contains("no share of an ending changed"));
    for wrong in [
        &["--compare", &before][..],
        &["--compare", "--summary", &before, &after],
        &["--summary", "--format", "zeek", &before],
        &["--compare", "--format", "brief", &before, &after],
        &["--follow", "10.7.0.1:43301", "--format", "json", &before],
        &["--follow", "10.7.0.1", &before],
    ] {
        let output = run(&[&["explain"], wrong].concat(), b"");
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
    }
}

/// The lines of an output, which fit their schema.
fn checked(schema: &str, args: &[&str]) -> Vec<serde_json::Value> {
    let output = run(&[&["explain", "--format", "json"], args].concat(), b"");
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
    let schema = Schema::of(schema);
    text(&output.stdout).lines().map(|line| schema.checked(line)).collect()
}

#[test]
fn a_summary_has_its_numbers_as_json_too() {
    let lines = checked("explain-summary", &["--summary", &path("several_connections.pcap")]);
    let keys: Vec<_> = lines.iter().map(|line| line["by"].as_str().expect("a word")).collect();
    assert_eq!(keys, ["all", "port", "server", "prefix"]);
    for line in &lines {
        assert_eq!((&line["connections"], &line["bad"]), (&6.into(), &3.into()), "{line}");
        let endings = &line["endings"];
        assert_eq!((&endings["reset"], &endings["no_answer"]), (&2.into(), &0.into()), "{line}");
    }
    assert_eq!((&lines[1]["port"], &lines[3]["prefix"]), (&27015.into(), &"10.7.0.0/24".into()));
    assert_eq!((&lines[2]["server"], &lines[0]["unlisted"]), (&"10.7.0.2:27015".into(), &0.into()));
}

#[test]
fn a_comparison_has_its_numbers_as_json_too() {
    let (before, after) = (path("orderly_client_first.pcap"), path("several_connections.pcap"));
    let lines = checked("explain-compare", &["--compare", &before, &after]);
    assert_eq!((&lines[0]["capture"], &lines[1]["connections"]), (&"before".into(), &6.into()));
    let resets: Vec<_> = lines.iter().filter(|line| line["ending"] == "reset").collect();
    assert_eq!(resets.len(), 3, "by port, server and prefix: {lines:?}");
    assert_eq!(resets[0]["before"]["share"], 0.0);
    assert_eq!((&resets[0]["after"]["count"], &resets[0]["port"]), (&2.into(), &27015.into()));
    let lines = checked("explain-compare", &["--compare", &before, &path("ipv6_orderly.pcap")]);
    let only = |when: &str| lines.iter().filter(|line| line["only"] == when).count();
    assert!(only("before") >= 1 && only("before") == only("after"), "{lines:?}");
}

#[test]
fn wrong_checksums_can_be_ignored_and_the_option_is_named() {
    let mut capture = fs::read(fixture("orderly_client_first.pcap")).expect("a fixture");
    let mut at = 24;
    for length in frames_of(&capture) {
        // The checksum behind the headers of Ethernet and IPv4.
        capture[at + 16 + 14 + 20 + 16] ^= 0x55;
        at += 16 + usize::try_from(length).expect("it is short");
    }
    let output = run(&["explain", "--format", "brief", "-"], &capture);
    let err = text(&output.stderr);
    assert!(
        err.contains("TCP segments have a wrong checksum") && err.contains("--ignore-checksums"),
        "{err}"
    );
    assert!(!text(&output.stdout).contains("graceful"));
    let output = run(&["explain", "--format", "brief", "--ignore-checksums", "-"], &capture);
    assert_eq!(text(&output.stderr), "");
    assert!(text(&output.stdout).contains("graceful"));
}

#[test]
fn http_is_named_and_who_cut_its_message_is_told() {
    for (format, field) in [("zeek", "\thttp\t"), ("eve", "\"app_proto\":\"http\"")] {
        let output = run(&["explain", "--format", format, &path("http10_complete.pcap")], b"");
        assert!(text(&output.stdout).contains(field), "{}", text(&output.stdout));
    }
    let output = run(&["explain", "--format", "brief", &path("http11_chunked_truncated.pcap")], b"");
    let out = text(&output.stdout);
    assert!(
        out.contains("but the HTTP response of 10.7.0.2:")
            && out.contains("of its chunked body, before the last chunk: "),
        "{out}"
    );
    let lines = checked("explain", &[&path("http11_chunked_truncated.pcap")]);
    assert_eq!(lines[0]["cut_response"]["missing"], "last_chunk", "{}", lines[0]);
    assert!(lines[0]["cut_request"].is_null());
}

#[test]
fn a_connection_is_followed_segment_by_segment() {
    let output = run(&["explain", "--follow", "10.7.0.1:43301", &path("several_connections.pcap")], b"");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let out = text(&output.stdout);
    assert!(out.starts_with("10.7.0.1:43301 -> 10.7.0.2:27015: refused\n"), "{out}");
    let rungs: Vec<&str> = out.lines().filter(|line| line.contains('│')).collect();
    assert_eq!(rungs.len(), 2, "{out}");
    assert!(rungs[0].contains("│ 17 SYN ─") && rungs[0].ends_with("►│"), "{out}");
    assert!(rungs[1].contains("│◄─") && rungs[1].contains(" RST ") && rungs[1].ends_with("─ 18 │"), "{out}");
    let output = run(&["explain", "--follow", "10.7.0.9:1", &path("several_connections.pcap")], b"");
    assert_eq!(text(&output.stdout), "no connection with the end 10.7.0.9:1 was found\n");
}
