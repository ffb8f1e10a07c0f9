//! events.

use std::io::Write;
use std::time::Duration;

use clap::Args;
use holm_runtime::{Event, Result};
use serde::Serialize;

use super::{Bench, compact};
use crate::output::answer;

#[derive(Debug, Args)]
pub(super) struct Events {
    /// Print what the container uses now, and end
    #[arg(long)]
    stats: bool,

    /// How often what it uses is printed
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = interval)]
    interval: Duration,

    /// The container
    id: String,
}

/// An event as runc prints it, one on a line.
#[derive(Serialize)]
struct Shown<'a> {
    r#type: &'a str,
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a holm_cgroups::Stats>,
}

impl Events {
    pub(super) fn execute(self, bench: &Bench<'_>) -> Result<u8> {
        if self.stats {
            let stats = holm_runtime::stats(&bench.root, &self.id)?;
            answer(self.line(&Event::Stats(Box::new(stats)))?)?;
            return Ok(0);
        }
        let mut failure = None;
        let mut tell = |event: Event| match self.line(&event) {
            // When nobody reads on, there is nobody to tell.
            Ok(line) => std::io::stdout().lock().write_all(line.as_bytes()).is_ok(),
            Err(error) => {
                failure = Some(error);
                false
            }
        };
        holm_runtime::events(&bench.root, &self.id, self.interval, &mut tell)?;
        failure.map_or(Ok(0), Err)
    }

    fn line(&self, event: &Event) -> Result<String> {
        let (kind, data) = match event {
            Event::Stats(stats) => ("stats", Some(&**stats)),
            Event::Oom => ("oom", None),
        };
        compact(&Shown { r#type: kind, id: &self.id, data })
    }
}

fn interval(text: &str) -> std::result::Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(time) if !time.is_zero() => Ok(time),
        Ok(_) => Err("it must be longer than 0".into()),
        Err(error) => Err(format!("{error}; a time is as in 5s or 100ms")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_runc_reads_them() {
        assert_eq!(interval("5s"), Ok(Duration::from_secs(5)));
        assert_eq!(interval("1m30s"), Ok(Duration::from_secs(90)));
        assert_eq!(interval("100ms"), Ok(Duration::from_millis(100)));
        assert!(interval("0s").is_err() && interval("soon").is_err());
    }
}
