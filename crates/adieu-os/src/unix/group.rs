//! A command with all its processes: to be stopped as a whole.
//!
//! A process group, and nothing stronger: a process that leaves its group is not found. Which command is run, and what its
//! exit status means, is decided by whoever starts it.
//!
//! Source: setpgid(2), kill(2), pidfd_open(2), kqueue(2), waitid(2) with WNOWAIT.

use crate::{Pollable, Watch};
use rustix::process::{Pid, Signal, getpgrp, kill_process_group};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

/// How long a command may take to heed SIGTERM. A signal to us ends everything within two seconds.
const TO_HEED_TERM: Duration = Duration::from_secs(1);

/// How long the system may take to carry out a SIGKILL: a process in the middle of a disk's work dies after that.
const TO_BE_KILLED: Duration = Duration::from_secs(1);

/// How often to look whether a process has ended, where nothing can wake us for it.
const LOOK: Duration = Duration::from_millis(5);

/// A process group, known by its leader.
///
/// As long as the leader was not waited for, its number is its own, and nobody else is signalled.
#[derive(Debug)]
pub struct Group {
    id: Pid,
    /// The leader's pidfd, or a kqueue that its end makes readable. An error: there is neither here, or no descriptors are left.
    leader: io::Result<OwnedFd>,
}

/// The leader of a group has ended, and stays to be waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaderEnded {
    /// Its exit status. `None`: a signal ended it.
    pub code: Option<i32>,
}

impl Group {
    /// The group that a child leads: it was started by [`lead_group`], or with a process group of its own.
    pub fn of(leader: &Child) -> Self {
        Self::new(Pid::from_child(leader))
    }

    /// The group that the process of this number leads, which need not be our child. `None`: no process has it.
    pub fn of_number(number: i32) -> Option<Self> {
        Pid::from_raw(number).map(Self::new)
    }

    fn new(id: Pid) -> Self {
        Self { id, leader: crate::end_of(id) }
    }

    /// A descriptor that is readable once the leader has ended.
    ///
    /// # Platforms
    ///
    /// Linux, macOS, FreeBSD, NetBSD and OpenBSD, if a descriptor was left when the group was made.
    pub fn leader(&self) -> io::Result<OwnedFd> {
        match &self.leader {
            Ok(leader) => leader.try_clone(),
            Err(error) => {
                Err(error.raw_os_error().map_or_else(|| error.kind().into(), io::Error::from_raw_os_error))
            }
        }
    }

    /// How the leader, a child of ours, has ended. `None`: it still runs. It stays to be waited for.
    #[cfg(not(any(target_os = "netbsd", target_os = "openbsd")))]
    pub fn leader_ended(&self) -> io::Result<Option<LeaderEnded>> {
        use rustix::process::{WaitId, WaitIdOptions, waitid};
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        let status = rustix::io::retry_on_intr(|| waitid(WaitId::Pid(self.id), options))?;
        Ok(status.map(|status| LeaderEnded { code: status.exit_status() }))
    }

    /// How the leader, a child of ours, has ended. `None`: it still runs. It stays to be waited for.
    #[cfg(any(target_os = "netbsd", target_os = "openbsd"))]
    pub fn leader_ended(&self) -> io::Result<Option<LeaderEnded>> {
        /// `sys/siginfo.h` of both.
        const CLD_EXITED: libc::c_int = 1;
        let id = libc::id_t::try_from(self.id.as_raw_nonzero().get())
            .map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
        let options = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
        loop {
            #[expect(unsafe_code, reason = "rustix has no waitid here, or not the status")]
            // SAFETY: the struct is plain numbers and null pointers, valid when zeroed and whatever part of it the system writes. Its
            // status is that of a child, which waitid gives alone.
            let (result, info, status) = unsafe {
                let mut info = std::mem::MaybeUninit::<libc::siginfo_t>::zeroed();
                let result = libc::waitid(libc::P_PID, id, info.as_mut_ptr(), options);
                let info = info.assume_init();
                (result, info, info.si_status())
            };
            if result == 0 {
                // Without a child that has ended all of it stays zero.
                let has_ended = info.si_signo != 0;
                let code = (info.si_code == CLD_EXITED).then_some(status);
                return Ok(has_ended.then_some(LeaderEnded { code }));
            }
            let error = io::Error::last_os_error();
            if error.kind() != io::ErrorKind::Interrupted {
                return Err(error);
            }
        }
    }

    /// Waits until the leader has ended, `or` is readable, or the limit has passed. Whether the leader has ended.
    pub fn await_leader(&self, or: Option<Pollable<'_>>, limit: Option<Duration>) -> bool {
        let Ok(leader) = &self.leader else { return self.look_for_leader(limit) };
        let until = limit.and_then(|limit| Instant::now().checked_add(limit));
        loop {
            let mut watches = [Watch::readable(Some(leader.as_fd())), Watch::readable(or)];
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            // Without `poll` (no memory left) there is the blocking wait that comes next.
            let waited = crate::wait(&mut watches, left);
            if waited.is_err() || watches[0].ready.any {
                return true;
            }
            if watches[1].ready.any || left == Some(Duration::ZERO) {
                return false;
            }
        }
    }

    /// Waits for a leader that has no descriptor. Who is no child of ours, or none any more, counts as ended.
    fn look_for_leader(&self, limit: Option<Duration>) -> bool {
        let until = limit.and_then(|limit| Instant::now().checked_add(limit));
        loop {
            if !matches!(self.leader_ended(), Ok(None)) {
                return true;
            }
            if until.is_some_and(|until| Instant::now() >= until) {
                return false;
            }
            thread::sleep(LOOK);
        }
    }

    /// Kills it.
    pub fn kill(&self) {
        self.signal(Signal::KILL);
    }

    fn signal(&self, signal: Signal) {
        // It may have ended by itself.
        let _ = kill_process_group(self.id, signal);
    }

    /// Tells it to end, and kills after a second what has not ended then; waits until the leader is dead.
    pub fn stop(&self) {
        stop_groups(&[self]);
        self.await_leader(None, Some(TO_BE_KILLED));
    }
}

/// Tells them all to end, and kills after a second what has not ended then.
pub fn stop_groups(groups: &[&Group]) {
    for group in groups {
        group.signal(Signal::TERM);
    }
    let until = Instant::now() + TO_HEED_TERM;
    for group in groups {
        group.await_leader(None, Some(until.saturating_duration_since(Instant::now())));
    }
    // Also where the leader has ended: it may have left somebody behind who reads on.
    for group in groups {
        group.kill();
    }
}

/// Stops a command: with all its processes, if it [leads a group](lead_group). It was not waited for, and is to be.
pub fn stop_command(command: &mut Child, leads_group: bool) {
    if leads_group {
        Group::of(command).stop();
    } else {
        // It may have ended by itself.
        let _ = command.kill();
    }
}

/// Gives a command a group of its own, so that a pipeline is stopped as a whole. `false`: it stays in ours, which is in a
/// terminal's foreground. In another group it could not ask for a password there; and there Ctrl-C goes to all of it.
pub fn lead_group(command: &mut Command) -> bool {
    let terminal = File::open("/dev/tty").and_then(|tty| Ok(rustix::termios::tcgetpgrp(tty)?));
    if terminal.is_ok_and(|foreground| foreground == getpgrp()) {
        return false;
    }
    command.process_group(0);
    true
}
