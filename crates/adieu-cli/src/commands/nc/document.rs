//! docs/nc.md has every option of every flavour, with how far it is that of the original, as the parser's tables have it.
//!
//! `INSTA_UPDATE=always` writes them, as it does snapshots.

use super::arguments::tables::{self, Opt, Standing};
use super::flavour::Flavour;

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/nc.md");

const TITLES: [(Flavour, &str); 4] = [
    (Flavour::Debian, "### Debian's nc"),
    (Flavour::OpenBsd, "### OpenBSD's nc"),
    (Flavour::Traditional, "### The traditional netcat"),
    (Flavour::Ncat, "### ncat"),
];

fn row(option: &Opt) -> String {
    let value = option.value.map(|value| format!(" {value}")).unwrap_or_default();
    let names = match (option.letter, option.long) {
        (Some(letter), "" | "4" | "6" | "g" | "G") => format!("`-{letter}{value}`"),
        (Some(letter), long) => format!("`-{letter}`, `--{long}{value}`"),
        (None, long) => format!("`--{long}{value}`"),
    };
    let (standing, why) = match option.standing {
        _ if option.is_ours => ("adieu's", ""),
        Standing::Same => ("same", ""),
        Standing::Different(how) => ("different", how),
        Standing::Refused(because) => ("refused", because),
    };
    let does = if option.does.is_empty() { "(not in the original's help)" } else { option.does };
    // Markdown takes "<n>" for HTML.
    let does = does.strip_prefix("adieu: ").unwrap_or(does).replace('<', "\\<");
    let row = format!("| {names} | {standing} | {does} | {why} |");
    row.replace("|  |", "| |")
}

fn tables() -> String {
    let mut text = String::new();
    for (flavour, title) in TITLES {
        text += &format!("{title}\n\n| option | | what it does | why |\n| --- | --- | --- | --- |\n");
        for option in tables::of(flavour) {
            text += &format!("{}\n", row(option));
        }
        text += "\n";
    }
    text.trim_end().to_owned() + "\n"
}

#[test]
fn the_document_has_the_tables_of_the_parser() {
    let text = std::fs::read_to_string(PATH).expect("docs/nc.md is there");
    let begin = text.find(TITLES[0].1).unwrap_or(text.len());
    let (words, shown) = text.split_at(begin);
    let expected = tables();
    if std::env::var_os("INSTA_UPDATE").is_some_and(|update| update == "always") {
        std::fs::write(PATH, format!("{words}{expected}")).expect("docs/nc.md can be written");
        return;
    }
    let wrong =
        expected.lines().zip(shown.lines().chain(std::iter::repeat("(nothing)"))).find(|(a, b)| a != b);
    assert_eq!(wrong, None, "INSTA_UPDATE=always writes them");
    assert_eq!(expected, shown, "there is more than the parser's tables");
}

/// What the document says of variables has to be what the code reads.
#[test]
fn the_document_has_every_variable() {
    let text = std::fs::read_to_string(PATH).expect("docs/nc.md is there");
    for name in ["ADIEU_NC_FLAVOUR", "ADIEU_NC_EXIT", "ADIEU_NC_EXEC", "ADIEU_REPORT", "ADIEU_REPORT_FILE"] {
        assert!(text.contains(&format!("`{name}`")), "{name}");
    }
    for flavour in Flavour::ALL {
        assert!(text.contains(&format!("`{flavour}`")), "{flavour}");
    }
}
