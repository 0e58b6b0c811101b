//! What a person sees of a transfer while it runs: a bar on a terminal, lines with `--verbose`, else nothing.

use super::view::{Doing, View};
use crate::printer::Printer;
use adieu_transfer::wire::Activity;
use adieu_transfer::{TransferEvent, TransferRole};
use indicatif::{ProgressBar, ProgressState, ProgressStyle};
use std::fmt::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

pub(crate) struct Progress<'a> {
    drawn: Option<Drawn>,
    printer: &'a Printer,
    /// What is received is stored, and not written to stdout.
    stores: bool,
}

/// The line, and what it is made of; another thread draws it from time to time.
struct Drawn {
    bar: ProgressBar,
    view: Arc<Mutex<View>>,
}

impl<'a> Progress<'a> {
    /// Of a sender, or of a receiver that stores.
    pub(crate) fn new(printer: &'a Printer, role: TransferRole) -> Self {
        Self::waiting(printer, Doing::Hello(role))
    }

    /// Of a receiver that writes to stdout. On a terminal that would share the line with a bar, and lose what it holds.
    pub(crate) fn to_stdout(printer: &'a Printer, is_terminal: bool) -> Self {
        let drawn =
            (printer.may_draw() && !is_terminal).then(|| Drawn::new(Doing::Hello(TransferRole::Receive)));
        Self { drawn, printer, stores: false }
    }

    /// Of what comes before a transfer.
    pub(crate) fn waiting(printer: &'a Printer, doing: Doing) -> Self {
        Self { drawn: printer.may_draw().then(|| Drawn::new(doing)), printer, stores: true }
    }

    pub(crate) fn tell(&mut self, event: TransferEvent<'_>) {
        if self.printer.is_verbose() {
            self.print(&event);
        }
        let Some(drawn) = &self.drawn else { return };
        let now = Instant::now();
        let mut view = drawn.view.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = match event {
            TransferEvent::Total { bytes } => {
                view.total(bytes);
                false
            }
            TransferEvent::Moved { bytes } => {
                view.moved(bytes, now);
                false
            }
            TransferEvent::File { path, resumed_from } => {
                view.file(path.to_string(), resumed_from, now);
                false
            }
            TransferEvent::Agreed { .. } => view.goes_on(Doing::Moving, now),
            TransferEvent::Hashing { .. } => view.goes_on(Doing::Hashing, now),
            TransferEvent::AllSent => view.goes_on(Doing::Receipt, now),
            // A receiver also syncs while it receives, and then nobody waits for it.
            TransferEvent::PeerIsBusy { activity: Activity::Syncing } if view.doing() == Doing::Receipt => {
                view.goes_on(Doing::ReceiptSyncing, now)
            }
            TransferEvent::PeerIsBusy { activity: Activity::Hashing } => view.goes_on(Doing::PeerHashes, now),
            TransferEvent::AllReceived if self.stores => view.goes_on(Doing::Syncing, now),
            TransferEvent::AllReceived => view.goes_on(Doing::Answering, now),
            _ => false,
        };
        drop(view);
        if is_new {
            drawn.bar.force_draw();
        }
    }

    fn print(&self, event: &TransferEvent<'_>) {
        let text = match event {
            TransferEvent::Agreed { version, encrypted: true } => {
                format!("agreed on version {version}, encrypted with the secret")
            }
            TransferEvent::Agreed { version, .. } => format!("agreed on version {version}"),
            TransferEvent::File { path, resumed_from: 0 } => format!("file {path}"),
            TransferEvent::File { path, resumed_from } => format!("file {path}, from byte {resumed_from} on"),
            TransferEvent::AllSent => "all sent; waiting for the receipt".to_owned(),
            TransferEvent::AllReceived => "all received".to_owned(),
            TransferEvent::PeerIsBusy { activity: Activity::Syncing } => "the receiver syncs".to_owned(),
            TransferEvent::NamesSynced => "synced, renamed, and the names synced".to_owned(),
            TransferEvent::Receipted => "receipt sent".to_owned(),
            _ => return,
        };
        self.printer.say(&text);
    }

    pub(crate) fn finish(self) {
        if let Some(drawn) = self.drawn {
            drawn.bar.finish_and_clear();
        }
    }
}

impl Drawn {
    fn new(doing: Doing) -> Self {
        let view = Arc::new(Mutex::new(View::new(doing, Instant::now())));
        let shown = Arc::clone(&view);
        let line = move |_: &ProgressState, to: &mut dyn Write| {
            // The last column stays free: some terminals go to the next line when it is written to.
            let width = usize::from(console::Term::stderr().size().1).saturating_sub(1);
            let line = shown.lock().unwrap_or_else(PoisonError::into_inner).line(Instant::now(), width);
            // A line that is not drawn is drawn the next time.
            let _ = to.write_str(&line);
        };
        let style = ProgressStyle::with_template("{line}").expect("our own template is sound");
        let bar = ProgressBar::with_draw_target(None, crate::screen::target());
        bar.set_style(style.with_key("line", line));
        // So that a wait is seen to be one.
        bar.enable_steady_tick(Duration::from_millis(200));
        Self { bar, view }
    }
}
