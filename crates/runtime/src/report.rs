//! Steps in words: to whoever watches, and in errors.

use std::time::Duration;

use holm_plan::{Phase, Step};

use crate::error::{Error, Failure, STATUS_FAILED, STATUS_NOT_EXECUTABLE};
use crate::hints;
use crate::observer::{Observer, StepReport};

/// Knows the steps of a plan, tells of those that were done, and explains the one that failed.
pub(crate) struct Narrator<'a> {
    phases: Vec<(Phase, &'a [Step])>,
    observer: &'a mut dyn Observer,
    facts: &'a holm_plan::HostFacts,
}

/// The command's own working directory is part of the command, as Docker has it: it cannot be executed there.
fn status_of(step: &Step) -> u8 {
    match step {
        Step::ChangeDirectory { .. } => STATUS_NOT_EXECUTABLE,
        _ => STATUS_FAILED,
    }
}

impl<'a> Narrator<'a> {
    /// Of these phases, in order.
    pub(crate) fn new(
        phases: Vec<(Phase, &'a [Step])>,
        facts: &'a holm_plan::HostFacts,
        observer: &'a mut dyn Observer,
    ) -> Self {
        Self { phases, observer, facts }
    }

    /// Whether anybody watches.
    pub(crate) fn watched(&self) -> bool {
        self.observer.watches()
    }

    /// A step was done.
    pub(crate) fn ran(&mut self, phase: Phase, index: usize, elapsed: Duration) {
        if !self.observer.watches() {
            return;
        }
        let Some(step) = self.step(phase, index) else { return };
        let text = step.to_string();
        let report = StepReport {
            phase,
            number: self.number(phase, index),
            total: self.total(),
            who: phase.who(),
            text: &text,
            elapsed,
        };
        self.observer.step(&report);
    }

    /// The error of a failure, with the step that it is of.
    pub(crate) fn explain(&self, failure: &Failure) -> Error {
        match failure {
            Failure::Step { phase, index, error } => {
                let Some(step) = self.step(*phase, *index) else {
                    return Error::new("cannot make the container").with_cause(&error.cause);
                };
                let (number, total) = (self.number(*phase, *index), self.total());
                let what = format!("cannot {step} (step {number} of {total}, {})", phase.place());
                let hint = error.hint.clone().or_else(|| hints::for_step(step, error.errno(), self.facts));
                Error::new(what).with_cause(&error.cause).with_some_hint(hint).with_status(status_of(step))
            }
            Failure::Command { status, error } => Error::new("cannot run the command")
                .with_cause(&error.cause)
                .with_some_hint(error.hint.clone())
                .with_status(*status),
            Failure::Hook { what, error } => Error::new(format!("cannot {what}"))
                .with_cause(&error.cause)
                .with_some_hint(error.hint.clone()),
            Failure::Other { what, error } => {
                let hint = error.hint.clone().or_else(|| hints::for_clone(error.errno()));
                Error::new(format!("cannot {what}"))
                    .with_cause(&error.cause)
                    .with_some_hint(hint)
                    .with_status(STATUS_FAILED)
            }
        }
    }

    fn step(&self, phase: Phase, index: usize) -> Option<&'a Step> {
        let (_, steps) = self.phases.iter().find(|(other, _)| *other == phase)?;
        steps.get(index)
    }

    fn number(&self, phase: Phase, index: usize) -> usize {
        let before = self.phases.iter().take_while(|(other, _)| *other != phase);
        before.map(|(_, steps)| steps.len()).sum::<usize>() + index + 1
    }

    fn total(&self) -> usize {
        self.phases.iter().map(|(_, steps)| steps.len()).sum()
    }
}
