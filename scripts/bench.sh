#!/bin/sh
# Puts what `./just bench` compares with into .tools/bench: MONAI and nibabel, and safetensors and
# matplotlib for the scripts in bench/. PyTorch is the one in .libtorch, whose libraries the
# program is linked to as well; where this python3 cannot import it, it is fetched too.
set -eu

me=bench
root=$(cd "$(dirname "$0")/.." && pwd -P)
. "$root/scripts/pip.sh"

require_pip "MONAI and nibabel for the benchmarks"
# What is fetched stands in requirements/, made by pin.sh.
python=$(python3 -c 'import sys; print("# python%d.%d" % sys.version_info[:2])')
torch=libtorch
PYTHONPATH="$root/.libtorch" python3 -c 'from torch import nn' 2>/dev/null || torch=bench-torch
wanted="$python with $torch
$(cat "$root/scripts/requirements/bench.txt")"
is_installed() {
    [ "$(cat "$root/.tools/bench/wanted" 2>/dev/null)" = "$wanted" ]
}

if ! is_installed; then
    lock bench
    if is_installed; then exit; fi
    scratch=$root/.tools/bench.partial
    say "fetching MONAI, nibabel and what they need from PyPI into $root/.tools/bench (once)"
    if [ "$torch" = libtorch ]; then
        fetch "$scratch" "MONAI" bench --quiet
    else
        # PyPI's torch for Linux starts in Python with all of CUDA alone, GPU or not.
        require_space 8 "PyTorch"
        say "and PyTorch (about 2.7 GB): python3 cannot import the one in .libtorch"
        fetch "$scratch" "MONAI" bench --quiet --no-cache-dir \
            --requirement "$root/scripts/requirements/bench-torch.txt"
    fi
    printf '%s\n' "$wanted" >"$scratch/packages/wanted"
    rm -rf "$root/.tools/bench"
    mv "$scratch/packages" "$root/.tools/bench"
fi
