//! Waits that are bounded, how a socket is cut, and how much is sent from one that blocks: what most tests on sockets need.

use socket2::SockRef;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// No wait of a test is longer.
pub const BOUND: Duration = Duration::from_secs(60);

/// Waits for what nothing wakes anybody for: a file's name, another process's state, what a thread has noted.
///
/// # Panics
///
/// If it is not so within [`BOUND`], with these words.
pub fn until(otherwise: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < BOUND, "not in time: {otherwise}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The same stream, on which no read and no write takes longer than [`BOUND`].
///
/// # Panics
///
/// If the socket takes no time limit.
pub fn patient(stream: TcpStream) -> TcpStream {
    stream.set_read_timeout(Some(BOUND)).expect("not zero");
    stream.set_write_timeout(Some(BOUND)).expect("not zero");
    stream
}

/// Whether the next that comes is the peer's reset: no byte, and no EOF.
pub fn is_reset(mut stream: &TcpStream) -> bool {
    stream.read(&mut [0]).is_err_and(|error| error.kind() == ErrorKind::ConnectionReset)
}

/// A socket that blocks, and from which more is sent than buffers hold.
///
/// Under Wine 8 a send that waits for room returns 0, and has sent nothing, when another thread waits to receive on the same socket
/// and the other side's FIN comes, although that ends the other direction only. There it is asked again.
#[derive(Debug)]
pub struct Sending<S>(pub S);

impl<S: Write> Write for Sending<S> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        loop {
            match self.0.write(bytes) {
                Ok(0) if !bytes.is_empty() && crate::scenario::is_wine() => {}
                result => return result,
            }
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

/// Closes it by an RST. What was sent and is not acknowledged is thrown away.
///
/// # Panics
///
/// If the system refuses SO_LINGER.
pub fn reset(stream: TcpStream) {
    SockRef::from(&stream).set_linger(Some(Duration::ZERO)).expect("it can be set");
    drop(stream);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::places::listener;
    use std::net::Shutdown;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[test]
    fn a_reset_is_told_from_a_byte_and_from_an_end() {
        let listener = listener();
        let at = listener.local_addr().expect("bound");
        let pair = || {
            let client = patient(TcpStream::connect(at).expect("it listens"));
            (client, listener.accept().expect("a client").0)
        };
        let (client, server) = pair();
        reset(server);
        // Wine shows an end in place of a reset.
        assert!(is_reset(&client) || crate::scenario::is_wine());
        let (client, server) = pair();
        drop(server);
        assert!(!is_reset(&client));
        let (client, mut server) = pair();
        server.write_all(b"x").expect("there is room");
        assert!(!is_reset(&client));
    }

    #[test]
    fn a_fin_that_comes_while_a_send_waits_does_not_end_it() {
        const PIECES: u64 = 2_000;
        // Several, so that one of them finds no room at all.
        let piece = [0; 10_000];
        let listener = listener();
        let sender = TcpStream::connect(listener.local_addr().expect("bound")).expect("it listens");
        let (taker, _) = listener.accept().expect("it has connected");
        // The FIN is waited for meanwhile.
        let reader = sender.try_clone().expect("a descriptor");
        let reading = std::thread::spawn(move || (&reader).read(&mut [0]));
        let begun = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&begun);
        let sending = std::thread::spawn(move || {
            let mut sender = Sending(&sender);
            for _ in 0..PIECES {
                count.fetch_add(1, Ordering::Relaxed);
                sender.write_all(&piece)?;
            }
            std::io::Result::Ok(())
        });
        // Nobody takes anything, so it stops once both buffers are full.
        let mut last = (0, Instant::now());
        until("a send that waits", || {
            let now = begun.load(Ordering::Relaxed);
            if now != last.0 {
                last = (now, Instant::now());
            }
            now > 0 && last.1.elapsed() >= Duration::from_millis(100)
        });
        taker.shutdown(Shutdown::Write).expect("connected");
        assert_eq!(reading.join().expect("no panic").expect("no reset"), 0);
        let n = std::io::copy(&mut &taker, &mut std::io::sink()).expect("no reset");
        assert_eq!(n, PIECES * piece.len() as u64);
        sending.join().expect("no panic").expect("it is all taken");
    }
}
