//! What our completion scripts ask at each Tab, and the answer.
//!
//! The answer is made from the definitions of the options: a first line that says whether files are wanted, which a shell
//! completes better, and then the candidates. So one definition serves all shells, and interfaces and paths after `unix:` can
//! be offered.

use crate::exit::ExitStatus;
use crate::stdout::print;
use clap::builder::ValueHint;
use clap::{Arg, Command};
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate, complete};
use std::ffi::{OsStr, OsString};

/// Set by our scripts: which shell asks.
const VARIABLE: &str = "ADIEU_COMPLETE";

/// What is completed by what is known here, and not by clap: an interface, an endpoint.
const INTERFACE: &str = "interface";
const ENDPOINT: &str = "endpoint";
const ENDPOINTS: &str = "endpoints";

/// The ids of these.
#[cfg(test)]
pub(crate) const COMPLETED_BY_US: [&str; 3] = [INTERFACE, ENDPOINT, ENDPOINTS];

/// Stands in a candidate where any file can stand.
const ANY_FILE: &str = "\u{1}";

/// Whether one of our scripts asks. Nothing that a user writes begins so.
pub(crate) fn is_asked(words: &[OsString]) -> bool {
    words.get(1).is_some_and(|word| word == "--") && std::env::var_os(VARIABLE).is_some()
}

/// What can stand in the place of the last word.
pub(crate) fn answer(words: &[OsString], definition: &Command) -> ExitStatus {
    let has_help = std::env::var_os(VARIABLE).is_some_and(|shell| shell != "bash");
    let words = words.get(2..).unwrap_or_default();
    let (candidates, wants_files) = candidates(words, definition);
    let mut answer = String::from(if wants_files { "files\n" } else { "words\n" });
    for candidate in candidates {
        let value = candidate.get_value().to_string_lossy();
        // A line could not be told from two.
        if value.contains(['\n', '\t']) {
            continue;
        }
        answer += &value;
        if let Some(help) = candidate.get_help().filter(|_| has_help) {
            answer += &format!("\t{}", help.to_string().lines().next().unwrap_or_default());
        }
        answer.push('\n');
    }
    print(answer.as_bytes())
}

fn candidates(words: &[OsString], definition: &Command) -> (Vec<CompletionCandidate>, bool) {
    let Some(last) = words.len().checked_sub(1) else { return (Vec::new(), false) };
    let mut definition = visible(definition);
    let found = complete(&mut definition, words.to_vec(), last, None).unwrap_or_default();
    let is_file =
        |candidate: &CompletionCandidate| candidate.get_value().to_string_lossy().contains(ANY_FILE);
    // A file whose name begins with a dash is not thought of.
    let is_dashed = words[last].as_encoded_bytes().starts_with(b"-");
    let is_wanted = |candidate: &CompletionCandidate| !(is_dashed && candidate.get_value() == ANY_FILE);
    let wants_files = found.iter().any(|candidate| is_file(candidate) && is_wanted(candidate));
    let is_empty = words[last].is_empty();
    let is_option =
        |candidate: &CompletionCandidate| candidate.get_value().to_string_lossy().starts_with('-');
    // Where nothing is written yet, options would hide what else can stand there.
    let has_other = found.iter().any(|candidate| !is_option(candidate) && !candidate.is_hide_set());
    let wanted = found.into_iter().filter(|candidate| {
        !(is_file(candidate) || candidate.is_hide_set() || is_empty && has_other && is_option(candidate))
    });
    (wanted.collect(), wants_files)
}

/// The definition without what is hidden, and with what completes its values.
pub(super) fn visible(command: &Command) -> Command {
    let arguments = command.get_arguments().filter(|argument| !argument.is_hide_set()).cloned();
    // clap takes names that live as long as the process, which has nothing to do after this.
    let name: &'static str = Box::leak(command.get_name().to_owned().into_boxed_str());
    Command::new(name)
        .about(command.get_about().cloned().unwrap_or_default())
        .args(arguments.map(with_completer))
        .subcommands(command.get_subcommands().filter(|command| !command.is_hide_set()).map(visible))
}

fn with_completer(argument: Arg) -> Arg {
    let completer = match argument.get_id().as_str() {
        INTERFACE => ArgValueCompleter::new(interfaces),
        ENDPOINT | ENDPOINTS => ArgValueCompleter::new(endpoints),
        _ if matches!(
            argument.get_value_hint(),
            ValueHint::AnyPath | ValueHint::FilePath | ValueHint::DirPath
        ) =>
        {
            ArgValueCompleter::new(|_: &OsStr| vec![CompletionCandidate::new(ANY_FILE)])
        }
        _ => return argument,
    };
    argument.add(completer)
}

/// After `unix:` stands a path; a host or a port is nothing that is known.
fn endpoints(current: &OsStr) -> Vec<CompletionCandidate> {
    let written = current.as_encoded_bytes();
    let is_path = written.starts_with(b"unix:") && !written.starts_with(b"unix:@");
    if is_path { vec![CompletionCandidate::new(ANY_FILE)] } else { Vec::new() }
}

/// This machine's network interfaces. netdevice(7) and sysfs(5): each is a name in /sys/class/net.
fn interfaces(current: &OsStr) -> Vec<CompletionCandidate> {
    let entries = std::fs::read_dir("/sys/class/net").into_iter().flatten().filter_map(Result::ok);
    let mut names: Vec<OsString> = entries.map(|entry| entry.file_name()).collect();
    names.retain(|name| name.as_encoded_bytes().starts_with(current.as_encoded_bytes()));
    names.sort();
    names.into_iter().map(CompletionCandidate::new).collect()
}
