#!/bin/sh
# Prints the path of Chromium, in which the page for drawing is tested (crates/browser). Where there
# is none, root installs Debian's; otherwise one line on stderr says why there is none.
# --find looks only.
set -eu

for name in chromium chromium-browser google-chrome google-chrome-stable; do
    if command -v "$name"; then exit; fi
done
say() {
    printf 'chromium: %s\n' "$*" >&2
}
fail() {
    say "$*"
    exit 1
}
[ "${1:-}" != --find ] || fail "not found on PATH (Debian: apt install chromium)"
command -v apt-get >/dev/null 2>&1 || fail "not found on PATH, and there is no apt-get to install it with"
[ "$(id -u)" = 0 ] || fail "not found on PATH, and only root may install it (Debian: apt install chromium)"
say "installing Debian's chromium with apt-get (for the tests of the page for drawing, once)"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
install() {
    DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends chromium >"$log" 2>&1
}
install || { apt-get update >"$log" 2>&1 && install; } || fail "apt-get cannot install it: $(grep '^E:' "$log" | tail -n 1)"
# Ubuntu's package of that name is a stub that asks for a snap.
chromium --version >/dev/null 2>&1 || fail "what apt-get installed does not start"
command -v chromium
