//! Whether names resolve, for `--check`: several at once, and within a limit as a whole.
//!
//! `getaddrinfo` cannot be interrupted. A thread that is still in it at the limit is left there: the process ends soon.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How long all names together may take.
pub(super) const LIMIT: Duration = Duration::from_secs(5);

/// How many are asked for at once.
const AT_ONCE: usize = 16;

/// Why a name has no address.
pub(super) enum Unresolved {
    Failed(String),
    /// Nothing is known yet.
    Late,
}

/// Those of the names that have no address.
pub(super) fn unresolved<'a>(hosts: &BTreeSet<&'a str>) -> BTreeMap<&'a str, Unresolved> {
    let waiting: VecDeque<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
    let threads = waiting.len().min(AT_ONCE);
    let waiting = Arc::new(Mutex::new(waiting));
    let (tell, told) = channel();
    for _ in 0..threads {
        let (waiting, tell) = (Arc::clone(&waiting), tell.clone());
        // Without this thread the others look up more names each, and a name may come after the bound.
        let _ = thread::Builder::new().name("resolve".into()).spawn(move || {
            let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            while let Some(host) = next() {
                let why = adieu_os::look_up(&host, 0).err().map(|error| error.words());
                if tell.send((host, why)).is_err() {
                    return;
                }
            }
        });
    }
    drop(tell);
    let until = Instant::now() + LIMIT;
    let mut unresolved: BTreeMap<&'a str, Unresolved> =
        hosts.iter().map(|host| (*host, Unresolved::Late)).collect();
    loop {
        match told.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok((host, None)) => drop(unresolved.remove(&*host)),
            Ok((host, Some(why))) => {
                if let Some(known) = unresolved.get_mut(&*host) {
                    *known = Unresolved::Failed(why);
                }
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return unresolved,
        }
    }
}
