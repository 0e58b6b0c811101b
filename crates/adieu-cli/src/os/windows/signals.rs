//! Ctrl-C, Ctrl-Break, and the closing of the console: the first stops what runs, the second exits at once.
//!
//! | event | is heard as | exit status |
//! | --- | --- | --- |
//! | CTRL_C_EVENT | SIGINT | 130 |
//! | CTRL_BREAK_EVENT, CTRL_CLOSE_EVENT, CTRL_LOGOFF_EVENT, CTRL_SHUTDOWN_EVENT | SIGTERM | 143 |
//!
//! A process that was started to ignore Ctrl-C goes on ignoring it: the system then calls no handler.
//!
//! Source: SetConsoleCtrlHandler, HandlerRoutine.

use crate::exit::ExitStatus;
use adieu::{Interrupt, Signal};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use windows_sys::Win32::System::Console::{CTRL_BREAK_EVENT, CTRL_C_EVENT, SetConsoleCtrlHandler};
use windows_sys::core::BOOL;

type Heard = Box<dyn FnMut(Signal, bool) + Send>;

/// Who hears of the events.
static HEARD: Mutex<Option<Heard>> = Mutex::new(None);

/// Whether there was an event.
static IS_LATER: AtomicBool = AtomicBool::new(false);

/// Longer than it takes us to end. The system ends a process whose handler has returned from one of these.
const UNTIL_WE_HAVE_ENDED: Duration = Duration::from_secs(60);

/// Called by the system on a thread of its own for each event.
extern "system" fn on_event(event: u32) -> BOOL {
    let signal = if event == CTRL_C_EVENT { Signal::Interrupt } else { Signal::Terminate };
    if let Some(heard) = &mut *HEARD.lock().unwrap_or_else(PoisonError::into_inner) {
        heard(signal, IS_LATER.swap(true, Ordering::AcqRel));
    }
    if event != CTRL_C_EVENT && event != CTRL_BREAK_EVENT {
        std::thread::sleep(UNTIL_WE_HAVE_ENDED);
    }
    1
}

/// From here on, `heard` is called with each signal, on a thread of its own. With each it is told whether it is a later one.
pub(crate) fn on_signal(heard: impl FnMut(Signal, bool) + Send + 'static) -> io::Result<()> {
    *HEARD.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(heard));
    #[expect(unsafe_code, reason = "SetConsoleCtrlHandler has no safe wrapper")]
    // SAFETY: the handler is a function that lives as long as the process.
    if unsafe { SetConsoleCtrlHandler(Some(on_event), 1) } == 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// As [`on_signal`]: there is no other event that could ask for something.
pub(crate) fn on_signal_or_hangup(
    heard: impl FnMut(Signal, bool) + Send + 'static,
    _: impl FnMut() + Send + 'static,
) -> io::Result<()> {
    on_signal(heard)
}

/// Nothing: Windows has no signal that asks for something.
#[expect(clippy::unnecessary_wraps, reason = "elsewhere it may fail")]
pub(crate) fn on_request(_: impl FnMut() + Send + 'static) -> io::Result<()> {
    Ok(())
}

/// A console's events go to every program in it: one that we run hears of them itself, and we end when it does.
pub(crate) fn leave_to_the_system() {
    *HEARD.lock().unwrap_or_else(PoisonError::into_inner) = None;
}

/// Nothing: here a process ends by its exit status alone.
pub(crate) fn die_of(_: Signal) {}

/// From here on, a signal raises `interrupt`, and the second ends the process at once, with the status of its signal.
pub(crate) fn raise_on_signal(interrupt: &Interrupt) -> io::Result<()> {
    let interrupt = interrupt.clone();
    on_signal(move |signal, is_later| {
        if is_later {
            std::process::exit(ExitStatus::of_signal(signal).number().into());
        }
        interrupt.raise(signal);
    })
}
