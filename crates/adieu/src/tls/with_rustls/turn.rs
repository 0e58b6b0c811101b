//! One turn of a session: what is wanted of it, what it came to, and where its octets and bytes go. Here is what a turn of
//! rustls's unbuffered API means.

use super::ledger::Ledger;
use rustls::Error;
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncryptError, InsufficientSizeError, UnbufferedStatus,
};

/// The bytes of the application in one record, at most (RFC 8446, section 5.1).
pub(super) const RECORD: usize = 16 * 1024;
/// More than any record adds to them.
pub(super) const OVERHEAD: usize = 256;

/// Octets that wait, and room for more.
pub(super) struct Store {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl Store {
    pub(super) fn new(capacity: usize) -> Self {
        Self { bytes: vec![0; capacity], start: 0, end: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    pub(super) fn filled(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    pub(super) fn filled_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start..self.end]
    }

    /// The room that there is now.
    pub(super) fn free(&self) -> &[u8] {
        &self.bytes[self.end..]
    }

    /// So many octets were put into the room.
    pub(super) fn grow(&mut self, n: usize) {
        self.end += n;
    }

    pub(super) fn move_to_front(&mut self) {
        self.bytes.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
    }

    pub(super) fn consume(&mut self, n: usize) {
        self.start += n;
        if self.is_empty() {
            (self.start, self.end) = (0, 0);
        }
    }

    /// Room for so many more octets at least.
    pub(super) fn room(&mut self, least: usize) -> &mut [u8] {
        if self.bytes.len() - self.end < least {
            self.move_to_front();
            let needed = self.end + least;
            if self.bytes.len() < needed {
                self.bytes.resize(needed, 0);
            }
        }
        &mut self.bytes[self.end..]
    }
}

/// What is wanted of a session once it can seal.
#[derive(Clone, Copy)]
pub(super) enum Job<'a> {
    Nothing,
    Seal(&'a [u8]),
    CloseNotify,
}

/// What a turn of a session came to.
pub(super) enum Turn {
    /// Something was done; there may be more.
    Again,
    /// The next record does not fit where it is to go.
    Full,
    /// Nothing more can be opened.
    NeedsInput,
    /// The job is done; so many bytes were sealed.
    Done(usize),
    PeerClosed,
    Failed(Error),
}

/// Where things of one turn go.
pub(super) struct RecordSink<'a> {
    pub(super) outgoing: &'a mut Store,
    pub(super) ledger: &'a mut Ledger,
    /// Opened bytes go here, as far as there is room for whole records; else into the spill, if there is one.
    pub(super) into: &'a mut [u8],
    pub(super) put: usize,
    pub(super) spill: Option<&'a mut Vec<u8>>,
}

impl RecordSink<'_> {
    pub(super) fn handle<Data>(
        &mut self,
        status: UnbufferedStatus<'_, '_, Data>,
        job: Job<'_>,
    ) -> (usize, Turn) {
        let mut discard = status.discard;
        let turn = match status.state {
            Err(error) => Turn::Failed(error),
            Ok(ConnectionState::ReadTraffic(mut traffic)) => loop {
                let Some(length) = traffic.peek_len() else { break Turn::Again };
                let fits = length.get() <= self.into.len() - self.put;
                if !fits && self.spill.is_none() {
                    break Turn::Full;
                }
                match traffic.next_record() {
                    None => break Turn::Again,
                    Some(Err(error)) => break Turn::Failed(error),
                    Some(Ok(record)) => {
                        discard += record.discard;
                        self.take(record.payload, fits);
                    }
                }
            },
            Ok(ConnectionState::EncodeTlsData(mut data)) => {
                let encoded = self.write(0, |room| match data.encode(room) {
                    Ok(n) => Ok(n),
                    Err(EncodeError::InsufficientSize(size)) => Err(Some(size)),
                    Err(EncodeError::AlreadyEncoded) => Err(None),
                });
                encoded.map_or_else(Turn::Failed, |()| Turn::Again)
            }
            // It is kept until it is sent, so for rustls it is as good as sent.
            Ok(ConnectionState::TransmitTlsData(data)) => {
                data.done();
                Turn::Again
            }
            Ok(ConnectionState::BlockedHandshake | ConnectionState::Closed) => Turn::NeedsInput,
            Ok(ConnectionState::PeerClosed) => Turn::PeerClosed,
            Ok(ConnectionState::WriteTraffic(mut traffic)) => match job {
                Job::Nothing => Turn::Done(0),
                Job::CloseNotify => {
                    let sealed =
                        self.write(0, |room| traffic.queue_close_notify(room).map_err(|e| too_small(&e)));
                    sealed.map_or_else(Turn::Failed, |()| Turn::Done(0))
                }
                Job::Seal(bytes) => {
                    let mut done = 0;
                    for record in bytes.chunks(RECORD) {
                        match self.write(record.len(), |room| {
                            traffic.encrypt(record, room).map_err(|e| too_small(&e))
                        }) {
                            Ok(()) => done += record.len(),
                            Err(error) => return (discard, Turn::Failed(error)),
                        }
                    }
                    Turn::Done(done)
                }
            },
            // Early data is not offered.
            Ok(_) => Turn::Failed(Error::General("a state that this version does not know".into())),
        };
        (discard, turn)
    }

    fn take(&mut self, payload: &[u8], fits: bool) {
        if fits {
            self.into[self.put..self.put + payload.len()].copy_from_slice(payload);
            self.put += payload.len();
        } else if let Some(spill) = &mut self.spill {
            spill.extend_from_slice(payload);
        }
    }

    /// Lets `write` put a record with so many bytes of the application where it will be sent from.
    fn write(
        &mut self,
        bytes: usize,
        mut write: impl FnMut(&mut [u8]) -> Result<usize, Option<InsufficientSizeError>>,
    ) -> Result<(), Error> {
        let mut least = bytes + OVERHEAD;
        // rustls says how much it needs; a second answer that differs would be a bug of its own.
        for _ in 0..2 {
            match write(self.outgoing.room(least)) {
                Ok(n) => {
                    self.outgoing.grow(n);
                    self.ledger.encrypted(n, bytes);
                    return Ok(());
                }
                Err(Some(size)) => least = size.required_size,
                Err(None) => break,
            }
        }
        Err(Error::EncryptError)
    }
}

fn too_small(error: &EncryptError) -> Option<InsufficientSizeError> {
    match error {
        EncryptError::InsufficientSize(size) => Some(*size),
        EncryptError::EncryptExhausted => None,
    }
}
