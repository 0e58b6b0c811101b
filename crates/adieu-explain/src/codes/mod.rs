//! What a code means for how a connection ended: error numbers of each system, adieu's exit statuses, signals, TLS alerts and
//! Zeek's connection states, each with where to look next.
//!
//! The tables here are the only place with these words. `adieu explain --code` prints an entry, and [`page()`] makes
//! `docs/endings-codes.md` of all of them. A number does not say what it is: 64 is EHOSTDOWN on macOS and
//! ERROR_NETNAME_DELETED on Windows, and 5 is an exit status or EIO. So [`find`] gives every entry that the words fit.

mod alerts;
mod errors;
mod page;
mod states;
mod statuses;

pub use page::page;

use serde::Serialize;

/// What an entry is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// An error number of a system call: `errno`, or what `WSAGetLastError` and `GetLastError` give.
    Error,
    /// The number that a process ended with.
    ExitStatus,
    /// A signal.
    Signal,
    /// An alert of TLS (RFC 8446, section 6).
    TlsAlert,
    /// The `conn_state` of Zeek's conn.log.
    ConnState,
}

impl Kind {
    /// All of them, in the order in which they are listed.
    pub const ALL: [Self; 5] = [Self::Error, Self::ExitStatus, Self::Signal, Self::TlsAlert, Self::ConnState];

    /// The words for it, as in "104 is an error number".
    pub const fn words(self) -> &'static str {
        match self {
            Self::Error => "error number",
            Self::ExitStatus => "exit status",
            Self::Signal => "signal",
            Self::TlsAlert => "TLS alert",
            Self::ConnState => "Zeek conn_state",
        }
    }
}

/// The number of a code in one family of systems.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Number {
    /// `Linux`, `macOS` (FreeBSD, NetBSD and OpenBSD have the same), `Windows`, or what the number belongs to.
    pub system: &'static str,
    /// The number.
    pub number: u32,
}

/// One code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Code {
    /// What it is about.
    pub kind: Kind,
    /// Its usual name: `ECONNRESET`, `exit status 5`, `RSTO`.
    pub name: &'static str,
    /// Other names of the same: `WSAECONNRESET`.
    pub also: &'static [&'static str],
    /// Its numbers.
    pub numbers: &'static [Number],
    /// The text that systems print for it. Empty: none.
    pub text: &'static [&'static str],
    /// What happened, in sentences.
    pub means: &'static str,
    /// What that makes of a connection: adieu's ending and its exit status. `None`: nothing by itself.
    pub ending: Option<&'static str>,
    /// What to look at next, the likeliest first.
    pub look_at: &'static [&'static str],
}

/// Every code, by kind.
pub fn all() -> impl Iterator<Item = &'static Code> {
    [errors::ALL, statuses::ALL, statuses::SIGNALS, alerts::ALL, states::ALL].into_iter().flatten()
}

/// The codes that a number, a name or a system's text stands for: `104`, `-104`, `0x80072746`, `econnreset`, `exit 5`,
/// `signal 13`, `alert 42`, `Connection reset by peer`. Empty: none is known.
///
/// # Examples
///
/// ```
/// use adieu_explain::codes::find;
///
/// assert_eq!(find("10054")[0].name, "ECONNRESET");
/// let names: Vec<&str> = find("5").iter().map(|code| code.name).collect();
/// assert_eq!(names, ["EIO", "exit status 5"]);
/// assert!(find("ENOSUCHTHING").is_empty());
/// ```
pub fn find(words: &str) -> Vec<&'static Code> {
    let words = words.trim();
    let words = words.strip_prefix("conn_state ").unwrap_or(words);
    let named = all().filter(|code| code.is_called(words)).collect::<Vec<_>>();
    if !named.is_empty() {
        return named;
    }
    let (kind, number) = kind_and_number(words);
    let Some(number) = number_of(number) else { return Vec::new() };
    all()
        .filter(|code| kind.is_none_or(|kind| code.kind == kind))
        .filter(|code| code.numbers.iter().any(|one| one.number == number))
        .collect()
}

/// The name of the TLS alert with this number. `None`: the table does not have it.
pub(crate) fn alert_name(number: u8) -> Option<&'static str> {
    let is_it = |code: &&Code| code.numbers.iter().any(|one| i64::from(one.number) == i64::from(number));
    alerts::ALL.iter().find(is_it).map(|code| code.name)
}

/// Every name and text that [`find`] knows, to find the nearest to a word.
pub fn names() -> impl Iterator<Item = &'static str> {
    all().flat_map(|code| [code.name].into_iter().chain(code.also.iter().chain(code.text).copied()))
}

impl Code {
    fn is_called(&self, words: &str) -> bool {
        let names = [self.name].into_iter().chain(self.also.iter().chain(self.text).copied());
        names.into_iter().any(|name| name.eq_ignore_ascii_case(words))
    }
}

/// Which kind the words before a number name, and the number.
fn kind_and_number(words: &str) -> (Option<Kind>, &str) {
    const PREFIXES: [(&str, Kind); 12] = [
        ("exit status ", Kind::ExitStatus),
        ("exit code ", Kind::ExitStatus),
        ("exit ", Kind::ExitStatus),
        ("status ", Kind::ExitStatus),
        ("os error ", Kind::Error),
        ("error ", Kind::Error),
        ("errno ", Kind::Error),
        ("tls alert ", Kind::TlsAlert),
        ("ssl alert number ", Kind::TlsAlert),
        ("alert number ", Kind::TlsAlert),
        ("alert ", Kind::TlsAlert),
        ("signal ", Kind::Signal),
    ];
    for (prefix, kind) in PREFIXES {
        if words.get(..prefix.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(prefix)) {
            return (Some(kind), words[prefix.len()..].trim());
        }
    }
    (None, words)
}

/// A number as systems print them: negative as the kernel returns errors, or an HRESULT that holds a Windows error.
///
/// Source: MS-ERREF, section 2.1, FACILITY_WIN32.
fn number_of(text: &str) -> Option<u32> {
    const FACILITY_WIN32: u32 = 0x8007_0000;
    if let Some(hex) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        let number = u32::from_str_radix(hex, 16).ok()?;
        return Some(if number & 0xffff_0000 == FACILITY_WIN32 { number & 0xffff } else { number });
    }
    let digits = text.strip_prefix('-').unwrap_or(text);
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn found(words: &str) -> Vec<&'static str> {
        find(words).iter().map(|code| code.name).collect()
    }

    #[test]
    fn a_code_is_found_by_whatever_people_have_of_it() {
        let reset = ["ECONNRESET"];
        for words in [
            "ECONNRESET",
            "econnreset",
            "WSAECONNRESET",
            "104",
            "-104",
            "errno 104",
            "os error 104",
            "54",
            "10054",
            "0x80072746",
            " Connection reset by peer ",
        ] {
            assert_eq!(found(words), reset, "{words}");
        }
        assert_eq!(found("exit 5"), ["exit status 5"]);
        assert_eq!(found("Exit Code 5"), ["exit status 5"]);
        assert_eq!(found("close_notify"), ["close_notify"]);
        assert_eq!(found("SSL alert number 42"), ["bad_certificate"]);
        assert_eq!(found("RSTO"), ["RSTO"]);
        assert_eq!(found("conn_state SF"), ["SF"]);
        assert_eq!(found("signal 13"), ["SIGPIPE"]);
        assert_eq!(found("141"), ["exit status 141"]);
    }

    #[test]
    fn a_number_of_several_meanings_has_them_all() {
        assert_eq!(found("4"), ["EINTR", "exit status 4"]);
        assert_eq!(found("64"), ["EHOSTDOWN", "ERROR_NETNAME_DELETED"]);
        assert_eq!(found("110"), ["ETIMEDOUT", "unsupported_extension"]);
        assert_eq!(found("13"), ["EACCES", "SIGPIPE"]);
    }

    #[test]
    fn what_is_no_code_is_not_found() {
        for words in [
            "",
            "-",
            "ECONN",
            "exit",
            "exit ",
            "exit 99",
            "0x",
            "1e3",
            "99999999999999999999",
            "é",
            "alert é",
        ] {
            assert_eq!(found(words), Vec::<&str>::new(), "{words}");
        }
    }

    #[test]
    fn the_tables_are_sound() {
        let mut names = BTreeSet::new();
        for code in all() {
            for name in [code.name].iter().chain(code.also) {
                assert!(names.insert(name.to_lowercase()), "{name} is there twice");
            }
            assert!(code.means.ends_with('.') && !code.look_at.is_empty(), "{}", code.name);
            assert!(code.look_at.iter().all(|line| !line.ends_with('.')), "{}", code.name);
            let mut systems = BTreeSet::new();
            assert!(code.numbers.iter().all(|one| systems.insert(one.system)), "{}", code.name);
        }
        for kind in Kind::ALL {
            let mut numbers = BTreeSet::new();
            for code in all().filter(|code| code.kind == kind) {
                for number in code.numbers {
                    assert!(numbers.insert((number.system, number.number)), "{}: {number:?}", code.name);
                }
            }
        }
    }
}
