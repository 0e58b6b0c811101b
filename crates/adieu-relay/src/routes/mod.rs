//! Routes: which upstreams a client of TLS is given by the name that it asks for, without decrypting anything.
//!
//! Its ClientHello is looked at and left where it is, so the upstream gets the stream as the client sent it, and only the client
//! and the upstream have the keys.

mod client_hello;

pub(crate) use client_hello::ClientHello;

use crate::upstream::Upstream;
use adieu::tokio::Connection;
use adieu::{LookAhead, LookAheadError};
use client_hello::Hello;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// By which names clients of TLS are sent to which upstreams. A client that names none of them, names nothing, or does not speak
/// TLS goes to the relay's own upstreams; if there are none, it is reset.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Routes {
    /// The routes. Where several patterns match, the longest counts.
    pub all: Vec<Route>,
    /// How long the ClientHello may take. A client that has said nothing by then, because it waits for the server to speak first,
    /// goes to the relay's own upstreams; one that has sent a part of a hello is reset. Default: 3 s.
    pub timeout: Duration,
}

/// One route.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Route {
    /// The names that it is for.
    pub pattern: NamePattern,
    /// Whom their clients are connected to, at least one.
    pub upstreams: Vec<Upstream>,
}

impl Routes {
    /// How long a ClientHello may take if nothing else is said.
    pub const TIMEOUT: Duration = Duration::from_secs(3);

    /// No routes: nothing is looked at.
    pub fn new() -> Self {
        Self { all: Vec::new(), timeout: Self::TIMEOUT }
    }

    /// The same with an upstream more for these names.
    #[must_use]
    pub fn route(mut self, pattern: NamePattern, upstream: Upstream) -> Self {
        match self.all.iter_mut().find(|route| route.pattern == pattern) {
            Some(route) => route.upstreams.push(upstream),
            None => self.all.push(Route { pattern, upstreams: vec![upstream] }),
        }
        self
    }

    /// The route of a client that asks for this name, in lower case. `None`: there is none for it.
    pub fn best(&self, name: &str) -> Option<&Route> {
        let fits = |route: &&Route| route.pattern.fit(name).is_some();
        self.all.iter().filter(fits).max_by_key(|route| route.pattern.fit(name))
    }
}

impl Default for Routes {
    fn default() -> Self {
        Self::new()
    }
}

/// The names that a route is for: one (`www.example.org`), or all that end so (`*.example.org`, at whatever depth).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct NamePattern {
    /// In lower case, without the asterisk and its dot.
    name: String,
    is_wild: bool,
}

impl NamePattern {
    /// How well it fits a name in lower case: the longer the better. `None`: it does not.
    fn fit(&self, name: &str) -> Option<usize> {
        if !self.is_wild {
            // Nothing is as good as the whole name.
            return (name == self.name).then_some(usize::MAX);
        }
        let is_below =
            name.strip_suffix(&*self.name).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'));
        is_below.then_some(self.name.len())
    }
}

impl fmt::Display for NamePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.is_wild { "*." } else { "" }, self.name)
    }
}

/// Why a text is not a [`NamePattern`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not a server name: write www.example.org or *.example.org")]
pub struct ParsePatternError {
    text: String,
}

impl FromStr for NamePattern {
    type Err = ParsePatternError;

    fn from_str(text: &str) -> Result<Self, ParsePatternError> {
        let (is_wild, name) = text.strip_prefix("*.").map_or((false, text), |name| (true, name));
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        let is_label = |label: &str| {
            let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
            (1..=63).contains(&label.len()) && label.chars().all(fits)
        };
        // A client asks for no address: RFC 6066, section 3.
        let is_address = name.parse::<std::net::Ipv4Addr>().is_ok();
        if name.len() > 253 || is_address || !name.split('.').all(is_label) {
            return Err(ParsePatternError { text: text.to_owned() });
        }
        Ok(Self { name, is_wild })
    }
}

/// The place of the pattern that fits a name best. `None`: none fits.
pub(crate) fn best(patterns: &[NamePattern], name: &str) -> Option<usize> {
    let fits = patterns.iter().enumerate().filter_map(|(place, pattern)| Some((pattern.fit(name)?, place)));
    fits.max_by_key(|(length, _)| *length).map(|(_, place)| place)
}

/// Why nobody can say where a client is to go. It is to be reset.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RouteError {
    /// There is no route for its name, and none for clients without one.
    #[error("no route for the name {name}")]
    NoRoute {
        /// The name that it asked for.
        name: String,
    },
    /// It asked for no name, and there is no route for clients without one.
    #[error("it asks for no server name, and there is no route for that")]
    NoName,
    /// Its ClientHello was not whole in time.
    #[error("its ClientHello was not whole within {limit:?}")]
    TimedOut {
        /// How long it was waited for.
        limit: Duration,
    },
    /// It ended its stream in the middle of its ClientHello.
    #[error("it ended its stream in the middle of its ClientHello")]
    Eof,
    /// The connection has ended otherwise, as its report says: a reset, a deadline, an interrupt.
    #[error("the connection ended before its ClientHello was whole")]
    Ended,
}

/// Looks at the ClientHello that a client begins with, and takes nothing of it. `None`: it begins otherwise, or says nothing.
pub(crate) async fn look(
    connection: &mut Connection,
    limit: Duration,
) -> Result<Option<ClientHello>, RouteError> {
    let mut is_partial = false;
    let looked = connection.look_ahead(limit, |octets| match client_hello::read(octets) {
        Hello::Partial => {
            is_partial = true;
            LookAhead::More
        }
        Hello::Whole(hello) => LookAhead::Found { skip: 0, value: Some(hello) },
        Hello::Other => LookAhead::Found { skip: 0, value: None },
    });
    match looked.await {
        Ok(hello) => Ok(hello),
        // A client that says nothing has not begun to speak TLS.
        Err(LookAheadError::TimedOut | LookAheadError::Eof) if !is_partial => Ok(None),
        Err(LookAheadError::TimedOut) => Err(RouteError::TimedOut { limit }),
        Err(LookAheadError::Eof) => Err(RouteError::Eof),
        Err(_) => Err(RouteError::Ended),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> NamePattern {
        text.parse().expect("a pattern")
    }

    #[test]
    fn the_longest_pattern_that_fits_counts() {
        let all =
            ["*.org", "*.example.org", "www.example.org", "*.www.example.org", "example.org"].map(pattern);
        for (name, place) in [
            ("www.example.org", Some(2)),
            ("a.example.org", Some(1)),
            ("a.b.example.org", Some(1)),
            ("a.www.example.org", Some(3)),
            ("example.org", Some(4)),
            ("other.org", Some(0)),
            ("badexample.org", Some(0)),
            ("org", None),
            (".org", None),
            ("example.com", None),
        ] {
            assert_eq!(best(&all, name), place, "{name}");
        }
    }

    #[test]
    fn a_pattern_is_a_name_as_dns_has_it() {
        assert_eq!(pattern("*.Example.ORG.").to_string(), "*.example.org");
        for text in [
            "",
            "*",
            "*.",
            "a..b",
            "*a.example.org",
            "a.*.org",
            "192.0.2.1",
            "exämple.org",
            "a b",
            "::1",
            "a:1",
        ] {
            let error = text.parse::<NamePattern>().expect_err(text);
            assert!(error.to_string().contains(&format!("'{text}'")));
        }
    }
}
