//! Finishing any socket, waited for with `poll`.

use super::wait::sleep;
use crate::finishing::Finishing;
use crate::os::OwnedSocket;
use crate::tls::RustlsConnection;
use crate::{AdoptError, Finish, Report, report};
use socket2::Socket;

/// Ends a connection whose socket the program already has: shuts down the sending side, receives until the peer has ended too,
/// waits until everything is acknowledged, closes, and reports.
///
/// It takes anything that converts into an owned socket: a [`TcpStream`](std::net::TcpStream), a Unix stream, a
/// `socket2::Socket`, an `OwnedFd` (Windows: an `OwnedSocket`). A stream of tokio's is for `tokio::finish`, and one that is only
/// borrowed for a [`Finisher`](crate::Finisher). Whoever has connected it, everything is said by then: what the
/// program has written is the whole stream, and the peer is told so by our FIN. A stream that is not whole must not end so:
/// [`Finisher::abort`](crate::Finisher::abort) resets its connection instead. A socket is closed without any of this if the program
/// just drops it.
///
/// It does not block for longer than the [deadline](Finish::deadline), which is 30 s by default. Every failure is in the report,
/// and the socket is closed whatever happens: also what is not connected ([`NoConnection`](crate::Ending::NoConnection)), and
/// what is not a stream socket ([`LocalFailure`](crate::Ending::LocalFailure)).
///
/// The counts and times of the report begin here. [`Graceful`](crate::Ending::Graceful) says that all that was sent before is
/// acknowledged too. How much of it was not acknowledged is [`bytes_unacknowledged`](Report::bytes_unacknowledged).
///
/// What the peer still sends is thrown away, unless [`Finish::late_bytes`] takes it.
///
/// If a read or write of the program has already failed, with ECONNRESET for example, Linux does not tell that again. The ending is
/// then [`Indeterminate`](crate::Ending::Indeterminate) with [`Missing::Cause`](crate::Missing::Cause), and never graceful.
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
    run(Finishing::begin(Socket::from(socket.into()), finish), finish)
}

/// Ends a connection on which the program speaks TLS with rustls: `close_notify`, and then all that [`finish`] does. What the
/// peer still sends is decrypted, so the report knows whether its stream was whole.
///
/// It takes the two halves of a `rustls::StreamOwned` (its fields `sock` and `conn`), or a socket and a `rustls::Connection`,
/// whose handshake is over. They are of rustls 0.23, which is also `adieu::tls::rustls`. What stands in rustls's buffers is part
/// of the connection: records that it has encrypted are sent before the `close_notify`, and bytes that it has decrypted and nobody
/// has read are the first of the late bytes.
///
/// - A peer that ends by FIN without `close_notify` has been cut, or may have been: [`Truncated`](crate::Ending::Truncated). A
///   program whose protocol says itself where a message ends can say otherwise with `tls::RustlsConnection::eof`.
/// - All counts are bytes of the application, and begin here. Of what was sent before, nobody knows how many bytes its records
///   hold, so its octets are counted as not acknowledged.
/// - Version, cipher suite, ALPN and the peer's certificate are reported as rustls knows them. What the certificate was checked
///   against is not known (`tls_trust` is `None`).
/// - If the handshake is not over, there is no connection to finish ([`NoConnection`](crate::Ending::NoConnection)), and the
///   socket is closed.
///
/// # Examples
///
/// ```no_run
/// use adieu::Finish;
/// use adieu::tls::rustls::{ClientConnection, StreamOwned};
/// use std::io::Write;
/// use std::net::TcpStream;
///
/// fn say(mut stream: StreamOwned<ClientConnection, TcpStream>) -> std::io::Result<adieu::Report> {
///     stream.write_all(b"this is a test")?;
///     Ok(adieu::finish_tls(stream.sock, stream.conn, &Finish::new()))
/// }
/// ```
///
/// # Features
///
/// `tls`, or `tls-core` alone. Without them no session converts into a `tls::RustlsConnection`, which the compiler then says.
///
/// # RFC
///
/// RFC 8446, section 6.1; RFC 5246, section 7.2.1.
#[cfg_attr(docsrs, doc(cfg(feature = "tls-core")))]
pub fn finish_tls(
    socket: impl Into<OwnedSocket>,
    connection: impl Into<RustlsConnection>,
    finish: &Finish,
) -> Report {
    run(Finishing::begin_tls(Socket::from(socket.into()), connection.into(), finish), finish)
}

fn run(begun: Result<Finishing<Socket>, AdoptError>, finish: &Finish) -> Report {
    let mut finishing = match begun {
        Ok(finishing) => finishing,
        Err(error) => return report::of_refused(&error, finish.role),
    };
    while !finishing.turn() {
        let waiting = finishing.waiting();
        if !finishing.is_cut_short()
            && let Err(error) = sleep(finishing.link_mut(), waiting, None)
        {
            finishing.cannot_wait(&error);
        }
    }
    finishing.report()
}
