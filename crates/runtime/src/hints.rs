//! What to do about a failure, by the step and what the kernel said.

use holm_plan::{HostFacts, Step};
use holm_sys::Errno;

/// The hint for a step that has none of its own.
pub(crate) fn for_step(step: &Step, errno: Option<Errno>, facts: &HostFacts) -> Option<String> {
    match (step, errno?) {
        (Step::MountFilesystem { fstype, .. }, Errno::PERM) if fstype == "proc" => Some(
            "a user namespace may mount a fresh /proc only in a PID namespace of its own, and only while no part of the \
             outer /proc is hidden under another mount: run with --pid host, or unmask /proc outside"
                .into(),
        ),
        (Step::MountFilesystem { fstype, .. }, Errno::PERM) if fstype == "sysfs" => Some(
            "a user namespace may mount a fresh /sys only in a network namespace of its own, and only while the outer \
             /sys is whole: bind the host's /sys read-only instead"
                .into(),
        ),
        (Step::MountFilesystem { fstype, .. }, Errno::NODEV) => {
            Some(format!("this kernel has no file system {fstype}: load its module, or leave the mount out"))
        }
        (Step::MountFilesystem { options, .. }, Errno::INVAL) if !options.is_empty() => {
            Some("the file system refuses one of its options, or a value; dmesg may say which".into())
        }
        (Step::TakeMount { path, .. }, Errno::NOENT) => Some(format!("{} does not exist on this host", path.display())),
        (Step::TakeMount { path, recursive: false, .. }, Errno::INVAL) => Some(format!(
            "mounts below {} are locked together in a user namespace: take them along with rbind",
            path.display()
        )),
        (Step::WriteIdMaps { .. }, Errno::PERM) => Some(if facts.euid == 0 {
            "the outer user namespace does not have all of these ids".into()
        } else {
            "an ordinary user may map the own id alone, and more through newuidmap with ranges in /etc/subuid".into()
        }),
        (Step::MoveNetDevice { device, .. }, Errno::INVAL) => Some(format!(
            "{device} belongs to its network namespace for good, as lo and some virtual devices do: link another one to it \
             (macvlan, veth), and move that"
        )),
        (Step::WriteSysctl { path, .. }, Errno::NOENT) => {
            Some(format!("this kernel has no parameter /proc/sys/{}", path.display()))
        }
        (Step::JoinNamespace { .. }, Errno::PERM) => Some(
            "joining takes CAP_SYS_ADMIN in the user namespace that owns it: join that user namespace as well".into(),
        ),
        (_, Errno::NOSPC) => Some("there is no space left: free some, or raise --size".into()),
        _ => None,
    }
}

/// The hint for a clone that failed.
pub(crate) fn for_clone(errno: Option<Errno>) -> Option<String> {
    match errno? {
        Errno::PERM => Some(
            "making namespaces takes CAP_SYS_ADMIN, or a user namespace; where those are closed to ordinary users, see \
             sysctl kernel.unprivileged_userns_clone and kernel.apparmor_restrict_unprivileged_userns"
                .into(),
        ),
        Errno::NOSPC | Errno::USERS => Some("a limit of /proc/sys/user/max_*_namespaces is reached: raise it".into()),
        Errno::AGAIN => Some("the limit of processes is reached (ulimit -u, pids.max of the cgroup)".into()),
        Errno::INVAL => Some("this kernel lacks one of these kinds of namespaces".into()),
        _ => None,
    }
}
