//! The clients and the server of a relay: threads that block, the same for every forwarder.

use super::Case;
use anyhow::{Context, Result, ensure};
use rustix::net::{RecvFlags, recv};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How many clients connect at the same time.
const CLIENTS: usize = 16;

/// What a short connection sends, and gets back.
const SHORT: usize = 200;

/// No read takes longer.
const BOUND: Duration = Duration::from_secs(60);

const PIECE: usize = 256 * 1024;

/// Whom the forwarder connects to. Dropped, it waits until every connection to it has ended: the forwarder must be gone.
pub(super) struct Server {
    pub(super) port: u16,
    listener: Arc<TcpListener>,
    threads: Vec<JoinHandle<()>>,
}

impl Server {
    pub(super) fn start(case: Case) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        rustix::net::listen(&listener, 4096)?;
        let port = listener.local_addr()?.port();
        let listener = Arc::new(listener);
        let idle = Arc::new(Mutex::new(Vec::new()));
        let number = if matches!(case, Case::Short | Case::TlsShort) { CLIENTS } else { 1 };
        let serve_all = |(listener, idle): (Arc<TcpListener>, Arc<Mutex<Vec<TcpStream>>>)| {
            thread::spawn(move || {
                while let Ok((stream, _)) = listener.accept() {
                    // A client that is gone says so itself.
                    let _ = serve(case, stream, &idle);
                }
            })
        };
        let threads = (0..number).map(|_| serve_all((Arc::clone(&listener), Arc::clone(&idle)))).collect();
        Ok(Self { port, listener, threads })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Ends every accept, the present one too.
        let _ = rustix::net::shutdown(&self.listener, rustix::net::Shutdown::Both);
        for thread in self.threads.drain(..) {
            // One that has panicked has said so.
            let _ = thread.join();
        }
    }
}

fn serve(case: Case, mut stream: TcpStream, idle: &Mutex<Vec<TcpStream>>) -> Result<()> {
    match case {
        // The client says how much, in eight bytes; the other direction ends the connection.
        Case::Down | Case::Up | Case::TlsDown => {
            let mut order = [0; 8];
            stream.read_exact(&mut order)?;
            let size = u64::from_be_bytes(order);
            if case == Case::Up {
                receive(&stream)?;
            } else {
                send(&mut stream, size)?;
                stream.shutdown(Shutdown::Write)?;
                receive(&stream)?;
            }
        }
        Case::Short | Case::TlsShort => {
            let mut bytes = [0; SHORT];
            stream.read_exact(&mut bytes)?;
            stream.write_all(&bytes)?;
            let _ = stream.read(&mut bytes)?;
        }
        Case::PingPong | Case::Idle => {
            stream.set_nodelay(true)?;
            let mut byte = [0];
            while stream.read(&mut byte)? == 1 {
                stream.write_all(&byte)?;
                if case == Case::Idle {
                    idle.lock().map_err(|_| anyhow::anyhow!("a thread has panicked"))?.push(stream);
                    break;
                }
            }
        }
    }
    Ok(())
}

fn send(stream: &mut TcpStream, mut size: u64) -> Result<()> {
    let piece = vec![7; PIECE];
    while size > 0 {
        let next = usize::try_from(size).unwrap_or(PIECE).min(PIECE);
        stream.write_all(&piece[..next])?;
        size -= next as u64;
    }
    Ok(())
}

/// Receives to the end, without a copy, and says how much.
fn receive(stream: &TcpStream) -> Result<u64> {
    let mut scratch = vec![0; PIECE];
    let mut size = 0;
    loop {
        let (_, received) = recv(stream, &mut scratch[..], RecvFlags::TRUNC)?;
        if received == 0 {
            return Ok(size);
        }
        size += received as u64;
    }
}

fn connect(port: u16) -> Result<TcpStream> {
    let stream = TcpStream::connect(("127.0.0.1", port)).context("the forwarder does not listen")?;
    stream.set_read_timeout(Some(BOUND))?;
    Ok(stream)
}

/// One stream; the time that it took.
pub(super) fn bulk(port: u16, size: u64, is_up: bool) -> Result<f64> {
    let mut stream = connect(port)?;
    let begin = Instant::now();
    stream.write_all(&size.to_be_bytes())?;
    // Some forwarders drop what comes for a client that has half-closed: only who has sent all ends its side.
    if is_up {
        send(&mut stream, size)?;
        stream.shutdown(Shutdown::Write)?;
    }
    let received = receive(&stream)?;
    ensure!(is_up || received == size, "{received} of {size} bytes came");
    Ok(begin.elapsed().as_secs_f64())
}

/// So many connections; the time that they took together.
pub(super) fn short(port: u16, connections: u64) -> Result<f64> {
    let left = Arc::new(AtomicI64::new(i64::try_from(connections)?));
    let begin = Instant::now();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let left = Arc::clone(&left);
            thread::spawn(move || -> Result<()> {
                let mut bytes = [7; SHORT];
                while left.fetch_sub(1, Ordering::Relaxed) > 0 {
                    let mut stream = connect(port)?;
                    stream.write_all(&bytes)?;
                    stream.read_exact(&mut bytes)?;
                }
                Ok(())
            })
        })
        .collect();
    for client in clients {
        client.join().map_err(|_| anyhow::anyhow!("a client panicked"))??;
    }
    Ok(begin.elapsed().as_secs_f64())
}

/// What the helper, whose clients speak TLS, takes for this: a process of its own, because this one is not built to be fast.
pub(super) fn over_tls(helper: &Path, role: &str, port: u16, amount: u64) -> Result<f64> {
    let begin = Instant::now();
    let status = Command::new(helper).args([role, &port.to_string(), &amount.to_string()]).status()?;
    ensure!(status.success(), "the clients have failed");
    Ok(begin.elapsed().as_secs_f64())
}

/// One byte there and back, so many times; the median of a turn.
pub(super) fn ping_pong(port: u16, turns: u32) -> Result<f64> {
    let mut stream = connect(port)?;
    stream.set_nodelay(true)?;
    let mut byte = [7];
    let mut times = Vec::new();
    for _ in 0..turns {
        let begin = Instant::now();
        stream.write_all(&byte)?;
        stream.read_exact(&mut byte)?;
        times.push(begin.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() / 2])
}

/// So many connections over which a byte has passed each way; they are open as long as this is kept.
pub(super) fn idle(port: u16, pairs: usize) -> Result<Vec<TcpStream>> {
    let mut all = Vec::new();
    for _ in 0..pairs {
        let mut stream = connect(port)?;
        stream.write_all(&[7])?;
        stream.read_exact(&mut [0])?;
        all.push(stream);
    }
    Ok(all)
}
