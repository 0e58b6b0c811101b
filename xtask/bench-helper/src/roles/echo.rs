//! The limit program of the echo case: a thread for each connection, which splices through a pipe.

use super::{moving, net};
use anyhow::Result;
use rustix::net::{Shutdown, accept, shutdown};
use std::os::fd::OwnedFd;

/// Serves until it is killed.
pub(crate) fn serve(endpoint: &str) -> Result<()> {
    let (listener, _) = net::listen(endpoint)?;
    loop {
        let connection = accept(&listener)?;
        std::thread::Builder::new().stack_size(64 * 1024).spawn(move || echo(&connection))?;
    }
}

fn echo(connection: &OwnedFd) {
    // A client that fails is counted where it runs.
    if moving::splice_through(connection, connection).is_ok() {
        let _ = shutdown(connection, Shutdown::Write);
    }
}
