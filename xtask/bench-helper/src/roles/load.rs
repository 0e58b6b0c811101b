//! Many clients at once, in one thread: each sends an amount, half-closes, and gets the same amount back.

use super::{net, now};
use anyhow::{Context, Result, bail};
use rustix::event::{Timespec, epoll};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, Shutdown, recv, send, shutdown};
use std::os::fd::OwnedFd;

/// What one client does per turn, so that a fast one does not hold up the others.
const TURN: usize = 256 * 1024;

struct Client {
    socket: OwnedFd,
    to_send: u64,
    received: u64,
    ended: bool,
}

pub(crate) fn run(port: &str, clients: &str, amount: &str) -> Result<()> {
    let number: usize = clients.parse().context("the number of clients")?;
    let amount: u64 = amount.parse().context("the amount")?;
    let began = now();
    let queue = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    let mut clients = Vec::with_capacity(number);
    for index in 0..number {
        let socket = net::connect(port).with_context(|| format!("client {index} cannot connect"))?;
        rustix::io::ioctl_fionbio(&socket, true)?;
        clients.push(Client { socket, to_send: amount, received: 0, ended: false });
    }
    // All are connected before the first one sends: they are there at once.
    for (index, client) in clients.iter().enumerate() {
        epoll::add(&queue, &client.socket, token(index), epoll::EventFlags::IN | epoll::EventFlags::OUT)?;
    }
    exchange(&queue, &mut clients, amount)?;
    let received: u64 = clients.iter().map(|client| client.received).sum();
    eprintln!("done 1 received {received} sent {} began {began} end {}", amount * number as u64, now());
    Ok(())
}

fn token(index: usize) -> epoll::EventData {
    epoll::EventData::new_u64(index as u64)
}

fn exchange(queue: &OwnedFd, clients: &mut [Client], amount: u64) -> Result<()> {
    let limit = Timespec::try_from(net::PATIENCE)?;
    let bytes = vec![b'a'; TURN];
    let mut room = vec![0; TURN];
    let mut events = Vec::with_capacity(256);
    let mut left = clients.len();
    while left > 0 {
        epoll::wait(queue, rustix::buffer::spare_capacity(&mut events), Some(&limit))?;
        if events.is_empty() {
            bail!("stalled: {left} of {} clients are not finished", clients.len());
        }
        for event in events.drain(..) {
            let index = usize::try_from(event.data.u64())?;
            let client = &mut clients[index];
            if client.ended {
                continue;
            }
            client.receive(&mut room, amount).with_context(|| format!("client {index}"))?;
            if client.ended {
                left -= 1;
                epoll::delete(queue, &client.socket)?;
            } else if client.to_send > 0 {
                client.send(&bytes).with_context(|| format!("client {index}"))?;
                if client.to_send == 0 {
                    epoll::modify(queue, &client.socket, token(index), epoll::EventFlags::IN)?;
                }
            }
        }
    }
    Ok(())
}

impl Client {
    fn receive(&mut self, room: &mut [u8], amount: u64) -> Result<()> {
        match recv(&self.socket, room, RecvFlags::TRUNC) {
            Ok((_, 0)) if self.received == amount => self.ended = true,
            Ok((_, 0)) => bail!("truncated: {} of {amount} bytes came back", self.received),
            Ok((_, n)) => self.received += n as u64,
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(error) => bail!("receiving after {} of {amount} bytes: {error}", self.received),
        }
        Ok(())
    }

    fn send(&mut self, bytes: &[u8]) -> Result<()> {
        let n = usize::try_from(self.to_send).map_or(bytes.len(), |n| n.min(bytes.len()));
        match send(&self.socket, &bytes[..n], SendFlags::NOSIGNAL) {
            Ok(n) => self.to_send -= n as u64,
            Err(Errno::AGAIN | Errno::INTR) => return Ok(()),
            Err(error) => bail!("sending, {} bytes before the end: {error}", self.to_send),
        }
        if self.to_send == 0 {
            shutdown(&self.socket, Shutdown::Write)?;
        }
        Ok(())
    }
}
