//! A relay on one thread, with one `poll` for both connections.
//!
//! What is passed on, and when, is [`relaying`](crate::relaying)'s part; here are only the waits.

use super::driven::{Driven, Wait};
use crate::os;
use crate::relaying::Relay;
use crate::{Connection, RelayOptions, RelayReport};
use adieu_proto::LocalEnd;
use std::io;

/// Passes on what each of two connections sends to the other, and how it ended, until both have ended.
///
/// - **An end is an end**: when one side half-closes its connection, everything before that is handed on, and then the other
///   connection's sending side is shut down. The other direction goes on.
/// - **A cut is a cut**: a connection that is reset, times out, is interrupted, or whose TLS stream stops without close_notify, makes
///   the other one reset too, after everything that came before is delivered there and acknowledged (bounded by
///   [`RelayOptions::flush_timeout`]). A reply that a server sends before it resets reaches the client.
/// - **TLS handshakes** that are still to be made, of connections that a [`Listener`](crate::Listener) has accepted, are made at the
///   same time. If one fails, the other connection is reset.
///
/// Every failure is in the report; nothing else is returned. It takes one thread, and memory within
/// [`RelayOptions::buffer_limit`] for each direction.
///
/// # Platforms
///
/// On Linux the bytes of TCP and Unix sockets without TLS go from socket to socket inside the kernel (`splice`), once a direction
/// has passed 64 KiB on. Unix sockets have no reset: a program there reads an EOF after a cut, and only the report tells.
///
/// # RFC
///
/// RFC 9293, sections 3.5 (reset) and 3.6 (half-closed connections).
///
/// # Examples
///
/// ```
/// use adieu::{ConnectOptions, DirectionEnd, Endpoint, ListenOptions, Listener, RelayOptions};
/// # use std::io::{Read, Write};
/// # use std::net::{Shutdown, TcpListener, TcpStream};
///
/// # let server = TcpListener::bind("127.0.0.1:0")?;
/// # let upstream = Endpoint::from(server.local_addr()?);
/// # std::thread::spawn(move || {
/// #     let (mut stream, _) = server.accept()?;
/// #     let mut request = String::new();
/// #     stream.read_to_string(&mut request)?;
/// #     stream.write_all(request.as_bytes())
/// # });
/// let listener = Listener::bind(&"127.0.0.1:0".parse()?, &ListenOptions::new())?;
/// # let address = listener.local_endpoint().to_string();
/// # let asking = std::thread::spawn(move || {
/// #     let mut stream = TcpStream::connect(address)?;
/// #     stream.write_all(b"this is a test")?;
/// #     stream.shutdown(Shutdown::Write)?;
/// #     std::io::read_to_string(stream)
/// # });
/// let client = listener.accept()?;
/// let server = adieu::connect(&upstream, &ConnectOptions::new())?;
/// let relayed = adieu::relay(client, server, &RelayOptions::new());
/// println!("client: {}; server: {}", relayed.a, relayed.b);
/// match relayed.b_to_a.end {
///     DirectionEnd::Whole => println!("the client has the whole answer: {} bytes", relayed.b_to_a.bytes_accepted),
///     _ => println!("the client saw a reset: {}", relayed.b),
/// }
/// # assert!(relayed.is_graceful(), "{relayed:?}");
/// # assert_eq!(asking.join().expect("it does not panic")?, "this is a test");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn relay(a: Connection, b: Connection, options: &RelayOptions) -> RelayReport {
    let [mut a, mut b] = [Driven::new(a.link), Driven::new(b.link)];
    let mut relay = Relay::begin(&mut a.peer, &mut b.peer, options);
    while a.is_open() || b.is_open() {
        if !relay.turn(&mut a.peer, &mut b.peer, false)
            && (a.is_open() || b.is_open())
            && let Err(error) = wait(&mut relay, &mut a, &mut b)
        {
            for side in [&mut a, &mut b] {
                side.peer.link.local_failure(LocalEnd::Socket, &error);
            }
        }
    }
    relay.report(&mut a.peer, &mut b.peer)
}

fn wait(relay: &mut Relay, a: &mut Driven, b: &mut Driven) -> io::Result<()> {
    let [of_a, of_b] = relay.waiting(&mut a.peer, &mut b.peer);
    let [a_is_direct, b_is_direct] = relay.are_direct();
    let waits = [a.before_wait(of_a, a_is_direct), b.before_wait(of_b, b_is_direct)];
    let [Wait::AtMost(first), Wait::AtMost(second)] = waits else { return Ok(()) };

    let [a_socket, a_acknowledged, a_interrupt] = a.watches(of_a);
    let [b_socket, b_acknowledged, b_interrupt] = b.watches(of_b);
    let mut watches = [a_socket, a_acknowledged, a_interrupt, b_socket, b_acknowledged, b_interrupt];
    os::wait(&mut watches, [first, second, relay.nap()].into_iter().flatten().min())?;
    let [a_socket, a_acknowledged, _, b_socket, b_acknowledged, _] = watches.map(|watch| watch.ready);
    a.after_wait(of_a, a_socket, a_acknowledged);
    b.after_wait(of_b, b_socket, b_acknowledged);
    Ok(())
}
