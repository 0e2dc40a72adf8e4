#!/bin/sh
# Puts what `./just bench` compares with into .tools/bench: MONAI and nibabel, and safetensors and
# matplotlib for the scripts in bench/. PyTorch is the one in .libtorch, whose libraries the
# program is linked to as well; where this python3 cannot import it, it is fetched too.
set -eu

me=bench
root=$(cd "$(dirname "$0")/.." && pwd -P)
. "$root/scripts/pip.sh"

require_pip "MONAI and nibabel for the benchmarks"
# Without dependencies, each named: MONAI would fetch a second PyTorch.
packages="monai==1.6.1 nibabel==5.4.2 numpy==2.4.6 safetensors==0.8.0 packaging typing_extensions
    importlib_resources matplotlib contourpy cycler fonttools kiwisolver pillow pyparsing
    python-dateutil six"
python=$(python3 -c 'import sys; print("python%d.%d" % sys.version_info[:2])')
torch=libtorch
PYTHONPATH="$root/.libtorch" python3 -c 'import torch' 2>/dev/null || torch=torch==2.11.0
wanted=$(echo $packages $torch $python)
is_installed() {
    [ "$(cat "$root/.tools/bench/wanted" 2>/dev/null)" = "$wanted" ]
}

if ! is_installed; then
    lock bench
    if is_installed; then exit; fi
    scratch=$root/.tools/bench.partial
    say "fetching MONAI, nibabel and what they need from PyPI into $root/.tools/bench (once)"
    if [ "$torch" = libtorch ]; then
        fetch "$scratch" "MONAI" --quiet --no-deps $packages
    else
        require_space 10 "PyTorch"
        fetch "$scratch" "MONAI" --quiet $packages "$torch"
    fi
    printf '%s\n' "$wanted" >"$scratch/packages/wanted"
    rm -rf "$root/.tools/bench"
    mv "$scratch/packages" "$root/.tools/bench"
fi
