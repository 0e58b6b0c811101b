//! What a service tells the manager that started it. What is told is the command's to say.

use adieu::Endpoint;
pub(crate) use adieu_os::{monotonic_micros, watchdog_timeout};
use adieu_relay::Handle;
use std::io;
use std::os::fd::AsFd;

/// Tells it these lines. False: there is no manager.
pub(crate) fn tell(lines: &str) -> io::Result<bool> {
    adieu_os::notify_service_manager(lines, &[])
}

/// Gives it the sockets that listen to keep for the process after this one, each under its name, if it has one. What it kept under
/// names that begin with `prefix` and nobody has taken is closed.
pub(crate) fn keep_sockets(
    relay: &Handle,
    name_of: impl Fn(&Endpoint) -> Option<String>,
    prefix: &str,
) -> io::Result<()> {
    for (listen, socket) in relay.listening_sockets()? {
        if let Some(name) = name_of(&listen) {
            adieu_os::notify_service_manager(&format!("FDSTORE=1\nFDNAME={name}\n"), &[socket.as_fd()])?;
        }
    }
    let_go_of_what_is_left(prefix)
}

/// Closes what it has kept under names that begin so and nobody has taken: a socket that nobody accepts from would let its clients
/// wait for ever.
fn let_go_of_what_is_left(prefix: &str) -> io::Result<()> {
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
