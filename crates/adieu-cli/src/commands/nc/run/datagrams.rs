//! `-u`, and `-uU`: datagrams, each of them passed on as it is.
//!
//! There is no connection, so nothing is said to be acknowledged. What can go wrong and is told by the system (ICMP says that
//! nobody receives there) is told here too, where the originals exit 0.

use super::super::flavour::Flavour;
use super::super::plan::{AtInputEnd, Mode, Plan, Transport};
use super::choices::{self, Side};
use super::client::{succeeded, unix_endpoint};
use super::hosts;
use super::listener;
use super::session::{Done, Run};
use crate::stdio;
use adieu::datagram::{self, Answer, Bound, Exchange, Peer, Probe};
use adieu::exchange::Input;
use adieu::{ConnectOptions, Endpoint, ListenCause, ListenOptions, NeverConnected, Role};
use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

/// How long the last answers are waited for, and a refusal, where the flavour ends with stdin.
const AFTER_INPUT: Duration = Duration::from_millis(250);

/// How the exchange of this plan ends.
fn terms(run: &Run) -> Exchange {
    let plan = &run.plan;
    let mut terms = Exchange::new().silence(match (plan.at_input_end, plan.flavour) {
        (AtInputEnd::Quit { after, .. }, _) => Some(after.max(AFTER_INPUT)),
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
                Ok(peer) => converse(run, peer),
                Err(error) => {
                    run.printer.report(error.report());
                    let code = error.report().error_code();
                    let words = code.map_or_else(
                        || error.cause().to_string(),
                        |code| adieu_os::error_words(&std::io::Error::from_raw_os_error(code)),
                    );
                    run.refuse(&format!("{shown}: {words}"))
                }
            }
        }
        Mode::Connect { host, ports } => {
            let first = ports.first().copied().unwrap_or_default();
            let address = match hosts::addresses(plan, Some(host), first) {
                Ok(addresses) => addresses.into_iter().next(),
                Err(error) => {
                    return Done::Exit(hosts::unknown(&run.voice, host, first, &error, plan.numeric));
                }
            };
            let Some(address) = address else { return run.refuse("the host has no address") };
            let options = match from(plan, address) {
                Ok(Some(from)) => options.source(from),
                Ok(None) => options,
                Err(why) => return run.refuse(&why),
            };
            ports_of(run, host, address, ports, &options)
        }
        Mode::Listen { .. } | Mode::ListenUnix { .. } => unreachable!("it is a plan that sends first"),
    }
}

/// Our own address, if one was asked for.
fn from(plan: &Plan, peer: SocketAddr) -> Result<Option<SocketAddr>, String> {
    if plan.source.is_none() && plan.source_port.is_none() {
        return Ok(None);
    }
    let port = plan.source_port.unwrap_or(0);
    let Some(source) = &plan.source else {
        let any = if peer.is_ipv4() { ([0; 4], port).into() } else { ([0_u16; 8], port).into() };
        return Ok(Some(any));
    };
    let found = hosts::addresses(plan, Some(source), port);
    let found = found.map_err(|error| format!("getaddrinfo: {}", error.words()))?;
    Ok(found.into_iter().find(|address| address.is_ipv4() == peer.is_ipv4()))
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
        let peer = match datagram::connect(&Endpoint::udp(address.ip().to_string(), *port), options) {
            Ok(peer) => peer,
            Err(error) => {
                run.printer.report(error.report());
                run.voice.tell_verbosely(|| error.to_string());
                continue;
            }
        };
        // OpenBSD's sends four X to see whether somebody is there: in a scan, and before whoever types.
        let is_typed = std::io::stdin().is_terminal() && run.voice.is_verbose();
        if (plan.zero_io || (is_typed && matches!(plan.flavour, Flavour::Debian | Flavour::OpenBsd)))
            && !probe(run, &peer)
        {
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
    let (payload, wait) = match run.plan.flavour {
        Flavour::Debian | Flavour::OpenBsd => ("X", Duration::from_secs(3)),
        Flavour::Ncat => ("\0", run.plan.idle_timeout.unwrap_or(Duration::from_secs(2))),
        Flavour::Traditional => ("\0", run.plan.connect_timeout.unwrap_or(Duration::from_secs(1))),
    };
    let answer = Probe::new().payload(payload).times(4, Duration::from_millis(250)).wait(wait).ask(peer);
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
        Flavour::Ncat => voice.tell_verbosely(|| {
            if plan.zero_io {
                "UDP packet sent successfully".to_owned()
            } else {
                format!("Connected to {}:{port}.", address.ip())
            }
        }),
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
        .socket(choices::socket(plan))
        .interrupt(&run.interrupt);
    let endpoint = match &plan.mode {
        Mode::ListenUnix { path } => unix_endpoint(path),
        Mode::Listen { host, port, .. } => {
            let port = port.unwrap_or(0);
            match hosts::addresses(plan, host.as_deref(), port) {
                Ok(addresses) => match addresses.into_iter().next() {
                    Some(address) => Endpoint::udp(address.ip().to_string(), port),
                    None => return run.refuse("the host has no address"),
                },
                Err(error) => {
                    let host = host.as_deref().unwrap_or_default();
                    return Done::Exit(hosts::unknown(&run.voice, host, port, &error, plan.numeric));
                }
            }
        }
        Mode::Connect { .. } | Mode::ConnectUnix { .. } => unreachable!("it is a plan that receives first"),
    };
    let bound = match Bound::bind(&endpoint, &options) {
        Ok(bound) => bound,
        Err(error) => {
            listener::report(run, &endpoint, &error);
            return run.refuse(&listener::words(&error));
        }
    };
    say_bound(run, &bound);
    let bound = filtered(plan, bound);
    if plan.keep_listening {
        return match ends(run) {
            Ok((input, output)) => {
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
            say_came(run, &peer);
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
fn filtered(plan: &Plan, bound: Bound) -> Bound {
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

fn say_bound(run: &Run, bound: &Bound) {
    let Run { plan, voice, .. } = run;
    let address = bound.local_address().and_then(adieu::Address::socket_addr);
    match (plan.flavour, address, &plan.mode) {
        (Flavour::Debian | Flavour::OpenBsd, Some(address), _) => {
            voice.tell_verbosely(|| format!("Bound on {} {}", hosts::named(plan, address), address.port()));
        }
        (Flavour::Traditional, Some(address), _) if address.ip().is_unspecified() => {
            voice.tell_verbosely(|| format!("listening on [any] {} ...", address.port()));
        }
        (Flavour::Traditional, Some(address), _) => {
            voice.tell_verbosely(|| format!("listening on [{}] {} ...", address.ip(), address.port()));
        }
        (Flavour::Ncat, Some(address), _) => {
            voice.tell_verbosely(|| format!("Listening on {}:{}", address.ip(), address.port()));
        }
        (Flavour::Ncat, None, Mode::ListenUnix { path }) => {
            voice.tell_verbosely(|| format!("Listening on {}", path.to_string_lossy()));
        }
        (_, None, Mode::ListenUnix { path }) => {
            voice.tell_verbosely(|| format!("Bound on {}", path.to_string_lossy()));
        }
        _ => {}
    }
}

fn say_came(run: &Run, peer: &Peer) {
    let Run { plan, voice, .. } = run;
    let from = peer.peer_address().and_then(adieu::Address::socket_addr);
    match (plan.flavour, from) {
        (Flavour::Debian | Flavour::OpenBsd, Some(from)) => {
            voice.tell_verbosely(|| {
                format!("Connection received on {} {}", hosts::named(plan, from), from.port())
            });
        }
        (Flavour::Debian | Flavour::OpenBsd, None) => voice.tell_verbosely(|| {
            let Mode::ListenUnix { path } = &plan.mode else { return "Connection received".to_owned() };
            format!("Connection received on {}", path.to_string_lossy())
        }),
        (Flavour::Traditional, Some(from)) => voice.tell_verbosely(|| {
            let here = peer.local_address().and_then(adieu::Address::socket_addr);
            let here = here.map_or_else(String::new, |here| here.ip().to_string());
            format!(
                "connect to [{here}] from {} [{}] {}",
                hosts::known_as(plan, from),
                from.ip(),
                from.port()
            )
        }),
        (Flavour::Ncat, Some(from)) => voice.tell_verbosely(|| format!("Connection from {}.", from.ip())),
        (Flavour::Traditional | Flavour::Ncat, None) => {}
    }
    debug_assert!(matches!(plan.transport, Transport::Udp | Transport::UnixDatagram));
}
