//! What is made from the definition of the command line.

use std::path::Path;

use clap_complete::{Shell, generate_to};

use crate::Result;

/// Both programs, by their names.
fn programs() -> [(&'static str, clap::Command); 2] {
    [("holm", holm::command()), ("holm-runtime", holm_oci::command())]
}

/// Writes `holm.1` and `holm-runtime.1`, and a page for each command that is not hidden: `holm-run.1`,
/// `holm-oci-create.1`, `holm-runtime-create.1`.
pub(crate) fn man(directory: &Path) -> Result<()> {
    std::fs::create_dir_all(directory)?;
    for (_, command) in programs() {
        clap_mangen::generate_to(command, directory)?;
    }
    Ok(())
}

/// Writes a file of each program for each shell that clap knows.
pub(crate) fn completions(directory: &Path) -> Result<()> {
    std::fs::create_dir_all(directory)?;
    for shell in [Shell::Bash, Shell::Elvish, Shell::Fish, Shell::PowerShell, Shell::Zsh] {
        for (name, mut command) in programs() {
            generate_to(shell, &mut command, name, directory)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_that_is_shown_has_a_page() {
        let directory = tempfile::tempdir().unwrap();
        man(directory.path()).unwrap();
        let mut pages: Vec<String> = std::fs::read_dir(directory.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        pages.sort_unstable();
        for page in ["holm.1", "holm-run.1", "holm-oci-create.1", "holm-runtime.1", "holm-runtime-exec.1"] {
            assert!(pages.contains(&page.to_owned()), "{pages:?}");
        }
        let run = std::fs::read_to_string(directory.path().join("holm-run.1")).unwrap();
        assert!(run.contains("holm\\-run") && run.contains("cap\\-add"), "{run}");
    }

    #[test]
    fn every_shell_has_a_file() {
        let directory = tempfile::tempdir().unwrap();
        completions(directory.path()).unwrap();
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 10);
    }
}
