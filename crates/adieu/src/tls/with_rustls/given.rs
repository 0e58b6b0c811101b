//! A connection of rustls that a program has made itself, as a session of the [engine](super::engine).
//!
//! The engine speaks rustls's unbuffered API, which such a connection does not have. Here one turn is made with its buffers:
//! what rustls has encrypted goes where the engine sends from, and what it has decrypted goes to the caller. What stands in
//! its buffers when it is taken over counts like what comes later.
//!
//! rustls does not tell whether it holds a part of a record. So at first it is given octet after octet, until one makes it
//! decrypt something: there a record ends. From then on it is given whole records, and what is left here is a part of one.

use super::turn::{Job, RECORD, RecordSink, Store, Turn};
use rustls::{Connection, Error};
use std::io::{Read, Write};

pub(super) struct Given {
    pub(super) connection: Connection,
    /// The engine was told of the peer's close_notify.
    end_is_told: bool,
    /// It is known that rustls holds no part of a record.
    pub(super) is_aligned: bool,
}

/// The header of a record: its type, its version and its length (RFC 8446, section 5.1).
const HEADER: usize = 5;
/// How long the rest of a record may be: RFC 5246, section 6.2.3, which allows more than TLS 1.3 does.
const LONGEST: usize = RECORD + 2048;

impl Given {
    pub(super) fn new(connection: Connection) -> Self {
        Self { connection, end_is_told: false, is_aligned: false }
    }

    pub(super) fn turn(&mut self, incoming: &mut Store, sink: &mut RecordSink<'_>, job: Job<'_>) -> Turn {
        let connection = &mut self.connection;
        if connection.wants_write() {
            return sink.take_encrypted(connection, 0).map_or_else(Turn::Failed, |()| Turn::Again);
        }
        let processed = connection.process_new_packets();
        // Bytes stand before an error or an end in the stream.
        if sink.take_decrypted(connection) {
            return Turn::Again;
        }
        if sink.is_full() {
            return Turn::Full;
        }
        let state = match processed {
            Ok(state) => state,
            Err(error) => return Turn::Failed(error),
        };
        if state.peer_has_closed() {
            if !std::mem::replace(&mut self.end_is_told, true) {
                return Turn::PeerClosed;
            }
        } else if let Some(next) = next(incoming.filled(), self.is_aligned) {
            return self.give(next, incoming);
        }
        let connection = &mut self.connection;
        match job {
            Job::Nothing => Turn::Done(0),
            Job::CloseNotify => {
                // Nothing, if the program has sent it.
                connection.send_close_notify();
                sink.take_encrypted(connection, 0).map_or_else(Turn::Failed, |()| Turn::Done(0))
            }
            Job::Seal(bytes) => {
                let mut done = 0;
                for piece in bytes.chunks(RECORD) {
                    let n = match connection.writer().write(piece) {
                        Ok(n) => n,
                        Err(error) => return Turn::Failed(Error::General(error.to_string())),
                    };
                    if let Err(error) = sink.take_encrypted(connection, n) {
                        return Turn::Failed(error);
                    }
                    done += n;
                    if n < piece.len() {
                        // The program has set a limit of its own.
                        break;
                    }
                }
                Turn::Done(done)
            }
        }
    }

    /// Gives rustls the next octets to decrypt.
    fn give(&mut self, next: usize, incoming: &mut Store) -> Turn {
        let mut octets = &incoming.filled()[..next];
        while !octets.is_empty() {
            // It takes something whenever it has processed what it took before.
            match self.connection.read_tls(&mut octets) {
                Ok(n) if n > 0 => {}
                Ok(_) => return Turn::Failed(Error::General("rustls takes no more octets".into())),
                Err(error) => return Turn::Failed(Error::General(error.to_string())),
            }
            let processed = self.connection.process_new_packets();
            self.is_aligned |= processed.is_ok_and(|state| state.plaintext_bytes_to_read() > 0);
        }
        incoming.consume(next);
        Turn::Again
    }
}

/// How many of these octets rustls is given next. `None`: none, because they are no whole record.
fn next(octets: &[u8], is_aligned: bool) -> Option<usize> {
    if !is_aligned {
        return (!octets.is_empty()).then_some(1);
    }
    let (header, _) = octets.split_at_checked(HEADER)?;
    let length = usize::from(u16::from_be_bytes([header[3], header[4]]));
    // rustls refuses one that is too long for what its header says.
    let next = if length > LONGEST { HEADER } else { HEADER + length };
    (octets.len() >= next).then_some(next)
}

impl RecordSink<'_> {
    /// Takes what rustls has encrypted, which holds so many bytes of the application that were not counted yet.
    fn take_encrypted(&mut self, connection: &mut Connection, bytes: usize) -> Result<(), Error> {
        let mut octets = 0;
        while connection.wants_write() {
            let mut room = self.outgoing.room(RECORD);
            match connection.write_tls(&mut room) {
                Ok(n) if n > 0 => {
                    self.outgoing.grow(n);
                    octets += n;
                }
                _ => return Err(Error::EncryptError),
            }
        }
        if octets > 0 {
            self.ledger.encrypted(octets, bytes);
        }
        Ok(())
    }

    /// Takes what rustls has decrypted, as far as there is room. False: there is nothing, or no room.
    fn take_decrypted(&mut self, connection: &mut Connection) -> bool {
        let mut reader = connection.reader();
        // An error says that there is nothing now, and why is asked elsewhere.
        let n = reader.read(&mut self.into[self.put..]).unwrap_or_default();
        self.put += n;
        if n > 0 {
            return true;
        }
        let Some(spill) = &mut self.spill else { return false };
        let before = spill.len();
        // All of it, up to the error that says that there is nothing more now.
        let _ = reader.read_to_end(spill);
        spill.len() > before
    }

    /// Whether nothing can be taken that would be decrypted.
    fn is_full(&self) -> bool {
        self.put == self.into.len() && self.spill.is_none()
    }
}
