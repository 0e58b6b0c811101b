//! `--both`: two captures of the same connections, taken at two places, and what happened between.

mod ladder;
mod out;

use self::out::Out;
use super::filter::Filter;
use super::live::Live;
use super::pass::{open, tell_counts, told, unreadable, worst};
use super::plan::{Capture, Form};
use crate::exit::ExitStatus;
use crate::printer::complain;
use crate::stdout::to_stdout;
use adieu_explain::both::{self, Alone, AloneRecord, Both, Comparison, Limits, PairRecord, Told};
use adieu_explain::capture::Reader;
use adieu_explain::packet::{Counts, Decoder, Packet};
use adieu_explain::words::verb;
use serde::Serialize;
use std::fmt::Write as _;
use std::io::{self, BufWriter, Read};
use std::net::SocketAddr;

pub(super) fn run(captures: &[Capture; 2], form: Form, filter: &Filter) -> ExitStatus {
    let names = captures.each_ref().map(Capture::name);
    let [a, b] = captures;
    let inputs = input(a, &names[0]).and_then(|a| Ok([a, input(b, &names[1])?]));
    let inputs = match inputs {
        Ok(inputs) => inputs,
        Err(status) => return status,
    };
    let mut status = ExitStatus::Success;
    let printed = to_stdout(|| {
        let mut out = Out::new(BufWriter::new(io::stdout().lock()), form, &names);
        status = read(inputs, &names, filter, &mut |one| match one {
            Told::Pair(pair) => {
                if filter.wants_pair(&pair) && form.wants(&pair.ends.concat()) {
                    out.pair(pair.verdicts[0].first.frame, || line(&pair, form, &names));
                }
            }
            Told::Alone(alone) => {
                let verdict = &alone.verdict;
                let ends = [verdict.client, verdict.server];
                if filter.wants_addresses(ends[0], ends[1]) && filter.wants(verdict) && form.wants(&ends) {
                    out.alone(alone.point, verdict.first.frame, || line_alone(&alone, form, &names));
                }
            }
        });
        out.finish()
    });
    if printed == ExitStatus::Success { status } else { printed }
}

impl Form {
    /// Whether a connection with these ends is told.
    fn wants(self, ends: &[SocketAddr]) -> bool {
        if let Self::Follow(end) = self { ends.contains(&end) } else { true }
    }
}

fn input(capture: &Capture, name: &str) -> Result<Box<dyn Read>, ExitStatus> {
    let input: io::Result<Box<dyn Read>> = match capture {
        Capture::File(path) => open(path).map(|file| Box::new(file) as _),
        Capture::Stdin => Live::new().map(|stdin| Box::new(stdin) as _),
    };
    input.map_err(|error| unreadable(name, &error))
}

/// Reads both captures in step.
fn read(
    inputs: [Box<dyn Read>; 2],
    names: &[String; 2],
    filter: &Filter,
    told_one: &mut impl FnMut(Told),
) -> ExitStatus {
    let mut readers = inputs.map(Reader::new);
    let mut decoders = [Decoder::new(), Decoder::new()];
    let mut counts = [Counts::default(), Counts::default()];
    let mut statuses = [ExitStatus::Success; 2];
    let mut both = Both::new(Limits::default());
    let mut evicted = [0; 2];
    while let Some(point) = both.behind() {
        let at = point.index();
        match readers[at].next_frame() {
            Ok(Some(frame)) => {
                both.frame(point, frame.time);
                let packet = filter.taken(decoders[at].decode(&frame));
                counts[at].add(&packet);
                if let Packet::Tcp(segment) = &packet {
                    both.observe(point, segment, told_one);
                }
            }
            Err(error) if error.can_be_repeated() => {}
            ended => {
                statuses[at] = told(&names[at], ended.err());
                evicted[at] = both.evicted()[at];
                both.end(point, told_one);
            }
        }
    }
    let not_kept = both.finish(told_one);
    for at in 0..2 {
        tell_counts(&names[at], &counts[at], evicted[at]);
    }
    if not_kept > 0 {
        complain(&format!(
            "more connections waited for their other half than are kept, so {not_kept} of them {} not compared, those without a \
             complete handshake first",
            verb(not_kept, "is", "are")
        ));
    }
    worst(statuses)
}

/// A connection that both captures have. Without the last line end.
fn line(pair: &Comparison, form: Form, names: &[String; 2]) -> String {
    match form {
        Form::Text => block(pair),
        Form::Brief => format!("{}: {}", both::headline(pair), both::sentence(pair)),
        Form::Json => json(&PairRecord::of(pair), names),
        Form::Follow(_) => format!("{}\n\n{}", block(pair), ladder::draw(pair, names).trim_end()),
    }
}

/// The headline, the sentence, and the facts.
fn block(pair: &Comparison) -> String {
    let mut text = format!("{}\n  {}.", both::headline(pair), both::sentence(pair));
    for fact in both::facts(pair) {
        // Writing to a String cannot fail.
        let _ = write!(text, "\n  {:<9}  {}", fact.word(), fact.text);
    }
    text
}

/// A connection that only one capture has.
fn line_alone(alone: &Alone, form: Form, names: &[String; 2]) -> String {
    let sentence = both::alone_sentence(alone);
    match form {
        Form::Json => json(&AloneRecord::of(alone), names),
        Form::Brief => format!("{}: {sentence}", super::lines::headline(&alone.verdict)),
        Form::Text | Form::Follow(_) => {
            format!("{}\n  {sentence}.", super::lines::headline(&alone.verdict))
        }
    }
}

/// A record with the names of the captures before its first field.
fn json(record: &impl Serialize, names: &[String; 2]) -> String {
    format!("{{\"file_a\":{},\"file_b\":{},{}", text(&names[0]), text(&names[1]), &text(record)[1..])
}

fn text(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("records have only names, numbers and texts")
}
