//! A bad value of each option: the error names the option and what is wrong with it.

use holm_tests::Ground;

/// Option, value, and what the error says beside the name of the option.
const VALUES: &[(&str, &str, &str)] = &[
    ("--name", "../x", "../x"),
    ("--name", "", "name"),
    ("--hostname", "a b", "host name"),
    ("--hostname", "", "host name"),
    ("--domainname", "a..b", "host name"),
    ("--net", "bridge", "bridge"),
    ("--net", "relative/path", "relative/path"),
    ("--pid", "pid:0", "pid"),
    ("--pid", "pid:x", "\"x\""),
    ("--ipc", "container:", "name"),
    ("--uts", "pid:99999999999", "pid"),
    ("--cgroupns", "nonsense", "nonsense"),
    ("--time", "realtime=+1", "clock"),
    ("--time", "monotonic=soon", "soon"),
    ("--time", "monotonic=+1,monotonic=+2", "once"),
    ("--userns", "keep-id", "identity"),
    ("--userns", "nonsense", "nonsense"),
    ("--uidmap", "0:100000:0", "0:100000:0"),
    ("--uidmap", "0:4294967295:2", "0:4294967295:2"),
    ("--gidmap", "a:b:c", "a:b:c"),
    ("--user", "4294967295", "4294967295"),
    ("--user", "a b", "a b"),
    ("--user", "root:", "USER:GROUP"),
    ("--workdir", "relative", "absolute"),
    ("--env", "=x", "=x"),
    ("--env-file", "/no/such/file", "/no/such/file"),
    ("--ulimit", "nofile", "nofile"),
    ("--ulimit", "nonsense=1", "nonsense"),
    ("--ulimit", "nofile=2:1", "soft"),
    ("--ulimit", "nofile=-2", "nofile=-2"),
    ("--stop-signal", "NONSENSE", "NONSENSE"),
    ("--stop-signal", "0", "signal"),
    ("--stop-timeout", "soon", "soon"),
    ("--cgroup-parent", "/a/../b", ".."),
    ("--volume", "name:/data", "./name"),
    ("--volume", "/data", "--tmpfs"),
    ("--volume", "/tmp:relative", "relative"),
    ("--volume", "/tmp:/data:nonsense", "nonsense"),
    ("--volume", "/tmp:/data:ro:rw", "/tmp:/data:ro:rw"),
    ("--volume", "/no/such/place:/data", "/no/such/place"),
    ("--mount", "type=bind,dst=/data", "src="),
    ("--mount", "type=tmpfs", "dst="),
    ("--mount", "dst=/data", "type="),
    ("--mount", "type=volume,dst=/data", "volume"),
    ("--mount", "type=ext4,dst=/data", "ext4"),
    ("--mount", "type=tmpfs,src=/x,dst=/data", "src="),
    ("--mount", "type=tmpfs,dst=/data,nonsense", "nonsense"),
    ("--mount", "type=tmpfs,dst=/data,ro=maybe", "maybe"),
    ("--mount", "type=tmpfs,dst=/a,dst=/b", "dst"),
    ("--tmpfs", "relative", "relative"),
    ("--tmpfs", "/data:size=much", "much"),
    ("--tmpfs", "/data:mode=9", "9"),
    ("--shm-size", "much", "much"),
    ("--shm-size", "0", "nothing"),
    ("--size", "1x", "1x"),
    ("--size", "99999999999t", "99999999999t"),
    ("--cap-add", "NONSENSE", "NONSENSE"),
    ("--cap-drop", "CAP_", "CAP_"),
    ("--security-opt", "nonsense", "nonsense"),
    ("--security-opt", "unmask=relative", "relative"),
    ("--security-opt", "mask=", "absolute"),
    ("--security-opt", "seccomp=", "seccomp"),
    ("--security-opt", "no-new-privileges=maybe", "maybe"),
    ("--sysctl", "net.ipv4.ip_forward", "KEY=VALUE"),
    ("--sysctl", "vm.swappiness=1", "whole machine"),
    ("--sysctl", "kernel.panic=1", "whole machine"),
    ("--sysctl", "kernel.hostname=x", "--hostname"),
    ("--sysctl", "net.no.such=1", "net/no/such"),
    ("--runtime", "no-such-runtime", "no-such-runtime"),
];

/// Those whose error is about what the value means, and does not repeat the option.
const UNNAMED: &[(&str, &str)] = &[
    ("--env-file", "/no/such/file"),
    ("--volume", "/no/such/place:/data"),
    ("--sysctl", "net.no.such=1"),
    ("--runtime", "no-such-runtime"),
];

#[test]
fn a_bad_value_of_each_option() {
    Ground::each(|ground| {
        let mut wrong = Vec::new();
        for (option, value, word) in VALUES {
            let told = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                let told = ground.sh(&[option, value], "echo ran").finish().fails(125);
                told.mentions(word);
                if !UNNAMED.contains(&(option, value)) {
                    told.mentions(option);
                }
            }));
            if told.is_err() {
                wrong.push(format!("{option} {value}"));
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    });
}

#[test]
fn a_value_of_an_option_that_takes_few() {
    let ground = Ground::ordinary();
    for (word, said) in [
        ("--tty=maybe", "--tty"),
        ("--dry-run=yaml", "json"),
        ("--rm=false", "--rm"),
        ("--interactive=2", "--interactive"),
    ] {
        ground.sh(&[word], "echo ran").finish().fails(125).mentions(said);
    }
}

#[test]
fn words_that_are_none() {
    let ground = Ground::ordinary();
    for (words, said) in [
        (&["run", "--no-such-option", "true"][..], "--no-such-option"),
        (&["run", "--name"], "--name"),
        (&["no-such-command"], "no-such-command"),
        (&["exec"], "NAME"),
        (&["exec", "name"], "COMMAND"),
        (&["stop"], "NAME"),
        (&["stop", "--time", "x", "name"], "--time"),
        (&["ps", "--format", "yaml"], "yaml"),
    ] {
        ground.holm(words.iter().copied()).finish().fails(125).mentions(said);
    }
}

#[test]
fn an_environment_file_with_something_else_in_it() {
    let ground = Ground::ordinary();
    let file = ground.new_file("env", "A=1\n# a comment\n=x\n");
    let told = ground.sh(&["--env-file", file.to_str().unwrap()], "echo ran").finish().fails(125);
    told.mentions(file.to_str().unwrap());
    ground.sh(&["--env-file", "/"], "echo ran").finish().fails(125);
}
