//! `holm init`: what PID 1 is in a container that another runtime made.

use clap::Args;
use holm_engine::Result;

/// Run a command as PID 1 of a container: pass signals on, take orphans in, hand the exit status on
#[derive(Debug, Args)]
pub(super) struct Init {
    /// The command and its arguments
    #[arg(required = true, trailing_var_arg = true)]
    command: Vec<String>,
}

impl Init {
    pub(super) fn execute(self) -> Result<u8> {
        match holm_runtime::init_main(self.command)? {}
    }
}
