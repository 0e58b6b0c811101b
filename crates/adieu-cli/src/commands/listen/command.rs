//! `--exec`: a command's standard input and output are the two directions of a connection.
//!
//! Each ending goes its own way: the peer's EOF closes the command's stdin, the end of its stdout half-closes the
//! connection. A stream that was cut must not look whole to the command either, so it is stopped before its stdin is
//! closed.

use adieu::exchange::{Input, Output};
use adieu::{Connection, Interrupt, LocalEnd, Report};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

/// How long a command may take to heed SIGTERM.
const TO_HEED_TERM: Duration = Duration::from_secs(1);

pub(super) fn serve(
    connection: Connection,
    line: &str,
    stop: &Interrupt,
) -> Result<Report, (LocalEnd, io::Error)> {
    let failed = |error| (LocalEnd::Command, error);
    let mut child = Command::new("/bin/sh")
        .arg("-c")
        .arg(line)
        .env("ADIEU_PEER", connection.peer_address().unwrap_or_default())
        .env("ADIEU_LOCAL", connection.local_address().unwrap_or_default())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        // Its own group, so that a pipeline is stopped as a whole.
        .process_group(0)
        .spawn()
        .map_err(failed)?;
    let group = Pid::from_child(&child);
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let (Some(stdin), Some(stdout)) = (stdin, stdout) else {
        return Err(failed(io::ErrorKind::BrokenPipe.into()));
    };
    let input = Input::from_fd(stdout).map_err(failed)?;
    let output = Output::from_fd(stdin).map_err(failed)?.may_refuse().on_cut(move || terminate(group));

    let mut report = adieu::exchange(connection, input, output);
    if !report.is_graceful() {
        terminate(group);
    }
    let status = await_end(&mut child, group, report.is_graceful().then_some(stop)).map_err(failed)?;
    report.command_ended(status.code(), status.signal());
    Ok(report)
}

fn terminate(group: Pid) {
    // It may have ended by itself.
    let _ = kill_process_group(group, Signal::TERM);
}

/// Waits for the command. With `stop`, for as long as it takes or until that is raised; without, it has been told to
/// end, and is killed if it does not.
fn await_end(child: &mut Child, group: Pid, stop: Option<&Interrupt>) -> io::Result<ExitStatus> {
    let pidfd = pidfd_open(group, PidfdFlags::empty())?;
    let ended = |stop: Option<&Interrupt>, limit: Option<Duration>| -> io::Result<bool> {
        let mut fds = vec![PollFd::new(&pidfd, PollFlags::IN)];
        fds.extend(stop.map(|s| PollFd::from_borrowed_fd(s.as_fd(), PollFlags::IN)));
        let limit = limit.and_then(|l| Timespec::try_from(l).ok());
        match poll(&mut fds, limit.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(!fds[0].revents().is_empty()),
            Err(error) => Err(error.into()),
        }
    };
    if let Some(stop) = stop {
        while stop.raised().is_none() && !ended(Some(stop), None)? {}
        if !ended(None, Some(Duration::ZERO))? {
            terminate(group);
        }
    }
    if !ended(None, Some(TO_HEED_TERM))? {
        // It may have ended in between.
        let _ = kill_process_group(group, Signal::KILL);
    }
    child.wait()
}
