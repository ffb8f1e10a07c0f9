//! Resource limits and kernel parameters.

use holm_tests::{Ground, own_runtime};

#[test]
fn a_ulimit_is_seen_by_the_command() {
    Ground::each(|ground| {
        let options = ["--ulimit", "nofile=100:200", "--ulimit", "core=0", "--ulimit", "cpu=77"];
        let out = ground.sh(&options, "ulimit -Sn; ulimit -Hn; ulimit -c; ulimit -t").finish().ok();
        assert_eq!(out.split_whitespace().collect::<Vec<_>>(), ["100", "200", "0", "77"]);
    });
}

#[test]
fn a_command_may_have_no_descriptors_at_all() {
    if !own_runtime("a limit below what the runtime takes itself") {
        return;
    }
    Ground::each(|ground| {
        for init in ["--init", "--no-init"] {
            // A static program; it opens nothing.
            let run = ground.sh(&[init, "--ulimit", "nofile=0:0"], "echo ran").finish();
            assert_eq!(run.ok(), "ran", "{init}");
        }
    });
}

#[test]
fn a_ulimit_that_cannot_be_had_is_told() {
    let ground = Ground::ordinary();
    for bad in ["nofile=200:100", "nofile", "nofile=x", "nosuch=1"] {
        ground.sh(&["--ulimit", bad], "true").finish().fails(125).mentions("--ulimit");
    }
    // The hard limit of an ordinary user's process cannot be raised.
    let told = ground.sh(&["--ulimit", "nofile=1000000000"], "true").finish().fails(125);
    if own_runtime("the text of the error") {
        told.mentions("RLIMIT_NOFILE").helps();
    }
}

#[test]
fn kernel_parameters_of_the_container_s_namespaces_are_set() {
    Ground::each(|ground| {
        let before = std::fs::read_to_string("/proc/sys/net/ipv4/ip_forward").unwrap();
        let options = [
            "--sysctl",
            "net.ipv4.ip_forward=1",
            "--sysctl",
            "kernel.msgmax=4000",
            "--sysctl",
            "net.ipv4.ping_group_range=0 0",
        ];
        let script = "cd /proc/sys; cat net/ipv4/ip_forward kernel/msgmax net/ipv4/ping_group_range";
        let out = ground.sh(&options, script).finish().ok();
        assert_eq!(out.split_whitespace().collect::<Vec<_>>(), ["1", "4000", "0", "0"]);
        assert_eq!(std::fs::read_to_string("/proc/sys/net/ipv4/ip_forward").unwrap(), before);
    });
}

#[test]
fn those_of_the_host_are_refused_with_the_reason() {
    Ground::each(|ground| {
        for parameter in ["vm.swappiness=1", "kernel.panic=1", "fs.file-max=1000", "kernel.hostname=x"] {
            let told = ground.sh(&["--sysctl", parameter], "true").finish().fails(125);
            told.mentions(parameter.split('=').next().unwrap());
            assert!(!told.cause.is_empty(), "{told:?}");
        }
        // With the host's namespace the parameter is the host's.
        let told =
            ground.sh(&["--net", "host", "--sysctl", "net.ipv4.ip_forward=1"], "true").finish().fails(125);
        told.mentions("net.ipv4.ip_forward");
        let told =
            ground.sh(&["--ipc", "host", "--sysctl", "kernel.msgmax=1000"], "true").finish().fails(125);
        told.mentions("kernel.msgmax");
    });
}

#[test]
fn a_parameter_that_is_not_there_is_told() {
    if !own_runtime("the text of the error") {
        return;
    }
    let ground = Ground::ordinary();
    ground.sh(&["--sysctl", "net.no_such=1"], "true").finish().fails(125).mentions("no_such");
    for bad in ["net.ipv4.ip_forward", "=1", "net/../../kernel.panic=1"] {
        ground.sh(&["--sysctl", bad], "true").finish().fails(125).mentions("--sysctl");
    }
}
