//! Which names from elsewhere can be names here.
//!
//! Source: "Naming Files, Paths, and Namespaces". Paths with `\\?\` would take more, but most programs could not open
//! what has such a name, and a colon would name a stream of another file.

/// Why a component of a path cannot be a name here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WrongName {
    #[error("the name '{}' is no UTF-8, so Windows cannot have it", crate::wire::shown(.0))]
    NotUnicode(Vec<u8>),
    #[error("Windows cannot have the name '{}': it has '{}' in it", crate::wire::shown(.0.as_bytes()), .1.escape_default())]
    Character(String, char),
    #[error("Windows cannot have the name '{0}': it ends with a dot or a space")]
    Ending(String),
    #[error("Windows cannot have the name '{0}': it is kept for a device")]
    Device(String),
}

/// Names of devices, in any directory and with any ending; COM and LPT with a digit besides.
const DEVICES: [&str; 6] = ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"];

/// # Errors
///
/// It cannot be a name here.
pub(crate) fn check_name(name: &[u8]) -> Result<&str, WrongName> {
    let text = str::from_utf8(name).map_err(|_| WrongName::NotUnicode(name.to_vec()))?;
    let is_wrong = |c: char| c.is_ascii_control() || r#"\/:<>"|?*"#.contains(c);
    if let Some(wrong) = text.chars().find(|c| is_wrong(*c)) {
        return Err(WrongName::Character(text.to_owned(), wrong));
    }
    if text.is_empty() || text.ends_with(['.', ' ']) {
        return Err(WrongName::Ending(text.to_owned()));
    }
    let stem = text.split('.').next().unwrap_or(text).trim_end_matches(' ').to_ascii_uppercase();
    let numbered = stem.strip_prefix("COM").or_else(|| stem.strip_prefix("LPT"));
    let is_digit = |c: char| c.is_ascii_digit() || matches!(c, '¹' | '²' | '³');
    let is_port = numbered.is_some_and(|n| n.chars().count() == 1 && n.chars().all(is_digit));
    if is_port || DEVICES.contains(&&*stem) {
        return Err(WrongName::Device(text.to_owned()));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_windows_programs_cannot_use_is_refused_with_the_reason() {
        for (name, reason) in [
            (&b"a\xff"[..], "is no UTF-8"),
            (b"a\\b", "it has '\\\\' in it"),
            (b"file:stream", "it has ':' in it"),
            (b"what?", "it has '?' in it"),
            (b"line\nbreak", "it has '\\n' in it"),
            (b"a.", "ends with a dot or a space"),
            (b"a ", "ends with a dot or a space"),
            (b"...", "ends with a dot or a space"),
            (b"nul", "is kept for a device"),
            (b"Con.txt", "is kept for a device"),
            (b"aux .tar.gz", "is kept for a device"),
            (b"COM1", "is kept for a device"),
            ("lpt².log".as_bytes(), "is kept for a device"),
        ] {
            let said = check_name(name).expect_err("it cannot be a name").to_string();
            assert!(said.contains(reason), "{said}");
        }
        for name in ["a", ".a", "a b", "nullable", "COM", "COM10", "a.nul", "größe", "-rf", "$x"] {
            assert_eq!(check_name(name.as_bytes()), Ok(name));
        }
    }
}
