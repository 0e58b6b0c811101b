//! What a transfer runs over: an adieu connection. In tests, it is anything that fails when it is told to.

use adieu::{Connection, HalfClosed, Interrupt, Report, Signal};
use adieu_os::{AsPollable, Pollable};
use std::io::{self, Read, Write};
use std::time::Duration;

/// A byte stream in both directions, of which ours can be ended while the other goes on.
pub trait Transport {
    /// Receives, and waits until there is something. `Ok(0)` is the peer's EOF.
    ///
    /// # Errors
    ///
    /// The stream has ended otherwise than by EOF.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize>;

    /// Receives, and waits for `limit` at most. `Ok(None)`: nothing came within it.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    fn read_within(&mut self, buffer: &mut [u8], limit: Duration) -> io::Result<Option<usize>>;

    /// Sends all of it.
    ///
    /// # Errors
    ///
    /// The stream has ended. What the peer said before that can still be read.
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Ends our direction.
    ///
    /// # Errors
    ///
    /// The stream has ended already.
    fn shutdown_send(&mut self) -> io::Result<()>;

    /// The signal that ends this stream. `None`: none has come. It is asked for while nothing is read or written.
    fn raised(&self) -> Option<Signal> {
        None
    }

    /// For this time, a signal does not end the stream, so that a last word can be said.
    fn defer_interrupt(&mut self, _: Duration) {}

    /// What to watch beside an input that may be silent. When one is readable, a read does not wait. Where there is nothing to
    /// watch, the peer is looked at ten times per second.
    fn watched(&self) -> Vec<Pollable<'_>> {
        Vec::new()
    }
}

impl<T: Transport + ?Sized> Transport for &mut T {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (**self).read(buffer)
    }

    fn read_within(&mut self, buffer: &mut [u8], limit: Duration) -> io::Result<Option<usize>> {
        (**self).read_within(buffer, limit)
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        (**self).write_all(bytes)
    }

    fn shutdown_send(&mut self) -> io::Result<()> {
        (**self).shutdown_send()
    }

    fn raised(&self) -> Option<Signal> {
        (**self).raised()
    }

    fn defer_interrupt(&mut self, limit: Duration) {
        (**self).defer_interrupt(limit);
    }

    fn watched(&self) -> Vec<Pollable<'_>> {
        (**self).watched()
    }
}

/// An adieu connection as a transport.
#[derive(Debug)]
pub struct Wire {
    state: State,
    interrupt: Option<Interrupt>,
}

#[derive(Debug)]
enum State {
    Open(Connection),
    HalfClosed(HalfClosed),
    /// What the peer had said when shutting down failed, and the report.
    Failed(Vec<u8>, Box<Report>),
    /// Between two states.
    None,
}

impl Wire {
    /// Takes a connection over. The interrupt is the one of the connection's options: a wait for our own input watches it
    /// too. `None`: the options have none.
    pub fn new(connection: Connection, interrupt: Option<&Interrupt>) -> Self {
        Self { state: State::Open(connection), interrupt: interrupt.cloned() }
    }

    /// Closes and reports: gracefully if both sides have ended, and abortively if ours has not. `None`: a call on it has panicked
    /// before, so nothing is known.
    pub fn finish(self) -> Option<Report> {
        match self.state {
            State::Open(connection) => Some(connection.abort()),
            State::HalfClosed(half_closed) => Some(half_closed.close()),
            State::Failed(_, report) => Some(*report),
            State::None => None,
        }
    }

    /// Bytes that were received so far. `None`: it is not known.
    pub fn bytes_received(&self) -> Option<u64> {
        match &self.state {
            State::Open(connection) => Some(connection.counts().received),
            State::HalfClosed(half_closed) => Some(half_closed.counts().received),
            State::Failed(_, report) => Some(report.bytes_received),
            State::None => None,
        }
    }

    /// The peer's address. `None`: it has none, or our side has been shut down.
    pub fn peer_address(&self) -> Option<&adieu::Address> {
        if let State::Open(connection) = &self.state { connection.peer_address() } else { None }
    }
}

impl Transport for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.state {
            State::Open(connection) => connection.read(buffer),
            State::HalfClosed(half_closed) => half_closed.read(buffer),
            State::Failed(received, report) => {
                let n = received.len().min(buffer.len());
                if n == 0 {
                    return Err(report.error_code().map_or_else(
                        || io::ErrorKind::ConnectionAborted.into(),
                        io::Error::from_raw_os_error,
                    ));
                }
                buffer[..n].copy_from_slice(&received[..n]);
                received.drain(..n);
                Ok(n)
            }
            State::None => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    fn read_within(&mut self, buffer: &mut [u8], limit: Duration) -> io::Result<Option<usize>> {
        match &mut self.state {
            State::Open(connection) => connection.read_within(buffer, limit),
            State::HalfClosed(half_closed) => half_closed.read_within(buffer, limit),
            _ => self.read(buffer).map(Some),
        }
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.state {
            State::Open(connection) => connection.write_all(bytes),
            _ => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    fn shutdown_send(&mut self) -> io::Result<()> {
        match std::mem::replace(&mut self.state, State::None) {
            State::Open(connection) => match connection.shutdown_send() {
                Ok(half_closed) => {
                    self.state = State::HalfClosed(half_closed);
                    Ok(())
                }
                Err(error) => {
                    let failed = error.io_error().unwrap_or_else(|| io::ErrorKind::ConnectionAborted.into());
                    let received = error.received().to_vec();
                    self.state = State::Failed(received, Box::new(error.into_report()));
                    Err(failed)
                }
            },
            other => {
                self.state = other;
                Ok(())
            }
        }
    }

    fn raised(&self) -> Option<Signal> {
        self.interrupt.as_ref().and_then(Interrupt::raised)
    }

    fn defer_interrupt(&mut self, limit: Duration) {
        if let State::Open(connection) = &mut self.state {
            connection.defer_interrupt(limit);
        }
    }

    fn watched(&self) -> Vec<Pollable<'_>> {
        let socket = if let State::Open(connection) = &self.state { connection.socket() } else { None };
        socket.into_iter().chain(self.interrupt.as_ref().map(AsPollable::as_pollable)).collect()
    }
}
