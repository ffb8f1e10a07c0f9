//! The filter of system calls of a container: a profile that depends on what the container may do and on the machine, as
//! Docker's do, becomes the section of a configuration.
//!
//! The built-in one (`seccomp/default.json`) has the same effect as Docker's default.

use std::collections::HashSet;
use std::path::Path;

use oci_spec::runtime::{
    Arch, Capability, LinuxSeccomp, LinuxSeccompAction, LinuxSeccompArg, LinuxSeccompFilterFlag,
    LinuxSyscall, LinuxSyscallBuilder,
};
use serde::Deserialize;

use crate::options::{SeccompChoice, SecurityOption, SecurityOptions};
use crate::{Because, Error, Result};

const BUILT_IN: &str = include_str!("seccomp/default.json");

/// A profile, in Docker's form, which has that of the OCI configuration in it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Profile {
    default_action: LinuxSeccompAction,
    default_errno_ret: Option<u32>,
    architectures: Option<Vec<Arch>>,
    arch_map: Option<Vec<ArchEntry>>,
    flags: Option<Vec<LinuxSeccompFilterFlag>>,
    listener_path: Option<std::path::PathBuf>,
    listener_metadata: Option<String>,
    syscalls: Option<Vec<Entry>>,
}

/// An architecture, and what its machines run besides. Those that this version does not know are no machine of its.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ArchEntry {
    architecture: String,
    sub_architectures: Option<Vec<String>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    name: Option<String>,
    names: Option<Vec<String>>,
    action: LinuxSeccompAction,
    errno_ret: Option<u32>,
    args: Option<Vec<LinuxSeccompArg>>,
    includes: Option<Terms>,
    excludes: Option<Terms>,
}

/// When an entry counts, or does not.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Terms {
    caps: Option<Vec<String>>,
    arches: Option<Vec<String>>,
    min_kernel: Option<String>,
}

/// What a profile depends on.
#[derive(Debug, Clone)]
pub(crate) struct Situation {
    /// The bounding set of the container, as `CAP_*`.
    pub(crate) capabilities: HashSet<String>,
    /// The version of the kernel.
    pub(crate) kernel: (u32, u32),
    /// The architecture, in the words of Docker's profiles and of the specification.
    pub(crate) arch: (&'static str, &'static str),
}

impl Situation {
    /// On this machine, for a container with this bounding set.
    pub(crate) fn here(bounding: &HashSet<Capability>) -> Self {
        let arch = match std::env::consts::ARCH {
            "x86_64" => ("amd64", "SCMP_ARCH_X86_64"),
            "aarch64" => ("arm64", "SCMP_ARCH_AARCH64"),
            _ => ("", "SCMP_ARCH_NATIVE"),
        };
        let release = rustix::system::uname().release().to_string_lossy().into_owned();
        let name = |one: &Capability| serde_json::to_value(one).ok()?.as_str().map(str::to_owned);
        let capabilities = bounding.iter().filter_map(name).collect();
        // A release that cannot be read is not newer than anything.
        Self { capabilities, kernel: version(&release).unwrap_or_default(), arch }
    }
}

/// The profile that was asked for: none for a container that is not confined.
///
/// # Errors
///
/// When a file cannot be read, or is no profile.
pub(crate) fn choose(options: &SecurityOptions) -> Result<Option<Profile>> {
    let said = options.options.iter().rev().find_map(|option| match option {
        SecurityOption::Seccomp(choice) => Some(choice),
        _ => None,
    });
    match said {
        Some(SeccompChoice::Unconfined) => Ok(None),
        Some(SeccompChoice::File(path)) => read(path).map(Some),
        None if options.privileged => Ok(None),
        Some(SeccompChoice::BuiltIn) | None => built_in().map(Some),
    }
}

fn built_in() -> Result<Profile> {
    serde_json::from_str(BUILT_IN).because(|| "cannot read the built-in seccomp profile")
}

fn read(path: &Path) -> Result<Profile> {
    let failed = || format!("cannot take the seccomp profile {}", path.display());
    let text = holm_spec::read_text(path).because(failed)?;
    serde_json::from_slice(&text).because(failed)
}

impl Profile {
    /// The section of the configuration.
    ///
    /// # Errors
    ///
    /// When the profile contradicts itself.
    pub(crate) fn section(&self, situation: &Situation) -> Result<LinuxSeccomp> {
        let mut section = LinuxSeccomp::default();
        section.set_default_action(self.default_action).set_default_errno_ret(self.default_errno_ret);
        section.set_architectures(self.architectures(situation)?);
        section.set_flags(self.flags.clone());
        section.set_listener_path(self.listener_path.clone());
        section.set_listener_metadata(self.listener_metadata.clone());
        let entries = self.syscalls.iter().flatten();
        let entries = entries.filter(|entry| entry.counts(situation)).map(Entry::rule);
        section.set_syscalls(Some(entries.collect::<Result<_>>()?));
        Ok(section)
    }

    fn architectures(&self, situation: &Situation) -> Result<Option<Vec<Arch>>> {
        let own = |entry: &&ArchEntry| entry.architecture == situation.arch.1;
        match (&self.architectures, &self.arch_map) {
            (Some(list), Some(map)) if !list.is_empty() && !map.is_empty() => {
                Err(contradiction("it has both architectures and archMap"))
            }
            (_, Some(map)) => Ok(map.iter().find(own).map(|entry| {
                let subs = entry.sub_architectures.iter().flatten();
                let all = [&entry.architecture].into_iter().chain(subs);
                all.filter_map(|word| word.parse().ok()).collect()
            })),
            (list, None) => Ok(list.clone().filter(|list| !list.is_empty())),
        }
    }
}

fn contradiction(cause: &str) -> Error {
    Error::new("cannot take the seccomp profile").with_cause(cause.to_owned())
}

impl Entry {
    fn counts(&self, situation: &Situation) -> bool {
        let has = |capability: &String| situation.capabilities.contains(capability);
        let is_arch = |arch: &String| arch == situation.arch.0;
        let is_new = |terms: &Terms| {
            terms
                .min_kernel
                .as_deref()
                .map(|text| version(text).is_some_and(|wanted| situation.kernel >= wanted))
        };
        let included = self.includes.as_ref().is_none_or(|terms| {
            terms.caps.iter().flatten().all(has)
                && terms.arches.as_ref().is_none_or(|arches| arches.is_empty() || arches.iter().any(is_arch))
                && is_new(terms).unwrap_or(true)
        });
        let excluded = self.excludes.as_ref().is_some_and(|terms| {
            terms.caps.iter().flatten().any(has)
                || terms.arches.iter().flatten().any(is_arch)
                || is_new(terms).unwrap_or(false)
        });
        included && !excluded
    }

    fn rule(&self) -> Result<LinuxSyscall> {
        let names = match (&self.name, &self.names) {
            (Some(name), None) => vec![name.clone()],
            (Some(name), Some(names)) if names.is_empty() => vec![name.clone()],
            (Some(_), Some(_)) => return Err(contradiction("an entry of it has both name and names")),
            (None, names) => names.clone().unwrap_or_default(),
        };
        let rule = LinuxSyscallBuilder::default().names(names).action(self.action);
        let mut rule = rule.build().because(|| "cannot take the seccomp profile")?;
        rule.set_errno_ret(self.errno_ret);
        rule.set_args(self.args.clone().filter(|args| !args.is_empty()));
        Ok(rule)
    }
}

/// The first two numbers of a release.
fn version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn situation(capabilities: &[&str]) -> Situation {
        Situation {
            capabilities: capabilities.iter().map(|name| (*name).to_owned()).collect(),
            kernel: (6, 1),
            arch: ("amd64", "SCMP_ARCH_X86_64"),
        }
    }

    /// What becomes of a call without arguments.
    fn rules(section: &LinuxSeccomp, name: &str) -> Vec<(LinuxSeccompAction, Option<u32>, bool)> {
        let rules = section.syscalls().iter().flatten();
        let rules = rules.filter(|rule| rule.names().iter().any(|other| other == name));
        rules.map(|rule| (rule.action(), rule.errno_ret(), rule.args().is_some())).collect()
    }

    #[test]
    fn the_built_in_one_depends_on_capabilities() {
        const ALLOW: LinuxSeccompAction = LinuxSeccompAction::ScmpActAllow;
        let profile = built_in().unwrap();
        let less = profile.section(&situation(&["CAP_CHOWN"])).unwrap();
        assert_eq!(rules(&less, "read"), [(ALLOW, None, false)]);
        assert_eq!(rules(&less, "clone"), [(ALLOW, None, true)]);
        assert_eq!(rules(&less, "clone3"), [(LinuxSeccompAction::ScmpActErrno, Some(38), false)]);
        assert_eq!(rules(&less, "socket"), [(ALLOW, None, true)]);
        for name in ["mount", "unshare", "setns", "bpf", "keyctl", "io_uring_setup", "kexec_load", "chroot"] {
            assert_eq!(rules(&less, name), [], "{name}");
        }
        let more = profile.section(&situation(&["CAP_SYS_ADMIN", "CAP_SYS_CHROOT"])).unwrap();
        for name in ["mount", "unshare", "clone", "clone3", "chroot"] {
            assert_eq!(rules(&more, name), [(ALLOW, None, false)], "{name}");
        }
        assert_eq!(less.architectures().as_ref().map(Vec::len), Some(3));
    }

    #[test]
    fn each_name_of_the_built_in_one_is_a_system_call() {
        let profile = built_in().unwrap();
        let names = profile.syscalls.iter().flatten().flat_map(|entry| entry.names.iter().flatten());
        for name in names {
            // Of one ABI that is none of this version's.
            assert!(holm_seccomp::is_known(name) || name == "sync_file_range2", "{name}");
        }
    }

    #[test]
    fn it_is_taken_and_compiled() {
        let section = built_in().unwrap().section(&situation(&[])).unwrap();
        let mut linux = oci_spec::runtime::Linux::default();
        linux.set_seccomp(Some(section)).set_namespaces(None).set_resources(None);
        let mut spec = oci_spec::runtime::Spec::default();
        spec.set_linux(Some(linux)).set_process(None).set_hostname(None).set_mounts(None);
        let spec = holm_spec::Spec::check(&spec, Path::new("/b")).unwrap();
        let profile = spec.linux.seccomp.unwrap().profile;
        let program = holm_seccomp::compile(&profile, holm_seccomp::Arch::X86_64).unwrap();
        assert!(program.instructions().len() < 1000, "{}", program.instructions().len());
    }

    #[test]
    fn kernels_and_architectures_are_compared() {
        let read = |text: &str| serde_json::from_str::<Profile>(text).unwrap();
        let with = |terms: &str| {
            let text = format!(
                r#"{{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{{"name": "ptrace", "action": "SCMP_ACT_ALLOW", {terms}}}]}}"#
            );
            !rules(&read(&text).section(&situation(&["CAP_KILL"])).unwrap(), "ptrace").is_empty()
        };
        for (terms, expected) in [
            (r#""includes": {"minKernel": "4.8"}"#, true),
            (r#""includes": {"minKernel": "6.2"}"#, false),
            (r#""excludes": {"minKernel": "4.8"}"#, false),
            (r#""includes": {"arches": ["arm64"]}"#, false),
            (r#""includes": {"arches": ["arm64", "amd64"]}"#, true),
            (r#""excludes": {"arches": ["amd64"]}"#, false),
            (r#""includes": {"caps": ["CAP_KILL", "CAP_CHOWN"]}"#, false),
            (r#""excludes": {"caps": ["CAP_KILL", "CAP_CHOWN"]}"#, false),
            (r#""includes": {}, "excludes": {}"#, true),
        ] {
            assert_eq!(with(terms), expected, "{terms}");
        }
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        for text in [
            r#"{"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86"], "archMap": [{"architecture": "SCMP_ARCH_X86_64"}]}"#,
            r#"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"name": "a", "names": ["b"], "action": "SCMP_ACT_TRAP"}]}"#,
        ] {
            let profile: Profile = serde_json::from_str(text).unwrap();
            assert!(profile.section(&situation(&[])).is_err(), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_release_panics(text in "\\PC*") {
            let _ = version(&text);
        }
    }
}
