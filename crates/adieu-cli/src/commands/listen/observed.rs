//! Who is told of the steps of a listener's connections: the printer, the dump, and the listener itself of the first byte.

use crate::dump::{self, Dump};
use crate::printer::Printer;
use adieu::{Event, ListenOptions, ServerHandle};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The server's handle, once there is a server: what is told to the options comes after them.
#[derive(Clone, Default)]
pub(super) struct Handle(Arc<std::sync::OnceLock<ServerHandle>>);

impl Handle {
    pub(super) fn set(&self, handle: ServerHandle) {
        // It is set once.
        let _ = self.0.set(handle);
    }

    /// Nobody more is accepted, and whoever is there has all the time there is.
    pub(super) fn shut_down(&self) {
        if let Some(handle) = self.0.get() {
            handle.begin_shutdown(None);
        }
    }
}

/// The options of the connections, with the observer of each.
pub(super) struct Observed {
    /// Without a dump, those of all.
    common: ListenOptions,
    own: Option<Own>,
}

/// What the options of one connection are made of, where each has its part of a dump.
struct Own {
    options: ListenOptions,
    watching: Option<Arc<Printer>>,
    touched: Option<Touched>,
    dump: Arc<Dump>,
}

/// Who is told of the first byte, and whether he was.
type Touched = Arc<(Handle, AtomicBool)>;

impl Observed {
    /// `touched`: after the first byte of the one that is waited for, nobody else is accepted.
    pub(super) fn new(
        options: ListenOptions,
        printer: &Arc<Printer>,
        touched: Option<Handle>,
        dump: Option<Arc<Dump>>,
    ) -> Self {
        let watching = printer.watches().then(|| Arc::clone(printer));
        let touched = touched.map(|handle| Arc::new((handle, AtomicBool::new(false))));
        let common = observe(options.clone(), watching.clone(), touched.clone(), None);
        Self { common, own: dump.map(|dump| Own { options, watching, touched, dump }) }
    }

    pub(super) const fn common(&self) -> &ListenOptions {
        &self.common
    }

    pub(super) fn options_of(&self, id: u64) -> ListenOptions {
        match &self.own {
            None => self.common.clone(),
            Some(Own { options, watching, touched, dump }) => {
                observe(options.clone(), watching.clone(), touched.clone(), Some(dump.of(id)))
            }
        }
    }
}

fn observe(
    options: ListenOptions,
    watching: Option<Arc<Printer>>,
    touched: Option<Touched>,
    dump: Option<dump::Connection>,
) -> ListenOptions {
    if watching.is_none() && touched.is_none() && dump.is_none() {
        return options;
    }
    options.observer(move |at, event| {
        if let Some(printer) = &watching {
            printer.step(at, event);
        }
        if let Some(dump) = &dump {
            dump.step(event);
        }
        if let (Some((server, told)), Event::Sent { bytes: 1.. } | Event::Received { bytes: 1.. }) =
            (touched.as_deref(), event)
            && !told.swap(true, Ordering::Relaxed)
        {
            server.shut_down();
        }
    })
}
