//! What a connection carries, as far as it says whether its messages were whole: TLS to its close_notify, HTTP/1 to the
//! length that it promised.
//!
//! The observers get the octets of each direction in order, with the gaps told. Nothing is decrypted. A connection that
//! carries anything else costs a look at the first octets of each segment, because TLS can begin late (STARTTLS, CONNECT,
//! a PROXY header).

mod http1;
mod reassembly;
mod tls;
mod words;

pub(crate) use self::words::{Notified, Protocol, Told};
pub use self::words::{Shortfall, TlsVersion};
use self::{
    http1::Messages,
    reassembly::{At, Reassembly, Sink},
    tls::Records,
};
use crate::segment::Segment;

/// How many requests may wait for their answers.
const MOST_REQUESTS: usize = 256;

/// The content of a connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Conversation {
    state: State,
}

#[derive(Clone, Debug, Default)]
enum State {
    /// No payload yet.
    #[default]
    Undecided,
    /// The first octets are missing, and what came tells no protocol.
    Unseen,
    /// Neither TLS nor HTTP/1.
    Other,
    Tls(Box<Followed<Records>>),
    Http1(Box<Followed<Messages>>),
}

/// Both directions of a protocol that is followed.
#[derive(Clone, Debug)]
struct Followed<T> {
    streams: [Reassembly; 2],
    sinks: [T; 2],
    /// The side that began: sent the ClientHello, or the requests. `None`: the capture begins later.
    opener: Option<usize>,
}

impl<T: Sink + Default> Followed<T> {
    fn new(opener: Option<usize>) -> Self {
        Self { streams: <[Reassembly; 2]>::default(), sinks: <[T; 2]>::default(), opener }
    }

    fn take(&mut self, side: usize, position: i64, segment: &Segment<'_>, at: At) {
        let stream = &mut self.streams[side];
        if !stream.has_begun() {
            stream.begin(position);
        }
        stream.take(position, segment.payload, segment.payload_len, at, &mut self.sinks[side]);
    }

    /// How many octets both directions keep.
    fn held(&self) -> usize {
        let streams: usize = self.streams.iter().map(Reassembly::held).sum();
        streams + self.sinks.iter().map(Sink::held).sum::<usize>()
    }

    /// Lets go of the octets that both directions keep.
    fn let_go(&mut self) {
        for (stream, sink) in self.streams.iter_mut().zip(&mut self.sinks) {
            stream.let_go(sink);
            sink.let_go();
        }
    }

    /// Nothing more comes. The directions end at `ends`, as far as is known.
    fn finish(&mut self, ends: [i64; 2]) {
        for (side, end) in ends.into_iter().enumerate() {
            self.streams[side].finish(end, &mut self.sinks[side]);
        }
    }
}

impl Conversation {
    /// Takes a payload of side `side`, 0 or 1, that begins at `position`. The direction begins there, if `first` says so.
    /// `peer_ended`: its sender has acknowledged the other side's FIN.
    pub(crate) fn on_payload(
        &mut self,
        side: usize,
        position: i64,
        segment: &Segment<'_>,
        first: bool,
        peer_ended: bool,
    ) {
        let at = At { frame: segment.frame, peer_ended };
        let hello = tls::is_hello(segment.payload);
        match &mut self.state {
            State::Tls(followed) => return followed.take(side, position, segment, at),
            State::Http1(followed) => {
                let http = !hello || followed.streams[side].has_begun() && !followed.sinks[side].is_opaque();
                if http {
                    return take_http(followed, side, position, segment, at);
                }
            }
            State::Undecided | State::Unseen | State::Other => {}
        }
        if hello {
            let client = segment.payload.get(5) == Some(&1);
            let mut followed = Box::new(Followed::new(Some(if client { side } else { 1 - side })));
            followed.take(side, position, segment, at);
            self.state = State::Tls(followed);
        } else if matches!(self.state, State::Undecided) {
            self.decide(side, position, segment, first, at);
        }
    }

    /// Decides by the first payload that is no TLS handshake.
    fn decide(&mut self, side: usize, position: i64, segment: &Segment<'_>, first: bool, at: At) {
        let opener = match segment.payload {
            octets if http1::is_request(octets) => side,
            octets if http1::is_response(octets) => 1 - side,
            octets if !first && tls::is_record(octets) => {
                let mut followed = Box::new(Followed::new(None));
                followed.take(side, position, segment, at);
                self.state = State::Tls(followed);
                return;
            }
            _ => {
                self.state = if first { State::Other } else { State::Unseen };
                return;
            }
        };
        let mut followed = Box::new(Followed::<Messages>::new(Some(opener)));
        followed.sinks[1 - opener].responses = true;
        take_http(&mut followed, side, position, segment, at);
        self.state = State::Http1(followed);
    }

    /// How many octets of payload are kept: what waits for octets before it, and the beginning of a message's head.
    pub(crate) fn held(&self) -> usize {
        match &self.state {
            State::Undecided | State::Unseen | State::Other => 0,
            State::Tls(followed) => followed.held(),
            State::Http1(followed) => followed.held(),
        }
    }

    /// Lets go of the octets that are kept: what is missing before them is a gap.
    pub(crate) fn let_go(&mut self) {
        match &mut self.state {
            State::Undecided | State::Unseen | State::Other => {}
            State::Tls(followed) => followed.let_go(),
            State::Http1(followed) => followed.let_go(),
        }
    }

    /// The side that is the client by what it says. `None`: the content does not tell.
    pub(crate) fn client(&self) -> Option<usize> {
        match &self.state {
            State::Tls(followed) => followed.opener,
            State::Http1(followed) => followed.opener,
            State::Undecided | State::Unseen | State::Other => None,
        }
    }

    /// The server's name that a TLS client asked for (SNI).
    pub(crate) fn server_name(&self) -> Option<&str> {
        match &self.state {
            State::Tls(followed) => followed.opener.and_then(|opener| followed.sinks[opener].server_name()),
            _ => None,
        }
    }

    /// How many octets at the end of what `side` sent are a TLS alert, which no program reads.
    pub(crate) fn alert_octets(&self, side: usize) -> u64 {
        match &self.state {
            State::Tls(followed) => {
                let number = followed.opener.and_then(|opener| followed.sinks[1 - opener].number());
                followed.sinks[side].alert_octets(number)
            }
            _ => 0,
        }
    }

    /// What the conversation comes to, if nothing more follows. The octets of its sides, 0 and 1, end at `ends`.
    pub(crate) fn told(&self, ends: [i64; 2]) -> Told {
        match &self.state {
            State::Undecided | State::Unseen => Told::default(),
            State::Other => Told { protocol: Protocol::Other, ..Told::default() },
            State::Tls(followed) => {
                let mut followed = followed.clone();
                followed.finish(ends);
                if followed.opener.is_some_and(|opener| followed.sinks[1 - opener].is_foreign()) {
                    // A ClientHello to a server that does not speak TLS.
                    return Told { protocol: Protocol::Other, ..Told::default() };
                }
                let session = tls::session(&followed.sinks, followed.opener);
                Told {
                    protocol: Protocol::Tls,
                    version: session.version,
                    notified: session.notified,
                    encrypted: session.encrypted,
                    broke_off: session.broke_off,
                    complete: session.complete,
                    spoke_after: session.spoke_after,
                    short: [None; 2],
                    is_http: false,
                }
            }
            State::Http1(followed) => {
                let mut followed = followed.clone();
                followed.finish(ends);
                let short = [followed.sinks[0].shortfall(), followed.sinks[1].shortfall()];
                let is_http = followed.sinks.iter().any(Messages::has_head);
                Told { protocol: Protocol::Http1, short, is_http, ..Told::default() }
            }
        }
    }
}

/// Takes a payload of an HTTP/1 connection: the answers are framed by what was asked.
fn take_http(followed: &mut Followed<Messages>, side: usize, position: i64, segment: &Segment<'_>, at: At) {
    followed.take(side, position, segment, at);
    if followed.opener == Some(side) {
        let [low, high] = &mut followed.sinks;
        let (asks, answers) = if side == 0 { (low, high) } else { (high, low) };
        answers.methods.append(&mut asks.methods);
        if answers.methods.len() > MOST_REQUESTS {
            answers.lose();
            asks.lose();
        }
    }
}
