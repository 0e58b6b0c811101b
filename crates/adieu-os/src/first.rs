//! The first bytes of an input, read before there is a connection, so that they can go with a SYN (Fast Open).

use crate::ends::Input;
use crate::{AsPollable, WaitEnd};
use std::io;
use std::time::{Duration, Instant};

impl Input {
    /// Reads once, at most so many bytes, and waits for them at most so long, or until `interrupt` is
    /// readable. Returns what was read, and the input that has the rest.
    ///
    /// Nothing was read if it has ended, or was silent for so long.
    ///
    /// # Errors
    ///
    /// It cannot be read.
    pub fn read_first(
        mut self,
        limit: usize,
        patience: Duration,
        interrupt: Option<&impl AsPollable>,
    ) -> io::Result<(Vec<u8>, Self)> {
        let began = Instant::now();
        let mut first = vec![0; limit];
        loop {
            let left = patience.saturating_sub(began.elapsed());
            let others: Vec<_> = interrupt.iter().map(|interrupt| interrupt.as_pollable()).collect();
            match self.wait(&others, left)? {
                WaitEnd::Ready => {}
                WaitEnd::TimeOver if !left.is_zero() => continue,
                WaitEnd::TimeOver | WaitEnd::Other => return Ok((Vec::new(), self)),
            }
            match self.read(&mut first) {
                // A terminal tells its end once.
                Ok(0) => return Ok((Vec::new(), Self::empty())),
                Ok(n) => {
                    first.truncate(n);
                    return Ok((first, self));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }
}
