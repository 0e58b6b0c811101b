//! `--exec`: a command's standard input and output are the two directions of a connection.
//!
//! Each ending goes its own way: the peer's EOF closes the command's stdin, the end of its stdout half-closes the
//! connection, if the command's status says that it did its work. A stream that was cut must not look whole to the command
//! either, so it is stopped before its stdin is closed: told to end, killed if it does not, and only then could it see an
//! EOF. Should we be killed ourselves, the guard does that.

use super::guard::{Guard, Guarded};
use crate::addresses::named;
use crate::os::{ExecStatus, Served};
use adieu::exchange::{ExchangeOptions, Input, Output};
use adieu::{CommandEnd, Connection, Interrupt, LocalEnd};
use adieu_os::{AsPollable, Group, LeaderEnded};
use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Why there are no commands here. `None`: there are.
///
/// A command that reads a cut stream must be stopped before its stdin is closed, and its exit status says whether its answer is whole: for
/// both its end has to wake us, by a pidfd on Linux, by a kqueue on macOS and the BSDs.
pub(crate) const REFUSAL: Option<&str> = if adieu_os::TELLS_END_OF_PROCESS {
    None
} else {
    Some("--exec is not there on this system, which does not tell us when a command has ended")
};

/// Runs `command`, which nothing has been given yet, for a connection.
pub(crate) fn serve(
    connection: Connection,
    exchange: ExchangeOptions,
    mut command: Command,
    policy: ExecStatus,
    deadline: Option<Duration>,
    stop: &Interrupt,
    running: &Running,
) -> Served {
    let until = deadline.and_then(|deadline| Instant::now().checked_add(deadline));
    for (name, address) in
        [("ADIEU_PEER", connection.peer_address()), ("ADIEU_LOCAL", connection.local_address())]
    {
        // A proxy may have told others.
        if command.get_envs().all(|(known, _)| known != name) {
            command.env(name, named(address).unwrap_or_default());
        }
    }
    command
        // Its own group, so that a pipeline is stopped as a whole.
        .process_group(0);
    let not_started = |connection, error| Served::NotStarted { connection: Box::new(connection), error };
    let Started { mut child, group, stdin, stdout, guarded } = match running.start(command) {
        Ok(started) => started,
        Err(error) => return not_started(connection, error),
    };
    let (input, output) = match ends(stdin, stdout, &group, policy, guarded) {
        Ok(ends) => ends,
        Err(error) => {
            // It has run, so it is not tried again.
            group.kill();
            running.ended(&group);
            let _ = child.wait();
            return Served::Failed { end: LocalEnd::Command, error };
        }
    };
    let mut report = adieu::exchange_with(connection, input, output, exchange);
    if report.is_graceful() {
        await_end(&group, stop, until);
    } else {
        group.stop();
    }
    running.ended(&group);
    // What is known of the connection is told whatever becomes of the command.
    let status = child.wait().ok();
    let end = status.and_then(|status| match (status.code(), status.signal()) {
        (Some(code), _) => Some(CommandEnd::Exited { code }),
        (None, signal) => signal.map(|signal| CommandEnd::Signalled { signal }),
    });
    report.command_ended(end, !policy.is_good(end.and_then(CommandEnd::code)));
    Served::Ended(Box::new(report))
}

/// The commands that run, so that none outlives us.
#[derive(Clone, Default)]
pub(crate) struct Running {
    groups: Arc<Mutex<Vec<Arc<Group>>>>,
    guard: Arc<Guard>,
}

impl Running {
    /// With a guard, which outlives us if we are killed.
    pub(crate) fn guarded() -> Self {
        Self { guard: Arc::new(Guard::start()), ..Self::default() }
    }

    fn groups(&self) -> MutexGuard<'_, Vec<Arc<Group>>> {
        // A list is whole also after a panic.
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts it under the lock: whoever kills them all misses none, and what is open only for the start of a command is
    /// open for one command at a time.
    fn start(&self, mut command: Command) -> io::Result<Started> {
        let mut groups = self.groups();
        let Pipes { stdin, stdout, reserved } = Pipes::new(&mut command)?;
        let guarded = Guard::watch(&self.guard, &stdin);
        guarded.announce_from(&mut command);
        let child = command.spawn()?;
        // The command has its own copies of its ends.
        drop((command, reserved));
        let group = Arc::new(Group::of(&child));
        groups.push(Arc::clone(&group));
        Ok(Started { child, group, stdin, stdout, guarded })
    }

    /// Before it is waited for: from then on its number may be another's.
    fn ended(&self, group: &Arc<Group>) {
        self.groups().retain(|other| !Arc::ptr_eq(other, group));
    }

    /// Kills them all; none is started as long as the answer is held.
    pub(crate) fn kill_all(&self) -> impl Drop + use<'_> {
        let groups = self.groups();
        for group in &*groups {
            group.kill();
        }
        groups
    }
}

/// A command that runs, and our ends of its pipes.
struct Started {
    child: Child,
    group: Arc<Group>,
    stdin: PipeWriter,
    stdout: PipeReader,
    guarded: Guarded,
}

/// Our ends of a command's two pipes, made before it is started: what can run out has not run out then.
struct Pipes {
    stdin: PipeWriter,
    stdout: PipeReader,
    /// Descriptors for the two pidfds that come with the process.
    reserved: [OwnedFd; 2],
}

impl Pipes {
    /// The other ends are given to the command.
    fn new(command: &mut Command) -> io::Result<Self> {
        let (its_stdin, stdin) = io::pipe()?;
        let (stdout, its_stdout) = io::pipe()?;
        let reserved = [stdin.try_clone()?.into(), stdin.try_clone()?.into()];
        command.stdin(its_stdin).stdout(its_stdout);
        Ok(Self { stdin, stdout, reserved })
    }
}

/// The two ends of the exchange, with everything that is needed of a command while it runs, so that nothing of it can fail
/// later.
fn ends(
    stdin: PipeWriter,
    stdout: PipeReader,
    group: &Arc<Group>,
    policy: ExecStatus,
    guarded: Guarded,
) -> io::Result<(Input, Output)> {
    let (asked, cut) = (Arc::clone(group), Arc::clone(group));
    // The end of its output is no end of the answer until the command has done its work.
    let input = Input::from_fd(stdout)?.whole_if(group.leader()?, move || has_succeeded(&asked, policy));
    // The guard lets go when this is dropped: after the command was stopped, or before its stdin is closed well.
    let output = Output::from_fd(stdin)?.may_refuse().on_cut(move || {
        cut.stop();
        drop(guarded);
    });
    Ok((input, output))
}

/// Whether the command did its work. `None`: it still runs. It stays to be waited for.
fn has_succeeded(group: &Group, policy: ExecStatus) -> Option<io::Result<()>> {
    match group.leader_ended() {
        Ok(None) => None,
        Ok(Some(LeaderEnded { code })) if policy.is_good(code) => Some(Ok(())),
        // The report says how it ended, when it is waited for.
        Ok(Some(_)) => Some(Err(io::Error::other("the command failed"))),
        Err(error) => Some(Err(error)),
    }
}

/// Waits for a command, for as long as it takes or until `stop` is raised or the moment has come, which stops it.
fn await_end(group: &Group, stop: &Interrupt, until: Option<Instant>) {
    let left = || until.map(|until| until.saturating_duration_since(Instant::now()));
    while !group.await_leader(Some(stop.as_pollable()), left()) {
        if stop.raised().is_some() || left() == Some(Duration::ZERO) {
            return group.stop();
        }
    }
}
