//! Finishing any socket, waited for with `poll`.

use crate::finishing::Finishing;
use crate::link::adopt::check_socket;
use crate::os::{self, AcknowledgementWatch, AsPollable, OwnedSocket, Watch};
use crate::{AdoptError, Finish, Report, report};
use socket2::Socket;
use std::io;

/// Ends a connection whose socket the program already has: shuts down the sending side, receives until the peer has ended too,
/// waits until everything is acknowledged, closes, and reports.
///
/// It takes anything that converts into an owned socket: a [`TcpStream`](std::net::TcpStream), a Unix stream, a
/// `socket2::Socket`, an `OwnedFd` (Windows: an `OwnedSocket`). Whoever has connected it, everything is said by then: what the
/// program has written is the whole stream, and the peer is told so by our FIN. A stream that is not whole must not end so;
/// drop a [`Connection`](crate::Connection) instead, or set SO_LINGER to zero and close.
///
/// It does not block for longer than the [deadline](Finish::deadline), which is 30 s by default. Every failure is in the report,
/// and the socket is closed whatever happens: also what is not connected ([`NoConnection`](crate::Ending::NoConnection)), and
/// what is not a stream socket ([`LocalFailure`](crate::Ending::LocalFailure)).
///
/// The counts and times of the report begin here. What was sent before and is not acknowledged at the end is
/// [`bytes_unacknowledged`](Report::bytes_unacknowledged).
///
/// A socket that has clones (`try_clone`, `dup`, a forked child) is open until the last of them is closed; the half-close and
/// the report hold for all of them, a reset at the bound does not.
///
/// # Examples
///
/// ```
/// use adieu::Finish;
/// use std::io::Write;
/// use std::net::{TcpListener, TcpStream};
///
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let address = listener.local_addr()?;
/// let client = std::thread::spawn(move || {
///     let mut stream = TcpStream::connect(address)?;
///     stream.write_all(b"this is a test")?;
///     Ok::<_, std::io::Error>(adieu::finish(stream, &Finish::new()))
/// });
/// let (mut stream, _) = listener.accept()?;
/// std::io::copy(&mut stream, &mut std::io::sink())?;
/// drop(stream);
/// let report = client.join().expect("it does not panic")?;
/// assert!(report.is_graceful(), "{report}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # RFC
///
/// RFC 9293, section 3.6; Winsock's "Graceful Shutdown, Linger Options, and Socket Closure".
pub fn finish(socket: impl Into<OwnedSocket>, finish: &Finish) -> Report {
    match begin(socket.into().into(), finish) {
        Ok(finishing) => run(finishing),
        Err(error) => report::of_refused(&error, finish.role),
    }
}

fn begin(socket: Socket, finish: &Finish) -> Result<Finishing<Socket>, AdoptError> {
    check_socket(&(&socket).into())?;
    socket.set_nonblocking(true)?;
    Finishing::begin(socket, finish)
}

pub(crate) fn run(mut finishing: Finishing<Socket>) -> Report {
    while !finishing.turn() {
        if let Err(error) = wait(&mut finishing) {
            finishing.cannot_wait(&error);
        }
    }
    finishing.report()
}

fn wait(finishing: &mut Finishing<Socket>) -> io::Result<()> {
    let waiting = finishing.waiting();
    if !waiting.acknowledgement {
        let socket = finishing.link().handle.as_ref().map(AsPollable::as_pollable);
        let watch = socket.map_or_else(Watch::none, |on| Watch::new(on, waiting.receive, waiting.send));
        return os::wait(&mut [watch], finishing.time_left());
    }
    let socket = finishing.link().handle.as_ref().map(AsPollable::as_pollable);
    let watch = socket.and_then(|socket| AcknowledgementWatch::new(socket).ok());
    // What came before the watch began is not news to it.
    finishing.may_be_acknowledged();
    if finishing.waiting().acknowledgement {
        let look_again = watch.is_none().then_some(os::LOOK_AGAIN);
        let timeout = [finishing.time_left(), look_again].into_iter().flatten().min();
        os::wait(&mut [Watch::readable(watch.as_ref().map(AsPollable::as_pollable))], timeout)?;
        finishing.may_be_acknowledged();
    }
    Ok(())
}
