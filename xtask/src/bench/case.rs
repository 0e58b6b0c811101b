//! The cases, as data: what is at the tool's input and output, and which way the bytes go.

/// One row of the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Case {
    /// As `--case` and the limit program know it.
    pub(super) name: &'static str,
    /// As the tables call it.
    pub(super) title: &'static str,
    pub(super) kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// One long stream, or one each way.
    Transfer(Transfer),
    /// A whole process for 14 bytes there and 14 back.
    Tiny,
    /// A server that sends back, with so many clients at once.
    Echo { clients: u64 },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Transfer {
    pub(super) unix: bool,
    /// Over TLS; both suites are the tools' own first choice, TLS_AES_256_GCM_SHA384.
    pub(super) tls: bool,
    pub(super) input: Input,
    pub(super) output: Output,
    /// The peer sends.
    pub(super) down: bool,
}

/// The tool's standard input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Input {
    /// /dev/null: nothing to send.
    Nothing,
    /// A file on tmpfs.
    File,
    /// A pipe of the usual size, fed by the fast counterpart.
    Pipe,
}

/// The tool's standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Output {
    /// /dev/null.
    Null,
    /// A new file on tmpfs.
    File,
    /// A pipe of the usual size, emptied by the fast counterpart.
    Pipe,
}

/// The bytes of the tiny exchange, each way.
pub(super) const TINY: u64 = 14;

const fn transfer(input: Input, output: Output) -> Kind {
    Kind::Transfer(Transfer { unix: false, tls: false, input, output, down: matches!(input, Input::Nothing) })
}

const fn tls(input: Input, output: Output) -> Kind {
    let down = !matches!((input, output), (Input::File, Output::Null));
    Kind::Transfer(Transfer { unix: false, tls: true, input, output, down })
}

pub(super) const ALL: &[Case] = &[
    Case { name: "file-to-socket", title: "file to socket", kind: transfer(Input::File, Output::Null) },
    Case { name: "pipe-to-socket", title: "pipe to socket", kind: transfer(Input::Pipe, Output::Null) },
    Case { name: "socket-to-file", title: "socket to file", kind: transfer(Input::Nothing, Output::File) },
    Case { name: "socket-to-pipe", title: "socket to pipe", kind: transfer(Input::Nothing, Output::Pipe) },
    Case {
        name: "socket-to-null",
        title: "socket to /dev/null",
        kind: transfer(Input::Nothing, Output::Null),
    },
    Case {
        name: "full-duplex",
        title: "full duplex, file to file",
        kind: Kind::Transfer(Transfer {
            unix: false,
            tls: false,
            input: Input::File,
            output: Output::File,
            down: true,
        }),
    },
    Case {
        name: "unix-file-to-socket",
        title: "file to Unix socket",
        kind: Kind::Transfer(Transfer {
            unix: true,
            tls: false,
            input: Input::File,
            output: Output::Null,
            down: false,
        }),
    },
    Case { name: "tls-file-to-socket", title: "file over TLS", kind: tls(Input::File, Output::Null) },
    Case { name: "tls-socket-to-null", title: "TLS to /dev/null", kind: tls(Input::Nothing, Output::Null) },
    Case {
        name: "tls-full-duplex",
        title: "full duplex over TLS, file to file",
        kind: tls(Input::File, Output::File),
    },
    Case { name: "tiny", title: "tiny exchange", kind: Kind::Tiny },
    Case { name: "echo-1", title: "echo, 1 client", kind: Kind::Echo { clients: 1 } },
    Case { name: "echo-100", title: "echo, 100 clients", kind: Kind::Echo { clients: 100 } },
    Case { name: "echo-1000", title: "echo, 1000 clients", kind: Kind::Echo { clients: 1000 } },
];

impl Transfer {
    /// The tool sends.
    pub(super) const fn up(self) -> bool {
        !matches!(self.input, Input::Nothing)
    }
}

impl Case {
    pub(super) const fn is_transfer(&self) -> bool {
        matches!(self.kind, Kind::Transfer(_))
    }

    /// The bytes that pass through the tool in one run, with streams of `size` bytes.
    pub(super) const fn volume(&self, size: u64) -> u64 {
        match self.kind {
            Kind::Transfer(transfer) if transfer.up() && transfer.down => 2 * size,
            Kind::Transfer(_) => size,
            Kind::Tiny => 2 * TINY,
            Kind::Echo { clients } => 2 * clients * echo_amount(clients, size),
        }
    }
}

/// What each client of an echo sends: many clients send less each, so that a run does not take minutes.
pub(super) const fn echo_amount(clients: u64, size: u64) -> u64 {
    let part = match clients {
        0..=9 => 4,
        10..=499 => 1024,
        _ => 16 * 1024,
    };
    if size < part { 1 } else { size / part }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_case_has_a_name_of_its_own() {
        let names: BTreeSet<_> = ALL.iter().map(|case| case.name).collect();
        assert_eq!(names.len(), ALL.len());
    }

    #[test]
    fn the_volume_counts_both_ways() {
        let volume = |name| ALL.iter().find(|case| case.name == name).map(|case| case.volume(1 << 30));
        assert_eq!(volume("file-to-socket"), Some(1 << 30));
        assert_eq!(volume("full-duplex"), Some(2 << 30));
        assert_eq!(volume("tiny"), Some(28));
        assert_eq!(volume("echo-1"), Some(512 << 20));
        assert_eq!(volume("echo-1000"), Some(2 * 1000 * 64 * 1024));
    }
}
