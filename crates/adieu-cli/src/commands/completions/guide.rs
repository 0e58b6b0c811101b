//! What `adieu completions` says of itself beside its options.

use crate::exit::OF_PRINTING;
use crate::guide::{Example, Guide, Named};

pub(crate) const GUIDE: Guide = Guide {
    command: "completions",
    purpose: "print a completion script for a shell",
    usage: &["completions SHELL"],
    common: &[("shell", "bash, zsh, fish, elvish or powershell")],
    examples: &[
        Example {
            line: "adieu completions bash > ~/.local/share/bash-completion/completions/adieu",
            does: "For bash",
        },
        Example { line: "adieu completions zsh > ~/.zfunc/_adieu", does: "For zsh, with ~/.zfunc in $fpath" },
        Example { line: "adieu completions fish > ~/.config/fish/completions/adieu.fish", does: "For fish" },
    ],
    statuses: OF_PRINTING,
    variables: &[Named {
        name: "ADIEU_COMPLETE",
        text: "Set by the scripts for bash, zsh and fish, which ask adieu what can stand at the cursor.",
    }],
    files: &[],
    see_also: &["man"],
};
