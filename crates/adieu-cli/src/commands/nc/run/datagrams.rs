//! `-u`, and `-uU`: datagrams, each of them passed on as it is.
//!
//! There is no connection, so nothing is said to be acknowledged. What can go wrong and is told by the system (ICMP says that
//! nobody receives there) is told here too, where the originals exit 0.

use super::super::flavour::Flavour;
use super::super::plan::{AtInputEnd, Mode, Plan};
use super::choices::{self, Side};
use super::client::{self, succeeded, unix_endpoint};
use super::hosts;
use super::listener;
use super::session::{Done, Run};
use super::voice::{tell_tests_of_listening, words_of};
use crate::stdio;
use adieu::datagram::{self, Answer, Bound, Exchange, Peer, Probe};
use adieu::exchange::Input;
use adieu::{ConnectOptions, Endpoint, ListenCause, ListenOptions, NeverConnected, Role};
use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

/// How long the last answers are waited for, and a refusal, where the flavour ends with stdin.
const AFTER_INPUT: Duration = Duration::from_millis(250);

/// How the exchange of this plan ends.
fn terms(run: &Run) -> Exchange {
    let plan = &run.plan;
    let mut terms = Exchange::new().silence(match (plan.at_input_end, plan.flavour) {
        (AtInputEnd::Quit { after }, _) => Some(after.max(AFTER_INPUT)),
        // ncat ends with stdin, but not where it listens, or has none.
        (_, Flavour::Ncat) if Side::of(&plan.mode) == Side::Connects && !plan.recv_only => {
            Some(plan.idle_timeout.unwrap_or(AFTER_INPUT))
        }
        // The others wait for more, for ever unless -w says otherwise.
        _ => plan.idle_timeout,
    });
    if plan.flavour != Flavour::Traditional {
        terms = terms.silence_of_both(plan.idle_timeout);
    }
    // There is one exchange, and its number means nothing.
    terms.shaped(run.dumped(choices::exchange(plan), 0))
}

fn ends(run: &Run) -> Result<(Input, adieu::exchange::Output), Done> {
    match (run.input(), stdio::output()) {
        (Ok(input), Ok(output)) => Ok((input, output)),
        (Err(error), _) | (_, Err(error)) => Err(run.refuse(&adieu_os::error_words(&error))),
    }
}

/// Runs a plan that sends first.
pub(super) fn connect(run: &Run) -> Done {
    let plan = &run.plan;
    let options = ConnectOptions::new()
        .limits(choices::limits(plan, Side::Connects))
        .socket(choices::socket(plan))
        .interrupt(&run.interrupt);
    match &plan.mode {
        Mode::ConnectUnix { path, local } => {
            let shown = path.to_string_lossy();
            let endpoint = unix_endpoint(path);
            let peer = match local {
                Some(local) => datagram::connect_from(&endpoint, Path::new(local), &options),
                None => datagram::connect(&endpoint, &options),
            };
            match peer {
                Ok(_) if plan.zero_io => Done::GOOD,
                Ok(peer) => {
                    if let (Flavour::Debian | Flavour::OpenBsd, Some(own)) =
                        (plan.flavour, peer.local_address())
                    {
                        let own = own.to_string();
                        let name = own.strip_prefix("unix:").unwrap_or(&own);
                        run.voice.tell_verbosely(|| format!("Bound on {name}"));
                    }
                    converse(run, peer)
                }
                Err(error) => {
                    run.printer.report(error.report());
                    let code = error.report().error_code();
                    let words = code.map_or_else(|| error.cause().to_string(), words_of);
                    run.refuse(&format!("{shown}: {words}"))
                }
            }
        }
        Mode::Connect { host, ports } => {
            let first = ports.first().copied().unwrap_or_default();
            let addresses = match hosts::addresses(plan, Some(host), first) {
                Ok(addresses) => addresses,
                Err(error) => {
                    return Done::Exit(hosts::unknown(&run.voice, host, first, &error, plan.numeric));
                }
            };
            match client::ways_to(plan, &options, addresses.into_iter().map(Some).collect()) {
                Err(why) => run.refuse(&why),
                Ok(ways) => match ways.first() {
                    Some((Some(address), options)) => ports_of(run, host, *address, ports, options),
                    _ => run.refuse("the host has no address"),
                },
            }
        }
        Mode::Listen { .. } | Mode::ListenUnix { .. } => unreachable!("it is a plan that sends first"),
    }
}

fn ports_of(run: &Run, host: &str, address: SocketAddr, ports: &[u16], options: &ConnectOptions) -> Done {
    let plan = &run.plan;
    let mut any = false;
    let mut all = Done::GOOD;
    for (place, port) in ports.iter().enumerate() {
        if let Some(signal) = run.rest_before(place) {
            return Done::Signal(signal);
        }
        let mut address = address;
        address.set_port(*port);
        let peer = match datagram::connect(&Endpoint::udp(host, *port), options) {
            Ok(peer) => peer,
            Err(error) => {
                run.printer.report(error.report());
                match client::system_words(&error) {
                    Some(_) => run.voice.tell_verbosely(|| error.to_string()),
                    // What no netcat's system call would have said.
                    None => run.voice.complain(&error.cause().to_string()),
                }
                continue;
            }
        };
        if plan.flavour == Flavour::Ncat {
            run.voice.tell_verbosely(|| format!("Connected to {}:{port}.", address.ip()));
        }
        // OpenBSD's sends four X to see whether somebody is there: in a scan, and with -v.
        let probes_first =
            run.voice.is_verbose() && matches!(plan.flavour, Flavour::Debian | Flavour::OpenBsd);
        if (plan.zero_io || probes_first) && !probe(run, &peer) {
            if let Some(signal) = run.interrupt.raised() {
                return Done::Signal(signal);
            }
            say_refused(run, host, address);
            continue;
        }
        any = true;
        say_open(run, host, address);
        if !plan.zero_io {
            match converse(run, peer) {
                Done::Signal(signal) => return Done::Signal(signal),
                done @ Done::Exit(_) => all = all.and(done),
            }
        }
    }
    if any { all } else { Done::BAD }
}

/// Whether nobody says that nobody receives there.
fn probe(run: &Run, peer: &Peer) -> bool {
    let (payload, times, wait) = match run.plan.flavour {
        Flavour::Debian | Flavour::OpenBsd => ("X", 4, Duration::from_secs(3)),
        Flavour::Ncat => ("\0", 1, run.plan.idle_timeout.unwrap_or(Duration::from_secs(2))),
        Flavour::Traditional => ("\0", 2, run.plan.connect_timeout.unwrap_or(Duration::from_secs(1))),
    };
    let probe = Probe::new().payload(payload).times(times, Duration::from_millis(250));
    let probe = match run.plan.flavour {
        _ if run.plan.zero_io => probe.wait(wait),
        // What is answered belongs to the conversation.
        Flavour::OpenBsd => probe.times(4, Duration::ZERO).wait(Duration::ZERO).only_refusals(),
        _ => probe.wait(Duration::from_secs(1)).only_refusals(),
    };
    let answer = probe.ask(peer);
    !matches!(answer, Answer::Refused { .. } | Answer::Failed { .. } | Answer::Interrupted { .. })
}

fn say_open(run: &Run, host: &str, address: SocketAddr) {
    let Run { plan, voice, .. } = run;
    let port = address.port();
    match plan.flavour {
        Flavour::Debian | Flavour::OpenBsd => {
            if voice.is_verbose() || (plan.zero_io && plan.flavour == Flavour::OpenBsd) {
                voice.tell(&succeeded(plan, host, Some(address), port));
            }
        }
        Flavour::Traditional => {
            voice.tell_verbosely(|| format!("{} open", traditionally(plan, host, address)));
        }
        Flavour::Ncat if plan.zero_io => voice.tell_verbosely(|| "UDP packet sent successfully".to_owned()),
        Flavour::Ncat => {}
    }
}

fn say_refused(run: &Run, host: &str, address: SocketAddr) {
    let refused = super::client::refused_words();
    match run.plan.flavour {
        Flavour::Ncat => run.voice.tell_verbosely(|| format!("{refused}.")),
        Flavour::Traditional if run.voice.is_very_verbose() => {
            run.voice.tell(&format!("{} : {refused}", traditionally(&run.plan, host, address)));
        }
        _ => {}
    }
}

fn traditionally(plan: &Plan, host: &str, address: SocketAddr) -> String {
    let name = if plan.numeric || host.parse::<std::net::IpAddr>().is_ok() {
        hosts::known_as(plan, address)
    } else {
        host.to_owned()
    };
    let service = hosts::service(plan, address.port());
    format!("{name} [{}] {} ({})", address.ip(), address.port(), service.as_deref().unwrap_or("?"))
}

fn converse(run: &Run, peer: Peer) -> Done {
    match ends(run) {
        Ok((input, output)) => run.ended(&terms(run).run(peer, input, output)),
        Err(done) => done,
    }
}

/// Runs a plan that receives first.
pub(super) fn listen(run: &Run) -> Done {
    let plan = &run.plan;
    let options = ListenOptions::new()
        .limits(choices::limits(plan, Side::Listens))
        .socket(choices::listening_socket(plan))
        .interrupt(&run.interrupt);
    let bound = match &plan.mode {
        Mode::ListenUnix { path } => bind_unix(run, path, &options),
        Mode::Listen { host, port, .. } => {
            let bind_to = |endpoint: &Endpoint| Bound::bind(endpoint, &options);
            listener::bind(run, host.as_deref(), port.unwrap_or(0), bind_to).map(|(bound, address)| {
                let is_at = bound.local_address().and_then(adieu::Address::socket_addr);
                listener::say_listening(run, is_at.unwrap_or(address));
                bound
            })
        }
        Mode::Connect { .. } | Mode::ConnectUnix { .. } => unreachable!("it is a plan that receives first"),
    };
    let bound = match bound {
        Ok(bound) => filtered(run, bound),
        Err(done) => return done,
    };
    tell_tests_of_listening(plan);
    if plan.keep_listening {
        return match ends(run) {
            Ok((_, output)) => {
                // There is nobody to send to: OpenBSD's answers nobody with -k.
                let input = Input::empty();
                // A service: only a silence that was asked for ends it.
                let terms = terms(run).silence(plan.idle_timeout);
                run.ended(&terms.run_with_all(bound, input, output))
            }
            Err(done) => done,
        };
    }
    let endpoint = bound.local_endpoint().clone();
    match bound.accept() {
        Ok(peer) => {
            let socket_addr = adieu::Address::socket_addr;
            let here = peer.local_address().and_then(socket_addr);
            listener::say_came(run, peer.peer_address().and_then(socket_addr), here);
            converse(run, peer)
        }
        Err(error) => {
            if let (ListenCause::Interrupted, Some(signal)) = (error.cause(), run.interrupt.raised()) {
                return Done::Signal(signal);
            }
            let cause = NeverConnected::CannotAccept { error: &error };
            run.printer.report(&cause.report(&endpoint, Role::Listen));
            run.refuse(&error.cause().to_string())
        }
    }
}

/// Takes only what comes from where the plan lets peers in. The rest is left aside, without a word to whoever sent it.
fn filtered(run: &Run, bound: Bound) -> Bound {
    let plan = &run.plan;
    if plan.max_connections == Some(0) {
        let voice = run.voice.clone();
        return bound.with_filter(move |_| {
            voice.tell_verbosely(|| listener::denied_by_limit(0));
            false
        });
    }
    let (access, only) = (plan.access.clone(), hosts::OnlyPeer::of(plan));
    if access.is_open() && only.is_none() {
        return bound;
    }
    bound.with_filter(move |from| {
        from.socket_addr().is_some_and(|at| {
            access.permits(hosts::ip(at)) && only.as_ref().is_none_or(|only| only.is_at(at))
        })
    })
}

fn bind_unix(run: &Run, path: &OsStr, options: &ListenOptions) -> Result<Bound, Done> {
    let endpoint = unix_endpoint(path);
    match Bound::bind(&endpoint, options) {
        Ok(bound) => {
            let does = if run.plan.flavour == Flavour::Ncat { "Listening" } else { "Bound" };
            run.voice.tell_verbosely(|| format!("{does} on {}", path.to_string_lossy()));
            Ok(bound)
        }
        Err(error) => {
            listener::report(run, &endpoint, &error);
            Err(run.refuse(&listener::words(&error)))
        }
    }
}
