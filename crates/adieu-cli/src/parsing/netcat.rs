//! netcat's letters, for somebody who types them here: what says the same.
//!
//! It speaks only where a letter is no option of the command. `adieu nc` reads netcat's command lines; see its own folder.

use clap::Command;
use std::ffi::OsString;

/// What takes a netcat's whole command line.
const NC: &str = "adieu nc takes netcat's own options";

/// Whether somebody who knows netcat may take this command for it. A relay's words are other forwarders'.
pub(super) fn is_for(command: &Command) -> bool {
    ["connect", "listen", "send", "receive", "check"].contains(&command.get_name())
}

/// Ports, as netcat's users write them: numbers, and ranges of them.
fn are_ports(word: &str) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    word.split('-').all(is_number)
}

/// What to write instead of a letter that this command does not have, and of the others in the same word. `None`: it is none of
/// netcat's.
pub(super) fn instead_of(unknown: &str, command: &Command, words: &[OsString]) -> Option<String> {
    if unknown == "--ssl" && command.get_opts().any(|option| option.get_long() == Some("tls")) {
        return Some("TLS is an endpoint, tls://host:port, or the option --tls".to_owned());
    }
    let first = letter(unknown)?;
    let is_it = |word: &&str| word.starts_with('-') && !word.starts_with("--") && word.contains(first);
    let word = words.iter().skip(1).filter_map(|word| word.to_str()).find(is_it)?;
    let listens = command.get_name() == "listen" || command.get_name() == "receive";
    let is_unknown =
        |c: &char| c.is_ascii_alphabetic() && !command.get_opts().any(|o| o.get_short() == Some(*c));
    let mut said: Vec<String> = Vec::new();
    for letter in word.chars().skip(1).take_while(char::is_ascii_alphabetic).filter(is_unknown) {
        let text = match (letter, command.get_name()) {
            // Those of cp and rsync.
            ('n', "receive") => "-n: --no-clobber replaces no file".to_owned(),
            ('n', "send") => "-n: --dry-run shows what would be sent".to_owned(),
            _ => format!("-{letter}: {}", here(letter, listens)?),
        };
        if !said.contains(&text) {
            said.push(text);
        }
    }
    (!said.is_empty()).then(|| format!("{}; {NC}", said.join("; ")))
}

/// The same where no command was named.
pub(super) fn instead_of_no_command(words: &[OsString]) -> Option<String> {
    let words: Vec<&str> = words.iter().skip(1).map(|word| word.to_str()).collect::<Option<_>>()?;
    let line = adieu::shown(words.join(" ").as_bytes());
    let first = words.first()?;
    if words == ["-v"] {
        return Some("adieu --version prints the version; --verbose is an option of a command".to_owned());
    }
    if first.starts_with('-') && !first.starts_with("--") {
        let command = match first {
            letters if letters.contains('l') => "adieu listen",
            letters if letters.contains('z') => "adieu check",
            _ => "adieu connect",
        };
        here(first.chars().nth(1)?, false)?;
        return Some(format!("the command comes first: {command}; {NC}: adieu nc {line}"));
    }
    let is_endpoint = match &words[..] {
        [endpoint] => endpoint.parse::<adieu::Endpoint>().is_ok(),
        [_, ports] => are_ports(ports),
        _ => false,
    };
    // A range is nothing to connect to.
    let command = if words.last()?.contains('-') && words.len() == 2 { "check" } else { "connect" };
    is_endpoint.then(|| format!("the command comes first: adieu {command} {line}"))
}

/// The same of `-q 1`, which is an option here, and takes no number.
pub(super) fn quit_after(words: &[OsString]) -> Option<String> {
    words.windows(2).any(|pair| pair[0] == "-q" && is_number(&pair[1])).then(quit)
}

/// The same, where these are the endpoint's words, and -q was written.
pub(crate) fn quit_before(endpoint: &[OsString]) -> Option<String> {
    matches!(endpoint, [number, _] if is_number(number)).then(quit)
}

fn is_number(word: &OsString) -> bool {
    word.to_str().is_some_and(are_ports)
}

fn quit() -> String {
    let wait = here('q', false).unwrap_or_default();
    format!("-q is --quiet here and takes no number: {wait}; {NC}")
}

/// The one letter of an argument, as clap shows it.
fn letter(shown: &str) -> Option<char> {
    let mut letters = shown.strip_prefix('-')?.chars();
    let letter = letters.next().filter(char::is_ascii_alphabetic)?;
    letters.next().is_none().then_some(letter)
}

/// What says here what a letter says to netcat (OpenBSD's, the traditional one, ncat). `None`: it is none of theirs.
const fn here(letter: char, listens: bool) -> Option<&'static str> {
    Some(match letter {
        'N' => "adieu always half-closes when stdin ends",
        'z' => "adieu check says whether a port is open",
        'w' => "--connect-timeout bounds connecting, --idle-timeout a silent peer",
        'u' => "UDP is an endpoint, udp://host:port",
        'U' => "a Unix socket is an endpoint, unix:PATH",
        'l' if listens => "this command listens",
        'l' => "adieu listen listens",
        'p' if listens => "the port is the endpoint, as 9000 or :9000",
        'p' => "--source ADDR:PORT is where we connect from; where to is the endpoint",
        's' => "--source ADDR is where we connect from",
        'k' => "adieu listen --keep-open serves one client after another",
        'q' => "adieu waits for the peer's end; --idle-timeout and --deadline bound it",
        'n' => "leave it out: adieu never looks up the name of an address",
        'e' | 'c' => "--exec of adieu connect and adieu listen runs a command, --tls speaks TLS",
        'C' => "--crlf of adieu connect and adieu listen sends CR LF",
        'o' => "--dump of adieu connect and adieu listen writes what crosses to a file",
        'x' | 'X' => "--proxy socks5://host:port is the way through a proxy",
        'm' => "adieu listen --max-connections bounds how many are served at once",
        'd' => "with </dev/null there is nothing to send",
        'T' => "--tos or --dscp marks our packets",
        'O' => "--send-buffer is the size of the kernel's buffer",
        'I' => "--receive-buffer is the size of the kernel's buffer",
        'M' => "--ttl bounds the hops of our packets",
        'V' => "adieu --version prints the version",
        'i' | 'r' | 't' | 'b' | 'D' | 'F' | 'S' | 'W' | 'Z' | 'g' | 'G' | 'j' | 'R' | 'H' | 'K' => {
            "adieu's other commands have no such option"
        }
        _ => return None,
    })
}
