//! Names to addresses: `getaddrinfo` on a thread of its own, which wakes whoever waits for it.
//!
//! It does not wait: [`Lookup::poll`] gives the answer once it is there. `getaddrinfo` cannot be bounded or stopped, so a
//! thread whose answer nobody wants any more is left behind.

use crate::error::ResolveError;
use crate::os;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Wake, Waker};

/// Wakes a thread that polls. Once woken it stays so, so each wait has its own.
pub(crate) struct Alarm(pub(crate) os::Waker);

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.0.wake();
    }
}

type Answer = Result<Vec<SocketAddr>, ResolveError>;

/// A name that is being resolved.
pub(crate) struct Lookup {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    answer: Option<Answer>,
    waker: Option<Waker>,
}

impl Lookup {
    /// Asks for the addresses of a host.
    ///
    /// # Errors
    ///
    /// There is no thread for it.
    pub(crate) fn start(host: &str, port: u16) -> Result<Self, ResolveError> {
        let name = host.to_owned();
        Self::on_thread(move || look_up(&name, port)).map_err(|error| ResolveError::of_system(&error))
    }

    fn on_thread(ask: impl FnOnce() -> Answer + Send + 'static) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let teller = Teller(Arc::clone(&shared));
        std::thread::Builder::new().name("adieu-resolve".into()).spawn(move || teller.tell(ask()))?;
        Ok(Self { shared })
    }

    /// The addresses.
    pub(crate) fn poll(&self) -> Poll<Answer> {
        self.shared.lock().answer.take().map_or(Poll::Pending, Poll::Ready)
    }

    /// Lets `waker` be woken by the answer. True: it is there.
    pub(crate) fn wake(&self, waker: &Waker) -> bool {
        let mut state = self.shared.lock();
        state.waker = Some(waker.clone());
        state.answer.is_some()
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread's end of a lookup. It tells something also if the thread panics.
struct Teller(Arc<Shared>);

impl Teller {
    fn tell(&self, answer: Answer) {
        self.0.lock().answer = Some(answer);
    }
}

impl Drop for Teller {
    fn drop(&mut self) {
        let waker = {
            let mut state = self.0.lock();
            state.answer.get_or_insert(Err(ResolveError::ThreadDied));
            state.waker.take()
        };
        // Woken with the lock released: a waker may run what it wakes.
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// The addresses of a host, once `getaddrinfo` has said them.
pub(crate) fn look_up(host: &str, port: u16) -> Answer {
    // On a thread of its own, a name may outlive the connection that asked for it.
    let _network = os::Network::start().map_err(|error| ResolveError::of_system(&error))?;
    let mut found: Vec<SocketAddr> = match os::look_up(host, port) {
        Ok(found) => found,
        Err(_) if is_localhost(host) => loopback(port),
        Err(error) => return Err(ResolveError::of(host, error)),
    };
    found.dedup();
    if found.is_empty() {
        return Err(ResolveError::NoAddress);
    }
    Ok(found)
}

/// Whether a name is loopback's by itself, so that a system without a file of hosts and without a name server (a container of one
/// static binary) knows it too. RFC 6761, section 6.3.
fn is_localhost(host: &str) -> bool {
    let name = host.strip_suffix('.').unwrap_or(host);
    let last = name.rsplit('.').next().unwrap_or(name);
    last.eq_ignore_ascii_case("localhost")
}

/// Loopback in both versions, in the order in which a resolver gives them.
fn loopback(port: u16) -> Vec<SocketAddr> {
    vec![(Ipv6Addr::LOCALHOST, port).into(), (Ipv4Addr::LOCALHOST, port).into()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::time::Duration;

    struct Bell(mpsc::Sender<()>);

    impl Wake for Bell {
        fn wake(self: Arc<Self>) {
            let _ = self.0.send(());
        }
    }

    #[test]
    fn localhost_and_what_is_below_it_is_loopback() {
        for name in ["localhost", "LOCALHOST.", "app.localhost", "a.b.Localhost."] {
            assert!(is_localhost(name), "{name}");
        }
        for name in ["", ".", "localhost.test", "notlocalhost", "localhost..", "::1"] {
            assert!(!is_localhost(name), "{name}");
        }
    }

    #[test]
    fn a_panic_in_the_resolver_is_an_answer_and_wakes_who_waits() {
        let (bell, rung) = mpsc::channel();
        let (go, may_go) = mpsc::channel::<()>();
        let lookup = Lookup::on_thread(move || {
            may_go.recv().expect("it is told to go on");
            // A panic without the message on standard error.
            std::panic::resume_unwind(Box::new("the resolver panics"))
        });
        let lookup = lookup.expect("a thread");
        assert!(lookup.poll().is_pending());
        assert!(!lookup.wake(&Arc::new(Bell(bell)).into()));
        go.send(()).expect("the thread waits");
        rung.recv_timeout(Duration::from_secs(20)).expect("the panic wakes");
        assert_eq!(lookup.poll(), Poll::Ready(Err(ResolveError::ThreadDied)));
    }
}
