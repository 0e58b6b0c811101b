//! Passing a connected socket to whoever reads our stdout: OpenBSD's `-F`, for ssh's `ProxyUseFdpass`.

use adieu::OwnedSocket;
use std::io;

/// Sends the socket over stdout, which has to be a Unix socket, with one byte.
///
/// Source: unix(7), SCM_RIGHTS.
#[cfg(unix)]
pub(super) fn over_stdout(socket: &OwnedSocket) -> io::Result<()> {
    use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
    use std::io::IoSlice;
    use std::mem::MaybeUninit;
    use std::os::fd::AsFd;

    crate::os::check_standard(crate::os::Standard::Output)?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    let sockets = [socket.as_fd()];
    let is_in = ancillary.push(SendAncillaryMessage::ScmRights(&sockets));
    // Without it, the reader would get a byte, and no socket.
    assert!(is_in, "the space is that of one socket");
    // SIGPIPE is ignored in every program of Rust.
    rustix::io::retry_on_intr(|| {
        sendmsg(rustix::stdio::stdout(), &[IoSlice::new(&[0])], &mut ancillary, SendFlags::empty())
    })?;
    Ok(())
}

/// Windows passes sockets otherwise.
#[cfg(windows)]
pub(super) fn over_stdout(_: &OwnedSocket) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
