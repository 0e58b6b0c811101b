//! A command with all its processes.

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, getpgrp, kill_process_group, waitid};
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

/// How long a command may take to heed SIGTERM. A signal to us ends everything within two seconds.
const TO_HEED_TERM: Duration = Duration::from_secs(1);

/// It is looked so often whether it has ended.
const LOOK: Duration = Duration::from_millis(5);

/// Gives it a group of its own, so that a pipeline is stopped as a whole. `false`: it stays in ours, which is in a terminal's
/// foreground. In another group it could not ask for a password there; and there Ctrl-C goes to all of it.
pub(crate) fn leads_group(command: &mut Command) -> bool {
    let terminal = File::open("/dev/tty").and_then(|tty| Ok(rustix::termios::tcgetpgrp(tty)?));
    if terminal.is_ok_and(|foreground| foreground == getpgrp()) {
        return false;
    }
    command.process_group(0);
    true
}

/// Tells it to end, and kills what has not ended then. Its leader was not waited for, so the number is its own.
pub(crate) fn stop_group(leader: &mut Child) {
    let id = Pid::from_child(leader);
    // It may have ended by itself.
    let _ = kill_process_group(id, Signal::TERM);
    let until = Instant::now() + TO_HEED_TERM;
    while !has_ended(id) && Instant::now() < until {
        thread::sleep(LOOK);
    }
    // Also when the leader has ended: it may have left somebody behind.
    let _ = kill_process_group(id, Signal::KILL);
}

/// Whether it has ended. It stays to be waited for.
fn has_ended(id: Pid) -> bool {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    !matches!(rustix::io::retry_on_intr(|| waitid(WaitId::Pid(id), options)), Ok(None))
}
