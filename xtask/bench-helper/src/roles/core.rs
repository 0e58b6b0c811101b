//! Drives the state machine of adieu-proto, always the same way, so that its instructions can be counted.
//!
//! There is no socket and no clock: the only code that runs thousands of times is the core.

use adieu_proto::{
    Action, Config, Connection, Ending, Path, Sample, SocketError, Time, Unacknowledged, Waiting,
};
use anyhow::{Context, Result, ensure};
use std::hint::black_box;
use std::time::Duration;

/// Each way, in each connection.
const CHUNKS: u64 = 64;
const CHUNK: u64 = 64 * 1024;

pub(crate) fn run(connections: &str) -> Result<()> {
    let connections: u32 = connections.parse().context("the number of connections")?;
    for _ in 0..connections {
        // `cargo xtask bench --check`, a step of CI, runs this, so no test of its own has to.
        ensure!(black_box(one()) == Some(Ending::Graceful), "the core does not end gracefully");
    }
    Ok(())
}

/// One connection: connect, chunks both ways with a wait before each, half-close, drain, close.
fn one() -> Option<Ending> {
    let config = Config { idle_timeout: Some(Duration::from_secs(30)), ..Config::default() };
    let mut connection = Connection::new(black_box(config));
    let mut now = Time::ZERO;
    let mut tick = || {
        now += Duration::from_micros(10);
        now
    };
    connection.handle_connected(tick());
    for _ in 0..CHUNKS {
        step(&mut connection, tick());
        connection.handle_waiting(tick(), Waiting { receive: true, input: true, ..Waiting::default() });
        black_box(connection.poll_timeout());
        connection.handle_received(tick(), CHUNK);
        connection.handle_output(tick(), CHUNK);
        connection.handle_input(CHUNK);
        connection.handle_accepted(tick(), CHUNK);
    }
    connection.handle_input_eof();
    step(&mut connection, tick());
    connection.handle_waiting(tick(), Waiting { receive: true, ..Waiting::default() });
    black_box(connection.poll_timeout());
    connection.handle_eof(tick());
    while connection.outcome().is_none() && step(&mut connection, tick()) {}
    connection.outcome().map(|outcome| outcome.ending)
}

/// Performs what the core asks for; whether it asked for anything.
fn step(connection: &mut Connection, now: Time) -> bool {
    let mut any = false;
    while let Some(action) = connection.poll_action() {
        any = true;
        match action {
            Action::ShutdownSend => connection.handle_shutdown(now, Ok(())),
            Action::Sample => connection.handle_sample(now, acknowledged()),
            Action::Close | Action::Abort => connection.handle_closed(now),
        }
    }
    black_box(connection.wants());
    any
}

fn acknowledged() -> Sample {
    Sample {
        unacknowledged: Unacknowledged::Octets(0),
        socket_error: SocketError::Clear,
        path: Path { last_heard: Some(Duration::from_millis(1)), ..Path::default() },
    }
}
