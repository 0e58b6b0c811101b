//! A dump: a file that gets what crossed the connections of a run, both ways, in its order.
//!
//! It is told of the bytes by the tap of an exchange, and of everything else (that there is a connection, that a side has ended, a
//! reset) by the observer of the connection. Both are called on the connection's thread, so the order is the true one. Over TLS it
//! gets the plain text.
//!
//! One file has all connections of a service, each with its number. It is private, as what crosses may be. It is written at once and
//! without a buffer of its own, so that it is whole up to the last call whatever becomes of us. If it cannot be written, every
//! connection of the run that moves a byte from then on fails: a dump with a hole would look whole.
//!
//! Of datagrams each is a block, and there are no ends. Whom each went to is known where there is one peer.
//!
//! The forms: `text` has the bytes, `packets` and `pcapng` make a capture of them.

mod packets;
mod pcapng;
mod text;

use crate::addresses::peer_name;
use crate::exit::ExitStatus;
use crate::printer::complain;
use adieu::exchange::{ExchangeOptions, Way};
use adieu::{Address, Event, FaultKind, Report, Role, Side, describe_error};
use packets::{Datagrams, Packet, Packets, Wire, addresses};
use pcapng::Bound;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

/// What stands at the beginning of a capture.
const COMMENT: &str = "Made by adieu of what its calls to the system saw: addresses, octets, ends and times are true, and over TLS \
    the octets are the plain text. Sequence numbers begin at 0, acknowledgements of what we sent come when the report told of \
    them, and retransmissions are not seen. A Unix socket has no IP addresses: it has some of 192.0.2.0/24.";

/// The form of a dump.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// As `hexdump -C` has it, each block with its time and direction.
    Hexdump,
    /// A capture, as Wireshark reads it.
    Pcapng,
    /// The bytes of both ways and nothing else: ncat's `-o`.
    Raw,
    /// Hexadecimal and text without a direction: ncat's `-x`.
    Ncat,
    /// Hexadecimal and text with a direction: `-o` of the traditional netcat.
    Traditional,
}

/// What stands in a dump.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holds {
    /// One connection.
    Connection,
    /// Several connections, each with its number.
    Connections,
    /// The datagrams of one socket, each of them a block of its own.
    Datagrams,
}

/// What becomes of what a file had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Existing {
    Emptied,
    /// It stays, and the dump stands after it.
    Kept,
}

impl Style {
    /// By the ending of the file's name.
    pub(crate) fn by_name(path: &Path) -> Self {
        let is_capture = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("pcapng"));
        if is_capture { Self::Pcapng } else { Self::Hexdump }
    }
}

/// The file of a run.
pub(crate) struct Dump {
    name: String,
    style: Style,
    role: Role,
    holds: Holds,
    state: Mutex<State>,
}

struct State {
    file: File,
    /// It could not be written to: with what number, and what it said.
    failure: Option<(Option<i32>, String)>,
    streams: BTreeMap<u64, Stream>,
}

/// What has crossed a connection so far.
#[derive(Default)]
struct Stream {
    sent: u64,
    received: u64,
    packets: Option<Wire>,
    /// What is said of it beside its first packet, until there is one.
    comment: Option<String>,
    has_reset: bool,
}

impl Dump {
    /// [Opens](Self::open) and empties a file, in the form that its name asks for.
    pub(crate) fn create(path: &Path, role: Role, holds: Holds) -> Result<Arc<Self>, String> {
        Self::open(path, Style::by_name(path), Existing::Emptied, role, holds)
    }

    /// Opens the file, which is then private, or makes it.
    ///
    /// # Errors
    ///
    /// A sentence that names the file.
    pub(crate) fn open(
        path: &Path,
        style: Style,
        existing: Existing,
        role: Role,
        holds: Holds,
    ) -> Result<Arc<Self>, String> {
        let name = path.display().to_string();
        let failed = |why: &str| format!("cannot write the dump to {name}: {why}");
        if let Some(end) = adieu_os::that_is_file(path) {
            return Err(failed(&format!("it is our {end}, and would be lost")));
        }
        let mut file = open(path, existing).map_err(|error| failed(&describe_error(&error)))?;
        let mut beginning = Vec::new();
        if style == Style::Pcapng {
            pcapng::begin(&mut beginning, COMMENT);
        }
        file.write_all(&beginning).map_err(|error| failed(&describe_error(&error)))?;
        let state = State { file, failure: None, streams: BTreeMap::new() };
        Ok(Arc::new(Self { name, style, role, holds, state: Mutex::new(state) }))
    }

    /// The part of one connection.
    pub(crate) fn of(self: &Arc<Self>, id: u64) -> Connection {
        Connection { dump: Arc::clone(self), id }
    }

    /// A connection is over, and nothing more comes of it.
    pub(crate) fn forget(&self, id: u64) {
        self.state().streams.remove(&id);
    }

    /// The exit status of a run that had a dump, or none: what is missing in it, which was said, is a failure of ours.
    pub(crate) fn judge(dump: Option<&Self>, status: ExitStatus) -> ExitStatus {
        let has_failed = dump.is_some_and(|dump| dump.state().failure.is_some());
        if has_failed && status.number() == 0 { ExitStatus::LocalFailure } else { status }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A file is as whole as it is also after a panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes what is made of a connection's news.
    fn write(&self, id: u64, make: impl FnOnce(&mut Stream, &mut Entry<'_>)) -> io::Result<()> {
        let at = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let mut state = self.state();
        let State { file, failure, streams } = &mut *state;
        if let Some((code, what)) = failure {
            // What is missing in the middle would not be seen in it.
            return Err(code.map_or_else(|| io::Error::other(what.clone()), io::Error::from_raw_os_error));
        }
        let mut out = Vec::new();
        let number = (self.holds == Holds::Connections).then_some(id);
        make(streams.entry(id).or_default(), &mut Entry { at, number, out: &mut out });
        let written = file.write_all(&out);
        if let Err(error) = &written {
            let what = describe_error(error);
            complain(&format!("cannot write the dump to {}: {what}", self.name));
            *failure = Some((error.raw_os_error(), what));
        }
        written
    }
}

/// What one piece of news becomes.
struct Entry<'a> {
    /// Since 1970.
    at: Duration,
    number: Option<u64>,
    out: &'a mut Vec<u8>,
}

impl Entry<'_> {
    /// A line that says what happened; `>` is ours, `<` the peer's.
    fn line(&mut self, sign: char, what: &str) {
        let at = humantime::format_rfc3339_micros(SystemTime::UNIX_EPOCH + self.at);
        let number = self.number.map_or(String::new(), |number| format!("#{number} "));
        self.out.extend(format!("{at} {number}{sign} {}\n", adieu::shown(what.as_bytes())).into_bytes());
    }

    fn text(&mut self, write: impl FnOnce(&mut String)) {
        let mut lines = String::new();
        write(&mut lines);
        self.out.extend(lines.into_bytes());
    }

    fn packets(&mut self, packets: impl IntoIterator<Item = Packet>, comment: Option<&str>) {
        let mut comment = comment;
        for (bound, bytes) in packets {
            pcapng::packet(self.out, self.at, bound, &bytes, comment.take());
        }
    }
}

/// One connection's part of a dump.
#[derive(Clone)]
pub(crate) struct Connection {
    dump: Arc<Dump>,
    id: u64,
}

impl Connection {
    /// Its tap.
    pub(crate) fn tap(self, options: ExchangeOptions) -> ExchangeOptions {
        options.tap(move |way, bytes| self.crossed(way, bytes))
    }

    /// Bytes have crossed.
    ///
    /// # Errors
    ///
    /// They could not be written, or something before them could not, which was said. Nothing more is written then.
    pub(crate) fn crossed(&self, way: Way, bytes: &[u8]) -> io::Result<()> {
        let (sign, bound) = match way {
            Way::ToPeer => ('>', Bound::Out),
            Way::FromPeer => ('<', Bound::In),
        };
        self.dump.write(self.id, |stream, entry| {
            let count = if way == Way::ToPeer { &mut stream.sent } else { &mut stream.received };
            let before = std::mem::replace(count, *count + bytes.len() as u64);
            let offset = if self.dump.holds == Holds::Datagrams { 0 } else { before };
            match self.dump.style {
                Style::Hexdump => {
                    let s = if bytes.len() == 1 { "" } else { "s" };
                    entry.line(sign, &format!("{} byte{s}", bytes.len()));
                    entry.text(|lines| text::canonical(lines, offset, bytes));
                }
                Style::Pcapng => {
                    let all = match &mut stream.packets {
                        Some(Wire::Stream(packets)) => packets.bytes(bound, bytes),
                        Some(Wire::Datagrams(datagrams)) => vec![datagrams.datagram(bound, bytes)],
                        None => Vec::new(),
                    };
                    entry.packets(all, stream.comment.take().as_deref());
                }
                Style::Raw => entry.out.extend(bytes),
                Style::Ncat => entry.text(|lines| text::ncat(lines, bytes)),
                Style::Traditional => entry.text(|lines| text::traditional(lines, sign, offset, bytes)),
            }
        })
    }

    /// A step of the connection. What cannot be written of it is said, and [`Dump::judge`] tells.
    pub(crate) fn step(&self, event: &Event<'_>) {
        // What fails was said, and is asked for at the end.
        let _ = match self.dump.style {
            Style::Hexdump => self.step_in_words(event),
            Style::Pcapng => self.step_as_packets(event),
            Style::Raw | Style::Ncat | Style::Traditional => Ok(()),
        };
        if let Event::Closed { .. } = event {
            self.dump.forget(self.id);
        }
    }

    fn step_in_words(&self, event: &Event<'_>) -> io::Result<()> {
        let (sign, what) = match event {
            Event::Connected { local, peer } => {
                let (local, peer) = (peer_name(*local), peer_name(*peer));
                let connected = if self.dump.holds == Holds::Datagrams { "" } else { "connected " };
                match self.dump.role {
                    Role::Connect => ('>', format!("{connected}from {local} to {peer}")),
                    Role::Listen => ('<', format!("{connected}from {peer} to {local}")),
                }
            }
            Event::Secured { .. } => ('=', "over TLS: what follows is the plain text".to_owned()),
            Event::CloseNotify { by: Side::Us } => ('>', "close_notify".to_owned()),
            Event::CloseNotify { by: Side::Peer } => ('<', "close_notify".to_owned()),
            Event::ShutdownSend { fault: None } => ('>', "end".to_owned()),
            Event::Eof => ('<', "end".to_owned()),
            Event::Closed { aborted: true, report } => ('>', format!("reset: {report}")),
            Event::Closed { aborted: false, report } => ('=', format!("closed: {report}")),
            event if is_reset(event) => ('<', "reset".to_owned()),
            _ => return Ok(()),
        };
        self.dump.write(self.id, |_, entry| entry.line(sign, &what))
    }

    fn step_as_packets(&self, event: &Event<'_>) -> io::Result<()> {
        let is_reset = is_reset(event);
        self.dump.write(self.id, |stream, entry| {
            if let Event::Connected { local, peer } = event {
                let comment = self.comment(*local, *peer);
                let socket = |address: Option<&Address>| address.and_then(Address::socket_addr);
                let (local, peer) = addresses(socket(*local), socket(*peer), self.id);
                if self.dump.holds == Holds::Datagrams {
                    stream.packets = Some(Wire::Datagrams(Datagrams::between(local, peer)));
                    stream.comment = Some(comment);
                } else {
                    let we_connected = self.dump.role == Role::Connect;
                    let (packets, all) = Packets::begin(local, peer, we_connected);
                    stream.packets = Some(Wire::Stream(packets));
                    entry.packets(all, Some(&comment));
                }
            }
            let Some(Wire::Stream(packets)) = &mut stream.packets else { return };
            match event {
                Event::ShutdownSend { fault: None } => entry.packets(packets.end(Bound::Out), None),
                Event::Eof => entry.packets(packets.end(Bound::In), None),
                Event::Closed { aborted, report } => {
                    let all = close(packets, *aborted, stream.has_reset, report);
                    entry.packets(all, Some(&report.to_string()));
                }
                _ if is_reset && !stream.has_reset => {
                    stream.has_reset = true;
                    let reset = packets.reset(Bound::In);
                    entry.packets([reset], None);
                }
                _ => {}
            }
        })
    }

    /// What is said of a connection beside its packets.
    fn comment(&self, local: Option<&Address>, peer: Option<&Address>) -> String {
        let mut comment = String::new();
        if self.dump.holds == Holds::Connections {
            write!(comment, "connection {}: ", self.id).expect("memory takes it");
        }
        write!(comment, "our end is {}, the peer's {}", peer_name(local), peer_name(peer))
            .expect("memory takes it");
        comment
    }
}

fn is_reset(event: &Event<'_>) -> bool {
    let Event::Fault { fault } = event else { return false };
    matches!(fault.kind, FaultKind::Reset | FaultKind::BrokenPipe)
}

/// The last packets of a connection: what is acknowledged, and how it was closed.
fn close(packets: &mut Packets, aborted: bool, has_reset: bool, report: &Report) -> Vec<Packet> {
    let mut all = Vec::new();
    // A FIN that was held back goes with the close.
    if !(aborted || has_reset) {
        all.extend(packets.end(Bound::Out));
    }
    all.extend(packets.acknowledge(report.bytes_acknowledged, report.fin_acknowledged == Some(true)));
    if aborted {
        all.push(packets.reset(Bound::Out));
    }
    all
}

/// Opens a file for us alone.
///
/// Whoever reads a pipe or a FIFO could hold up the connection for as long as he likes, so these are refused.
fn open(path: &Path, existing: Existing) -> io::Result<File> {
    let not_a_file = || io::Error::new(io::ErrorKind::InvalidInput, "it is not a file");
    if std::fs::metadata(path).is_ok_and(|there| !(there.is_file() || is_character_device(&there))) {
        return Err(not_a_file());
    }
    let mut options = File::options();
    options.create(true);
    match existing {
        Existing::Emptied => options.write(true).truncate(false),
        Existing::Kept => options.append(true),
    };
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return if is_character_device(&metadata) { Ok(file) } else { Err(not_a_file()) };
    }
    #[cfg(unix)]
    make_private(&file, &metadata)?;
    if existing == Existing::Emptied {
        file.set_len(0)?;
    }
    Ok(file)
}

/// One that was there before may be open to others.
#[cfg(unix)]
fn make_private(file: &File, metadata: &std::fs::Metadata) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mode = metadata.permissions().mode();
    let private = mode & 0o7700;
    if mode & 0o7777 == private {
        return Ok(());
    }
    file.set_permissions(std::fs::Permissions::from_mode(private))
}

#[cfg(unix)]
fn is_character_device(metadata: &std::fs::Metadata) -> bool {
    std::os::unix::fs::FileTypeExt::is_char_device(&metadata.file_type())
}

#[cfg(not(unix))]
fn is_character_device(_: &std::fs::Metadata) -> bool {
    true
}
