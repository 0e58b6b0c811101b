//! The page of a command, such as `adieu-connect(1)`.

use super::roff::{Page, bold, escaped, italic};
use crate::commands::nc;
use crate::exit::Statuses;
use crate::guide::{Guide, Named};
use clap::builder::PossibleValue;
use clap::{Arg, Command};

/// The name of a command's page.
pub(super) fn name(command: &str) -> String {
    format!("adieu-{command}")
}

pub(super) fn page(guide: &Guide, command: &Command) -> String {
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    let mut page = Page::new(&name(guide.command), 1, &about);
    page.heading("Synopsis");
    synopsis(&mut page, guide, command);
    page.heading("Description");
    let description = command.get_long_about().or(command.get_about()).map(ToString::to_string);
    page.paragraphs(&description.unwrap_or_default(), true);
    options(&mut page, command);
    if guide.command == "nc" {
        options_of_netcats(&mut page);
    }
    examples(&mut page, guide);
    statuses(&mut page, &guide.statuses);
    environment(&mut page, guide, command);
    named(&mut page, "Files", guide.files);
    let others = guide.see_also.iter().map(|other| match *other {
        "protocol" => (name(other), 7),
        other => (name(other), 1),
    });
    see_also(&mut page, std::iter::once(("adieu".to_owned(), 1)).chain(others));
    page.finish()
}

/// The arguments that the page shows, without the help and version options, which every command has.
fn arguments(command: &Command) -> impl Iterator<Item = &Arg> {
    let is_known = |argument: &&Arg| !["help", "version"].contains(&argument.get_id().as_str());
    command.get_arguments().filter(|argument| !argument.is_hide_set()).filter(is_known)
}

/// Every form. The first has all options, each with its value.
fn synopsis(page: &mut Page, guide: &Guide, command: &Command) {
    for (at, form) in guide.usage.iter().enumerate() {
        let (name, rest) = form.split_once(' ').unwrap_or((form, ""));
        let mut parts = Vec::new();
        for word in rest.split_inclusive([' ']).map(str::trim_end) {
            match word {
                "[OPTIONS]" if at == 0 => parts.extend(arguments(command).filter_map(optional)),
                "[OPTIONS]" => parts.push(format!("[{}\\~.\\|.\\|.]", italic("option"))),
                word => parts.push(form_word(word)),
            }
        }
        page.synopsis(&format!("adieu {name}"), &parts);
    }
}

/// A word of a form: what is in capitals stands for something.
fn form_word(word: &str) -> String {
    let inner = word.trim_matches(['[', ']', '.']);
    if !inner.is_empty() && inner.chars().all(|c| c.is_ascii_uppercase()) {
        let (before, after) = word.split_once(inner).unwrap_or_default();
        return format!("{}{}{}", escaped(before), italic(inner), escaped(after));
    }
    bold(word)
}

/// `[-e COMMAND]`. `None`: the argument is not an option.
fn optional(argument: &Arg) -> Option<String> {
    let long = argument.get_long()?;
    let name = argument.get_short().map_or_else(|| format!("--{long}"), |short| format!("-{short}"));
    let value = value(argument);
    let inner = match value.as_str() {
        "" => bold(&name),
        value if argument.is_require_equals_set() => format!("{}[={value}]", bold(&name)),
        value => format!("{}\\~{value}", bold(&name)),
    };
    Some(if argument.is_required_set() { inner } else { format!("[{inner}]") })
}

/// What an option takes: its values, or the name of one. Empty: nothing.
fn value(argument: &Arg) -> String {
    if !argument.get_action().takes_values() {
        return String::new();
    }
    let values: Vec<String> = possible(argument).iter().map(|value| bold(value.get_name())).collect();
    if !values.is_empty() {
        return values.join("|\\:");
    }
    let names = argument.get_value_names().unwrap_or_default();
    names.iter().map(|name| italic(name)).collect::<Vec<_>>().join("\\~")
}

fn possible(argument: &Arg) -> Vec<PossibleValue> {
    let mut values = argument.get_possible_values();
    values.retain(|value| !value.is_hide_set());
    // A switch's are yes and no, and are never written.
    if argument.get_action().takes_values() { values } else { Vec::new() }
}

/// The arguments and options, in the groups of the help.
fn options(page: &mut Page, command: &Command) {
    let all: Vec<&Arg> = arguments(command).collect();
    if all.is_empty() {
        return;
    }
    page.heading("Options");
    let mut headings: Vec<Option<&str>> = vec![None];
    for heading in all.iter().map(|argument| argument.get_help_heading()) {
        if !headings.contains(&heading) {
            headings.push(heading);
        }
    }
    for heading in headings {
        let (positional, optional): (Vec<_>, Vec<_>) =
            all.iter().filter(|a| a.get_help_heading() == heading).partition(|a| a.is_positional());
        if let Some(heading) = heading {
            page.subheading(heading);
        }
        for argument in positional.into_iter().chain(optional) {
            option(page, argument);
        }
    }
}

fn option(page: &mut Page, argument: &Arg) {
    let value = if argument.is_positional() {
        let names = argument.get_value_names().unwrap_or_default();
        names.iter().map(|name| italic(name)).collect::<Vec<_>>().join(" ")
    } else if argument.get_action().takes_values() {
        let names = argument.get_value_names().unwrap_or_default();
        names.iter().map(|name| italic(name)).collect::<Vec<_>>().join(" ")
    } else {
        String::new()
    };
    let short = argument.get_short().map(|short| bold(&format!("-{short}")));
    let long = argument.get_long().map(|long| bold(&format!("--{long}")));
    let names: Vec<String> = short.into_iter().chain(long).collect();
    let term = match (names.join(", "), value.as_str()) {
        (names, "") => names,
        (names, value) if names.is_empty() => value.to_owned(),
        (names, value) if argument.is_require_equals_set() => format!("{names}[={value}]"),
        (names, value) => format!("{names} {value}"),
    };
    let help = argument.get_long_help().or(argument.get_help()).map(ToString::to_string).unwrap_or_default();
    page.term(&term, &with_default(&help, argument));
    let values = possible(argument);
    if values.iter().any(|value| value.get_help().is_some()) {
        page.inner_terms(
            values.iter().map(|value| {
                (value.get_name(), value.get_help().map(ToString::to_string).unwrap_or_default())
            }),
        );
    }
}

/// The text of an option, as sentences, with its default.
fn with_default(help: &str, argument: &Arg) -> String {
    let mut text = help.to_owned();
    let defaults = argument.get_default_values();
    if argument.get_action().takes_values() && !defaults.is_empty() {
        let default: Vec<_> = defaults.iter().map(|value| value.to_string_lossy()).collect();
        text += &format!(" [default: {}]", default.join(" "));
    }
    text
}

/// `adieu nc` takes the command lines of four programs.
fn options_of_netcats(page: &mut Page) {
    page.heading("Options");
    let text = "Which options there are is the flavour's own: see ADIEU_NC_FLAVOUR. An option whose text ends in \"not supported\" is \
                refused.";
    page.paragraphs(text, true);
    for (flavour, options) in nc::options_for_manual() {
        page.subheading(flavour);
        for (names, value, text) in options {
            let names: Vec<String> = names.iter().map(|name| bold(name)).collect();
            let value = value.map(|value| format!(" {}", italic(value))).unwrap_or_default();
            page.term(&format!("{}{value}", names.join(", ")), &text);
        }
    }
}

fn examples(page: &mut Page, guide: &Guide) {
    page.heading("Examples");
    for (at, example) in guide.examples.iter().enumerate() {
        page.paragraphs(&format!("{}:", example.does.trim_end_matches(['.', '?'])), at == 0);
        page.literal(example.line);
    }
}

pub(super) fn statuses(page: &mut Page, statuses: &Statuses) {
    page.heading("Exit status");
    for (number, means) in statuses.meanings {
        page.term(&bold(&number.to_string()), &sentence(means));
    }
    if !statuses.note.is_empty() {
        page.paragraphs(statuses.note, false);
    }
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str().trim_end_matches('.'))
}

fn environment(page: &mut Page, guide: &Guide, command: &Command) {
    let options: Vec<(&str, &Arg)> =
        arguments(command).filter_map(|argument| Some((argument.get_env()?.to_str()?, argument))).collect();
    if options.is_empty() && guide.variables.is_empty() {
        return;
    }
    page.heading("Environment");
    if !options.is_empty() {
        let rule = "The variable of an option stands for the option, unless it is on the command line. Of a switch, 1, true and yes \
                    turn it on. An empty variable counts as not set; but an empty ADIEU_SECRET, or another that protects, is \
                    an error.";
        page.paragraphs(rule, true);
    }
    for (variable, argument) in options {
        page.term(&bold(variable), &format!("As --{}.", argument.get_long().unwrap_or_default()));
    }
    for Named { name, text } in guide.variables {
        page.term(&bold(name), text);
    }
}

pub(super) fn named(page: &mut Page, heading: &str, all: &[Named]) {
    if all.is_empty() {
        return;
    }
    page.heading(heading);
    for Named { name, text } in all {
        page.term(&italic(name), text);
    }
}

pub(super) fn see_also(page: &mut Page, others: impl Iterator<Item = (String, u8)>) {
    page.heading("See also");
    let mut others: Vec<_> = others.collect();
    others.sort_by(|a, b| (a.1, &a.0).cmp(&(b.1, &b.0)));
    let others: Vec<String> = others.iter().map(|(name, section)| format!("{name}({section})")).collect();
    page.paragraphs(&others.join(", "), true);
}
