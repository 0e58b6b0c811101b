//! The committed JSON schemas of docs/, and whether what a program wrote fits them.

use jsonschema::{Retrieve, Uri, Validator};
use serde_json::Value;

/// Each by its name without `.schema.json`.
const ALL: [(&str, &str); 13] = [
    ("check", include_str!("../../../docs/check.schema.json")),
    ("events", include_str!("../../../docs/events.schema.json")),
    ("explain", include_str!("../../../docs/explain.schema.json")),
    ("explain-both", include_str!("../../../docs/explain-both.schema.json")),
    ("explain-code", include_str!("../../../docs/explain-code.schema.json")),
    ("explain-compare", include_str!("../../../docs/explain-compare.schema.json")),
    ("explain-live", include_str!("../../../docs/explain-live.schema.json")),
    ("explain-summary", include_str!("../../../docs/explain-summary.schema.json")),
    ("relay-log", include_str!("../../../docs/relay-log.schema.json")),
    ("relay-report", include_str!("../../../docs/relay-report.schema.json")),
    ("report", include_str!("../../../docs/report.schema.json")),
    ("selftest", include_str!("../../../docs/selftest.schema.json")),
    ("transfer-report", include_str!("../../../docs/transfer-report.schema.json")),
];

/// One of the schemas, ready to hold values against.
#[derive(Debug)]
pub struct Schema(Validator);

impl Schema {
    /// The schema of this name, as in `report` or `transfer-report`.
    ///
    /// # Panics
    ///
    /// If there is none, or it is no schema.
    pub fn of(name: &str) -> Self {
        let schema = read(name).unwrap_or_else(|error| panic!("{error}"));
        let validator = jsonschema::options().with_retriever(Beside).build(&schema);
        Self(validator.unwrap_or_else(|error| panic!("{name} is no schema: {error}")))
    }

    /// What does not fit, and where. Empty: the value fits.
    pub fn faults(&self, value: &Value) -> Vec<String> {
        self.0.iter_errors(value).map(|error| format!("{error} at {}", error.instance_path())).collect()
    }

    /// Whether the value fits.
    pub fn is_valid(&self, value: &Value) -> bool {
        self.0.is_valid(value)
    }

    /// Reads a line of JSON, which must fit.
    ///
    /// # Panics
    ///
    /// If it is not JSON, or does not fit: with every fault.
    #[track_caller]
    pub fn checked(&self, line: &str) -> Value {
        let value: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line:?}"));
        let faults = self.faults(&value);
        assert!(faults.is_empty(), "{faults:?} in {line}");
        value
    }
}

fn read(name: &str) -> Result<Value, String> {
    let (_, schema) = ALL.iter().find(|(known, _)| *known == name).ok_or(format!("no schema {name}"))?;
    serde_json::from_str(schema).map_err(|error| format!("{name}: {error}"))
}

/// Reads the schema that another names by a path beside its own.
struct Beside;

impl Retrieve for Beside {
    fn retrieve(&self, uri: &Uri<String>) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        let name = uri.as_str().strip_prefix("https://adieu.invalid/docs/");
        let name = name.and_then(|name| name.strip_suffix(".schema.json")).ok_or("not beside it")?;
        Ok(read(name)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_schema_is_one_and_refuses_what_is_not_its_own() {
        for (name, _) in ALL {
            let schema = Schema::of(name);
            let other = serde_json::json!({"a": 1});
            assert!(!schema.is_valid(&other) && !schema.faults(&other).is_empty(), "{name}");
        }
    }
}
