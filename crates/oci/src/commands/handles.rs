//! What goes between the caller and a process that is made, for create, run and exec.

use std::path::PathBuf;

use clap::Args;

#[derive(Debug, Args)]
pub(super) struct Handles {
    /// A socket that takes the terminal of the process
    #[arg(long, value_name = "PATH")]
    pub(super) console_socket: Option<PathBuf>,

    /// A file that gets the pid of the process
    #[arg(long, value_name = "PATH")]
    pub(super) pid_file: Option<PathBuf>,

    /// A socket that takes a pidfd of the process
    #[arg(long, value_name = "PATH")]
    pub(super) pidfd_socket: Option<PathBuf>,

    /// How many descriptors, from 3 on, the process gets
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(super) preserve_fds: u32,
}
