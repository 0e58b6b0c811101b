//! As PID 1, who has children that it never made: every process whose parent has ended.
//!
//! They must be waited for, or each stays in the table until there is no room for another. To wait for any child would take the
//! statuses of the commands that are ours, so PID 1 does nothing else: what it was started for is done by a child of its own.
//! That child is told of the signals, and its status is PID 1's.
//!
//! Source: wait(2), sigwait(3), pid_namespaces(7).

use rustix::process::{Pid, Signal, WaitOptions, kill_process, wait};
use std::io;
use std::mem::MaybeUninit;

/// What is handed on. A terminal sends its own to the child by itself, and one that comes twice at once counts as one.
const HANDED_ON: [i32; 6] =
    [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGTERM, libc::SIGUSR1, libc::SIGUSR2];

/// As PID 1, waits for every child from here on, on a thread of its own. Else it does nothing. Only for a program that starts none
/// itself: it would find that theirs were waited for.
pub(crate) fn reap_as_init() -> io::Result<()> {
    if !rustix::process::getpid().is_init() {
        return Ok(());
    }
    let mut ended = signal_hook::iterator::Signals::new([libc::SIGCHLD])?;
    let reap = || while let Ok(Some(_)) = wait(WaitOptions::NOHANG) {};
    // Those of whatever this process was before.
    reap();
    std::thread::Builder::new()
        .name("adieu-orphans".into())
        .spawn(move || ended.forever().for_each(|_| reap()))?;
    Ok(())
}

/// As PID 1, becomes two processes, and returns in the child alone. Else it does nothing. Only while there is one thread.
pub(crate) fn leave_to_another() -> io::Result<()> {
    if !rustix::process::getpid().is_init() {
        return Ok(());
    }
    let (mut awaited, mut before) = (MaybeUninit::uninit(), MaybeUninit::uninit());
    #[expect(unsafe_code, reason = "nothing safe waits for signals, or makes a second process of this one")]
    // SAFETY: the sets are initialised by the first call that gets them. There is one thread, so that the child has everything
    // that it had.
    let (awaited, child) = unsafe {
        libc::sigemptyset(awaited.as_mut_ptr());
        for number in HANDED_ON.into_iter().chain([libc::SIGCHLD]) {
            libc::sigaddset(awaited.as_mut_ptr(), number);
        }
        // Before there is a child: none that comes from here on is lost.
        libc::sigprocmask(libc::SIG_BLOCK, awaited.as_ptr(), before.as_mut_ptr());
        let child = libc::fork();
        if child <= 0 {
            let error = io::Error::last_os_error();
            libc::sigprocmask(libc::SIG_SETMASK, before.as_ptr(), std::ptr::null_mut());
            return if child == 0 { Ok(()) } else { Err(error) };
        }
        (awaited.assume_init(), child)
    };
    close_all();
    let child = Pid::from_raw(child).expect("no process has the number 0");
    loop {
        let mut number = 0;
        #[expect(unsafe_code, reason = "nothing safe waits for signals")]
        // SAFETY: the set is initialised, and the number has its place.
        unsafe {
            libc::sigwait(&raw const awaited, &raw mut number);
        }
        if let Some(signal) = Signal::from_named_raw(number).filter(|signal| *signal != Signal::CHILD) {
            // It may have ended by itself.
            let _ = kill_process(child, signal);
        }
        while let Ok(Some((ended, status))) = wait(WaitOptions::NOHANG) {
            if ended == child {
                let by_signal = || 128 + status.terminating_signal().unwrap_or_default();
                std::process::exit(status.exit_status().unwrap_or_else(by_signal));
            }
        }
    }
}

/// Whoever waits for the end of a pipe waits for all who hold it.
fn close_all() {
    const MANY: i32 = 1 << 16;
    #[expect(unsafe_code, reason = "what is closed is not owned by any value that is used again")]
    // SAFETY: this process does nothing from here on but wait for others.
    unsafe {
        if libc::syscall(libc::SYS_close_range, 0, libc::c_uint::MAX, 0) != 0 {
            // A kernel before 5.9.
            for fd in 0..MANY {
                libc::close(fd);
            }
        }
    }
}
