//! Which netcat a command line is written for.

use std::ffi::OsStr;
use std::fmt;

/// One of the netcats whose command line `adieu nc` understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Flavour {
    /// OpenBSD's nc with Debian's additions (`-q`, `-C` for CRLF, `-W`, `-b`, …): what `nc` is on Debian and Ubuntu.
    Debian,
    /// OpenBSD's own nc, with TLS (`-c`).
    OpenBsd,
    /// Hobbit's netcat 1.10 as Debian ships it.
    Traditional,
    /// Nmap's ncat.
    Ncat,
}

impl Flavour {
    pub(crate) const ALL: [Self; 4] = [Self::Debian, Self::OpenBsd, Self::Traditional, Self::Ncat];

    /// The word that `ADIEU_NC_FLAVOUR` takes, and that the documents use.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Debian => "debian",
            Self::OpenBsd => "openbsd",
            Self::Traditional => "traditional",
            Self::Ncat => "ncat",
        }
    }

    /// The flavour that a program's file name stands for. More may stand behind the name, as in `netcat-regress` and `ncat-7.93`:
    /// a test suite copies the program under a name of its own, and a second version is installed beside the first.
    pub(super) fn of_program(name: &str) -> Option<Self> {
        let is_called = |known: &str| {
            name.strip_prefix(known).is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '.']))
        };
        if is_called("nc.traditional") {
            Some(Self::Traditional)
        } else if is_called("ncat") {
            Some(Self::Ncat)
        } else if is_called("nc") || is_called("netcat") {
            Some(Self::Debian)
        } else {
            None
        }
    }

    /// The flavour that the variable's value stands for.
    ///
    /// # Errors
    ///
    /// A sentence that says what may be written.
    pub(super) fn of_variable(value: &OsStr) -> Result<Self, String> {
        Self::ALL.into_iter().find(|flavour| value == flavour.name()).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!(
                "ADIEU_NC_FLAVOUR={}: there is no such flavour; write one of {names}",
                adieu::shown(value.as_encoded_bytes())
            )
        })
    }
}

impl fmt::Display for Flavour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_s_name_may_have_more_behind_it() {
        let cases = [
            ("nc", Some(Flavour::Debian)),
            ("netcat", Some(Flavour::Debian)),
            ("nc.openbsd", Some(Flavour::Debian)),
            ("netcat-regress", Some(Flavour::Debian)),
            ("nc.traditional", Some(Flavour::Traditional)),
            ("nc.traditional-1.10", Some(Flavour::Traditional)),
            ("ncat", Some(Flavour::Ncat)),
            ("ncat-7.93", Some(Flavour::Ncat)),
            ("adieu", None),
            ("ncdu", None),
            ("ncats", None),
        ];
        for (name, expected) in cases {
            assert_eq!(Flavour::of_program(name), expected, "{name}");
        }
    }
}
