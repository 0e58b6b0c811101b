//! The empty twin of `with_rustls`, for builds without TLS. Its types have no values, so code that needs one is never reached,
//! and the compiler leaves it out.

use super::{Eof, HandshakeError, TlsFacts, Trust};
use crate::AdoptError;
use crate::carrier::{Arrived, Broken, Carrier, HandshakeState, OctetsFrom, PeerStream};
use adieu_proto::Timer;
use std::io;

/// How the connecting side speaks TLS. This build has no TLS (feature `tls`), so there is none.
#[derive(Debug, Clone)]
pub struct ClientConfig(Never);

/// How the listening side speaks TLS. This build has no TLS (feature `tls`), so there is none.
#[derive(Debug, Clone)]
pub struct ServerConfig(Never);

/// A session of TLS that the program has made itself, with rustls. This build has no TLS (feature `tls`), so there is none.
#[derive(Debug)]
pub struct RustlsConnection(Never);

/// A session, which there is none of.
pub(crate) struct Session(Never);

/// What has no value, and so has nothing that holds one.
#[derive(Debug, Clone)]
enum Never {}

/// Methods of a type without values: nobody can call them, so none needs a body.
macro_rules! uncallable {
    ($($vis:vis fn $name:ident(&$me:ident $(, $given:ty)*) $(-> $result:ty)?;)*) => {
        $($vis fn $name(&$me $(, _: $given)*) $(-> $result)? {
            match $me.0 {}
        })*
    };
    ($($vis:vis fn $name:ident(&mut $me:ident $(, $given:ty)*) $(-> $result:ty)?;)*) => {
        $($vis fn $name(&mut $me $(, _: $given)*) $(-> $result)? {
            match $me.0 {}
        })*
    };
}

impl ClientConfig {
    /// The one that an endpoint asks for by its scheme alone.
    ///
    /// # Errors
    ///
    /// Always, in words.
    pub(crate) fn of_platform() -> Result<Self, String> {
        Err("this build speaks no TLS".to_owned())
    }

    uncallable! {
        pub(crate) fn trust(&self) -> Option<Trust>;
        pub(crate) fn meaning_of_eof(&self) -> Eof;
        pub(crate) fn needs_host(&self) -> bool;
        pub(crate) fn session(&self, Option<&str>) -> Result<Session, HandshakeError>;
        pub(crate) fn session_with_proxy(&self, &str) -> Result<Session, HandshakeError>;
    }
}

impl ServerConfig {
    uncallable! {
        pub(crate) fn meaning_of_eof(&self) -> Eof;
        pub(crate) fn session(&self) -> Result<Session, HandshakeError>;
    }
}

impl RustlsConnection {
    uncallable! {
        pub(crate) fn meaning_of_eof(&self) -> Eof;
    }

    pub(crate) fn into_session(self) -> Result<Session, AdoptError> {
        match self.0 {}
    }
}

impl Session {
    pub(crate) fn into_alert(self) -> Option<Vec<u8>> {
        match self.0 {}
    }
}

impl Carrier for Session {
    fn within(self, _: Self) -> Self {
        match self.0 {}
    }

    uncallable! {
        fn refusal(&self) -> HandshakeError;
        fn early_eof(&self) -> HandshakeError;
        fn early_outer_end(&self) -> HandshakeError;
        fn early_fault(&self, &io::Error) -> HandshakeError;
        fn out_of_time(&self, Timer) -> crate::Words;
        fn describe(&self, &mut TlsFacts);
        fn has_unsent(&self) -> bool;
        fn sealed(&self) -> u64;
        fn has_ended(&self) -> bool;
        fn held(&self) -> &[u8];
        fn peer_stream(&self) -> PeerStream;
        fn broken(&self) -> Option<Broken>;
        fn is_within_record(&self) -> Option<bool>;
        fn outer_stream(&self) -> PeerStream;
        fn outer_broken(&self) -> Option<String>;
    }

    uncallable! {
        fn handshake(&mut self) -> HandshakeState;
        fn unsent(&mut self) -> &[u8];
        fn sent(&mut self, usize) -> u64;
        fn seal(&mut self, &[u8]) -> usize;
        fn end(&mut self);
        fn octets_from(&mut self, bool) -> OctetsFrom;
        fn room(&mut self) -> &mut [u8];
        fn received(&mut self, usize) -> Arrived;
        fn open(&mut self, &mut [u8]) -> usize;
        fn holds_bytes(&mut self) -> bool;
        fn take_held(&mut self, usize);
        fn begin_streams(&mut self);
        fn ignore_received(&mut self);
        fn unacknowledged(&mut self, u64) -> u64;
        fn acknowledgements_unknown(&mut self);
        fn needs_sample(&mut self) -> bool;
    }
}
