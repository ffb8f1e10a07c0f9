//! `holm-peak PROGRAM ARGUMENT...` runs a program and prints how much memory it, or a process that it waited for, had at most,
//! in KiB (getrusage(2)). It is small itself, as the kernel counts what a process had before its exec too.
#![forbid(unsafe_code)]

use std::process::{Command, ExitCode, Stdio};

use nix::sys::resource::{UsageWho, getrusage};

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let Some(program) = arguments.next() else {
        eprintln!("usage: holm-peak PROGRAM ARGUMENT...");
        return ExitCode::FAILURE;
    };
    let status = Command::new(program).args(arguments).stdin(Stdio::null()).status();
    match (status, getrusage(UsageWho::RUSAGE_CHILDREN)) {
        (Ok(status), Ok(usage)) if status.success() => {
            println!("{}", usage.max_rss());
            ExitCode::SUCCESS
        }
        failed => {
            eprintln!("error: {failed:?}");
            ExitCode::FAILURE
        }
    }
}
