//! What a service tells the manager that started it. What is told is the command's to say.

pub(crate) use adieu_os::{monotonic_micros, watchdog_timeout};
use std::io;
use std::os::fd::{AsFd, OwnedFd};

/// Tells it these lines. False: there is no manager.
pub(crate) fn tell(lines: &str) -> io::Result<bool> {
    adieu_os::notify_service_manager(lines, &[])
}

/// Gives it sockets to keep for the process after this one, each under a name.
pub(crate) fn keep_sockets(sockets: &[(String, OwnedFd)]) -> io::Result<()> {
    for (name, socket) in sockets {
        adieu_os::notify_service_manager(&format!("FDSTORE=1\nFDNAME={name}\n"), &[socket.as_fd()])?;
    }
    Ok(())
}

/// Closes what it has kept under names that begin so and nobody has taken: a socket that nobody accepts from would let its clients
/// wait for ever.
pub(crate) fn let_go_of_what_is_left(prefix: &str) -> io::Result<()> {
    for name in adieu_os::passed_sockets_left().into_iter().filter(|name| name.starts_with(prefix)) {
        drop(adieu_os::take_passed_socket(&name));
        let_go(&name)?;
    }
    Ok(())
}

/// Lets it close what it keeps under this name.
pub(crate) fn let_go(name: &str) -> io::Result<()> {
    tell(&format!("FDSTOREREMOVE=1\nFDNAME={name}\n")).map(|_| ())
}
