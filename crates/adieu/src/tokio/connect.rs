//! Connecting: the same race over the addresses, with tokio's clock and sockets.

use super::connection::Connection;
use super::stream::Stream;
use crate::connecting::resolve;
use crate::connecting::{
    BACKLOG_PAUSE, Established, Started, begin, cannot_go_on, fail, finished, not_secured, note_begin,
    note_failure, open_unix, out_of_time, port_zero, prepare, refused_option, start, transport, unaccepted,
};
use crate::error::{Attempt, ConnectCause, ConnectError, Tried};
use crate::link::Link;
use crate::os::AsyncInterrupt;
use crate::{ConnectOptions, Endpoint, Event, OptionError, Options, Transport, handle};
use adieu_proto::{Race, RaceStep, interleave};
use socket2::{SockAddr, Socket};
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

/// Connects to `endpoint`: resolves its name and tries every address until one connects, as
/// [`adieu::connect`](crate::connect()) does.
///
/// # Errors
///
/// [`ConnectError`] lists what each address said.
///
/// # Panics
///
/// Outside of a tokio runtime with I/O and time enabled.
pub async fn connect(endpoint: &Endpoint, options: &ConnectOptions) -> Result<Connection, ConnectError> {
    connect_with(endpoint, &options.0, None).await
}

/// Connects as [`connect`] does, by TCP Fast Open: as much of `first` as may goes with the SYN, and the rest follows. The
/// async [`adieu::fast_open`](crate::fast_open()), which says what there is to know.
///
/// # Errors
///
/// As of [`connect`]; and [`ConnectOptions::check_fast_open`].
///
/// # Panics
///
/// Outside of a tokio runtime with I/O and time enabled.
pub async fn fast_open(
    endpoint: &Endpoint,
    options: &ConnectOptions,
    first: &[u8],
) -> Result<Connection, ConnectError> {
    let mut connection = connect_with(endpoint, &options.0, Some(first)).await?;
    let mut rest = unaccepted(&connection.inner.peer.link, first);
    while !rest.is_empty() {
        match connection.write(rest).await {
            Ok(n) => rest = &rest[n..],
            Err(error) => {
                cannot_go_on(&mut connection.inner.peer.link, &error);
                break;
            }
        }
    }
    Ok(connection)
}

async fn connect_with(
    endpoint: &Endpoint,
    options: &Options,
    first: Option<&[u8]>,
) -> Result<Connection, ConnectError> {
    let (mut link, begun) = begin::<Stream>(endpoint, options, first);
    if let Err(cause) = begun {
        return Err(fail(link, endpoint, cause));
    }
    let limit = link.time_left();
    let interrupt = match link.options.interrupt.as_ref().map(AsyncInterrupt::new).transpose() {
        Ok(interrupt) => interrupt,
        Err(error) => return Err(fail(link, endpoint, ConnectCause::Local(error))),
    };
    let is_raised = link.interrupt().is_some_and(|interrupt| interrupt.raised().is_some());
    let mut tried = Vec::new();
    let established = if is_raised {
        None
    } else {
        let attempt = establish(&mut link, endpoint, &mut tried);
        let bounded = async {
            match limit {
                None => Some(attempt.await),
                Some(limit) => tokio::time::timeout(limit, attempt).await.ok(),
            }
        };
        tokio::select! {
            // What has come by now has come.
            biased;
            established = bounded => established,
            () = raised(interrupt.as_ref()) => None,
        }
    };
    let result = established.unwrap_or_else(|| {
        link.tick();
        Err(out_of_time(&link, tried))
    });
    let registered = result.and_then(|(Established { socket, fault }, transport)| {
        let stream = Stream::new(socket, transport.is_tcp()).map_err(ConnectCause::Local)?;
        Ok((Established { socket: stream, fault }, transport))
    });
    match registered {
        Ok((established, transport)) => {
            link.facts.host = endpoint.host().map(str::to_owned);
            link.connected(established, transport);
            let mut connection = Connection::new(link);
            if poll_fn(|cx| connection.inner.poll_connected(cx)).await {
                Ok(connection)
            } else {
                Err(not_secured(&connection.inner.peer.link, endpoint))
            }
        }
        Err(cause) => Err(fail(link, endpoint, cause)),
    }
}

/// Waits until the interrupt is raised: for ever, without one.
pub(super) async fn raised(interrupt: Option<&AsyncInterrupt>) {
    match interrupt {
        Some(interrupt) => interrupt.raised().await,
        None => std::future::pending().await,
    }
}

async fn establish(
    link: &mut Link<Stream>,
    endpoint: &Endpoint,
    tried: &mut Vec<Attempt>,
) -> Result<(Established<Socket>, Transport), ConnectCause> {
    let proxy = prepare(link, endpoint)?;
    match endpoint {
        Endpoint::Tcp { port: 0, .. } | Endpoint::Tls { port: 0, .. } => Err(port_zero()),
        Endpoint::Tcp { host, port } | Endpoint::Tls { host, port } => {
            if let Some(proxy) = proxy {
                return super::proxy::establish(link, &proxy, host, *port, tried).await;
            }
            let addresses = addresses_of(link, host, *port).await?;
            race(link, &addresses, tried).await
        }
        Endpoint::Unix { path } => {
            let address = handle::unix_address(path).map_err(ConnectCause::Local)?;
            let socket = connect_unix(link, &address).await?;
            Ok((Established { socket, fault: None }, Transport::Unix))
        }
        Endpoint::UnixAbstract { name } => {
            let address = handle::abstract_address(name).map_err(ConnectCause::Local)?;
            let socket = connect_unix(link, &address).await?;
            Ok((Established { socket, fault: None }, Transport::Unix))
        }
    }
}

/// The addresses to try for a host: its own, if it is one, or those of its name.
pub(super) async fn addresses_of(
    link: &mut Link<Stream>,
    host: &str,
    port: u16,
) -> Result<Vec<SocketAddr>, ConnectCause> {
    let found = if let Ok(ip) = host.parse::<IpAddr>() {
        vec![SocketAddr::new(ip, port)]
    } else {
        let found = addresses(host, port).await.map_err(ConnectCause::Resolve)?;
        link.facts.resolved = Some(link.now());
        link.observe(&Event::Resolved { addresses: &found });
        found
    };
    link.options.socket.suited(host, found).map_err(ConnectCause::Unsuited)
}

/// The addresses of a name in the order in which to try them.
///
/// `getaddrinfo` cannot be bounded. On a thread of its own it is left behind when its time is up; one of the runtime's
/// blocking threads would hold up the runtime's end.
async fn addresses(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    let (sender, found) = oneshot::channel();
    let host = host.to_owned();
    std::thread::Builder::new().name("adieu-resolve".into()).spawn(move || {
        // Nobody listens any more when the connection's time is up.
        let _ = sender.send(resolve::look_up(&host, port));
    })?;
    let found = found.await.map_err(|_| io::Error::other("the resolver's thread has died"))?;
    Ok(interleave(&found?))
}

pub(super) async fn race(
    link: &mut Link<Stream>,
    addresses: &[SocketAddr],
    tried: &mut Vec<Attempt>,
) -> Result<(Established<Socket>, Transport), ConnectCause> {
    let established = race_to_first(link, addresses, tried).await?;
    link.options.socket.check_source(&established.socket).map_err(ConnectCause::Option)?;
    let transport = transport(&established.socket, &link.options.socket);
    Ok((established, transport))
}

async fn race_to_first(
    link: &mut Link<Stream>,
    addresses: &[SocketAddr],
    tried: &mut Vec<Attempt>,
) -> Result<Established<Socket>, ConnectCause> {
    let mut race = Race::new(addresses.len());
    let mut running = JoinSet::new();
    loop {
        // What went with a SYN is with one peer only.
        let step = if link.syn_is_out() { RaceStep::Wait(None) } else { race.poll(link.now()) };
        let next_at = match step {
            RaceStep::Start(index) => {
                let place = note_begin(link, tried, addresses[index]);
                match start(link, addresses[index], running.is_empty()) {
                    Ok(Started::Connected(established)) => return Ok(established),
                    Ok(Started::Running(socket)) => {
                        running.spawn(async move { (place, until_finished(socket).await) });
                    }
                    Err(error) if OptionError::in_io(&error).is_some() => return Err(refused_option(error)),
                    Err(error) => note_failure(link, &mut race, &mut tried[place], error),
                }
                continue;
            }
            RaceStep::Lost => return Err(ConnectCause::Attempts(std::mem::take(tried))),
            RaceStep::Wait(at) => at,
        };
        let pause = async {
            match next_at {
                Some(at) => tokio::time::sleep(at.saturating_sub(link.now())).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            // The losers are closed with the set.
            Some(Ok((place, result))) = running.join_next() => match result {
                Ok(established) => {
                    link.facts.peer_address = tried.swap_remove(place).tried.into_address();
                    return Ok(established);
                }
                Err(error) => {
                    let is_last = link.is_last_attempt(&error);
                    note_failure(link, &mut race, &mut tried[place], error);
                    if is_last {
                        return Err(ConnectCause::Attempts(std::mem::take(tried)));
                    }
                }
            },
            () = pause => {}
        }
    }
}

/// Waits until an attempt has connected or failed.
async fn until_finished(socket: Socket) -> io::Result<Established<Socket>> {
    let stream = TcpStream::from_std(socket.into())?;
    stream.writable().await?;
    finished(Socket::from(stream.into_std()?))
}

async fn connect_unix(link: &Link<Stream>, address: &SockAddr) -> Result<Socket, ConnectCause> {
    let socket = open_unix(&link.options.socket)?;
    loop {
        match socket.connect(address) {
            Ok(()) => return Ok(socket),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                tokio::time::sleep(BACKLOG_PAUSE).await;
            }
            Err(error) => {
                let tried = Tried::Address(handle::address_of(address));
                return Err(ConnectCause::Attempts(vec![Attempt { tried, error }]));
            }
        }
    }
}
