//! Completions: what adieu answers, and what a real shell makes of it.

use crate::{adieu, text};
use std::process::Stdio;

/// What can stand in the place of the last of these words.
fn offered(words: &[&str]) -> Vec<String> {
    let mut command = adieu(&["--", "adieu"]);
    command.args(words).env("ADIEU_COMPLETE", "bash").stdin(Stdio::null());
    let output = command.output().expect("the built binary starts");
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout).lines().map(str::to_owned).collect()
}

#[test]
fn what_can_stand_at_a_place_is_offered_and_nothing_else() {
    for (words, expected) in [
        (&["conn"][..], &["words", "connect"][..]),
        (&["send", ""], &["files"]),
        (&["send", "x", ""], &["files"]),
        (&["send", "--na"], &["words", "--name"]),
        (&["connect", "--report=j"], &["words", "--report=json"]),
        (&["connect", "--report", ""], &["words", "text", "json", "none"]),
        (&["listen", "--tls-eof", "f"], &["words", "framed"]),
        (&["connect", "--cert", ""], &["files"]),
        (&["connect", "--cert="], &["files"]),
        (&["listen", "-o", ""], &["files"]),
        // It is for tests.
        (&["connect", "--data"], &["words"]),
        (&["send", "--input-g"], &["words"]),
        // A host is nothing that is known, and a path stands after unix: alone.
        (&["connect", "x"], &["words"]),
        (&["connect", "unix:x"], &["files"]),
        (&["connect", "unix:@x"], &["words"]),
        (&["listen", "tls://x"], &["words"]),
        (&["connect", "--deadline", ""], &["words"]),
        (&["completions", "z"], &["words", "zsh"]),
    ] {
        assert_eq!(offered(words), expected, "{words:?}");
    }
    let options = offered(&["connect", "-"]);
    assert!(options.contains(&"--idle-timeout".to_owned()) && options.len() > 20, "{options:?}");
    assert!(!options.iter().any(|option| option.starts_with("--data-path")), "{options:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn the_interfaces_of_this_machine_are_offered() {
    assert!(offered(&["connect", "--interface", ""]).contains(&"lo".to_owned()));
    assert!(offered(&["listen", "--interface=l"]).contains(&"--interface=lo".to_owned()));
}

#[test]
fn a_script_of_clap_lists_no_hidden_option() {
    for shell in ["elvish", "powershell"] {
        let output = adieu(&["completions", shell]).output().expect("the built binary starts");
        let script = text(&output.stdout);
        assert!(script.contains("idle-timeout") && !script.contains("data-path"), "{shell}");
    }
}

#[cfg(target_os = "linux")]
mod at_a_shell {
    use crate::cuts::terminal;
    use crate::{ADIEU, BOUND};
    use adieu_testkit::skip::{counterpart, not_here};
    use std::fs::File;
    use std::io::{Read, Write};
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;
    use std::process::{Command, Stdio};
    use std::sync::mpsc;
    use std::time::Instant;

    /// Types a line at a real shell, with a Tab at its end, and runs it: the words that adieu was started with.
    fn typed(shell: &Path, name: &str, line: &str) -> String {
        let directory = tempfile::tempdir().expect("a directory can be made");
        let program = directory.path().join("adieu");
        // Started by the completion it is adieu, and by the line it tells its words.
        let script = format!(
            "#!/bin/sh\n[ -z \"$ADIEU_COMPLETE\" ] || exec {ADIEU} \"$@\"\nprintf 'RAN<%s>\\n' \"$*\"\n"
        );
        std::fs::write(&program, script).expect("room");
        std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).expect("it is ours");
        for file in ["some file.txt", "other.bin"] {
            std::fs::write(directory.path().join(file), "").expect("room");
        }
        let path = std::env::var("PATH").unwrap_or_default();
        let (arguments, setup) = match name {
            "bash" => (&["--norc", "--noprofile", "-i"][..], format!("source <({ADIEU} completions bash)")),
            "zsh" => (
                &["-f", "-i"][..],
                format!("autoload -U compinit; compinit -u -D; source <({ADIEU} completions zsh)"),
            ),
            _ => (&["--no-config", "-i"][..], format!("{ADIEU} completions fish | source")),
        };
        let (master, slave) = terminal(true);
        let end = || Stdio::from(slave.try_clone().expect("a descriptor can be cloned"));
        // A terminal of its own, as a shell has it.
        let mut command = Command::new("setsid");
        command.args(["--ctty", "--wait"]).arg(shell).args(arguments).current_dir(directory.path());
        command.env("PATH", format!("{}:{path}", directory.path().display())).env("HOME", directory.path());
        command.env("TERM", "dumb").env_remove("ADIEU_COMPLETE").stdin(end()).stdout(end()).stderr(end());
        let mut child = command.spawn().expect("setsid is there");
        drop(command);
        drop(slave);
        let mut master = File::from(master);
        let mut keyboard = master.try_clone().expect("a descriptor can be cloned");
        let (tell, shown) = mpsc::channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(n) = master.read(&mut buffer)
                && n > 0
                && tell.send(buffer[..n].to_vec()).is_ok()
            {}
        });
        let mut seen = String::new();
        let until = |seen: &mut String, sign: &str| {
            let limit = Instant::now() + BOUND;
            while !seen.contains(sign) {
                let left = limit.saturating_duration_since(Instant::now());
                let some =
                    shown.recv_timeout(left).unwrap_or_else(|_| panic!("{name} shows no {sign:?}: {seen:?}"));
                *seen += &String::from_utf8_lossy(&some);
            }
        };
        // What is typed is shown too, so the sign is not written as it is shown.
        write!(keyboard, "{setup}; printf 'RE''ADY'\r").expect("it is read");
        until(&mut seen, "READY");
        seen.clear();
        write!(keyboard, "{line}\t\r").expect("it is read");
        until(&mut seen, ">\r\n");
        let words = seen.split_once("RAN<").and_then(|(_, rest)| rest.split_once(">\r\n"));
        let words = words.unwrap_or_else(|| panic!("{name}: {seen:?}")).0.to_owned();
        // It may have ended with its terminal.
        let _ = child.kill();
        drop(keyboard);
        let _ = child.wait();
        words
    }

    #[test]
    fn a_tab_at_a_real_shell_completes_what_can_stand_there() {
        for name in ["bash", "zsh", "fish"] {
            let shell = match name {
                "bash" => counterpart("completions at a real shell", name),
                // Not everybody has them, and they are no part of what adieu does.
                _ => std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
                    .map(|directory| directory.join(name))
                    .find(|path| path.is_file()),
            };
            let Some(shell) = shell else {
                not_here("completions at a real shell", &format!("{name} is not installed"));
                continue;
            };
            std::thread::scope(|scope| {
                for (line, words) in [
                    ("adieu connect --report=j", "connect --report=json"),
                    ("adieu connect --report j", "connect --report json"),
                    ("adieu conn", "connect"),
                    ("adieu send so", "send some file.txt"),
                    ("adieu connect oth", "connect oth"),
                    ("adieu connect unix:oth", "connect unix:other.bin"),
                    ("adieu connect --cert=oth", "connect --cert=other.bin"),
                    ("adieu connect --data", "connect --data"),
                ] {
                    let shell = &shell;
                    scope.spawn(move || assert_eq!(typed(shell, name, line), words, "{name}: {line}"));
                }
            });
        }
    }
}
