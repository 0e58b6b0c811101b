//! `adieu explain --both`: what is printed of two captures, and what is refused. What it says is tested in its crate.

use crate::{run, text};
use adieu_testkit::schema::Schema;
use std::path::Path;

fn path(name: &str) -> String {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../adieu-explain/tests/fixtures/both");
    directory.join(name).to_str().expect("our own paths are UTF-8").to_owned()
}

fn pair(name: &str) -> [String; 2] {
    [path(&format!("{name}-a.pcap")), path(&format!("{name}-b.pcap"))]
}

/// What `adieu explain --both` prints of two captures with these options.
fn both(options: &[&str], [a, b]: &[String; 2]) -> String {
    let output = run(&[&["explain", "--both", a, b], options].concat(), b"");
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()), "{options:?}");
    text(&output.stdout)
}

#[test]
fn a_reset_made_between_is_the_first_thing_that_is_said() {
    let captures = pair("injected_to_the_client");
    let out = both(&[], &captures);
    assert!(out.starts_with(&format!("A: {}\nB: {}\n\n", captures[0], captures[1])), "{out}");
    let sentence = "\n  something between A and B reset the connection for the client: frame 10 of A is an RST in the name \
                    of the server, and it is not in B, where the server would have sent it.\n";
    assert!(out.contains(sentence), "{out}");
    assert!(
        out.contains(
            "\n  seen       the RST in frame 10 of A, in the name of the server, was made between A and B"
        ),
        "{out}"
    );

    // The order of the arguments is no matter.
    let [a, b] = captures;
    let out = both(&["--format", "brief"], &[b, a]);
    let line = out.lines().nth(2).expect("a line after the names");
    assert!(line.starts_with("10.8.0.1:41001 -> 10.8.0.2:5433: reset: something between A and B"), "{out}");
    assert!(line.contains("frame 10 of B"), "{out}");
}

#[test]
fn every_pair_and_every_lonely_connection_fits_the_schema() {
    let schema = Schema::of("explain-both");
    let mut places = Vec::new();
    for name in [
        "injected_to_both",
        "reset_lost",
        "lost_and_sent_again",
        "translated",
        "answers_lost",
        "filtered",
        "acknowledged_between",
    ] {
        for line in both(&["--format", "json"], &pair(name)).lines() {
            let value: serde_json::Value = serde_json::from_str(line).expect("a line of JSON");
            assert_eq!(schema.faults(&value), [""; 0], "{name}: {line}");
            places.push(value["in"].as_str().expect("a word").to_owned());
        }
    }
    assert_eq!(places.iter().filter(|place| *place == "both").count(), 8);
    assert_eq!(places.iter().filter(|place| *place == "a").count(), 1);
    // Each half of two captures that have nothing in common.
    let strangers = [path("reset_lost-a.pcap"), path("reset_passed-b.pcap")];
    for line in both(&["--format", "json"], &strangers).lines() {
        let value: serde_json::Value = serde_json::from_str(line).expect("a line of JSON");
        assert_eq!((schema.faults(&value), &value["why"]), (vec![], &"clocks_unknown".into()), "{line}");
    }
    assert!(both(&[], &strangers).contains("\nno connection is in both captures"));
}

#[test]
fn connections_are_chosen_by_what_either_capture_shows() {
    let translated = pair("only_the_address_translated");
    for (options, is_there) in [
        (&["--host", "10.8.0.1"][..], true),
        (&["--host", "10.8.0.77"], true),
        (&["--port", "60002"], true),
        (&["--net", "192.0.2.0/24"], false),
        (&["--only", "reset"], true),
        (&["--only", "graceful"], false),
        (&["--until", "2001-01-01T00:00:00Z"], false),
    ] {
        let out = both(&[&["--format", "json"], options].concat(), &translated);
        assert_eq!(out.lines().count(), usize::from(is_there), "{options:?}: {out}");
    }
}

#[test]
fn what_happened_between_is_drawn() {
    let out = both(&["--follow", "10.8.0.1:41005"], &pair("reset_lost"));
    let rows: Vec<&str> = out.lines().filter(|line| line.contains(" ms  │")).collect();
    assert_eq!(rows.len(), 16, "{out}");
    assert!(rows[0].contains("│ 1 SYN ─") && rows[0].ends_with("─► 1 │"), "{out}");
    assert!(rows.iter().any(|row| row.contains(" lost ─") && row.ends_with("─ RST 12 │")), "{out}");
    let widths: Vec<usize> = rows.iter().map(|row| row.chars().count()).collect();
    assert!(widths.iter().all(|width| *width == widths[0]), "{out}");
    let out = both(&["--follow", "10.8.0.9:1"], &pair("reset_lost"));
    assert!(out.ends_with("\nno connection with the end 10.8.0.9:1 was found\n"), "{out}");
}

#[test]
fn what_two_captures_cannot_be_told_as_is_refused() {
    let [a, b] = pair("reset_lost");
    for (wrong, why) in [
        (&["--both", &a][..], "--both takes two captures"),
        (&["--both", &a, &b, &a], "--both takes two captures"),
        (&["--both", &a, &a], "both names are of one file"),
        (&["--both", &a, &b, "--html", "page.html"], "--both --follow ADDRESS:PORT draws"),
        (&["--both", "-", "-"], "stdin can be read once"),
        (&["--both", "--format", "zeek", &a, &b], "--format text, brief or json"),
        (&["--both", "--format", "eve", &a, &b], "--format text, brief or json"),
        (
            &["--both", "--format", "json", "--follow", "10.8.0.1:1", &a, &b],
            "--follow has only the format text",
        ),
        (&["--both", "--summary", &a, &b], "--both cannot be used together with --summary"),
        (&["--both", "--compare", &a, &b], "--both cannot be used together with --summary"),
        (&["--both", "--live"], "--live"),
        (&["--both", "--code", "EPIPE"], "--code"),
    ] {
        let output = run(&[&["explain"], wrong].concat(), b"");
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
        assert!(text(&output.stderr).contains(why), "{wrong:?}: {}", text(&output.stderr));
    }
    let output = run(&["explain", "--both", &a, "/nowhere"], b"");
    assert_eq!(output.status.code(), Some(7), "{}", text(&output.stderr));
}

/// One of the two is cut: what came before is compared, and the exit status says it.
#[test]
fn a_cut_capture_is_compared_as_far_as_it_goes() {
    let [a, b] = pair("reset_passed");
    let whole = std::fs::read(&b).expect("the capture is there");
    let directory = tempfile::tempdir().expect("there is room for a directory");
    let cut = directory.path().join("cut.pcap");
    std::fs::write(&cut, &whole[..whole.len() - 10]).expect("there is room");
    let output = run(&["explain", "--both", "--format", "brief", &a, cut.to_str().expect("UTF-8")], b"");
    assert_eq!(output.status.code(), Some(6));
    assert!(text(&output.stderr).contains("the capture is cut"), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains(": reset: "), "{}", text(&output.stdout));
}

/// A capture of raw IP: SYNs of these clients, a millisecond apart.
fn syns(clients: std::ops::Range<u16>) -> Vec<u8> {
    let mut capture = Vec::new();
    for word in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65_535, 101] {
        capture.extend(word.to_le_bytes());
    }
    for client in clients {
        for word in [1_700_000_000, u32::from(client) * 1000, 40, 40] {
            capture.extend(word.to_le_bytes());
        }
        let [high, low] = client.to_be_bytes();
        // No checksum is filled in.
        capture.extend([0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 192, 0, 2, 1]);
        capture.extend([high, low, 0, 80, 1, 2, high, low, 0, 0, 0, 0, 5 << 4, 2, 0xff, 0xff, 0, 0, 0, 0]);
    }
    capture
}

/// Beside what both captures have, a flood in one of them is a few lines and a number.
#[test]
fn of_many_connections_in_one_capture_the_first_are_listed() {
    let directory = tempfile::tempdir().expect("there is room for a directory");
    let write = |name: &str, clients| {
        let path = directory.path().join(name);
        std::fs::write(&path, syns(clients)).expect("there is room");
        path.to_str().expect("UTF-8").to_owned()
    };
    let captures = [write("a.pcap", 1000..1051), write("b.pcap", 1050..1072)];
    let out = both(&["--format", "brief"], &captures);
    let lines: Vec<&str> = out.lines().collect();
    assert!(lines[2].starts_with("10.0.0.1:1050 -> "), "{out}");
    let listed = |from: usize, first: u16| {
        let mut expected = (first..first + 20).map(|port| format!("10.0.0.1:{port} -> "));
        lines[from..from + 20].iter().all(|line| line.starts_with(&expected.next().expect("twenty")))
    };
    assert!(listed(3, 1000) && listed(23, 1051), "{out}");
    let rest =
        ["", "30 more connections are not compared, of A", "", "1 more connection is not compared, of B"];
    assert_eq!(lines[43..], rest, "{out}");

    let out = both(&["--format", "json"], &captures);
    let places: Vec<serde_json::Value> = out
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON")["in"].clone())
        .collect();
    let count = |place: &str| places.iter().filter(|one| **one == place).count();
    assert_eq!((count("both"), count("a"), count("b"), places.len()), (1, 50, 21, 72));
    assert!(places.is_sorted_by_key(|place| ["both", "a", "b"].iter().position(|one| place == one)));
}

/// A dump of adieu is compared with nothing: no wire had its segments.
#[test]
fn a_drawn_capture_is_not_compared() {
    let directory = tempfile::tempdir().expect("there is room for a directory");
    let dump = directory.path().join("dump.pcapng");
    let dump = dump.to_str().expect("UTF-8");
    crate::explain_drawn::dumped(dump, crate::explain_drawn::End::Orderly);
    let [client, _] = pair("reset_passed");
    let output = run(&["explain", "--both", "--format", "json", dump, &client], b"");
    let lines: Vec<serde_json::Value> =
        text(&output.stdout).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let why: Vec<_> = lines.iter().map(|line| (line["in"].as_str(), line["why"].as_str())).collect();
    assert_eq!(why, [(Some("a"), Some("drawn")), (Some("b"), Some("clocks_unknown"))]);
    assert_eq!(Schema::of("explain-both").faults(&lines[0]), [""; 0]);
    assert!(text(&output.stderr).contains("adieu wrote this capture"), "{}", text(&output.stderr));
}
