#!/bin/bash
# Enters a Debian root folder and becomes COMMAND there. Runs as the first process of new mount, pid and other
# namespaces; all that it mounts goes with them.
#
# usage: enter.sh LOWER WORK CONSOLE COMMAND...
#
#   LOWER     the root folder; it is never written to
#   WORK      folder for what is written
#   CONSOLE   the terminal that becomes /dev/console, or /dev/null
set -euo pipefail
lower=$1 work=$2 console=$3
shift 3
root=$work/root

mkdir -p "$work/upper" "$work/overlay" "$root"
mount -t overlay overlay -o "lowerdir=$lower,upperdir=$work/upper,workdir=$work/overlay" "$root"

mount -t proc proc "$root/proc"
mount --bind "$root/proc/sys" "$root/proc/sys" # the kernel's settings are the host's: nobody in here may change them
mount -o remount,bind,ro "$root/proc/sys"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"

mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for node in null zero full random urandom tty; do
    touch "$root/dev/$node"
    mount --bind "/dev/$node" "$root/dev/$node"
done
touch "$root/dev/console" # without a console systemd ends at once, silently
mount --bind "$console" "$root/dev/console"
mkdir -p "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts "$root/dev/pts"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
ln -s /proc/self/fd/0 "$root/dev/stdin"
ln -s /proc/self/fd/1 "$root/dev/stdout"
ln -s /proc/self/fd/2 "$root/dev/stderr"
mount -t tmpfs tmpfs "$root/run"

cd "$root"
mkdir -p oldroot
pivot_root . oldroot
umount -l /oldroot
mount --make-rshared / # without it LoadCredential= gives an empty folder
exec "$@"
