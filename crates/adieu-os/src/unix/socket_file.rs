//! The file of a listening Unix socket: taken over from the dead, never from the living, removed at the end.
//!
//! A socket's file outlives its socket, and then stands in the way of the next one. It may be removed only if nobody has
//! a socket there any more, and never if it is no socket at all.

use crate::ListenAtError;
use rustix::fs::{FlockOperation, Mode, OFlags};
use socket2::{Domain, SockAddr, Socket, Type};
use std::fs::Metadata;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use std::{fs, io};

/// The file of a socket of ours. Dropped, it is removed, unless somebody else's stands there by now.
///
/// It is to be dropped before its socket: that keeps others from taking it over, and its inode's number from being used
/// again.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    /// `None`: it could not be looked at after it was made, and so cannot be known again.
    identity: Option<(u64, u64)>,
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let _lock = lock_directory(&self.path);
        let there = fs::symlink_metadata(&self.path).ok();
        if self.identity.is_some() && there.as_ref().map(identity) == self.identity {
            // Whoever removes it between our look and this does what we would have done.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Lets a new Unix socket listen at `path`, and gives its file.
///
/// A file that a dead socket left behind is taken over. Listeners of adieu do so one after another: each holds a lock on
/// the directory meanwhile. Of other programs one may be overtaken that makes its socket between our look and our
/// removal of the file that it removed itself.
///
/// # Errors
///
/// Somebody has a socket there, the file is no socket, or a system call failed.
pub fn listen_at(socket: &Socket, path: &Path, backlog: i32) -> Result<SocketFile, ListenAtError> {
    bind_and(socket, path, |socket| socket.listen(backlog))
}

/// Binds a new Unix socket of datagrams to `path`, and gives its file. What stands there is treated as [`listen_at`] does.
///
/// # Errors
///
/// As [`listen_at`].
pub fn bind_at(socket: &Socket, path: &Path) -> Result<SocketFile, ListenAtError> {
    bind_and(socket, path, |_| Ok(()))
}

/// Gives a Unix socket of datagrams that sends a name, so that it can be answered; its file, if it has one.
///
/// Source: unix(7), "Autobind feature": Linux has names that are no files and that nobody else has.
///
/// # Errors
///
/// No name could be given.
pub fn bind_to_own_name(socket: &Socket) -> io::Result<Option<SocketFile>> {
    static MADE: AtomicUsize = AtomicUsize::new(0);
    if cfg!(any(target_os = "linux", target_os = "android")) {
        return socket.bind(&SockAddr::unix("")?).map(|()| None);
    }
    let name = format!("adieu.{}.{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
    let path = std::env::temp_dir().join(name);
    match bind_at(socket, &path) {
        Ok(file) => Ok(Some(file)),
        Err(error) => {
            let system = error.system();
            Err(system.raw_os_error().map_or_else(|| system.kind().into(), io::Error::from_raw_os_error))
        }
    }
}

fn bind_and(
    socket: &Socket,
    path: &Path,
    then: impl Fn(&Socket) -> io::Result<()>,
) -> Result<SocketFile, ListenAtError> {
    let address = crate::unix_address(path)?;
    let _lock = lock_directory(path);
    let mut removed = false;
    loop {
        match socket.bind(&address) {
            Ok(()) => {
                let identity = fs::symlink_metadata(path).ok().as_ref().map(identity);
                // The working directory may be another by then.
                let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
                let file = SocketFile { path, identity };
                then(socket)?;
                return Ok(file);
            }
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && !removed => {
                remove_dead(path, &address, error)?;
                removed = true;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Removes what a dead socket left at `path`.
fn remove_dead(path: &Path, address: &SockAddr, in_use: io::Error) -> Result<(), ListenAtError> {
    let there = match fs::symlink_metadata(path) {
        Ok(there) => there,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    if !there.file_type().is_socket() {
        return Err(ListenAtError::NotASocket(in_use));
    }
    match is_alive(address) {
        Ok(true) => return Err(ListenAtError::Taken(in_use)),
        Ok(false) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(unasked) => return Err(ListenAtError::PerhapsTaken { in_use, unasked }),
    }
    // Somebody who knows nothing of our lock may have made another meanwhile.
    match fs::symlink_metadata(path) {
        Ok(now) if identity(&now) == identity(&there) && now.file_type().is_socket() => {
            Ok(fs::remove_file(path)?)
        }
        Ok(_) => Err(ListenAtError::Taken(in_use)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Whether a process has a socket at this address, also one that does not listen yet.
///
/// It is asked with a socket of another type: a living stream socket answers EPROTOTYPE, and does not get a connection
/// that it would have to serve. A dead one refuses.
fn is_alive(address: &SockAddr) -> io::Result<bool> {
    match Socket::new(Domain::UNIX, Type::DGRAM, None)?.connect(address) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(false),
        Err(error) if rustix::io::Errno::from_io_error(&error) == Some(rustix::io::Errno::PROTOTYPE) => {
            Ok(true)
        }
        Err(error) => Err(error),
    }
}

fn identity(file: &Metadata) -> (u64, u64) {
    (file.dev(), file.ino())
}

/// How long another holder of the lock is waited for. Ours hold it for a few system calls.
const LOCK_PATIENCE: Duration = Duration::from_secs(1);

/// A lock on the directory that `path` stands in. `None`: it cannot be had (a directory that we may not read, a file
/// system without locks, a holder who does not let go), and then there is none.
///
/// Source: flock(2). It goes with its descriptor, and leaves no file behind.
fn lock_directory(path: &Path) -> Option<OwnedFd> {
    let parent = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let directory = rustix::fs::open(parent, flags, Mode::empty()).ok()?;
    let until = Instant::now() + LOCK_PATIENCE;
    loop {
        match rustix::fs::flock(&directory, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Some(directory),
            // A blocking call could not be bounded.
            Err(rustix::io::Errno::WOULDBLOCK | rustix::io::Errno::INTR) if Instant::now() < until => {
                std::thread::sleep(Duration::from_millis(2));
            }
            Err(_) => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
    use std::sync::{Arc, Barrier};

    fn place() -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().expect("there is room for a directory");
        let path = directory.path().join("socket");
        (directory, path)
    }

    fn listen(path: &Path, backlog: i32) -> Result<(SocketFile, Socket), ListenAtError> {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        Ok((listen_at(&socket, path, backlog)?, socket))
    }

    fn refusal(path: &Path) -> String {
        let error = listen(path, 1).expect_err("it is not to be taken");
        assert_eq!(error.system().raw_os_error(), Some(rustix::io::Errno::ADDRINUSE.raw_os_error()));
        error.to_string()
    }

    #[test]
    fn a_file_that_a_dead_socket_left_is_taken_over() {
        let (_directory, path) = place();
        drop(UnixListener::bind(&path).expect("a new path"));
        assert!(path.exists(), "the file outlives its socket");
        let (_file, _socket) = listen(&path, 1).expect("nobody has it");
        UnixStream::connect(&path).expect("it is ours now");
    }

    #[test]
    fn a_living_listener_is_neither_replaced_nor_connected_to() {
        let (_directory, path) = place();
        let living = UnixListener::bind(&path).expect("a new path");
        living.set_nonblocking(true).expect("a socket");
        assert!(refusal(&path).starts_with("something is listening there (EADDRINUSE"), "{}", refusal(&path));
        let nobody = living.accept().expect_err("to look whether it lives makes no connection");
        assert_eq!(nobody.kind(), io::ErrorKind::WouldBlock);
    }

    #[test]
    fn a_socket_that_does_not_listen_yet_is_alive() {
        let (_directory, path) = place();
        let early = Socket::new(Domain::UNIX, Type::STREAM, None).expect("a socket");
        early.bind(&SockAddr::unix(&path).expect("short")).expect("a new path");
        assert!(refusal(&path).starts_with("something"));
        early.listen(1).expect("it is still there");
        UnixStream::connect(&path).expect("its file was left alone");
    }

    #[test]
    fn a_socket_of_another_type_is_alive() {
        let (_directory, path) = place();
        let _living = UnixDatagram::bind(&path).expect("a new path");
        assert!(refusal(&path).starts_with("something"));
    }

    #[test]
    fn what_is_no_socket_is_never_removed() {
        let (directory, path) = place();
        fs::write(&path, "precious").expect("a file");
        assert!(refusal(&path).starts_with("a file that is not a socket is there"));
        assert_eq!(fs::read_to_string(&path).ok().as_deref(), Some("precious"));
        // A link to a dead socket is no socket either: what it stands for is its maker's.
        let dead = directory.path().join("dead");
        drop(UnixListener::bind(&dead).expect("a new path"));
        fs::remove_file(&path).expect("ours");
        std::os::unix::fs::symlink(&dead, &path).expect("a link");
        assert!(refusal(&path).starts_with("a file that is not a socket is there"));
        assert!(dead.exists());
    }

    #[test]
    fn at_the_end_only_our_own_file_is_removed() {
        let (_directory, path) = place();
        drop(listen(&path, 1).expect("a new path"));
        assert!(!path.exists());
        let (file, _socket) = listen(&path, 1).expect("a new path");
        fs::remove_file(&path).expect("somebody cleans up");
        let _heir = UnixListener::bind(&path).expect("the path is free");
        drop(file);
        UnixStream::connect(&path).expect("the heir's file was left alone");
    }

    #[test]
    fn of_many_who_take_over_at_once_exactly_one_does() {
        for _ in 0..20 {
            let (_directory, path) = place();
            drop(UnixListener::bind(&path).expect("a new path"));
            let start = Arc::new(Barrier::new(8));
            let rivals: Vec<_> = (0..8)
                .map(|_| {
                    let (path, start) = (path.clone(), Arc::clone(&start));
                    std::thread::spawn(move || {
                        start.wait();
                        listen(&path, 8).ok()
                    })
                })
                .collect();
            let won: Vec<_> = rivals.into_iter().filter_map(|r| r.join().expect("no panic")).collect();
            assert_eq!(won.len(), 1);
            UnixStream::connect(&path).expect("the one that has it is there");
        }
    }
}
