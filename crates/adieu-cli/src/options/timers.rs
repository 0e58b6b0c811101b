//! What bounds a connection: the options, and what they make of the library's options.

use super::durations::{Grace, grace, limit};
use crate::parsing::rules::{Rules, With};
use adieu::{InputSilence, Limits};
use clap::Args;
use std::time::Duration;

/// What bounds a connection.
#[derive(Debug, Clone, Args, Default)]
#[command(next_help_heading = "Time limits")]
pub(crate) struct Timers {
    /// Give up if there is no connection after this long, TLS handshake included [default: 30s; a listener waits for a client
    /// without limit, and 30s for its TLS handshake]
    #[arg(long, value_name = "DURATION", env = "ADIEU_CONNECT_TIMEOUT", value_parser = limit, hide_env_values = true,
          add = Rules::new().also_over_udp())]
    pub(crate) connect_timeout: Option<Duration>,

    /// End the connection if the peer sends nothing and takes nothing for this long while it is the peer's turn [default: none]
    ///
    /// A TLS handshake counts too. The peer's turn is to send, to read, or to acknowledge: a peer that goes on talking, but
    /// neither takes nor acknowledges what is sent to it, is ended as well. A stdin or stdout of ours that is slow does not
    /// count.
    #[arg(long, value_name = "DURATION", env = "ADIEU_IDLE_TIMEOUT", value_parser = limit, hide_env_values = true,
          add = Rules::new().also_over_udp())]
    pub(crate) idle_timeout: Option<Duration>,

    /// End the connection after this long, whatever happens; a listener counts from the beginning of each connection [default:
    /// none]
    #[arg(long, value_name = "DURATION", env = "ADIEU_DEADLINE", value_parser = limit, hide_env_values = true,
          add = Rules::new().also_over_udp())]
    pub(crate) deadline: Option<Duration>,

    /// After the peer's end, half-close once stdin has been silent for this long; "none" waits for stdin's end [default: 0s on a
    /// terminal, none with --exec]
    ///
    /// Without this option a stdin that is still open, and silent for 2s after the peer's end, is given up: exit 8.
    #[arg(long, value_name = "DURATION", env = "ADIEU_INPUT_GRACE", value_parser = grace, hide_env_values = true,
          add = Rules::new().meaningless_with(&[With::Any("echo"), With::Any("recv_only")]))]
    pub(crate) input_grace: Option<Grace>,
}

/// What ends an exchange of datagrams.
#[derive(Debug, Clone, Args, Default)]
#[command(next_help_heading = "Time limits")]
pub(crate) struct Silence {
    /// Finish once stdin has ended and no datagram has passed for this long, as UDP has no end; "none" waits for a signal or
    /// --deadline [default: 2s; 30s with listen --output; none with --keep-open]
    ///
    /// With --idle-timeout an answer is expected, and no answer at all is a timeout.
    #[arg(long, value_name = "DURATION", env = "ADIEU_SILENCE", value_parser = grace, hide_env_values = true,
          add = Rules::new().only_over_udp())]
    pub(crate) silence: Option<Grace>,
}

/// What our input is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InputKind {
    /// Standard input, or none, of a side that connects.
    Stdin,
    /// Standard input, or none, of a side that listens: until it gives something, the client is to speak.
    Served,
    /// A command's output.
    Command,
}

/// Once the peer has ended, how long an input that nobody said anything about may be silent.
const INPUT_GIVEN_UP: Duration = Duration::from_secs(2);

impl Timers {
    /// The library's limits. A listener waits for ever for a connection unless told otherwise.
    pub(crate) fn limits(&self, input: InputKind) -> Limits {
        let mut limits = Limits::new().idle_timeout(self.idle_timeout).deadline(self.deadline);
        if self.connect_timeout.is_some() {
            limits = limits.connect_timeout(self.connect_timeout);
        }
        limits = limits.input_silence(match input {
            InputKind::Stdin => InputSilence::Ours,
            InputKind::Served => InputSilence::OursOnceItGave,
            InputKind::Command => InputSilence::Peers,
        });
        match self.input_grace {
            Some(grace) => limits.input_grace(grace.limit()),
            // A command that works on what it was sent is silent until it answers.
            None if input == InputKind::Command => limits,
            // At a terminal the peer's end is the user's cue, and a person will not type the end by himself.
            None if crate::stdio::stdin_is_terminal() => limits.input_grace(Duration::ZERO),
            None => limits.give_up_input_after(INPUT_GIVEN_UP),
        }
    }
}
