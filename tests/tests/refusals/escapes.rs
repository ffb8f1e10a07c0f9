//! Ways out of a container of root that were open once.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};

use holm_tests::{Ground, Tree, own_runtime};

#[test]
fn the_program_that_enters_is_not_changed_through_proc() {
    if !own_runtime("how the program enters the container") {
        return;
    }
    let Some(ground) = Ground::root() else { return };
    let program = ground.path("holm");
    let facts = || {
        let metadata = fs::metadata(&program).unwrap();
        (metadata.mode(), metadata.len(), metadata.mtime(), metadata.mtime_nsec(), metadata.uid())
    };
    let before = facts();
    let script = "for pid in 1 2 self; do exe=/proc/$pid/exe; chmod 4755 $exe; chown 1 $exe; touch $exe; \
                  echo x >> $exe; done 2>&1; echo tried";
    for options in [&[][..], &["--no-init"], &["--cap-add", "ALL"]] {
        let root = ground.rootfs().to_str().unwrap();
        let call = ground.run(["--rootfs", root].into_iter().chain(options.iter().copied()));
        // What executes the command as the command itself, which is what the container's processes see in /proc: the
        // init, told to run a shell.
        let ran = call.words(["--", "/proc/self/exe", "9 0 0 0 0", "sh", "sh", "-c", script]).finish();
        assert!(ran.ok().ends_with("tried"), "{options:?}");
        assert_eq!(facts(), before, "{options:?}");
        assert!(ground.sh(options, script).finish().ok().ends_with("tried"));
        assert_eq!(facts(), before, "{options:?}");
    }
}

/// Where no memory may be executed the init is on a mount of its own.
#[test]
fn the_init_is_there_where_memory_may_not_be_executed() {
    const SWITCH: &str = "/proc/sys/vm/memfd_noexec";
    if !own_runtime("where the init is executed from") {
        return;
    }
    let Some(ground) = Ground::root() else { return };
    if !holm_tests::needs(std::path::Path::new(SWITCH).exists(), "Linux before 6.3 executes all memory") {
        return;
    }
    let script = format!("echo 2 > {SWITCH} && exec \"$@\"");
    let (holm, root) = (ground.path("holm"), ground.rootfs().to_str().unwrap());
    let command = "read line < /proc/1/comm; echo $line; exit 3";
    for options in [&[][..], &["--userns", "auto"]] {
        // The switch is one of a PID namespace.
        let call = ground.other("unshare".as_ref()).words(["--pid", "--fork", "--mount-proc", "sh", "-c"]);
        let call = call.words([script.as_str(), "sh", holm.to_str().unwrap(), "run", "--rootfs", root]);
        let run = call.words(options.iter().copied()).words(["--", "/bin/sh", "-c", command]).finish();
        assert_eq!(run.ends(3).out.trim(), "holm-init", "{run:?}");
    }
}

#[test]
fn the_program_that_execs_into_a_container_is_not_changed() {
    if !own_runtime("how the program enters the container") {
        return;
    }
    let Some(ground) = Ground::root() else { return };
    let before = fs::read(ground.path("holm")).unwrap();
    let name = ground.name("trap");
    let prepare = "ln -s /proc/self/exe /bin/trap; mkfifo /bin/fifo; echo ready; cat";
    let running = ground.sh(&["--name", &name], prepare).start();
    assert_eq!(running.line(), "ready");
    // Holm itself, executed inside by the Holm that enters, waits for its file.
    let trap = ["exec", &name, "/bin/trap", "run", "--env-file", "/bin/fifo", "--", "true"];
    let trapped = ground.holm(trap).start();
    let script = "until grep -qx trap /proc/[0-9]*/comm; do :; done; \
                  for exe in /proc/[0-9]*/exe; do chmod 4777 $exe; echo x >> $exe; done; \
                  : > /bin/fifo; echo tried";
    let tried = ground.holm(["exec", &name, "/bin/sh", "-c", script]).finish();
    assert!(tried.out.contains("tried"), "{tried:?}");
    trapped.finish();
    running.finish().ok();
    assert_eq!(fs::metadata(ground.path("holm")).unwrap().mode() & 0o7022, 0);
    assert!(fs::read(ground.path("holm")).unwrap() == before, "the program was overwritten");
}

/// The number of some block device of this machine, and what it is opened through on the host.
fn block_device() -> Option<u64> {
    let devices = fs::read_dir("/sys/class/block").into_iter().flatten().flatten();
    let number = devices.map(|entry| holm_tests::one_line(entry.path().join("dev"))).next();
    let number = number.as_deref().and_then(|text| text.split_once(':'));
    let number =
        number.and_then(|(major, minor)| Some(rustix::fs::makedev(major.parse().ok()?, minor.parse().ok()?)));
    holm_tests::needs(number.is_some(), "this machine has no block device");
    number
}

#[test]
fn a_node_of_a_disk_opens_nothing() {
    let Some(ground) = Ground::root() else { return };
    let Some(device) = block_device() else { return };
    let shared = ground.new_directory("shared");
    let volume = format!("{}:/data", shared.display());
    let tmpfs = "/scratch:dev";
    let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
    let script = format!(
        "for place in /dev /data /tmp /root /dev/shm /run; do \
             mknod $place/disk b {major} {minor} && echo made $place; \
             dd if=$place/disk of=/dev/null bs=1 count=1 2>&1 | grep -oE 'ermission denied|not permitted'; done; true"
    );
    let out = ground.sh(&["-v", &volume], &script).finish().ok();
    let made = out.lines().filter(|line| line.starts_with("made")).count();
    // By the cgroup's rules, or where there are none by nodev.
    let denied = out.lines().filter(|line| ["ermission denied", "not permitted"].contains(line)).count();
    assert!(made >= 2 && denied == made, "{out}");
    assert!(out.contains("made /dev\n") && out.contains("made /data\n"), "{out}");
    assert!(fs::metadata(shared.join("disk")).unwrap().file_type().is_block_device());
    // Where it was asked for, it is a device.
    let script = "mknod /scratch/zero c 1 5 && dd if=/scratch/zero bs=1 count=1 2>/dev/null | wc -c";
    assert_eq!(ground.sh(&["--tmpfs", tmpfs], script).finish().ok(), "1");
}

#[test]
fn the_host_s_node_keeps_its_mode_and_owner() {
    let Some(ground) = Ground::root() else { return };
    let facts = || {
        let metadata = fs::metadata("/dev/full").unwrap();
        (metadata.mode(), metadata.uid(), metadata.gid(), metadata.rdev())
    };
    let before = facts();
    let script = "chmod 600 /dev/full; chown 1:1 /dev/full; echo tried";
    assert_eq!(ground.sh(&[], script).finish().ok(), "tried");
    assert_eq!(facts(), before);
}

#[test]
fn a_hostile_command_cannot_reach_the_host_through_its_first_directory() {
    Ground::each(|ground| {
        let outside = ground.new_directory("outside");
        ground.new_file("outside/victim", "kept");
        let before = Tree::of(&outside);
        let victim = outside.join("victim");
        let path = victim.display();
        let script = format!(
            "for fd in /proc/self/fd/* /proc/1/cwd /proc/1/root /proc/2/cwd; do \
                 echo x > $fd/../../../..{path}; echo x > $fd{path}; done 2>/dev/null; \
             i=0; while [ $i -lt 40 ]; do cd ..; i=$((i+1)); done; echo x > ./{path} 2>/dev/null; echo tried"
        );
        assert!(ground.sh(&[], &script).finish().ok().ends_with("tried"));
        assert_eq!(Tree::of(&outside), before);
    });
}
