//! One run of a server that sends back: the tool listens, the load program is all its clients.

use super::{
    case::echo_amount,
    measure::{Bench, Measured, Sample, count, sample},
    process::{self, Silence},
    tool::Tool,
};
use anyhow::{Result, bail};
use std::{
    process::Stdio,
    time::{Duration, Instant},
};

/// The load program gives up by itself before.
const LIMIT: Duration = Duration::from_secs(90);
/// How long a server may take to listen.
const START: Duration = Duration::from_secs(5);
/// How long it may take to end when asked to.
const STOP: Duration = Duration::from_secs(5);

impl Bench {
    /// The time is the clients', from the first connecting to the last EOF; processor time and memory are the
    /// server's, from its start to its end.
    pub(super) fn echo(&self, tool: &Tool, clients: u64, size: u64, block: u64) -> Result<Measured> {
        let command = match tool.echo_server(block) {
            Ok(command) => command,
            Err(why) => return Ok(Err(why.into())),
        };
        let launcher = self.launch(1, None, Stdio::null(), Stdio::null(), &command)?;
        let pid = match launcher.wait_for("pid", Instant::now() + START) {
            Ok(fields) => fields["pid"],
            Err(why) => bail!("the launcher of {}: {why:?}", tool.name),
        };
        let Ok(port) = process::listening_port(pid, Instant::now() + START) else {
            return Ok(Err(format!("does not listen{}", self.last_words())));
        };
        let amount = echo_amount(clients, size);
        let words = ["load", &port.to_string(), &clients.to_string(), &amount.to_string()];
        let load = self.start(&words, Stdio::null(), Stdio::null())?;
        let done = match load.wait_for("done", Instant::now() + LIMIT) {
            Ok(done) => done,
            Err(Silence::Late) => return Ok(Err(format!("hang: killed after {} s", LIMIT.as_secs()))),
            Err(Silence::Failed(why)) => return Ok(Err(why)),
        };
        if count(&done, "received") != clients * amount {
            return Ok(Err(format!("truncated: {} bytes came back", count(&done, "received"))));
        }
        process::terminate(pid)?;
        let ran = match launcher.wait_for("run", Instant::now() + STOP) {
            Ok(ran) => ran,
            Err(Silence::Late) => return Ok(Err("does not end on SIGTERM".into())),
            Err(Silence::Failed(why)) => bail!("the launcher of {}: {why}", tool.name),
        };
        let clients = sample(&ran, ran["end"]);
        let wall = seconds(done["end"] - done["began"]);
        Ok(Ok(Sample { wall, ..clients }))
    }
}

#[expect(clippy::cast_precision_loss, reason = "a time of hours, in nanoseconds, has bits to spare")]
fn seconds(nanoseconds: i64) -> f64 {
    nanoseconds as f64 / 1e9
}
