#!/bin/sh
# Makes a bootable machine out of a tree that mmdebstrap has made; runs on the host, as its customize hook.
set -eu
tree=$1
here=$2
install -m 755 "$here/agent.sh" "$tree/usr/local/sbin/holm-vm"
install -m 644 "$here/holm-vm.service" "$tree/etc/systemd/system/holm-vm.service"
mkdir "$tree/share"
echo vm >"$tree/etc/hostname"
echo overlay >"$tree/etc/modules-load.d/holm.conf"
echo "/dev/vda / ext4 rw,noatime 0 0" >"$tree/etc/fstab"
echo "tmpfs /tmp tmpfs mode=1777,size=75% 0 0" >>"$tree/etc/fstab"
# An ordinary user whose systemd runs without a login, with all that can be delegated.
chroot "$tree" useradd --create-home --uid 1000 --shell /bin/bash holm
mkdir -p "$tree/var/lib/systemd/linger" "$tree/etc/systemd/system/user@.service.d"
touch "$tree/var/lib/systemd/linger/holm"
printf '[Service]\nDelegate=cpu cpuset io memory pids\n' >"$tree/etc/systemd/system/user@.service.d/delegate.conf"
# What only makes the first start slow, or wakes up by itself.
chroot "$tree" systemctl --quiet enable holm-vm.service
chroot "$tree" systemctl --quiet mask ldconfig.service systemd-journal-catalog-update.service \
    systemd-hwdb-update.service systemd-update-done.service systemd-timesyncd.service serial-getty@ttyS0.service \
    getty@tty1.service apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer fstrim.timer \
    e2scrub_all.timer systemd-tmpfiles-clean.timer systemd-firstboot.service
rm -rf "$tree"/var/cache/apt/* "$tree"/usr/share/doc/* "$tree"/usr/share/locale/*
