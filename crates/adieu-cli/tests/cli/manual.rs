//! The manual pages: what they have, and that the programs that show them have nothing to say against them.

use crate::{run, text};
use adieu_testkit::skip::counterpart;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Every page, in a directory as man(1) looks for them.
fn pages(directory: &Path) -> Vec<PathBuf> {
    let output = run(&["man", "--all", directory.to_str().expect("it is UTF-8")], b"");
    assert!(output.status.success(), "{}", text(&output.stderr));
    let mut pages = Vec::new();
    for section in ["man1", "man7"] {
        let entries = std::fs::read_dir(directory.join(section)).expect("it is made");
        pages.extend(entries.map(|entry| entry.expect("it is listed").path()));
    }
    pages.sort();
    pages
}

#[test]
fn there_is_a_page_for_the_program_for_each_command_and_for_the_protocol() {
    let directory = tempfile::tempdir().expect("there is room");
    let pages = pages(&directory.path().join("made/share/man"));
    let names: Vec<String> =
        pages.iter().map(|page| page.file_name().expect("a name").to_string_lossy().into_owned()).collect();
    for name in
        ["adieu.1", "adieu-connect.1", "adieu-nc.1", "adieu-relay.1", "adieu-man.1", "adieu-protocol.7"]
    {
        assert!(names.iter().any(|known| known == name), "{name}: {names:?}");
    }
    assert_eq!(names.len(), 14, "{names:?}");
    for (page, name) in pages.iter().zip(&names) {
        let text = std::fs::read_to_string(page).expect("it is written");
        for section in ["NAME", "SYNOPSIS", "DESCRIPTION", "EXAMPLES", "EXIT STATUS", "SEE ALSO"] {
            let is_of_commands = !["NAME", "DESCRIPTION", "SEE ALSO"].contains(&section);
            if !(is_of_commands && name == "adieu-protocol.7") {
                assert!(text.contains(&format!(".SH {section}\n")), "{name}: {section}");
            }
        }
        // A page that is printed is the one that is written.
        let printed = match name.trim_end_matches(".1").trim_end_matches(".7").strip_prefix("adieu-") {
            Some(page) => run(&["man", page], b""),
            None => run(&["man"], b""),
        };
        assert!(printed.stdout == text.as_bytes(), "{name}");
    }
}

#[test]
fn a_page_has_every_option_with_its_value_and_its_variable() {
    let page = text(&run(&["man", "connect"], b"").stdout).replace("\\-", "-");
    for word in [
        "[\\fB-e\\fR\\~\\fICOMMAND\\fR]",
        "[\\fB--retry\\fR[=\\fITIMES\\fR]]",
        "\\fBtext\\fR|\\:\\fBjson\\fR|\\:\\fBnone\\fR",
        "\n\\fBADIEU_CONNECT_EXEC\\fR\n",
        "\n\\fBADIEU_IDLE_TIMEOUT\\fR\n",
        ".SS Time limits\n",
        ".SH FILES\n",
        "adieu-listen(1)",
    ] {
        assert!(page.contains(word), "{word}: {page}");
    }
    assert!(!page.contains("OPTIONS]"), "{page}");
    let netcat = text(&run(&["man", "nc"], b"").stdout);
    for word in ["ADIEU_NC_FLAVOUR", ".SS Debian", ".SS Nmap", "Zero\\-I/O"] {
        assert!(netcat.contains(word), "{word}");
    }
}

/// The date that CHANGELOG.md gives to this version, in a line such as `## [0.1.0] - 2026-12-24`. `None`: it is not released yet.
fn released() -> Option<String> {
    let changelog = concat!(env!("CARGO_MANIFEST_DIR"), "/../../CHANGELOG.md");
    let changelog = std::fs::read_to_string(changelog).expect("there is a changelog");
    let own = concat!("## [", env!("CARGO_PKG_VERSION"), "]");
    let line = changelog.lines().find(|line| line.starts_with(own))?;
    Some(line.rsplit(' ').next().expect("a line has a last word").to_owned())
}

#[test]
fn a_page_has_the_date_of_its_package_or_of_its_release() {
    let page = text(&run(&["man"], b"").stdout);
    let title = page.lines().next().expect("a title").to_owned();
    let date = title.split(' ').nth(3).expect("a date").to_owned();
    let is_digit_or_hyphen = |c: char| c.is_ascii_digit() || c == '-';
    assert!(date.len() == 10 && date.chars().all(is_digit_or_hyphen), "{title}");
    // A build that says when it is made has that date, and not the release's.
    if option_env!("SOURCE_DATE_EPOCH").is_none()
        && let Some(released) = released()
    {
        assert_eq!(date, released, "src/commands/man/date.rs and CHANGELOG.md");
    }
}

#[test]
fn mandoc_and_groff_have_nothing_to_warn_of() {
    let directory = tempfile::tempdir().expect("there is room");
    let pages = pages(directory.path());
    let mut commands = Vec::new();
    let test = "mandoc_and_groff_have_nothing_to_warn_of";
    if let Some(mandoc) = counterpart(test, "mandoc") {
        commands.push(vec![mandoc, "-Tlint".into(), "-Wwarning".into()]);
    }
    if let Some(groff) = counterpart(test, "groff") {
        commands.push(vec![groff, "-ww".into(), "-man".into(), "-Tutf8".into(), "-z".into()]);
    }
    for page in pages {
        for command in &commands {
            let output =
                Command::new(&command[0]).args(&command[1..]).arg(&page).output().expect("it starts");
            let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
            assert_eq!(said, "", "{command:?} {}", page.display());
        }
    }
}

#[test]
fn a_directory_that_cannot_be_written_is_told() {
    let output = run(&["man", "--all", "/dev/null/man"], b"");
    assert_eq!(output.status.code(), Some(7));
    assert!(
        text(&output.stderr).starts_with("adieu: cannot write /dev/null/man/man1: "),
        "{}",
        text(&output.stderr)
    );
    let output = run(&["man", "--all", "x", "relay"], b"");
    assert_eq!(output.status.code(), Some(2));
}
