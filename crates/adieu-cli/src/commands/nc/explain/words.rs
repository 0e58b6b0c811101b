//! A line of a shell, as far as it is a netcat's: its words, and what stands around them.

use std::ffi::OsString;

/// A command line, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// The program's file name.
    pub(super) program: String,
    pub(super) words: Vec<OsString>,
    /// What gives it its input: a command before `|`, or a file behind `<`.
    pub(super) input: Option<String>,
    /// What takes its output: a command behind `|`, or a file behind `>`.
    pub(super) output: Option<String>,
    sentences: Vec<String>,
}

/// What a shell makes of the characters outside of quotes.
enum Token {
    Word(String),
    /// `<`, `>`, `2>&1`, `|`, `&&` …
    Operator(String),
}

const NAMES: [&str; 5] = ["nc", "netcat", "nc.openbsd", "nc.traditional", "ncat"];

impl Line {
    /// # Errors
    ///
    /// A sentence: there is no netcat in it, or a quote has no end.
    pub(super) fn new(text: &str) -> Result<Self, String> {
        let tokens = tokens(text)?;
        let parts: Vec<Vec<&Token>> = split(&tokens);
        let at = parts.iter().position(|part| program_at(part).is_some());
        let Some(at) = at else {
            // It may be in a line that another shell runs, or in a command substitution.
            let inner = tokens.iter().find_map(|token| match token {
                Token::Word(word) if word.contains(char::is_whitespace) => {
                    let word =
                        word.strip_prefix("$(").and_then(|word| word.strip_suffix(')')).unwrap_or(word);
                    Self::new(word).ok()
                }
                _ => None,
            });
            return inner.ok_or_else(|| format!("there is no nc, netcat or ncat in: {text}"));
        };
        let part = &parts[at];
        let Some(begin) = program_at(part) else { return Err(String::new()) };
        let mut line = Self {
            program: String::new(),
            words: Vec::new(),
            input: None,
            output: None,
            sentences: Vec::new(),
        };
        let mut words = Vec::new();
        let mut rest = part[begin..].iter();
        while let Some(token) = rest.next() {
            match token {
                Token::Word(word) => words.push(word.clone()),
                Token::Operator(operator) => {
                    let target = if operator.contains('&') { None } else { rest.next() };
                    let target = target.map(|token| shown(token)).unwrap_or_default();
                    line.redirect(operator, &target);
                }
            }
        }
        let mut words = words.into_iter();
        let first = words.next().unwrap_or_default();
        first.rsplit('/').next().unwrap_or_default().clone_into(&mut line.program);
        if line.program == "adieu" {
            // `adieu nc …`
            words.next();
            "nc".clone_into(&mut line.program);
        }
        // ssh's ProxyCommand has them replaced.
        let of_ssh = |word: String| match word.as_str() {
            "%h" => "host".to_owned(),
            "%p" => "22".to_owned(),
            _ => word,
        };
        line.words = words.map(of_ssh).map(OsString::from).collect();
        line.pipes(&tokens, &parts, at);
        Ok(line)
    }

    /// What stands around the command, in sentences.
    pub(super) fn redirections(&self) -> impl Iterator<Item = &str> {
        self.sentences.iter().map(String::as_str)
    }

    fn redirect(&mut self, operator: &str, target: &str) {
        let sentence = match operator {
            "<" => {
                self.input = Some(target.to_owned());
                format!("Sends the file {target}.")
            }
            "<<" | "<<<" | "<<-" => {
                self.input = Some("a text in the script".to_owned());
                "Sends a text that stands in the script.".to_owned()
            }
            ">" | "1>" => {
                self.output = Some(target.to_owned());
                format!("Writes what it receives to the file {target}.")
            }
            ">>" | "1>>" => {
                self.output = Some(target.to_owned());
                format!("Appends what it receives to the file {target}.")
            }
            "2>" if target == "/dev/null" => {
                "Throws its messages away, and with them the sentence that says what went wrong.".to_owned()
            }
            "2>" | "2>>" => format!("Writes its messages to the file {target}."),
            ">&" | "&>" => format!("Writes what it receives and its messages to {target}."),
            "2>&1" => "Its messages go where what it receives goes.".to_owned(),
            _ => return,
        };
        self.sentences.push(sentence);
    }

    fn pipes(&mut self, tokens: &[Token], parts: &[Vec<&Token>], at: usize) {
        let operators: Vec<&str> = tokens
            .iter()
            .filter_map(|token| match token {
                Token::Operator(operator) if is_separator(operator) => Some(operator.as_str()),
                _ => None,
            })
            .collect();
        let command =
            |part: &Vec<&Token>| part.iter().map(|token| shown(token)).collect::<Vec<_>>().join(" ");
        if at > 0
            && operators.get(at - 1).is_some_and(|operator| operator.starts_with('|') && *operator != "||")
        {
            let before = command(&parts[at - 1]);
            self.sentences.push(format!("Sends what `{before}` prints."));
            self.input = Some(before);
        }
        if operators.get(at).is_some_and(|operator| operator.starts_with('|') && *operator != "||") {
            let after = parts.get(at + 1).map(command).unwrap_or_default();
            self.sentences.push(format!("What it receives goes to `{after}`."));
            self.output = Some(after);
        }
        if operators.get(at).is_some_and(|operator| *operator == "&") {
            self.sentences.push("Runs in the background: a shell gives it /dev/null as stdin.".to_owned());
        }
    }
}

fn shown(token: &Token) -> String {
    match token {
        Token::Word(word) if word.contains(char::is_whitespace) => format!("'{word}'"),
        Token::Word(word) => word.clone(),
        Token::Operator(operator) => operator.clone(),
    }
}

/// Where a netcat stands in a command, behind words such as `while !`, `timeout 5`, `sudo` or `VARIABLE=value`. adieu is one as
/// `adieu nc`.
fn program_at(part: &[&Token]) -> Option<usize> {
    let word = |at: usize| match part.get(at) {
        Some(Token::Word(word)) => word.rsplit('/').next(),
        _ => None,
    };
    (0..part.len()).find(|at| match word(*at) {
        Some("adieu") => word(at + 1) == Some("nc"),
        Some(word) => NAMES.contains(&word),
        None => false,
    })
}

fn is_separator(operator: &str) -> bool {
    matches!(operator, "|" | "|&" | "||" | "&&" | ";" | "&")
}

/// The commands between pipes and other separators.
fn split(tokens: &[Token]) -> Vec<Vec<&Token>> {
    let mut parts = vec![Vec::new()];
    for token in tokens {
        match token {
            Token::Operator(operator) if is_separator(operator) => parts.push(Vec::new()),
            token => {
                if let Some(part) = parts.last_mut() {
                    part.push(token);
                }
            }
        }
    }
    parts
}

/// Words and operators. Quotes are taken off by `shlex`, which knows their rules; here is only where a word ends.
fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut raw = String::new();
    let mut quote = None;
    let mut characters = text.chars().peekable();
    let finish = |raw: &mut String, tokens: &mut Vec<Token>| -> Result<(), String> {
        if raw.is_empty() {
            return Ok(());
        }
        let words = shlex::split(raw).ok_or_else(|| format!("a quote has no end: {raw}"))?;
        tokens.extend(words.into_iter().map(Token::Word));
        raw.clear();
        Ok(())
    };
    while let Some(c) = characters.next() {
        match (quote, c) {
            (Some(open), c) => {
                raw.push(c);
                if c == '\\' && open == '"' {
                    raw.extend(characters.next());
                } else if c == open {
                    quote = None;
                }
            }
            (None, '\'' | '"') => {
                raw.push(c);
                quote = Some(c);
            }
            (None, '\\') => {
                raw.push(c);
                raw.extend(characters.next());
            }
            (None, '<' | '>' | '|' | '&' | ';' | '\n') => {
                // A number before a redirection is a descriptor's.
                let is_descriptor = matches!(c, '<' | '>') && matches!(raw.as_str(), "0" | "1" | "2");
                let mut operator = if is_descriptor { std::mem::take(&mut raw) } else { String::new() };
                finish(&mut raw, &mut tokens)?;
                operator.push(if c == '\n' { ';' } else { c });
                while let Some(next) = characters.next_if(|next| match c {
                    '<' => matches!(next, '<' | '&' | '-'),
                    '>' => matches!(next, '>' | '&'),
                    '|' => matches!(next, '|' | '&'),
                    '&' => matches!(next, '&' | '>'),
                    _ => false,
                }) {
                    operator.push(next);
                }
                // `2>&1`: the other descriptor belongs to it.
                if operator.ends_with(">&") || operator.ends_with("<&") {
                    operator.extend(characters.next_if(char::is_ascii_digit));
                }
                if operator.starts_with('0') || operator == "1>" || operator == "1>>" {
                    operator.remove(0);
                }
                tokens.push(Token::Operator(operator));
            }
            (None, c) if c.is_whitespace() => finish(&mut raw, &mut tokens)?,
            (None, c) => raw.push(c),
        }
    }
    finish(&mut raw, &mut tokens)?;
    Ok(tokens)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &Line) -> Vec<&str> {
        line.words.iter().map(|word| word.to_str().expect("UTF-8")).collect()
    }

    #[test]
    fn a_netcat_is_found_in_what_stands_around_it() {
        for (text, program, expected, input, output) in [
            ("nc -q 1 host 80 < file", "nc", &["-q", "1", "host", "80"][..], Some("file"), None),
            ("while ! nc -z db 5432; do sleep 1; done", "nc", &["-z", "db", "5432"], None, None),
            (
                "echo 'a b' | /bin/nc -w1 h 1 | grep x",
                "nc",
                &["-w1", "h", "1"],
                Some("echo 'a b'"),
                Some("grep x"),
            ),
            ("if nc -zv h 1 2>&1 && true; then", "nc", &["-zv", "h", "1"], None, None),
            ("nc -l 9000 > \"my file\" 2>/dev/null &", "nc", &["-l", "9000"], None, Some("'my file'")),
            (
                "timeout 5 ncat --ssl h 443 </dev/null",
                "ncat",
                &["--ssl", "h", "443"],
                Some("/dev/null"),
                None,
            ),
            ("test \"$(echo x | nc -u h 1)\" = y", "nc", &["-u", "h", "1"], Some("echo x"), None),
            ("bash -c 'nc -z h 1'", "nc", &["-z", "h", "1"], None, None),
            ("adieu nc -N h 1", "nc", &["-N", "h", "1"], None, None),
            ("nc $HOST \"$PORT\"", "nc", &["$HOST", "$PORT"], None, None),
            ("nc -c 'a | b' h 1", "nc", &["-c", "a | b", "h", "1"], None, None),
        ] {
            let line = Line::new(text).unwrap_or_else(|why| panic!("{text}: {why}"));
            assert_eq!((line.program.as_str(), words(&line)), (program, expected.to_vec()), "{text}");
            assert_eq!((line.input.as_deref(), line.output.as_deref()), (input, output), "{text}");
        }
    }

    #[test]
    fn a_line_without_a_netcat_is_refused() {
        assert!(Line::new("curl http://host").is_err());
        assert!(Line::new("adieu connect host:80").is_err());
        let line = Line::new("adieu check --wait 5s db:1 -- nc -z h 1").expect("there is a netcat in it");
        assert_eq!((line.program.as_str(), words(&line)), ("nc", vec!["-z", "h", "1"]));
        assert!(Line::new("nc 'host 80").is_err());
    }
}
