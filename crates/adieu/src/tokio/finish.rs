//! Finishing any socket of tokio's, waited for with its reactor and clock.
//!
//! What there is to do is [`Finishing`]'s to say and to do; here is nothing but the wait for it.

use super::stream::Stream;
use super::wakes::Wakes;
use crate::ending_handle::EndingTeller;
use crate::finishing::Finishing;
use crate::handle::Readiness;
use crate::link::new_id;
use crate::{AdoptError, EndingHandle, Finish, Report, report};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::task::coop::poll_proceed;

/// Ends a connection whose socket the program already has, as [`adieu::finish`](crate::finish()) does: shuts down the sending
/// side, receives until the peer has ended too, waits until everything is acknowledged, closes, and reports.
///
/// It takes a [`TcpStream`](tokio::net::TcpStream), a `UnixStream`, the pair of halves that `into_split` of either gave, or a
/// [`Stream`]. What the program has written to it is the whole stream, and the peer is told so by our FIN. A stream that is not
/// whole must not end so: [`Connection::from_socket`](super::Connection::from_socket) takes the socket over, and
/// [`abort`](super::Connection::abort) resets it.
///
/// It takes no longer than the [deadline](Finish::deadline), which is 30 s by default. Every failure is in the report, also
/// halves of two different streams ([`AdoptError::NotOneStream`]), and the socket is closed whatever happens. The counts and
/// times of the report begin here.
///
/// # Cancel safety
///
/// If the future is dropped, nobody waits for the end any more, and the socket is closed as far as it has come. The first poll
/// queues our FIN, or, if the peer has ended first, receives what it had sent and then queues our FIN. After that our system
/// still delivers what was sent, and answers with a reset what the peer sends after the close. If our FIN is not queued yet, the
/// peer sees a reset. A task of [`finish_in_background`] has no future that could be dropped.
///
/// # Panics
///
/// Outside of a tokio runtime with I/O and time enabled.
///
/// # Examples
///
/// ```
/// use adieu::Finish;
/// use tokio::io::AsyncWriteExt;
/// use tokio::net::{TcpListener, TcpStream};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let listener = TcpListener::bind("127.0.0.1:0").await?;
/// let mut client = TcpStream::connect(listener.local_addr()?).await?;
/// # let server = tokio::spawn(async move {
/// #     let (mut stream, _) = listener.accept().await?;
/// #     tokio::io::copy(&mut stream, &mut tokio::io::sink()).await
/// # });
/// client.write_all(b"this is a test").await?;
/// let report = adieu::tokio::finish(client, &Finish::new()).await;
/// assert!(report.is_graceful(), "{report}");
/// # server.await??;
/// # Ok(()) }
/// ```
pub async fn finish(stream: impl TryInto<Stream, Error: Into<AdoptError>>, finish: &Finish) -> Report {
    match begin(stream, finish) {
        Ok(finishing) => Task::new(finishing).await,
        Err(error) => report::of_refused(&error, finish.role),
    }
}

/// Ends a connection as [`finish`] does, in a task of its own. The report can be waited for now, later, or never: the task goes
/// on if the handle is dropped. The handle always gives a report, never `None`.
///
/// The first step is taken before this returns: it queues our FIN, or, if the peer has ended first, receives what it had sent
/// (many megabytes take more steps) and then queues our FIN. So if the runtime is shut down before the end, our system still
/// delivers what was sent. The socket is closed then, the ending is [`Indeterminate`](crate::Ending::Indeterminate), and what
/// the peer still sends is answered with a reset. To wait for the true end, await the handle before the runtime ends.
///
/// # Panics
///
/// Outside of a tokio runtime with I/O enabled. The task needs one with time enabled.
///
/// # Examples
///
/// ```
/// # use adieu::Finish;
/// # async fn f(stream: tokio::net::TcpStream) -> Option<()> {
/// let ending = adieu::tokio::finish_in_background(stream, &Finish::new());
/// // … other work …
/// let report = ending.await?;
/// # Some(()) }
/// ```
pub fn finish_in_background(
    stream: impl TryInto<Stream, Error: Into<AdoptError>>,
    finish: &Finish,
) -> EndingHandle {
    let runtime = tokio::runtime::Handle::current();
    match begin(stream, finish) {
        Ok(finishing) => {
            let ending = finishing.link().ending_handle();
            Task::new(finishing).spawn(&runtime);
            ending
        }
        Err(error) => {
            let teller = EndingTeller::new(new_id());
            teller.tell(&report::of_refused(&error, finish.role));
            teller.handle()
        }
    }
}

fn begin(
    stream: impl TryInto<Stream, Error: Into<AdoptError>>,
    finish: &Finish,
) -> Result<Finishing<Stream>, AdoptError> {
    stream.try_into().map_err(Into::into).and_then(|stream| Finishing::begin(stream, finish))
}

/// Finishes one connection.
pub(super) struct Task {
    finishing: Finishing<Stream>,
    wakes: Wakes,
}

impl Task {
    pub(super) fn new(finishing: Finishing<Stream>) -> Self {
        Self { finishing, wakes: Wakes::default() }
    }

    /// Begins at once, and goes on in a task of its own.
    pub(super) fn spawn(mut self, runtime: &tokio::runtime::Handle) {
        // A runtime that is shut down may never run the task, and our FIN is to be queued all the same.
        if !self.finishing.turn() {
            runtime.spawn(self);
        }
    }

    /// Arranges to be woken. True: there is something already.
    fn poll_wait(&mut self, cx: &mut Context<'_>) -> bool {
        let waiting = self.finishing.waiting();
        if waiting.acknowledgement {
            if self.wakes.poll_acknowledged(self.finishing.link(), cx) {
                self.finishing.may_be_acknowledged();
                return true;
            }
        } else {
            match self.poll_socket(cx, waiting.receive, waiting.send) {
                Poll::Ready(Ok(())) => return true,
                Poll::Ready(Err(error)) => {
                    self.finishing.cannot_wait(&error);
                    return true;
                }
                Poll::Pending => {}
            }
        }
        self.wakes.poll_time(self.finishing.link_mut(), cx, waiting)
    }

    fn poll_socket(&self, cx: &mut Context<'_>, receive: bool, send: bool) -> Poll<std::io::Result<()>> {
        let Some(stream) = &self.finishing.link().handle else { return Poll::Pending };
        for (is_wanted, readiness) in [(receive, Readiness::Receive), (send, Readiness::Send)] {
            if is_wanted && let Poll::Ready(result) = stream.poll_ready(cx, readiness) {
                return Poll::Ready(result);
            }
        }
        Poll::Pending
    }
}

impl Future for Task {
    type Output = Report;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Report> {
        loop {
            let turn = ready!(poll_proceed(cx));
            if self.finishing.turn() {
                turn.made_progress();
                return Poll::Ready(self.finishing.report());
            }
            if self.finishing.is_cut_short() {
                // A peer that always has something would else never let another task run.
                turn.made_progress();
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            if !self.poll_wait(cx) {
                return Poll::Pending;
            }
            turn.made_progress();
        }
    }
}
