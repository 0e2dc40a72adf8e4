#!/bin/sh
# Says whether the tests can start a Slurm of their own (tests/slurm.rs): prints the path of slurmctld.
# Where there is none, root installs Debian's; otherwise one line on stderr says why there is none.
# --find looks only.
set -eu

# Debian keeps the daemons where only root looks.
PATH=$PATH:/usr/sbin:/sbin
found() {
    for name in slurmctld slurmd munged sbatch squeue scontrol scancel; do
        command -v "$name" >/dev/null 2>&1 || return 1
    done
}
say() {
    printf 'slurm: %s\n' "$*" >&2
}
fail() {
    say "$*"
    exit 1
}
if found; then
    command -v slurmctld
    exit
fi
[ "${1:-}" != --find ] || fail "not found on PATH (Debian: apt install slurm-wlm munge)"
command -v apt-get >/dev/null 2>&1 || fail "not found on PATH, and there is no apt-get to install it with"
[ "$(id -u)" = 0 ] || fail "not found on PATH, and only root may install it (Debian: apt install slurm-wlm munge)"
say "installing Debian's slurm-wlm and munge with apt-get (for the tests of sweep --slurm, once)"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
install() {
    DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends slurm-wlm munge >"$log" 2>&1
}
install || { apt-get update >"$log" 2>&1 && install; } || fail "apt-get cannot install it: $(grep '^E:' "$log" | tail -n 1)"
found || fail "what apt-get installed has no slurmctld, slurmd, munged or sbatch"
command -v slurmctld
