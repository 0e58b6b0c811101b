//! A process that outlives us: should we be killed, it stops the commands of `--exec` before they see an end.
//!
//! When a process is killed, its end of a pipe is closed, and the reader takes that for the end of the whole stream: half a
//! backup would be put in the place of a whole one. A pipe has no reset. So the guard holds each command's stdin open too.
//! It is told when a stream has ended well, and lets go; when it finds us gone, it tells the commands that are left to end,
//! kills those that do not, and only then lets go.
//!
//! PR_SET_PDEATHSIG would not do: the pipe is closed before that signal is sent, and it reaches the shell alone, not what
//! the shell has started.
//!
//! One datagram (unix(7), SOCK_SEQPACKET) for each step: the command's process group, with its stdin (SCM_RIGHTS) where the
//! guard begins, without one where it ends.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The word that makes this program a guard. It is no command: nobody types it.
const WORD: &str = "--guard-commands";

/// How long a command may take to heed SIGTERM.
const TO_HEED_TERM: Duration = Duration::from_secs(1);

/// Our end of the guard. Without one the commands are served all the same.
#[derive(Default)]
pub(super) struct Guard {
    socket: Option<OwnedFd>,
}

/// A command that the guard watches, until this is dropped.
pub(super) struct Guarded {
    guard: Arc<Guard>,
    group: Pid,
}

impl Guard {
    /// Starts it. Where that fails (no processes left), there is none: it is for a death that hardly ever comes.
    pub(super) fn start() -> Self {
        let Ok((ours, its)) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
        else {
            return Self::default();
        };
        let started = Command::new("/proc/self/exe")
            .arg0("adieu")
            .arg(WORD)
            .env_clear()
            .stdin(Stdio::from(its))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Its own group: Ctrl-C at a terminal is for us, and we tell it by our end.
            .process_group(0)
            .spawn();
        // It ends after us, and then somebody else waits for it.
        Self { socket: started.is_ok().then_some(ours) }
    }

    /// From here on this command is stopped if we die. To be called before its stdin is given a byte.
    pub(super) fn watch(guard: &Arc<Self>, group: Pid, stdin: &impl AsFd) -> Guarded {
        guard.tell(group, Some(stdin.as_fd()));
        Guarded { guard: Arc::clone(guard), group }
    }

    fn tell(&self, group: Pid, stdin: Option<BorrowedFd<'_>>) {
        let Some(socket) = &self.socket else { return };
        let number = group.as_raw_nonzero().get().to_ne_bytes();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        let fds = stdin.map(|fd| [fd]);
        if let Some(fds) = &fds {
            // There is room for one.
            let _ = ancillary.push(SendAncillaryMessage::ScmRights(fds));
        }
        // A guard that is gone holds nothing open.
        let _ = rustix::io::retry_on_intr(|| {
            sendmsg(socket, &[IoSlice::new(&number)], &mut ancillary, SendFlags::NOSIGNAL)
        });
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        self.guard.tell(self.group, None);
    }
}

/// Whether this process is to be a guard.
pub(crate) fn is_asked_for(words: &[OsString]) -> bool {
    matches!(words, [_, word] if word == OsStr::new(WORD))
}

/// Guards until whoever started this process is gone, and everything it left behind.
pub(crate) fn run() {
    ignore_signals();
    let stdin = rustix::stdio::stdin();
    let mut commands = BTreeMap::new();
    loop {
        match next(stdin) {
            Ok(Some((group, Some(stdin)))) => {
                commands.insert(group, stdin);
            }
            Ok(Some((group, None))) => {
                commands.remove(&group);
            }
            Ok(None) | Err(Errno::CONNRESET) => break,
            // Out of descriptors: the message is gone, and its command unguarded.
            Err(_) => {}
        }
    }
    stop(&commands);
}

/// Signals meant for the whole group or service are for those we guard against, too.
fn ignore_signals() {
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT] {
        #[expect(unsafe_code, reason = "no safe wrapper ignores a signal")]
        // SAFETY: to ignore a signal runs no code of ours.
        unsafe {
            libc::signal(signal, libc::SIG_IGN);
        }
    }
}

/// The next message. `None`: there is nobody any more.
fn next(socket: BorrowedFd<'_>) -> Result<Option<(i32, Option<OwnedFd>)>, Errno> {
    let mut number = [0; 4];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let received = rustix::io::retry_on_intr(|| {
        recvmsg(socket, &mut [IoSliceMut::new(&mut number)], &mut ancillary, RecvFlags::CMSG_CLOEXEC)
    })?;
    if received.bytes < number.len() {
        return Ok(None);
    }
    let stdin = ancillary.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut fds) => fds.next(),
        _ => None,
    });
    Ok(Some((i32::from_ne_bytes(number), stdin)))
}

/// Tells them to end, and kills those that have not ended then, with their stdin still open.
fn stop(commands: &BTreeMap<i32, OwnedFd>) {
    let groups: Vec<Pid> = commands.keys().filter_map(|group| Pid::from_raw(*group)).collect();
    let signal = |signal| {
        for group in &groups {
            // It may have ended by itself.
            let _ = kill_process_group(*group, signal);
        }
    };
    signal(Signal::TERM);
    let until = Instant::now() + TO_HEED_TERM;
    for group in &groups {
        let Ok(leader) = pidfd_open(*group, PidfdFlags::empty()) else { continue };
        let left = Timespec::try_from(until.saturating_duration_since(Instant::now())).ok();
        let _ = poll(&mut [PollFd::new(&leader, PollFlags::IN)], left.as_ref());
    }
    signal(Signal::KILL);
}
