//! The report of a relay as JSON: an object whose keys and values `docs/relay-report.schema.json` describes.
//!
//! How a cut connection ended stands in its report alone, so a direction's end has no more than a name. Reading puts the two
//! together again. A name that this version does not know is an error; keys that it does not know are left alone.

use super::{Direction, DirectionEnd, RelayReport};
use crate::Report;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;

/// The version of the JSON form.
const VERSION: u32 = 1;

/// The object. Reports are borrowed where one is written.
#[derive(Serialize, Deserialize)]
struct Json<'a> {
    relay_report_version: u32,
    graceful: bool,
    message: Cow<'a, str>,
    a: Cow<'a, Report>,
    b: Cow<'a, Report>,
    a_to_b: JsonDirection<'a>,
    b_to_a: JsonDirection<'a>,
}

#[derive(Serialize, Deserialize)]
struct JsonDirection<'a> {
    end: Cow<'a, str>,
    bytes_received: u64,
    bytes_accepted: u64,
    bytes_acknowledged: Option<u64>,
}

const WHOLE: &str = "whole";
const CUT_AT_SOURCE: &str = "cut_at_source";
const CUT_AT_SINK: &str = "cut_at_sink";

impl Serialize for RelayReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Json {
            relay_report_version: VERSION,
            graceful: self.is_graceful(),
            message: self.to_string().into(),
            a: Cow::Borrowed(&self.a),
            b: Cow::Borrowed(&self.b),
            a_to_b: JsonDirection::of(self.a_to_b),
            b_to_a: JsonDirection::of(self.b_to_a),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for RelayReport {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = Json::deserialize(deserializer)?;
        if json.relay_report_version != VERSION {
            let version = json.relay_report_version;
            return Err(D::Error::custom(format!(
                "relay_report_version {version} is not known, only {VERSION}"
            )));
        }
        let (a, b) = (Box::new(json.a.into_owned()), Box::new(json.b.into_owned()));
        let a_to_b = json.a_to_b.between(&a, &b).map_err(D::Error::custom)?;
        let b_to_a = json.b_to_a.between(&b, &a).map_err(D::Error::custom)?;
        Ok(Self { a, b, a_to_b, b_to_a })
    }
}

impl JsonDirection<'_> {
    fn of(direction: Direction) -> Self {
        let Direction { bytes_received, bytes_accepted, bytes_acknowledged, end } = direction;
        let end = match end {
            DirectionEnd::Whole => WHOLE,
            DirectionEnd::CutAtSource { .. } => CUT_AT_SOURCE,
            DirectionEnd::CutAtSink { .. } => CUT_AT_SINK,
        };
        Self { end: end.into(), bytes_received, bytes_accepted, bytes_acknowledged }
    }

    fn between(self, source: &Report, sink: &Report) -> Result<Direction, String> {
        let Self { end, bytes_received, bytes_accepted, bytes_acknowledged } = self;
        let end = match &*end {
            WHOLE => DirectionEnd::Whole,
            CUT_AT_SOURCE => DirectionEnd::CutAtSource { ending: source.ending() },
            CUT_AT_SINK => DirectionEnd::CutAtSink { ending: sink.ending() },
            other => return Err(format!("the end '{other}' is not known")),
        };
        Ok(Direction { bytes_received, bytes_accepted, bytes_acknowledged, end })
    }
}
