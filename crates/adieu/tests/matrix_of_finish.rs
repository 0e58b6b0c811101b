//! The hostile peers of the closing matrix against `finish`: the endings must be those of a connection that adieu made itself.
//!
//! The program connects and sends by std, all at once, as any program that has a socket of its own. So only scenarios whose
//! request fits into the kernel's buffers are run, and none whose peer may end the connection before it is finished: then the
//! program itself is told.

use adieu::{AtBound, Finish, Finisher, OwnedSocket, Progress, Report, Role};
use adieu_os::Watch;
use adieu_testkit::matrix::failures_of;
use adieu_testkit::peer::{Endpoint, Step};
use adieu_testkit::program::{Given, Observed, run_in_process};
use adieu_testkit::scenario::{Arm, Options, ProgramInput, ProgramOutput, Scenario, Target};
use serde_json::Value;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Instant;

/// How a socket is finished.
type Way = fn(OwnedSocket, &Finish) -> Report;

fn holds(way: Way) {
    let failed = failures_of(Arm::InProcess, is_for_finish, |scenario| run(scenario, way));
    assert!(failed.is_empty(), "{} scenarios failed:\n{}", failed.len(), failed.join("\n"));
}

fn is_for_finish(scenario: &Scenario) -> bool {
    let is_sent_at_once =
        matches!(scenario.input, ProgramInput::Pipe(n) | ProgramInput::File(n) if n <= 32 * 1024);
    let has_socket = matches!(scenario.target, Target::Tcp4 | Target::Tcp6)
        || cfg!(unix) && scenario.target == Target::Unix;
    let waits_for_us =
        !matches!(scenario.script.first(), Some(Step::Reset | Step::Close | Step::CloseUnread(_)));
    let is_open = !matches!(scenario.output, ProgramOutput::NeverRead | ProgramOutput::LeavesAfter(_));
    let Options { connect_timeout, input_grace, .. } = scenario.options;
    scenario.arms.blocking
        && scenario.signal.is_none()
        && (is_sent_at_once && has_socket && waits_for_us && is_open)
        && connect_timeout.or(input_grace).is_none()
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
            with_what_was_sent(&way(socket, &finish), request.len() as u64)
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

/// The report as that of the whole connection, which is what the matrix judges: its counts begin when the socket is given.
fn with_what_was_sent(report: &Report, sent: u64) -> Value {
    let mut json = serde_json::to_value(report).expect("a report is plain data");
    json["bytes_read"] = sent.into();
    json["bytes_accepted"] = sent.into();
    json["bytes_acknowledged"] = report.bytes_unacknowledged.map(|left| sent.saturating_sub(left)).into();
    json
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
