//! A program that relays: `adieu relay`, or another forwarder, started for one shape.

use super::shape::Shape;
use super::told::{Relay, Stopped, Told};
use adieu_peer::tls::authority::Authority;
use adieu_peer::tls::peer::Address;
use serde_json::Value;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How long a program may take to listen, or to end once it is asked to.
const BOUND: Duration = Duration::from_secs(30);

/// How often it is looked at.
const TICK: Duration = Duration::from_millis(2);

/// One at work.
struct Program {
    child: Child,
    front: Address,
    /// Of adieu: its log.
    log: Option<PathBuf>,
}

/// Starts `adieu relay` for a shape, with more arguments.
///
/// # Errors
///
/// It does not start, or does not listen.
pub fn adieu(
    program: &Path,
    more: &[&str],
    shape: Shape,
    upstream: &Address,
    directory: &Path,
) -> io::Result<Box<dyn Relay>> {
    let (port_file, log) = (directory.join("port"), directory.join("log"));
    let mut command = Command::new(program);
    let secure = |address: String, tls: bool| if tls { format!("tls://{address}") } else { address };
    let listen = secure(
        shape.front.place(directory, "front").to_string(),
        shape.front.tls && shape.front.has_resets(),
    );
    command.arg("relay").arg(listen).arg(secure(upstream.to_string(), shape.behind.tls));
    command.arg("--log").arg(&log).arg("--port-file").arg(&port_file).args(["--report", "none"]).args(more);
    if shape.front.tls {
        let files = &Authority::loopback().files;
        command.arg("--cert").arg(&files.0).arg("--key").arg(&files.1);
    }
    if shape.behind.tls {
        command.arg("--ca").arg(Authority::shared().file());
    }
    if shape.front.proxy {
        command.args(["--accept-proxy", "127.0.0.0/8"]);
    }
    if shape.behind.proxy {
        command.args(["--send-proxy", "v1"]);
    }
    // What the tests' own environment says is not meant for it.
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("ADIEU_")) {
        command.env_remove(name);
    }
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let told = until(&mut child, || {
        let told = std::fs::read_to_string(&port_file).ok()?;
        told.ends_with('\n').then(|| told.trim().to_owned())
    })?;
    let front = match shape.front.place(directory, "front") {
        Address::Tcp(mut address) => {
            let port = told.rsplit(':').next().and_then(|port| port.parse().ok());
            address.set_port(port.ok_or_else(|| io::Error::other(format!("{told:?} is no port")))?);
            Address::Tcp(address)
        }
        unix @ Address::Unix(_) => unix,
    };
    Ok(Box::new(Program { child, front, log: Some(log) }))
}

/// Starts another forwarder, which was told to listen at `front` and tells nothing of its connections.
///
/// # Errors
///
/// It does not start, or does not listen.
pub fn other(command: &mut Command, front: std::net::SocketAddr) -> io::Result<Box<dyn Relay>> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    until(&mut child, || is_listening(front).then_some(()))?;
    Ok(Box::new(Program { child, front: Address::Tcp(front), log: None }))
}

/// Without a connection of our own, which it would take for a client.
fn is_listening(front: std::net::SocketAddr) -> bool {
    let wanted = format!(":{:04X}", front.port());
    let table = std::fs::read_to_string(adieu_peer::os::TABLE_OF_TCP).unwrap_or_default();
    table.lines().any(|line| {
        let mut fields = line.split_whitespace().skip(1);
        // local address; state: 0A is TCP_LISTEN
        fields.next().is_some_and(|local| local.ends_with(&wanted)) && fields.nth(1) == Some("0A")
    })
}

fn until<T>(child: &mut Child, mut look: impl FnMut() -> Option<T>) -> io::Result<T> {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return Ok(found);
        }
        if let Some(status) = child.try_wait()? {
            return Err(io::Error::other(format!("it ended too early: {status}")));
        }
        if began.elapsed() > BOUND {
            let _ = child.kill();
            return Err(ErrorKind::TimedOut.into());
        }
        thread::sleep(TICK);
    }
}

impl Relay for Program {
    fn front(&self) -> Address {
        self.front.clone()
    }

    fn process(&self) -> Option<u32> {
        Some(self.child.id())
    }

    fn stop(mut self: Box<Self>) -> io::Result<Stopped> {
        let Some(log) = self.log.take() else {
            self.child.kill()?;
            self.child.wait()?;
            return Ok(Stopped::default());
        };
        rustix::process::kill_process(
            rustix::process::Pid::from_child(&self.child),
            rustix::process::Signal::TERM,
        )?;
        let began = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait()? {
                break status;
            }
            if began.elapsed() > BOUND {
                return Err(io::Error::other("it does not end"));
            }
            thread::sleep(TICK);
        };
        let mut wrong = Vec::new();
        if status.code() != Some(0) {
            wrong.push(format!("after SIGTERM, with every connection at its end, it ended with {status}"));
        }
        let lines: Vec<Value> = std::fs::read_to_string(&log)?
            .lines()
            .map(|line| serde_json::from_str(line).map_err(io::Error::other))
            .collect::<io::Result<_>>()?;
        let mut told: Vec<(u64, Told)> = lines
            .iter()
            .map(|line| (line["connection_id"].as_u64().unwrap_or(u64::MAX), Told::from_log(line)))
            .collect();
        told.sort_by_key(|(id, _)| *id);
        Ok(Stopped { told: Some(told.into_iter().map(|(_, told)| told).collect()), wrong })
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
