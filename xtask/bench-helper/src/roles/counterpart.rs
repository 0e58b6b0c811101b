//! The other side of every measured tool: always the same, and with the fastest calls, so that it is not what is
//! measured.

use super::{moving, net, now};
use anyhow::{Context, Result, bail};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, Shutdown, recv, send, shutdown};
use rustix::stdio::{stdin, stdout};
use std::fs::{File, OpenOptions};
use std::os::fd::{AsFd, OwnedFd};

/// The length of the tiny exchange's request and of its answer.
const TINY: usize = 14;

/// When the counterpart ends its own side.
enum End {
    /// When the tool has ended its side: what a program of this world does.
    AtEof,
    /// When so many bytes have come: for a tool that never half-closes, and would wait for ever.
    After(u64),
}

fn end(word: &str) -> Result<End> {
    match word {
        "eof" => Ok(End::AtEof),
        number => Ok(End::After(number.parse().with_context(|| format!("{number:?} is no end"))?)),
    }
}

/// Accepts one connection, sends a file if there is one (`-`: none), receives everything, and says how much.
pub(crate) fn peer(endpoint: &str, file: &str, word: &str) -> Result<()> {
    let end = end(word)?;
    let file = if file == "-" { None } else { Some(File::open(file).context("the file to send")?) };
    let (listener, port) = net::listen(endpoint)?;
    eprintln!("port {port}");
    let socket = net::accept(&listener)?;
    let (sent, received) = std::thread::scope(|scope| -> Result<_> {
        let up = file.as_ref().map(|file| {
            scope.spawn(|| -> Result<u64> {
                let sent = moving::file_to(file.as_fd(), &socket)?;
                shutdown(&socket, Shutdown::Write)?;
                Ok(sent)
            })
        });
        let received = receive(&socket, &end, file.is_none());
        let sent = match up.map(std::thread::ScopedJoinHandle::join) {
            None => 0,
            Some(Ok(sent)) => sent.context("sending")?,
            Some(Err(_)) => bail!("the sending thread panicked"),
        };
        Ok((sent, received.context("receiving")?))
    })?;
    drop(socket);
    eprintln!("done 1 received {received} sent {sent} end {}", now());
    Ok(())
}

fn receive(socket: &OwnedFd, end: &End, alone: bool) -> Result<u64> {
    match end {
        End::AtEof => discard(socket),
        End::After(wanted) => {
            let mut room = vec![0; moving::PIECE];
            let mut sum = 0;
            while sum < *wanted {
                match recv(socket, room.as_mut_slice(), RecvFlags::TRUNC)?.1 {
                    0 => return Ok(sum),
                    n => sum += n as u64,
                }
            }
            if alone {
                shutdown(socket, Shutdown::Write)?;
            }
            Ok(sum + discard(socket)?)
        }
    }
}

/// Only TCP throws away without a copy; from a Unix socket, splicing to /dev/null measured fastest.
fn discard(socket: &OwnedFd) -> Result<u64> {
    if rustix::net::sockopt::socket_domain(socket)? == AddressFamily::INET {
        return moving::discard(socket);
    }
    moving::splice_through(socket, null()?)
}

fn null() -> Result<File> {
    OpenOptions::new().write(true).open("/dev/null").context("/dev/null")
}

/// Answers tiny requests, one connection after another, until it is killed.
pub(crate) fn answer(endpoint: &str, word: &str) -> Result<()> {
    let end = end(word)?;
    let (listener, port) = net::listen(endpoint)?;
    eprintln!("port {port}");
    loop {
        let socket = net::accept(&listener)?;
        // A tool that ends badly is found out by what it leaves at its output.
        let _ = answer_one(&socket, &end);
    }
}

fn answer_one(socket: &OwnedFd, end: &End) -> Result<()> {
    let mut room = [0; 4096];
    let mut sum = 0;
    loop {
        let (n, _) = recv(socket, &mut room[..], RecvFlags::empty())?;
        sum += n;
        match end {
            End::AtEof if n > 0 => {}
            End::After(wanted) if n > 0 && (sum as u64) < *wanted => {}
            _ => break,
        }
    }
    if sum == TINY {
        send(socket, &room[..TINY], SendFlags::NOSIGNAL)?;
    }
    shutdown(socket, Shutdown::Write)?;
    if let End::After(_) = end {
        discard(socket)?;
    }
    Ok(())
}

/// Feeds a pipe from a file.
pub(crate) fn feed(file: &str) -> Result<()> {
    let file = File::open(file).context("the file to feed")?;
    let fed = moving::file_to(file.as_fd(), stdout())?;
    eprintln!("done 1 received 0 sent {fed} end {}", now());
    Ok(())
}

/// Empties a pipe to its end.
pub(crate) fn empty() -> Result<()> {
    let emptied = moving::splice_all(stdin(), null()?)?;
    eprintln!("done 1 received {emptied} sent 0 end {}", now());
    Ok(())
}
