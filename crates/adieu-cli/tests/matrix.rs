//! The closing matrix on the built binary, from both sides.

use adieu_testkit::matrix::{Command, failures};

fn holds(command: Command) {
    let failed = failures(env!("CARGO_BIN_EXE_adieu").as_ref(), command);
    assert!(failed.is_empty(), "{} scenarios failed:\n{}", failed.len(), failed.join("\n"));
}

#[test]
fn the_closing_matrix_holds_for_connect() {
    holds(Command::Connect);
}

#[test]
fn the_closing_matrix_holds_for_listen() {
    holds(Command::Listen);
}
