//! Holds a built adieu against the closing matrix: `cargo run -p adieu-testkit --example matrix -- target/debug/adieu`.
//! With a second argument, `listen` instead of `connect`. `ADIEU_SCENARIO=word` picks scenarios.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program whose output is for people")]

use adieu_testkit::matrix::{Command, failures};
use std::{env, path::PathBuf, process::ExitCode};

fn main() -> ExitCode {
    let mut arguments = env::args_os().skip(1);
    let Some(adieu) = arguments.next().map(PathBuf::from) else {
        eprintln!("usage: matrix ADIEU [listen]");
        return ExitCode::from(2);
    };
    let command = match arguments.next() {
        None => Command::Connect,
        Some(word) if word == "listen" => Command::Listen,
        Some(word) => {
            eprintln!("{}: neither nothing nor `listen`", word.display());
            return ExitCode::from(2);
        }
    };
    let failed = failures(&adieu, command, &[]);
    for failure in &failed {
        println!("{failure}");
    }
    println!("{} scenarios did not hold", failed.len());
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
