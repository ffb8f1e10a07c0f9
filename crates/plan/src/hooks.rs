//! The programs that the configuration has run at points of the container's life.

use holm_spec::{Hook, HookKind, Hooks};

use crate::{Plan, Step};

/// Puts each where the runtime-spec has it ("Lifecycle"): before the root is entered the parent's and then the child's,
/// which may still mount into it, so that what is made read-only and what is hidden comes after them; at the start those
/// in the container; when the command runs, and when the container is gone, the others.
pub(crate) fn decide(hooks: &Hooks, plan: &mut Plan) {
    plan.hooks = steps(HookKind::Prestart, &hooks.prestart);
    plan.hooks.extend(steps(HookKind::CreateRuntime, &hooks.create_runtime));
    plan.enter.splice(..0, steps(HookKind::CreateContainer, &hooks.create_container));
    plan.start = steps(HookKind::StartContainer, &hooks.start_container);
    plan.started = steps(HookKind::Poststart, &hooks.poststart);
    plan.undo.extend(steps(HookKind::Poststop, &hooks.poststop));
}

fn steps(kind: HookKind, hooks: &[Hook]) -> Vec<Step> {
    hooks.iter().map(|hook| Step::RunHook { kind, hook: hook.clone() }).collect()
}
