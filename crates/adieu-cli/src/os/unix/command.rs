//! `--exec`: a command's standard input and output are the two directions of a connection.
//!
//! Each ending goes its own way: the peer's EOF closes the command's stdin, the end of its stdout half-closes the
//! connection, if the command's status says that it did its work. A stream that was cut must not look whole to the command
//! either, so it is stopped before its stdin is closed: told to end, killed if it does not, and only then could it see an
//! EOF. Should we be killed ourselves, the guard does that.

use super::guard::{Guard, Guarded};
use crate::os::{ExecStatus, Served};
use adieu::exchange::{Input, Output};
use adieu::{Connection, Interrupt, LocalEnd};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, kill_process_group, pidfd_open, waitid,
};
use std::collections::BTreeSet;
use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a command may take to heed SIGTERM.
const TO_HEED_TERM: Duration = Duration::from_secs(1);

/// How long the system may take to carry out a SIGKILL: a process in the middle of a disk's work dies after that.
const TO_BE_KILLED: Duration = Duration::from_secs(1);

/// Why there are no commands here. `None`: there are.
pub(crate) const REFUSAL: Option<&str> = None;

pub(crate) fn serve(
    connection: Connection,
    line: &str,
    policy: ExecStatus,
    deadline: Option<Duration>,
    stop: &Interrupt,
    running: &Running,
) -> Served {
    let until = deadline.and_then(|deadline| Instant::now().checked_add(deadline));
    let mut command = Command::new("/bin/sh");
    command
        .arg("-c")
        .arg(line)
        .env("ADIEU_PEER", connection.peer_address().unwrap_or_default())
        .env("ADIEU_LOCAL", connection.local_address().unwrap_or_default())
        // Its own group, so that a pipeline is stopped as a whole.
        .process_group(0);
    let not_started = |connection, error| Served::NotStarted { connection: Box::new(connection), error };
    let pipes = match Pipes::new(&mut command) {
        Ok(pipes) => pipes,
        Err(error) => return not_started(connection, error),
    };
    let guarded = Guard::watch(&running.guard, &pipes.stdin);
    guarded.announce_from(&mut command);
    let (mut child, id) = match running.start(&mut command) {
        Ok(started) => started,
        Err(error) => return not_started(connection, error),
    };
    // The command has its own copies of its ends.
    drop(command);
    let (group, input, output) = match ends(pipes, id, policy, guarded) {
        Ok(ends) => ends,
        Err(error) => {
            // It has run, so it is not tried again.
            kill(id);
            running.ended(id);
            let _ = child.wait();
            return Served::Failed { end: LocalEnd::Command, error };
        }
    };
    let mut report = adieu::exchange(connection, input, output);
    if report.is_graceful() {
        group.await_end(stop, until);
    } else {
        group.stop();
    }
    running.ended(id);
    // What is known of the connection is told whatever becomes of the command.
    let status = child.wait().ok();
    let (code, signal) = (status.and_then(|s| s.code()), status.and_then(|s| s.signal()));
    report.command_ended(code, signal, !policy.is_good(code));
    Served::Ended(Box::new(report))
}

/// The commands that run, so that none outlives us.
#[derive(Clone, Default)]
pub(crate) struct Running {
    groups: Arc<Mutex<BTreeSet<i32>>>,
    guard: Arc<Guard>,
}

impl Running {
    /// With a guard, which outlives us if we are killed.
    pub(crate) fn guarded() -> Self {
        Self { guard: Arc::new(Guard::start()), ..Self::default() }
    }

    fn groups(&self) -> MutexGuard<'_, BTreeSet<i32>> {
        // A set of numbers is whole also after a panic.
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts it under the lock: whoever kills them all misses none.
    fn start(&self, command: &mut Command) -> io::Result<(Child, Pid)> {
        let mut groups = self.groups();
        let child = command.spawn()?;
        let id = Pid::from_child(&child);
        groups.insert(id.as_raw_nonzero().get());
        Ok((child, id))
    }

    /// Before it is waited for: from then on the number may be another's.
    fn ended(&self, group: Pid) {
        self.groups().remove(&group.as_raw_nonzero().get());
    }

    /// Kills them all; none is started as long as the answer is held.
    pub(crate) fn kill_all(&self) -> impl Drop + use<'_> {
        let groups = self.groups();
        groups.iter().filter_map(|id| Pid::from_raw(*id)).for_each(kill);
        groups
    }
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

/// Everything that is needed of a command while it runs, so that nothing of it can fail later.
fn ends(
    pipes: Pipes,
    id: Pid,
    policy: ExecStatus,
    guarded: Guarded,
) -> io::Result<(Arc<Group>, Input, Output)> {
    let Pipes { stdin, stdout, reserved } = pipes;
    drop(reserved);
    let group = Arc::new(Group { id, leader: pidfd_open(id, PidfdFlags::empty())? });
    let (asked, cut) = (Arc::clone(&group), Arc::clone(&group));
    // The end of its output is no end of the answer until the command has done its work.
    let input =
        Input::from_fd(stdout)?.whole_if(group.leader.try_clone()?, move || asked.has_succeeded(policy));
    // The guard lets go when this is dropped: after the command was stopped, or before its stdin is closed well.
    let output = Output::from_fd(stdin)?.may_refuse().on_cut(move || {
        cut.stop();
        drop(guarded);
    });
    Ok((group, input, output))
}

fn kill(group: Pid) {
    // It may have ended by itself.
    let _ = kill_process_group(group, Signal::KILL);
}

/// A command with all its processes. Its leader is waited for only at the very end, so the number stays its own.
struct Group {
    id: Pid,
    leader: OwnedFd,
}

impl Group {
    /// Whether the command did its work. `None`: it still runs. It stays to be waited for.
    ///
    /// Source: waitid(2), WNOWAIT.
    fn has_succeeded(&self, policy: ExecStatus) -> Option<io::Result<()>> {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        match rustix::io::retry_on_intr(|| waitid(WaitId::PidFd(self.leader.as_fd()), options)) {
            Ok(None) => None,
            Ok(Some(status)) if policy.is_good(status.exit_status()) => Some(Ok(())),
            // The report says how it ended, when it is waited for.
            Ok(Some(_)) => Some(Err(io::Error::other("the command failed"))),
            Err(error) => Some(Err(error.into())),
        }
    }

    /// Tells it to end, and kills what has not ended then.
    fn stop(&self) {
        // It may have ended by itself.
        let _ = kill_process_group(self.id, Signal::TERM);
        self.has_ended(None, Some(TO_HEED_TERM));
        // Also when the leader has ended: it may have left somebody behind who reads on.
        kill(self.id);
        self.has_ended(None, Some(TO_BE_KILLED));
    }

    /// Waits for it, for as long as it takes or until `stop` is raised or the moment has come, which stops it.
    fn await_end(&self, stop: &Interrupt, until: Option<Instant>) {
        let left = || until.map(|until| until.saturating_duration_since(Instant::now()));
        while !self.has_ended(Some(stop), left()) {
            if stop.raised().is_some() || left() == Some(Duration::ZERO) {
                return self.stop();
            }
        }
    }

    /// Waits until the leader has ended, `stop` is raised, or the limit is over.
    fn has_ended(&self, stop: Option<&Interrupt>, limit: Option<Duration>) -> bool {
        let mut fds = vec![PollFd::new(&self.leader, PollFlags::IN)];
        fds.extend(stop.map(|s| PollFd::from_borrowed_fd(s.as_fd(), PollFlags::IN)));
        let limit = limit.and_then(|l| Timespec::try_from(l).ok());
        // No signal handler of ours interrupts this for long: they run on a thread of their own.
        match rustix::io::retry_on_intr(|| poll(&mut fds, limit.as_ref())) {
            Ok(_) => !fds[0].revents().is_empty(),
            // Without `poll` (no memory left) there is the blocking wait that comes next.
            Err(_) => true,
        }
    }
}
