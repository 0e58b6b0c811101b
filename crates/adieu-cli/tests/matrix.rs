//! The closing matrix on the built binary, from both sides, on every way that bytes can take.

use adieu_testkit::matrix::{Command, failures};

fn holds(command: Command, data_path: &str) {
    let more = ["--data-path", data_path];
    let failed = failures(env!("CARGO_BIN_EXE_adieu").as_ref(), command, &more);
    assert!(failed.is_empty(), "{} scenarios failed:\n{}", failed.len(), failed.join("\n"));
}

#[test]
fn the_closing_matrix_holds_for_connect() {
    holds(Command::Connect, "auto");
}

#[test]
fn the_closing_matrix_holds_for_listen() {
    holds(Command::Listen, "auto");
}

// Windows has the portable way alone, so the others are the first two again.
#[cfg(unix)]
#[test]
fn the_closing_matrix_holds_on_the_portable_way() {
    holds(Command::Connect, "portable");
    holds(Command::Listen, "portable");
}

#[cfg(unix)]
#[test]
fn the_closing_matrix_holds_on_direct_ways_from_the_first_byte() {
    holds(Command::Connect, "direct");
    holds(Command::Listen, "direct");
}
