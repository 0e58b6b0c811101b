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

    /// The flavour that a program's file name stands for. `nc` and `netcat` are the ones that the variable decides about.
    pub(super) fn of_program(name: &str) -> Option<Self> {
        match name {
            "nc" | "netcat" | "nc.openbsd" => Some(Self::Debian),
            "nc.traditional" => Some(Self::Traditional),
            "ncat" => Some(Self::Ncat),
            _ => None,
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
