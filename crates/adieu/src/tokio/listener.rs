//! Listening, on tokio.

use super::connect::raised;
use super::connection::Connection;
use super::stream::Stream;
use crate::blocking::listener::Accepted;
use crate::connecting::transport;
use crate::error::ListenError;
use crate::link::Link;
use crate::os::{Acceptor, AsyncInterrupt};
use crate::{Endpoint, ListenOptions, Role, Transport};

/// Listens on an endpoint and accepts connections. The async [`adieu::Listener`](crate::Listener).
#[derive(Debug)]
pub struct Listener {
    inner: crate::Listener,
    acceptor: Acceptor,
    interrupt: Option<AsyncInterrupt>,
}

impl Listener {
    /// Binds and listens. The options go to every connection that is accepted.
    ///
    /// # Errors
    ///
    /// The name was not found, or no address could be bound.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime with I/O enabled.
    pub fn bind(endpoint: &Endpoint, options: &ListenOptions) -> Result<Self, ListenError> {
        let listener = crate::Listener::bind(endpoint, options)?;
        let fail = |source| ListenError { operation: "listen on", endpoint: endpoint.clone(), source };
        let interrupt = options.0.interrupt.as_ref().map(AsyncInterrupt::new).transpose().map_err(fail)?;
        let acceptor = Acceptor::new(listener.socket()).map_err(fail)?;
        Ok(Self { inner: listener, acceptor, interrupt })
    }

    /// Where it listens, with the port that the system chose.
    pub fn local_endpoint(&self) -> &Endpoint {
        self.inner.local_endpoint()
    }

    /// Accepts one connection; waits for it.
    ///
    /// # Errors
    ///
    /// The system could not accept: no descriptors left. Or the interrupt was raised:
    /// [`ErrorKind::Interrupted`](std::io::ErrorKind::Interrupted).
    pub async fn accept(&self) -> Result<Connection, ListenError> {
        let listener = &self.inner;
        let Accepted { socket, is_tcp, peer } = tokio::select! {
            // Also where clients are always waiting.
            biased;
            () = raised(self.interrupt.as_ref()) => {
                return Err(listener.error(std::io::ErrorKind::Interrupted.into()));
            }
            accepted = self.acceptor.accept() => {
                accepted.map(|a| listener.accepted(a)).map_err(|e| listener.error(e))?
            }
        };
        let endpoint = listener.local_endpoint().to_string();
        let mut link = Link::<Stream>::new(listener.options().clone(), Role::Listen, endpoint);
        link.facts.peer_address = Some(peer);
        let transport = if is_tcp { transport(&socket, &link.options.socket) } else { Transport::Unix };
        let stream = Stream::new(socket, is_tcp).map_err(|e| listener.error(e))?;
        link.adopted(stream, transport);
        Ok(Connection::new(link))
    }
}
