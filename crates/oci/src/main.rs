//! `holm-runtime`: the OCI runtime that engines call in place of runc.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    holm_oci::main(std::env::args_os())
}
