//! Ends of an exchange that the program itself is: its memory, its readers, and its writers.
//!
//! They are the same on every system. What is an open file is each system's own, and `both_ends` makes inputs and outputs of both.

use crate::Watch;
use crate::worker::{Reader, Writer};
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

/// Where bytes come from that the program has.
pub(crate) enum Given {
    Bytes { bytes: Vec<u8>, taken: usize },
    Reader(Reader),
}

impl Given {
    /// Whether it may be read now.
    pub(crate) fn is_ready(&self) -> bool {
        match self {
            Self::Bytes { .. } => true,
            Self::Reader(reader) => reader.is_ready(),
        }
    }

    /// What to wait for until it may be read.
    pub(crate) fn watch(&self) -> Watch<'_> {
        match self {
            Self::Bytes { .. } => Watch::none(),
            Self::Reader(reader) => Watch::new(reader.pollable(), true, false),
        }
    }

    /// Reads. `WouldBlock`: there is nothing now.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Bytes { bytes, taken } => {
                let n = buffer.len().min(bytes.len() - *taken);
                buffer[..n].copy_from_slice(&bytes[*taken..*taken + n]);
                *taken += n;
                Ok(n)
            }
            Self::Reader(reader) => reader.read(buffer),
        }
    }
}

/// Where bytes go that the program takes.
pub(crate) enum Taken {
    Memory {
        bytes: Arc<Mutex<Vec<u8>>>,
        limit: Option<usize>,
    },
    Writer {
        writer: Writer,
        /// How it has failed.
        failed: Option<io::ErrorKind>,
    },
}

impl Taken {
    /// Whether it may be written to now.
    pub(crate) fn is_ready(&self) -> bool {
        match self {
            Self::Memory { .. } => true,
            Self::Writer { writer, .. } => writer.is_ready(),
        }
    }

    /// Whether it was ended, and has still something to do.
    pub(crate) fn is_ending(&self) -> bool {
        matches!(self, Self::Writer { writer, .. } if writer.is_ending())
    }

    /// What to wait for until it may be written to, or has ended.
    pub(crate) fn watch(&self) -> Watch<'_> {
        match self {
            Self::Memory { .. } => Watch::none(),
            Self::Writer { writer, .. } => Watch::new(writer.pollable(), true, false),
        }
    }

    /// Writes. `WouldBlock`: it is not finished, and is to be asked again with the same bytes.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Writer { failed: Some(kind), .. } => Err((*kind).into()),
            Self::Writer { writer, failed } => {
                let result = writer.write(bytes);
                let kind = result.as_ref().err().map(io::Error::kind);
                *failed = kind.filter(|kind| *kind != io::ErrorKind::WouldBlock);
                result
            }
            Self::Memory { bytes: taken, limit } => {
                let mut taken = taken.lock().unwrap_or_else(PoisonError::into_inner);
                let room = limit.map_or(usize::MAX, |limit| limit.saturating_sub(taken.len()));
                let n = bytes.len().min(room);
                if n == 0 {
                    let text = format!("more than {} bytes were received", taken.len());
                    return Err(io::Error::new(io::ErrorKind::FileTooLarge, text));
                }
                taken.extend_from_slice(&bytes[..n]);
                Ok(n)
            }
        }
    }

    /// The peer has ended, and everything is written. `WouldBlock`: it still writes out what it held back.
    pub(crate) fn end(&mut self) -> io::Result<()> {
        match self {
            // One that has failed wanted no more, which is no failure: otherwise nobody would end it.
            Self::Memory { .. } | Self::Writer { failed: Some(_), .. } => Ok(()),
            Self::Writer { writer, .. } => writer.end(),
        }
    }
}

/// The bytes that an output [in memory](crate::ends::Output::to_vec) has taken.
///
/// Whether they are all that the peer had to send, the report of the exchange says.
pub struct Collected(pub(crate) Arc<Mutex<Vec<u8>>>);

impl Collected {
    /// Gives the bytes. To be called after the exchange: before its end these are what has been received so far.
    pub fn into_vec(self) -> Vec<u8> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for Collected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Collected").finish_non_exhaustive()
    }
}
