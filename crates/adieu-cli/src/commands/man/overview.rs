//! The page of the program, `adieu(1)`: what it is, its commands, and what all of them share.

use super::of_command::{name, named, see_also, statuses};
use super::roff::{Page, bold};
use crate::exit::OF_A_CONNECTION;
use crate::guide::overview::{EXAMPLES, WISHES};
use crate::guide::{Guide, Named, ROOTS_NAMED, SERVICES};
use clap::Command;

const DESCRIPTION: &str = "adieu connects programs to the network and ends each connection in order: it sends everything, shuts \
    down its sending side so that the peer reads EOF, receives to the peer's end, waits until everything is acknowledged, and closes. \
    Then it says in one sentence how the connection ended, and the exit status says the same.\n\nA stream that is not whole never \
    looks whole: if adieu must stop early, the peer sees a reset.\n\nAn endpoint is host:port, [::1]:port, tls://host:port, \
    udp://host:port, unix:path or unix:@name. A port may be the name of a service.";

const VARIABLES: [Named; 4] = [
    Named {
        name: "ADIEU_*",
        text: "Each option of a command has a variable: ADIEU_ and the option's name in capitals, with _ for -, as in \
               ADIEU_CONNECT_TIMEOUT. The pages of the commands list them. An option on the command line wins.",
    },
    Named { name: "ALL_PROXY, NO_PROXY", text: "With --proxy env: the proxy, and the hosts that need none." },
    ROOTS_NAMED,
    Named { name: "NO_COLOR", text: "If it is set, adieu writes no colours to a terminal." },
];

const FILES: [Named; 3] = [
    SERVICES,
    Named {
        name: "/etc/hosts, /etc/resolv.conf",
        text: "Names are resolved as the system does (getaddrinfo(3)).",
    },
    Named {
        name: "/etc/ssl/certs",
        text: "The system's roots of trust, where no option names others. Other systems have them elsewhere.",
    },
];

pub(super) fn page(guides: &[&Guide], program: &Command) -> String {
    let about = program.get_about().map(ToString::to_string).unwrap_or_default();
    let mut page = Page::new("adieu", 1, &about);
    page.heading("Synopsis");
    page.synopsis(
        "adieu",
        &["\\fICOMMAND\\fR [\\fIoption\\fR\\~.\\|.\\|.] [\\fIargument\\fR\\~.\\|.\\|.]".to_owned()],
    );
    page.synopsis("adieu", &[format!("[{}] {}|{}", "\\fICOMMAND\\fR", bold("-h"), bold("--help"))]);
    page.synopsis("adieu", &[format!("{} [{}]", bold("--version"), bold("--verbose"))]);
    page.heading("Description");
    page.paragraphs(DESCRIPTION, true);
    page.heading("Commands");
    page.paragraphs("Each command has a page of its own, such as adieu-connect(1).", true);
    for (wish, commands) in WISHES {
        page.subheading(wish);
        for guide in commands.iter().filter_map(|name| guides.iter().find(|guide| guide.command == *name)) {
            let purpose = guide.purpose;
            page.term(&bold(&format!("adieu {}", guide.command)), purpose);
        }
    }
    page.heading("Options");
    page.term(&format!("{}, {}", bold("-h"), bold("--help")), "Print help: -h one screen, --help all of it.");
    page.term(&format!("{}, {}", bold("-V"), bold("--version")), "Print the version. With --verbose: what this build asks its system about the end of a connection, and how it was tested there.",
    );
    page.heading("Examples");
    for (at, example) in EXAMPLES.iter().enumerate() {
        page.paragraphs(&format!("{}:", example.does), at == 0);
        page.literal(example.line);
    }
    statuses(&mut page, &OF_A_CONNECTION);
    page.paragraphs("The pages of commands with statuses of their own list them.", false);
    named(&mut page, "Environment", &VARIABLES);
    named(&mut page, "Files", &FILES);
    let commands = guides.iter().map(|guide| (name(guide.command), 1));
    let others =
        [("nc".to_owned(), 1), ("tcpdump".to_owned(), 8), ("tcp".to_owned(), 7), (name("protocol"), 7)];
    see_also(&mut page, commands.chain(others));
    page.finish()
}
