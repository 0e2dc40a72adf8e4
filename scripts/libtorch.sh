#!/bin/sh
# Puts libtorch where the build looks for it (see .cargo/config.toml), or checks the user's own.
#
#   LIBTORCH_USE_PYTORCH set   the PyTorch of the active python is used: only check its version
#   LIBTORCH=/a/folder         that folder is used: only check its version
#   neither                    torch's wheel goes into .libtorch, checked and whole or not at all
#
# The wheel holds the libraries for CPU and CUDA, the headers, and CUDA itself. About 2.7 GB to
# download, 4.9 GB on disk. Nothing to do is decided in milliseconds, so every recipe that
# builds runs this first.
set -eu

me=libtorch
version=2.11.0 # what tch 0.24 binds; change both together
python_abi=3.12 # whose wheel: its Python half is not used, so any python3 may fetch it
needed_gib=10 # measured: 7.1 at the peak, and up to 2.5 that pip keeps in its cache
root=$(cd "$(dirname "$0")/.." && pwd -P)
. "$root/scripts/pip.sh"

# version_of FOLDER: what its `build-version` (libtorch's zip) or `version.py` (the wheel) says.
version_of() {
    if [ -f "$1/build-version" ]; then
        head -n 1 "$1/build-version"
    elif [ -f "$1/version.py" ]; then
        sed -n "s/^__version__ = ['\"]\([^'\"]*\)['\"].*/\1/p" "$1/version.py"
    fi
}

has_library() {
    [ -f "$1/lib/libtorch_cpu.so" ] || [ -f "$1/lib/libtorch_cpu.dylib" ]
}

# check_version GOT WHERE ADVICE: 2.11.0+cu130 and 2.11.0+cpu are 2.11.0.
check_version() {
    [ "${LIBTORCH_BYPASS_VERSION_CHECK+set}" = set ] && return
    [ "${1%%+*}" = "$version" ] ||
        fail "wrong version in $2: expected $version, got ${1:-none}; $3"
}

check_pytorch() {
    python=python3 # as torch-sys chooses it
    [ "${VIRTUAL_ENV+set}" = set ] && python=python
    at=$(command -v "$python") ||
        fail "LIBTORCH_USE_PYTORCH is set, but $python is not on PATH"
    # The module that torch-sys asks for the paths is imported as well.
    got=$("$python" -c 'import torch, torch.utils.cpp_extension; print(torch.__version__)' 2>/dev/null) ||
        fail "LIBTORCH_USE_PYTORCH is set, but $at cannot import torch; install torch==$version there, or unset LIBTORCH_USE_PYTORCH"
    check_version "$got" "the PyTorch of $at" \
        "install torch==$version there, or unset LIBTORCH_USE_PYTORCH"
}

check_folder() {
    case $1 in
        /*) ;;
        *) fail "LIBTORCH must be an absolute path, got '$1'" ;;
    esac
    has_library "$1" ||
        fail "LIBTORCH=$1 holds no lib/libtorch_cpu.so; point it at libtorch's folder, or unset it"
    check_version "$(version_of "$1")" "LIBTORCH=$1" "point it at $version, or unset it"
}

is_installed() {
    has_library "$root/.libtorch/torch" &&
        got=$(version_of "$root/.libtorch/torch") && [ "${got%%+*}" = "$version" ]
}

install() {
    require_pip "libtorch"
    lock libtorch
    if is_installed; then return; fi # another process was faster
    require_space "$needed_gib" "libtorch"
    scratch=$root/.libtorch.partial
    say "fetching torch $version from PyPI into $root/.libtorch (about 2.7 GB, once)"
    fetch "$scratch" "torch $version" \
        --python-version "$python_abi" --only-binary=:all: "torch==$version"
    got=$(version_of "$scratch/packages/torch")
    if ! has_library "$scratch/packages/torch" || [ "${got%%+*}" != "$version" ]; then
        fail "pip ended well but left no usable libtorch: expected torch $version with lib/libtorch_cpu.so, got version ${got:-none}"
    fi
    if [ -e "$root/.libtorch" ]; then
        say "replacing what was in $root/.libtorch"
        rm -rf "$root/.libtorch"
    fi
    mv "$scratch/packages" "$root/.libtorch"
    say "torch $got is in $root/.libtorch"
}

if [ "${LIBTORCH_USE_PYTORCH+set}" = set ]; then
    check_pytorch
elif [ "${LIBTORCH+set}" = set ] && [ "$LIBTORCH" != "$root/.libtorch/torch" ]; then
    check_folder "$LIBTORCH"
elif ! is_installed; then
    install
fi
