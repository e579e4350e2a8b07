//! `growctl completions SHELL`: what a shell reads when it starts, so that it completes names of the site.

use std::process::ExitCode;

use clap::Args;
use clap_complete::Shell;

use crate::complete;

/// Arguments of `completions`.
#[derive(Debug, Args)]
#[command(after_help = "Read it when the shell starts, so that it belongs to the growctl that runs:\n  \
    bash        echo 'source <(growctl completions bash)' >> ~/.bashrc\n  \
    zsh         echo 'source <(growctl completions zsh)' >> ~/.zshrc          (after compinit)\n  \
    fish        echo 'growctl completions fish | source' > ~/.config/fish/completions/growctl.fish\n  \
    elvish      echo 'eval (growctl completions elvish | slurp)' >> ~/.config/elvish/rc.elv\n  \
    powershell  echo 'growctl completions powershell | Out-String | Invoke-Expression' >> $PROFILE\n\n\
    Rules, channels, nodes and devices are those of the -C folder of the line, else of the folder where you are.\n\
    Exit codes: 0 fine, 2 the call is wrong.")]
pub(crate) struct Completions {
    /// The shell.
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(self) -> ExitCode {
        match complete::script(&self.shell.to_string()) {
            Some(script) => {
                super::line(script.trim_end());
                ExitCode::SUCCESS
            }
            None => super::fail(1, &format!("there is no script for {}", self.shell)),
        }
    }
}
