//! What a program implements to send content that is not in a file: [`Source`].

use std::io::{self, Read};
use std::sync::Arc;

/// The content of one file to send, from wherever the program has it: memory, a database, an archive.
///
/// [`Sources::of`](super::Sources::of) gives it the name that it has at the receiver. Bytes in memory are sources already:
/// `Vec<u8>`, `Arc<[u8]>` and `&'static [u8]`.
///
/// The sender hashes what it reads. The receiver commits the file only if it has the same bytes; what it cannot know is
/// whether the source gave all that it should have. So a source that fails in the middle returns an error, and never an early
/// `Ok(0)`, unless [`size`](Self::size) is known: then an end before or after it is an error that the sender finds itself.
///
/// # Examples
///
/// A source that can be read only once, such as a decompressor or the body of a request:
///
/// ```
/// use adieu_transfer::Source;
/// use std::io::{self, Read};
/// use std::sync::Mutex;
///
/// struct Once<R>(Mutex<Option<R>>);
///
/// impl<R: Read + Send> Source for Once<R> {
///     fn size(&self) -> Option<u64> {
///         None
///     }
///
///     fn open(&self, _: u64) -> io::Result<Box<dyn Read + '_>> {
///         let reader = self.0.lock().expect("no thread has panicked").take();
///         let reader = reader.ok_or_else(|| io::Error::other("it was read before"))?;
///         Ok(Box::new(reader))
///     }
///
///     fn can_be_read_again(&self) -> bool {
///         false
///     }
/// }
///
/// let sources = adieu_transfer::Sources::of("numbers", Once(Mutex::new(Some(&b"1 2 3"[..]))))?;
/// assert!(!sources.can_be_read_again());
/// # Ok::<(), adieu_transfer::SourceError>(())
/// ```
pub trait Source: Send + Sync {
    /// The length in bytes. `None`: only the end of reading tells it. It must not change: it is asked for more than once.
    fn size(&self) -> Option<u64>;

    /// Opens the content from the byte `offset` on. The offset is not 0 only if [`can_be_read_again`](Self::can_be_read_again), and
    /// at most the size.
    ///
    /// The reader is read in pieces of at most 524,288 bytes until its `Ok(0)`. While it blocks, this side hears neither the peer, a
    /// signal, the deadline nor the observer. One that returns [`WouldBlock`](io::ErrorKind::WouldBlock) instead is asked again
    /// 20 ms later, and the peer is heard meanwhile. So what it has by then is sent up to 20 ms late; one that can wait for its
    /// bytes does so itself, for a moment, before it returns that.
    ///
    /// # Errors
    ///
    /// It cannot be opened. This error, and one of the reader, ends the transfer as [`Verdict::Local`](crate::Verdict::Local), and
    /// its words are told to the receiver.
    fn open(&self, offset: u64) -> io::Result<Box<dyn Read + '_>>;

    /// The Unix permission bits that the file gets at the receiver, where they are restricted by its umask. Other bits than `0o777`
    /// are not sent. By default `0o666`, as a new file.
    fn mode(&self) -> u16 {
        0o666
    }

    /// Whether it can be opened more than once, and gives the same bytes each time. Only then a sender that resumes offers it,
    /// reads it for its hash, and sends what the receiver does not have. By default it can.
    fn can_be_read_again(&self) -> bool {
        true
    }
}

/// Bytes in memory are a source of their length.
macro_rules! bytes {
    ($($type:ty),*) => {$(
        impl Source for $type {
            fn size(&self) -> Option<u64> {
                Some(self.len() as u64)
            }

            fn open(&self, offset: u64) -> io::Result<Box<dyn Read + '_>> {
                let rest = usize::try_from(offset).ok().and_then(|at| self.get(at..));
                Ok(Box::new(rest.unwrap_or_default()))
            }
        }
    )*};
}

bytes!(Vec<u8>, Arc<[u8]>, &'static [u8]);
