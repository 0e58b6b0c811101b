//! `adieu relay` as somebody meets it who sits at a terminal: its help, its page, and what `--check` finds.

use crate::{run, text};
use adieu_testkit::tls::authority::Authority;
use std::path::Path;
use std::process::{Command, Output};

/// Runs a line that a shell is to understand, in a directory where `adieu` is the binary under test.
fn in_shell(line: &str, directory: &Path) -> Output {
    let binary = Path::new(crate::ADIEU).parent().expect("a binary is in a folder");
    let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap_or_default());
    let mut command = Command::new("sh");
    command.args(["-c", line]).current_dir(directory).env("PATH", path);
    command.output().expect("a shell starts")
}

#[test]
fn every_example_of_the_help_is_right() {
    let help = text(&run(&["relay", "--help"], b"").stdout);
    let directory = tempfile::tempdir().expect("there is room");
    let (certificate, key) = &Authority::loopback().files;
    std::fs::copy(certificate, directory.path().join("site.pem")).expect("there is room");
    std::fs::copy(key, directory.path().join("site.key")).expect("there is room");
    let examples: Vec<&str> = help.lines().filter_map(|line| line.strip_prefix("  adieu relay")).collect();
    assert_eq!(examples.len(), 3, "{help}");
    for example in examples {
        let output = in_shell(&format!("adieu relay --check {example}"), directory.path());
        assert_eq!(output.status.code(), Some(0), "{example}: {}", text(&output.stderr));
    }
}

#[test]
fn a_command_has_a_page_of_its_own() {
    let output = run(&["man", "relay"], b"");
    let page = text(&output.stdout);
    for word in [
        ".TH adieu\\-relay 1",
        "SH EXAMPLES",
        "EXIT STATUS",
        "half\\-open\\-timeout",
        "every connection ended",
    ] {
        assert!(page.contains(word) || page.contains(&word.replace("\\-", "-")), "{word}: {page}");
    }
    assert!(!page.contains("receipt"), "that is of other commands");
    assert!(text(&run(&["man", "connect"], b"").stdout).contains("EXIT STATUS"));
    let unknown = run(&["man", "relais"], b"");
    let said = text(&unknown.stderr);
    assert_eq!(unknown.status.code(), Some(2), "{said}");
    assert!(said.contains("there is no command 'relais'") && said.contains("relay"), "{said}");
}
