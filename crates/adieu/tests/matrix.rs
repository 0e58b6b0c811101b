//! The closing matrix on the library's two drivers, in this process.

use adieu::exchange::{Input, Output};
use adieu::{ConnectOptions, Endpoint, Interrupt, Limits, LocalEnd, NeverConnected, Report, Role, Signal};
use adieu_testkit::matrix::failures_of;
use adieu_testkit::program::{Given, Observed, run_in_process};
use adieu_testkit::scenario::{self, Arm, Scenario};
use serde_json::Value;
use std::fs::File;
use std::io;
use std::pin::Pin;
use tokio::io::{AsyncRead, AsyncWrite};

/// One of the drivers: the whole of what a user would write.
type Driver = fn(&Endpoint, File, File, &ConnectOptions) -> Report;

/// Both arms' one body.
fn holds(wanted: fn(&Scenario) -> bool, driver: Driver) {
    let failed = failures_of(Arm::InProcess, wanted, |scenario| run(scenario, driver));
    assert!(failed.is_empty(), "{} scenarios failed:\n{}", failed.len(), failed.join("\n"));
}

fn run(scenario: &Scenario, driver: Driver) -> io::Result<Observed> {
    let interrupt = Interrupt::new()?;
    let options = options(scenario.options).interrupt(&interrupt);
    let stop = move |signal| {
        interrupt.raise(match signal {
            scenario::Signal::Interrupt => Signal::Interrupt,
            scenario::Signal::Terminate => Signal::Terminate,
        });
    };
    run_in_process(scenario, stop, move |Given { endpoint, stdin, stdout }| {
        let endpoint = endpoint.to_string().parse().expect("the test kit writes endpoints as adieu does");
        json(&driver(&endpoint, stdin, stdout, &options))
    })
}

fn options(given: scenario::Options) -> ConnectOptions {
    let mut limits = Limits::new().idle_timeout(given.idle_timeout).deadline(given.deadline);
    // Of these the default is not to be without.
    if let Some(time) = given.connect_timeout {
        limits = limits.connect_timeout(time);
    }
    if let Some(time) = given.input_grace {
        limits = limits.input_grace(time);
    }
    ConnectOptions::new().limits(limits)
}

fn json(report: &Report) -> Value {
    serde_json::to_value(report).expect("a report is plain data")
}

fn blocking(endpoint: &Endpoint, stdin: File, stdout: File, options: &ConnectOptions) -> Report {
    let unusable =
        |end, error: &io::Error| NeverConnected::LocalFailure { end, error }.report(endpoint, Role::Connect);
    let input = match Input::try_from(stdin) {
        Ok(input) => input,
        Err(error) => return unusable(LocalEnd::Input, &error),
    };
    let output = match Output::try_from(stdout) {
        Ok(output) => output,
        Err(error) => return unusable(LocalEnd::Output, &error),
    };
    match adieu::connect(endpoint, options) {
        Ok(connection) => adieu::exchange(connection, input, output),
        Err(error) => error.report().clone(),
    }
}

fn on_tokio(endpoint: &Endpoint, stdin: File, stdout: File, options: &ConnectOptions) -> Report {
    // One thread, which stands where the target is, as do those that it starts.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let report = runtime.block_on(async {
        let (input, output) = (reader(stdin), writer(stdout));
        match adieu::tokio::connect(endpoint, options).await {
            Ok(connection) => adieu::tokio::exchange(connection, input, output).await,
            Err(error) => error.report().clone(),
        }
    });
    // A thread that reads a silent pipe would be waited for.
    runtime.shutdown_background();
    report
}

/// On Windows tokio has no pipes without a name: a thread of its own reads one, as it does a file.
#[cfg(windows)]
fn reader(file: File) -> Pin<Box<dyn AsyncRead>> {
    Box::pin(tokio::fs::File::from_std(file))
}

#[cfg(windows)]
fn writer(file: File) -> Pin<Box<dyn AsyncWrite>> {
    Box::pin(tokio::fs::File::from_std(file))
}

#[cfg(unix)]
fn reader(file: File) -> Pin<Box<dyn AsyncRead>> {
    if is_pipe(&file) {
        Box::pin(tokio::net::unix::pipe::Receiver::from_file(file).expect("a reading end"))
    } else {
        Box::pin(tokio::fs::File::from_std(file))
    }
}

#[cfg(unix)]
fn writer(file: File) -> Pin<Box<dyn AsyncWrite>> {
    if is_pipe(&file) {
        Box::pin(tokio::net::unix::pipe::Sender::from_file(file).expect("a writing end"))
    } else {
        Box::pin(tokio::fs::File::from_std(file))
    }
}

#[cfg(unix)]
fn is_pipe(file: &File) -> bool {
    use std::os::unix::fs::FileTypeExt;
    file.metadata().expect("an open descriptor").file_type().is_fifo()
}

#[test]
fn the_closing_matrix_holds_for_the_blocking_driver() {
    holds(|scenario| scenario.arms.blocking, blocking);
}

#[test]
fn the_closing_matrix_holds_for_the_tokio_driver() {
    holds(|scenario| scenario.arms.tokio, on_tokio);
}
