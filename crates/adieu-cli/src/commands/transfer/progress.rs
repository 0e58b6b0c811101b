//! What a person sees of a transfer while it runs: a bar on a terminal, lines with `--verbose`, else nothing.

use crate::printer::Printer;
use adieu_transfer::Step;
use adieu_transfer::wire::Phase;
use indicatif::{ProgressBar, ProgressStyle};
use std::time::Duration;

const WITH_TOTAL: &str = "{msg} {bar:30} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left";
const WITHOUT_TOTAL: &str = "{msg} {spinner} {bytes}, {bytes_per_sec}";
const WAITING: &str = "{msg} {spinner} {bytes}, {elapsed}";

pub(super) struct Progress<'a> {
    bar: Option<ProgressBar>,
    printer: &'a Printer,
}

impl<'a> Progress<'a> {
    pub(super) fn new(printer: &'a Printer) -> Self {
        Self { bar: printer.may_draw().then(bar), printer }
    }

    pub(super) fn step(&mut self, step: Step<'_>) {
        if self.printer.is_verbose() {
            self.tell(&step);
        }
        let Some(bar) = &self.bar else { return };
        match step {
            Step::Total { bytes } => {
                bar.set_length(bytes);
                set_style(bar, WITH_TOTAL);
            }
            Step::Moved { bytes } => bar.inc(bytes),
            Step::File { path, .. } => bar.set_message(shortened(&path.to_string())),
            Step::Hashing { done } => {
                bar.set_message(format!("comparing what is there, {}", indicatif::HumanBytes(done)));
            }
            Step::AllSent => {
                set_style(bar, WAITING);
                bar.set_message("waiting for the receipt");
            }
            Step::PeerIsBusy { phase: Phase::Syncing } => bar.set_message("waiting for the receipt: syncing"),
            Step::PeerIsBusy { phase: Phase::Hashing } => bar.set_message("the peer compares what is there"),
            Step::AllReceived => {
                set_style(bar, WAITING);
                bar.set_message("syncing");
            }
            _ => {}
        }
    }

    fn tell(&self, step: &Step<'_>) {
        let text = match step {
            Step::Agreed { version, encrypted: true } => {
                format!("agreed on version {version}, encrypted with the secret")
            }
            Step::Agreed { version, .. } => format!("agreed on version {version}"),
            Step::File { path, resumed_from: 0 } => format!("file {path}"),
            Step::File { path, resumed_from } => format!("file {path}, from byte {resumed_from} on"),
            Step::AllSent => "all sent; waiting for the receipt".to_owned(),
            Step::AllReceived => "all received".to_owned(),
            Step::PeerIsBusy { phase: Phase::Syncing } => "the receiver syncs".to_owned(),
            Step::NamesSynced => "synced, renamed, and the names synced".to_owned(),
            Step::Receipted => "receipt sent".to_owned(),
            _ => return,
        };
        self.printer.say(&text);
    }

    pub(super) fn finish(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}

fn bar() -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    set_style(&bar, WITHOUT_TOTAL);
    // So that a wait is seen to be one.
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

fn set_style(bar: &ProgressBar, template: &str) {
    let style = ProgressStyle::with_template(template).expect("our own templates are sound");
    bar.set_style(style);
}

/// A long name would break the line, and then the bar is drawn anew below itself.
fn shortened(name: &str) -> String {
    let length = name.chars().count();
    if length <= 30 {
        name.to_owned()
    } else {
        format!("…{}", name.chars().skip(length - 29).collect::<String>())
    }
}
