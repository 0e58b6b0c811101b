//! What an exchange does beside moving the bytes: line ends, a rate, a dump, one way alone.

use super::rate::Rate;
use crate::dump;
use crate::os::ExecStatus;
use crate::parsing::rules::{Rules, With};
use crate::stdio;
use adieu::LocalEnd;
use adieu::exchange::{ExchangeOptions, Input, Output};
use anyhow::anyhow;
use clap::builder::{BoolishValueParser, PathBufValueParser, TypedValueParser};
use clap::{ArgAction, Args};
use std::io;
use std::path::{Path, PathBuf};

/// What is done with the bytes on their way.
#[derive(Debug, Clone, Args, Default)]
#[command(next_help_heading = "Bytes on their way")]
pub(crate) struct Exchange {
    /// Send CR LF at the end of each line, as HTTP, SMTP and other text protocols require
    ///
    /// Each LF that has no CR before it gets one.
    #[arg(long, env = "ADIEU_CRLF", hide_env_values = true, action = ArgAction::SetTrue,
          value_parser = BoolishValueParser::new(),
          add = Rules::new().also_over_udp().meaningless_with(&[With::Any("echo"), With::Any("recv_only")]))]
    pub(crate) crlf: bool,

    #[command(flatten)]
    pub(crate) rate: Rate,

    /// Also write what passes, in both directions, to this file: a hex dump, or a capture for Wireshark if its name ends in
    /// .pcapng
    ///
    /// Each block has its time and direction, as `hexdump -C` shows it. With TLS the dump has the plain text. The file is emptied
    /// first, and only its owner may read it. If it cannot be written any more, connections are reset (exit 7).
    #[arg(long, value_name = "FILE", env = "ADIEU_DUMP", hide_env_values = true,
          value_parser = PathBufValueParser::new().try_map(dump_file), add = Rules::new().also_over_udp())]
    pub(crate) dump: Option<PathBuf>,

    /// Send stdin, and throw away what the peer sends
    ///
    /// Once everything is acknowledged, the peer has 5s to end its side; otherwise the exit status is 8. Over UDP nothing is
    /// acknowledged, and --silence is the end.
    #[arg(long, env = "ADIEU_SEND_ONLY", hide_env_values = true, action = ArgAction::SetTrue,
          value_parser = BoolishValueParser::new(), conflicts_with = "recv_only",
          add = Rules::new().also_over_udp().meaningless_with(&[With::Any("echo"), With::Any("output")]))]
    pub(crate) send_only: bool,

    /// Receive only: send nothing, and leave stdin alone
    ///
    /// This side is shut down after the peer's, so a peer that stops when it reads EOF is not cut off. With </dev/null in its
    /// place it would be shut down at once. Over UDP --silence is the end.
    #[arg(long, env = "ADIEU_RECV_ONLY", hide_env_values = true, action = ArgAction::SetTrue,
          value_parser = BoolishValueParser::new(),
          add = Rules::new().also_over_udp().meaningless_with(&[With::Any("echo"), With::Any("exec")]))]
    pub(crate) recv_only: bool,
}

/// When the command that takes the place of stdin and stdout has done its work.
#[derive(Debug, Clone, Args, Default)]
pub(crate) struct ExecRule {
    /// Which exit statuses of the --exec command count as a failure
    #[arg(
        long,
        value_name = "RULE",
        env = "ADIEU_EXEC_STATUS",
        hide_env_values = true,
        default_value = "check",
        add = Rules::new().needs("exec")
    )]
    pub(crate) exec_status: ExecStatus,
}

impl Exchange {
    /// The library's options for one connection, whose part of a dump this is.
    pub(crate) fn options(&self, dump: Option<dump::Connection>) -> ExchangeOptions {
        let mut options = ExchangeOptions::new().crlf(self.crlf).limit_rate(self.rate.limit_rate);
        if self.send_only {
            options = options.send_only();
        }
        if self.recv_only {
            options = options.recv_only();
        }
        match dump {
            Some(dump) => dump.tap(options),
            None => options,
        }
    }

    /// Where what is sent comes from: stdin, unless nothing is.
    pub(crate) fn input(&self) -> Result<Input, (LocalEnd, io::Error)> {
        let input = if self.recv_only { Ok(Input::empty()) } else { stdio::input() };
        input.map_err(|error| (LocalEnd::Input, error))
    }

    /// Where what comes goes: stdout, unless it is thrown away.
    pub(crate) fn output(&self) -> Result<Output, (LocalEnd, io::Error)> {
        let output = if self.send_only { Ok(Output::null()) } else { stdio::output() };
        output.map_err(|error| (LocalEnd::Output, error))
    }

    /// Whether a dump would go to one of these files too.
    pub(crate) fn check_dump(&self, others: &[(&str, Option<&Path>)]) -> anyhow::Result<()> {
        let Some(dump) = &self.dump else { return Ok(()) };
        match others.iter().find(|(_, other)| *other == Some(dump.as_path())) {
            Some((option, _)) => Err(anyhow!("--dump and {option} name the same file")),
            None => Ok(()),
        }
    }
}

fn dump_file(path: PathBuf) -> anyhow::Result<PathBuf> {
    if path.as_os_str() == "-" {
        return Err(anyhow!(
            "a dump has a file of its own: stdout carries the peer's bytes and nothing else"
        ));
    }
    Ok(path)
}
