//! What one attempt came to, and how it is said: the state, and the facts that belong to it.

use crate::hints;
use adieu::{
    Address, AttemptError, ConnectCause, ConnectError, Endpoint, ErrorMeaning, Report, ResolveError,
    SystemError,
};
use std::fmt::Write as _;
use std::io::ErrorKind;
use std::time::{Duration, SystemTime};

/// How much of what was received is shown, in bytes.
const SHOWN: usize = 200;

/// Whether it is open, or why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Somebody accepted the connection, spoke TLS with a certificate that is trusted if TLS was asked for, and answered as expected.
    Open,
    /// Nobody listens there.
    Refused,
    /// Nothing came back in time.
    NoAnswer,
    /// Nothing came back of UDP: somebody may receive there who has nothing to say, or a firewall swallows it.
    OpenOrFiltered,
    /// There is no such name, or it has no address.
    NameNotFound,
    /// No name server answered, so nobody knows.
    NameServerSilent,
    /// This machine has no way there.
    NoRoute,
    /// A permission or a firewall rule forbids it.
    Forbidden,
    /// There is no such socket file.
    NoSocket,
    /// There is a connection, and the TLS handshake failed.
    TlsFailure,
    /// The handshake was good, and the certificate expires too soon.
    CertificateExpires,
    /// What was received is not what was expected.
    NoMatch,
    /// The connection broke before that was known.
    Cut,
    /// The proxy cannot be reached, or said no.
    ProxyFailure,
    /// The system's answer is none of these.
    Failed,
    /// Our own system failed, which says nothing about the endpoint.
    LocalFailure,
}

impl State {
    #[cfg(test)]
    const ALL: [Self; 16] = [
        Self::Open,
        Self::Refused,
        Self::NoAnswer,
        Self::OpenOrFiltered,
        Self::NameNotFound,
        Self::NameServerSilent,
        Self::NoRoute,
        Self::Forbidden,
        Self::NoSocket,
        Self::TlsFailure,
        Self::CertificateExpires,
        Self::NoMatch,
        Self::Cut,
        Self::ProxyFailure,
        Self::Failed,
        Self::LocalFailure,
    ];

    /// As JSON has it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Refused => "refused",
            Self::NoAnswer => "no_answer",
            Self::OpenOrFiltered => "open_or_filtered",
            Self::NameNotFound => "name_not_found",
            Self::NameServerSilent => "name_server_silent",
            Self::NoRoute => "no_route",
            Self::Forbidden => "forbidden",
            Self::NoSocket => "no_socket",
            Self::TlsFailure => "tls_failure",
            Self::CertificateExpires => "certificate_expires",
            Self::NoMatch => "no_match",
            Self::Cut => "cut",
            Self::ProxyFailure => "proxy_failure",
            Self::Failed => "failed",
            Self::LocalFailure => "local_failure",
        }
    }

    /// In words.
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Refused => "refused",
            Self::NoAnswer => "no answer",
            Self::OpenOrFiltered => "no answer: open or filtered, UDP does not tell",
            Self::NameNotFound => "name not found",
            Self::NameServerSilent => "no answer of a name server",
            Self::NoRoute => "no route",
            Self::Forbidden => "forbidden",
            Self::NoSocket => "no such socket",
            Self::TlsFailure => "TLS failure",
            Self::CertificateExpires => "certificate expires",
            Self::NoMatch => "no match",
            Self::Cut => "cut",
            Self::ProxyFailure => "proxy failure",
            Self::Failed => "failed",
            Self::LocalFailure => "not checked",
        }
    }

    /// Whether the state alone does not say what happened.
    const fn needs_detail(self) -> bool {
        matches!(
            self,
            Self::Forbidden
                | Self::TlsFailure
                | Self::NoMatch
                | Self::Cut
                | Self::ProxyFailure
                | Self::Failed
                | Self::LocalFailure
        )
    }
}

/// What one attempt came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) state: State,
    /// How long it took until this was known.
    pub(super) took: Duration,
    /// The time of the whole run was up before that of the attempt, so an answer may have been on its way.
    pub(super) is_cut_short: bool,
    /// Another attempt would come to the same: our own options cannot be had.
    pub(super) is_for_good: bool,
    /// Rare: of 65,535 closed ports none has it.
    pub(super) facts: Option<Box<Facts>>,
}

/// What is known besides.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Facts {
    /// The whole sentence of what happened.
    pub(super) detail: Option<String>,
    pub(super) address: Option<Address>,
    pub(super) error: Option<SystemError>,
    pub(super) tls: Option<Tls>,
    /// The beginning of what was received, with escapes.
    pub(super) received: Option<String>,
    /// The server accepted the connection and reset it, without a byte or an end of its own.
    pub(super) is_reset_at_once: bool,
}

/// What TLS said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tls {
    pub(super) version: Option<&'static str>,
    pub(super) trust: Option<&'static str>,
    pub(super) subject: Option<String>,
    pub(super) not_after: Option<String>,
    pub(super) sha256: Option<String>,
    /// Whole days until the certificate expires; negative: since it has.
    pub(super) days_left: Option<i64>,
    /// How many there have to be. `None`: no resume was requested.
    pub(super) min_days: Option<u32>,
}

impl Outcome {
    pub(super) fn new(state: State) -> Self {
        Self { state, took: Duration::ZERO, is_cut_short: false, is_for_good: false, facts: None }
    }

    pub(super) fn is_open(&self) -> bool {
        self.state == State::Open
    }

    pub(super) fn took(mut self, took: Duration) -> Self {
        self.took = took;
        self
    }

    /// Of an attempt that had to resolve a name: if time was up before that, it is the name server that has not answered.
    pub(super) fn without_addresses(mut self, report: &Report) -> Self {
        if self.state == State::NoAnswer && report.resolved_after.is_none() {
            self.state = State::NameServerSilent;
            self = self.with_detail("the name was not resolved in time");
        }
        self
    }

    /// Where silence is all that it has met, it may have been too short.
    pub(super) fn cut_short(mut self, is_so: bool) -> Self {
        self.is_cut_short =
            is_so && matches!(self.state, State::NoAnswer | State::OpenOrFiltered | State::NameServerSilent);
        self
    }

    fn facts(&mut self) -> &mut Facts {
        self.facts.get_or_insert_default()
    }

    pub(super) fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.facts().detail = Some(detail.into());
        self
    }

    pub(super) fn with_received(mut self, received: &[u8]) -> Self {
        if !received.is_empty() {
            self.facts().received = Some(beginning(received));
        }
        self
    }

    pub(super) fn at(mut self, address: Option<&Address>) -> Self {
        if let Some(address) = address.filter(|address| address.is_named()) {
            self.facts().address = Some(address.clone());
        }
        self
    }

    /// The server accepted the connection, and reset it without having said anything.
    pub(super) fn reset_at_once(mut self) -> Self {
        self.facts().is_reset_at_once = true;
        self
    }

    /// The same of a reset that our system has told in place of the connection. `accepts`: a connection is all that was asked for.
    pub(super) fn open_if_reset_at_once(self, accepts: bool) -> Self {
        if !accepts || self.state != State::Cut {
            return self;
        }
        Self::new(State::Open).took(self.took).reset_at_once()
    }

    fn with_error(mut self, error: Option<&SystemError>) -> Self {
        if let Some(error) = error {
            self.facts().error = Some(error.clone());
        }
        self
    }

    /// What a system said of a datagram of ours.
    pub(super) fn of_datagram(error: &SystemError) -> Self {
        Self::new(of_system(error)).with_detail(error.to_string()).with_error(Some(error))
    }

    /// Our own system failed.
    pub(super) fn of_ours(error: &SystemError) -> Self {
        Self::new(State::LocalFailure).with_detail(error.to_string()).with_error(Some(error))
    }

    /// What the report of its connection says of TLS. A certificate that expires too soon is not what was asked for.
    pub(super) fn with_tls(mut self, report: &Report, min_days: Option<u32>) -> Self {
        let days_left =
            report.tls_peer_not_after.as_deref().and_then(|end| days_until(end, SystemTime::now()));
        match (self.state, days_left, min_days) {
            (State::Open, Some(left), Some(least)) if left < i64::from(least) => {
                self.state = State::CertificateExpires;
            }
            (State::Open, None, Some(_)) => {
                self.state = State::TlsFailure;
                self = self.with_detail("when the certificate expires cannot be read");
            }
            _ => {}
        }
        self.facts().tls = Some(Tls {
            version: report.tls_version.map(adieu::tls::Version::name),
            trust: report.tls_trust.map(adieu::tls::Trust::name),
            subject: report.tls_peer_subject.clone(),
            not_after: report.tls_peer_not_after.clone(),
            sha256: report.tls_peer_sha256.clone(),
            days_left,
            min_days,
        });
        self
    }

    /// Why there is no connection.
    pub(super) fn of_failure(error: &ConnectError, is_tls: bool) -> Self {
        let report = error.report();
        // There was a connection, and no end of its handshake.
        let is_handshake = is_tls && report.peer_address.is_some();
        let mut outcome = match error.cause() {
            ConnectCause::TimedOut(_) if is_handshake && report.proxy.is_none() => {
                Self::new(State::TlsFailure).with_detail("the handshake was not answered in time")
            }
            cause => Self::of_cause(cause, error.endpoint()),
        };
        if outcome.state == State::TlsFailure {
            outcome = outcome.at(report.peer_address.as_ref());
            if report.tls_peer_sha256.is_some() {
                outcome = outcome.with_tls(report, None);
            }
        }
        outcome
    }

    fn of_cause(cause: &ConnectCause, endpoint: &Endpoint) -> Self {
        let detail = || cause.words().called(hints::option).to_string();
        match cause {
            ConnectCause::Resolve(error) => {
                let state = match error {
                    ResolveError::NotFound(_)
                    | ResolveError::NoAddress
                    | ResolveError::UnknownZone { .. } => State::NameNotFound,
                    ResolveError::Unanswered(_) => State::NameServerSilent,
                    ResolveError::Exhausted(_) | ResolveError::ThreadDied => State::LocalFailure,
                    _ => State::Failed,
                };
                Self::new(state).with_detail(detail()).with_error(error.system())
            }
            ConnectCause::Attempts(attempts) => {
                let errors = || attempts.iter().map(|attempt| &attempt.error);
                let (state, told) = of_attempts(errors());
                let outcome = Self::new(state).with_error(told);
                match (state, attempts.len()) {
                    // Of one address "refused" says it all.
                    (State::Refused, 1) => outcome,
                    _ => outcome.with_detail(detail()),
                }
            }
            ConnectCause::TimedOut(_) => {
                let outcome = Self::new(State::NoAnswer);
                match endpoint {
                    Endpoint::Unix { .. } | Endpoint::UnixAbstract { .. } => {
                        outcome.with_detail("the server's backlog is full")
                    }
                    _ => outcome.with_detail(detail()),
                }
            }
            ConnectCause::Tls(_) => Self::new(State::TlsFailure).with_detail(detail()),
            ConnectCause::ProxyUnreachable { .. } | ConnectCause::Proxy { .. } => {
                Self::new(State::ProxyFailure).with_detail(detail())
            }
            ConnectCause::System(error) => {
                Self::new(State::LocalFailure).with_detail(detail()).with_error(Some(error))
            }
            ConnectCause::TlsSetup(_) | ConnectCause::Option(_) => {
                let outcome = Self::new(State::LocalFailure).with_detail(detail());
                Self { is_for_good: true, ..outcome }
            }
            ConnectCause::Interrupted => Self::new(State::LocalFailure).with_detail(detail()),
            _ => Self::new(State::Failed).with_detail(detail()),
        }
    }
}

/// What stands for all the addresses that were tried: what says most about the endpoint.
fn of_attempts<'a>(
    errors: impl Iterator<Item = &'a AttemptError> + Clone,
) -> (State, Option<&'a SystemError>) {
    let each = errors.map(|error| (of_attempt(error), error.system()));
    each.min_by_key(|(state, _)| rank(*state)).unwrap_or((State::Failed, None))
}

/// Of what several addresses said: the lower says more about the endpoint.
pub(super) const fn rank(state: State) -> u8 {
    match state {
        State::Open => 0,
        State::LocalFailure => 1,
        State::NoMatch => 2,
        State::OpenOrFiltered => 3,
        State::Refused => 4,
        State::NoAnswer => 5,
        State::NoSocket | State::Forbidden => 6,
        State::NoRoute => 8,
        _ => 7,
    }
}

fn of_attempt(error: &AttemptError) -> State {
    match error {
        AttemptError::NoAnswer | AttemptError::ProxySilent => State::NoAnswer,
        AttemptError::Forbidden(_) | AttemptError::Exhausted(_) => State::LocalFailure,
        other if other.kind() == ErrorKind::TimedOut => State::NoAnswer,
        // Somebody accepted it, and broke it off before we had seen that.
        other if other.kind() == ErrorKind::ConnectionReset => State::Cut,
        other => other.system().map_or(State::Failed, of_system),
    }
}

/// What a system said of an address.
fn of_system(error: &SystemError) -> State {
    match error.meaning() {
        Some(ErrorMeaning::Refused) => State::Refused,
        Some(ErrorMeaning::Unreachable) => State::NoRoute,
        Some(ErrorMeaning::NoSuchFile | ErrorMeaning::NotADirectory) => State::NoSocket,
        Some(ErrorMeaning::Forbidden | ErrorMeaning::NotPermitted) => State::Forbidden,
        _ => State::Failed,
    }
}

/// Whole days from `now` until a moment as a certificate's report has it.
fn days_until(end: &str, now: SystemTime) -> Option<i64> {
    const DAY: u64 = 24 * 60 * 60;
    let end = humantime::parse_rfc3339(end).ok()?;
    Some(match end.duration_since(now) {
        Ok(left) => i64::try_from(left.as_secs() / DAY).unwrap_or(i64::MAX),
        Err(ago) => -i64::try_from(ago.duration().as_secs().div_ceil(DAY)).unwrap_or(i64::MAX),
    })
}

impl Tls {
    fn words(&self) -> Option<String> {
        let left = self.days_left?;
        let days = |n: i64| if n == 1 { "1 day".to_owned() } else { format!("{n} days") };
        let mut words = match left {
            0 => "certificate expires within a day".to_owned(),
            1.. => format!("certificate expires in {}", days(left)),
            _ => format!("certificate expired {} ago", days(-left)),
        };
        if let Some(least) = self.min_days.filter(|least| left < i64::from(*least)) {
            let _ = write!(words, ", fewer than --min-days {least}");
        }
        Some(words)
    }
}

/// How often, and for how long, it was tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tries {
    pub(super) attempts: u32,
    /// From the first attempt's beginning to the last one's end.
    pub(super) waited: Duration,
}

/// The state in words, with what belongs to it, and without times.
pub(super) fn sentence(endpoint: &Endpoint, outcome: &Outcome) -> String {
    let none = Facts::default();
    let facts = outcome.facts.as_deref().unwrap_or(&none);
    let certificate = facts.tls.as_ref().and_then(Tls::words);
    let mut text = match (outcome.state, &certificate) {
        (State::CertificateExpires, Some(words)) => return words.clone(),
        (state, _) => state.words().to_owned(),
    };
    if outcome.is_open() {
        if let Some(address) = facts.address.as_ref().filter(|address| !says(endpoint, address)) {
            let _ = write!(text, " at {address}");
        }
        if let Some(words) = certificate {
            let _ = write!(text, ", {words}");
        }
        if facts.is_reset_at_once {
            text += ", but the server reset the connection at once";
        }
    } else if outcome.state.needs_detail()
        && let Some(detail) = &facts.detail
    {
        let _ = write!(text, ": {detail}");
    }
    text
}

/// The beginning of what was received: one line, with escapes for what is no text.
pub(super) fn beginning(received: &[u8]) -> String {
    let text = adieu::shown(&received[..received.len().min(SHOWN)]);
    if received.len() > SHOWN { format!("{text}…") } else { text }
}

/// Whether an endpoint was written as this address.
fn says(endpoint: &Endpoint, address: &Address) -> bool {
    let (endpoint, address) = (endpoint.to_string(), address.to_string());
    let bare = endpoint.strip_prefix("tls://").or(endpoint.strip_prefix("udp://"));
    bare.unwrap_or(&endpoint) == address
}

/// The line for people.
pub(super) fn line(endpoint: &Endpoint, outcome: &Outcome, tries: Tries) -> String {
    let mut text = format!("{endpoint}: {} ({}", sentence(endpoint, outcome), span(outcome.took));
    if tries.attempts > 1 {
        let _ = write!(text, "; attempt {}, after {}", tries.attempts, span(tries.waited));
    }
    text.push(')');
    adieu::shown(text.as_bytes())
}

/// A span of time as a line has it.
fn span(span: Duration) -> String {
    if span < Duration::from_secs(1) {
        format!("{:.1} ms", span.as_secs_f64() * 1000.0)
    } else {
        format!("{:.1} s", span.as_secs_f64())
    }
}

/// One line of JSON. Described by docs/check.schema.json.
#[derive(Debug, serde::Serialize)]
struct Json<'a> {
    check_version: u32,
    event: &'static str,
    at: String,
    endpoint: String,
    open: bool,
    state: &'static str,
    message: String,
    elapsed_us: u64,
    attempts: u32,
    waited_us: u64,
    detail: Option<&'a str>,
    peer_address: Option<String>,
    error_name: Option<&'a str>,
    error_code: Option<i32>,
    received: Option<&'a str>,
    reset_at_once: bool,
    tls_version: Option<&'static str>,
    tls_trust: Option<&'static str>,
    tls_peer_subject: Option<&'a str>,
    tls_peer_not_after: Option<&'a str>,
    tls_peer_sha256: Option<&'a str>,
    tls_days_left: Option<i64>,
}

/// The line of JSON.
pub(super) fn json(endpoint: &Endpoint, outcome: &Outcome, tries: Tries) -> String {
    let none = Facts::default();
    let facts = outcome.facts.as_deref().unwrap_or(&none);
    let tls = facts.tls.as_ref();
    let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    crate::said::json(&Json {
        check_version: 1,
        event: "checked",
        at: crate::said::now(),
        endpoint: endpoint.to_string(),
        open: outcome.is_open(),
        state: outcome.state.name(),
        message: sentence(endpoint, outcome),
        elapsed_us: micros(outcome.took),
        attempts: tries.attempts,
        waited_us: micros(tries.waited),
        detail: facts.detail.as_deref(),
        peer_address: facts.address.as_ref().map(ToString::to_string),
        error_name: facts.error.as_ref().and_then(|error| error.name.as_deref()),
        error_code: facts.error.as_ref().and_then(|error| error.code),
        received: facts.received.as_deref(),
        reset_at_once: facts.is_reset_at_once,
        tls_version: tls.and_then(|tls| tls.version),
        tls_trust: tls.and_then(|tls| tls.trust),
        tls_peer_subject: tls.and_then(|tls| tls.subject.as_deref()),
        tls_peer_not_after: tls.and_then(|tls| tls.not_after.as_deref()),
        tls_peer_sha256: tls.and_then(|tls| tls.sha256.as_deref()),
        tls_days_left: tls.and_then(|tls| tls.days_left),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_whole_ones_and_never_too_many() {
        let at = |text| humantime::parse_rfc3339(text).expect("a moment");
        let now = at("2030-01-10T12:00:00Z");
        for (end, days) in [
            ("2030-01-24T12:00:00Z", 14),
            ("2030-01-24T11:59:59Z", 13),
            ("2030-01-10T12:00:01Z", 0),
            ("2030-01-10T12:00:00Z", 0),
            ("2030-01-10T11:59:59Z", -1),
            ("2030-01-08T12:00:00Z", -2),
        ] {
            assert_eq!(days_until(end, now), Some(days), "{end}");
        }
        assert_eq!(days_until("never", now), None);
    }

    #[test]
    fn the_schema_knows_every_state() {
        let schema: serde_json::Value =
            serde_json::from_str(include_str!("../../../../../docs/check.schema.json")).expect("it is JSON");
        let known: Vec<&str> = schema["properties"]["state"]["enum"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(serde_json::Value::as_str)
            .collect();
        assert_eq!(known, State::ALL.map(State::name));
    }

    #[test]
    fn a_line_says_the_state_and_the_time() {
        let endpoint = Endpoint::tcp("127.0.0.1", 22);
        let once = Tries { attempts: 1, waited: Duration::ZERO };
        let open = Outcome::new(State::Open).took(Duration::from_micros(1234));
        assert_eq!(line(&endpoint, &open, once), "127.0.0.1:22: open (1.2 ms)");
        let again = Tries { attempts: 7, waited: Duration::from_millis(3440) };
        assert_eq!(line(&endpoint, &open, again), "127.0.0.1:22: open (1.2 ms; attempt 7, after 3.4 s)");
        let found =
            open.clone().at(Some(&"10.0.0.5:22".parse::<std::net::SocketAddr>().expect("one").into()));
        let name = Endpoint::tcp("db", 22);
        assert_eq!(line(&name, &found, once), "db:22: open at 10.0.0.5:22 (1.2 ms)");
        let reset = "db:22: open at 10.0.0.5:22, but the server reset the connection at once (1.2 ms)";
        assert_eq!(line(&name, &found.clone().reset_at_once(), once), reset);
        let refused = Outcome::new(State::Refused).took(Duration::from_secs(2));
        assert_eq!(line(&endpoint, &refused, once), "127.0.0.1:22: refused (2.0 s)");
    }
}
