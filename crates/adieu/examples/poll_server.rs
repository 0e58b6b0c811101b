//! A server with an event loop of its own: it greets each client, and finishes every connection on one thread.
//!
//! ```console
//! $ cargo run -p adieu --example poll_server
//! ```

#![expect(clippy::print_stdout, reason = "an example tells what it does")]

use adieu::{Finish, Finisher, FinisherWaits, Progress};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use std::io::{self, ErrorKind, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:7007".to_owned());
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    println!("listening on {}", listener.local_addr()?);

    // A client that never ends its side is reset after 20 s of silence.
    let finish = Finish::new().idle_timeout(Duration::from_secs(20));
    let mut open: Vec<Finisher<TcpStream>> = Vec::new();
    loop {
        // Each goes as far as it can. None of them blocks.
        let now = Instant::now();
        open.retain_mut(|finisher| match finisher.advance(now) {
            Progress::Finished(report) => {
                println!("{report}");
                false
            }
            Progress::Waiting => true,
        });
        if wait(&listener, &open)?
            && let Some(stream) = greet(&listener)?
        {
            match Finisher::begin(stream, &finish) {
                Ok(finisher) => open.push(finisher),
                Err(error) => println!("{error}"),
            }
        }
    }
}

/// Waits until one of them can go on. True: somebody may have connected.
fn wait(listener: &TcpListener, open: &[Finisher<TcpStream>]) -> io::Result<bool> {
    // Asked anew for each wait: what to wait on can be another descriptor than before.
    let waits: Vec<FinisherWaits<'_>> = open.iter().map(Finisher::waits).collect();
    let mut watched = vec![PollFd::new(listener, PollFlags::IN)];
    watched.extend(waits.iter().filter_map(|waits| {
        let mut events = PollFlags::empty();
        events.set(PollFlags::IN, waits.readable);
        events.set(PollFlags::OUT, waits.writable);
        Some(PollFd::from_borrowed_fd(waits.on?, events))
    }));
    let until = waits.iter().filter_map(|waits| waits.until).min();
    let left = until.map(|until| until.saturating_duration_since(Instant::now()));
    let left = left.map(|left| Timespec::try_from(left).expect("a finisher has no bound of centuries"));
    match poll(&mut watched, left.as_ref()) {
        Ok(_) => Ok(!watched[0].revents().is_empty()),
        Err(Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Accepts a client and says everything that there is to say to it. `None`: there is nobody to finish with.
fn greet(listener: &TcpListener) -> io::Result<Option<TcpStream>> {
    let mut stream = match listener.accept() {
        Ok((stream, _)) => stream,
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::ConnectionAborted) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    // So short a text always fits into the send buffer of a new connection.
    Ok(stream.write_all(b"hello\n").is_ok().then_some(stream))
}
