//! A scenario's program as a child process.

use super::os::{self, Group};
use super::{Exit, Observed, Program};
use crate::scenario::Signal;
use std::{
    env,
    ffi::OsString,
    fs::File,
    io::{self, Read},
    process::{Child, Command, Stdio},
    sync::{Arc, mpsc},
    thread::{self, JoinHandle},
    time::Duration,
};

/// Most of a program's stderr that is kept.
const STDERR_KEPT: u64 = 64 * 1024;

pub(super) struct Process {
    child: Child,
    group: Arc<Group>,
    said: JoinHandle<String>,
}

impl Process {
    /// Starts the program that `argv` names; an end that is absent is closed at its start.
    pub(super) fn start(argv: &[OsString], stdin: Option<File>, stdout: Option<File>) -> io::Result<Self> {
        let argv = with_closed_descriptors(argv, stdin.is_none(), stdout.is_none());
        let [program, arguments @ ..] = &*argv else { return Err(io::Error::other("no program to run")) };
        let mut command = Command::new(program);
        command.args(arguments).stderr(Stdio::piped());
        // A scenario's options are all on the command line: the user's own would change what must hold.
        for (name, _) in env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"ADIEU_")) {
            command.env_remove(name);
        }
        command.stdin(stdin.map_or_else(Stdio::null, Stdio::from));
        command.stdout(stdout.map_or_else(Stdio::null, Stdio::from));
        // A group of its own, so that whatever it starts goes when it does.
        os::own_group(&mut command);
        let mut child = command.spawn()?;
        // Our copies of its descriptors: as long as they are open no pipe ends.
        drop(command);
        let stderr = child.stderr.take();
        let group = Arc::new(Group::of(&child)?);
        match thread::Builder::new().spawn(move || kept(stderr)) {
            Ok(said) => Ok(Self { child, group, said }),
            Err(error) => {
                group.kill();
                child.wait()?;
                Err(error)
            }
        }
    }
}

impl Program for Process {
    fn signaller(&self) -> impl FnOnce(Signal) -> io::Result<()> + Send + use<> {
        let group = Arc::clone(&self.group);
        move |signal| group.signal(signal)
    }

    fn wait(mut self, limit: Duration, observed: &mut Observed) {
        let group = Arc::clone(&self.group);
        let (tell, told) = mpsc::channel();
        let waiting = thread::Builder::new().spawn(move || tell.send(self.child.wait()));
        let waiting = match waiting {
            Ok(waiting) => waiting,
            Err(error) => {
                group.kill();
                observed.trouble.push(format!("wait: {error}"));
                return;
            }
        };
        let status = told.recv_timeout(limit).or_else(|_| {
            observed.hung = true;
            group.kill();
            told.recv()
        });
        // What a program left running would hold its pipes open.
        group.kill();
        match status {
            Ok(Ok(status)) if !observed.hung => observed.exit = Some(Exit::of(status)),
            Ok(Ok(_)) => {}
            Ok(Err(error)) => observed.trouble.push(format!("wait: {error}")),
            Err(error) => observed.trouble.push(format!("wait: {error}")),
        }
        // It has told what it has waited for.
        let _ = waiting.join();
        observed.stderr = self.said.join().unwrap_or_default();
    }
}

fn with_closed_descriptors(argv: &[OsString], stdin: bool, stdout: bool) -> Vec<OsString> {
    let redirections = match (stdin, stdout) {
        (false, false) => return argv.to_vec(),
        (true, false) => "exec \"$@\" <&-",
        (false, true) => "exec \"$@\" >&-",
        (true, true) => "exec \"$@\" <&- >&-",
    };
    // std cannot start a program without a descriptor; a shell can.
    let mut all: Vec<OsString> = ["sh", "-c", redirections, "sh"].map(OsString::from).into();
    all.extend(argv.iter().cloned());
    all
}

fn kept(stderr: Option<impl Read>) -> String {
    let mut said = Vec::new();
    if let Some(mut stderr) = stderr {
        let _ = stderr.by_ref().take(STDERR_KEPT).read_to_end(&mut said);
        // A chatty program must not block on a full pipe.
        let _ = io::copy(&mut stderr, &mut io::sink());
    }
    String::from_utf8_lossy(&said).into_owned()
}
