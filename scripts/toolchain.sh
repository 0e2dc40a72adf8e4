#!/bin/sh
# What a build needs and cannot fetch by itself: cargo and a C++ compiler (for the bindings to
# libtorch). One line if one is missing.
# The compiler's version is left to cargo, which knows `rust-version`.
set -eu

me=toolchain
root=$(cd "$(dirname "$0")/.." && pwd -P)
. "$root/scripts/pip.sh"

command -v cargo >/dev/null 2>&1 ||
    fail "cargo not found on PATH; install Rust 1.89 or later (rustup, or your distribution's packages)"
compiler=${CXX:-c++}
# CXX may carry flags or a launcher: "ccache g++".
command -v "${compiler%% *}" >/dev/null 2>&1 ||
    fail "no C++ compiler: '${compiler%% *}' not found on PATH (Debian/Ubuntu: apt install g++)"
