//! A relay at work, and what it told of its connections.

use super::shape::Shape;
use adieu_peer::tls::peer::Address;
use serde_json::Value;
use std::io;
use std::path::Path;

/// What a relay told of one connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// How the whole ended.
    pub ending: String,
    /// How the client's side did.
    pub client_ending: String,
    /// How the upstream side did.
    pub upstream_ending: String,
    /// Bytes from the client: received, and of these how many were handed on. `None`: it cannot tell.
    pub up: (u64, Option<u64>),
    /// Bytes for the client.
    pub down: (u64, Option<u64>),
}

impl Told {
    /// What an object of the report's kind says: [`adieu::RelayReport`](https://docs.rs/adieu)'s JSON.
    pub fn from_report(report: &Value) -> Self {
        let word = |side: &str| report[side]["ending"].as_str().unwrap_or_default().to_owned();
        let [client_ending, upstream_ending] = ["a", "b"].map(word);
        let is_graceful = report["graceful"].as_bool() == Some(true);
        let bytes = |way: &str| {
            let of = |key| report[way][key].as_u64();
            (of("bytes_received").unwrap_or(u64::MAX), of("bytes_accepted"))
        };
        let worst = if client_ending == "graceful" { &upstream_ending } else { &client_ending };
        let ending = if is_graceful { "graceful".to_owned() } else { worst.clone() };
        Self { ending, client_ending, upstream_ending, up: bytes("a_to_b"), down: bytes("b_to_a") }
    }

    /// What a line of the log of `adieu relay` says.
    pub fn from_log(line: &Value) -> Self {
        let word = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
        let bytes = |from: &str, to: &str| (line[from].as_u64().unwrap_or(u64::MAX), line[to].as_u64());
        Self {
            ending: word("ending"),
            client_ending: word("client_ending"),
            upstream_ending: word("upstream_ending"),
            up: bytes("bytes_from_client", "bytes_to_upstream"),
            down: bytes("bytes_from_upstream", "bytes_to_client"),
        }
    }
}

/// What a relay told in the end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stopped {
    /// Of each connection, in the order in which they came. `None`: it tells nothing.
    pub told: Option<Vec<Told>>,
    /// What else was wrong: its exit status for example.
    pub wrong: Vec<String>,
}

/// A relay at work.
pub trait Relay: Send {
    /// Where it listens.
    fn front(&self) -> Address;

    /// The number of its process, if it is one.
    fn process(&self) -> Option<u32> {
        None
    }

    /// Stops it. It may have connections that are at their ends.
    ///
    /// # Errors
    ///
    /// It cannot be stopped, or not be asked.
    fn stop(self: Box<Self>) -> io::Result<Stopped>;
}

/// Starts a relay of a shape that goes on to an address. If it listens on a Unix socket, that is made in the directory.
pub type Start<'a> = &'a dyn Fn(Shape, &Address, &Path) -> io::Result<Box<dyn Relay>>;
