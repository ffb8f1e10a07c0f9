//! The options about standard streams, which `run` and `exec` share.

use clap::Args;
use clap::builder::BoolishValueParser;
use holm_engine::options::Streams;

/// Standard streams.
#[derive(Debug, Args)]
pub(super) struct StreamArgs {
    /// Give the command a terminal of its own (a shell that is started from a terminal has one anyway)
    #[arg(short, long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          value_parser = BoolishValueParser::new())]
    tty: Option<bool>,

    /// Pass standard input on (done anyway, except with --tty alone)
    #[arg(short, long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          value_parser = BoolishValueParser::new())]
    interactive: Option<bool>,
}

impl StreamArgs {
    pub(super) fn to_streams(&self) -> Streams {
        Streams { terminal: self.tty, interactive: self.interactive }
    }
}
