//! Waits that are bounded, and how a socket is cut: what most tests on sockets need.

use socket2::SockRef;
use std::io::{ErrorKind, Read};
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
    use std::io::Write;

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
}
