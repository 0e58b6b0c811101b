//! Our own two ends, as tokio has them: any `AsyncRead` and any `AsyncWrite`, asked with the waker of a task.
//!
//! An end that has nothing now has noted that waker, so whoever is blocked is woken.

use super::ends::{Gave, Sink, Source, Took};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// An input, for one poll.
pub(crate) struct Reading<'a, R: ?Sized> {
    pub(crate) reader: Pin<&'a mut R>,
    pub(crate) waker: &'a Waker,
}

impl<R: AsyncRead + ?Sized> Source for Reading<'_, R> {
    const NOTHING_IS_END: bool = true;

    /// Asking it is what notes the waker.
    fn is_ready(&mut self) -> bool {
        true
    }

    fn read(&mut self, room: &mut [u8]) -> Gave {
        let mut buffer = ReadBuf::new(room);
        match self.reader.as_mut().poll_read(&mut Context::from_waker(self.waker), &mut buffer) {
            Poll::Pending => Gave::Blocked,
            Poll::Ready(Ok(())) if buffer.filled().is_empty() => Gave::Ended,
            Poll::Ready(Ok(())) => Gave::Bytes(buffer.filled().len()),
            Poll::Ready(Err(error)) => Gave::Failed(error),
        }
    }

    fn at_end(&mut self) -> Gave {
        Gave::Ended
    }
}

/// What is known of an output between polls.
#[derive(Debug, Default)]
pub(crate) struct Written {
    /// It took nothing when it was last asked: bytes, a flush or its shutdown.
    blocked: bool,
    /// It was shut down, or what it takes was cut.
    settled: bool,
}

impl Written {
    pub(crate) fn is_settled(&self) -> bool {
        self.settled
    }
}

/// An output, for one poll.
pub(crate) struct Writing<'a, W: ?Sized> {
    pub(crate) writer: Pin<&'a mut W>,
    pub(crate) written: &'a mut Written,
    pub(crate) waker: &'a Waker,
}

impl<W: AsyncWrite + ?Sized> Writing<'_, W> {
    fn ask<T>(
        &mut self,
        call: impl FnOnce(Pin<&mut W>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> io::Result<T> {
        let asked = call(self.writer.as_mut(), &mut Context::from_waker(self.waker));
        self.written.blocked = asked.is_pending();
        match asked {
            Poll::Ready(result) => result,
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

impl<W: AsyncWrite + ?Sized> Sink for Writing<'_, W> {
    /// Asking it is what notes the waker.
    fn is_ready(&self) -> bool {
        true
    }

    fn is_held_up(&self) -> bool {
        self.written.blocked
    }

    fn give(&mut self, bytes: &[u8]) -> Took {
        match self.ask(|writer, cx| writer.poll_write(cx, bytes)) {
            Ok(0) => Took::Failed(io::ErrorKind::WriteZero.into()),
            Ok(n) => Took::Bytes(n),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Took::Blocked,
            Err(error) => Took::Failed(error),
        }
    }

    /// A writer with a buffer may hold back what it took.
    fn flush(&mut self) -> io::Result<()> {
        self.ask(AsyncWrite::poll_flush)
    }

    fn is_settled(&self) -> bool {
        self.written.settled
    }

    fn end(&mut self) -> io::Result<()> {
        self.ask(AsyncWrite::poll_shutdown)?;
        self.written.settled = true;
        Ok(())
    }

    /// It is dropped without a shutdown.
    fn cut(&mut self) {
        self.written.settled = true;
    }
}
