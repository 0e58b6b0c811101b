//! What a service tells the manager that started it: that it is ready, what it does, that it is alive, and the sockets that the
//! next one is to have.
//!
//! It is a datagram of lines to the socket that NOTIFY_SOCKET names. The sd-notify crate knows no abstract sockets, and waits for
//! ever for a manager that hangs.
//!
//! Source: sd_notify(3), sd_pid_notify_with_fds(3), sd_watchdog_enabled(3).

use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix, SocketType,
    sendmsg_addr, socket_with, sockopt,
};
use rustix::time::{ClockId, clock_gettime};
use std::ffi::{OsStr, OsString};
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

/// How long a manager that takes nothing is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// How many descriptors go with a message at most: as many as the kernel lets through, SCM_MAX_FD.
const MOST: usize = 253;

/// Tells the service manager these lines, such as `READY=1`, with these descriptors. False: there is none.
///
/// # Errors
///
/// NOTIFY_SOCKET names no Unix socket, nobody receives there, or more than 253 descriptors were given.
pub fn notify_service_manager(lines: &str, descriptors: &[BorrowedFd<'_>]) -> io::Result<bool> {
    let Some(path) = std::env::var_os("NOTIFY_SOCKET").filter(|path| !path.is_empty()) else {
        return Ok(false);
    };
    if descriptors.len() > MOST {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "too many descriptors for one message"));
    }
    let address = address_of(&path)?;
    let socket = socket_with(AddressFamily::UNIX, SocketType::DGRAM, CLOEXEC, None)?;
    sockopt::set_socket_timeout(&socket, sockopt::Timeout::Send, Some(PATIENCE))?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() {
        ancillary.push(SendAncillaryMessage::ScmRights(descriptors));
    }
    // In one piece, or not at all.
    sendmsg_addr(&socket, &address, &[IoSlice::new(lines.as_bytes())], &mut ancillary, SendFlags::empty())?;
    Ok(true)
}

#[cfg(not(target_vendor = "apple"))]
const CLOEXEC: rustix::net::SocketFlags = rustix::net::SocketFlags::CLOEXEC;
// There are no service managers that could start something else in between.
#[cfg(target_vendor = "apple")]
const CLOEXEC: rustix::net::SocketFlags = rustix::net::SocketFlags::empty();

fn address_of(path: &OsStr) -> io::Result<SocketAddrUnix> {
    match path.as_bytes() {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        [b'@', name @ ..] => Ok(SocketAddrUnix::new_abstract_name(name)?),
        [b'/', ..] => Ok(SocketAddrUnix::new(path)?),
        _ => Err(io::Error::new(
            io::ErrorKind::Unsupported,
            format!("NOTIFY_SOCKET is '{}', which is no Unix socket", path.display()),
        )),
    }
}

/// Within which time the service manager wants to be told `WATCHDOG=1`, each time anew. `None`: it does not.
pub fn watchdog_timeout() -> Option<Duration> {
    watchdog_of(std::env::var_os, std::process::id())
}

fn watchdog_of(variable: impl Fn(&'static str) -> Option<OsString>, us: u32) -> Option<Duration> {
    let number = |name| variable(name)?.to_str()?.parse::<u64>().ok();
    if variable("WATCHDOG_PID").is_some() && number("WATCHDOG_PID") != Some(us.into()) {
        return None;
    }
    number("WATCHDOG_USEC").filter(|micros| *micros > 0).map(Duration::from_micros)
}

/// The monotonic clock in microseconds, as `RELOADING=1` has to tell it.
pub fn monotonic_micros() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    let [seconds, nanos] = [now.tv_sec, now.tv_nsec].map(|part| u64::try_from(part).unwrap_or_default());
    seconds * 1_000_000 + nanos / 1_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_watchdog_is_for_us_alone() {
        let of = |variables: &'static [(&str, &str)]| {
            watchdog_of(
                |name| variables.iter().find(|(one, _)| *one == name).map(|(_, value)| value.into()),
                7,
            )
        };
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[("WATCHDOG_USEC", "1500000")]), Some(Duration::from_millis(1500)));
        assert_eq!(
            of(&[("WATCHDOG_USEC", "1500000"), ("WATCHDOG_PID", "7")]),
            Some(Duration::from_millis(1500))
        );
        assert_eq!(of(&[("WATCHDOG_USEC", "1500000"), ("WATCHDOG_PID", "8")]), None);
        assert_eq!(of(&[("WATCHDOG_USEC", "0")]), None);
        assert_eq!(of(&[("WATCHDOG_USEC", "soon")]), None);
    }

    #[test]
    fn what_is_no_unix_socket_is_told() {
        assert!(address_of(OsStr::new("vsock:2:1234")).is_err());
        assert!(address_of(OsStr::new("/run/systemd/notify")).is_ok());
        #[cfg(any(target_os = "linux", target_os = "android"))]
        assert!(address_of(OsStr::new("@notify")).is_ok());
    }

    #[test]
    fn the_clock_goes_forwards() {
        let before = monotonic_micros();
        assert!(before > 0 && monotonic_micros() >= before);
    }
}
