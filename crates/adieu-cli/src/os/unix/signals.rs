//! SIGINT, SIGTERM and SIGHUP: the first stops what runs, the second exits at once.
//!
//! A signal that was ignored when we started stays ignored: a shell's background job must not die of the Ctrl-C meant
//! for another, and `nohup` means what it says.
//!
//! SIGXFSZ (setrlimit(2), RLIMIT_FSIZE) is heard too, and nothing done: the write that was too much then fails with EFBIG,
//! which is told as any failed output. It is not ignored, because a command that we start would inherit that.

use crate::exit::ExitStatus;
use adieu::{Interrupt, Signal};
use rustix::process::{Resource, getrlimit};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

const SIGNALS: [(i32, Signal); 3] =
    [(SIGINT, Signal::Interrupt), (SIGTERM, Signal::Terminate), (SIGHUP, Signal::Hangup)];

/// The signals to be heeded: those that nobody told us to ignore. To be asked before a handler is set.
fn heeded() -> Vec<(i32, Signal)> {
    SIGNALS.into_iter().filter(|(number, _)| !is_ignored(*number)).collect()
}

fn is_ignored(number: i32) -> bool {
    let mut action = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
    #[expect(unsafe_code, reason = "no safe wrapper asks for a disposition without changing it")]
    // SAFETY: without a new action nothing is changed, and the old one is written to where there is room for it. All
    // zeros is an action too, should the call fail.
    let action = unsafe {
        libc::sigaction(number, std::ptr::null(), action.as_mut_ptr());
        action.assume_init()
    };
    action.sa_sigaction == libc::SIG_IGN
}

/// From here on, a signal raises `interrupt`.
pub(crate) fn raise_on_signal(interrupt: &Interrupt) -> io::Result<()> {
    let heeded = heeded();
    survive_the_file_limit()?;
    exit_at_the_second(&heeded)?;
    for (number, signal) in heeded {
        let (flag, descriptor) = interrupt.for_signal_handler()?;
        // In this order: whoever is woken by the descriptor finds the flag set.
        signal_hook::flag::register_usize(number, flag, signal.number().into())?;
        signal_hook::low_level::pipe::register(number, descriptor)?;
    }
    Ok(())
}

/// From here on, `heard` is called with each signal, on a thread of its own.
pub(crate) fn on_signal(mut heard: impl FnMut(Signal) + Send + 'static) -> io::Result<()> {
    let heeded = heeded();
    survive_the_file_limit()?;
    let mut signals = signal_hook::iterator::Signals::new(heeded.iter().map(|(number, _)| number))?;
    std::thread::Builder::new().name("adieu-signals".into()).spawn(move || {
        for number in signals.forever() {
            if let Some(&(_, signal)) = heeded.iter().find(|(heeded, _)| *heeded == number) {
                heard(signal);
            }
        }
    })?;
    Ok(())
}

/// From here on, a file that may not grow is an error.
fn survive_the_file_limit() -> io::Result<()> {
    // Without a limit it never comes.
    if getrlimit(Resource::Fsize).current.is_some() && !is_ignored(libc::SIGXFSZ) {
        // A handler is needed, and nobody looks at what it sets.
        signal_hook::flag::register(libc::SIGXFSZ, Arc::new(AtomicBool::new(false)))?;
    }
    Ok(())
}

/// From here on, the second signal ends the process at once, with the status of its signal.
fn exit_at_the_second(heeded: &[(i32, Signal)]) -> io::Result<()> {
    let armed = Arc::new(AtomicBool::new(false));
    for &(number, signal) in heeded {
        // Registered before it is armed, so the first signal only arms it.
        signal_hook::flag::register_conditional_shutdown(
            number,
            ExitStatus::of_signal(signal).number().into(),
            Arc::clone(&armed),
        )?;
    }
    for &(number, _) in heeded {
        signal_hook::flag::register(number, Arc::clone(&armed))?;
    }
    Ok(())
}
