//! The options about a process, which `run` and `exec` share.

use std::path::PathBuf;

use clap::Args;
use holm_engine::Result;
use holm_engine::options::{UserSpec, Variable, read_env_file};

/// Who a process is, where it starts, and its environment.
#[derive(Debug, Args)]
pub(super) struct ProcessArgs {
    /// Run as this user, by names or ids of the container
    #[arg(short, long, value_name = "USER[:GROUP]")]
    pub(super) user: Option<UserSpec>,

    /// Start in this directory
    #[arg(short, long, value_name = "PATH")]
    pub(super) workdir: Option<PathBuf>,

    /// Set a variable of the environment, or copy one; NAME* copies all that begin so
    #[arg(short, long = "env", value_name = "NAME[=VALUE]")]
    env: Vec<Variable>,

    /// Set the variables in this file, one on a line
    #[arg(long, value_name = "FILE")]
    env_file: Vec<PathBuf>,
}

impl ProcessArgs {
    /// The variables that were said: one said by itself wins over one in a file.
    ///
    /// # Errors
    ///
    /// When a file cannot be read, or has something else in it.
    pub(super) fn take_environment(&mut self) -> Result<Vec<Variable>> {
        let mut environment = Vec::new();
        for path in &self.env_file {
            environment.extend(read_env_file(path)?);
        }
        environment.append(&mut self.env);
        Ok(environment)
    }
}
