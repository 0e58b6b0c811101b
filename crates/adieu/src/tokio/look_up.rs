//! The addresses of a name, for a program that keeps them.

use crate::ResolveError;
use crate::connecting::Lookup;
use adieu_proto::interleave;
use std::future::poll_fn;
use std::net::{IpAddr, SocketAddr};

/// Resolves the name of a host, on a thread of its own, as [`connect`](super::connect()) does: `getaddrinfo`, and the addresses in
/// the order in which to try them (RFC 8305, section 4). An address is itself, without a thread.
///
/// It is for a program that connects to the same name often: with
/// [`ConnectOptions::addresses`](crate::ConnectOptions::addresses) the answer serves many connections, for as long as the program
/// trusts it.
///
/// Dropped, the thread goes on until `getaddrinfo` returns, which nothing can stop.
///
/// # Errors
///
/// [`ResolveError`]: there is no such name, it has no address, or the name server gave no answer.
///
/// # Examples
///
/// ```
/// use adieu::tokio::{connect, look_up};
/// use adieu::{ConnectOptions, Endpoint};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
/// # let port = listener.local_addr()?.port();
/// let options = ConnectOptions::new().addresses(look_up("localhost", port).await?);
/// let endpoint = Endpoint::tcp("localhost", port);
/// for _ in 0..3 {
///     // The name is not resolved again.
///     let connection = connect(&endpoint, &options).await?;
/// }
/// # Ok(()) }
/// ```
pub async fn look_up(host: &str, port: u16) -> Result<Vec<SocketAddr>, ResolveError> {
    find(host, port).await.map(|found| interleave(&found))
}

/// The addresses of a host, in the order that `getaddrinfo` gave.
pub(super) async fn find(host: &str, port: u16) -> Result<Vec<SocketAddr>, ResolveError> {
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(ip, port)]);
    }
    let lookup = Lookup::start(host, port)?;
    poll_fn(|cx| {
        // Before it is asked, so that no answer comes between the two.
        lookup.wake(cx.waker());
        lookup.poll()
    })
    .await
}
