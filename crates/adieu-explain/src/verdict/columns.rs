//! A verdict as one flat record, with fixed names and words.

use std::net::IpAddr;

use serde::Serialize;

use super::{Actor, CloseNotify, EndedFirst, Ending, OpenAtEnd, ResetKind, SideEnd, TlsVersion, Verdict};

/// A verdict as one flat record. `None`, null in JSON, is what cannot be known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Columns {
    /// Address of the side that sent the first SYN.
    pub client: IpAddr,
    /// Its port.
    pub cport: u16,
    /// Address of the other side.
    pub server: IpAddr,
    /// Its port.
    pub sport: u16,
    /// Which side chose first to end.
    pub ended_first: Option<EndedFirst>,
    /// How the client ended its direction.
    pub c_end: Option<SideEnd>,
    /// How the server ended its direction.
    pub s_end: Option<SideEnd>,
    /// Octets of the client that were sent and never acknowledged.
    pub unacked_c2s: Option<u64>,
    /// Octets of the server that were sent and never acknowledged.
    pub unacked_s2c: Option<u64>,
    /// Octets that the client's kernel had taken and never sent.
    pub unsent_c2s: Option<u64>,
    /// Octets that the server's kernel had taken and never sent.
    pub unsent_s2c: Option<u64>,
    /// Octets that the server's kernel acknowledged and its program never read.
    pub unread_server: Option<u64>,
    /// Octets that the client's kernel acknowledged and its program never read.
    pub unread_client: Option<u64>,
    /// Who sent the RSTs, joined by commas; `-`: there was none.
    pub rst_by: Option<String>,
    /// The kinds of the RSTs, joined by commas; `-`: there was none.
    pub rst_kind: Option<String>,
    /// Whether anything was open when the capture stopped.
    pub open_at_end: Option<OpenAtEnd>,
    /// Which sides sent TLS close_notify.
    pub close_notify: Option<CloseNotify>,
    /// The TLS version.
    pub tls: Option<TlsVersion>,
    /// The ending.
    pub ending: Option<Ending>,
}

impl Columns {
    pub(super) fn of(verdict: &Verdict) -> Self {
        Self {
            client: verdict.client.ip(),
            cport: verdict.client.port(),
            server: verdict.server.ip(),
            sport: verdict.server.port(),
            ended_first: verdict.ended_first.value().copied(),
            c_end: verdict.c_end.value().copied(),
            s_end: verdict.s_end.value().copied(),
            unacked_c2s: verdict.unacked_c2s.value().copied(),
            unacked_s2c: verdict.unacked_s2c.value().copied(),
            unsent_c2s: verdict.unsent_c2s.value().copied(),
            unsent_s2c: verdict.unsent_s2c.value().copied(),
            unread_server: verdict.unread_server.value().copied(),
            unread_client: verdict.unread_client.value().copied(),
            rst_by: verdict.rst_by().value().map(|actors| joined(actors, Actor::as_str)),
            rst_kind: verdict.rst_kind().value().map(|kinds| joined(kinds, ResetKind::as_str)),
            open_at_end: verdict.open_at_end.value().copied(),
            close_notify: verdict.close_notify.value().copied(),
            tls: verdict.tls.value().copied(),
            ending: verdict.ending.value().copied(),
        }
    }
}

fn joined<T: Copy>(values: &[T], word: impl Fn(T) -> &'static str) -> String {
    if values.is_empty() {
        return "-".to_owned();
    }
    values.iter().map(|&value| word(value)).collect::<Vec<_>>().join(",")
}
