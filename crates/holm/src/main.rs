//! `holm`: containers out of Linux namespaces.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    holm::main(std::env::args_os())
}
