//! A report as JSON: one flat object, whose keys and values `docs/report.schema.json` describes.
//!
//! The enums come apart into a name and what belongs to it, durations become microseconds, addresses text. Reading puts
//! them together again. A name that this version does not know is an error that says which: what it would mean for the ending
//! is not known. Keys that it does not know are left alone, because the program adds some of its own.

use crate::time::since_epoch;
use crate::{
    Address, CommandEnd, Context, Datagrams, FastOpen, Report, Role, SystemError, TlsAlert, TlsFailure,
    TlsTrust, TlsVersion, Transport,
};
use adieu_proto::{Call, Ending, LocalEnd, Missing, Phase, Side, Signal, Timer};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::time::{Duration, SystemTime};

/// The version of the JSON form.
const VERSION: u32 = 1;

/// The object. Text is borrowed where a report is written.
#[derive(Serialize, Deserialize)]
struct Json<'a> {
    report_version: u32,
    ending: Cow<'a, str>,
    phase: Cow<'a, str>,
    exit_code: u8,
    message: Cow<'a, str>,
    reset_by: Option<Cow<'a, str>>,
    timer: Option<Cow<'a, str>>,
    local_end: Option<Cow<'a, str>>,
    missing: Option<Cow<'a, str>>,
    signal: Option<Cow<'a, str>>,
    error_call: Option<Cow<'a, str>>,
    error_code: Option<i32>,
    error_name: Option<Cow<'a, str>>,
    error: Option<Cow<'a, str>>,
    role: Option<Cow<'a, str>>,
    transport: Option<Cow<'a, str>>,
    fastopen: Option<Cow<'a, str>>,
    fastopen_bytes: Option<u64>,
    began_at: Cow<'a, str>,
    /// Not in what was written before there was this key.
    started_at: Option<Cow<'a, str>>,
    endpoint: Cow<'a, str>,
    proxy: Option<Cow<'a, str>>,
    local_address: Option<Cow<'a, str>>,
    peer_address: Option<Cow<'a, str>>,
    ended_first: Option<Cow<'a, str>>,
    peer_ended_after_us: Option<bool>,
    input_abandoned: bool,
    bytes_read: u64,
    bytes_accepted: u64,
    bytes_acknowledged: Option<u64>,
    bytes_unacknowledged: Option<u64>,
    bytes_received: u64,
    bytes_written: u64,
    bytes_discarded: u64,
    datagrams_sent: Option<u64>,
    datagrams_refused: Option<u64>,
    datagrams_received: Option<u64>,
    datagrams_ignored: Option<u64>,
    datagrams_dropped: Option<u64>,
    eof_received: bool,
    fin_acknowledged: Option<bool>,
    socket_error_clear: Option<bool>,
    end_mark_seen: Option<bool>,
    tls_version: Option<Cow<'a, str>>,
    tls_cipher_suite: Option<Cow<'a, str>>,
    tls_alpn: Option<Cow<'a, str>>,
    tls_trust: Option<Cow<'a, str>>,
    tls_peer_subject: Option<Cow<'a, str>>,
    tls_peer_not_after: Option<Cow<'a, str>>,
    tls_peer_sha256: Option<Cow<'a, str>>,
    tls_close_notify_sent: Option<bool>,
    tls_close_notify_received: Option<bool>,
    tls_alert: Option<Cow<'a, str>>,
    tls_failure: Option<Cow<'a, str>>,
    looks_like_tls: bool,
    resolved_us: Option<u64>,
    connected_us: Option<u64>,
    first_accepted_us: Option<u64>,
    first_received_us: Option<u64>,
    shutdown_send_us: Option<u64>,
    tls_secured_us: Option<u64>,
    tls_close_notify_us: Option<u64>,
    peer_eof_us: Option<u64>,
    acknowledged_us: Option<u64>,
    ended_us: u64,
    closed_us: Option<u64>,
    rtt_us: Option<u64>,
    retransmitted_segments: Option<u64>,
    command_exit_code: Option<i32>,
    command_signal: Option<i32>,
}

impl Serialize for Report {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let address = |address: &Option<Address>| {
            address.as_ref().filter(|address| address.is_named()).map(|address| address.to_string().into())
        };
        let started = since_epoch(self.started_at);
        let moment = SystemTime::UNIX_EPOCH + started;
        Json {
            report_version: VERSION,
            ending: self.ending.name().into(),
            phase: self.phase.name().into(),
            exit_code: self.exit_code(),
            message: self.to_string().into(),
            reset_by: named(self.reset_by()),
            timer: named(self.timer()),
            local_end: named(self.local_end()),
            missing: named(self.missing()),
            signal: named(self.signal()),
            error_call: named(self.error_call),
            error_code: self.error_code(),
            error_name: self.error_name().map(Cow::Borrowed),
            error: self.error.as_ref().map(|error| Cow::Borrowed(&*error.words)),
            role: named(self.role),
            transport: named(self.transport),
            fastopen: self.fast_open.map(|outcome| outcome.name().into()),
            fastopen_bytes: self.fast_open.map(FastOpen::bytes),
            began_at: humantime::format_rfc3339_millis(moment).to_string().into(),
            started_at: Some(humantime::format_rfc3339_micros(moment).to_string().into()),
            endpoint: Cow::Borrowed(&self.endpoint),
            proxy: self.proxy.as_ref().map(|proxy| proxy.to_string().into()),
            local_address: address(&self.local_address),
            peer_address: address(&self.peer_address),
            ended_first: named(self.ended_first),
            peer_ended_after_us: self.peer_ended_after_us,
            input_abandoned: self.input_abandoned,
            bytes_read: self.bytes_read,
            bytes_accepted: self.bytes_accepted,
            bytes_acknowledged: self.bytes_acknowledged,
            bytes_unacknowledged: self.bytes_unacknowledged,
            bytes_received: self.bytes_received,
            bytes_written: self.bytes_written,
            bytes_discarded: self.bytes_discarded,
            datagrams_sent: self.datagrams.map(|datagrams| datagrams.sent),
            datagrams_refused: self.datagrams.map(|datagrams| datagrams.refused),
            datagrams_received: self.datagrams.map(|datagrams| datagrams.received),
            datagrams_ignored: self.datagrams.map(|datagrams| datagrams.ignored),
            datagrams_dropped: self.datagrams.and_then(|datagrams| datagrams.dropped),
            eof_received: self.eof_received,
            fin_acknowledged: self.fin_acknowledged,
            socket_error_clear: self.socket_error_clear,
            end_mark_seen: self.end_mark_seen,
            tls_version: named(self.tls_version),
            tls_cipher_suite: text(self.tls_cipher_suite.as_ref()),
            tls_alpn: text(self.tls_alpn.as_ref()),
            tls_trust: named(self.tls_trust),
            tls_peer_subject: text(self.tls_peer_subject.as_ref()),
            tls_peer_not_after: text(self.tls_peer_not_after.as_ref()),
            tls_peer_sha256: text(self.tls_peer_sha256.as_ref()),
            tls_close_notify_sent: self.tls_close_notify_sent,
            tls_close_notify_received: self.tls_close_notify_received,
            tls_alert: self.tls_alert.map(|alert| alert.to_string().into()),
            tls_failure: named(self.tls_failure),
            looks_like_tls: self.looks_like_tls,
            resolved_us: self.resolved_after.map(micros),
            connected_us: self.connected_after.map(micros),
            first_accepted_us: self.first_accepted_after.map(micros),
            first_received_us: self.first_received_after.map(micros),
            shutdown_send_us: self.shutdown_send_after.map(micros),
            tls_secured_us: self.tls_secured_after.map(micros),
            tls_close_notify_us: self.tls_close_notify_after.map(micros),
            peer_eof_us: self.peer_eof_after.map(micros),
            acknowledged_us: self.acknowledged_after.map(micros),
            ended_us: micros(self.ended_after),
            closed_us: self.closed_after.map(micros),
            rtt_us: self.rtt.map(micros),
            retransmitted_segments: self.retransmitted_segments,
            command_exit_code: self.command.and_then(CommandEnd::code),
            command_signal: self.command.and_then(CommandEnd::signal),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Report {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = Json::deserialize(deserializer)?;
        if json.report_version != VERSION {
            let version = json.report_version;
            return Err(D::Error::custom(format!("report_version {version} is not known, only {VERSION}")));
        }
        let message = json.message.clone();
        let mut report = json.into_report().map_err(D::Error::custom)?;
        // The context has no key: it is the one with which the sentence is what was written.
        let contexts =
            [Context::Usual, Context::Given, Context::PeerSpoke, Context::OtherSideCut, Context::Binding];
        for context in contexts {
            report.context = context;
            if report.to_string() == message {
                return Ok(report);
            }
        }
        report.context = Context::Told(message.into_owned());
        Ok(report)
    }
}

impl Json<'_> {
    fn into_report(self) -> Result<Report, String> {
        let ending = self.ending()?;
        let text = |text: Option<Cow<'_, str>>| text.map(Cow::into_owned);
        let transport: Option<Transport> = optional("transport", self.transport.as_deref())?;
        let address = |text: Option<Cow<'_, str>>| match text.map(|text| text.parse::<Address>()) {
            Some(Ok(address)) => Some(address),
            // What has no name is not written.
            None => transport.is_some_and(Transport::is_unix).then_some(Address::Unnamed),
        };
        let error = self.error.map(|words| SystemError {
            code: self.error_code,
            name: self.error_name.map(|name| Cow::Owned(name.into_owned())),
            words: words.into_owned().into(),
        });
        let fast_open = match self.fastopen.as_deref() {
            None => None,
            Some(name) => {
                let all = FastOpen::all(self.fastopen_bytes.unwrap_or(0));
                let outcome = all.into_iter().find(|outcome| outcome.name() == name);
                Some(outcome.ok_or_else(|| unknown("fastopen", name))?)
            }
        };
        let alert = self.tls_alert.as_deref();
        let tls_alert = alert.map(|name| name.parse::<TlsAlert>().map_err(|()| unknown("tls_alert", name)));
        let proxy = self.proxy.as_deref().map(|text| text.parse().map_err(|_| unknown("proxy", text)));
        let moment = self.started_at.unwrap_or(self.began_at);
        let started_at = humantime::parse_rfc3339(&moment).map_err(|_| unknown("started_at", &moment))?;
        let after = |us: Option<u64>| us.map(Duration::from_micros);
        Ok(Report {
            ending,
            phase: required("phase", &self.phase)?,
            error_call: optional::<Call>("error_call", self.error_call.as_deref())?,
            error,
            role: optional::<Role>("role", self.role.as_deref())?,
            transport,
            fast_open,
            started_at,
            endpoint: self.endpoint.into_owned(),
            proxy: proxy.transpose()?,
            local_address: address(self.local_address),
            peer_address: address(self.peer_address),
            ended_first: optional("ended_first", self.ended_first.as_deref())?,
            peer_ended_after_us: self.peer_ended_after_us,
            input_abandoned: self.input_abandoned,
            bytes_read: self.bytes_read,
            bytes_accepted: self.bytes_accepted,
            bytes_acknowledged: self.bytes_acknowledged,
            bytes_unacknowledged: self.bytes_unacknowledged,
            bytes_received: self.bytes_received,
            bytes_written: self.bytes_written,
            bytes_discarded: self.bytes_discarded,
            datagrams: self.datagrams_sent.map(|sent| Datagrams {
                sent,
                refused: self.datagrams_refused.unwrap_or(0),
                received: self.datagrams_received.unwrap_or(0),
                ignored: self.datagrams_ignored.unwrap_or(0),
                dropped: self.datagrams_dropped,
            }),
            eof_received: self.eof_received,
            fin_acknowledged: self.fin_acknowledged,
            socket_error_clear: self.socket_error_clear,
            end_mark_seen: self.end_mark_seen,
            tls_version: optional::<TlsVersion>("tls_version", self.tls_version.as_deref())?,
            tls_cipher_suite: text(self.tls_cipher_suite),
            tls_alpn: text(self.tls_alpn),
            tls_trust: optional::<TlsTrust>("tls_trust", self.tls_trust.as_deref())?,
            tls_peer_subject: text(self.tls_peer_subject),
            tls_peer_not_after: text(self.tls_peer_not_after),
            tls_peer_sha256: text(self.tls_peer_sha256),
            tls_close_notify_sent: self.tls_close_notify_sent,
            tls_close_notify_received: self.tls_close_notify_received,
            tls_alert: tls_alert.transpose()?,
            tls_failure: optional::<TlsFailure>("tls_failure", self.tls_failure.as_deref())?,
            looks_like_tls: self.looks_like_tls,
            resolved_after: after(self.resolved_us),
            connected_after: after(self.connected_us),
            first_accepted_after: after(self.first_accepted_us),
            first_received_after: after(self.first_received_us),
            shutdown_send_after: after(self.shutdown_send_us),
            tls_secured_after: after(self.tls_secured_us),
            tls_close_notify_after: after(self.tls_close_notify_us),
            peer_eof_after: after(self.peer_eof_us),
            acknowledged_after: after(self.acknowledged_us),
            ended_after: Duration::from_micros(self.ended_us),
            closed_after: after(self.closed_us),
            rtt: after(self.rtt_us),
            retransmitted_segments: self.retransmitted_segments,
            command: match (self.command_exit_code, self.command_signal) {
                (Some(code), _) => Some(CommandEnd::Exited { code }),
                (None, signal) => signal.map(|signal| CommandEnd::Signalled { signal }),
            },
            context: Context::Usual,
        })
    }

    /// Puts the ending together: its name, and what belongs to it under a key of its own.
    fn ending(&self) -> Result<Ending, String> {
        let of = |key: &str| format!("an ending '{}' needs its {key}", self.ending);
        let endings = [
            Some(Ending::Graceful),
            Some(Ending::Connectionless),
            Some(Ending::Truncated),
            Some(Ending::NoConnection),
            optional("reset_by", self.reset_by.as_deref())?.map(|by| Ending::Reset { by }),
            optional("timer", self.timer.as_deref())?.map(|timer| Ending::TimedOut { timer }),
            optional("local_end", self.local_end.as_deref())?.map(|end| Ending::LocalFailure { end }),
            optional("signal", self.signal.as_deref())?.map(|signal| Ending::Interrupted { signal }),
            optional("missing", self.missing.as_deref())?.map(|missing| Ending::Indeterminate { missing }),
        ];
        if let Some(ending) = endings.into_iter().flatten().find(|ending| ending.name() == self.ending) {
            return Ok(ending);
        }
        // One of each that has something of its own, for its name.
        let key = [
            (Ending::Reset { by: Side::Us }, "reset_by"),
            (Ending::TimedOut { timer: Timer::Idle }, "timer"),
            (Ending::LocalFailure { end: LocalEnd::Input }, "local_end"),
            (Ending::Interrupted { signal: Signal::Interrupt }, "signal"),
            (Ending::Indeterminate { missing: Missing::Cause }, "missing"),
        ]
        .into_iter()
        .find(|(ending, _)| ending.name() == self.ending);
        Err(key.map_or_else(|| unknown("ending", &self.ending), |(_, key)| of(key)))
    }
}

fn text(text: Option<&String>) -> Option<Cow<'_, str>> {
    text.map(|text| Cow::Borrowed(text.as_str()))
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// An enum whose variants have names, all of them known.
trait Named: Copy + 'static {
    const EACH: &'static [Self];
    fn its_name(self) -> &'static str;
}

macro_rules! named {
    ($($type:ty),*) => {$(
        impl Named for $type {
            const EACH: &'static [Self] = Self::ALL;
            fn its_name(self) -> &'static str {
                self.name()
            }
        }
    )*};
}

named!(
    Call, LocalEnd, Missing, Phase, Role, Side, Signal, Timer, TlsFailure, TlsTrust, TlsVersion, Transport
);

fn named<T: Named>(value: Option<T>) -> Option<Cow<'static, str>> {
    value.map(|value| value.its_name().into())
}

fn required<T: Named>(key: &str, name: &str) -> Result<T, String> {
    T::EACH.iter().copied().find(|value| value.its_name() == name).ok_or_else(|| unknown(key, name))
}

fn optional<T: Named>(key: &str, name: Option<&str>) -> Result<Option<T>, String> {
    name.map(|name| required(key, name)).transpose()
}

fn unknown(key: &str, name: &str) -> String {
    format!("'{name}' is not known as {key}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::made;

    fn endings() -> Vec<Ending> {
        let mut endings =
            vec![Ending::Graceful, Ending::Connectionless, Ending::Truncated, Ending::NoConnection];
        endings.extend(Side::ALL.iter().map(|by| Ending::Reset { by: *by }));
        endings.extend(Timer::ALL.iter().map(|timer| Ending::TimedOut { timer: *timer }));
        endings.extend(LocalEnd::ALL.iter().map(|end| Ending::LocalFailure { end: *end }));
        endings.extend(Signal::ALL.iter().map(|signal| Ending::Interrupted { signal: *signal }));
        endings.extend(Missing::ALL.iter().map(|missing| Ending::Indeterminate { missing: *missing }));
        endings
    }

    fn full(report: &mut Report) {
        report.error_call = Some(Call::Receive);
        report.error = Some(SystemError::new(Some(104), Some("ECONNRESET"), "reset (ECONNRESET 104)"));
        report.transport = Some(Transport::Mptcp);
        report.fast_open = Some(FastOpen::Unanswered { bytes: 7 });
        report.proxy = "https://proxy:443".parse().ok();
        report.local_address = Some(Address::Socket(([127, 0, 0, 1], 1).into()));
        report.peer_address = "[fe80::1%2]:80".parse().ok();
        report.ended_first = Some(Side::Peer);
        report.tls_version = Some(TlsVersion::Tls13);
        report.tls_trust = Some(TlsTrust::CaFile);
        report.tls_alert = Some(TlsAlert(99));
        report.tls_failure = Some(TlsFailure::TimedOut);
        report.tls_close_notify_received = Some(false);
        report.tls_secured_after = Some(Duration::from_micros(5));
        report.command = Some(CommandEnd::Signalled { signal: 9 });
        report.rtt = Some(Duration::from_micros(1));
    }

    #[test]
    fn every_ending_is_read_as_it_was_written() {
        for ending in endings() {
            for role in Role::ALL {
                for phase in Phase::ALL {
                    let mut bare = made(*role);
                    (bare.ending, bare.phase) = (ending, *phase);
                    let mut all = bare.clone();
                    full(&mut all);
                    let mut of_datagrams = bare.clone();
                    of_datagrams.transport = Some(Transport::Udp);
                    let counted =
                        Datagrams { sent: 3, refused: 1, received: 2, ignored: 1, dropped: Some(4) };
                    of_datagrams.datagrams = Some(counted);
                    let mut bound = bare.clone();
                    bound.context = Context::Binding;
                    let mut told = bare.clone();
                    told.context = Context::Told("in the words of somebody else".into());
                    for report in [bare, all, of_datagrams, bound, told] {
                        let text = serde_json::to_string(&report).expect("plain data");
                        let read: Report = serde_json::from_str(&text).expect(&text);
                        assert_eq!(read, report, "{text}");
                        assert_eq!(read.to_string(), report.to_string());
                        assert_eq!(serde_json::to_string(&read).expect("plain data"), text);
                    }
                }
            }
        }
    }

    #[test]
    fn a_context_is_read_from_the_sentence() {
        for (ending, context) in [
            (Ending::TimedOut { timer: Timer::Idle }, Context::PeerSpoke),
            (Ending::Reset { by: Side::Us }, Context::OtherSideCut),
        ] {
            let mut report = made(Role::Connect);
            (report.ending, report.phase, report.context) = (ending, Phase::Sending, context);
            let text = serde_json::to_string(&report).expect("plain data");
            assert_eq!(serde_json::from_str::<Report>(&text).expect("it was just written"), report);
        }
    }

    #[test]
    fn every_name_is_read_and_no_other() {
        let json = serde_json::to_value(made(Role::Listen)).expect("plain data");
        for (key, name) in [
            ("ending", "splendid"),
            ("phase", "sleeping"),
            ("role", "referee"),
            ("transport", "carrier_pigeon"),
            ("tls_alert", "number 256"),
            ("tls_failure", "boredom"),
            ("fastopen", "maybe"),
            ("proxy", "ftp://proxy:21"),
            ("started_at", "yesterday"),
        ] {
            let mut json = json.clone();
            json[key] = name.into();
            let error = serde_json::from_value::<Report>(json).expect_err(key).to_string();
            assert!(error.contains(key) && error.contains(name), "{error}");
        }
        for (ending, key) in [("reset", "reset_by"), ("timed_out", "timer"), ("indeterminate", "missing")] {
            let mut json = json.clone();
            json["ending"] = ending.into();
            let error = serde_json::from_value::<Report>(json).expect_err(key).to_string();
            assert!(error.contains(key), "{error}");
        }
        for failure in TlsFailure::ALL {
            assert_eq!(required("tls_failure", failure.name()), Ok(*failure));
        }
        for number in 0..=u8::MAX {
            assert_eq!(TlsAlert(number).to_string().parse(), Ok(TlsAlert(number)));
        }
    }

    #[test]
    fn what_the_program_adds_is_left_alone_and_what_is_older_is_read() {
        let report = made(Role::Listen);
        let mut json = serde_json::to_value(&report).expect("plain data");
        json["event"] = "ended".into();
        json["hint"] = "look".into();
        assert_eq!(serde_json::from_value::<Report>(json.clone()).expect("keys are left alone"), report);
        json.as_object_mut().expect("an object").remove("started_at");
        let old: Report = serde_json::from_value(json.clone()).expect("began_at is there");
        assert!(old.started_at <= report.started_at);
        json["report_version"] = 2.into();
        let error = serde_json::from_value::<Report>(json).expect_err("nobody knows it").to_string();
        assert!(error.contains("report_version 2"), "{error}");
    }

    #[test]
    fn an_unnamed_client_of_a_unix_socket_has_no_address() {
        let mut report = made(Role::Listen);
        report.transport = Some(Transport::Unix);
        report.local_address = Some(Address::Path("/run/app.sock".into()));
        report.peer_address = Some(Address::Unnamed);
        let json = serde_json::to_value(&report).expect("plain data");
        assert!(json["peer_address"].is_null() && json["local_address"] == "unix:/run/app.sock");
        assert_eq!(serde_json::from_value::<Report>(json).expect("it was just written"), report);
    }

    #[test]
    fn the_start_has_milliseconds_under_its_old_name_and_microseconds_under_its_new() {
        let mut report = made(Role::Connect);
        report.started_at = SystemTime::UNIX_EPOCH + Duration::from_micros(1_234_567);
        let json = serde_json::to_value(&report).expect("plain data");
        assert_eq!(json["began_at"], "1970-01-01T00:00:01.234Z");
        assert_eq!(json["started_at"], "1970-01-01T00:00:01.234567Z");
    }
}
