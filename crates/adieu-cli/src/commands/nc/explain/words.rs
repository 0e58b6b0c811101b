//! A line of a shell, as far as it is a netcat's: its words, and what stands around them.

use std::borrow::Cow;
use std::ffi::OsString;
use std::time::Duration;

/// A command line, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// The program's file name.
    pub(super) program: String,
    pub(super) words: Vec<OsString>,
    pub(super) input: Option<Given>,
    pub(super) output: Option<Taken>,
    /// It is tried until it succeeds: the condition of a loop.
    pub(super) is_awaited: bool,
    /// `timeout` in front of it.
    pub(super) timeout: Option<Duration>,
    /// `timeout` in front of the shell that runs it.
    pub(super) outer_timeout: Option<Duration>,
    /// ssh runs it, with the host and the port in the place of %h and %p.
    pub(super) is_proxy_command: bool,
    sentences: Vec<String>,
}

/// What gives it its input. Texts are as a shell takes them.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Given {
    /// Behind `<`.
    File(String),
    /// A text in the script, behind `<<`.
    Text,
    /// Before `|`.
    Command(String),
}

/// What takes its output.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// Behind `>` or `>>`.
    File { name: String, appends: bool },
    /// Behind `|`.
    Command(String),
}

/// What a shell makes of the characters outside of quotes.
enum Token {
    Word(String),
    /// `<`, `>`, `2>&1`, `|`, `&&` …
    Operator(String),
}

const NAMES: [&str; 5] = ["nc", "netcat", "nc.openbsd", "nc.traditional", "ncat"];

/// What stands for ssh's %h and %p.
pub(super) const OF_SSH: (&str, &str) = ("host", "22");

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
            let inner = parts.iter().find_map(|part| {
                let mut line = part.iter().find_map(|token| Self::inside(token))?;
                line.outer_timeout = line.outer_timeout.or_else(|| timeout_in(part));
                Some(line)
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
            is_awaited: false,
            timeout: timeout_in(&part[..begin]),
            outer_timeout: None,
            is_proxy_command: false,
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
        for word in words {
            line.is_proxy_command |= word == "%h";
            line.words.push(match word.as_str() {
                "%h" => OF_SSH.0.into(),
                "%p" => OF_SSH.1.into(),
                _ => word.into(),
            });
        }
        if line.is_proxy_command {
            line.sentences
                .push("Is run by ssh, which puts its host and port in the place of %h and %p.".to_owned());
        }
        line.pipes(&tokens, &parts, at);
        Ok(line)
    }

    /// The line that a word has in it: another shell runs it, or ssh.
    fn inside(token: &Token) -> Option<Self> {
        let Token::Word(word) = token else { return None };
        if !word.contains(char::is_whitespace) {
            return None;
        }
        let word = word.strip_prefix("$(").and_then(|word| word.strip_suffix(')')).unwrap_or(word);
        let option = word.strip_prefix("-o").unwrap_or(word);
        let word = match option.split_at_checked("ProxyCommand".len()) {
            Some((name, command)) if name.eq_ignore_ascii_case("ProxyCommand") => {
                command.trim_start_matches([' ', '='])
            }
            _ => word,
        };
        Self::new(word).ok()
    }

    /// What stands around the command, in sentences.
    pub(super) fn redirections(&self) -> impl Iterator<Item = &str> {
        self.sentences.iter().map(String::as_str)
    }

    fn redirect(&mut self, operator: &str, target: &str) {
        let sentence = match operator {
            "<" => {
                self.input = Some(Given::File(target.to_owned()));
                format!("Sends the file {target}.")
            }
            "<<" | "<<<" | "<<-" => {
                self.input = Some(Given::Text);
                "Sends a text that stands in the script.".to_owned()
            }
            ">" | "1>" => {
                self.output = Some(Taken::File { name: target.to_owned(), appends: false });
                format!("Writes what it receives to the file {target}.")
            }
            ">>" | "1>>" => {
                self.output = Some(Taken::File { name: target.to_owned(), appends: true });
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
        let is_pipe = |at: usize| {
            operators.get(at).is_some_and(|operator| operator.starts_with('|') && *operator != "||")
        };
        let first = (0..at).rev().take_while(|before| is_pipe(*before)).last().unwrap_or(at);
        let (keywords, _) = without_keywords(&parts[first]);
        self.is_awaited = matches!(keywords.as_slice(), [.., "until"] | [.., "while", "!"]);
        let command = |part: &Vec<&Token>| {
            without_keywords(part).1.iter().map(|token| shown(token)).collect::<Vec<_>>().join(" ")
        };
        if first < at {
            let before = parts[first..at].iter().map(command).collect::<Vec<_>>().join(" | ");
            self.sentences.push(format!("Sends what `{before}` prints."));
            self.input = Some(Given::Command(before));
        }
        let last = (at..parts.len()).find(|after| !is_pipe(*after)).unwrap_or(at);
        if at < last {
            let after = parts[at + 1..=last].iter().map(command).collect::<Vec<_>>().join(" | ");
            self.sentences.push(format!("What it receives goes to `{after}`."));
            self.output = Some(Taken::Command(after));
        }
        if operators.get(at).is_some_and(|operator| *operator == "&") {
            self.sentences.push("Runs in the background: a shell gives it /dev/null as stdin.".to_owned());
        }
    }
}

fn shown(token: &Token) -> String {
    match token {
        Token::Word(word) => quoted(word).into_owned(),
        Token::Operator(operator) => operator.clone(),
    }
}

/// A word as a shell takes it. What it is to expand stays so.
pub(super) fn quoted(word: &str) -> Cow<'_, str> {
    let is_plain = |word: &str| !word.contains(['"', '`', '\\']);
    if word.contains('$') && is_plain(word) {
        return if word.contains(char::is_whitespace) { format!("\"{word}\"").into() } else { word.into() };
    }
    literal(word)
}

/// A word as a shell takes it that is to expand nothing.
pub(super) fn literal(word: &str) -> Cow<'_, str> {
    match shlex::try_quote(word) {
        Ok(Cow::Owned(_)) if !word.contains('\'') => format!("'{word}'").into(),
        Ok(quoted) => quoted,
        // A NUL cannot be in a word.
        Err(_) => Cow::Borrowed(word),
    }
}

/// The words of the shell's own that a command begins with, and the rest.
fn without_keywords<'a, 'b>(part: &'b [&'a Token]) -> (Vec<&'a str>, &'b [&'a Token]) {
    let keywords: Vec<&str> = part
        .iter()
        .map_while(|token| match token {
            Token::Word(word) if KEYWORDS.contains(&word.as_str()) => Some(word.as_str()),
            _ => None,
        })
        .collect();
    let rest = &part[keywords.len()..];
    (keywords, rest)
}

const KEYWORDS: [&str; 10] = ["until", "while", "!", "if", "elif", "do", "then", "else", "{", "("];

/// The limit of `timeout`, if that is among the words.
fn timeout_in(part: &[&Token]) -> Option<Duration> {
    let mut words = part.iter().filter_map(|token| match token {
        Token::Word(word) => Some(word.as_str()),
        Token::Operator(_) => None,
    });
    words.find(|word| word.rsplit('/').next() == Some("timeout"))?;
    loop {
        match words.next()? {
            "-k" | "-s" | "--kill-after" | "--signal" => drop(words.next()),
            option if option.starts_with('-') => {}
            time => {
                let unit = |letter: char| match letter {
                    's' => Some(1.0),
                    'm' => Some(60.0),
                    'h' => Some(3600.0),
                    'd' => Some(86_400.0),
                    _ => None,
                };
                let (number, unit) = match time.chars().last().and_then(unit) {
                    Some(unit) => (&time[..time.len() - 1], unit),
                    None => (time, 1.0),
                };
                let seconds = number.parse::<f64>().ok()? * unit;
                return Duration::try_from_secs_f64(seconds).ok().filter(|time| !time.is_zero());
            }
        }
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
            let given = line.input.as_ref().map(|input| match input {
                Given::File(text) | Given::Command(text) => text.as_str(),
                Given::Text => "",
            });
            let taken = line.output.as_ref().map(|output| match output {
                Taken::File { name: text, .. } | Taken::Command(text) => text.as_str(),
            });
            assert_eq!((given, taken), (input, output), "{text}");
        }
    }

    #[test]
    fn what_bounds_a_line_and_what_waits_for_it_is_found() {
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        for (text, is_awaited, timeout, outer) in [
            ("nc -z h 1", false, None, None),
            ("until nc -z h 1; do sleep 1; done", true, None, None),
            ("while ! nc -z h 1; do sleep 1; done", true, None, None),
            ("while nc -z h 1; do sleep 1; done", false, None, None),
            ("until echo ruok | nc h 1 | grep imok; do :; done", true, None, None),
            ("until timeout 5 nc -z h 1; do :; done", true, seconds(5), None),
            ("timeout -k 1 2m bash -c 'until nc -z h 1; do sleep 1; done'", true, None, seconds(120)),
            ("timeout --foreground 5s nc h 1", false, seconds(5), None),
        ] {
            let line = Line::new(text).unwrap_or_else(|why| panic!("{text}: {why}"));
            let found = (line.is_awaited, line.timeout, line.outer_timeout);
            assert_eq!(found, (is_awaited, timeout, outer), "{text}");
        }
        for text in [
            "ProxyCommand nc -X 5 -x p:1 %h %p",
            "ssh -o 'ProxyCommand nc -x p:1 %h %p' h",
            "ssh -o ProxyCommand='nc -x p:1 %h %p' h",
            "ssh -oproxycommand=\"nc -x p:1 %h %p\" h",
        ] {
            assert!(Line::new(text).is_ok_and(|line| line.is_proxy_command), "{text}");
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
