//! pause, resume.

use clap::Args;
use holm_runtime::Result;

use super::Bench;

#[derive(Debug, Args)]
pub(super) struct Pause {
    /// The container
    id: String,
}

#[derive(Debug, Args)]
pub(super) struct Resume {
    /// The container
    id: String,
}

impl Pause {
    pub(super) fn execute(self, bench: &Bench<'_>) -> Result<u8> {
        holm_runtime::pause(&bench.root, &self.id).map(|()| 0)
    }
}

impl Resume {
    pub(super) fn execute(self, bench: &Bench<'_>) -> Result<u8> {
        holm_runtime::resume(&bench.root, &self.id).map(|()| 0)
    }
}
