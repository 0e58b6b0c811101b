//! What is wrong with a text that is not TOML, in a sentence.

use std::ops::Range;
use toml::de::{DeTable, DeValue};

/// The sentence for an error of the parser's at this place. `document` is what it could read.
pub(super) fn told(text: &str, document: &DeTable<'_>, at: Range<usize>, message: &str) -> String {
    match second_key(text, document, &at) {
        Some(key) => format!("'{key}' stands twice in this table: keep one of the two"),
        None => format!("this is not TOML: {message}"),
    }
}

/// The key at this place, if the table has it already: the parser leaves the second out of what it gives.
fn second_key<'a>(text: &'a str, document: &DeTable<'_>, at: &Range<usize>) -> Option<&'a str> {
    let key = text.get(at.clone())?.trim();
    let is_given_a_value = text.get(at.end..)?.trim_start_matches([' ', '\t']).starts_with('=');
    let is_it = |one: &str, begins: usize| one == key.trim_matches('"') && begins < at.start;
    (is_given_a_value && !key.is_empty() && any_key(document, &is_it)).then_some(key)
}

fn any_key(table: &DeTable<'_>, is_it: &dyn Fn(&str, usize) -> bool) -> bool {
    table.iter().any(|(key, value)| is_it(key.get_ref(), key.span().start) || any_in(value.get_ref(), is_it))
}

fn any_in(value: &DeValue<'_>, is_it: &dyn Fn(&str, usize) -> bool) -> bool {
    match value {
        DeValue::Table(table) => any_key(table, is_it),
        DeValue::Array(values) => values.iter().any(|value| any_in(value.get_ref(), is_it)),
        _ => false,
    }
}
