//! Watching the steps as they run.

use std::time::Duration;

use holm_plan::{Phase, Who};

/// One step that was done.
#[derive(Debug, Clone)]
pub struct StepReport<'a> {
    /// Its phase.
    pub phase: Phase,
    /// Its number, from 1.
    pub number: usize,
    /// How many there are.
    pub total: usize,
    /// By whom it was done.
    pub who: Who,
    /// What it does, in words.
    pub text: &'a str,
    /// How long it took.
    pub elapsed: Duration,
}

/// Who wants to hear of the steps.
pub trait Observer {
    /// Whether reports are wanted at all; without, nothing is measured and nothing sent.
    fn watches(&self) -> bool {
        true
    }

    /// A step was done.
    fn step(&mut self, report: &StepReport<'_>);

    /// Something that the user should know, though nothing failed.
    fn note(&mut self, text: &str);
}

/// Nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Observer for Silent {
    fn watches(&self) -> bool {
        false
    }

    fn step(&mut self, _report: &StepReport<'_>) {}

    fn note(&mut self, _text: &str) {}
}
