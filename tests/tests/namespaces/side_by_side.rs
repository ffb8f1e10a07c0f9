//! Two containers with the same name for everything, and what is gone with a container.

use holm_tests::{Ability, Ground, Running, able, program, runtime};

/// Starts two of the same, and waits for each to say `ready`.
fn two(start: impl Fn() -> Running, ready: &str) -> [Running; 2] {
    let both = [start(), start()];
    for running in &both {
        assert_eq!(running.line(), ready);
    }
    both
}

#[test]
fn one_hostname_and_domain_name() {
    Ground::each(|ground| {
        let before = rustix::system::uname().nodename().to_owned();
        let (names, script, ready) = if able(Ability::DomainName) {
            let script = "echo $(hostname) $(cat /proc/sys/kernel/domainname); cat";
            (&["--hostname", "islet", "--domainname", "river"][..], script, "islet river")
        } else {
            (&["--hostname", "islet"][..], "hostname; cat", "islet")
        };
        for running in two(|| ground.sh(names, script).start(), ready) {
            running.finish().ok();
        }
        assert_eq!(rustix::system::uname().nodename(), before.as_c_str());
    });
}

#[test]
fn one_port_and_one_abstract_socket_name() {
    Ground::each(|ground| {
        for running in two(|| ground.witness(&[], &["hold", "8080", "holm-tests"]).start(), "held") {
            running.finish().ok();
        }
        if !ground.can_join() {
            return;
        }
        // In one network namespace they are taken: the witness would have failed above.
        let name = ground.name("first");
        let first = ground.witness(&["--name", &name], &["hold", "8080", "holm-tests"]).start();
        assert_eq!(first.line(), "held");
        let second =
            ground.witness(&["--net", &format!("container:{name}")], &["hold", "8081", "holm-tests"]);
        assert!(second.finish().err.contains("the name is free"));
        let second = ground.witness(&["--net", &format!("container:{name}")], &["hold", "8080", "other"]);
        assert!(second.finish().err.contains("the port is free"));
        first.finish().ok();
    });
}

#[test]
fn loopback_is_up_and_there_is_no_other_device() {
    Ground::each(|ground| {
        let script =
            "tail -n +3 /proc/net/dev | cut -d: -f1; cat /sys/class/net/lo/operstate /sys/class/net/lo/flags";
        let out = ground.sh(&[], script).finish().ok();
        let words: Vec<&str> = out.split_whitespace().collect();
        assert_eq!(words[0], "lo");
        let flags = u32::from_str_radix(words.last().unwrap().trim_start_matches("0x"), 16).unwrap();
        assert_eq!(flags & 1, 1, "IFF_UP of {words:?}");
        let devices: Vec<&&str> = words[..words.len() - 2].iter().filter(|name| !is_fallback(name)).collect();
        assert_eq!(devices, [&"lo"]);
    });
}

/// Devices that the kernel puts into every network namespace by itself, unless net.core.fb_tunnels_only_for_init_net
/// says otherwise.
fn is_fallback(name: &str) -> bool {
    ["tunl", "sit", "gre", "erspan", "ip_vti", "ip6"].iter().any(|prefix| name.starts_with(prefix))
}

#[test]
fn one_pid() {
    Ground::each(|ground| {
        // The init is 1; the command is its first child. A runtime with threads has had some of the next pids in
        // the same namespace, and not always as many.
        let script = if runtime().is_none() { "echo $PPID $$; cat" } else { "echo $PPID; cat" };
        let ready = if runtime().is_none() { "1 2" } else { "1" };
        for running in two(|| ground.sh(&[], script).start(), ready) {
            running.finish().ok();
        }
    });
}

#[test]
fn one_system_v_key_of_each_kind() {
    if program("perl").is_none() {
        return;
    }
    // IPC_CREAT|IPC_EXCL: a second one in the same namespace fails.
    let script = "perl -e 'my $f = 01000 | 02000 | 0600; \
                  defined msgget(4242, $f) && defined semget(4242, 1, $f) && defined shmget(4242, 4096, $f) \
                  or die \"taken\"; $| = 1; print \"made\\n\"; <STDIN>'";
    Ground::each(|ground| {
        if !ground.can_run_on_host() {
            return;
        }
        let counts = || ["msg", "sem", "shm"].map(|kind| count(&format!("/proc/sysvipc/{kind}")));
        let before = counts();
        let both = two(|| ground.on_host(&[], script).start(), "made");
        assert_eq!(counts(), before, "none of them is the host's");
        let name = ground.name("third");
        let third = ground.on_host(&["--name", &name], script).start();
        assert_eq!(third.line(), "made");
        let taken = ground.on_host(&["--ipc", &format!("container:{name}")], script).finish();
        assert!(taken.err.contains("taken"), "{}", taken.err);
        for running in both.into_iter().chain([third]) {
            running.finish().ok();
        }
        let again = ground.on_host(&[], "tail -qn +2 /proc/sysvipc/*").finish().ok();
        assert_eq!(again, "", "a new container has none of them");
        assert_eq!(counts(), before);
    });
}

fn count(path: &str) -> usize {
    std::fs::read_to_string(path).unwrap().lines().count()
}

#[test]
fn one_name_of_a_posix_queue() {
    Ground::each(|ground| {
        // Making a file there is mq_open(3) with O_CREAT|O_EXCL.
        let script = "set -C; : > /dev/mqueue/letters && echo $(ls /dev/mqueue); cat";
        for running in two(|| ground.sh(&[], script).start(), "letters") {
            running.finish().ok();
        }
        assert_eq!(ground.sh(&[], "ls /dev/mqueue").finish().ok(), "", "gone with its container");
        if !ground.can_join() {
            return;
        }
        let name = ground.name("first");
        let first = ground.sh(&["--name", &name], script).start();
        assert_eq!(first.line(), "letters");
        let sharing = ["--ipc", &format!("container:{name}")];
        let mounts = ground.sh(&sharing, "cat /proc/mounts; ls /dev/mqueue").finish().ok();
        assert!(mounts.lines().last() == Some("letters"), "{mounts}");
        first.finish().ok();
    });
}

#[test]
fn shared_memory_of_its_own() {
    Ground::each(|ground| {
        let name = holm_tests::Ground::name(ground, "shm");
        let script = format!("echo secret > /dev/shm/{name}; ls /dev/shm; cat");
        for running in two(|| ground.sh(&[], &script).start(), &name) {
            running.finish().ok();
        }
        assert!(!std::path::Path::new("/dev/shm").join(&name).exists());
    });
}

#[test]
fn processes_of_one_are_not_seen_by_another() {
    Ground::each(|ground| {
        let first = ground.sh(&[], "sleep 1000 & echo ready; cat; kill $!").start();
        assert_eq!(first.line(), "ready");
        let seen = ground.sh(&[], "ps -o args").finish().ok();
        assert!(!seen.contains("sleep 1000"), "{seen}");
        first.finish().ok();
    });
}
