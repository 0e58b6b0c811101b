//! All codes as a page of Markdown.

use super::{Code, Kind, all};
use std::fmt::Write;

const HEAD: &str = "\
# Codes and what they mean for an ending

<!-- Made by `cargo run -p adieu-explain --example endings_codes`. Change the tables in crates/adieu-explain/src/codes. -->

`adieu explain --code CODE` prints one entry of this page. CODE is a number, a name, or the text that a system prints:
`104`, `10054`, `ECONNRESET`, `\"Connection reset by peer\"`, `\"exit 5\"`, `\"alert 42\"`, `RSTO`.
A number can mean several things. All of them are printed.
";

/// The page `docs/endings-codes.md`.
pub fn page() -> String {
    let mut page = String::from(HEAD);
    for kind in Kind::ALL {
        let title = match kind {
            Kind::Error => "Error numbers",
            Kind::ExitStatus => "Exit statuses",
            Kind::Signal => "Signals",
            Kind::TlsAlert => "TLS alerts",
            Kind::ConnState => "Zeek's conn_state",
        };
        let _ = write!(page, "\n## {title}\n");
        if kind == Kind::TlsAlert {
            page += "\n| Number | Name | Means | Ending | Look at |\n| --- | --- | --- | --- | --- |\n";
        }
        for code in all().filter(|code| code.kind == kind) {
            if kind == Kind::TlsAlert { row(&mut page, code) } else { section(&mut page, code) }
        }
    }
    page
}

fn row(page: &mut String, code: &Code) {
    let number = code.numbers.first().map_or(0, |one| one.number);
    let (ending, look_at) = (code.ending.unwrap_or("-"), code.look_at.join("; "));
    let _ = writeln!(page, "| {number} | {} | {} | {ending} | {look_at} |", code.name, code.means);
}

fn section(page: &mut String, code: &Code) {
    let _ = write!(page, "\n### {}\n\n", code.name);
    let numbers: Vec<String> =
        code.numbers.iter().map(|one| format!("{} {}", one.system, one.number)).collect();
    let names: Vec<String> = code.also.iter().map(|name| format!("`{name}`")).collect();
    let texts: Vec<String> = code.text.iter().map(|text| format!("\"{text}\"")).collect();
    let facts: Vec<String> =
        [numbers, names, texts].iter().filter(|some| !some.is_empty()).map(|some| some.join(", ")).collect();
    if !facts.is_empty() && code.kind == Kind::Error {
        let _ = write!(page, "{}\n\n", facts.join("; "));
    }
    let _ = writeln!(page, "{}", code.means);
    if let Some(ending) = code.ending {
        let _ = write!(page, "\nEnding: {ending}.\n");
    }
    page.push('\n');
    for line in code.look_at {
        let _ = writeln!(page, "- {line}");
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_page_of_the_docs_is_made_of_the_tables() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/endings-codes.md");
        let written = std::fs::read_to_string(path).expect("the page is there").replace("\r\n", "\n");
        assert!(
            written == super::page(),
            "run cargo run -p adieu-explain --example endings_codes > docs/endings-codes.md"
        );
    }
}
