//! Connecting through a proxy: the same handshakes, with tokio's clock and sockets.

use super::connect::{addresses_of, race};
use super::stream::Stream;
use crate::connecting::Established;
use crate::connecting::proxy::{PAGE_PATIENCE, Refusals, Step, Way, leave, silence, unreachable};
use crate::error::{Attempt, ConnectCause};
use crate::link::Link;
use crate::proxy::{Handshake, Proxy, ProxyError, Target};
use crate::{Event, Transport};
use adieu_proto::Call;
use socket2::{SockRef, Socket};
use std::io;
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::time::Instant;

/// Connects to `host:port` through `proxy`: each address in turn, if they are known here.
pub(super) async fn establish(
    link: &mut Link<Stream>,
    proxy: &Proxy,
    host: &str,
    port: u16,
    tried: &mut Vec<Attempt>,
) -> Result<(Established<Socket>, Transport), ConnectCause> {
    let targets = match Target::of(host, port) {
        Target::Name { .. } if proxy.resolves_here() => proxy.targets(addresses_of(link, host, port).await?),
        target => vec![target],
    };
    let of_proxy = |cause| unreachable(proxy, cause);
    let addresses = addresses_of(link, proxy.host(), proxy.port()).await.map_err(of_proxy)?;
    let mut refusals = Refusals::default();
    for target in &targets {
        let (established, transport) = race(link, &addresses, tried).await.map_err(of_proxy)?;
        link.observe(&Event::AskingProxy { proxy: &proxy.to_string(), target: &target.to_string() });
        let Established { socket, fault } = established;
        // Should our time be up in the middle, this is what there is to tell.
        tried.clear();
        tried.push(silence(proxy));
        let shaken = shake_hands(socket, proxy, target).await;
        tried.clear();
        match shaken {
            Ok((socket, way)) => {
                link.goes_by(way);
                return Ok((Established { socket, fault }, transport));
            }
            Err(error) => refusals.note(target, error),
        }
    }
    Err(refusals.into_cause(proxy))
}

/// Gives the socket back once it leads to the target. The caller bounds it.
async fn shake_hands(socket: Socket, proxy: &Proxy, target: &Target) -> Result<(Socket, Way), ProxyError> {
    let mut handshake = Handshake::new(proxy, target)?;
    let mut way = Way::new(proxy)?;
    let stream = TcpStream::from_std(socket.into()).map_err(unwaited)?;
    match drive(&stream, &mut way, &mut handshake).await {
        Ok(()) => Ok((stream.into_std().map(Socket::from).map_err(unwaited)?, way)),
        Err(error) => {
            leave(&SockRef::from(&stream));
            Err(error)
        }
    }
}

/// The runtime cannot wait for it.
fn unwaited(error: io::Error) -> ProxyError {
    ProxyError::Io { call: Call::Poll, error }
}

/// Drives a handshake.
async fn drive(stream: &TcpStream, way: &mut Way, handshake: &mut Handshake) -> Result<(), ProxyError> {
    let mut refused_at = None;
    loop {
        let (mut done, mut blocked_on) = (false, None);
        // tokio forgets a readiness only if a call says that it is over.
        for interest in [Interest::READABLE, Interest::WRITABLE] {
            let mut failure = None;
            // Whether it was called at all is told by what it sets.
            let _ = stream.try_io(interest, || match way.step(&SockRef::from(stream), handshake) {
                Ok(Step::Done) => {
                    done = true;
                    Ok(())
                }
                Ok(Step::Blocked { sending }) => {
                    let own = if sending { Interest::WRITABLE } else { Interest::READABLE };
                    blocked_on = Some(own);
                    // The other readiness was not looked at.
                    if own == interest { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
                }
                Err(error) => {
                    failure = Some(error);
                    Ok(())
                }
            });
            if let Some(error) = failure {
                return Err(error);
            }
            if done {
                return Ok(());
            }
        }
        let ready = stream.ready(blocked_on.unwrap_or(Interest::READABLE.add(Interest::WRITABLE)));
        let waited = if handshake.is_refused() {
            let until = *refused_at.get_or_insert_with(|| Instant::now() + PAGE_PATIENCE);
            tokio::time::timeout_at(until, ready).await.map_err(|_| handshake.end())?
        } else {
            ready.await
        };
        waited.map_err(unwaited)?;
    }
}
