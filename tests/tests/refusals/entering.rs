//! Processes on their way into a container, and what a container makes of them.

use holm_tests::{Ground, own_runtime};

/// Looks at process `$1` in every way that would give it away or let it be changed, and says what could be had.
///
/// (Root may read the numbers of its descriptors by CAP_DAC_OVERRIDE, and nothing else of them.)
const LOOK: &str = "look() { \
    for file in environ maps mem auxv; do (: < /proc/$1/$file) && echo got $file; done; \
    for link in exe cwd root ns/mnt; do readlink /proc/$1/$link > /dev/null && echo got $link; done; \
    for number in $(ls /proc/$1/fd) 0 1 2; do \
        readlink /proc/$1/fd/$number > /dev/null && echo got the name of $number; \
        (: < /proc/$1/fd/$number) && echo got $number; done; \
    (echo x > /proc/$1/root/tmp/way) && echo got through; }";

/// CVE-2016-9962: who joins a container is stopped by it before it is anybody's program, and looked at.
#[test]
fn nothing_of_who_enters_is_to_be_had() {
    if !own_runtime("how a process enters") {
        return;
    }
    Ground::each(|ground| {
        if !ground.can_join() {
            return;
        }
        // A process that is told to stop does so when it next returns from the kernel, out of an exec perhaps: whose name it
        // has when it was looked at is who it was all the while.
        // Looked at with the same words, an ordinary process of the container is an open book.
        let script = format!(
            "{LOOK}; sleep 1000 & look $! > /tmp/open 2>/dev/null; kill $!; grep -c got /tmp/open; \
             while :; do for process in /proc/[0-9]*; do \
                 read -r name < $process/comm || continue; [ \"$name\" = holm ] || continue; \
                 kill -STOP ${{process#/proc/}} || continue; \
                 look ${{process#/proc/}} > /tmp/look; read -r name < $process/comm; \
                 if [ \"$name\" = holm ]; then cat /tmp/look >> /tmp/looked; echo caught >> /tmp/looked; fi; \
                 kill -CONT ${{process#/proc/}}; \
             done; done 2>/dev/null"
        );
        let name = ground.name("watcher");
        let mut running = ground.sh(&["--name", &name], &script).start();
        let open = running.line();
        assert!(open.parse::<u32>().is_ok_and(|open| open > 10), "an ordinary process shows {open}");
        let caught = (0..500).find_map(|_| {
            ground.holm(["exec", &name, "/bin/true"]).finish().ok();
            let looked = ground.holm(["exec", &name, "/bin/cat", "/tmp/looked"]).finish().out;
            looked.contains("caught").then_some(looked)
        });
        running.signal(2);
        running.wait();
        let caught = caught.expect("of five hundred that enter one is caught on its way");
        assert!(!caught.contains("got"), "{caught}");
    });
}
