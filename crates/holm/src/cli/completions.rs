//! `holm completions`.

use clap::Args;
use clap_complete::Shell;
use holm_engine::Result;

use holm_oci::output::answer;

/// Print completions for a shell
///
/// For bash: holm completions bash > ~/.local/share/bash-completion/completions/holm
#[derive(Debug, Args)]
pub(super) struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    pub(super) fn execute(&self) -> Result<u8> {
        let mut text = Vec::new();
        clap_complete::generate(self.shell, &mut crate::command(), "holm", &mut text);
        answer(String::from_utf8_lossy(&text))?;
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_shell_has_completions() {
        for shell in [clap_complete::Shell::Bash, clap_complete::Shell::Zsh, clap_complete::Shell::Fish] {
            let mut text = Vec::new();
            clap_complete::generate(shell, &mut crate::command(), "holm", &mut text);
            assert!(String::from_utf8(text).unwrap().contains("cap-add"), "{shell}");
        }
    }
}
