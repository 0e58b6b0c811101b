//! What `adieu connect` is going to do: where to, with which options, and what is reported where.
//!
//! Certificates and the proxy's password are read here. Names are not resolved, nothing is created, nothing is connected.

use super::arguments::Args;
use crate::no_plan::NoPlan;
use crate::options::connecting_endpoint;
use crate::options::exchange::Exchange;
use crate::options::reporting::{Kind, Reports};
use crate::options::timers::InputKind;
use adieu::{ConnectOptions, Endpoint};

pub(crate) struct Plan {
    pub(super) endpoint: Endpoint,
    /// All but the interrupt and the observer, which exist only while it runs.
    pub(super) options: ConnectOptions,
    pub(super) exchange: Exchange,
    pub(super) reports: Reports,
    pub(super) fast_open: Option<FastOpen>,
    /// A peer that does not speak Multipath TCP is told of.
    pub(super) asks_for_multipath: bool,
}

/// What goes with the SYN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FastOpen {
    /// The first bytes of stdin.
    Input,
    /// The `ClientHello` of TLS.
    ClientHello,
}

impl Plan {
    pub(crate) fn new(args: &Args) -> Result<Self, NoPlan> {
        let (endpoint, tls) = args.tls.resolve(connecting_endpoint(&args.endpoint)?)?;
        args.exchange.check_dump(&[("--report-file", args.reporting().report_file.as_deref())])?;
        let limits = args.shared.timers.limits(InputKind::Stdin);
        let mut options = args.source.add_to(args.shared.connect_options(limits));
        let over_tls = tls.is_some();
        if let Some(tls) = tls {
            options = options.tls(tls);
        }
        options = options.proxy(args.proxy.resolve(&endpoint).map_err(NoPlan::refused)?);
        options.check(&endpoint)?;
        if args.fastopen {
            options.check_fast_open(&endpoint)?;
        }
        let first_flight = if over_tls { FastOpen::ClientHello } else { FastOpen::Input };
        Ok(Self {
            endpoint,
            options,
            exchange: args.exchange.clone(),
            reports: args.shared.reporting.plan(Kind::Once),
            fast_open: args.fastopen.then_some(first_flight),
            asks_for_multipath: args.shared.socket.mptcp,
        })
    }
}
