//! `holm stop`.

use std::time::Duration;

use clap::Args;
use holm_engine::options::{ContainerName, SignalNumber};
use holm_engine::{Engine, Result};

use holm_oci::output::print_error;

/// End containers
///
/// Each is sent its stop signal, and killed when it has not ended in time. The command comes back when they are gone.
#[derive(Debug, Args)]
pub(super) struct Stop {
    /// How long to wait before killing, in seconds [default: what the container was run with, or 10]
    #[arg(short, long = "time", visible_alias = "timeout", value_name = "SECONDS")]
    time: Option<u32>,

    /// The signal [default: what the container was run with, or that of its image, or TERM]
    #[arg(short, long, value_name = "SIGNAL")]
    signal: Option<SignalNumber>,

    /// The containers
    #[arg(required = true, value_name = "NAME")]
    names: Vec<ContainerName>,
}

impl Stop {
    /// All are tried; what fails last is the answer, what fails before is told.
    pub(super) fn execute(&self) -> Result<u8> {
        let engine = Engine::open()?;
        let timeout = self.time.map(|seconds| Duration::from_secs(seconds.into()));
        let mut last = Ok(());
        for name in &self.names {
            let result = engine.stop(name, self.signal, timeout);
            if let (Err(earlier), Err(_)) = (&last, &result) {
                print_error(earlier);
            }
            last = if result.is_err() { result } else { last };
        }
        last.map(|()| 0)
    }
}
