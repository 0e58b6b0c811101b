//! What stands around a netcat in a line of a shell, said with what adieu has of its own: a file transfer, a question with an expected
//! answer.

use super::words::{Given, Line, Taken};

/// A tar that makes or unpacks what a netcat carries.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Tar {
    /// What it packs; empty where that is not told.
    pub(super) files: Vec<String>,
    /// Its `-C`.
    pub(super) directory: Option<String>,
}

/// The tar that packs what is sent.
pub(super) fn packs(line: &Line) -> Option<Tar> {
    let Some(Given::Command(command)) = &line.input else { return None };
    command.split(" | ").find_map(|command| tar(command, 'c'))
}

/// The tar that unpacks what comes.
pub(super) fn unpacks(line: &Line) -> Option<Tar> {
    let Some(Taken::Command(command)) = &line.output else { return None };
    command.split(" | ").find_map(|command| tar(command, 'x'))
}

/// A command that is tar in this mode: `c` or `x`.
fn tar(command: &str, mode: char) -> Option<Tar> {
    let mut words = shlex::split(command)?.into_iter();
    if words.next()?.rsplit('/').next() != Some("tar") {
        return None;
    }
    let (mut files, mut directory, mut is_it) = (Vec::new(), None, false);
    let mut is_first = true;
    while let Some(word) = words.next() {
        // The first word may be letters without a dash.
        let letters = match word.strip_prefix('-') {
            Some(letters) if !letters.starts_with('-') => Some(letters.to_owned()),
            None if is_first => Some(word.clone()),
            _ => None,
        };
        is_first = false;
        match letters {
            Some(letters) => {
                is_it |= letters.contains(mode);
                // Both take a value.
                if letters.ends_with('C') {
                    directory = words.next();
                } else if letters.ends_with('f') {
                    words.next();
                }
            }
            None if word == "--create" => is_it |= mode == 'c',
            None if word == "--extract" => is_it |= mode == 'x',
            None if word.starts_with("--") => {}
            None => files.push(word),
        }
    }
    is_it.then_some(Tar { files, directory })
}

/// What is sent, as `check --send` takes it, and what is looked for in the answer: `echo ruok | nc … | grep imok`.
pub(super) fn dialogue(line: &Line) -> Option<(String, String)> {
    let (Some(Given::Command(sends)), Some(Taken::Command(takes))) = (&line.input, &line.output) else {
        return None;
    };
    let sends = shlex::split(sends)?;
    let text = match sends.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["echo", "-n", words @ ..] => words.join(" ").replace('\\', "\\\\"),
        ["echo", words @ ..] => words.join(" ").replace('\\', "\\\\") + "\\n",
        ["printf", text] if !text.contains('%') => (*text).to_owned(),
        _ => return None,
    };
    let takes = shlex::split(takes)?;
    let (grep, words) = takes.split_first()?;
    let mut patterns = words.iter().filter(|word| !word.starts_with('-'));
    let (pattern, more) = (patterns.next()?, patterns.next());
    let means_itself = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '_' | '-' | ':' | '/' | '=');
    let is_plain = grep == "grep" && more.is_none() && pattern.chars().all(means_itself);
    let is_same =
        words.iter().all(|word| !word.starts_with('-') || matches!(word.as_str(), "-q" | "--quiet"));
    (is_plain && is_same && !text.contains(['$', '`'])).then(|| (text, pattern.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tar_packs_and_where_it_unpacks_is_read() {
        for (text, files, directory) in [
            ("tar c dir | nc h 1", &["dir"][..], None),
            ("tar czf - a b | nc h 1", &["a", "b"], None),
            ("tar -cf - -C /src . | nc h 1", &["."], Some("/src")),
            ("tar --create dir | gzip | nc h 1", &["dir"], None),
        ] {
            let tar = packs(&Line::new(text).expect("a netcat")).unwrap_or_else(|| panic!("{text}"));
            let found = tar.files.iter().map(String::as_str).collect::<Vec<_>>();
            assert_eq!((found, tar.directory.as_deref()), (files.to_vec(), directory), "{text}");
        }
        for (text, directory) in
            [("nc -l 1 | tar x", None), ("nc -l 1 | gunzip | tar -xf - -C /to", Some("/to"))]
        {
            let tar = unpacks(&Line::new(text).expect("a netcat")).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(tar.directory.as_deref(), directory, "{text}");
        }
        assert_eq!(packs(&Line::new("tar t x | nc h 1").expect("a netcat")), None);
        assert_eq!(packs(&Line::new("cat c | nc h 1").expect("a netcat")), None);
    }

    #[test]
    fn a_question_and_what_the_answer_must_have_are_read() {
        for (text, sends) in [
            ("echo ruok | nc h 1 | grep -q imok", "ruok\\n"),
            ("echo -n ruok | nc h 1 | grep imok", "ruok"),
            ("printf 'a\\r\\n' | nc h 1 | grep imok", "a\\r\\n"),
        ] {
            let found = dialogue(&Line::new(text).expect("a netcat"));
            assert_eq!(found, Some((sends.to_owned(), "imok".to_owned())), "{text}");
        }
        for text in [
            "nc h 1 | grep x",
            "echo a | nc h 1 | grep -v x",
            "echo a | nc h 1 | grep 'x.*y'",
            "cat f | nc h 1 | grep x",
        ] {
            assert_eq!(dialogue(&Line::new(text).expect("a netcat")), None, "{text}");
        }
    }
}
