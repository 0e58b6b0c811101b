//! What test programs say of the tests that failed: it is printed where it comes, and once more at the end, where one looks first.

use anyhow::{Context, Result};
use std::{
    io::{self, BufRead, BufReader, Write},
    process::{Command, ExitStatus, Stdio},
};

/// What was said of all failures so far, by libtest: the panics, and the list of names.
#[derive(Default)]
pub(crate) struct Failures {
    said: Vec<u8>,
}

impl Failures {
    /// Runs a command, and keeps what the test programs in it say of failures.
    pub(crate) fn run(&mut self, command: &mut Command) -> Result<ExitStatus> {
        let name = command.get_program().display().to_string();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{name} does not start"))?;
        let output = child.stdout.take().context("its output is a pipe")?;
        let passed_on = self.pass_on(BufReader::new(output), &mut io::stdout());
        let status = child.wait()?;
        passed_on?;
        Ok(status)
    }

    fn pass_on(&mut self, mut lines: impl BufRead, to: &mut impl Write) -> io::Result<()> {
        let mut keeps = false;
        let mut line = Vec::new();
        while lines.read_until(b'\n', &mut line)? > 0 {
            let text = line.trim_ascii();
            keeps = (keeps || text == b"failures:") && !text.starts_with(b"test result:");
            if keeps {
                self.said.extend_from_slice(&line);
            }
            to.write_all(&line)?;
            line.clear();
        }
        Ok(())
    }

    /// Prints it all once more.
    pub(crate) fn print(&self) -> Result<()> {
        if !self.said.is_empty() {
            println!("--- what failed, once more");
            io::stdout().write_all(&self.said)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_libtest_says_of_failures_is_kept_and_nothing_else() {
        let output = "running 2 tests\ntest a ... FAILED\n\nfailures:\n\n---- a stdout ----\nit panicked\n\n\
             failures:\n    a\n\ntest result: FAILED.\nrunning 1 test\ntest b ... ok\n";
        let (mut failures, mut passed_on) = (Failures::default(), Vec::new());
        failures.pass_on(output.as_bytes(), &mut passed_on).expect("memory takes it");
        assert_eq!(passed_on, output.as_bytes());
        let said = String::from_utf8_lossy(&failures.said);
        assert!(said.starts_with("failures:") && said.contains("it panicked"), "{said}");
        assert!(said.ends_with("    a\n\n"), "{said}");
    }
}
