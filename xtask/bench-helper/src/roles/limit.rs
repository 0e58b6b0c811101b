//! The limit programs: for each case the best system calls that are known, and nothing else.
//!
//! No option, no report, no timer, no care for what may go wrong: what a tool takes longer is the price of its care.

use super::{echo, moving, net};
use anyhow::{Result, bail};
use rustix::net::{RecvFlags, SendFlags, Shutdown, recv, send, shutdown};
use rustix::stdio::{stdin, stdout};
use std::os::fd::{AsFd, OwnedFd};

pub(crate) fn run(case: &str, endpoint: &str) -> Result<()> {
    if case == "echo" {
        return echo::serve(endpoint);
    }
    let socket = net::connect(endpoint)?;
    match case {
        "file-to-socket" | "unix-file-to-socket" => {
            moving::file_to(stdin(), &socket)?;
            end_sending(&socket)?;
            moving::discard(&socket)?;
        }
        "pipe-to-socket" => {
            moving::enlarge(stdin());
            moving::splice_all(stdin(), &socket)?;
            end_sending(&socket)?;
            moving::discard(&socket)?;
        }
        "socket-to-file" => {
            end_sending(&socket)?;
            moving::splice_through(&socket, stdout())?;
        }
        "socket-to-pipe" => {
            end_sending(&socket)?;
            net::receive_in_mouthfuls(&socket)?;
            moving::enlarge(stdout());
            moving::splice_all(&socket, stdout())?;
        }
        "socket-to-null" => {
            end_sending(&socket)?;
            net::receive_in_mouthfuls(&socket)?;
            moving::discard(&socket)?;
        }
        "full-duplex" => full_duplex(&socket)?,
        "tiny" => tiny(&socket)?,
        other => bail!("there is no limit program for {other:?}"),
    }
    Ok(())
}

fn end_sending(socket: &OwnedFd) -> Result<()> {
    Ok(shutdown(socket, Shutdown::Write)?)
}

/// Two threads, because the two directions share nothing.
fn full_duplex(socket: &OwnedFd) -> Result<()> {
    std::thread::scope(|scope| {
        let up = scope.spawn(|| {
            moving::file_to(stdin(), socket)?;
            end_sending(socket)
        });
        moving::splice_through(socket, stdout())?;
        up.join().unwrap_or_else(|_| bail!("the sending thread panicked"))
    })
}

fn tiny(socket: &OwnedFd) -> Result<()> {
    let mut room = [0; 4096];
    loop {
        let n = rustix::io::read(stdin(), &mut room)?;
        if n == 0 {
            break;
        }
        send(socket.as_fd(), &room[..n], SendFlags::NOSIGNAL)?;
    }
    end_sending(socket)?;
    loop {
        let (n, _) = recv(socket, &mut room[..], RecvFlags::empty())?;
        if n == 0 {
            return Ok(());
        }
        rustix::io::write(stdout(), &room[..n])?;
    }
}
