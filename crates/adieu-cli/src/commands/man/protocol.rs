//! The page of the protocol that `send` and `receive` speak, `adieu-protocol(7)`. docs/receipt-protocol.md has every byte of it.

use super::of_command::{name, see_also};
use super::roff::{Page, bold};

/// Sections: a heading, and paragraphs.
const SECTIONS: [(&str, &str); 5] = [
    (
        "Description",
        "adieu send and adieu receive speak the receipt protocol, so that the sender learns whether what it sent is stored. It runs \
         over any reliable stream of bytes: TCP, TLS, or a Unix socket. Either side may be the one that connects.\n\n\
         Each side begins with a hello that names the versions it speaks and its role. The sender then sends what it has, and END. \
         The receiver writes to a partial beside the final name, compares the hash, syncs the content, renames it, syncs the \
         directory, and then sends the receipt. The sender keeps its sending side open until it has the receipt. Then it half-closes, \
         and the receiver after it. So a receipt is not lost in a relay that closes both directions at one side's end.",
    ),
    (
        "What travels",
        "Of a file: its path, its content, its nine permission bits, its size and its BLAKE3 hash. Long runs of zeros travel as their \
         length. Of a directory: its path. Of a symbolic link: its path and its target, which must be relative and must not lead out \
         of the directory that is sent.\n\n\
         With --preserve also the time of the last modification of files and directories, and the permissions of directories. Owners, \
         setuid bits, access control lists and extended attributes never travel.\n\n\
         The receiver applies its umask to permissions. It refuses paths that are absolute, that have . or .. in them, that its \
         own system cannot have as names, or of which two would be one file there.",
    ),
    (
        "Trust",
        "A receipt is worth as much as the connection that it comes over. Without TLS and without a secret, anybody on the path can \
         read the content, change it, and answer in the receiver's place. The hashes guard against accidents alone.\n\n\
         With TLS whose certificate is checked (--ca, --pin, or the system's roots) the sender knows that the receipt is from the \
         owner of that certificate. With a secret (--secret-file) both sides know that the other has it, and everything after the \
         hello is encrypted. The secret itself never travels: SPAKE2 makes a key of it, and Noise encrypts with that key. \
         Each connection allows one guess at the secret.",
    ),
    (
        "Resuming",
        "With --resume, or after a retry, the sender first offers each file with its hash. The receiver answers what it has: nothing, a \
         partial, or the whole file. Both sides compare hashes of what is there, and the sender sends the rest. The hash at the end of \
         a file covers all of it. The receiver never tells a size or a hash that the sender has not named first.",
    ),
    (
        "Conforming",
        "The full specification is docs/receipt-protocol.md in the source of adieu. It has every message, every limit, and what \
         each side does at each failure.",
    ),
];

const VERSIONS: [(&str, &str); 3] = [
    (
        "1",
        "The sender's FIN follows its END, and the receiver stores only once it has both. A receiver that is asked what it has answers \
         with lengths and hashes.",
    ),
    (
        "2",
        "The sender keeps its side open until it has the receipt. It names the hash of a file first, and many small files cost few round \
         trips.",
    ),
    ("3", "Adds what --preserve keeps. It differs from version 2 in nothing else."),
];

const LIMITS: [(&str, &str); 9] = [
    ("4096 bytes", "A path; 255 bytes in one component, and 256 components."),
    ("14,000,000", "Paths in one transfer."),
    ("1 MiB", "The payload of one message with content; 16 KiB of any other."),
    ("64 MiB", "A run of zeros that travels as one length."),
    ("64 KiB", "A secret."),
    (
        "30 s",
        "How long a peer may take for its hello and what follows it; 10 s for all of it if this side listens (--idle-timeout).",
    ),
    ("32", "Clients that a receiver hears at a time until one has said who it is; 8 of one address."),
    ("256 MiB", "What is remembered of directories with --preserve."),
    (
        "4 minutes",
        "How long a receiver that has stored, and could not say so, waits for the sender to return (--retry).",
    ),
];

const RECEIPTS: [(&str, &str); 4] = [
    (
        "stored",
        "Every file is whole, its hash compared, synced, and under its name; the names are synced too.",
    ),
    (
        "written",
        "The receiver's output is its stdout, and everything was written there. What became of it is not said.",
    ),
    (
        "failed",
        "With words: a disk, a name, or a sender that gave up. Another connection would not change it.",
    ),
    ("damaged", "What was received is not what was sent. Another connection may do better."),
];

pub(super) fn page() -> String {
    let mut page = Page::new(&name("protocol"), 7, "how adieu send learns that what it sent is stored");
    for (heading, text) in SECTIONS {
        page.heading(heading);
        page.paragraphs(text, true);
        match heading {
            "Description" => terms(
                &mut page,
                "Receipts",
                "The receipt has counts and hashes, and one of these:",
                &RECEIPTS,
            ),
            "What travels" => {
                let text = "Both sides speak the highest version that both know. A side that knows only other versions ends.";
                terms(&mut page, "Versions", text, &VERSIONS);
                terms(&mut page, "Limits", "A peer that goes beyond one is refused.", &LIMITS);
            }
            _ => {}
        }
    }
    see_also(&mut page, [(name("send"), 1), (name("receive"), 1), ("fsync".to_owned(), 2)].into_iter());
    page.finish()
}

fn terms(page: &mut Page, heading: &str, text: &str, terms: &[(&str, &str)]) {
    page.heading(heading);
    page.paragraphs(text, true);
    for (term, text) in terms {
        page.term(&bold(term), text);
    }
}
