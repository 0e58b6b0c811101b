//! Options of other programs (curl, openssl, socat, rsync, scp, tcpdump), for somebody who types them here: what says the same.
//!
//! netcat's letters, and the options of programs that wait for ports or forward connections, have files of their own.

use clap::Command;

/// Options for the same thing, where they are typed, and what to write instead.
struct Habit {
    commands: &'static [&'static str],
    /// Without their dashes, between spaces.
    options: &'static str,
    hint: &'static str,
}

const fn habit(commands: &'static [&'static str], options: &'static str, hint: &'static str) -> Habit {
    Habit { commands, options, hint }
}

const BYTES: &[&str] = &["connect", "listen"];
const CONNECT: &[&str] = &["connect"];
const LISTEN: &[&str] = &["listen"];
const TRANSFER: &[&str] = &["send", "receive"];
const SEND: &[&str] = &["send"];
const RECEIVE: &[&str] = &["receive"];
const CHECK: &[&str] = &["check"];
const EXPLAIN: &[&str] = &["explain"];
/// All whose endpoint may be in TLS by an option.
const TLS: &[&str] = &["connect", "listen", "send", "receive", "check"];
/// All that connect.
const CONNECTING: &[&str] = &["connect", "send", "receive", "check"];

const ALL: &[Habit] = &[
    habit(
        &["connect", "listen", "send", "receive"],
        "timeout max-time",
        "--connect-timeout bounds connecting, --idle-timeout a silent peer, --deadline all of it",
    ),
    habit(TLS, "cacert cafile CAfile capath CApath verify", "--ca FILE trusts the certificates in FILE"),
    habit(TLS, "key-file private-key keyfile", "--key FILE is the key of the certificate in --cert"),
    habit(TLS, "certificate cert-file", "--cert FILE is our certificate, and --key its key"),
    habit(
        TLS,
        "starttls",
        "adieu cannot turn a plain connection into TLS: connect to a port that speaks TLS at once, tls://host:port",
    ),
    habit(
        CONNECTING,
        "sni server-name tls-name",
        "--servername NAME is the name that the certificate must be for",
    ),
    habit(
        CONNECTING,
        "resolve connect-to",
        "write the address as the endpoint, and the certificate's name as --servername NAME",
    ),
    habit(
        CONNECTING,
        "socks socks5 socks5-hostname socks4 proxytunnel preproxy",
        "--proxy socks5://host:port is the way through a proxy",
    ),
    habit(CONNECT, "bind", "--source ADDR:PORT is where we connect from"),
    habit(
        CONNECTING,
        "local-address local-port localport source-port source-addr source-address",
        "--source ADDR:PORT is where we connect from",
    ),
    habit(&["connect", "send", "receive"], "retries tries attempts", "--retry=TIMES tries again"),
    habit(
        &["connect", "listen", "send", "receive"],
        "bwlimit limit rate throttle max-rate",
        "--limit-rate RATE bounds the bytes per second",
    ),
    habit(
        &["connect", "listen", "send", "receive", "check"],
        "silent",
        "-q, or --quiet, says nothing if all went well",
    ),
    habit(CONNECT, "host port address", "write the host and the port as one endpoint, host:port"),
    habit(LISTEN, "host port address bind", "where it listens is the endpoint, as :9000 or 127.0.0.1:9000"),
    habit(
        TRANSFER,
        "host port address bind",
        "where it connects or listens is the endpoint, as host:9000 or :9000",
    ),
    habit(
        &["connect", "listen", "send", "receive", "check"],
        "unix unix-socket unixsock abstract-unix-socket",
        "a Unix socket is an endpoint, unix:PATH",
    ),
    habit(BYTES, "udp", "UDP is an endpoint, udp://host:port"),
    habit(
        &["listen", "relay"],
        "proxy",
        "--accept-proxy CIDR takes the PROXY protocol of clients; a proxy is for commands that connect",
    ),
    habit(CONNECT, "listen", "adieu listen listens"),
    habit(LISTEN, "connect", "adieu connect connects"),
    habit(
        CONNECT,
        "data request header get post head user-agent X d H",
        "adieu carries bytes, and knows no HTTP: write the request to stdin",
    ),
    habit(CONNECT, "output out", "stdout has what the peer sends, and nothing else: > FILE"),
    habit(CONNECT, "input upload-file", "stdin is what is sent: < FILE"),
    habit(
        BYTES,
        "half-close no-shutdown shut-none shut-down shutdown",
        "adieu always half-closes when stdin ends, and then receives to the peer's end",
    ),
    habit(BYTES, "sh-exec system command", "--exec COMMAND runs a command"),
    habit(
        LISTEN,
        "fork",
        "--keep-open serves one client after another, and with --exec or --echo many at once",
    ),
    habit(LISTEN, "reuseaddr reuse-addr", "leave it out: the port can be listened on again at once"),
    habit(
        LISTEN,
        "max-conns max-children maxconn",
        "--keep-open --max-connections N bounds how many are served at once",
    ),
    habit(
        &["listen", "receive"],
        "daemon background",
        "leave it out: a service manager runs it in the background",
    ),
    habit(
        SEND,
        "recursive archive a r R",
        "leave it out: a directory is sent with everything in it; --preserve also preserves times",
    ),
    habit(
        SEND,
        "compress z",
        "adieu does not compress: zstd < FILE | adieu send - --name FILE.zst host:port",
    ),
    habit(SEND, "delete delete-after del", "adieu send deletes nothing at the receiver"),
    habit(TRANSFER, "partial append continue P", "--resume goes on where a transfer was cut"),
    habit(TRANSFER, "progress", "leave it out: a bar is drawn if stderr is a terminal"),
    habit(TRANSFER, "checksum hash", "leave it out: the hash of every file is compared"),
    habit(SEND, "dry n", "--dry-run prints what would be sent"),
    habit(SEND, "times perms t p", "--preserve preserves times and the permissions of directories"),
    habit(SEND, "rsh ssh", "leave it out: adieu receive runs at the other side, and no shell"),
    habit(
        SEND,
        "include filter files-from",
        "name what to send, and leave out parts of it with --exclude GLOB",
    ),
    habit(TRANSFER, "password pass passphrase", "--secret-file FILE has the passphrase that both sides know"),
    habit(
        RECEIVE,
        "dir directory out to dest destination target folder",
        "--output PATH is where it is stored",
    ),
    habit(
        RECEIVE,
        "overwrite force yes",
        "leave it out: a file of the same name is replaced, unless --no-clobber is given",
    ),
    habit(RECEIVE, "ignore-existing skip-existing no-overwrite", "--no-clobber replaces nothing"),
    habit(CHECK, "ports", "write the ports into the endpoint: host:20-25,80"),
    habit(CHECK, "retry retries count tries", "--wait DURATION tries until all endpoints are open"),
    habit(
        CHECK,
        "sleep delay",
        "leave it out: with --wait the pause between attempts grows from 50 ms to 1 s",
    ),
    habit(EXPLAIN, "r read read-file file input", "leave it out: the captures are arguments, and - is stdin"),
    habit(EXPLAIN, "n nn", "leave it out: no name is looked up"),
    habit(EXPLAIN, "i interface", "capture with tcpdump: tcpdump -i eth0 -U -w - tcp | adieu explain -"),
    habit(
        EXPLAIN,
        "f Y R d filter display-filter",
        "--host, --net, --port and --only choose among the connections",
    ),
    habit(EXPLAIN, "T json output o", "--format json prints a line of JSON for each connection, on stdout"),
    habit(EXPLAIN, "v verbose", "leave it out: --format text has every fact"),
    habit(EXPLAIN, "stream follow-stream z", "--follow ADDRESS:PORT draws the segments of its connections"),
];

/// What to write instead of an option that this command does not have. `None`: it is none of theirs.
pub(super) fn instead_of(unknown: &str, command: &Command) -> Option<String> {
    let word = unknown.trim_start_matches('-');
    let is_it = |habit: &&Habit| {
        habit.commands.contains(&command.get_name()) && habit.options.split(' ').any(|option| option == word)
    };
    ALL.iter().find(is_it).map(|habit| habit.hint.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_command_has_two_hints_for_a_word() {
        let mut seen = std::collections::BTreeSet::new();
        for entry in ALL {
            for command in entry.commands {
                for word in entry.options.split(' ') {
                    assert!(seen.insert((command, word)), "{command} --{word}");
                }
            }
        }
    }
}
