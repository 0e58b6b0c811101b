//! Which side of a transfer's connections we are, and the library's options of that side.

use crate::printer::Printer;
use adieu::{ConnectOptions, Event, Interrupt, ListenOptions};
use std::sync::Arc;
use std::time::Duration;

#[derive(Debug, Clone)]
pub(crate) enum Side {
    Connect(ConnectOptions),
    Listen(ListenOptions),
}

impl Side {
    pub(super) fn interrupt(self, interrupt: &Interrupt) -> Self {
        match self {
            Self::Connect(options) => Self::Connect(options.interrupt(interrupt)),
            Self::Listen(options) => Self::Listen(options.interrupt(interrupt)),
        }
    }

    /// Each step is told to this printer.
    pub(super) fn told_to(self, printer: &Arc<Printer>) -> Self {
        let printer = Arc::clone(printer);
        let observer = move |at: Duration, event: &Event<'_>| printer.step(at, event);
        match self {
            Self::Connect(options) => Self::Connect(options.observer(observer)),
            Self::Listen(options) => Self::Listen(options.observer(observer)),
        }
    }
}
