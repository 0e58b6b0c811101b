//! Command lines of public scripts, run with `adieu nc` and with the program that they were written for.
//!
//! `corpus` has the lines, each with what it means and the scene that it is run in; `scene` has the peers. Each line runs as a
//! shell runs it, in a network of its own, so that its ports are those of the script. Bytes on both sides, messages and the exit
//! status have to be those of the original; where the original hides something, the table says what the truth is.

#![cfg(target_os = "linux")]

mod corpus;
mod run;
mod scene;

use adieu::Endpoint;
use adieu_testkit::skip::counterpart;
use adieu_testkit::{namespace, skip};
use corpus::{Expected, Flavour, Row};
use run::{Outcome, Program};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// So many lines run at once: most of them wait.
const AT_ONCE: usize = 12;

/// In a network of its own. Whatever the thread starts is in it too.
fn alone<T: Send>(body: impl FnOnce() -> T + Send) -> io::Result<T> {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| namespace::own_loopback().map(|()| body()));
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// How often a line is run whose limit is as short as a machine may stand still. One run in three that is as it should be is enough
/// there: a limit of one second may end either program before its peer has come to speak.
const TIMES: u32 = 3;

/// What is wrong with a line. `None`: nothing.
fn judge(row: &Row, adieu: &Program, original: Option<&Program>) -> io::Result<Option<String>> {
    let times = if row.is_short_of_time() { TIMES } else { 1 };
    let mut last = None;
    for _ in 0..times {
        last = judge_once(row, adieu, original)?;
        if last.is_none() {
            break;
        }
    }
    Ok(last)
}

fn judge_once(row: &Row, adieu: &Program, original: Option<&Program>) -> io::Result<Option<String>> {
    let ours = alone(|| run::run(row, adieu))?;
    let told = |what: &str, theirs: Option<&Outcome>| {
        format!("{}\n  {what}\n  adieu nc: {ours:?}\n  original: {theirs:?}", row.line)
    };
    if let Expected::Truth { status, .. } | Expected::Alone { status, .. } = row.expected
        && ours.status != Some(status)
    {
        return Ok(Some(told(&format!("the truth is {status}"), None)));
    }
    if let Expected::Alone { text, .. } = row.expected {
        let has_it = ours.stdout.contains(text) || ours.received.contains(text);
        return Ok((!has_it).then(|| told(&format!("nobody has {text}"), None)));
    }
    let Some(original) = original else { return Ok(None) };
    let theirs = alone(|| run::run(row, original))?;
    let what = match row.expected {
        _ if ours.stdout != theirs.stdout => "stdout differs",
        _ if ours.received != theirs.received => "the peer received something else",
        Expected::Same if ours.status != theirs.status => "the exit status differs",
        Expected::Same if !has_same_messages(row, &ours, &theirs) => "the messages differ",
        Expected::Truth { original, .. } if theirs.status != Some(original) => {
            "the original is not what the table says"
        }
        _ => return Ok(None),
    };
    Ok(Some(told(what, Some(&theirs))))
}

fn has_same_messages(row: &Row, ours: &Outcome, theirs: &Outcome) -> bool {
    let without = |outcome: &Outcome| {
        let mut messages = outcome.messages();
        if row.loses_its_reader() {
            // Whether stdout's reader goes first, chance says; only adieu tells of it.
            messages.retain(|line| !line.contains("our output failed"));
        }
        if theirs.is_nameless() {
            messages.retain(|line| !(line.starts_with("Listening on") || line.contains("getnameinfo: ")));
        }
        messages
    };
    without(ours) == without(theirs)
}

#[test]
fn command_lines_of_public_scripts_do_what_they_do_with_the_original() {
    let adieu = Program::adieu();
    let originals: BTreeMap<Flavour, Program> =
        Flavour::ALL.into_iter().filter_map(|flavour| Some((flavour, Program::original(flavour)?))).collect();
    let rows = corpus::rows();
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let refusal = Mutex::new(None);
    let has_services = Endpoint::for_connecting("h:http").is_ok();
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                // A peer that is not there has been told of. A bare container has no /etc/services.
                while let Some(row) = rows.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let is_there = |program| counterpart(row.line, program).is_some();
                    if !row.scene.counterpart().is_none_or(is_there)
                        || (row.names_a_service() && !has_services)
                    {
                        continue;
                    }
                    match judge(row, &adieu, originals.get(&row.flavour)) {
                        Ok(None) => {}
                        Ok(Some(sentence)) => wrong.lock().expect("nobody panicked").push(sentence),
                        Err(error) => *refusal.lock().expect("nobody panicked") = Some(error),
                    }
                }
            });
        }
    });
    if let Some(error) = refusal.into_inner().expect("nobody panicked") {
        return skip::loudly("command_lines_of_public_scripts_do_what_they_do_with_the_original", &error);
    }
    let wrong = wrong.into_inner().expect("nobody panicked");
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
}

#[test]
fn the_corpus_has_at_least_150_lines_and_none_twice() {
    let rows = corpus::rows();
    let lines: BTreeSet<_> = rows.iter().map(|row| (row.flavour, row.line)).collect();
    assert_eq!(lines.len(), rows.len(), "a line stands there twice");
    assert!(lines.len() >= 150, "{}", lines.len());
    assert!(rows.iter().all(|row| row.means.len() >= 10), "each says what it means");
}

#[test]
fn only_lines_with_a_limit_of_a_second_are_run_again() {
    let rows = corpus::rows();
    let is_short = |part: &str| {
        let row = rows.iter().find(|row| row.line.contains(part));
        row.unwrap_or_else(|| panic!("no line has {part}")).is_short_of_time()
    };
    for short in ["nc -zw1 ", "nc -w 1 ", "nc -q1 ", "nc -vz -w1 ", "nc -w1 -U ", "nc -i 1 ", "ncat -i 1 "] {
        assert!(is_short(short), "{short}");
    }
    for long in ["nc -zvw5 ", "nc -w 2 ", "nc -q 0 ", "nc -W1 -U ", "nc -z localhost"] {
        assert!(!is_short(long), "{long}");
    }
    let short = rows.iter().filter(|row| row.is_short_of_time()).count();
    assert!(short * 4 < rows.len(), "{short} of {}", rows.len());
}

/// `--explain` has something to say of each line that is no mistake.
#[test]
fn every_line_can_be_explained() {
    for row in corpus::rows().into_iter().filter(|row| !row.is_refused) {
        let output = Program::adieu().explain(row);
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{}: {}", row.line, String::from_utf8_lossy(&output.stderr));
        for part in ["It:\n  - ", "What can go wrong", "The same in adieu's own words:\n  - "] {
            assert!(said.contains(part), "{}: {said}", row.line);
        }
        // What it says instead is a command line of adieu's: the help is shown once all options before it are read.
        // A pipe or a redirection around it is the shell's.
        let words = |line: &str| shlex::split(line.strip_prefix("  - ")?);
        let same = said.lines().filter_map(words).find_map(|words| {
            let adieu = words.iter().position(|word| word == "adieu")?;
            let (before, rest) = words.split_at(adieu);
            let is_shells = |word: &String| matches!(word.as_str(), "|" | "<" | ">" | ">>");
            let end = rest.iter().position(is_shells).unwrap_or(rest.len());
            before.last().is_none_or(is_shells).then(|| rest[1..end].to_vec())
        });
        let mut words = same.unwrap_or_else(|| panic!("{}: no line of adieu's in {said}", row.line));
        words.push("--help".to_owned());
        let output = Program::adieu().with(&words);
        assert!(
            output.status.success(),
            "{}: {words:?}: {}",
            row.line,
            String::from_utf8_lossy(&output.stderr)
        );
    }
}
