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
//! One datagram (unix(7), SOCK_SEQPACKET) for each message; macOS has none of that kind, so there it is a stream, and all messages have one
//! length. Before a command is started, the guard gets its stdin (SCM_RIGHTS). The
//! process that becomes the command tells its number, before it does: our death in between is not noticed before that, because
//! that process holds our end of the socket, too. At a good end the guard is told to let go.

use crate::printer::complain;
use adieu_os::Group;
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// The word that makes this program a guard. It is no command: nobody types it.
const WORD: &str = "--guard-commands";

/// Our end of the guard. Without one the commands are served all the same.
#[derive(Default)]
pub(super) struct Guard {
    socket: Option<OwnedFd>,
    /// The next command's number.
    numbers: AtomicU32,
}

/// A command that the guard watches, until this is dropped.
pub(super) struct Guarded {
    guard: Arc<Guard>,
    number: u32,
}

/// What the guard is told. A message is one octet for its kind, four for the number that we gave to the command, and four for
/// its process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum MessageKind {
    /// Its stdin, to be held open.
    Holds = 1,
    /// Its process, which leads its process group.
    Runs = 2,
    /// It is not to be watched any more.
    Ended = 3,
}

const LENGTH: usize = 9;

fn message(kind: MessageKind, number: u32, process: u32) -> [u8; LENGTH] {
    let mut message = [kind as u8; LENGTH];
    message[1..5].copy_from_slice(&number.to_ne_bytes());
    message[5..].copy_from_slice(&process.to_ne_bytes());
    message
}

/// A send to a guard that has ended raises no SIGPIPE.
#[cfg(not(target_vendor = "apple"))]
const SEND: SendFlags = SendFlags::NOSIGNAL;
/// macOS has no such flag: [`pair`] sets SO_NOSIGPIPE.
#[cfg(target_vendor = "apple")]
const SEND: SendFlags = SendFlags::empty();

/// A descriptor that comes with a message is for the guard alone.
#[cfg(not(target_vendor = "apple"))]
const RECEIVE: RecvFlags = RecvFlags::CMSG_CLOEXEC;
/// macOS has no such flag, and needs none: a guard starts no program that would inherit the descriptor.
#[cfg(target_vendor = "apple")]
const RECEIVE: RecvFlags = RecvFlags::empty();

/// Two ends of a socket that keeps messages apart.
#[cfg(not(target_vendor = "apple"))]
fn pair() -> rustix::io::Result<(OwnedFd, OwnedFd)> {
    socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
}

/// Two ends of a stream.
#[cfg(target_vendor = "apple")]
fn pair() -> rustix::io::Result<(OwnedFd, OwnedFd)> {
    let (ours, its) = socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::empty(), None)?;
    for end in [&ours, &its] {
        rustix::io::fcntl_setfd(end, rustix::io::FdFlags::CLOEXEC)?;
    }
    // Without it the runtime ignores the signal, which the process that becomes a command does not.
    let _ = socket2::SockRef::from(&ours).set_nosigpipe(true);
    Ok((ours, its))
}

/// This program, however it was called.
fn this_program() -> Command {
    if cfg!(linux_kernel) {
        return Command::new("/proc/self/exe");
    }
    // Where the system does not know its file, starting it fails, which is said.
    Command::new(std::env::current_exe().unwrap_or_default())
}

impl Guard {
    /// Starts it. Where that fails (no processes left), there is none: it is for a death that hardly ever comes.
    pub(super) fn start() -> Self {
        let Ok((ours, its)) = pair() else { return Self::default() };
        let started = this_program()
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
        if let Err(error) = &started {
            complain(&format!(
                "the commands have no guard, should this process be killed: {}",
                adieu::describe_error(error)
            ));
        }
        Self { socket: started.is_ok().then_some(ours), ..Self::default() }
    }

    /// From here on the command that will have this stdin is stopped if we die. To be called before it is started.
    pub(super) fn watch(guard: &Arc<Self>, stdin: &impl AsFd) -> Guarded {
        let number = guard.numbers.fetch_add(1, Ordering::Relaxed);
        guard.tell(&message(MessageKind::Holds, number, 0), Some(stdin.as_fd()));
        Guarded { guard: Arc::clone(guard), number }
    }

    fn tell(&self, message: &[u8], stdin: Option<BorrowedFd<'_>>) {
        let Some(socket) = &self.socket else { return };
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        let fds = stdin.map(|fd| [fd]);
        if let Some(fds) = &fds {
            // There is room for one.
            let _ = ancillary.push(SendAncillaryMessage::ScmRights(fds));
        }
        // A guard that is gone holds nothing open.
        let _ = rustix::io::retry_on_intr(|| sendmsg(socket, &[IoSlice::new(message)], &mut ancillary, SEND));
    }
}

impl Guarded {
    /// Lets the process that becomes the command tell the guard who it is.
    pub(super) fn announce_from(&self, command: &mut Command) {
        let Some(socket) = self.guard.socket.as_ref().map(AsRawFd::as_raw_fd) else { return };
        let number = self.number;
        let announce = move || {
            let process = rustix::process::getpid().as_raw_nonzero().get().cast_unsigned();
            let message = message(MessageKind::Runs, number, process);
            #[expect(unsafe_code, reason = "the guard's socket outlives the start of a command")]
            // SAFETY: it is open: whoever starts this command holds the guard.
            let socket = unsafe { BorrowedFd::borrow_raw(socket) };
            // A guard that is gone is no reason not to run.
            let _ = rustix::net::send(socket, &message, SEND);
            Ok(())
        };
        #[expect(unsafe_code, reason = "nothing else runs between fork and exec")]
        // SAFETY: it makes two system calls, and neither allocates nor takes a lock.
        unsafe {
            command.pre_exec(announce);
        }
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        self.guard.tell(&message(MessageKind::Ended, self.number, 0), None);
    }
}

/// Whether this process is to be a guard.
pub(crate) fn is_asked_for(words: &[OsString]) -> bool {
    matches!(words, [_, word] if word == OsStr::new(WORD))
}

/// A command of the process that is guarded against.
#[derive(Default)]
struct Watched {
    /// Held open until the command is not to see an end any more.
    _stdin: Option<OwnedFd>,
    /// The number of its process, which leads its process group.
    group: Option<i32>,
}

/// Guards until whoever started this process is gone, and everything it left behind.
pub(crate) fn run() {
    ignore_signals();
    // One for each command, as whoever started us has.
    adieu_os::raise_descriptor_limit();
    let socket = rustix::stdio::stdin();
    let mut commands: BTreeMap<u32, Watched> = BTreeMap::new();
    loop {
        let Told { kind, number, process, stdin } = match next(socket) {
            Ok(Some(told)) => told,
            Ok(None) | Err(Errno::CONNRESET) => break,
            Err(_) => continue,
        };
        if kind == MessageKind::Holds as u8 {
            // Without a descriptor that could be had it is still stopped, if perhaps after it has seen an end.
            commands.insert(number, Watched { _stdin: stdin, group: None });
        } else if kind == MessageKind::Runs as u8 {
            commands.entry(number).or_default().group = Some(process);
        } else if kind == MessageKind::Ended as u8 {
            commands.remove(&number);
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

/// A message, and the descriptor that came with it.
struct Told {
    kind: u8,
    number: u32,
    process: i32,
    stdin: Option<OwnedFd>,
}

/// The next message. `None`: there is nobody any more.
fn next(socket: BorrowedFd<'_>) -> Result<Option<Told>, Errno> {
    let mut told = [0; LENGTH];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let received = rustix::io::retry_on_intr(|| {
        recvmsg(socket, &mut [IoSliceMut::new(&mut told)], &mut ancillary, RECEIVE)
    })?;
    if received.bytes < LENGTH {
        return Ok(None);
    }
    let stdin = ancillary.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut fds) => fds.next(),
        _ => None,
    });
    let four = |at: usize| [told[at], told[at + 1], told[at + 2], told[at + 3]];
    let (number, process) = (u32::from_ne_bytes(four(1)), i32::from_ne_bytes(four(5)));
    Ok(Some(Told { kind: told[0], number, process, stdin }))
}

/// Tells them to end, and kills those that have not ended then, with their stdin still open.
fn stop(commands: &BTreeMap<u32, Watched>) {
    let numbers = commands.values().filter_map(|watched| watched.group);
    let groups: Vec<Group> = numbers.filter_map(Group::of_number).collect();
    adieu_os::stop_groups(&groups.iter().collect::<Vec<_>>());
}
