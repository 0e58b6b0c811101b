//! What ties an option to others, or to what the run is.
//!
//! A rule stands beside the definition of its option, as `add = Rules::new().needs("proxy")`, as its conflicts do, which are
//! clap's own (`conflicts_with`). The rules of a definition are read in one place, where the command line and the variables are
//! made one ([`resolve`](super::resolve)). An option that is named here and does not exist fails a test.

use clap::builder::ArgExt;
use clap::{Arg, ArgMatches};

/// The rules of one option.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    pub(super) needs: Option<&'static str>,
    pub(super) meaningless_with: &'static [With],
    pub(super) not_for_unix: bool,
    pub(super) udp: OverUdp,
    pub(super) for_tls: bool,
    pub(super) asks_for_tls: Option<AsksForTls>,
    pub(super) names_endpoints: bool,
    pub(super) side: Option<CommandSide>,
    pub(super) turns_side: bool,
    pub(super) guard: Option<Guard>,
    pub(super) sends_in_the_clear: bool,
    pub(super) yields_to: Option<&'static str>,
    pub(super) yields_if: Option<fn(&ArgMatches) -> bool>,
    pub(super) endpoint: Option<EndpointWords>,
}

impl ArgExt for Rules {}

/// Another option.
#[derive(Debug, Clone, Copy)]
pub(crate) enum With {
    /// With any value.
    Any(&'static str),
    /// With this value.
    Value(&'static str, &'static str),
}

impl With {
    pub(super) const fn option(self) -> &'static str {
        match self {
            Self::Any(option) | Self::Value(option, _) => option,
        }
    }

    /// `None`: any.
    pub(super) const fn value(self) -> Option<&'static str> {
        match self {
            Self::Any(_) => None,
            Self::Value(_, value) => Some(value),
        }
    }
}

/// What an option means over UDP, where there is no connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OverUdp {
    /// Nothing. From a variable it is then ignored.
    Nothing,
    /// Nothing, and to go without it could harm: its variable is refused too.
    Refused,
    /// What it always means.
    Same,
    /// It means something nowhere else.
    Only,
}

/// Which side of a connection a command is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CommandSide {
    Connects,
    Listens,
}

impl CommandSide {
    pub(super) const fn other(self) -> Self {
        match self {
            Self::Connects => Self::Listens,
            Self::Listens => Self::Connects,
        }
    }

    /// As a sentence has it: "the side that connects".
    pub(super) const fn verb(self) -> &'static str {
        match self {
            Self::Connects => "connects",
            Self::Listens => "listens",
        }
    }
}

/// When an option asks for TLS by itself, besides the endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AsksForTls {
    Always,
    WhenListening,
}

/// What is known of a run that is asked where a guard counts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RunFacts {
    /// We listen.
    pub(crate) listens: bool,
    /// TLS is asked for.
    pub(crate) over_tls: bool,
}

/// Where an option that keeps others out counts.
#[derive(Debug, Clone, Copy)]
pub(super) enum Guard {
    Where(fn(RunFacts) -> bool),
    WithWhatItNeeds,
}

/// Which words of an argument are the endpoint, and what the command does there unless an option turns it round.
#[derive(Debug, Clone, Copy)]
pub(super) struct EndpointWords {
    pub(super) side: CommandSide,
    pub(super) which: Which,
}

/// How the words of an argument make endpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    /// All of them one.
    Together,
    /// The last alone is one.
    Last,
    /// Each is one.
    Each,
}

impl Rules {
    pub(crate) const fn new() -> Self {
        Self {
            needs: None,
            meaningless_with: &[],
            not_for_unix: false,
            for_tls: false,
            asks_for_tls: None,
            names_endpoints: false,
            side: None,
            turns_side: false,
            guard: None,
            sends_in_the_clear: false,
            yields_to: None,
            yields_if: None,
            endpoint: None,
            udp: OverUdp::Nothing,
        }
    }

    /// The rules beside an argument's definition.
    pub(super) fn of(argument: &Arg) -> Self {
        argument.get().copied().unwrap_or(const { Self::new() })
    }

    /// It means nothing without this option. From a variable it is then ignored.
    pub(crate) const fn needs(mut self, option: &'static str) -> Self {
        self.needs = Some(option);
        self
    }

    /// It means nothing with these. Of the two, one from a variable yields.
    pub(crate) const fn meaningless_with(mut self, others: &'static [With]) -> Self {
        self.meaningless_with = others;
        self
    }

    /// It means nothing for a Unix socket. From a variable, which may be set for every run, it is then ignored.
    pub(crate) const fn not_for_unix(mut self) -> Self {
        self.not_for_unix = true;
        self
    }

    /// It means the same over UDP. What does not say so means nothing there.
    pub(crate) const fn also_over_udp(mut self) -> Self {
        self.udp = OverUdp::Same;
        self
    }

    /// It means nothing but over UDP. From a variable it is elsewhere ignored.
    pub(crate) const fn only_over_udp(mut self) -> Self {
        self.udp = OverUdp::Only;
        self
    }

    /// It means nothing over UDP, and to go without it could harm. So a variable is no mere default.
    pub(crate) const fn refused_over_udp(mut self) -> Self {
        self.udp = OverUdp::Refused;
        self
    }

    /// It means nothing without TLS. One that is written and then does nothing could be taken for safety; from a variable it is
    /// for the runs that speak TLS.
    pub(crate) const fn for_tls(mut self) -> Self {
        self.for_tls = true;
        self
    }

    /// It asks for TLS by itself.
    pub(crate) const fn asks_for_tls(mut self) -> Self {
        self.asks_for_tls = Some(AsksForTls::Always);
        self
    }

    /// It asks for TLS by itself, where we listen.
    pub(crate) const fn asks_for_tls_when_listening(mut self) -> Self {
        self.asks_for_tls = Some(AsksForTls::WhenListening);
        self
    }

    /// What follows the `=` in each of its values is an endpoint.
    pub(crate) const fn names_endpoints(mut self) -> Self {
        self.names_endpoints = true;
        self
    }

    /// Only this side can mean it, of a command that can be either.
    pub(crate) const fn of_side(mut self, side: CommandSide) -> Self {
        self.side = Some(side);
        self
    }

    /// With it, the command is the other side.
    pub(crate) const fn turns_side(mut self) -> Self {
        self.turns_side = true;
        self
    }

    /// It keeps others out by being given, where `counts` says so. An empty variable is as good as none, but not of a guard: it
    /// is what a script's own becomes that was not set, and the run would let in or let see more than was asked for, and say
    /// nothing. Of what else can be empty the default is the strict one, or (the proxy, switches) an empty variable means "no"
    /// to everybody.
    pub(crate) const fn guards(mut self, counts: fn(RunFacts) -> bool) -> Self {
        self.guard = Some(Guard::Where(counts));
        self
    }

    /// The same, where the option that it [needs](Self::needs) is given.
    pub(crate) const fn guards_with_what_it_needs(mut self) -> Self {
        self.guard = Some(Guard::WithWhatItNeeds);
        self
    }

    /// It does without what guards: where it is written, a guard's variable is no mere default that yields.
    pub(crate) const fn sends_in_the_clear(mut self) -> Self {
        self.sends_in_the_clear = true;
        self
    }

    /// From a variable it is ignored if this option is given.
    pub(crate) const fn yields_to(mut self, option: &'static str) -> Self {
        self.yields_to = Some(option);
        self
    }

    /// From a variable it is ignored where this is so.
    pub(crate) const fn yields_if(mut self, is_so: fn(&ArgMatches) -> bool) -> Self {
        self.yields_if = Some(is_so);
        self
    }

    /// Its words are the endpoint, where the command is this side.
    pub(crate) const fn endpoint(mut self, side: CommandSide) -> Self {
        self.endpoint = Some(EndpointWords { side, which: Which::Together });
        self.udp = OverUdp::Same;
        self
    }

    /// The same of its last word. Of what stands before it nothing is an endpoint.
    pub(crate) const fn endpoint_is_last(mut self, side: CommandSide) -> Self {
        self.endpoint = Some(EndpointWords { side, which: Which::Last });
        self.udp = OverUdp::Same;
        self
    }

    /// The same of each of its words.
    pub(crate) const fn each_is_an_endpoint(mut self, side: CommandSide) -> Self {
        self.endpoint = Some(EndpointWords { side, which: Which::Each });
        self.udp = OverUdp::Same;
        self
    }

    /// Whether clap's own rules do not say all, once it is written; `has_sides`: in a command that can be either side.
    pub(super) const fn is_checked(&self, has_sides: bool) -> bool {
        let of_a_side = has_sides && self.side.is_some();
        self.needs.is_some()
            || !self.meaningless_with.is_empty()
            || self.for_tls
            || matches!(self.udp, OverUdp::Only)
            || of_a_side
    }

    /// The options that these rules name, some with a value.
    #[cfg(test)]
    pub(crate) fn named(&self) -> impl Iterator<Item = (&'static str, Option<&'static str>)> {
        let others = self.meaningless_with.iter().map(|with| (with.option(), with.value()));
        self.needs.into_iter().chain(self.yields_to).map(|option| (option, None)).chain(others)
    }
}
