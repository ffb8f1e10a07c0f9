//! What is hidden and what is read-only of /proc and /sys, as Docker has it.

use crate::options::{SecurityOption, SecurityOptions, Unmask};

const MASKED: [&str; 12] = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
];

const READONLY: [&str; 5] = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/// What is hidden.
pub(super) fn masked(options: &SecurityOptions) -> Vec<String> {
    let mut paths = remaining(&MASKED, options);
    for option in &options.options {
        if let SecurityOption::Mask(more) = option {
            paths.extend(more.iter().cloned());
        }
    }
    paths
}

/// What is read-only.
pub(super) fn readonly(options: &SecurityOptions) -> Vec<String> {
    remaining(&READONLY, options)
}

fn remaining(paths: &[&str], options: &SecurityOptions) -> Vec<String> {
    let unmasked = |path: &str| {
        options.options.iter().any(|option| match option {
            SecurityOption::Unmask(Unmask::All) => true,
            SecurityOption::Unmask(Unmask::Paths(unmasked)) => unmasked.iter().any(|other| other == path),
            SecurityOption::Mask(_) | SecurityOption::NoNewPrivileges(_) => false,
        })
    };
    let kept = paths.iter().filter(|path| !options.privileged && !unmasked(path));
    kept.map(|path| (*path).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(words: &[&str]) -> SecurityOptions {
        SecurityOptions {
            options: words.iter().map(|word| word.parse().unwrap()).collect(),
            ..SecurityOptions::default()
        }
    }

    #[test]
    fn what_is_hidden_can_be_shown_one_by_one_or_all_together() {
        assert!(masked(&options(&[])).contains(&"/proc/kcore".to_owned()));
        assert!(!masked(&options(&["unmask=/proc/kcore"])).contains(&"/proc/kcore".to_owned()));
        assert!(masked(&options(&["unmask=all"])).is_empty());
        assert!(readonly(&options(&["systempaths=unconfined"])).is_empty());
        assert_eq!(masked(&options(&["unmask=all", "mask=/a"])), ["/a"]);
    }

    #[test]
    fn privileged_hides_nothing() {
        let options = SecurityOptions { privileged: true, ..SecurityOptions::default() };
        assert!(masked(&options).is_empty() && readonly(&options).is_empty());
    }
}
