#!/bin/sh
# Puts libtorch where the build looks for it (see .cargo/config.toml), or checks the user's own.
#
#   LIBTORCH_USE_PYTORCH set   the PyTorch of the active python is used: only check its version
#   LIBTORCH=/a/folder         that folder is used: only check its version
#   neither                    torch's wheel goes into .libtorch, checked and whole or not at all
#
# Without an NVIDIA driver that is the wheel and two small packages of CUDA's that libtorch_cpu is
# linked to: 0.54 GB to download, of which 0.52 GB stay. With one it is all of CUDA as well: 2.7 GB
# to download, 4.7 GB on disk. A driver that comes later brings the rest at the next build.
# `CUDA_VISIBLE_DEVICES=` (empty) says that no GPU is to be used, so that nothing is fetched for one.
# Nothing to do is decided in milliseconds, so every recipe that builds runs this first.
set -eu

me=libtorch
version=2.11.0 # what tch 0.24 binds; change it here, in pin.sh and in Cargo.toml together
python_abi=3.12 # whose wheel: its Python half is not used, so any python3 may fetch it
least_driver=580 # of NVIDIA's, for the CUDA 13.0 that the wheel is made with
cpu_gib=3 cuda_gib=8 # measured at the peak: 1.6 and 7.6
machine=${SLICEWISE_TEST_MACHINE-} # where the tests put their own /proc and /dev
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

# driver_version: that of NVIDIA's driver in the kernel, "580.82.07"; nothing where it is not told.
driver_version() {
    [ -r "$machine/proc/driver/nvidia/version" ] || return 0
    awk '/^NVRM version/ {
        for (i = 1; i <= NF; i++) if ($i ~ /^[0-9]+[.][0-9.]+$/) { print $i; exit }
    }' "$machine/proc/driver/nvidia/version"
}

# has_driver: NVIDIA's driver is there with both its halves, and the user has not hidden the GPUs.
# A container may see the kernel's half alone, a machine without a card may hold libcuda alone.
has_driver() {
    case ${CUDA_VISIBLE_DEVICES-all} in '' | -1) return 1 ;; esac
    [ -e "$machine/proc/driver/nvidia/version" ] || [ -e "$machine/dev/nvidiactl" ] ||
        [ -e "$machine/dev/dxg" ] || return 1 # the last is Windows' (WSL)
    for folder in /usr/lib/wsl/lib /usr/local/nvidia/lib64 /run/opengl-driver/lib; do
        [ -e "$machine$folder/libcuda.so.1" ] && return
    done
    PATH=$PATH:/sbin:/usr/sbin ldconfig -p 2>/dev/null | grep -q 'libcuda[.]so[.]1'
}

# wants_cuda: there is a driver that the wheel's CUDA can work with.
wants_cuda() {
    has_driver || return 1
    driver=$(driver_version)
    [ -z "$driver" ] || [ "${driver%%.*}" -ge "$least_driver" ]
}

is_installed() {
    has_library "$root/.libtorch/torch" &&
        got=$(version_of "$root/.libtorch/torch") && [ "${got%%+*}" = "$version" ] &&
        { [ -e "$root/.libtorch/torch/lib/libtorch_cuda.so" ] || ! wants_cuda; }
}

# drop_rest PACKAGES: what no program on a CPU loads and no build reads: the GPU's half of the
# wheel, its Python, and what of CUDA's two packages is not one of the two libraries needed.
drop_rest() {
    for entry in "$1"/torch/* "$1"/torch/.[!.]*; do
        case ${entry##*/} in include | lib | version.py) ;; *) rm -rf "$entry" ;; esac
    done
    rm -rf "$1/bin" "$1/functorch" "$1/torchgen"
    for library in "$1"/torch/lib/*; do
        case ${library##*/} in
            *cuda* | *nvrtc* | *nvshmem* | *python* | libshm* | *global_deps*) rm -rf "$library" ;;
        esac
    done
    rm -rf "$1"/nvidia/*/include
    for library in "$1"/nvidia/*/lib/*; do
        case ${library##*/} in libcudart.so* | libcupti.so*) ;; *) rm -rf "$library" ;; esac
    done
}

install() {
    require_pip "libtorch"
    lock libtorch
    if is_installed; then return; fi # another process was faster
    scratch=$root/.libtorch.partial
    if wants_cuda; then
        require_space "$cuda_gib" "libtorch with CUDA"
        say "fetching torch $version with CUDA from PyPI into $root/.libtorch (about 2.7 GB, once)"
        set -- libtorch-cuda
    else
        require_space "$cpu_gib" "libtorch"
        if has_driver; then
            say "NVIDIA's driver $driver is older than $least_driver, which this torch needs for a GPU: what follows is for the CPU (to use the GPU, update the driver, or set LIBTORCH to a libtorch $version for CUDA 12)"
        fi
        say "fetching torch $version from PyPI into $root/.libtorch (about 0.54 GB, once)"
        set -- libtorch-cpu --no-compile
    fi
    # Nothing fetches these twice, so pip's cache would only hold them a second time.
    name=$1
    shift
    fetch "$scratch" "torch $version" "$name" --no-cache-dir \
        --python-version "$python_abi" --ignore-requires-python --only-binary=:all: "$@"
    got=$(version_of "$scratch/packages/torch")
    if ! has_library "$scratch/packages/torch" || [ "${got%%+*}" != "$version" ]; then
        fail "pip ended well but left no usable libtorch: expected torch $version with lib/libtorch_cpu.so, got version ${got:-none}"
    fi
    [ "$name" = libtorch-cuda ] || drop_rest "$scratch/packages"
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
