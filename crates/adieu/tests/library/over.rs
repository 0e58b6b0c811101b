//! Two connections of ours that are each other's peers: over TCP, TLS and Unix sockets.

use crate::arms::bounded;
use adieu::tls::{Client, Server};
use adieu::{ConnectOptions, Connection, Endpoint, ListenOptions, Listener};
use std::thread;

/// What the two ends speak over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Over {
    Tcp,
    Tls,
    #[cfg(unix)]
    Unix,
    #[cfg(unix)]
    TlsUnix,
}

const ALL: &[Over] = &[
    Over::Tcp,
    Over::Tls,
    #[cfg(unix)]
    Over::Unix,
    #[cfg(unix)]
    Over::TlsUnix,
];

/// Runs a test's body over each of them, bounded.
pub(crate) fn over_each(body: fn(Over)) {
    for over in ALL {
        bounded(&format!("{over:?}"), move || body(*over));
    }
}

impl Over {
    pub(crate) fn is_secure(self) -> bool {
        #[cfg(unix)]
        return matches!(self, Self::Tls | Self::TlsUnix);
        #[cfg(not(unix))]
        return self == Self::Tls;
    }

    pub(crate) fn is_unix(self) -> bool {
        !matches!(self, Self::Tcp | Self::Tls)
    }

    /// The side that connected, by these options, and the side that accepted. With TLS each is still to make its handshake or
    /// has just made it.
    pub(crate) fn pair(self, options: ConnectOptions) -> (Connection, Connection) {
        self.pair_after(options, |_| {})
    }

    /// The same, after something was done with what was accepted, before its handshake.
    pub(crate) fn pair_after(
        self,
        mut options: ConnectOptions,
        first: impl FnOnce(&mut Connection),
    ) -> (Connection, Connection) {
        let mut listening = ListenOptions::new();
        if self.is_secure() {
            let tls = Server::self_signed().build().expect("a key");
            options = options
                .tls(Client::new().pin(tls.fingerprint().expect("one certificate")).build().expect("a pin"));
            listening = listening.tls(tls);
        }
        #[cfg(unix)]
        let directory = tempfile::tempdir().expect("a directory can be made");
        let bind = match self {
            Self::Tcp => Endpoint::tcp("127.0.0.1", 0),
            Self::Tls => Endpoint::tls("127.0.0.1", 0),
            #[cfg(unix)]
            Self::Unix | Self::TlsUnix => Endpoint::unix(directory.path().join("socket")),
        };
        let listener = Listener::bind(&bind, &listening).expect("a new place");
        let endpoint = listener.local_endpoint().clone();
        let connecting = thread::spawn(move || adieu::connect(&endpoint, &options).expect("it listens"));
        let mut accepted = listener.accept().expect("a client");
        first(&mut accepted);
        if !self.is_secure() {
            return (connecting.join().expect("no panic"), accepted);
        }
        // The client's handshake waits for ours.
        let accepted = accepted.handshake().expect("it is trusted");
        (connecting.join().expect("no panic"), accepted)
    }

    pub(crate) fn pair_by_default(self) -> (Connection, Connection) {
        self.pair(ConnectOptions::new())
    }
}
