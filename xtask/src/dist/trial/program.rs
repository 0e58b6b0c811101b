//! A program is tried on loopback, wherever it is and whatever runs it: as it is, in another root, under qemu or under Wine.

use super::super::target::Target;
use anyhow::{Context, Result, bail, ensure};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Nothing here takes so long, not under qemu on a busy machine either.
const BOUND: &str = "120";

/// How adieu is started: words that come before its arguments.
pub(in super::super) struct Runner {
    words: Vec<OsString>,
}

/// What a program has done.
struct Done {
    stdout: String,
    stderr: String,
    code: Option<i32>,
}

impl Runner {
    pub(in super::super) fn new<W: Into<OsString>>(words: impl IntoIterator<Item = W>) -> Self {
        Self { words: words.into_iter().map(Into::into).collect() }
    }

    /// In another root, which the program cannot leave.
    pub(in super::super) fn inside(root: &OsStr, program: &str) -> Self {
        Self::new([OsStr::new("chroot"), root, OsStr::new(program)])
    }

    /// As programs of a target are run here.
    pub(in super::super) fn of(target: &Target, program: &Path) -> Result<Self> {
        let Some((launcher, _)) = target.launcher else { return Ok(Self::new([program])) };
        if launcher == "wine" {
            // Wine lacks a library of Windows that the program needs: it looks for it beside the program.
            crate::windows::build_processprng(program.parent().context("it is in a folder")?)?;
        }
        Ok(Self::new([launcher.as_ref(), program]))
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("timeout");
        // Of this machine's environment nothing is for the program.
        command
            .env_clear()
            .envs(["PATH", "HOME"].iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
        command.env("WINEDEBUG", "-all");
        command.args(["--kill-after=1", BOUND]).args(&self.words).args(arguments);
        command
    }

    fn run(&self, arguments: &[&str], input: &str) -> Result<Done> {
        let mut command = self.command(arguments);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        // One that does not read its input is judged by what it says.
        let _ = child.stdin.take().context("a pipe")?.write_all(input.as_bytes());
        let output = child.wait_with_output()?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace("\r\n", "\n");
        Ok(Done { stdout: text(&output.stdout), stderr: text(&output.stderr), code: output.status.code() })
    }

    /// Runs adieu, which must exit 0 and print what `expected` finds in its stdout.
    pub(in super::super) fn expect(&self, arguments: &[&str], input: &str, expected: &str) -> Result<()> {
        let Done { stdout, stderr, code } = self.run(arguments, input)?;
        if code != Some(0) || !stdout.contains(expected) {
            bail!("adieu {}: exit status {code:?}, printed {stdout:?}, said {stderr}", arguments.join(" "));
        }
        Ok(())
    }

    /// Runs adieu, which must exit with `status` and say what `expected` finds in its stderr.
    pub(in super::super) fn refuse(&self, arguments: &[&str], status: i32, expected: &str) -> Result<()> {
        let Done { stdout, stderr, code } = self.run(arguments, "")?;
        if code != Some(status) || !stderr.contains(expected) {
            bail!("adieu {}: exit status {code:?}, printed {stdout:?}, said {stderr}", arguments.join(" "));
        }
        Ok(())
    }

    pub(in super::super) fn says_its_version(&self) -> Result<()> {
        self.expect(&["--version"], "", &format!("adieu {}\n", super::super::VERSION))
    }

    /// Everything that a program must do everywhere. Says what that was.
    pub(in super::super) fn use_it(&self) -> Result<&'static str> {
        self.says_its_version()?;
        self.expect(&["demo"], "", "FIN")?;
        let server = Server::start(self, &ECHO)?;
        let address = server.address.as_str();
        let port = address.rsplit(':').next().context("it has a port")?;
        let named = format!("localhost:{port}");
        self.expect(&["connect", "-q", address], "by address", "by address")?;
        self.expect(&["connect", "-q", &named], "by name", "by name")?;
        self.expect(&["nc", "-N", "127.0.0.1", port], "as netcat", "as netcat")?;
        self.expect(&["check", address], "", "open")?;
        let relay = Server::start(self, &["relay", "127.0.0.1:0", address])?;
        self.expect(&["connect", "-q", &relay.address], "by a relay", "by a relay")?;
        Ok("--version, demo, connect, listen, nc, check and relay work")
    }
}

impl Runner {
    /// Another program is sent back what it sends to `adieu listen`, and finds that good. Its last two arguments are host and port.
    pub(in super::super) fn answers(&self, client: &Self, options: &[&str]) -> Result<()> {
        let server = Server::start(self, &ECHO)?;
        let port = server.address.rsplit(':').next().context("it has a port")?;
        // The examples of the C library send this text too.
        client.expect(&[options, &["127.0.0.1", port]].concat(), "this is a test", "this is a test")
    }
}

impl Runner {
    /// A file is sent with a passphrase, inside of a root. `root`: where that is for us.
    pub(in super::super) fn transfers(&self, root: &Path) -> Result<()> {
        const TEXT: &str = "what is sent";
        fs::write(root.join("secret"), "a passphrase\n")?;
        fs::write(root.join("sent"), TEXT)?;
        fs::create_dir(root.join("received"))?;
        let secret = ["--secret-file", "/secret"];
        let receive =
            [&["receive", "--keep-open", "--output", "/received", "127.0.0.1:0"], &secret[..]].concat();
        let server = Server::start(self, &receive)?;
        self.expect(&[&["send", "-q", "/sent", &server.address], &secret[..]].concat(), "", "")?;
        let received = fs::read_to_string(root.join("received/sent"))?;
        ensure!(received == TEXT, "adieu receive has stored {received:?}");
        Ok(())
    }
}

/// Sends back what comes.
const ECHO: [&str; 4] = ["listen", "--keep-open", "--echo", "127.0.0.1:0"];

/// A command of adieu that serves until it is dropped.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(runner: &Runner, arguments: &[&str]) -> Result<Self> {
        let mut command = runner.command(arguments);
        // It must end with us, and timeout(1) passes SIGTERM on.
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let mut said = BufReader::new(child.stderr.take().context("a pipe")?);
        let mut server = Self { child, address: String::new() };
        let mut line = String::new();
        said.read_line(&mut line)?;
        ensure!(line.contains("listening on 127.0.0.1:"), "adieu {} says {line:?}", arguments.join(" "));
        line.trim().rsplit(' ').next().unwrap_or_default().clone_into(&mut server.address);
        // What it says of each client is read, so that its pipe never fills.
        std::thread::spawn(move || {
            let _ = std::io::copy(&mut said, &mut std::io::sink());
        });
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = rustix::process::kill_process(
            rustix::process::Pid::from_child(&self.child),
            rustix::process::Signal::TERM,
        );
        let _ = self.child.wait();
    }
}
