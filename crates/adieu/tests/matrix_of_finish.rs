//! The hostile peers of the closing matrix against `finish`: the endings must be those of a connection that adieu made itself.
//!
//! The program connects and sends by std, all at once, as any program that has a socket of its own.

use adieu::{AtBound, Finish, Finisher, OwnedSocket, Progress, Report, Role};
use adieu_os::Watch;
use adieu_testkit::matrix::{add_what_was_sent, failures_of, is_for_finish};
use adieu_testkit::peer::Endpoint;
use adieu_testkit::program::{Given, Observed, run_in_process};
use adieu_testkit::scenario::{Arm, Options, Scenario};
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Instant;

/// How a socket is finished.
type Way = fn(OwnedSocket, &Finish) -> Report;

fn holds(way: Way) {
    let failed = failures_of(Arm::InProcess, is_for_finish, |scenario| run(scenario, way));
    assert!(failed.is_empty(), "{} scenarios failed:\n{}", failed.len(), failed.join("\n"));
}

fn run(scenario: &Scenario, way: Way) -> io::Result<Observed> {
    let Options { idle_timeout, deadline, .. } = scenario.options;
    // As a connection ends at its limit once its own stream is whole.
    let finish = Finish::new()
        .deadline(deadline)
        .idle_timeout(idle_timeout)
        .role(Role::Connect)
        .at_bound(AtBound::Close);
    run_in_process(
        scenario,
        |_| {},
        move |Given { endpoint, mut stdin, mut stdout }| {
            let mut request = Vec::new();
            stdin.read_to_end(&mut request).expect("the input ends");
            let socket = sent(&endpoint, &request);
            let finish = finish.late_bytes(move |bytes| stdout.write_all(bytes));
            let mut json = serde_json::to_value(way(socket, &finish)).expect("a report is plain data");
            add_what_was_sent(&mut json, request.len() as u64);
            json
        },
    )
}

/// A socket that the whole request was written to.
fn sent(endpoint: &Endpoint, request: &[u8]) -> OwnedSocket {
    match endpoint {
        Endpoint::Tcp { host, port } => {
            let mut stream = TcpStream::connect((&**host, *port)).expect("the peer listens");
            stream.write_all(request).expect("there is room");
            stream.into()
        }
        #[cfg(unix)]
        Endpoint::Unix(path) => {
            let mut stream = std::os::unix::net::UnixStream::connect(path).expect("the peer listens");
            stream.write_all(request).expect("there is room");
            stream.into()
        }
        #[allow(unreachable_patterns, reason = "what endpoints there are depends on the system")]
        other => panic!("{other} is not for this arm"),
    }
}

fn on_a_loop(socket: OwnedSocket, finish: &Finish) -> Report {
    let mut finisher = Finisher::begin(socket, finish).expect("it is connected");
    loop {
        match finisher.advance(Instant::now()) {
            Progress::Finished(report) => return *report,
            Progress::Waiting => {
                let waits = finisher.waits();
                let watch = waits.on.map(|on| Watch::new(on, waits.readable, waits.writable));
                let left = waits.until.map(|until| until.saturating_duration_since(Instant::now()));
                adieu_os::wait(&mut [watch.unwrap_or_else(Watch::none)], left).expect("it can be waited for");
            }
        }
    }
}

fn on_tokio(socket: OwnedSocket, finish: &Finish) -> Report {
    // One thread, which stands where the target is.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(adieu::tokio::finish(socket, finish))
}

#[test]
fn the_closing_matrix_holds_for_finish() {
    holds(adieu::finish);
}

#[test]
fn the_closing_matrix_holds_for_a_finisher_on_a_loop() {
    holds(on_a_loop);
}

#[test]
fn the_closing_matrix_holds_for_finish_on_tokio() {
    holds(on_tokio);
}
