//! Which side of a transfer's connections we are, and the library's options of that side.

use crate::no_plan::NoPlan;
use crate::options::Shared;
use crate::printer::Printer;
use adieu::tls::Config;
use adieu::{ConnectOptions, Endpoint, Event, Interrupt, Limits, ListenOptions};
use std::sync::Arc;
use std::time::Duration;

#[derive(Debug, Clone)]
pub(crate) enum Side {
    Connect(ConnectOptions),
    Listen(ListenOptions),
}

impl Side {
    pub(super) fn connects(shared: &Shared, limits: Limits, tls: Option<Config>) -> ConnectOptions {
        let options = shared.connect_options(limits);
        match tls {
            Some(Config::Client(tls)) => options.tls(tls),
            Some(Config::Server(_)) | None => options,
        }
    }

    pub(super) fn listens(shared: &Shared, limits: Limits, tls: Option<Config>) -> ListenOptions {
        let options = shared.listen_options(limits);
        match tls {
            Some(Config::Server(tls)) => options.tls(tls),
            Some(Config::Client(_)) | None => options,
        }
    }

    pub(super) fn check(&self, endpoint: &Endpoint) -> Result<(), NoPlan> {
        match self {
            Self::Connect(options) => options.check(endpoint)?,
            Self::Listen(options) => options.check(endpoint)?,
        }
        Ok(())
    }

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
