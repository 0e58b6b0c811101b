//! TLS by its records, without keys: versions, the server's name, and whether a side sent close_notify.
//!
//! A record's type tells an alert in TLS 1.2 and before; which alert it is, is encrypted. In TLS 1.3 the type is encrypted
//! too, and only the length is left: an alert is a record of 19 octets (RFC 8446, 5.2: two octets, the type, and the tag
//! of 16; the cipher suites with a tag of 8 are hardly used). A last record of that length is taken for close_notify,
//! which is a hint and no more.

use super::{
    reassembly::{At, Sink},
    words::{Notified, TlsVersion},
};

/// How much of the first handshake message is kept, to read it. A hello with post-quantum keys has 2 KiB.
const MOST_HELLO: usize = 8 * 1024;

/// Length of a TLS 1.3 record with an alert.
const ALERT_1_3: u32 = 19;

/// Whether `octets` begin a TLS handshake: a record with a ClientHello or ServerHello.
pub(super) fn is_hello(octets: &[u8]) -> bool {
    matches!(octets, [22, 3, 0..=4, _, _, 1 | 2, 0, _, _, 3, 0..=4, ..])
}

/// Whether `octets` begin a TLS record of any kind, as a capture that begins late sees it.
pub(super) fn is_record(octets: &[u8]) -> bool {
    matches!(octets, [20..=23, 3, 1..=4, high, _, ..] if *high <= 0x41)
}

/// What was read of the records of one side.
#[derive(Clone, Debug, Default)]
pub(super) struct Records {
    header: [u8; 5],
    header_len: u8,
    /// Octets of the record's body that have not come.
    body: u32,
    /// The handshake message at the beginning, until it is read.
    hello: Option<Box<Hello>>,
    hello_done: bool,
    /// The side changed to encryption (TLS 1.2), so that its alerts cannot be read.
    encrypted: bool,
    /// Version in the hello: what a server chose, or the highest that a client offers.
    version: Option<u16>,
    /// The server's name that the client asks for.
    server_name: Option<Box<str>>,
    lost: bool,
    any: bool,
    last: Last,
    /// Frame of the last record that is no alert.
    data_frame: u64,
}

/// The beginning of a handshake message.
#[derive(Clone, Debug, Default)]
struct Hello(Vec<u8>);

/// The last record.
#[derive(Clone, Copy, Debug, Default)]
struct Last {
    frame: u64,
    len: u32,
    kind: u8,
    /// Its sender had acknowledged the other side's FIN.
    peer_ended: bool,
    /// Level and description of an alert that is not encrypted.
    alert: Option<[u8; 2]>,
    /// All of it came.
    whole: bool,
}

impl Records {
    fn record(&mut self, at: At) {
        let [kind, major, _, high, low] = self.header;
        let len = u32::from(u16::from_be_bytes([high, low]));
        if !(20..=24).contains(&kind) || major != 3 || len > 0x4100 + 0x800 {
            self.lost = true;
            return;
        }
        self.any = true;
        self.body = len;
        self.last =
            Last { frame: at.frame, len, kind, peer_ended: at.peer_ended, alert: None, whole: len == 0 };
        match kind {
            20 => self.encrypted = true,
            22 if !self.hello_done && self.hello.is_none() => self.hello = Some(Box::default()),
            _ => {}
        }
        if !self.is_alert(None) {
            self.data_frame = at.frame;
        }
    }

    fn body(&mut self, octets: &[u8]) {
        if self.last.kind == 22
            && !self.hello_done
            && let Some(hello) = &mut self.hello
        {
            hello.0.extend_from_slice(&octets[..octets.len().min(MOST_HELLO - hello.0.len())]);
            self.read_hello();
        }
        if self.last.kind == 21 && self.last.len == 2 && !self.encrypted {
            // The two octets can come in two segments.
            match (self.body as usize, octets) {
                (2, [level, description, ..]) => self.last.alert = Some([*level, *description]),
                (2, [level]) => self.last.alert = Some([*level, u8::MAX]),
                (1, [description, ..]) => {
                    self.last.alert = Some([self.last.alert.map_or(0, |alert| alert[0]), *description]);
                }
                _ => {}
            }
        }
    }

    /// Reads the hello, if all of it has come.
    fn read_hello(&mut self) {
        let Some(Hello(hello)) = self.hello.as_deref() else { return };
        let [kind, high, middle, low, ..] = hello[..] else { return };
        let len = u32::from_be_bytes([0, high, middle, low]) as usize;
        if hello.len() < (4 + len).min(MOST_HELLO) {
            return;
        }
        let body = &hello[4..hello.len().min(4 + len)];
        let parsed = parse_hello(kind, body);
        (self.version, self.server_name) = parsed.unwrap_or_default();
        self.hello_done = true;
        self.hello = None;
    }

    /// Whether the last record is an alert, as far as its type or length tells. `version`: what was agreed on.
    fn is_alert(&self, version: Option<u16>) -> bool {
        match self.last.kind {
            21 => true,
            23 => self.last.len == ALERT_1_3 && version.is_none_or(|version| version == 0x0304),
            _ => false,
        }
    }

    /// Whether what this side sent first is no TLS record.
    pub(super) fn is_foreign(&self) -> bool {
        self.lost && !self.any
    }

    /// Octets of the last record, if it is an alert.
    pub(super) fn alert_octets(&self, version: Option<u16>) -> u64 {
        if self.is_alert(version) { u64::from(self.last.len) + 5 } else { 0 }
    }

    /// The fatal alert that this side sent last, if it can be read. It ends both directions
    /// (RFC 8446, 6.2).
    fn broke_off(&self) -> Option<u8> {
        let [level, description] = self.last.alert.filter(|_| self.last.whole && !self.lost)?;
        (level == 2 && description != 0).then_some(description)
    }

    /// Whether this side sent close_notify.
    fn notified(&self, version: Option<u16>) -> Notified {
        if self.lost || !self.any {
            return if self.any { Notified::Unknown } else { Notified::No };
        }
        match self.last.alert {
            Some([_, description]) => {
                if description == 0 {
                    Notified::Yes
                } else {
                    Notified::No
                }
            }
            None if self.is_alert(version) && self.last.whole => Notified::Yes,
            None => Notified::No,
        }
    }
}

impl Sink for Records {
    fn octets(&mut self, mut octets: &[u8], at: At) {
        while !octets.is_empty() && !self.lost {
            if self.body > 0 {
                let now = octets.len().min(self.body as usize);
                self.body(&octets[..now]);
                self.body -= u32::try_from(now).unwrap_or(self.body);
                self.last.whole = self.body == 0;
                octets = &octets[now..];
                continue;
            }
            let have = usize::from(self.header_len);
            let now = octets.len().min(5 - have);
            self.header[have..have + now].copy_from_slice(&octets[..now]);
            self.header_len += u8::try_from(now).unwrap_or(5);
            octets = &octets[now..];
            if self.header_len == 5 {
                self.header_len = 0;
                self.record(at);
            }
        }
    }

    fn gap(&mut self, len: u64, _at: At) {
        if len <= u64::from(self.body) && self.header_len == 0 {
            self.body -= u32::try_from(len).unwrap_or(self.body);
            self.last.whole = self.body == 0;
            if self.last.kind == 22 && !self.hello_done {
                self.hello_done = true;
                self.hello = None;
            }
        } else {
            self.lost = true;
            // What is missing may well have been TLS.
            self.any = true;
        }
    }

    fn held(&self) -> usize {
        self.hello.as_deref().map_or(0, |hello| hello.0.len())
    }

    fn let_go(&mut self) {
        self.hello_done |= self.hello.take().is_some();
    }
}

/// Version and server name of a ClientHello (1) or ServerHello (2). `None`: it is damaged.
fn parse_hello(kind: u8, body: &[u8]) -> Option<(Option<u16>, Option<Box<str>>)> {
    let mut version = u16::from_be_bytes([*body.first()?, *body.get(1)?]);
    let mut rest = body.get(34..)?;
    let mut name = None;
    // The session's id; then a list of cipher suites and one of compressions, or one of each.
    rest = rest.get(1 + usize::from(*rest.first()?)..)?;
    rest = match kind {
        1 => {
            let rest = rest.get(2 + usize::from(u16::from_be_bytes([*rest.first()?, *rest.get(1)?]))..)?;
            rest.get(1 + usize::from(*rest.first()?)..)?
        }
        2 => rest.get(3..)?,
        _ => return None,
    };
    // Extensions are optional before TLS 1.3.
    let mut extensions = rest.get(2..).unwrap_or_default();
    while let [a, b, high, low, rest @ ..] = extensions {
        let len = usize::from(u16::from_be_bytes([*high, *low]));
        let Some(value) = rest.get(..len) else { break };
        match (u16::from_be_bytes([*a, *b]), kind) {
            (43, 2) => version = u16::from_be_bytes([*value.first()?, *value.get(1)?]),
            (43, 1) => {
                let offered =
                    value.get(1..)?.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
                version = offered.filter(|offered| offered >> 8 == 3).max().unwrap_or(version);
            }
            (0, 1) => name = value.get(5..).and_then(|name| std::str::from_utf8(name).ok()).map(printable),
            _ => {}
        }
        extensions = &rest[len..];
    }
    Some((Some(version), name))
}

/// A name of at most 255 characters, without those that a terminal acts on.
fn printable(name: &str) -> Box<str> {
    name.chars().take(255).map(|c| if c.is_ascii_graphic() { c } else { '?' }).collect()
}

/// What both sides' records tell.
pub(super) struct Session {
    pub(super) version: Option<TlsVersion>,
    pub(super) notified: [Notified; 2],
    pub(super) encrypted: bool,
    pub(super) broke_off: [Option<u8>; 2],
    pub(super) complete: bool,
    pub(super) spoke_after: [bool; 2],
}

/// Puts together what both sides' records tell. `opener` sent the ClientHello.
pub(super) fn session(records: &[Records; 2], opener: Option<usize>) -> Session {
    let number = opener.and_then(|opener| records[1 - opener].version);
    let version = number.and_then(|number| match number {
        0x0300 => Some(TlsVersion::Ssl3),
        0x0301 => Some(TlsVersion::Tls10),
        0x0302 => Some(TlsVersion::Tls11),
        0x0303 => Some(TlsVersion::Tls12),
        0x0304 => Some(TlsVersion::Tls13),
        _ => None,
    });
    let mut notified = [records[0].notified(number), records[1].notified(number)];
    for side in 0..2 {
        // An encrypted alert in answer to a FIN without close_notify is a complaint: TLS libraries send one.
        let alert = &records[side].last;
        if notified[side] == Notified::Yes
            && alert.alert.is_none()
            && alert.peer_ended
            && notified[1 - side] == Notified::No
        {
            notified[side] = Notified::No;
        }
    }
    let spoke_after = [0, 1].map(|side: usize| {
        let theirs = &records[1 - side];
        notified[1 - side] == Notified::Yes && records[side].data_frame > theirs.last.frame
    });
    let readable = |side: usize| records[side].last.alert.is_some();
    // In TLS 1.2 a record that is no alert is no close_notify, so that only the sort of an alert is hinted.
    let alerts_hidden = |side: usize| records[side].last.kind == 21 && !readable(side);
    let encrypted = number != Some(0x0303)
        && number.is_none_or(|number| number > 0x0303)
        && !(readable(0) && readable(1))
        || alerts_hidden(0)
        || alerts_hidden(1);
    let broke_off = records.each_ref().map(Records::broke_off);
    let complete = !records.iter().any(|one| one.lost);
    Session { version, notified, encrypted, broke_off, complete, spoke_after }
}

impl Records {
    /// The server's name that this side asked for (SNI).
    pub(super) fn server_name(&self) -> Option<&str> {
        self.server_name.as_deref()
    }

    /// The version that both sides can have agreed on, if this side is the server.
    pub(super) fn number(&self) -> Option<u16> {
        self.version
    }
}
