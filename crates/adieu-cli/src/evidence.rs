//! What this build asks its system about the end of a connection, and whether the project has ever run it: what
//! `adieu --version --verbose` says, and the head of `adieu selftest`.

use std::ffi::OsString;
use std::fmt::Write as _;

/// Rust's name of what this was built for.
pub(crate) const TARGET: &str = env!("ADIEU_TARGET");

/// What is known of a platform.
pub(crate) struct Evidence {
    /// What the system is asked about the end of a TCP connection.
    pub(crate) asked: &'static str,
    /// How adieu was tested there.
    pub(crate) tested: &'static str,
}

const NEVER_RUN: &str = "never run by the project; please run adieu selftest and report its table";

/// Of this build's platform. docs/platforms.md has them all.
pub(crate) const HERE: Evidence = if cfg!(all(target_os = "linux", target_arch = "x86_64")) {
    Evidence { asked: LINUX, tested: "every change, on this platform" }
} else if cfg!(all(target_os = "linux", target_arch = "x86", target_env = "gnu")) {
    Evidence {
        asked: LINUX,
        tested: "the closing matrix on this program and on the library's drivers, on an x86-64 kernel",
    }
} else if cfg!(all(
    target_os = "linux",
    any(target_arch = "aarch64", target_arch = "riscv64"),
    target_env = "gnu"
)) {
    Evidence {
        asked: LINUX,
        tested: "the closing matrix on this program and on the library's drivers, once, under qemu-user; never run on \
                 such a processor",
    }
} else if cfg!(linux_kernel) {
    Evidence { asked: LINUX, tested: NEVER_RUN }
} else if cfg!(windows) {
    Evidence {
        asked: "SIO_TCP_INFO, or the system's table of TCP connections; SO_ERROR",
        tested: if cfg!(target_env = "gnu") {
            "every change, under Wine 8; never run on Windows itself"
        } else {
            NEVER_RUN
        },
    }
} else if cfg!(target_vendor = "apple") {
    Evidence { asked: "TCP_CONNECTION_INFO, SO_ERROR", tested: NEVER_RUN }
} else if cfg!(any(target_os = "freebsd", target_os = "netbsd")) {
    Evidence { asked: "FIONWRITE, TCP_INFO, SO_ERROR", tested: NEVER_RUN }
} else if cfg!(target_os = "openbsd") {
    Evidence { asked: "TCP_INFO, SO_ERROR", tested: NEVER_RUN }
} else {
    Evidence { asked: "SO_ERROR; acknowledgements are not known", tested: NEVER_RUN }
};

const LINUX: &str = "SIOCOUTQ, TCP_INFO, SO_ERROR";

/// Whether these words are `adieu --version --verbose`, in either order and by their letters too.
pub(crate) fn is_asked(words: &[OsString]) -> bool {
    let [_, first, second] = words else { return false };
    let is = |word: &OsString, long: &str, short: &str| word == long || word == short;
    let both = |version, verbose| is(version, "--version", "-V") && is(verbose, "--verbose", "-v");
    both(first, second) || both(second, first)
}

/// What cannot be understood after `adieu --version`, in a sentence. `None`: nothing is there that should not be.
pub(crate) fn misunderstood(words: &[OsString]) -> Option<String> {
    let [_, first, rest @ ..] = words else { return None };
    if first != "--version" && first != "-V" {
        return None;
    }
    let is_known = |word: &&OsString| ["--verbose", "-v", "--help", "-h"].iter().any(|known| *word == known);
    let wrong = rest.iter().find(|word| !is_known(word))?.to_string_lossy();
    let what = if wrong.starts_with('-') { "option" } else { "argument" };
    Some(format!("unexpected {what} '{wrong}' after {}; see adieu --help", first.to_string_lossy()))
}

/// All of it, in lines.
pub(crate) fn described() -> String {
    let mut text = format!("adieu {} for {TARGET}\n", env!("CARGO_PKG_VERSION"));
    let _ = writeln!(text, "asked about the end of a connection: {}", HERE.asked);
    let _ = writeln!(text, "tested: {}", HERE.tested);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_told_at_length_only_if_both_are_asked_for() {
        let asked = |words: &[&str]| is_asked(&words.iter().map(OsString::from).collect::<Vec<_>>());
        assert!(asked(&["adieu", "--version", "--verbose"]) && asked(&["adieu", "-v", "-V"]));
        assert!(!asked(&["adieu", "--version"]) && !asked(&["adieu", "--version", "--version"]));
        assert!(!asked(&["adieu", "connect", "-v", "-V"]));
    }

    #[test]
    fn after_the_version_nothing_is_ignored() {
        let said = |words: &[&str]| misunderstood(&words.iter().map(OsString::from).collect::<Vec<_>>());
        let of_option = "unexpected option '--deadline' after --version; see adieu --help";
        assert_eq!(said(&["adieu", "--version", "--verbose", "--deadline"]).as_deref(), Some(of_option));
        let of_word = "unexpected argument 'connect' after -V; see adieu --help";
        assert_eq!(said(&["adieu", "-V", "connect"]).as_deref(), Some(of_word));
        for known in [&["adieu"][..], &["adieu", "-V"], &["adieu", "--version", "-v"], &["adieu", "-V", "-h"]]
        {
            assert_eq!(said(known), None, "{known:?}");
        }
        assert_eq!(said(&["adieu", "connect", "--version"]), None, "the command's own parser says that");
    }

    #[test]
    fn what_was_never_run_says_so_and_what_makes_a_report() {
        assert!(NEVER_RUN.contains("never run") && NEVER_RUN.contains("adieu selftest"));
        if cfg!(all(target_os = "linux", target_arch = "x86_64")) {
            assert!(described().ends_with("tested: every change, on this platform\n"), "{}", described());
        }
    }
}
