//! The empty twin: TLS where it is not built. Its types have no values, so whatever has one cannot be reached, and the
//! compiler leaves it out.

use super::{Eof, HandshakeError, TlsFacts, Trust};
use crate::carrier::{Arrived, Broken, Carrier, HandshakeState, OctetsFrom, PeerStream};
use adieu_proto::Timer;
use std::io;

/// How the connecting side speaks TLS. This build has no TLS (feature `tls`), so there is none.
#[derive(Debug, Clone)]
pub struct ClientConfig(Never);

/// How the listening side speaks TLS. This build has no TLS (feature `tls`), so there is none.
#[derive(Debug, Clone)]
pub struct ServerConfig(Never);

/// A session, which there is none of.
pub(crate) struct Session(Never);

/// What has no value, and so has nothing that holds one.
#[derive(Debug, Clone)]
enum Never {}

impl ClientConfig {
    /// The one that an endpoint asks for by its scheme alone.
    ///
    /// # Errors
    ///
    /// Always, in words.
    pub(crate) fn of_platform() -> Result<Self, String> {
        Err("this build speaks no TLS".to_owned())
    }

    pub(crate) fn trust(&self) -> Trust {
        match self.0 {}
    }

    pub(crate) fn eof(&self) -> Eof {
        match self.0 {}
    }

    pub(crate) fn needs_host(&self) -> bool {
        match self.0 {}
    }

    pub(crate) fn session(&self, _: Option<&str>) -> Result<Session, HandshakeError> {
        match self.0 {}
    }

    pub(crate) fn session_with_proxy(&self, _: &str) -> Result<Session, HandshakeError> {
        match self.0 {}
    }
}

impl ServerConfig {
    pub(crate) fn eof(&self) -> Eof {
        match self.0 {}
    }

    pub(crate) fn session(&self) -> Result<Session, HandshakeError> {
        match self.0 {}
    }
}

impl Carrier for Session {
    fn within(self, _: Self) -> Self {
        match self.0 {}
    }
    fn handshake(&mut self) -> HandshakeState {
        match self.0 {}
    }
    fn refusal(&self) -> HandshakeError {
        match self.0 {}
    }
    fn early_eof(&self) -> HandshakeError {
        match self.0 {}
    }
    fn early_outer_end(&self) -> HandshakeError {
        match self.0 {}
    }
    fn early_fault(&self, _: &io::Error) -> HandshakeError {
        match self.0 {}
    }
    fn out_of_time(&self, _: Timer) -> crate::Words {
        match self.0 {}
    }
    fn describe(&self, _: &mut TlsFacts) {
        match self.0 {}
    }
    fn has_unsent(&self) -> bool {
        match self.0 {}
    }
    fn unsent(&mut self) -> &[u8] {
        match self.0 {}
    }
    fn sent(&mut self, _: usize) -> u64 {
        match self.0 {}
    }
    fn seal(&mut self, _: &[u8]) -> usize {
        match self.0 {}
    }
    fn sealed(&self) -> u64 {
        match self.0 {}
    }
    fn end(&mut self) {
        match self.0 {}
    }
    fn has_ended(&self) -> bool {
        match self.0 {}
    }
    fn octets_from(&mut self, _: bool) -> OctetsFrom {
        match self.0 {}
    }
    fn room(&mut self) -> &mut [u8] {
        match self.0 {}
    }
    fn received(&mut self, _: usize) -> Arrived {
        match self.0 {}
    }
    fn open(&mut self, _: &mut [u8]) -> usize {
        match self.0 {}
    }
    fn holds_bytes(&mut self) -> bool {
        match self.0 {}
    }
    fn held(&self) -> &[u8] {
        match self.0 {}
    }
    fn take_held(&mut self, _: usize) {
        match self.0 {}
    }
    fn begin_streams(&mut self) {
        match self.0 {}
    }
    fn peer_stream(&self) -> PeerStream {
        match self.0 {}
    }
    fn broken(&self) -> Option<Broken> {
        match self.0 {}
    }
    fn ignore_received(&mut self) {
        match self.0 {}
    }
    fn is_within_record(&self) -> bool {
        match self.0 {}
    }
    fn outer_stream(&self) -> PeerStream {
        match self.0 {}
    }
    fn outer_broken(&self) -> Option<String> {
        match self.0 {}
    }
    fn unacknowledged(&mut self, _: u64) -> u64 {
        match self.0 {}
    }
    fn acknowledgements_unknown(&mut self) {
        match self.0 {}
    }
    fn needs_sample(&mut self) -> bool {
        match self.0 {}
    }
}
