//! What `send` and `receive` plan alike: which side connects, with which options, and what keeps others out.
//!
//! Certificates, the proxy's password and the passphrase are read here. The passphrase's file may be a FIFO into which nobody
//! writes yet, so signals and the deadline count from here on.

use super::arguments::Transfer;
use super::door;
use super::patience::wait_for;
use super::side::Side;
use crate::no_plan::{Ended, NoPlan};
use crate::options::Shared;
use crate::options::reporting::{Kind, Reports};
use crate::options::timers::InputKind;
use crate::os::signals;
use adieu::tls::{Fingerprint, ServerConfig};
use adieu::{Endpoint, Interrupt, Limits, NeverConnected, describe_error};
use adieu_transfer::{Secret, TransferReport, TransferRole};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// More than anybody has, and less than a file that was named by mistake. The help says it too.
const SECRET_LIMIT: u64 = 64 * 1024;

/// How long a sender may be silent by default while a service waits for it.
const SERVICE_IDLE: Duration = Duration::from_secs(5 * 60);

pub(crate) struct Plan {
    pub(crate) role: TransferRole,
    pub(crate) endpoint: Endpoint,
    /// With the library's options; all but the observer, which exists only while it runs.
    pub(crate) side: Side,
    /// Raised by a signal.
    pub(crate) interrupt: Interrupt,
    /// Raised to end a connection: the same, unless a service gives its connections time to end.
    pub(crate) abort: Interrupt,
    pub(crate) reports: Reports,
    pub(crate) connect_timeout: Option<Duration>,
    /// How long the peer may be silent.
    pub(crate) patience: Option<Duration>,
    /// When the command's whole time is up. A service has none.
    pub(crate) deadline: Option<Instant>,
    /// Of a service: how long each transfer may take.
    pub(crate) transfer_limit: Option<Duration>,
    pub(crate) retries: u32,
    pub(crate) resume: bool,
    pub(crate) limit_rate: Option<u64>,
    pub(crate) secret: Option<Secret>,
    /// Of a certificate that was made for this run.
    pub(crate) fingerprint: Option<Fingerprint>,
    pub(crate) protection: Protection,
    pub(crate) speaks_tls: bool,
    pub(crate) has_proxy: bool,
    /// A client that leaves without a byte counts.
    pub(crate) accepts_first: bool,
    pub(crate) port_file: Option<PathBuf>,
    /// It listens on every address of this machine, which is said.
    pub(crate) is_everywhere: bool,
}

/// What keeps others from what is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protection {
    None,
    /// TLS with whoever answers.
    Insecure,
    Encrypted,
}

impl Plan {
    pub(crate) fn new(
        role: TransferRole,
        endpoint: Endpoint,
        listens: bool,
        is_service: bool,
        shared: &Shared,
        transfer: &Transfer,
    ) -> Result<Self, NoPlan> {
        if let Endpoint::Udp { .. } = endpoint {
            return Err(NoPlan::refused(
                "a transfer needs a stream, and UDP has none: give the endpoint without udp://",
            ));
        }
        let limits = shared.timers.limits(InputKind::Command);
        let (deadline, transfer_limit, limits) = if is_service {
            // While a sender is silent nobody else is served.
            let idle = shared.timers.idle_timeout.unwrap_or(SERVICE_IDLE);
            (None, shared.timers.deadline, limits.idle_timeout(idle))
        } else {
            let deadline = shared.timers.deadline.and_then(|limit| Instant::now().checked_add(limit));
            (deadline, None, limits.deadline(None).deadline_at(deadline))
        };
        let way = if listens {
            Way::listening(endpoint, shared, transfer, limits)?
        } else {
            Way::connecting(endpoint, shared, transfer, limits)?
        };
        let Way { endpoint, side, speaks_tls, fingerprint, has_proxy } = way;
        let protection = match (speaks_tls, transfer.has_secret()) {
            (false, false) => Protection::None,
            (true, false) if !listens && transfer.tls.is_insecure() => Protection::Insecure,
            _ => Protection::Encrypted,
        };
        let interrupt = Interrupt::new().and_then(|i| signals::raise_on_signal(&i).map(|()| i));
        let interrupt = interrupt.map_err(|error| NoPlan::Failed {
            why: format!("cannot wait for signals: {}", describe_error(&error)),
        })?;
        let abort = if is_service {
            Interrupt::new().map_err(|error| NoPlan::Failed {
                why: format!("cannot wait for signals: {}", describe_error(&error)),
            })?
        } else {
            interrupt.clone()
        };
        let waits = role == TransferRole::Receive && listens && transfer.retry.is_some_and(|times| times > 0);
        let mut plan = Self {
            role,
            is_everywhere: listens && shared.socket.is_everywhere(&endpoint),
            endpoint,
            side: side.interrupt(&abort),
            interrupt,
            abort,
            reports: shared.reporting.plan(match (is_service, waits) {
                (true, _) => Kind::Service,
                (false, true) => Kind::Waiting,
                (false, false) => Kind::Once,
            }),
            connect_timeout: shared.timers.connect_timeout,
            patience: shared.timers.idle_timeout,
            deadline,
            transfer_limit,
            retries: transfer.retry.unwrap_or(0),
            resume: transfer.resume,
            limit_rate: transfer.rate.limit_rate,
            secret: None,
            fingerprint,
            protection,
            speaks_tls,
            has_proxy,
            accepts_first: transfer.first_client.accept_first,
            port_file: transfer.port_file.clone(),
        };
        plan.secret = plan.read_secret(transfer)?;
        Ok(plan)
    }

    /// The secret of both sides, waited for until a signal or the deadline.
    fn read_secret(&self, transfer: &Transfer) -> Result<Option<Secret>, NoPlan> {
        let passphrase = match (&transfer.secret, &transfer.secret_file) {
            (Some(secret), _) => secret.clone().into_bytes(),
            (None, Some(path)) => match read_passphrase(path, &|| self.may_go_on()) {
                Ok(Some(passphrase)) => passphrase,
                Ok(None) => return Err(self.ended(self.ended_before("waiting for the secret"), None)),
                Err(error) => {
                    let (path, error) = (path.display(), describe_error(&error));
                    return Err(NoPlan::refused(format!("cannot read the secret from {path}: {error}")));
                }
            },
            (None, None) => return Ok(None),
        };
        if passphrase.len() as u64 > SECRET_LIMIT {
            return Err(NoPlan::refused("a secret has at most 64 KiB"));
        }
        Secret::new(&passphrase).map(Some).ok_or_else(|| NoPlan::refused("the secret is empty"))
    }

    /// Whether the other side connects to us.
    pub(crate) const fn listens(&self) -> bool {
        matches!(self.side, Side::Listen(_))
    }

    /// Whether no signal has come, and the deadline has not passed.
    pub(crate) fn may_go_on(&self) -> bool {
        self.interrupt.raised().is_none() && !self.is_late()
    }

    /// Whether the command's whole time is up.
    pub(crate) fn is_late(&self) -> bool {
        self.deadline.is_some_and(|moment| moment <= Instant::now())
    }

    /// The report of a signal or the deadline before there was a connection.
    pub(crate) fn ended_before(&self, doing: &str) -> TransferReport {
        let cause = match self.interrupt.raised() {
            Some(signal) => NeverConnected::Interrupted { signal },
            None => NeverConnected::DeadlinePassed,
        };
        let role = if self.listens() { adieu::Role::Listen } else { adieu::Role::Connect };
        TransferReport::ended_before(self.role, cause.report(&self.endpoint, role), doing)
    }

    /// Ends the transfer before it is run.
    pub(crate) fn ended(&self, report: TransferReport, hint: Option<String>) -> NoPlan {
        NoPlan::Ended(Box::new(Ended { report, hint, reports: self.reports.clone() }))
    }
}

/// What depends on which side we are.
struct Way {
    endpoint: Endpoint,
    side: Side,
    speaks_tls: bool,
    fingerprint: Option<Fingerprint>,
    has_proxy: bool,
}

impl Way {
    fn connecting(
        endpoint: Endpoint,
        shared: &Shared,
        transfer: &Transfer,
        limits: Limits,
    ) -> Result<Self, NoPlan> {
        let (endpoint, tls) = transfer.tls.resolve_connect(endpoint)?;
        let speaks_tls = tls.is_some();
        let mut options = transfer.source.add_to(shared.connect_options(limits));
        if let Some(tls) = tls {
            options = options.tls(tls);
        }
        let proxy = transfer.proxy.resolve(&endpoint).map_err(NoPlan::refused)?;
        let has_proxy = proxy.is_some();
        options = options.proxy(proxy);
        options.check(&endpoint)?;
        Ok(Self { endpoint, side: Side::Connect(options), speaks_tls, fingerprint: None, has_proxy })
    }

    fn listening(
        endpoint: Endpoint,
        shared: &Shared,
        transfer: &Transfer,
        mut limits: Limits,
    ) -> Result<Self, NoPlan> {
        let (endpoint, tls) = transfer.tls.resolve_listen(endpoint)?;
        let speaks_tls = tls.is_some();
        let fingerprint = tls.as_ref().filter(|_| transfer.tls.is_new()).and_then(ServerConfig::fingerprint);
        if shared.timers.connect_timeout.is_none() {
            // Of a client's TLS handshake: it is only the beginning of saying who it is.
            limits = limits.connect_timeout(door::INTRODUCTION);
        }
        let mut options = shared.listen_options(limits);
        if let Some(tls) = tls {
            options = options.tls(tls);
        }
        options.check(&endpoint)?;
        Ok(Self { endpoint, side: Side::Listen(options), speaks_tls, fingerprint, has_proxy: false })
    }
}

/// The passphrase. A file may be a pipe into which nobody writes yet: `go_on` is asked now and then, and `Ok(None)` is
/// that it did not want to.
fn read_passphrase(path: &Path, go_on: &dyn Fn() -> bool) -> io::Result<Option<Vec<u8>>> {
    let path = path.to_owned();
    let reading = move || {
        let mut passphrase = Vec::new();
        File::open(path)?.take(SECRET_LIMIT + 1).read_to_end(&mut passphrase)?;
        Ok(passphrase)
    };
    wait_for(reading, go_on)
}
