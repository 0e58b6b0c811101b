//! Each flavour's own `-h` text: the layout and the letters of the original, so that what greps it finds what it looks for.
//!
//! It is made of the tables of options, so it cannot name one that the parser does not know. Options that are refused are
//! marked.

use super::arguments::tables::{self, Opt, Standing};
use super::flavour::Flavour;

/// What `-h` prints.
pub(super) fn text(flavour: Flavour) -> String {
    let own = match flavour {
        Flavour::Debian => {
            let version = "OpenBSD netcat (Debian patchlevel 1.219-1)";
            format!("{version}{}\n{}", AS_ADIEU, openbsd(flavour))
        }
        Flavour::OpenBsd => openbsd(flavour),
        Flavour::Traditional => traditional(),
        Flavour::Ncat => ncat(),
    };
    format!(
        "{own}\nadieu nc --explain 'LINE' says what a line does, and what can go wrong with the original.\n"
    )
}

const AS_ADIEU: &str = concat!(", as adieu ", env!("CARGO_PKG_VERSION"), " does it");

/// What `ncat --version` prints, and `ncat -v` before anything else.
pub(super) fn ncat_banner() -> String {
    format!("Ncat: Version 7.93{AS_ADIEU} ( https://nmap.org/ncat )\n")
}

/// What a wrong command line of OpenBSD's nc prints.
pub(super) fn usage(flavour: Flavour) -> &'static str {
    match flavour {
        Flavour::OpenBsd => OPENBSD_USAGE,
        _ => DEBIAN_USAGE,
    }
}

const DEBIAN_USAGE: &str = "\
usage: nc [-46CDdFhklNnrStUuvZz] [-I length] [-i interval] [-M ttl]
\t  [-m minttl] [-O length] [-P proxy_username] [-p source_port]
\t  [-q seconds] [-s sourceaddr] [-T keyword] [-V rtable] [-W recvlimit]
\t  [-w timeout] [-X proxy_protocol] [-x proxy_address[:port]]
\t  [destination] [port]
";

const OPENBSD_USAGE: &str = "\
usage: nc [-46cDdFhklNnrStUuvz] [-C certfile] [-e name] [-H hash] [-I length]
\t  [-i interval] [-K keyfile] [-M ttl] [-m minttl] [-O length]
\t  [-o staplefile] [-P proxy_username] [-p source_port] [-R CAfile]
\t  [-s sourceaddr] [-T keyword] [-V rtable] [-W recvlimit] [-w timeout]
\t  [-X proxy_protocol] [-x proxy_address[:port]] [-Z peercertfile]
\t  [destination] [port]
";

/// The text behind an option: what it does, and whether it is refused.
fn described(option: &Opt) -> String {
    match option.standing {
        Standing::Refused(_) => format!("{} (not supported by adieu)", option.does),
        _ => option.does.to_owned(),
    }
}

/// An option as the manual page lists it: its names, what its value is called, and what it does.
pub(crate) type Listed = (Vec<String>, Option<&'static str>, String);

/// The options of every flavour, under a heading each.
pub(crate) fn options_for_manual() -> impl Iterator<Item = (&'static str, Vec<Listed>)> {
    Flavour::ALL.into_iter().map(|flavour| {
        let heading = match flavour {
            Flavour::Debian => "Debian's nc (debian)",
            Flavour::OpenBsd => "OpenBSD's nc (openbsd)",
            Flavour::Traditional => "The traditional netcat (traditional)",
            Flavour::Ncat => "Nmap's ncat (ncat)",
        };
        (heading, shown(flavour).map(|option| (option.names(), option.value, described(option))).collect())
    })
}

/// The options that a help shows.
fn shown(flavour: Flavour) -> impl Iterator<Item = &'static Opt> {
    tables::of(flavour).iter().filter(|option| !option.does.is_empty())
}

fn openbsd(flavour: Flavour) -> String {
    let mut text = format!("{}\tCommand Summary:\n", usage(flavour));
    for option in shown(flavour) {
        text += &format!("\t\t{}\n", in_columns(&label(option, " "), &described(option), 16));
    }
    text + "\tPort numbers can be individual or ranges: lo-hi [inclusive]\n"
}

fn traditional() -> String {
    let mut text = format!(
        "[v1.10-47]{AS_ADIEU}\n\
         connect to somewhere:\tnc [-options] hostname port[s] [ports] ... \n\
         listen for inbound:\tnc -l -p port [-options] [hostname] [port]\n\
         options:\n"
    );
    for option in shown(Flavour::Traditional) {
        text += &format!("\t{}\n", in_columns(&label(option, " "), &described(option), 24));
    }
    text + "port numbers can be individual or ranges: lo-hi [inclusive];\n\
            hyphens in port names must be backslash escaped (e.g. 'ftp\\-data').\n"
}

/// A label, and a text that begins at a column which is a multiple of eight, behind tabs.
fn in_columns(label: &str, text: &str, column: usize) -> String {
    let tabs = (column.saturating_sub(label.len())).div_ceil(8).max(1);
    format!("{label}{}{text}", "\t".repeat(tabs))
}

/// `-w timeout`, or `--report format`.
fn label(option: &Opt, between: &str) -> String {
    let value = option.value.map(|value| format!("{between}{value}")).unwrap_or_default();
    format!("{}{value}", option.written())
}

/// The options in the order of ncat's help, which is not that of its parser.
const NCAT_ORDER: &str = "4 6 U vsock C c e lua-exec g G m h d o x i p s l k n t u sctp v w z append-output send-only \
                          recv-only no-shutdown allow allowfile deny denyfile broker chat proxy proxy-type \
                          proxy-auth proxy-dns ssl ssl-cert ssl-key ssl-verify ssl-trustfile ssl-ciphers \
                          ssl-servername ssl-alpn version report report-file";

fn ncat() -> String {
    let mut text = format!(
        "Ncat 7.93{AS_ADIEU} ( https://nmap.org/ncat )\n\
         Usage: ncat [options] [hostname] [port]\n\n\
         Options taking a time assume seconds. Append 'ms' for milliseconds,\n\
         's' for seconds, 'm' for minutes, or 'h' for hours (e.g. 500ms).\n"
    );
    let named = |name: &&str| {
        shown(Flavour::Ncat).find(|option| match option.letter {
            Some(letter) => name.chars().eq([letter]),
            None => option.long == *name,
        })
    };
    for option in NCAT_ORDER.split(' ').filter_map(|name| named(&name)) {
        let short = option.letter.map_or_else(|| "    ".to_owned(), |letter| format!("-{letter}"));
        let long = match option.long {
            "" | "4" | "6" | "g" | "G" => String::new(),
            long if option.letter.is_some() => format!(", --{long}"),
            long => format!("--{long}"),
        };
        let value = match option.value {
            // As the original's help has it: with no value at all.
            Some(_) if NCAT_BARE.contains(&option.long) => String::new(),
            Some(value @ ("port" | "addr")) => format!(" {value}"),
            Some(value) if option.long == "g" => format!(" {value}"),
            Some(value) => format!(" <{value}>"),
            None => String::new(),
        };
        text += &format!("  {:<26} {}\n", format!("{short}{long}{value}"), described(option));
    }
    text + "\nadieu nc --explain 'LINE' says in words what a command line does; docs/nc.md has every option\n"
}

const NCAT_BARE: [&str; 10] = [
    "allow",
    "allowfile",
    "deny",
    "denyfile",
    "ssl-cert",
    "ssl-key",
    "ssl-trustfile",
    "ssl-ciphers",
    "ssl-servername",
    "ssl-alpn",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_stands_in_its_help() {
        for flavour in Flavour::ALL {
            let help = text(flavour);
            for option in shown(flavour) {
                let written = option.written();
                let line = help.lines().find(|line| {
                    let line = line.trim_start();
                    line.strip_prefix(&*written).is_some_and(|rest| rest.starts_with([' ', '\t', ',']))
                });
                let line = line.unwrap_or_else(|| panic!("{flavour}: {written} is not in: {help}"));
                assert!(line.contains(option.does), "{line}");
                let is_refused = matches!(option.standing, Standing::Refused(_));
                assert_eq!(line.ends_with("(not supported by adieu)"), is_refused, "{line}");
            }
        }
    }
}
