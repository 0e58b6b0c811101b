//! SIGINT and SIGTERM: the first stops what runs, the second exits at once.

use adieu::{Interrupt, Signal};
use signal_hook::consts::{SIGINT, SIGTERM};
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

const SIGNALS: [(i32, Signal); 2] = [(SIGINT, Signal::Interrupt), (SIGTERM, Signal::Terminate)];

/// From here on, a signal raises `interrupt`.
pub(crate) fn raise_on_signal(interrupt: &Interrupt) -> io::Result<()> {
    exit_at_the_second()?;
    for (number, signal) in SIGNALS {
        let (flag, descriptor) = interrupt.for_signal_handler()?;
        // In this order: whoever is woken by the descriptor finds the flag set.
        signal_hook::flag::register_usize(number, flag, signal.number().into())?;
        signal_hook::low_level::pipe::register(number, descriptor)?;
    }
    Ok(())
}

/// From here on, the second signal ends the process at once, with 128 + n.
fn exit_at_the_second() -> io::Result<()> {
    let armed = Arc::new(AtomicBool::new(false));
    for (number, signal) in SIGNALS {
        // Registered before it is armed, so the first signal only arms it.
        signal_hook::flag::register_conditional_shutdown(
            number,
            i32::from(128 + signal.number()),
            Arc::clone(&armed),
        )?;
    }
    for (number, _) in SIGNALS {
        signal_hook::flag::register(number, Arc::clone(&armed))?;
    }
    Ok(())
}
