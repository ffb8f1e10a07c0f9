//! What the steps of a plan are about, and walks over them.

use holm_plan::{Phase, Plan, RootSource, Slot, Step};

/// What a step works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    Cgroup,
    Namespace,
    Mount,
    Process,
    Hook,
}

/// A kind of step that is added later has to find its place here.
pub(crate) fn subject(step: &Step) -> Subject {
    match step {
        Step::CreateCgroup { .. }
        | Step::StartUnit { .. }
        | Step::SetLimits { .. }
        | Step::AllowDevices { .. }
        | Step::DelegateCgroup { .. }
        | Step::EnterCgroup
        | Step::MakeRdtGroup { .. }
        | Step::EnterRdtGroup
        | Step::RemoveRdtGroup
        | Step::RemoveCgroup => Subject::Cgroup,
        Step::JoinNamespace { .. }
        | Step::JoinProcess { .. }
        | Step::UnshareCgroup
        | Step::UnshareTime { .. }
        | Step::WriteIdMaps { .. }
        | Step::TakeIds { .. }
        | Step::SetHostname { .. }
        | Step::SetDomainname { .. }
        | Step::LoopbackUp
        | Step::MoveNetDevice { .. }
        | Step::WriteSysctl { .. } => Subject::Namespace,
        Step::TakeMount { .. }
        | Step::SeverMounts
        | Step::MakeRoot { .. }
        | Step::MountOverlay { .. }
        | Step::MountFilesystem { .. }
        | Step::AttachMount { .. }
        | Step::MakeDevice { .. }
        | Step::BindDevice { .. }
        | Step::MakeSymlink { .. }
        | Step::MakeDirectory { .. }
        | Step::OpenTerminal { .. }
        | Step::MaskPath { .. }
        | Step::ReadonlyPath { .. }
        | Step::ChangeMount { .. }
        | Step::Reconfigure { .. }
        | Step::EnterRoot { .. } => Subject::Mount,
        Step::RunHook { .. } => Subject::Hook,
        Step::NewKeyring
        | Step::LoadSeccomp { .. }
        | Step::NewSession { .. }
        | Step::GiveStreams { .. }
        | Step::SetRlimit { .. }
        | Step::NoNewPrivileges
        | Step::DropBounding { .. }
        | Step::SetIds { .. }
        | Step::SetCapabilities { .. }
        | Step::SetUmask { .. }
        | Step::ChangeDirectory { .. }
        | Step::SetOomScoreAdj { .. }
        | Step::SetScheduling { .. }
        | Step::SetIoPriority { .. }
        | Step::SetCpus { .. }
        | Step::SetPersonality { .. }
        | Step::SetMemoryPolicy { .. }
        | Step::SetLabel { .. }
        | Step::DieWithParent => Subject::Process,
    }
}

/// What undoes a step. All that has nothing here ends by itself, with the processes and namespaces that it is in.
pub(crate) fn undone_by(step: &Step) -> Option<Step> {
    match step {
        Step::CreateCgroup { .. } | Step::StartUnit { .. } => Some(Step::RemoveCgroup),
        Step::MakeRdtGroup { .. } => Some(Step::RemoveRdtGroup),
        _ => None,
    }
}

/// The steps that make a container, each with its phase, in the order in which they run.
pub(crate) fn making(plan: &Plan) -> Vec<(Phase, &Step)> {
    let phases = plan.phases().into_iter().filter(|(phase, _)| *phase != Phase::Undo);
    phases.flat_map(|(phase, steps)| steps.iter().map(move |step| (phase, step))).collect()
}

/// Where, among the steps that make a container, those are that `wanted` picks.
pub(crate) fn places(plan: &Plan, wanted: impl Fn(&Step) -> bool) -> Vec<usize> {
    let steps = making(plan);
    steps.iter().enumerate().filter(|(_, (_, step))| wanted(step)).map(|(place, _)| place).collect()
}

/// The mounts that a step puts into place.
pub(crate) fn uses(step: &Step) -> Vec<Slot> {
    match step {
        Step::AttachMount { slot, .. } | Step::MakeRoot { source: RootSource::Directory { slot }, .. } => {
            vec![*slot]
        }
        Step::MakeRoot { source: RootSource::TakenLayers { lower, .. }, .. } => lower.clone(),
        _ => Vec::new(),
    }
}
