//! What is hidden and what is read-only of /proc and /sys, as Docker has it.

use crate::options::{SecurityOption, SecurityOptions, Unmask};
use crate::{Error, Result};

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

/// Checks that each path that is to be shown is one that is hidden: a misspelt one would say nothing.
///
/// # Errors
///
/// With the first that is not.
pub(super) fn check(options: &SecurityOptions) -> Result<()> {
    let said = options.options.iter().filter_map(|option| match option {
        SecurityOption::Unmask(Unmask::Paths(paths)) => Some(paths),
        SecurityOption::Unmask(Unmask::All)
        | SecurityOption::Mask(_)
        | SecurityOption::NoNewPrivileges(_)
        | SecurityOption::Seccomp(_)
        | SecurityOption::Unconfined => None,
    });
    let hidden = |pattern: &str| MASKED.iter().chain(&READONLY).any(|path| matches(pattern, path));
    match said.flatten().find(|pattern| !hidden(pattern)) {
        Some(pattern) => Err(Error::new(format!("--security-opt unmask={pattern} shows nothing"))
            .with_cause("no path that is hidden or read-only is called so")
            .with_hint(format!("these are: {} {}", MASKED.join(" "), READONLY.join(" ")))),
        None => Ok(()),
    }
}

/// Whether `path` is one that `pattern` means: `*` stands for any text without a slash, `?` for one character of it.
fn matches(pattern: &str, path: &str) -> bool {
    let (mut rest, mut further) = (pattern.chars(), path.chars());
    match (rest.next(), further.next()) {
        (None, None) => true,
        (Some('*'), first) => {
            matches(rest.as_str(), path)
                || first.is_some_and(|first| first != '/' && matches(pattern, further.as_str()))
        }
        (Some(wanted), Some(first)) if wanted == first || wanted == '?' && first != '/' => {
            matches(rest.as_str(), further.as_str())
        }
        _ => false,
    }
}

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
            SecurityOption::Unmask(Unmask::Paths(unmasked)) => {
                unmasked.iter().any(|other| matches(other, path))
            }
            SecurityOption::Mask(_)
            | SecurityOption::NoNewPrivileges(_)
            | SecurityOption::Seccomp(_)
            | SecurityOption::Unconfined => false,
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
    fn a_pattern_shows_what_it_matches() {
        let options = options(&["unmask=/proc/*"]);
        assert_eq!(masked(&options), ["/sys/devices/virtual/powercap", "/sys/firmware"]);
        assert!(readonly(&options).is_empty() && check(&options).is_ok());
        assert!(matches("/proc/timer_*", "/proc/timer_list") && matches("/proc/kc?re", "/proc/kcore"));
        assert!(!matches("/*", "/proc/kcore") && !matches("/proc/k", "/proc/kcore"));
    }

    #[test]
    fn a_path_that_is_not_hidden_cannot_be_shown() {
        assert!(check(&options(&["unmask=/proc/cpuinfo"])).is_err());
        assert!(check(&options(&["unmask=/proc/kcore:/prok/*"])).is_err());
        assert!(check(&options(&["unmask=all", "mask=/a"])).is_ok());
    }

    #[test]
    fn privileged_hides_nothing() {
        let options = SecurityOptions { privileged: true, ..SecurityOptions::default() };
        assert!(masked(&options).is_empty() && readonly(&options).is_empty());
    }
}
