//! Whether the message that a connection carried was whole: TLS to its close_notify, HTTP/1 to its promised length.

use super::{
    claim::{Claim, Grade, Unknown, Vantage},
    words::{CloseNotify, Service},
};
use crate::{
    content::{Notified, Protocol, Shortfall, TlsVersion},
    observed::Connection,
};

/// What the content of a connection says of its end.
pub(super) struct Message {
    pub(super) tls: Claim<TlsVersion>,
    pub(super) close_notify: Claim<CloseNotify>,
    /// Each side's TLS stream ended without close_notify, and not in answer to the other's.
    pub(super) cut_tls: [bool; 2],
    pub(super) cut_grade: Grade,
    /// What is missing of each side's last HTTP/1 message.
    pub(super) cut_http: [Option<Shortfall>; 2],
    pub(super) service: Option<Service>,
    /// The fatal TLS alerts of the client and the server that can be read.
    pub(super) broke_off: [Option<u8>; 2],
}

impl Message {
    /// What the content of `connection` says.
    pub(super) fn of(connection: &Connection, client: usize) -> Self {
        let told = connection.content.told([0, 1].map(|side: usize| connection.halves[side].data_end()));
        let mut message = Self {
            tls: Claim::seen(TlsVersion::NotTls),
            close_notify: Claim::seen(CloseNotify::NotTls),
            cut_tls: [false; 2],
            cut_grade: Grade::Concluded,
            cut_http: told.short,
            service: match told.protocol {
                Protocol::Tls => Some(Service::Tls),
                Protocol::Http1 if told.is_http => Some(Service::Http),
                Protocol::Http1 | Protocol::Other | Protocol::Unseen => None,
            },
            broke_off: [told.broke_off[client], told.broke_off[1 - client]],
        };
        if told.protocol == Protocol::Unseen && connection.halves.iter().any(|half| half.payload > 0) {
            // The first octets are missing. That it is not TLS cannot be told from later ones.
            message.tls = Claim::hinted(TlsVersion::NotTls);
            message.close_notify = Claim::hinted(CloseNotify::NotTls);
        }
        if told.protocol != Protocol::Tls {
            return message;
        }
        let unknown = || Claim::unknown(Unknown::FramesMissing, Vantage::ForLonger);
        message.tls = match told.version {
            Some(version) => Claim::seen(version),
            None if connection.halves[1 - client].is_unseen() => {
                Claim::unknown(Unknown::DirectionNotCaptured, Vantage::AtTheServer)
            }
            // The server chose none.
            None if told.complete => Claim::unknown(Unknown::NotOnTheWire, Vantage::None),
            None => Claim::unknown(Unknown::FramesMissing, Vantage::ForLonger),
        };
        let grade = if told.encrypted { Grade::Hinted } else { Grade::Seen };
        let known = |value| Claim::Known { value, grade };
        message.close_notify = match (told.notified[client], told.notified[1 - client]) {
            (Notified::Unknown, _) | (_, Notified::Unknown) => unknown(),
            (Notified::No, Notified::No) => known(CloseNotify::None),
            (Notified::Yes, Notified::No) => known(CloseNotify::Client),
            (Notified::No, Notified::Yes) => known(CloseNotify::Server),
            (Notified::Yes, Notified::Yes) => known(CloseNotify::Both),
        };
        message.cut_grade = if told.encrypted { Grade::Hinted } else { Grade::Concluded };
        for side in 0..2 {
            // Whoever has the other's close_notify may close without one of its own (RFC 8446, 6.1), if it said no more.
            let excused = told.notified[1 - side] != Notified::No && !told.spoke_after[side];
            // A fatal alert ends both directions, and no close_notify follows (RFC 8446, 6.2).
            let broken_off = told.broke_off.iter().any(Option::is_some);
            message.cut_tls[side] = told.notified[side] == Notified::No && !excused && !broken_off;
        }
        message
    }
}
