//! SIGINT, SIGTERM and SIGHUP: the first stops what runs, the second exits at once, unless it is the same again within 100 ms.
//!
//! A signal that was ignored when we started stays ignored: a shell's background job must not die of the Ctrl-C meant
//! for another, and `nohup` means what it says.
//!
//! SIGXFSZ (setrlimit(2), RLIMIT_FSIZE) is heard too, and nothing done: the write that was too much then fails with EFBIG,
//! which is told as any failed output. It is not ignored, because a command that we start would inherit that.

use crate::exit::ExitStatus;
use adieu::{Interrupt, Signal};
use rustix::process::{Resource, getrlimit};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

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

/// From here on, `heard` is called with the first signal, and with each later one that is not the same again at once, on a
/// thread of its own. With each it is told whether it is a later one.
pub(crate) fn on_signal(heard: impl FnMut(Signal, bool) + Send + 'static) -> io::Result<()> {
    on_each(heeded(), heard)
}

/// The same, without SIGHUP, which means something else: `asked` is called with each, on a thread of its own.
pub(crate) fn on_signal_or_hangup(
    heard: impl FnMut(Signal, bool) + Send + 'static,
    asked: impl FnMut() + Send + 'static,
) -> io::Result<()> {
    let (hangup, others): (Vec<_>, Vec<_>) =
        heeded().into_iter().partition(|(_, signal)| *signal == Signal::Hangup);
    on_every(hangup.into_iter().map(|(number, _)| number), "adieu-reload", asked)?;
    on_each(others, heard)
}

/// Calls `asked` with each of these signals, on a thread of this name.
fn on_every(
    numbers: impl IntoIterator<Item = i32>,
    thread: &str,
    mut asked: impl FnMut() + Send + 'static,
) -> io::Result<()> {
    let mut signals = signal_hook::iterator::Signals::new(numbers)?;
    let wait = move || signals.forever().for_each(|_| asked());
    std::thread::Builder::new().name(thread.into()).spawn(wait)?;
    Ok(())
}

fn on_each(
    heeded: Vec<(i32, Signal)>,
    mut heard: impl FnMut(Signal, bool) + Send + 'static,
) -> io::Result<()> {
    let mut is_first_over = false;
    survive_the_file_limit()?;
    let mut signals = signal_hook::iterator::Signals::new(heeded.iter().map(|(number, _)| number))?;
    std::thread::Builder::new().name("adieu-signals".into()).spawn(move || {
        for number in signals.forever() {
            if let Some(&(_, signal)) = heeded.iter().find(|(heeded, _)| *heeded == number) {
                let again = HEARD.is_second(number, now());
                if again || !std::mem::replace(&mut is_first_over, true) {
                    heard(signal, again);
                }
            }
        }
    })?;
    Ok(())
}

/// From here on, `asked` is called with each SIGUSR1, on a thread of its own.
pub(crate) fn on_request(asked: impl FnMut() + Send + 'static) -> io::Result<()> {
    on_every([SIGUSR1], "adieu-asked", asked)
}

/// From here on, a signal does what it does to a program that heeds none. One that was ignored when we started stays ignored.
pub(crate) fn leave_to_the_system() {
    for (number, _) in heeded() {
        #[expect(unsafe_code, reason = "no safe wrapper takes a handler away")]
        // SAFETY: the default action is no function of ours, and the number is a signal's.
        unsafe {
            libc::signal(number, libc::SIG_DFL);
        }
    }
}

/// Ends the process as the signal ends one that does not hear it. It returns only if the system refuses that.
pub(crate) fn die_of(signal: Signal) {
    if let Some((number, _)) = SIGNALS.into_iter().find(|(_, heard)| *heard == signal) {
        let _ = signal_hook::low_level::emulate_default_handler(number);
    }
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
    for &(number, signal) in heeded {
        let status = ExitStatus::of_signal(signal).number();
        let heard = move || {
            if HEARD.is_second(number, now()) {
                signal_hook::low_level::exit(status.into());
            }
        };
        #[expect(unsafe_code, reason = "only a handler of our own can look at the clock")]
        // SAFETY: what it does may be done in a signal handler: clock_gettime, atomics, and _exit. signal-safety(7).
        unsafe {
            signal_hook::low_level::register(number, heard)?;
        }
    }
    Ok(())
}

static HEARD: Heard = Heard::new();

/// One signal and its like that follow at once are one: coreutils' `timeout` signals its child, and then the whole group.
const AT_ONCE: u64 = 100;

/// The first signal that was heard.
struct Heard {
    /// The time in milliseconds, and in the lowest byte the signal's number; 0: none yet.
    first: AtomicU64,
}

impl Heard {
    const fn new() -> Self {
        Self { first: AtomicU64::new(0) }
    }

    /// A signal is heard at this time in milliseconds. Whether another one was before it that meant something else.
    fn is_second(&self, number: i32, at: u64) -> bool {
        let number = u64::from(number.unsigned_abs()) & 0xff;
        match self.first.compare_exchange(0, at << 8 | number, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => false,
            Err(first) => first & 0xff != number || at.saturating_sub(first >> 8) >= AT_ONCE,
        }
    }
}

/// Milliseconds on a clock that is not set.
fn now() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    #[expect(unsafe_code, reason = "what a signal handler calls is the plain system call")]
    // SAFETY: the time is written to where there is room for it.
    unsafe {
        libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time);
    }
    let (seconds, nanoseconds) = (time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs());
    #[allow(clippy::useless_conversion, reason = "their widths differ between platforms")]
    let milliseconds = u64::from(seconds) * 1000 + u64::from(nanoseconds) / 1_000_000;
    milliseconds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_signal_again_at_once_is_the_same_signal() {
        let heard = Heard::new();
        assert!(!heard.is_second(SIGTERM, 5000));
        assert!(!heard.is_second(SIGTERM, 5000));
        assert!(!heard.is_second(SIGTERM, 5099));
        assert!(heard.is_second(SIGTERM, 5100));
        assert!(heard.is_second(SIGINT, 5000));
        assert!(heard.is_second(SIGHUP, 5000));
    }
}
