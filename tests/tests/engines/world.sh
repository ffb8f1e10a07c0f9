# A world for an engine: own processes, mounts, network, cgroups and /run, with the test's directory on /mnt.
#
#   sh world.sh keep SCRIPT DIRECTORY MARK TREE HIERARCHIES    outside: makes it, says "ready", and ends it when its input ends
#   sh world.sh inside DIRECTORY TREE HIERARCHIES              its PID 1
#
# However the test ends, its end of the pipe closes; then the first process of the PID namespace is killed, with which
# everything goes that has been started in it, and the cgroups are removed. TREE is the root of another Debian, or "/".
# HIERARCHIES is "all", or "v1" for an engine that does not take v1 and v2 side by side.
set -eu

# "TARGET TYPE OPTIONS" of each mounted hierarchy of cgroups.
hierarchies() {
    findmnt --noheadings --raw --output TARGET,FSTYPE,FS-OPTIONS --types cgroup,cgroup2
}

# Makes the cgroup that is the root of what the world sees, in each hierarchy; those of cpusets are born unusable.
make_cgroups() {
    hierarchies | while read -r target _; do
        mkdir "$target/$1"
        for file in cpuset.cpus cpuset.mems; do
            [ ! -e "$target/tasks" ] || [ ! -e "$target/$1/$file" ] || cat "$target/$file" >"$target/$1/$file"
        done
    done
}

remove_cgroups() {
    hierarchies | while read -r target _; do
        for _ in 1 2 3 4 5 6 7 8 9 10; do
            find "$target/$1" -depth -type d -exec rmdir {} \; 2>/dev/null || true
            [ -e "$target/$1" ] || break
            sleep 0.2
        done
        [ ! -e "$target/$1" ] || echo "this cgroup cannot be removed: $target/$1" >&2
    done
}

keep() {
    script=$1 directory=$2 mark=$3 tree=$4 kinds=$5
    # A signal to all of the terminal's, or of the test's, ends the world, and is no reason not to clean up.
    trap : HUP INT TERM
    make_cgroups "$mark"
    (
        for file in $(hierarchies | cut -d' ' -f1); do echo 0 >"$file/$mark/cgroup.procs"; done
        # Its errors are shown if there is no world; at the end of one it has always something to complain of.
        exec 3>&2 2>"$directory/unshare"
        exec unshare --mount --net --pid --ipc --uts --cgroup --fork --kill-child --mount-proc \
            sh "$script" inside "$directory" "$tree" "$kinds" </dev/null
    ) &
    world=$!
    # The pipe ends with the world, if that does not come about.
    exec >/dev/null
    # Until the test closes it.
    while read -r _; do :; done
    init=$(cat "/proc/$world/task/$world/children") || true
    [ -n "$init" ] || cat "$directory/unshare" >&2
    kill -KILL ${init:-} 2>/dev/null || kill -KILL "$world" 2>/dev/null || true
    wait "$world" || true
    remove_cgroups "$mark"
    rm -rf "$directory"
}

# The same hierarchies, seen from the world's own roots.
mount_cgroups() {
    hierarchies >/mnt/hierarchies
    while read -r target kind options; do
        umount "$target"
        case $kind in
        cgroup2)
            [ "$1" = all ] || continue
            mount -t cgroup2 cgroup2 "$target"
            # Whoever gives controllers to the cgroups below may have no processes.
            if [ -s "$target/cgroup.controllers" ] && [ "$(wc -l </mnt/hierarchies)" = 1 ]; then
                mkdir "$target/world"
                echo 0 >"$target/world/cgroup.procs"
                for controller in $(cat "$target/cgroup.controllers"); do
                    echo "+$controller" >"$target/cgroup.subtree_control"
                done
            fi
            ;;
        *)
            options=$(echo "$options" | tr , '\n' | grep -vxE 'r[wo]|xattr|clone_children|release_agent=.*' | paste -sd,)
            case $options in name=*) options="none,$options" ;; esac
            mount -t cgroup -o "$options" cgroup "$target"
            ;;
        esac
    done </mnt/hierarchies
}

# Makes the other Debian the root, with this machine's devices, processes and kernel.
change_root() {
    mount --rbind "$1" "$1"
    for place in dev proc sys mnt; do mount --rbind "/$place" "$1/$place"; done
    mount -t tmpfs -o mode=1777 tmpfs "$1/tmp"
    cd "$1"
    pivot_root . mnt
    # The directory of the test was bound there too, on top of which the old root is now.
    umount --lazy mnt
}

inside() {
    exec 2>&3 3>&-
    mount --bind "$1" /mnt
    mount_cgroups "$3"
    [ "$2" = / ] || change_root "$2"
    mount -t tmpfs -o mode=755 tmpfs /run
    mkdir -p /run/lock /run/netns /run/user
    for file in /mnt/etc/*; do
        [ ! -e "$file" ] || mount --bind "$file" "/etc/${file##*/}"
    done
    for file in /mnt/dev/*; do
        [ ! -e "$file" ] || mount --bind "$file" "/dev/$(basename "$file" | tr + /)"
    done
    hostname island
    ip link set lo up
    echo ready
    exec /mnt/init -P >/dev/null
}

command=$1
shift
"$command" "$@"
