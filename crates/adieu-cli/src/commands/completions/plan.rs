//! Where the script of a shell comes from.

use super::arguments::{Args, Shell};

/// The script that is printed.
pub(crate) enum Plan {
    /// Ours, which runs adieu at each Tab.
    Ours(&'static [u8]),
    /// clap's, which knows all the words beforehand.
    Claps(clap_complete::Shell),
}

impl Plan {
    pub(crate) fn new(args: &Args) -> Self {
        match args.shell {
            Shell::Bash => Self::Ours(include_bytes!("adieu.bash")),
            Shell::Zsh => Self::Ours(include_bytes!("adieu.zsh")),
            Shell::Fish => Self::Ours(include_bytes!("adieu.fish")),
            Shell::Elvish => Self::Claps(clap_complete::Shell::Elvish),
            Shell::Powershell => Self::Claps(clap_complete::Shell::PowerShell),
        }
    }
}
