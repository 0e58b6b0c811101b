//! What a process of the benchmark can be.

mod core;
mod counterpart;
mod echo;
mod hashed;
mod launch;
mod limit;
mod load;
mod moving;
mod net;
mod splice_relay;
mod tls;
mod tls_load;

use anyhow::{Context, Result, bail};
use rustix::process::{Signal, set_parent_process_death_signal};

/// Takes the role that the first argument names.
pub(crate) fn run() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut next = |name: &str| arguments.next().with_context(|| format!("{name} is missing"));
    let role = next("the role")?;
    // A limit program does nothing but its case; whoever else there is goes when the benchmark goes.
    if role != "limit" {
        set_parent_process_death_signal(Some(Signal::KILL))?;
    }
    match role.as_str() {
        "limit" => limit::run(&next("the case")?, &next("the endpoint")?),
        "hash-send" => hashed::send(&next("the endpoint")?, &next("the file")?),
        "hash-receive" => hashed::receive(&next("the file")?),
        "peer" => counterpart::peer(&next("the endpoint")?, &next("the file")?, &next("the end")?),
        "tls-peer" => {
            tls::peer(&next("the certificate")?, &next("the key")?, &next("the file")?, &next("the end")?)
        }
        "answer" => counterpart::answer(&next("the endpoint")?, &next("the end")?),
        "feed" => counterpart::feed(&next("the file")?),
        "empty" => counterpart::empty(),
        "load" => load::run(&next("the port")?, &next("the clients")?, &next("the amount")?),
        "tls-short" => tls_load::short(&next("the port")?, &next("the connections")?),
        "tls-bulk" => tls_load::bulk(&next("the port")?, &next("the size")?),
        "splice-relay" => splice_relay::run(&next("the port")?, &next("the server's port")?),
        "core" => core::run(&next("the connections")?),
        "launch" => launch::run(&next("the runs")?, &next("the input")?, &next("the log")?, arguments),
        other => bail!("there is no role {other:?}"),
    }
}

/// A moment that processes of one machine can compare, in nanoseconds.
fn now() -> i64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}
