//! A configuration, from its text to a plan.
#![no_main]

use std::path::Path;
use std::sync::LazyLock;

use holm_cgroups::Layout;
use holm_credentials::CapabilitySet;
use holm_namespaces::{Kind, Kinds};
use holm_plan::{CgroupFacts, HostFacts, LsmFacts};
use holm_spec::Spec;
use libfuzzer_sys::{Corpus, fuzz_target};

/// Root of a host that has everything.
static HOST: LazyLock<HostFacts> = LazyLock::new(|| HostFacts {
    euid: 0,
    egid: 0,
    permitted: CapabilitySet::all(),
    bounding: CapabilitySet::all(),
    known: CapabilitySet::all(),
    kinds: Kind::ALL.into_iter().collect(),
    joined_own: Kinds::default(),
    id_map_programs: true,
    groups_denied: false,
    kcore: true,
    lsm: LsmFacts { apparmor: true, selinux: true },
    resctrl: Some("/sys/fs/resctrl".into()),
    cgroups: CgroupFacts {
        layout: Layout::parse(b"30 22 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw", b"0::/own"),
        writable: true,
        delegated: true,
        beside: false,
        device_rules: true,
    },
});

fuzz_target!(|bytes: &[u8]| -> Corpus {
    let _ = holm_spec::read_process(bytes);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    let bundle = Path::new("/bundle");
    let Ok((config, _)) = holm_spec::read_config(file.path()) else { return Corpus::Reject };
    match Spec::check(&config, bundle) {
        Ok(spec) => {
            // The whole has no problem that no part has, but for those that parts have with each other.
            let plan = holm_plan::plan("id", &spec, &HOST, &holm_plan::Options::default());
            if let Ok(plan) = plan {
                let _ = (plan.to_string(), serde_json::to_string(&plan).unwrap());
            }
        }
        Err(error) => {
            // A text in what nobody reads need not be one; of verify it has to be.
            let Ok(problems) = holm_spec::problems(file.path(), bundle) else { return Corpus::Reject };
            let found = problems.iter().any(|problem| problem.to_string() == error.to_string());
            assert!(found, "verify does not find {error}");
        }
    }
    Corpus::Keep
});
