//! Which kernel parameters belong to a namespace.

use holm_namespaces::Kind;

const IPC: [&str; 8] = [
    "kernel.msgmax",
    "kernel.msgmnb",
    "kernel.msgmni",
    "kernel.sem",
    "kernel.shmall",
    "kernel.shmmax",
    "kernel.shmmni",
    "kernel.shm_rmid_forced",
];

/// The kind of namespace that the kernel parameter `name` (with dots, as sysctl(8) has it) belongs to; `None` for one of
/// the whole machine. `kernel.hostname` has none either: it is `hostname` of the configuration.
pub fn sysctl_namespace(name: &str) -> Option<Kind> {
    match name {
        _ if IPC.contains(&name) || name.starts_with("fs.mqueue.") => Some(Kind::Ipc),
        _ if name.starts_with("net.") => Some(Kind::Network),
        "kernel.domainname" => Some(Kind::Uts),
        _ => None,
    }
}
