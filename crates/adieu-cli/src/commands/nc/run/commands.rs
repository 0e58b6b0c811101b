//! `-e` and `-c`: a command's standard input and output are the two directions of a connection.
//!
//! The originals give a command the socket itself. Here it has two pipes, so that its failure can be told: a command that fails is no
//! end of an answer, and its peer sees a reset.

use super::super::flavour::Flavour;
use super::super::plan::{Exec, Transport};
use super::hosts;
use super::session::{Done, Run};
use crate::os::{ExecStatus, Served, command};
use adieu::exchange::ExchangeOptions;
use adieu::{Connection, NeverConnected};
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

/// Runs the command for this connection, on this thread.
pub(super) fn serve(run: &Run, connection: Connection, exec: &Exec) -> Done {
    serve_with(run, connection, exec, &command::Running::guarded())
}

/// The same, with others that run.
pub(super) fn serve_with(run: &Run, connection: Connection, exec: &Exec, running: &command::Running) -> Done {
    if let Some(why) = command::REFUSAL {
        connection.abort();
        return run.refuse(why);
    }
    let (role, endpoint) = run.what_it_is(&connection);
    let command = command_of(run, &connection, exec);
    let exchange = ExchangeOptions::new().crlf(run.plan.crlf).telnet(run.plan.telnet);
    let id = connection.id();
    let exchange = run.dumped(exchange, id);
    let served =
        command::serve(connection, exchange, command, ExecStatus::Check, None, &run.interrupt, running);
    run.forget(id);
    match served {
        Served::Ended(report) => run.ended(&report),
        Served::Failed { end, error } => {
            let cause = NeverConnected::LocalFailure { end, error: &error };
            run.ended(&cause.report(&endpoint, role))
        }
        Served::NotStarted { connection, error } => {
            connection.abort();
            run.refuse(&format!("exec {} failed : {}", named(exec), adieu_os::error_words(&error)))
        }
    }
}

fn command_of(run: &Run, connection: &Connection, exec: &Exec) -> Command {
    let mut command = match exec {
        Exec::Shell(line) => {
            let mut shell = Command::new("/bin/sh");
            shell.arg("-c").arg(line);
            shell
        }
        Exec::Program(words) => {
            let (program, arguments) = words.split_first().expect("there is at least one word");
            let mut command = Command::new(program);
            command.args(arguments);
            command
        }
    };
    command.envs(variables(run, connection));
    command
}

/// What ncat tells its commands.
fn variables(run: &Run, connection: &Connection) -> Vec<(&'static str, String)> {
    if run.plan.flavour != Flavour::Ncat {
        return Vec::new();
    }
    let ip = |address: Option<SocketAddr>| address.map_or_else(String::new, |at| hosts::ip(at).to_string());
    let port = |address: Option<SocketAddr>| address.map_or_else(String::new, |at| at.port().to_string());
    let (local, peer) = (connection.local_addr(), connection.peer_addr());
    let protocol = if run.plan.transport == Transport::Tcp { "TCP" } else { "" };
    vec![
        ("NCAT_REMOTE_ADDR", ip(peer)),
        ("NCAT_REMOTE_PORT", port(peer)),
        ("NCAT_LOCAL_ADDR", ip(local)),
        ("NCAT_LOCAL_PORT", port(local)),
        ("NCAT_PROTO", protocol.to_owned()),
    ]
}

fn named(exec: &Exec) -> String {
    match exec {
        Exec::Program(words) => {
            words.first().map_or_else(String::new, |word| Path::new(word).display().to_string())
        }
        Exec::Shell(line) => line.to_string_lossy().into_owned(),
    }
}
